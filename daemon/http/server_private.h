/* SPDX-License-Identifier: MIT */
/* The server from the inside: connections and their requests. For server*.c only. */
#ifndef LEAKD_HTTP_SERVER_PRIVATE_H
#define LEAKD_HTTP_SERVER_PRIVATE_H

#include <stdbool.h>
#include <stdint.h>

#include <microhttpd.h>

#include "daemon/base/buf.h"
#include "daemon/http/context.h"
#include "daemon/http/server.h"
#include "daemon/http/target.h"

struct later;
struct exchange;

struct connection {
    struct server *server;
    struct connection *next;
    struct connection *prev;
    int fd;
    uint64_t deadline_ms;     /* 0 = none */
    struct exchange *stream;  /* one of events */
    struct exchange *waiting; /* for what a handler asked of somebody slow */
};

/* A request and its answer. */
struct exchange {
    struct connection *connection;
    struct MHD_Connection *mhd;
    struct target target;
    int target_rc;
    const char *target_error;
    bool begun;
    struct buf body;
    size_t body_bytes;
    uint64_t started_ns;
    struct event_client *client;
    struct later *later; /* NULL: nothing was asked */
    bool suspended;
    bool gone; /* the client of a stream hung up */
};

struct server {
    struct server_options options;
    struct http_context *context;
    struct MHD_Daemon *daemon;
    uv_poll_t poll;
    uv_timer_t timer;
    struct connection *connections;
    void (*on_closed)(void *arg);
    void *on_closed_arg;
    unsigned handles; /* not closed yet */
    uint64_t warned_ms;
    bool is_closing;
    bool is_resting; /* no descriptors: the loop does not watch, the timer wakes it */
};

uint64_t server_now_ms(const struct server *server);
const char *server_header(struct MHD_Connection *mhd,
                          const char *name); /* "" when it is not there */

/* ---- server_wait.c: exchanges that are suspended --------------------------------------------- */

/* NULL: too many, or no memory. */
struct MHD_Response *wait_open_stream(struct exchange *exchange);
void wait_check_stream(struct connection *connection, uint64_t now_ms);
/* The request is answered anew when later is finished. */
void wait_for(struct exchange *exchange, struct later *later);
/* The exchange ends, or is answered without waiting any longer. */
void wait_end(struct exchange *exchange);
/* Nobody waits any longer: the server closes. */
void wait_stop(struct server *server);

#endif
