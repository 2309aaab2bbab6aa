/* SPDX-License-Identifier: MIT */
/* What is served: one table of pattern and handlers. Knows no sockets. */
#ifndef LEAKD_HTTP_ROUTES_H
#define LEAKD_HTTP_ROUTES_H

#include "daemon/http/context.h"
#include "daemon/http/reply.h"

typedef void (*route_handler)(struct http_context *context, const struct http_request *request,
                              struct http_reply *reply);

struct route {
    const char *pattern;  /* "{id}", then "{sub}", stand for one segment; the label in /metrics */
    route_handler read;   /* GET and HEAD; NULL: not possible */
    route_handler change; /* POST, when it was admitted; NULL: not possible */
};

extern const struct route routes[];
extern const size_t route_count;

/* The patterns, and behind them ROUTE_ASSET, ROUTE_PAGE and ROUTE_NONE: labels for /metrics. */
const char *const *routes_labels(size_t *count);

/* Answers the request and returns its label's index. */
size_t routes_answer(struct http_context *context, struct http_request *request,
                     struct http_reply *reply);
/* For requests that are refused before anybody looks at their path. */
size_t routes_none(void);

#endif
