/* SPDX-License-Identifier: MIT */
/*
 * The HTTP side: server.c (the only microhttpd.h) drives libmicrohttpd by external epoll inside the
 * libuv loop; routes.c is one table; views.c writes JSON; events.c keeps the SSE clients;
 * metrics.c is Prometheus; assets come embedded. Reads the store through query.h only.
 */
#ifndef LEAKD_HTTP_HTTP_H
#define LEAKD_HTTP_HTTP_H

#include <stdbool.h>
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
    uint64_t notices_grouped_total;
    const char *storage_problem; /* why nothing is stored at the moment; "" or NULL: it is */
    uint64_t storage_bytes;
    uint64_t storage_batches_total;
    uint64_t storage_damaged_total; /* files put aside since the start */
    uint64_t incidents_unstored;    /* the disk has never had them */
    uint64_t history_bytes;
    uint64_t history_left_out_total; /* samples that the disk had no time for */
};

/* What a client asks of an incident or announces. Texts are borrowed. */
struct http_incident_request {
    enum incident_state to;
    const char *by;
    const char *reason;
    uint64_t duration_ms; /* 0 = without end */
};

/* Who is told, without a secret. Texts are valid until the return to the loop. */
struct http_receiver {
    const char *name;
    const char *type;
    char place[256];   /* its address without what may be secret, or the command; "" = known by its
                          type */
    const char *state; /* "idle" (nothing was sent yet), "ok", "failing", "off" */
    const char *min_severity;
    const char *units;
    const char *names;
    bool send_resolved;
    bool group;
    size_t queued;
    size_t dead_letters;
    size_t standing;
    uint64_t delivered_total;
    uint64_t failed_attempts_total;
    uint64_t given_up_total;
    uint64_t grouped_total;
    uint64_t last_attempt_wall_ms; /* 0 = never */
    uint64_t last_delivery_wall_ms;
    uint64_t next_attempt_wall_ms; /* 0 = none is due */
    long last_status;
    const char *last_error; /* "" once one succeeded */
};

struct http_letter {
    const char *id;
    const char *incident_id; /* "" = none */
    const char *event;
    uint64_t event_wall_ms;
    unsigned attempts;
};

/* The receivers as the owner knows them; all NULL: there are none. */
struct http_receivers {
    bool (*at)(void *arg, size_t index, struct http_receiver *out);
    bool (*letter_at)(void *arg, size_t index, bool dead, size_t letter, struct http_letter *out);
    /* -ENOENT: no such one; -EPIPE: it is off; -ENOSPC: too much waits. */
    int (*test)(void *arg, const char *name);
    int (*redeliver)(void *arg, const char *name, size_t *count);
};

struct later;

/* What a client may change, done by other rooms. Each may be NULL (503). */
struct http_changes {
    void *arg;
    /* -ENOENT: no such incident; -EALREADY: it is resolved. */
    int (*incident)(void *arg, const char *id, const struct http_incident_request *request);
    /* id and time are set by it. -ENOMEM. *out: until the return to the loop. */
    int (*mark)(void *arg, const struct operator_mark *mark, const struct operator_mark **out);
    /* Finishes later with take once all that was changed is on the disk, or it has become clear
     * that it will not be there soon. Negative errno: nobody would wait; both are the caller's
     * still. */
    int (*settle)(void *arg, struct later *later, void *take);
};

/* What a disk knows of a process's past. One block, to be freed as a whole. */
struct http_history {
    bool is_known; /* there are rows of the process at all */
    size_t count;
    struct point points[]; /* oldest first, steps of 10 s and more */
};

struct http_history_question {
    const char *process_id;
    bool is_rss; /* else live bytes */
    uint64_t from_wall_ms;
    uint64_t to_wall_ms; /* before this */
};

struct http_source {
    const struct store *store;
    /* Asks the disk; later is finished with a struct http_history, or with NULL when it has no
     * answer. -ENOENT: nobody knows the process; -EBUSY: too many ask. Then later is the caller's
     * still. NULL: there is no disk. */
    int (*read_history)(void *arg, const struct http_history_question *question,
                        struct later *later);
    struct http_changes changes;
    struct http_receivers receivers;
    const struct http_asset *assets;
    size_t asset_count;
    const char *asset_root; /* a folder instead of them, for work on the page; NULL: none */
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
