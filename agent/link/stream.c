/* SPDX-License-Identifier: MIT */
#include "agent/link/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/* Everything on a socket goes by number: libc's functions are cancellation points, and malloc is
 * none; and another library may stand in front of them. */
#define call(name, ...) syscall(SYS_##name, __VA_ARGS__)

/* The kernel's table grows with the highest number in use, 8 KiB up to 1023, and each fork copies it. */
#define HIGH_FD_MAX 512
#define HIGH_FD_MIN 3 /* what is closed below that is opened again as the program's output */

/* Where there is room. A number that is low only because the limit was is no number to stay with. */
#define ROOMY_FD_MIN 64
static int roomy_fd = -1;

/* The folder part of path; "" when there is none. */
static void folder_of(const char *path, char *out, size_t size)
{
    const char *slash = strrchr(path, '/');
    size_t len = slash ? (size_t)(slash - path) : 0;

    if (len == 0 && slash)
        len = 1;
    if (len >= size)
        len = 0;
    memcpy(out, path, len);
    out[len] = '\0';
}

/* True when uid owns the folder of path and nobody but root could have put it there. */
static bool owns_folder(const char *path, uid_t uid)
{
    char folder[sizeof(((struct sockaddr_un *)0)->sun_path)];
    char parent[sizeof(folder)];
    struct stat st;

    folder_of(path, folder, sizeof(folder));
    folder_of(folder, parent, sizeof(parent));
    if (!folder[0] || !parent[0] || lstat(folder, &st) < 0 || !S_ISDIR(st.st_mode) ||
        st.st_uid != uid)
        return false;
    return lstat(parent, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == 0 &&
           (st.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

static bool is_trusted_server(int fd, const char *path)
{
    struct ucred server;
    socklen_t len = sizeof(server);

    if (call(getsockopt, fd, SOL_SOCKET, SO_PEERCRED, &server, &len) < 0 || len != sizeof(server))
        return false;
    return server.uid == 0 || server.uid == geteuid() || owns_folder(path, server.uid);
}

/* -1: there is no number for us. */
static int lowest_fd(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur / 2 < HIGH_FD_MIN)
        return -1;
    if (roomy_fd >= 0 && (rlim_t)roomy_fd < limit.rlim_cur)
        return roomy_fd;
    return limit.rlim_cur / 2 < HIGH_FD_MAX ? (int)(limit.rlim_cur / 2) : HIGH_FD_MAX;
}

/* Programs expect the low numbers, and close or reuse them in loops. */
static int move_high(int fd)
{
    int lowest = lowest_fd();
    int high = lowest < 0 ? -1 : (int)call(fcntl, fd, F_DUPFD_CLOEXEC, lowest);

    call(close, fd);
    return high;
}

static int open_socket(void)
{
    int fd = (int)call(socket, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    return fd < 0 ? -1 : move_high(fd);
}

/* Not by a descriptor of the program's: to close a copy gives up the file's record locks. */
void stream_reserve(void)
{
    int saved_errno = errno;
    int fd = open_socket();

    roomy_fd = fd >= ROOMY_FD_MIN ? fd : -1;
    if (fd >= 0)
        call(close, fd);
    errno = saved_errno;
}

static bool read_cookie(int fd, uint64_t *cookie)
{
    socklen_t len = sizeof(*cookie);

    return call(getsockopt, fd, SOL_SOCKET, SO_COOKIE, cookie, &len) == 0 && len == sizeof(*cookie);
}

static bool is_ours(const struct stream *stream)
{
    uint64_t cookie;

    return stream->fd >= 0 && read_cookie(stream->fd, &cookie) && cookie == stream->cookie;
}

int stream_open(struct stream *stream, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct stream opened;

    if (strlen(path) >= sizeof(address.sun_path))
        return -ENAMETOOLONG;
    strcpy(address.sun_path, path);
    opened.fd = open_socket();
    if (opened.fd < 0)
        return -EMFILE;
    if (call(connect, opened.fd, &address, sizeof(address)) < 0 ||
        !is_trusted_server(opened.fd, path) || !read_cookie(opened.fd, &opened.cookie)) {
        call(close, opened.fd);
        return -ECONNREFUSED;
    }
    *stream = opened;
    return 0;
}

bool stream_close(struct stream *stream)
{
    const bool was_ours = is_ours(stream);

    if (was_ours)
        call(close, stream->fd);
    stream->fd = -1;
    return was_ours;
}

static long result_of(long rc)
{
    if (rc >= 0)
        return rc;
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR || errno == ENOBUFS ? 0
                                                                                         : -errno;
}

long stream_send(const struct stream *stream, const void *data, size_t len)
{
    if (!is_ours(stream))
        return -EBADF;
    return result_of(call(sendto, stream->fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL, NULL, 0));
}

long stream_receive(const struct stream *stream, void *data, size_t len)
{
    long rc;

    if (!is_ours(stream))
        return -EBADF;
    rc = call(recvfrom, stream->fd, data, len, MSG_DONTWAIT, NULL, NULL);
    return rc == 0 ? -ECONNRESET : result_of(rc);
}

bool stream_wait_writable(const struct stream *stream, int timeout_ms)
{
    struct pollfd wanted = {.fd = stream->fd, .events = POLLOUT};
    const struct timespec timeout = {.tv_nsec = timeout_ms * 1000000L};

    return call(ppoll, &wanted, 1, &timeout, NULL, 0) > 0;
}
