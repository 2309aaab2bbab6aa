/* SPDX-License-Identifier: MIT */
/* Binding the agents' socket where perhaps another daemon lives, or one has died. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/ingest/server.h"

/* A restarted daemon has a thousand agents at its door at once; the kernel cuts it to somaxconn. */
#define BACKLOG 4096

static int fail(int rc, const char *path, const char *what, char *error, size_t error_size)
{
    snprintf(error, error_size, "%s: %s: %s", path, what, strerror(-rc));
    return rc;
}

/* Somebody answers at the address. */
static bool is_served(const struct sockaddr_un *address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool served;

    if (fd < 0)
        return true; /* when in doubt leave it */
    served = connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 ||
             errno != ECONNREFUSED; /* EAGAIN: its backlog is full */
    close(fd);
    return served;
}

static int replace_dead(int fd, const struct sockaddr_un *address, char *error, size_t error_size)
{
    const char *path = address->sun_path;
    struct stat st;

    if (lstat(path, &st) == 0 && !S_ISSOCK(st.st_mode))
        return fail(-EEXIST, path, "is no socket, remove it or choose another path", error,
                    error_size);
    if (is_served(address))
        return fail(-EADDRINUSE, path, "another leakd answers there, stop it first", error,
                    error_size);
    if (unlink(path) < 0 || bind(fd, (const struct sockaddr *)address, sizeof(*address)) < 0)
        return fail(-errno, path, "cannot replace the dead socket", error, error_size);
    return 0;
}

static int bind_path(int fd, const char *path, char *error, size_t error_size)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    if (strlen(path) >= sizeof(address.sun_path))
        return fail(-ENAMETOOLONG, path, "a socket's path has at most 107 bytes", error,
                    error_size);
    memcpy(address.sun_path, path, strlen(path));
    if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
        return 0;
    if (errno != EADDRINUSE)
        return fail(-errno, path, "cannot bind the agents' socket", error, error_size);
    return replace_dead(fd, &address, error, error_size);
}

int listen_open(const char *path, unsigned mode, char *error, size_t error_size)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int rc;

    if (fd < 0)
        return fail(-errno, path, "cannot make a socket", error, error_size);
    rc = bind_path(fd, path, error, error_size);
    if (rc < 0)
        goto close_fd;
    if (chmod(path, mode) < 0 || listen(fd, BACKLOG) < 0) {
        rc = fail(-errno, path, "cannot open the agents' socket", error, error_size);
        unlink(path);
        goto close_fd;
    }
    return fd;

close_fd:
    close(fd);
    return rc;
}
