/* SPDX-License-Identifier: MIT */
/* Who is told, how that goes, a test, and what was given up sent again: /api/v1/receivers. */
#include "daemon/http/handlers.h"

#include <errno.h>
#include <string.h>

#include "daemon/base/json.h"
#include "daemon/http/param.h"
#include "daemon/http/view.h"

#define LETTERS_MAX 200 /* of each kind */

static void put_receiver(struct json *json, const struct http_receiver *receiver)
{
    json_str(json, "name", receiver->name);
    json_str(json, "type", receiver->type);
    json_str(json, "place", receiver->place[0] ? receiver->place : NULL);
    json_str(json, "state", receiver->state);
    json_str(json, "min_severity", receiver->min_severity);
    json_bool(json, "send_resolved", receiver->send_resolved);
    json_bool(json, "group", receiver->group);
    json_str(json, "units", receiver->units);
    json_str(json, "names", receiver->names);
    json_u64(json, "queued", receiver->queued);
    json_u64(json, "dead_letters", receiver->dead_letters);
    json_u64(json, "standing", receiver->standing);
    json_u64(json, "delivered_total", receiver->delivered_total);
    json_u64(json, "failed_attempts_total", receiver->failed_attempts_total);
    json_u64(json, "given_up_total", receiver->given_up_total);
    json_u64(json, "grouped_total", receiver->grouped_total);
    view_time(json, "last_attempt_ms", receiver->last_attempt_wall_ms);
    view_time(json, "last_delivery_ms", receiver->last_delivery_wall_ms);
    view_time(json, "next_attempt_ms", receiver->next_attempt_wall_ms);
    json_i64(json, "last_status", receiver->last_status);
    json_str(json, "last_error", receiver->last_error[0] ? receiver->last_error : NULL);
}

static bool receiver_at(const struct http_source *source, size_t index, struct http_receiver *out)
{
    return source->receivers.at && source->receivers.at(source->arg, index, out);
}

void handle_receivers(struct http_context *context, const struct http_request *request,
                      struct http_reply *reply)
{
    struct http_receiver receiver;
    struct json json;

    if (!param_only(request, reply, ""))
        return;
    json_init(&json, &reply->body);
    json_object(&json, NULL);
    json_array(&json, "receivers");
    for (size_t i = 0; receiver_at(&context->source, i, &receiver); i++) {
        json_object(&json, NULL);
        put_receiver(&json, &receiver);
        json_object_end(&json);
    }
    json_array_end(&json);
    json_object_end(&json);
}

static void put_letters(struct json *json, const char *key, const struct http_source *source,
                        size_t index, bool dead)
{
    struct http_letter letter;

    json_array(json, key);
    for (size_t i = 0; i < LETTERS_MAX && source->receivers.letter_at &&
                       source->receivers.letter_at(source->arg, index, dead, i, &letter);
         i++) {
        json_object(json, NULL);
        json_str(json, "id", letter.id);
        json_str(json, "event", letter.event);
        json_str(json, "incident_id", letter.incident_id[0] ? letter.incident_id : NULL);
        view_time(json, "at_ms", letter.event_wall_ms);
        json_u64(json, "attempts", letter.attempts);
        json_object_end(json);
    }
    json_array_end(json);
}

void handle_receiver(struct http_context *context, const struct http_request *request,
                     struct http_reply *reply)
{
    const struct http_source *source = &context->source;
    struct http_receiver receiver;
    struct json json;
    size_t index = 0;

    if (!param_only(request, reply, ""))
        return;
    while (receiver_at(source, index, &receiver) && strcmp(receiver.name, request->id) != 0)
        index++;
    if (!receiver_at(source, index, &receiver)) {
        reply_problem(reply, 404, "no receiver has the name %.63s", request->id);
        return;
    }
    json_init(&json, &reply->body);
    json_object(&json, NULL);
    put_receiver(&json, &receiver);
    put_letters(&json, "queue", source, index, false);
    put_letters(&json, "dead", source, index, true);
    json_object_end(&json);
}

/* 202: it is queued, what became of it is seen at the receiver. */
static void answer(const struct http_context *context, const struct http_request *request,
                   struct http_reply *reply, int rc, size_t count)
{
    struct json json;

    if (rc == -ENOENT) {
        reply_problem(reply, 404, "no receiver has the name %.63s", request->id);
    } else if (rc == -EPIPE) {
        reply_problem(reply, 409,
                      "receiver %.63s has said that it wants no more notices; mend it and reload "
                      "the configuration (systemctl reload leakd)",
                      request->id);
    } else if (rc < 0) {
        reply_problem(reply, 503, "this cannot be queued now: %s", strerror(-rc));
    } else {
        reply->status = 202;
        json_init(&json, &reply->body);
        json_object(&json, NULL);
        json_str(&json, "receiver", request->id);
        json_u64(&json, "queued", count);
        view_time(&json, "at_ms", context->source.now_wall_ms());
        json_object_end(&json);
    }
}

void handle_receiver_test(struct http_context *context, const struct http_request *request,
                          struct http_reply *reply)
{
    const struct http_source *source = &context->source;

    if (param_only(request, reply, ""))
        answer(context, request, reply,
               source->receivers.test ? source->receivers.test(source->arg, request->id) : -ENOENT,
               1);
}

void handle_receiver_redeliver(struct http_context *context, const struct http_request *request,
                               struct http_reply *reply)
{
    const struct http_source *source = &context->source;
    size_t count = 0;
    int rc = -ENOENT;

    if (!param_only(request, reply, ""))
        return;
    if (source->receivers.redeliver)
        rc = source->receivers.redeliver(source->arg, request->id, &count);
    answer(context, request, reply, rc, count);
}
