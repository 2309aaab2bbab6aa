/* SPDX-License-Identifier: MIT */
/* /api/v1/processes and what is below one of them, except its series. */
#include "daemon/http/handlers.h"

#include <string.h>

#include "daemon/http/param.h"
#include "daemon/http/view.h"

#define LIST_MAX     1000
#define EVIDENCE_FEW 100
#define ORDERS       "growth live rate" /* enum query_order */

void handlers_refuse_process(const struct http_request *request, struct http_reply *reply)
{
    reply_problem(reply, 404, "no process has the id %.63s; it may have ended long ago",
                  request->id);
}

const struct process *handlers_find_process(struct http_context *context,
                                            const struct http_request *request,
                                            struct http_reply *reply)
{
    const struct process *process = query_process(context->source.store, request->id);

    if (!process)
        handlers_refuse_process(request, reply);
    return process;
}

/* Index of the first row behind the cursor. When the row itself is gone, rows of the same time are
 * given again rather than left out. */
static size_t first_behind(const struct store *store, const struct cursor *cursor)
{
    size_t count = query_process_count(store), by_time = count;

    if (!cursor->is_set)
        return 0;
    for (size_t i = count; i-- > 0;) {
        const struct process *process = query_process_at(store, i);

        if (strcmp(process->id, cursor->id) == 0)
            return i + 1;
        if (process->first_seen_mono_ms >= cursor->time_ms)
            by_time = i;
    }
    return by_time;
}

void handle_processes(struct http_context *context, const struct http_request *request,
                      struct http_reply *reply)
{
    const struct store *store = context->source.store;
    const struct process *process = NULL;
    struct cursor cursor;
    struct json json;
    uint64_t limit;
    size_t i, end;

    if (!param_only(request, reply, "limit cursor") ||
        !param_u64(request, reply, "limit", 1, LIST_MAX, LIST_MAX, &limit) ||
        !param_cursor(request, reply, &cursor))
        return;
    i = first_behind(store, &cursor);
    end = query_process_count(store) - i > limit ? i + limit : query_process_count(store);
    json_init(&json, &reply->body);
    json_object(&json, NULL);
    json_array(&json, "processes");
    for (; i < end; i++) {
        process = query_process_at(store, i);
        view_process(&json, NULL, &context->source, process);
    }
    json_array_end(&json);
    json_object_end(&json);
    if (process && end < query_process_count(store))
        reply_set_next(reply, "/api/v1/processes", limit, process->first_seen_mono_ms, process->id);
}

void handle_process(struct http_context *context, const struct http_request *request,
                    struct http_reply *reply)
{
    const struct process *process;
    struct json json;

    if (!param_only(request, reply, ""))
        return;
    process = handlers_find_process(context, request, reply);
    if (!process)
        return;
    json_init(&json, &reply->body);
    view_process_whole(&json, NULL, &context->source, process);
}

/* What sites and types have in common. NULL: the reply is a problem already. */
static const struct process *read_evidence_request(struct http_context *context,
                                                   const struct http_request *request,
                                                   struct http_reply *reply, unsigned *order,
                                                   uint64_t *limit)
{
    if (!param_only(request, reply, "sort limit") ||
        !param_choice(request, reply, "sort", ORDERS, ORDER_GROWTH, order) ||
        !param_u64(request, reply, "limit", 1, LIST_MAX, EVIDENCE_FEW, limit))
        return NULL;
    return handlers_find_process(context, request, reply);
}

void handle_sites(struct http_context *context, const struct http_request *request,
                  struct http_reply *reply)
{
    const struct site *sites[LIST_MAX];
    const struct process *process;
    struct json json;
    unsigned order;
    uint64_t limit;
    size_t count;

    process = read_evidence_request(context, request, reply, &order, &limit);
    if (!process)
        return;
    count = query_sites(process, (enum query_order)order, sites, limit);
    json_init(&json, &reply->body);
    json_object(&json, NULL);
    json_array(&json, "sites");
    for (size_t i = 0; i < count; i++)
        view_site(&json, NULL, &context->source, process, sites[i]);
    json_array_end(&json);
    json_object_end(&json);
    reply_set_weak_etag(reply, reply->body.data, reply->body.len);
    reply_check_match(reply, request);
}

void handle_types(struct http_context *context, const struct http_request *request,
                  struct http_reply *reply)
{
    const struct type *types[LIST_MAX];
    const struct process *process;
    struct json json;
    unsigned order;
    uint64_t limit;
    size_t count;

    process = read_evidence_request(context, request, reply, &order, &limit);
    if (!process)
        return;
    count = query_types(process, (enum query_order)order, types, limit);
    json_init(&json, &reply->body);
    json_object(&json, NULL);
    json_array(&json, "types");
    for (size_t i = 0; i < count; i++)
        view_type(&json, NULL, &context->source, process, types[i]);
    json_array_end(&json);
    json_object_end(&json);
    reply_set_weak_etag(reply, reply->body.data, reply->body.len);
    reply_check_match(reply, request);
}
