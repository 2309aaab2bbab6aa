/* SPDX-License-Identifier: MIT */
/*
 * A request as the handlers see it, and the answer they fill in. Neither knows the server's
 * library, so that every handler can be called without a socket.
 */
#ifndef LEAKD_HTTP_REPLY_H
#define LEAKD_HTTP_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/base/buf.h"
#include "daemon/http/target.h"

struct json_tree;
struct later;

#define REPLY_BYTES_MAX (16u << 20)

/* Headers are "" when they did not come. Everything is borrowed for the call. */
struct http_request {
    const char *method;
    const struct target *target;
    const char *accept;
    const char *accept_encoding;
    const char *if_none_match;
    const char *last_event_id;
    const char *content_type;
    const char *origin;
    const char *fetch_site;    /* Sec-Fetch-Site */
    bool has_foreign_origin;   /* the page that asks is not leakd's own */
    const struct later *later; /* finished: the handler is called again; NULL: for the first time */
    const char *body;
    size_t body_len;
    const struct json_tree *json; /* the body of a POST, an object; NULL when it was empty */
    char id[64];                  /* what {id} of the route's pattern stands for */
    char sub[64];                 /* and {sub} behind it */
};

enum reply_cache {
    REPLY_NO_STORE,   /* live figures */
    REPLY_REVALIDATE, /* kept, but asked for again with its ETag */
    REPLY_IMMUTABLE,  /* the name carries a hash */
};

struct http_reply {
    unsigned status;
    const char *content_type;
    enum reply_cache cache;
    struct buf body;
    const void *fixed; /* instead of body: bytes that outlive the reply */
    size_t fixed_len;
    bool is_gzip;
    bool varies; /* by Accept-Encoding */
    struct later
        *later;     /* not NULL: no answer yet, the handler is called again when it is finished */
    bool is_stream; /* no body: the client joins the events */
    char etag[64];  /* with its quotes; "" for none */
    char link[256]; /* RFC 8288; "" for none */
    const char *allow; /* NULL for none */
};

void reply_init(struct http_reply *reply);
void reply_done(struct http_reply *reply);

/* Turns the reply into application/problem+json, whatever was in it. title is the status's name. */
void reply_problem(struct http_reply *reply, unsigned status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same for a parameter: 400, and errors[] names it. */
void reply_bad_param(struct http_reply *reply, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Sets a weak ETag over the bytes. */
void reply_set_weak_etag(struct http_reply *reply, const void *data, size_t len);
/* Makes it 304 without a body when the client has that ETag already. */
void reply_check_match(struct http_reply *reply, const struct http_request *request);

/* True when the list header (Accept-Encoding) takes token: named, or by "*", and not with q=0. */
bool header_accepts(const char *header, const char *token);
/* The same without "*". */
bool header_names(const char *header, const char *token);

#endif
