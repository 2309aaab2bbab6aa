/* SPDX-License-Identifier: MIT */
/*
 * The HTTP side: server.c (the only microhttpd.h) drives libmicrohttpd by external epoll inside the
 * libuv loop; routes.c is one table; views.c writes JSON; events.c keeps the SSE clients;
 * metrics.c is Prometheus; assets come embedded. Reads the store through query.h only.
 */
#ifndef LEAKD_HTTP_HTTP_H
#define LEAKD_HTTP_HTTP_H

#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include "daemon/store/query.h"

struct conf;
struct http;

/* A file of the dashboard, gzip'd, in .rodata. */
struct http_asset {
    const char *path; /* "/index.html", "/assets/app-8f3a.js" */
    const char *content_type;
    const char *etag;
    const unsigned char *data; /* gzip */
    size_t len;
    size_t plain_len;
    _Bool immutable; /* the name carries a hash */
};

/* Figures of other rooms, asked for when /metrics or /status is read. */
struct http_figures {
    uint64_t agents_connected;
    uint64_t frames_total;
    uint64_t bad_frames_total;
    uint64_t refused_connections_total;
    uint64_t notices_queued;
    uint64_t notices_delivered_total;
    uint64_t notices_failed_total;
    uint64_t notices_given_up_total;
    const char *storage_problem; /* why nothing is stored at the moment; "" or NULL: it is */
    uint64_t storage_bytes;
    uint64_t storage_batches_total;
    uint64_t storage_damaged_total; /* files put aside since the start */
    uint64_t incidents_unstored;    /* the disk has never had them */
    uint64_t history_bytes;
    uint64_t history_left_out_total; /* samples that the disk had no time for */
};

struct http_source {
    const struct store *store;
    const struct http_asset *assets;
    size_t asset_count;
    void *arg;
    void (*figures)(void *arg, struct http_figures *out);
    /* Orders a snapshot; 0 and its number, or a negative errno with the reason in words. */
    int (*snapshot)(void *arg, const char *process_id, const char *const *types, size_t type_count,
                    uint32_t *number, char *reason, size_t reason_size);
    uint64_t (*now_wall_ms)(void);
    uint64_t (*now_mono_ms)(void);
};

/* Listens where conf says; *port is the TCP port that was bound (0 without TCP), so that conf may
 * ask for port 0. error is one sentence. */
int http_start(uv_loop_t *loop, const struct conf *conf, const struct http_source *source,
               struct http **out, unsigned *port, char *error, size_t error_size);
void http_stop(struct http *http, void (*on_stopped)(void *arg), void *arg);

/* To every SSE client: events "process", "incident"; http_tick sends what changed since the last
 * one, at most once a second. */
void http_publish_process(struct http *http, const struct process *process);
void http_publish_incident(struct http *http, const struct incident *incident);
void http_tick(struct http *http);

#endif
