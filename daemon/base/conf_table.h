/* SPDX-License-Identifier: MIT */
/* The table of the configuration's keys; known to the conf*.c files and their tests only. */
#ifndef LEAKD_BASE_CONF_TABLE_H
#define LEAKD_BASE_CONF_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum conf_type {
    CONF_PATH,     /* absolute, or empty where the key is optional */
    CONF_PATHS,    /* absolute ones with colons between them, or empty */
    CONF_LISTEN,   /* ADDRESS:PORT of the loopback interface, or empty */
    CONF_URL,      /* http or https */
    CONF_URLS,     /* the same, or several with blanks between them */
    CONF_COMMAND,  /* an absolute path and words, without quotes and without a shell */
    CONF_GLOBS,    /* shell patterns with commas between them */
    CONF_SECRET,   /* a credential's name or an absolute path, or empty */
    CONF_CHOICE,   /* text, one of the choices */
    CONF_SEVERITY, /* enum conf_severity, by name */
    CONF_LEVEL,    /* enum log_level, by name */
    CONF_NUMBER,   /* unsigned */
    CONF_OCTAL,    /* unsigned */
    CONF_DURATION, /* uint64_t milliseconds, "10m" */
    CONF_SIZE,     /* uint64_t bytes, "1GiB" */
    CONF_BOOL,
};

#define CONF_RECEIVER_SECTION "receiver"

struct conf_key {
    const char *section;
    const char *name;
    enum conf_type type;
    size_t offset; /* in struct conf, for a receiver's key in struct conf_receiver */
    size_t size;
    uint64_t min;
    uint64_t max;
    const char *initial; /* of service mode */
    const char *choices; /* with spaces between them */
    bool optional;       /* may be empty */
    bool reloadable;
};

extern const struct conf_key conf_keys[];
extern const size_t conf_key_count;

/* The key of a section, NULL when there is none. */
const struct conf_key *conf_key_find(const char *section, const char *name);
bool conf_section_exists(const char *section);
/* The name in the table that looks most like it, as "[section] key"; false when none does. */
bool conf_key_suggest(const char *section, const char *name, char *out, size_t size);

/* Reads value into the key's field of base. -EINVAL with what is wrong and what to do. */
int conf_key_set(const struct conf_key *key, void *base, const char *value, char *why, size_t size);
/* The field as text that conf_key_set reads back. */
void conf_key_get(const struct conf_key *key, const void *base, char *out, size_t size);

/* Text to value; false when it is none. */
bool conf_read_duration(const char *text, uint64_t *out_ms);
bool conf_read_size(const char *text, uint64_t *out_bytes);
bool conf_listen_is_loopback(const char *listen);

struct conf_receiver;
/* Whether what is given fits the type: conf_receiver.c. -EINVAL: why is a sentence. */
int conf_receiver_check(const struct conf_receiver *receiver, char *why, size_t size);
/* Checks and reads the secret's text; why says what the type wants. */
bool conf_secret_fits(const char *type, const char *text, const char **why);

#endif
