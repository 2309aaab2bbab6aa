/* SPDX-License-Identifier: MIT */
/* The handlers of the route table: each reads its parameters, asks the store and writes a view. */
#ifndef LEAKD_HTTP_HANDLERS_H
#define LEAKD_HTTP_HANDLERS_H

#include "daemon/http/context.h"
#include "daemon/http/reply.h"

#define HTTP_HANDLERS(X)                                                                           \
    X(status)                                                                                      \
    X(processes)                                                                                   \
    X(process)                                                                                     \
    X(series)                                                                                      \
    X(sites)                                                                                       \
    X(types)                                                                                       \
    X(snapshots)                                                                                   \
    X(snapshot_take)                                                                               \
    X(snapshot)                                                                                    \
    X(incidents)                                                                                   \
    X(incident)                                                                                    \
    X(events)                                                                                      \
    X(openapi)                                                                                     \
    X(livez)                                                                                       \
    X(readyz)                                                                                      \
    X(version)                                                                                     \
    X(metrics)

#define X(name)                                                                                    \
    void handle_##name(struct http_context *context, const struct http_request *request,           \
                       struct http_reply *reply);
HTTP_HANDLERS(X)
#undef X

/* The embedded OpenAPI description. */
extern const char openapi_json[];
size_t openapi_json_len(void);

#endif
