/* SPDX-License-Identifier: MIT */
/*
 * An HTTP server for tests: one thread, plain sockets, one scripted answer a connection. The last
 * answer repeats, or with `cycle` all of them do. The first requests are kept.
 */
#ifndef LEAKD_TESTS_HTTP_PEER_H
#define LEAKD_TESTS_HTTP_PEER_H

#include <arpa/inet.h>
#include <check.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define PEER_CLOSES "closes" /* without an answer */
#define PEER_STALLS "stalls" /* never answers, keeps the connection */
#define PEER_OK     "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok"

#define PEER_REQUESTS_MAX 16

struct http_peer {
    int fd;
    int stop[2];
    int port;
    const char *const *answers; /* NULL-terminated */
    atomic_bool cycle;
    pthread_t thread;
    atomic_int count;
    char requests[PEER_REQUESTS_MAX + 1][32768]; /* the last is written over */
    int stalled[PEER_REQUESTS_MAX];
    int stalled_count;
};

/* Reads headers and a body of Content-Length, or the first bytes of TLS. */
static void peer_read(int fd, char *out, size_t size)
{
    size_t len = 0;
    ssize_t got;

    out[0] = '\0';
    while (len < size - 1 && (got = recv(fd, out + len, size - 1 - len, 0)) > 0) {
        const char *body, *length;

        len += (size_t)got;
        out[len] = '\0';
        body = strstr(out, "\r\n\r\n");
        length = strcasestr(out, "content-length:");
        if (out[0] == 0x16 ||
            (body && (!length || len >= (size_t)(body + 4 - out) + strtoul(length + 15, NULL, 10))))
            return;
    }
}

static void peer_answer(struct http_peer *peer, int fd, const char *answer)
{
    if (!strcmp(answer, PEER_STALLS)) {
        ck_assert_int_lt(peer->stalled_count, PEER_REQUESTS_MAX);
        peer->stalled[peer->stalled_count++] = fd;
        return;
    }
    if (strcmp(answer, PEER_CLOSES) != 0)
        (void)!send(fd, answer, strlen(answer), MSG_NOSIGNAL);
    close(fd);
}

static void *peer_run(void *arg)
{
    struct http_peer *peer = arg;
    const char *const *answer = peer->answers;
    struct pollfd fds[2] = {{.fd = peer->fd, .events = POLLIN},
                            {.fd = peer->stop[0], .events = POLLIN}};

    while (poll(fds, 2, -1) > 0 && !fds[1].revents) {
        int fd = accept(peer->fd, NULL, NULL);
        int count = atomic_load(&peer->count);

        if (fd < 0)
            break;
        peer_read(fd, peer->requests[count < PEER_REQUESTS_MAX ? count : PEER_REQUESTS_MAX],
                  sizeof(peer->requests[0]));
        atomic_store(&peer->count, count + 1);
        peer_answer(peer, fd, *answer);
        if (answer[1])
            answer++;
        else if (atomic_load(&peer->cycle))
            answer = peer->answers;
    }
    return NULL;
}

static void peer_begin(struct http_peer *peer, const char *const *answers)
{
    peer->answers = answers;
    ck_assert_int_eq(listen(peer->fd, 16), 0);
    ck_assert_int_eq(pipe(peer->stop), 0);
    ck_assert_int_eq(pthread_create(&peer->thread, NULL, peer_run, peer), 0);
}

static inline struct http_peer *peer_start(const char *const *answers)
{
    struct http_peer *peer = calloc(1, sizeof(*peer));
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);

    ck_assert_ptr_nonnull(peer);
    peer->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(peer->fd, (struct sockaddr *)&address, len), 0);
    ck_assert_int_eq(getsockname(peer->fd, (struct sockaddr *)&address, &len), 0);
    peer->port = ntohs(address.sin_port);
    peer_begin(peer, answers);
    return peer;
}

static inline struct http_peer *peer_start_unix(const char *path, const char *const *answers)
{
    struct http_peer *peer = calloc(1, sizeof(*peer));
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    ck_assert_ptr_nonnull(peer);
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    peer->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(peer->fd, (struct sockaddr *)&address, sizeof(address)), 0);
    peer_begin(peer, answers);
    return peer;
}

static inline void peer_end(struct http_peer *peer)
{
    ck_assert_int_eq(write(peer->stop[1], "", 1), 1);
    pthread_join(peer->thread, NULL);
    for (int i = 0; i < peer->stalled_count; i++)
        close(peer->stalled[i]);
    close(peer->fd);
    close(peer->stop[0]);
    close(peer->stop[1]);
    free(peer);
}

/* The value of a header of a request, in memory that the next call uses again. */
static inline const char *peer_header(const char *request, const char *name)
{
    static char value[512];
    char start[64];
    const char *at;

    snprintf(start, sizeof(start), "\r\n%s: ", name);
    at = strstr(request, start);
    if (!at)
        return "";
    at += strlen(start);
    snprintf(value, sizeof(value), "%.*s", (int)strcspn(at, "\r"), at);
    return value;
}

#endif
