/* SPDX-License-Identifier: MIT */
/* What people say: /api/v1/incidents/{id}/acknowledge and its kin, /api/v1/marks. */
#include "daemon/http/handlers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/json.h"
#include "daemon/http/later.h"
#include "daemon/http/param.h"
#include "daemon/http/view.h"

#define DAY_MS          UINT64_C(86400000)
#define DURATION_MAX_MS (90 * DAY_MS)
/* A night's sleep: who silences without saying how long must not do it for good. */
#define SILENCE_MS     (DAY_MS / 3)
#define MARKS_MAX      1000
#define MARKS_AT_FIRST 100

static bool refuse_body(struct http_reply *reply, const char *key, const char *what)
{
    reply_problem(reply, 400, "\"%s\" in the body %s", key, what);
    return false;
}

/* A text, *out = otherwise when it is not there. */
static bool read_text(const struct http_request *request, struct http_reply *reply, const char *key,
                      size_t size, const char *otherwise, const char **out)
{
    const struct json_tree *value = json_get(request->json, key);
    const char *text = json_text(value, NULL);

    if (!text && !json_is_null(value))
        return refuse_body(reply, key, "must be a text");
    if (text && strlen(text) >= size)
        return refuse_body(reply, key, "is too long");
    *out = text ? text : otherwise;
    return true;
}

static bool read_duration(const struct http_request *request, struct http_reply *reply,
                          uint64_t otherwise, uint64_t *out)
{
    const char *text;

    if (!read_text(request, reply, "duration", 32, NULL, &text))
        return false;
    *out = otherwise;
    if (text && (!param_read_span(text, out) || *out > DURATION_MAX_MS))
        return refuse_body(reply, "duration",
                           "must be a span like \"30m\", \"8h\" or \"2d\", at "
                           "most 90d");
    return true;
}

/* Who was told that something is done must find it done after a crash, too: the answer waits for
 * the disk, and the handler is called again with what the change has become. False: it is due now.
 */
static bool wait_for_disk(const struct http_changes *changes, const char *id,
                          struct http_reply *reply)
{
    struct later *later = changes->settle ? later_new(free) : NULL;
    char *take = later ? strdup(id) : NULL;

    if (take && changes->settle(changes->arg, later, take) == 0) {
        reply->later = later;
        return true;
    }
    free(take);
    later_drop(later);
    return false;
}

static void write_incident(const struct http_source *source, const struct http_request *request,
                           struct http_reply *reply)
{
    const struct incident *incident = query_incident(source->store, request->id);
    struct json json;

    if (!incident) {
        reply_problem(reply, 404, "no incident has the id %.63s", request->id);
        return;
    }
    json_init(&json, &reply->body);
    view_incident(&json, NULL, source, incident);
}

static void change_incident(struct http_context *context, const struct http_request *request,
                            struct http_reply *reply, enum incident_state to, uint64_t duration_ms)
{
    const struct http_source *source = &context->source;
    struct http_incident_request ask = {.to = to};
    int rc;

    if (request->later) {
        write_incident(source, request, reply);
        return;
    }
    if (!param_only(request, reply, "") ||
        !read_text(request, reply, "by", sizeof(((struct incident_note *)NULL)->by), "somebody",
                   &ask.by) ||
        !read_text(request, reply, "reason", sizeof(((struct incident_note *)NULL)->text), "",
                   &ask.reason) ||
        !read_duration(request, reply, duration_ms, &ask.duration_ms))
        return;
    rc = source->changes.incident ? source->changes.incident(source->changes.arg, request->id, &ask)
                                  : -ENOSYS;
    if (rc == -ENOENT) {
        reply_problem(reply, 404, "no incident has the id %.63s", request->id);
    } else if (rc == -EALREADY) {
        reply_problem(reply, 409, "incident %.63s is resolved already", request->id);
    } else if (rc < 0) {
        reply_problem(reply, 503, "this cannot be done now: %s", strerror(-rc));
    } else if (!wait_for_disk(&source->changes, request->id, reply)) {
        write_incident(source, request, reply);
    }
}

void handle_acknowledge(struct http_context *context, const struct http_request *request,
                        struct http_reply *reply)
{
    change_incident(context, request, reply, INCIDENT_ACKNOWLEDGED, 0);
}

void handle_silence(struct http_context *context, const struct http_request *request,
                    struct http_reply *reply)
{
    change_incident(context, request, reply, INCIDENT_SILENCED, SILENCE_MS);
}

void handle_resolve(struct http_context *context, const struct http_request *request,
                    struct http_reply *reply)
{
    change_incident(context, request, reply, INCIDENT_RESOLVED, 0);
}

/* ---- marks ----------------------------------------------------------------------------------- */

#define READ(key, field, otherwise, out)                                                           \
    read_text(request, reply, key, sizeof((field)), otherwise, out)

static bool read_mark(const struct http_context *context, const struct http_request *request,
                      struct http_reply *reply, struct operator_mark *mark)
{
    const char *text, *unit, *process, *by, *kind;

    if (!READ("text", mark->text, "", &text) || !READ("unit", mark->unit, "", &unit) ||
        !READ("process", mark->process_id, "", &process) ||
        !READ("by", mark->by, "somebody", &by) ||
        !read_text(request, reply, "kind", 16, "event", &kind))
        return false;
    if (!*text)
        return refuse_body(reply, "text", "is missing: what is to be marked");
    if (strcmp(kind, "event") != 0 && strcmp(kind, "release") != 0)
        return refuse_body(reply, "kind", "must be \"release\" or \"event\"");
    if (*process && !query_process(context->source.store, process)) {
        reply_problem(reply, 404, "no process has the id %.63s", process);
        return false;
    }
    mark->is_release = strcmp(kind, "release") == 0;
    snprintf(mark->text, sizeof(mark->text), "%s", text);
    snprintf(mark->unit, sizeof(mark->unit), "%s", unit);
    snprintf(mark->process_id, sizeof(mark->process_id), "%s", process);
    snprintf(mark->by, sizeof(mark->by), "%s", by);
    return true;
}

static const struct operator_mark *find_mark(const struct store *store, const char *id)
{
    for (size_t i = 0; id && i < query_operator_mark_count(store); i++) {
        const struct operator_mark *mark = query_operator_mark_at(store, i);

        if (strcmp(mark->id, id) == 0)
            return mark;
    }
    return NULL;
}

static void write_mark(const struct operator_mark *mark, struct http_reply *reply)
{
    struct json json;

    if (!mark) {
        reply_problem(reply, 503, "the mark gave way to newer ones at once; set it again");
        return;
    }
    reply->status = 201;
    json_init(&json, &reply->body);
    view_mark(&json, NULL, mark);
}

void handle_put_mark(struct http_context *context, const struct http_request *request,
                     struct http_reply *reply)
{
    const struct http_source *source = &context->source;
    const struct operator_mark *kept;
    struct operator_mark mark = {.id = ""};
    int rc;

    if (request->later) {
        write_mark(find_mark(source->store, later_data(request->later)), reply);
        return;
    }
    if (!param_only(request, reply, "") || !read_mark(context, request, reply, &mark))
        return;
    rc = source->changes.mark ? source->changes.mark(source->changes.arg, &mark, &kept) : -ENOSYS;
    if (rc < 0) {
        reply_problem(reply, 503, "the mark cannot be kept: %s", strerror(-rc));
        return;
    }
    if (!wait_for_disk(&source->changes, kept->id, reply))
        write_mark(kept, reply);
}

void handle_marks(struct http_context *context, const struct http_request *request,
                  struct http_reply *reply)
{
    const struct store *store = context->source.store;
    struct json json;
    uint64_t limit;

    if (!param_only(request, reply, "limit") ||
        !param_u64(request, reply, "limit", 1, MARKS_MAX, MARKS_AT_FIRST, &limit))
        return;
    json_init(&json, &reply->body);
    json_object(&json, NULL);
    json_array(&json, "marks");
    for (size_t i = 0; i < limit && i < query_operator_mark_count(store); i++)
        view_mark(&json, NULL, query_operator_mark_at(store, i));
    json_array_end(&json);
    json_object_end(&json);
}
