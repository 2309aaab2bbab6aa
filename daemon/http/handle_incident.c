/* SPDX-License-Identifier: MIT */
/* /api/v1/incidents */
#include "daemon/http/handlers.h"

#include <string.h>

#include "daemon/http/param.h"
#include "daemon/http/view.h"

#define LIST_MAX      1000
#define LIST_AT_FIRST 100 /* an incident carries its frozen evidence: some 10 KB */

/* Newest first. When the row itself is gone, rows of the same time are given again. */
static size_t first_behind(const struct store *store, const struct cursor *cursor)
{
    size_t count = query_incident_count(store), by_time = count;

    if (!cursor->is_set)
        return 0;
    for (size_t i = count; i-- > 0;) {
        const struct incident *incident = query_incident_at(store, i);

        if (strcmp(incident->id, cursor->id) == 0)
            return i + 1;
        if (incident->opened_wall_ms <= cursor->time_ms)
            by_time = i;
    }
    return by_time;
}

void handle_incidents(struct http_context *context, const struct http_request *request,
                      struct http_reply *reply)
{
    const struct store *store = context->source.store;
    const struct incident *incident = NULL;
    struct cursor cursor;
    struct json json;
    uint64_t limit;
    size_t i, end;

    if (!param_only(request, reply, "limit cursor") ||
        !param_u64(request, reply, "limit", 1, LIST_MAX, LIST_AT_FIRST, &limit) ||
        !param_cursor(request, reply, &cursor))
        return;
    i = first_behind(store, &cursor);
    end = query_incident_count(store) - i > limit ? i + limit : query_incident_count(store);
    json_init(&json, &reply->body);
    json_object(&json, NULL);
    json_array(&json, "incidents");
    for (; i < end; i++) {
        incident = query_incident_at(store, i);
        view_incident(&json, NULL, &context->source, incident);
    }
    json_array_end(&json);
    json_object_end(&json);
    if (incident && end < query_incident_count(store))
        reply_set_next(reply, "/api/v1/incidents", limit, incident->opened_wall_ms, incident->id);
}

void handle_incident(struct http_context *context, const struct http_request *request,
                     struct http_reply *reply)
{
    const struct incident *incident;
    struct json json;

    if (!param_only(request, reply, ""))
        return;
    incident = query_incident(context->source.store, request->id);
    if (!incident) {
        reply_problem(reply, 404, "no incident has the id %.63s", request->id);
        return;
    }
    json_init(&json, &reply->body);
    json_object(&json, NULL);
    view_incident_fields(&json, &context->source, incident);
    view_history(&json, "history", context->source.store, incident);
    json_object_end(&json);
}
