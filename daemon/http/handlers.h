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
    X(maps)                                                                                        \
    X(flamegraph)                                                                                  \
    X(export)                                                                                      \
    X(pprof_heap)                                                                                  \
    X(incidents)                                                                                   \
    X(incident)                                                                                    \
    X(acknowledge)                                                                                 \
    X(silence)                                                                                     \
    X(resolve)                                                                                     \
    X(marks)                                                                                       \
    X(put_mark)                                                                                    \
    X(receivers)                                                                                   \
    X(receiver)                                                                                    \
    X(receiver_test)                                                                               \
    X(receiver_redeliver)                                                                          \
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

/* The process that the path names. NULL: the reply is a 404 already. */
const struct process *handlers_find_process(struct http_context *context,
                                            const struct http_request *request,
                                            struct http_reply *reply);

/* The 404 for a process that neither memory nor disk knows. */
void handlers_refuse_process(const struct http_request *request, struct http_reply *reply);

/* The embedded OpenAPI description. */
extern const char openapi_json[];
size_t openapi_json_len(void);

#endif
