/* SPDX-License-Identifier: MIT */
/* /api/v1/processes/{id}/maps: what its mappings hold, summed by file and kind. */
#include "daemon/http/handlers.h"

#include <errno.h>
#include <string.h>

#include "daemon/http/maps.h"
#include "daemon/http/param.h"
#include "daemon/http/view.h"

static void put_row(struct json *json, const struct procfs_map *row)
{
    json_object(json, NULL);
    json_str(json, "kind", procfs_map_kind_name(row->kind));
    json_str(json, "name", row->name[0] ? row->name : NULL);
    json_u64(json, "count", row->count);
    json_u64(json, "size_bytes", row->size_bytes);
    json_u64(json, "rss_bytes", row->rss_bytes);
    json_u64(json, "pss_bytes", row->pss_bytes);
    json_u64(json, "private_bytes", row->private_bytes);
    json_u64(json, "swap_bytes", row->swap_bytes);
    json_object_end(json);
}

static void write_maps(struct http_reply *reply, const struct process *process,
                       const struct maps_answer *answer)
{
    struct json json;

    json_init(&json, &reply->body);
    json_object(&json, NULL);
    json_str(&json, "process_id", process->id);
    json_str(&json, "state", answer->maps ? "read" : "reading");
    view_time(&json, "taken_ms", answer->taken_wall_ms);
    json_bool(&json, "truncated", answer->maps && answer->maps->truncated);
    json_array(&json, "maps");
    for (size_t i = 0; answer->maps && i < answer->maps->count; i++)
        put_row(&json, &answer->maps->rows[i]);
    json_array_end(&json);
    json_object_end(&json);
    if (!answer->maps)
        reply->status = 202;
}

static void write_failure(struct http_reply *reply, const struct process *process, int error)
{
    int pid = process->identity.pid;

    if (error == -EACCES || error == -EPERM)
        reply_problem(reply, 403,
                      "leakd may not read /proc/%d/smaps: the process belongs to another user; "
                      "give leakd's unit AmbientCapabilities=CAP_SYS_PTRACE to allow it",
                      pid);
    else if (error == -ESRCH)
        reply_problem(reply, 404,
                      "the process %d has ended or cannot be seen from here; its mappings are not "
                      "to be read",
                      pid);
    else
        reply_problem(reply, 503, "/proc/%d/smaps cannot be read: %s; ask again later", pid,
                      strerror(-error));
}

void handle_maps(struct http_context *context, const struct http_request *request,
                 struct http_reply *reply)
{
    const struct process *process;
    struct maps_answer answer;

    if (!param_only(request, reply, ""))
        return;
    process = handlers_find_process(context, request, reply);
    if (!process)
        return;
    if (process->ended_mono_ms || process->identity.pid <= 0) {
        write_failure(reply, process, -ESRCH);
        return;
    }
    maps_ask(context->maps, process, context->source.now_wall_ms(), &answer);
    if (answer.state == MAPS_FAILED)
        write_failure(reply, process, answer.error);
    else
        write_maps(reply, process, &answer);
}
