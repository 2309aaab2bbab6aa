/* SPDX-License-Identifier: MIT */
/*
 * The configuration as plain data, read from INI files by conf.c (the only door to inih). A row a
 * key in one table (name, type, unit, range, default, reloadable); unknown sections and keys and
 * bad values are errors with file and line, and nothing of a bad configuration takes effect.
 */
#ifndef LEAKD_BASE_CONF_H
#define LEAKD_BASE_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONF_PATH_MAX      108 /* a Unix socket's path with its NUL */
#define CONF_RECEIVERS_MAX 32
#define CONF_SECRET_MAX    512 /* Slack's is a whole address */

enum conf_severity { SEVERITY_INFO, SEVERITY_WARNING, SEVERITY_CRITICAL };
const char *conf_severity_name(enum conf_severity severity); /* "info" ... */

struct conf_receiver {
    char name[64];
    char type[16];              /* a row of RECEIVER_TYPES in conf_receiver.c */
    char url[2048];             /* http or https, with blanks between several; never logged whole */
    char socket[CONF_PATH_MAX]; /* connect here instead of to the URL's host; "" for no */
    char command[1024];         /* words with blanks between them, the first an absolute path */
    bool allow_link_local;      /* 169.254/16 and fe80::/10 are refused else */
    bool allow_http;            /* http to addresses of the internet; refused else */
    char ca_file[256];          /* who may vouch for the receiver; "": those of the system */
    char secret[256];           /* name of a credential, or the path of a 0600 file; empty: none */
    char secret_old[256];       /* the key before, while the receiver learns the new one */
    char secret_value[CONF_SECRET_MAX]; /* what was read: "whsec_..."; never printed */
    char secret_old_value[CONF_SECRET_MAX];
    enum conf_severity min_severity;
    bool send_resolved;
    char units[512];     /* shell patterns with commas between them; "": all */
    char names[512];     /* the same for the names of processes */
    bool group;          /* what is one trouble is told once */
    uint64_t timeout_ms; /* of an attempt */
};

struct conf {
    bool user_mode;
    struct {
        char socket[CONF_PATH_MAX]; /* agents connect here */
        unsigned socket_mode;       /* octal, 0666 */
        unsigned connections_max;
        unsigned connections_per_user_max;
    } agents;
    struct {
        char listen[64]; /* "127.0.0.1:7373", "[::1]:7373" or "" for none; loopback only */
        char socket[CONF_PATH_MAX]; /* API socket, "" for none */
        unsigned connections_max;
    } http;
    struct {
        char profile[16]; /* fast | default | strict */
    } detect;
    struct {
        char directory[256]; /* state */
        unsigned processes_max;
        uint64_t exited_retention_ms; /* how long an ended process stays in the API */
        uint64_t retention_ms;        /* how long resolved incidents and history stay on disk */
        uint64_t size_max_bytes;      /* of all files in directory */
    } store;
    struct {
        bool enabled;          /* symbolise native frames */
        char debug_path[1024]; /* colon-separated, "/usr/lib/debug" */
    } symbols;
    struct {
        char command[1024]; /* words with blanks between them, the first an absolute path; "": none
                             */
        bool restart;       /* the unit by systemctl; not with a command */
        char units[512];    /* shell patterns with commas between them; "": all, but for restart */
        uint64_t before_ms; /* when the lower bound of the time to the limit is below this */
        unsigned per_day_max;
        uint64_t timeout_ms;
    } action;
    struct conf_receiver receivers[CONF_RECEIVERS_MAX];
    unsigned receiver_count;
    char external_url[256]; /* how people reach the dashboard; in notices */
    int log_level;
};

#define CONF_ERROR_MAX 512

/* Defaults of service mode (user_mode false) or of user mode, whose folders are those of XDG
 * (/tmp/leakd-UID without XDG_RUNTIME_DIR). runtime_dir and state_dir win over both where they are
 * not NULL. -ENAMETOOLONG, -ENOENT (no folder known). */
int conf_init(struct conf *conf, bool user_mode, const char *runtime_dir, const char *state_dir,
              char error[CONF_ERROR_MAX]);

/* Reads file, then FILE.d/x.conf in order of name, over conf. On failure a negative errno, a
 * message "FILE:LINE: what; what to do" and conf unchanged. Not for two threads at once. */
int conf_load(struct conf *conf, const char *path, char error[CONF_ERROR_MAX]);

/* Reads the receivers' secrets from $CREDENTIALS_DIRECTORY or their files. On failure conf keeps
 * none of the secrets that were read. */
int conf_load_secrets(struct conf *conf, char error[CONF_ERROR_MAX]);
void conf_forget_secrets(struct conf_receiver *receiver);

/* True when one of the patterns fits text (NULL is ""), or there are none. */
bool conf_matches(const char *patterns, const char *text);
/* url without what may be secret: user, query and fragment become ***. Several as several. */
struct buf;
void conf_mask_url(const char *url, struct buf *out);

/* The folders of the sockets and of the state, made with their parents where they are missing. In
 * user mode those that are made are 0700, and the sockets' folder must be ours and nobody else's to
 * write. That of the state may fail: it is tried again while leakd runs. */
int conf_make_folders(const struct conf *conf, char error[CONF_ERROR_MAX]);

/* Keys that differ and need a restart, as "[http] listen, [store] directory". False: none. */
bool conf_changed_fixed(const struct conf *before, const struct conf *after, char *out,
                        size_t size);

/* As an INI file. Secrets are not in it: they are named, and a URL's user and query are masked. */
void conf_print(const struct conf *conf, struct buf *out);

/* Where a daemon without a configuration listens: the caller's own, started with --user, when its
 * API socket is there, else the service's. For clients. */
struct conf_sockets {
    char agents[CONF_PATH_MAX];
    char api[CONF_PATH_MAX];
};
void conf_default_sockets(struct conf_sockets *out);

#endif
