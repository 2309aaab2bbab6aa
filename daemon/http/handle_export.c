/* SPDX-License-Identifier: MIT */
/* A process's sites for other tools: /api/v1/processes/{id}/export and /debug/pprof/heap. */
#include "daemon/http/handlers.h"

#include <stdio.h>

#include "daemon/http/export.h"
#include "daemon/http/param.h"

#define FORMATS "pprof speedscope collapsed"
enum { FORMAT_PPROF, FORMAT_SPEEDSCOPE, FORMAT_COLLAPSED };

static void write_export(struct http_context *context, struct http_reply *reply,
                         const struct process *process, unsigned format)
{
    static const char *const types[] = {"application/octet-stream", "application/json",
                                        "text/plain; charset=utf-8"};
    const struct store *store = context->source.store;
    int rc;

    reply->content_type = types[format];
    if (format == FORMAT_PPROF)
        rc = export_pprof(store, process, context->source.now_wall_ms(), &reply->body);
    else if (format == FORMAT_SPEEDSCOPE)
        rc = export_speedscope(store, process, &reply->body);
    else
        rc = export_collapsed(store, process, &reply->body);
    if (rc < 0)
        reply_problem(reply, 503,
                      "the export of %.63s needs more memory than leakd gives it; "
                      "another format may be smaller",
                      process->id);
}

void handle_export(struct http_context *context, const struct http_request *request,
                   struct http_reply *reply)
{
    const struct process *process;
    unsigned format;

    if (!param_only(request, reply, "format") ||
        !param_choice(request, reply, "format", FORMATS, FORMAT_PPROF, &format))
        return;
    process = handlers_find_process(context, request, reply);
    if (process)
        write_export(context, reply, process, format);
}

/* Where Go's tools look by themselves: go tool pprof http://HOST/debug/pprof/heap?process=ID. They
 * add "seconds" of their own, which a heap at one moment has no use for. */
void handle_pprof_heap(struct http_context *context, const struct http_request *request,
                       struct http_reply *reply)
{
    struct http_request named = *request;
    const struct process *process;
    const char *id = target_param(request->target, "process");

    if (!param_only(request, reply, "process seconds gc debug"))
        return;
    if (!id) {
        reply_bad_param(reply, "process", "is missing: the id of one, as /api/v1/processes has it");
        return;
    }
    snprintf(named.id, sizeof(named.id), "%s", id);
    process = handlers_find_process(context, &named, reply);
    if (process)
        write_export(context, reply, process, FORMAT_PPROF);
}
