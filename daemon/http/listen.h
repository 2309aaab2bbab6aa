/* SPDX-License-Identifier: MIT */
/*
 * The sockets that HTTP listens on: one loopback TCP port, one Unix socket. Errors are one sentence
 * that says what to do. Also who may be named as Host.
 */
#ifndef LEAKD_HTTP_LISTEN_H
#define LEAKD_HTTP_LISTEN_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/stat.h>

/* "127.0.0.1:7373", "[::1]:7373", "localhost:7373"; port 0 lets the kernel choose. -EINVAL for what
 * is no address, -EPERM for one that is not loopback. */
int listen_parse(const char *address, struct sockaddr_storage *out, socklen_t *len, char *error,
                 size_t error_size);

/* *port is the one that was bound. */
int listen_tcp(const char *address, int *fd, unsigned *port, char *error, size_t error_size);

/* A socket that nobody listens on any more is replaced; a living one is -EADDRINUSE. *node is what
 * was made, so that nobody else's is removed. */
int listen_unix(const char *path, mode_t mode, int *fd, struct stat *node, char *error,
                size_t error_size);
void listen_unlink(const char *path, const struct stat *node);

/* Whether the process can open one more; fd is any open one. */
bool listen_has_descriptors(int fd);

/* Against DNS rebinding: a page of somebody else reaches us under its own name only. host is the
 * header's value; external_url may be "". */
bool listen_host_is_ours(const char *host, unsigned port, const char *external_url);

/* Against requests that a page of somebody else makes its reader's browser send. origin is the
 * header's value, "https://leakd.example.org"; "null" is nobody's. */
bool listen_origin_is_ours(const char *origin, unsigned port, const char *external_url);

#endif
