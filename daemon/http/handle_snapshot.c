/* SPDX-License-Identifier: MIT */
/* /api/v1/processes/{id}/snapshots: taken, listed, shown. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/http/handlers.h"
#include "daemon/http/param.h"
#include "daemon/http/view.h"

/* {"types": ["app.Session", ...]}, or nothing. False: the reply is a refusal. */
static bool read_types(const struct http_request *request, struct http_reply *reply,
                       const char *types[WIRE_SNAPSHOT_ASKED_MAX], size_t *count)
{
    const struct json_tree *list = json_get(request->json, "types");

    *count = json_len(list);
    if (request->json && json_len(request->json) != (list ? 1u : 0u)) {
        reply_bad_param(reply, "types", "is the only field that the body may have");
        return false;
    }
    if (*count > WIRE_SNAPSHOT_ASKED_MAX) {
        reply_bad_param(reply, "types", "are %d at most", WIRE_SNAPSHOT_ASKED_MAX);
        return false;
    }
    for (size_t i = 0; i < *count; i++) {
        types[i] = json_text(json_at(list, i), NULL);
        if (!types[i] || !*types[i]) {
            reply_bad_param(reply, "types", "has to be a list of names like \"app.Session\"");
            return false;
        }
    }
    return true;
}

void handle_snapshot_take(struct http_context *context, const struct http_request *request,
                          struct http_reply *reply)
{
    const char *types[WIRE_SNAPSHOT_ASKED_MAX];
    const struct process *process;
    char reason[256] = "";
    struct json json;
    uint32_t number;
    size_t count;
    int rc;

    if (!param_only(request, reply, "") || !read_types(request, reply, types, &count))
        return;
    process = handlers_find_process(context, request, reply);
    if (!process)
        return;
    rc = context->source.snapshot(context->source.arg, process->id, types, count, &number, reason,
                                  sizeof(reason));
    if (rc < 0) {
        reply_problem(reply, 409, "%s", reason);
        return;
    }
    reply->status = 202;
    json_init(&json, &reply->body);
    view_snapshot(&json, NULL, query_snapshot(process, number), false);
}

void handle_snapshots(struct http_context *context, const struct http_request *request,
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
    json_object(&json, NULL);
    json_array(&json, "snapshots");
    for (size_t i = process->snapshot_count; i-- > 0;)
        view_snapshot(&json, NULL, process->snapshots[i], false);
    json_array_end(&json);
    json_object_end(&json);
}

void handle_snapshot(struct http_context *context, const struct http_request *request,
                     struct http_reply *reply)
{
    const struct snapshot *snapshot = NULL;
    const struct process *process;
    struct json json;

    if (!param_only(request, reply, ""))
        return;
    process = handlers_find_process(context, request, reply);
    if (!process)
        return;
    if (strspn(request->sub, "0123456789") == strlen(request->sub) && strlen(request->sub) < 10)
        snapshot = query_snapshot(process, (uint32_t)strtoul(request->sub, NULL, 10));
    if (!snapshot) {
        reply_problem(reply, 404, "the process has no snapshot %.16s; the last %d are kept",
                      request->sub, SNAPSHOTS_KEPT);
        return;
    }
    json_init(&json, &reply->body);
    view_snapshot(&json, NULL, snapshot, true);
}
