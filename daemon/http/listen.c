/* SPDX-License-Identifier: MIT */
#include "daemon/http/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 256

/* Splits "HOST:PORT", where HOST may stand in brackets. */
static bool split(const char *address, char *host, size_t host_size, unsigned *port)
{
    const char *colon = strrchr(address, ':');
    const char *begin = address, *end = colon;
    char *rest;
    unsigned long value;

    if (!colon || colon[1] < '0' || colon[1] > '9')
        return false;
    value = strtoul(colon + 1, &rest, 10);
    if (*rest || value > 65535)
        return false;
    if (*begin == '[') {
        if (end[-1] != ']')
            return false;
        begin++;
        end--;
    } else if (memchr(begin, ':', (size_t)(end - begin))) {
        return false; /* IPv6 without brackets: where would the port begin? */
    }
    if (end <= begin || (size_t)(end - begin) >= host_size)
        return false;
    memcpy(host, begin, (size_t)(end - begin));
    host[end - begin] = '\0';
    *port = (unsigned)value;
    return true;
}

int listen_parse(const char *address, struct sockaddr_storage *out, socklen_t *len, char *error,
                 size_t error_size)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    char host[64];
    unsigned port;
    bool is_loopback;

    if (!split(address, host, sizeof(host), &port))
        goto no_address;
    v4.sin_port = v6.sin6_port = htons((uint16_t)port);
    memset(out, 0, sizeof(*out));
    if (strcasecmp(host, "localhost") == 0)
        strcpy(host, "127.0.0.1");
    if (inet_pton(AF_INET, host, &v4.sin_addr) == 1) {
        is_loopback = ntohl(v4.sin_addr.s_addr) >> 24 == 127;
        memcpy(out, &v4, sizeof(v4));
        *len = sizeof(v4);
    } else if (inet_pton(AF_INET6, host, &v6.sin6_addr) == 1) {
        is_loopback = IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr);
        memcpy(out, &v6, sizeof(v6));
        *len = sizeof(v6);
    } else {
        goto no_address;
    }
    if (is_loopback)
        return 0;
    snprintf(error, error_size,
             "[http] listen %s is not a loopback address, and leakd has no passwords: listen on "
             "127.0.0.1:%u and put a reverse proxy or an SSH tunnel in front",
             address, port);
    return -EPERM;

no_address:
    snprintf(error, error_size,
             "[http] listen %s is no address: write it like 127.0.0.1:7373 or [::1]:7373", address);
    return -EINVAL;
}

static void explain_bind(int rc, const char *address, unsigned port, char *error, size_t error_size)
{
    if (rc == -EADDRINUSE)
        snprintf(error, error_size,
                 "%s is in use: find by whom with \"ss -ltnp sport = :%u\" and stop it, or set "
                 "[http] listen to another port",
                 address, port);
    else if (rc == -EACCES)
        snprintf(error, error_size,
                 "%s needs privileges to be listened on: set [http] listen to a port above 1023",
                 address);
    else
        snprintf(error, error_size, "cannot listen on %s: %s; set [http] listen to another address",
                 address, strerror(-rc));
}

static unsigned bound_port(const struct sockaddr_storage *name)
{
    return ntohs(name->ss_family == AF_INET6 ? ((const struct sockaddr_in6 *)name)->sin6_port
                                             : ((const struct sockaddr_in *)name)->sin_port);
}

static int open_listener(const struct sockaddr *name, socklen_t len, int *fd)
{
    int one = 1;
    int s = socket(name->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int rc;

    if (s < 0)
        return -errno;
    if (name->sa_family != AF_UNIX)
        setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(s, name, len) < 0 || listen(s, BACKLOG) < 0) {
        rc = -errno;
        close(s);
        return rc;
    }
    *fd = s;
    return 0;
}

int listen_tcp(const char *address, int *fd, unsigned *port, char *error, size_t error_size)
{
    struct sockaddr_storage name;
    socklen_t len;
    int rc = listen_parse(address, &name, &len, error, error_size);

    if (rc < 0)
        return rc;
    rc = open_listener((struct sockaddr *)&name, len, fd);
    if (rc < 0) {
        explain_bind(rc, address, bound_port(&name), error, error_size);
        return rc;
    }
    getsockname(*fd, (struct sockaddr *)&name, &len);
    *port = bound_port(&name);
    return 0;
}

/* ---- the Unix socket ----------------------------------------------------------------------------
 */

static bool somebody_answers(const struct sockaddr_un *name)
{
    int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool answers = s >= 0 && (connect(s, (const struct sockaddr *)name, sizeof(*name)) == 0 ||
                              errno == EAGAIN);

    if (s >= 0)
        close(s);
    return answers;
}

/* Takes away a socket file that a daemon left behind. */
static int clear_path(const struct sockaddr_un *name, char *error, size_t error_size)
{
    struct stat st;

    if (lstat(name->sun_path, &st) < 0)
        return 0;
    if (!S_ISSOCK(st.st_mode)) {
        snprintf(error, error_size,
                 "%s is there and is no socket: move it away, or set [http] socket to another path",
                 name->sun_path);
        return -EEXIST;
    }
    if (somebody_answers(name)) {
        snprintf(error, error_size,
                 "another daemon answers on %s: stop it, or set [http] socket to another path",
                 name->sun_path);
        return -EADDRINUSE;
    }
    unlink(name->sun_path);
    return 0;
}

/* Nobody may connect between bind and chmod: the file is made with no rights at all. */
static int open_private(const struct sockaddr_un *name, mode_t mode, int *fd)
{
    mode_t old = umask(0777);
    int rc = open_listener((const struct sockaddr *)name, sizeof(*name), fd);

    umask(old);
    if (rc < 0)
        return rc;
    if (chmod(name->sun_path, mode) == 0)
        return 0;
    rc = -errno;
    unlink(name->sun_path);
    close(*fd);
    return rc;
}

int listen_unix(const char *path, mode_t mode, int *fd, struct stat *node, char *error,
                size_t error_size)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int rc;

    if (strlen(path) >= sizeof(name.sun_path)) {
        snprintf(error, error_size, "[http] socket %.40s... is longer than %zu bytes: shorten it",
                 path, sizeof(name.sun_path) - 1);
        return -ENAMETOOLONG;
    }
    strcpy(name.sun_path, path);
    rc = clear_path(&name, error, error_size);
    if (rc < 0)
        return rc;
    rc = open_private(&name, mode, fd);
    if (rc < 0) {
        snprintf(error, error_size,
                 "cannot make the socket %s: %s; make its folder writable for "
                 "leakd, or set [http] socket to another path",
                 path, strerror(-rc));
        return rc;
    }
    if (lstat(path, node) < 0)
        memset(node, 0, sizeof(*node));
    return 0;
}

void listen_unlink(const char *path, const struct stat *node)
{
    struct stat now;

    if (lstat(path, &now) == 0 && now.st_ino == node->st_ino && now.st_dev == node->st_dev)
        unlink(path);
}

bool listen_has_descriptors(int fd)
{
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);

    if (copy < 0)
        return false;
    close(copy);
    return true;
}

/* ---- Host ---------------------------------------------------------------------------------------
 */

/* host is exactly name:port; without a port it means 80. */
static bool is_name_and_port(const char *host, const char *name, unsigned port)
{
    size_t len = strlen(name);
    char text[8];

    if (strncasecmp(host, name, len) != 0)
        return false;
    if (!host[len])
        return port == 80;
    snprintf(text, sizeof(text), ":%u", port);
    return strcmp(host + len, text) == 0;
}

/* The proxy in front decides about its port; its name is what nobody else has. */
static bool is_external(const char *host, const char *external_url)
{
    const char *name = strstr(external_url, "://");
    size_t len;

    if (!name)
        return false;
    name += 3;
    len = *name == '[' ? strcspn(name, "]") + 1 : strcspn(name, ":/?#");
    if (len == 0 || strncasecmp(host, name, len) != 0)
        return false;
    return !host[len] || (host[len] == ':' && host[len + 1] &&
                          strspn(host + len + 1, "0123456789") == strlen(host + len + 1));
}

/* Whichever address of 127.0.0.0/8 it is: a name cannot be rebound to a literal. */
static bool is_loopback_literal(const char *host, unsigned port)
{
    size_t len = strcspn(host, ":");
    char text[INET_ADDRSTRLEN];
    struct in_addr address;

    if (len >= sizeof(text))
        return false;
    memcpy(text, host, len);
    text[len] = '\0';
    return inet_pton(AF_INET, text, &address) == 1 && ntohl(address.s_addr) >> 24 == 127 &&
           is_name_and_port(host, text, port);
}

bool listen_host_is_ours(const char *host, unsigned port, const char *external_url)
{
    return is_loopback_literal(host, port) || is_name_and_port(host, "[::1]", port) ||
           is_name_and_port(host, "localhost", port) || is_external(host, external_url);
}

bool listen_origin_is_ours(const char *origin, unsigned port, const char *external_url)
{
    static const char *const schemes[] = {"http://", "https://"};

    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        size_t len = strlen(schemes[i]);

        if (strncasecmp(origin, schemes[i], len) == 0)
            return listen_host_is_ours(origin + len, port, external_url);
    }
    return false;
}
