/* SPDX-License-Identifier: MIT */
/*
 * One listening socket and its HTTP connections: libmicrohttpd on the libuv loop. Reads requests,
 * has the routes answer them, sends what they say. http.c owns it.
 */
#ifndef LEAKD_HTTP_SERVER_H
#define LEAKD_HTTP_SERVER_H

#include <stdbool.h>

#include <uv.h>

struct http_context;
struct server;

struct server_options {
    struct http_context *context; /* outlives the server */
    int fd;                       /* listening; taken, also on failure */
    bool is_unix;                 /* Host is not asked for */
    unsigned port;                /* that Host must name */
    const char *external_url;     /* or this; outlives the server */
    unsigned connections_max;
};

/* Once for the program: what happens when libmicrohttpd finds itself broken. */
void server_set_panic(void);

int server_open(uv_loop_t *loop, const struct server_options *options, struct server **out);
/* Ends its connections; then, on the loop, on_closed and no more. Streams must have been ended by
 * events_end_all before. on_closed may be NULL. */
void server_close(struct server *server, void (*on_closed)(void *arg), void *arg);

/* Once a second: cuts off who takes too long and lets event streams go on. */
void server_tick(struct server *server);

#endif
