/* SPDX-License-Identifier: MIT */
/* The receivers' secrets: a credential of the unit, or a file that only its owner can read. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/base/conf.h"
#include "daemon/base/conf_table.h"

static int secret_path(const struct conf_receiver *receiver, const char *name, char *out,
                       size_t size, char *error)
{
    const char *folder = getenv("CREDENTIALS_DIRECTORY");
    int len;

    if (name[0] == '/') {
        len = snprintf(out, size, "%s", name);
    } else if (folder) {
        len = snprintf(out, size, "%s/%s", folder, name);
    } else {
        snprintf(
            error, CONF_ERROR_MAX,
            "receiver \"%s\": there are no credentials ($CREDENTIALS_DIRECTORY is not set); add "
            "LoadCredential=%s:FILE to the unit, or give the path of a file as secret",
            receiver->name, name);
        return -ENOENT;
    }
    return len < (int)size ? 0 : -ENAMETOOLONG;
}

static int check_mode(int fd, const char *path, char *error)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode) || (st.st_mode & 077)) {
        snprintf(error, CONF_ERROR_MAX,
                 "%.300s can be read by others (or is no file); chmod 0600 and make a new secret",
                 path);
        return -EPERM;
    }
    return 0;
}

static int read_secret(int fd, const struct conf_receiver *receiver, const char *path, char *value,
                       char *error)
{
    ssize_t len = read(fd, value, CONF_SECRET_MAX - 1);
    const char *wanted;

    if (len < 0)
        return -errno;
    while (len > 0 && strchr(" \t\r\n", value[len - 1]))
        len--;
    value[len] = '\0';
    if (strlen(value) == (size_t)len && conf_secret_fits(receiver->type, value, &wanted))
        return 0;
    conf_secret_fits(receiver->type, "", &wanted);
    snprintf(error, CONF_ERROR_MAX, "%.260s holds no secret for type = %s: %s", path,
             receiver->type, wanted);
    return -EINVAL;
}

static int load_secret(const struct conf_receiver *receiver, const char *name, char *value,
                       char *error)
{
    char path[1024];
    int fd, rc;

    error[0] = '\0';
    rc = secret_path(receiver, name, path, sizeof(path), error);
    if (rc < 0)
        return rc;
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        rc = -errno;
        snprintf(error, CONF_ERROR_MAX, "receiver \"%s\": cannot open its secret %.300s: %s",
                 receiver->name, path, strerror(-rc));
        return rc;
    }
    /* Credentials are systemd's: mode 0400, or readable by an ACL that shows as group bits. */
    rc = name[0] == '/' ? check_mode(fd, path, error) : 0;
    if (rc == 0)
        rc = read_secret(fd, receiver, path, value, error);
    close(fd);
    if (rc < 0 && !error[0])
        snprintf(error, CONF_ERROR_MAX, "receiver \"%s\": %.300s: %s", receiver->name, path,
                 strerror(-rc));
    return rc;
}

/* curl would say so only when the first notice is due. */
static int check_ca_file(const struct conf_receiver *receiver, char *error)
{
    int rc;

    if (!receiver->ca_file[0] || access(receiver->ca_file, R_OK) == 0)
        return 0;
    rc = -errno;
    snprintf(error, CONF_ERROR_MAX, "receiver \"%s\": cannot read its ca_file %.256s: %s",
             receiver->name, receiver->ca_file, strerror(-rc));
    return rc;
}

void conf_forget_secrets(struct conf_receiver *receiver)
{
    explicit_bzero(receiver->secret_value, CONF_SECRET_MAX);
    explicit_bzero(receiver->secret_old_value, CONF_SECRET_MAX);
}

int conf_load_secrets(struct conf *conf, char error[CONF_ERROR_MAX])
{
    int rc = 0;

    for (unsigned i = 0; i < conf->receiver_count && rc == 0; i++) {
        struct conf_receiver *receiver = &conf->receivers[i];

        if (receiver->secret[0])
            rc = load_secret(receiver, receiver->secret, receiver->secret_value, error);
        if (rc == 0 && receiver->secret_old[0])
            rc = load_secret(receiver, receiver->secret_old, receiver->secret_old_value, error);
        if (rc == 0)
            rc = check_ca_file(receiver, error);
    }
    for (unsigned i = 0; i < conf->receiver_count && rc < 0; i++)
        conf_forget_secrets(&conf->receivers[i]);
    return rc;
}
