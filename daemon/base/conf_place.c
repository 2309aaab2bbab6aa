/* SPDX-License-Identifier: MIT */
/* Defaults, and the folders they name. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/base/conf.h"
#include "daemon/base/conf_table.h"

/* ---- defaults ------------------------------------------------------------------------------ */

static void set_defaults(struct conf *conf)
{
    char why[CONF_ERROR_MAX];

    *conf = (struct conf){0};
    for (size_t i = 0; i < conf_key_count; i++) {
        if (strcmp(conf_keys[i].section, CONF_RECEIVER_SECTION) != 0)
            conf_key_set(&conf_keys[i], conf, conf_keys[i].initial, why, sizeof(why));
    }
}

/* FOLDER/NAME into a field; an empty name gives the folder. */
static int put_path(char *out, size_t size, const char *folder, const char *name, char *error)
{
    int len = snprintf(out, size, "%s%s%s", folder, *name ? "/" : "", name);

    if (folder[0] != '/') {
        snprintf(error, CONF_ERROR_MAX, "folder \"%.200s\" is no absolute path", folder);
        return -EINVAL;
    }
    if (len >= (int)size) {
        snprintf(error, CONF_ERROR_MAX,
                 "%.200s/%s is longer than the %zu bytes that fit; choose a shorter folder", folder,
                 name, size - 1);
        return -ENAMETOOLONG;
    }
    return 0;
}

/* $variable/leakd when the variable holds an absolute path. */
static bool from_environment(const char *variable, char *out, size_t size)
{
    const char *value = getenv(variable);

    return value && value[0] == '/' && snprintf(out, size, "%s/leakd", value) < (int)size;
}

static void user_runtime_dir(char *out, size_t size)
{
    if (!from_environment("XDG_RUNTIME_DIR", out, size))
        snprintf(out, size, "/tmp/leakd-%u", (unsigned)getuid());
}

static int user_state_dir(char *out, size_t size, char *error)
{
    const char *home = getenv("HOME");

    if (from_environment("XDG_STATE_HOME", out, size))
        return 0;
    if (home && home[0] == '/' && snprintf(out, size, "%s/.local/state/leakd", home) < (int)size)
        return 0;
    snprintf(error, CONF_ERROR_MAX,
             "no folder for the state is known: neither XDG_STATE_HOME nor HOME is set; set one or "
             "give --state-dir");
    return -ENOENT;
}

static int place_sockets(struct conf *conf, const char *folder, char *error)
{
    int rc =
        put_path(conf->agents.socket, sizeof(conf->agents.socket), folder, "agent.sock", error);

    if (rc < 0)
        return rc;
    return put_path(conf->http.socket, sizeof(conf->http.socket), folder, "api.sock", error);
}

int conf_init(struct conf *conf, bool user_mode, const char *runtime_dir, const char *state_dir,
              char error[CONF_ERROR_MAX])
{
    char runtime[256], state[256];
    int rc = 0;

    set_defaults(conf);
    conf->user_mode = user_mode;
    if (user_mode) {
        conf->agents.socket_mode = 0600;
        if (!runtime_dir) {
            user_runtime_dir(runtime, sizeof(runtime));
            runtime_dir = runtime;
        }
        if (!state_dir) {
            rc = user_state_dir(state, sizeof(state), error);
            state_dir = state;
        }
    }
    if (rc == 0 && runtime_dir)
        rc = place_sockets(conf, runtime_dir, error);
    if (rc == 0 && state_dir)
        rc = put_path(conf->store.directory, sizeof(conf->store.directory), state_dir, "", error);
    return rc;
}

void conf_default_sockets(struct conf_sockets *out)
{
    char folder[CONF_PATH_MAX - 16];
    struct stat st;

    user_runtime_dir(folder, sizeof(folder));
    snprintf(out->agents, sizeof(out->agents), "%s/agent.sock", folder);
    snprintf(out->api, sizeof(out->api), "%s/api.sock", folder);
    /* Somebody else's socket under /tmp must not be taken for ours. */
    if (stat(folder, &st) == 0 && st.st_uid == getuid() && access(out->api, F_OK) == 0)
        return;
    snprintf(out->agents, sizeof(out->agents), "%s", conf_key_find("agents", "socket")->initial);
    snprintf(out->api, sizeof(out->api), "%s", conf_key_find("http", "socket")->initial);
}

/* ---- folders ------------------------------------------------------------------------------- */

static int cannot_make(const char *folder, int rc, char *error)
{
    snprintf(error, CONF_ERROR_MAX, "cannot make the folder %.300s: %s", folder, strerror(-rc));
    return rc;
}

/* Makes folder and what is missing above it. */
static int make_folder(const char *folder, mode_t mode, char *error)
{
    char path[256];

    if (snprintf(path, sizeof(path), "%s", folder) >= (int)sizeof(path))
        return cannot_make(folder, -ENAMETOOLONG, error);
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(path, mode) < 0 && errno != EEXIST)
            return cannot_make(path, -errno, error);
        *slash = '/';
    }
    if (mkdir(path, mode) < 0 && errno != EEXIST)
        return cannot_make(path, -errno, error);
    return 0;
}

/* A folder under /tmp may have been made by somebody else beforehand. */
static int check_ours(const char *folder, char *error)
{
    struct stat st;

    if (lstat(folder, &st) < 0)
        return cannot_make(folder, -errno, error);
    if (S_ISDIR(st.st_mode) && st.st_uid == geteuid() && !(st.st_mode & 022))
        return 0;
    snprintf(error, CONF_ERROR_MAX,
             "%.300s is not a folder that is ours and that nobody else can write to; remove it or "
             "give --runtime-dir",
             folder);
    return -EPERM;
}

static int make_socket_folder(const char *socket, bool user_mode, char *error)
{
    char folder[CONF_PATH_MAX];
    char *slash;
    int rc;

    if (!socket[0])
        return 0;
    snprintf(folder, sizeof(folder), "%s", socket);
    slash = strrchr(folder, '/');
    if (slash == folder)
        return 0;
    *slash = '\0';
    rc = make_folder(folder, user_mode ? 0700 : 0755, error);
    return rc == 0 && user_mode ? check_ours(folder, error) : rc;
}

int conf_make_folders(const struct conf *conf, char error[CONF_ERROR_MAX])
{
    int rc = make_socket_folder(conf->agents.socket, conf->user_mode, error);

    if (rc == 0)
        rc = make_socket_folder(conf->http.socket, conf->user_mode, error);
    if (rc == 0 && make_folder(conf->store.directory, conf->user_mode ? 0700 : 0750, error) < 0)
        error[0] = '\0';
    return rc;
}
