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

#define BASE64 "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

static int secret_path(const struct conf_receiver *receiver, char *out, size_t size, char *error)
{
    const char *folder = getenv("CREDENTIALS_DIRECTORY");
    int len;

    if (receiver->secret[0] == '/') {
        len = snprintf(out, size, "%s", receiver->secret);
    } else if (folder) {
        len = snprintf(out, size, "%s/%s", folder, receiver->secret);
    } else {
        snprintf(
            error, CONF_ERROR_MAX,
            "receiver \"%s\": there are no credentials ($CREDENTIALS_DIRECTORY is not set); add "
            "LoadCredential=%s:FILE to the unit, or give the path of a file as secret",
            receiver->name, receiver->secret);
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

/* 24 to 64 bytes in base64, with or without the prefix. */
static bool looks_like_secret(const char *text)
{
    size_t len, padding;

    if (!strncmp(text, "whsec_", 6))
        text += 6;
    len = strspn(text, BASE64);
    padding = strspn(text + len, "=");
    return text[len + padding] == '\0' && padding <= 2 && (len + padding) % 4 == 0 && len >= 32 &&
           len <= 88;
}

static int read_secret(int fd, struct conf_receiver *receiver, const char *path, char *error)
{
    char *value = receiver->secret_value;
    ssize_t len = read(fd, value, CONF_SECRET_MAX - 1);

    if (len < 0)
        return -errno;
    while (len > 0 && strchr(" \t\r\n", value[len - 1]))
        len--;
    value[len] = '\0';
    if (looks_like_secret(value))
        return 0;
    snprintf(
        error, CONF_ERROR_MAX,
        "%.300s holds no secret for webhooks: 24 to 64 random bytes in base64, like the output "
        "of: head -c 32 /dev/urandom | base64",
        path);
    return -EINVAL;
}

static int load_secret(struct conf_receiver *receiver, char *error)
{
    char path[1024];
    int fd, rc;

    error[0] = '\0';
    rc = secret_path(receiver, path, sizeof(path), error);
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
    rc = receiver->secret[0] == '/' ? check_mode(fd, path, error) : 0;
    if (rc == 0)
        rc = read_secret(fd, receiver, path, error);
    close(fd);
    if (rc < 0 && !error[0])
        snprintf(error, CONF_ERROR_MAX, "receiver \"%s\": %.300s: %s", receiver->name, path,
                 strerror(-rc));
    return rc;
}

int conf_load_secrets(struct conf *conf, char error[CONF_ERROR_MAX])
{
    int rc = 0;

    for (unsigned i = 0; i < conf->receiver_count && rc == 0; i++) {
        if (conf->receivers[i].secret[0])
            rc = load_secret(&conf->receivers[i], error);
    }
    for (unsigned i = 0; i < conf->receiver_count && rc < 0; i++)
        explicit_bzero(conf->receivers[i].secret_value, CONF_SECRET_MAX);
    return rc;
}
