/* SPDX-License-Identifier: MIT */
/* What leakd says about itself: status, health, version, metrics, the description of the API. */
#include "daemon/http/handlers.h"

#include "daemon/http/param.h"
#include "daemon/http/view.h"
#include "leakd_version.h"

/* The file's bytes, so that what is edited and checked is JSON and not a C string. */
__asm__(".section .rodata\n"
        ".global openapi_json\n"
        ".global openapi_json_end\n"
        "openapi_json:\n"
        ".incbin \"daemon/http/openapi.json\"\n"
        "openapi_json_end:\n"
        ".byte 0\n"
        ".previous\n");
extern const char openapi_json_end[];

size_t openapi_json_len(void)
{
    return (size_t)(openapi_json_end - openapi_json);
}

void handle_status(struct http_context *context, const struct http_request *request,
                   struct http_reply *reply)
{
    struct json json;

    if (!param_only(request, reply, ""))
        return;
    json_init(&json, &reply->body);
    view_status(&json, NULL, &context->source, context->started_wall_ms,
                events_client_count(context->events));
}

void handle_events(struct http_context *context, const struct http_request *request,
                   struct http_reply *reply)
{
    if (!param_only(request, reply, ""))
        return;
    if (context->stopping) {
        reply_problem(reply, 503, "leakd is stopping");
        return;
    }
    reply->content_type = "text/event-stream";
    reply->is_stream = true;
}

void handle_openapi(struct http_context *context, const struct http_request *request,
                    struct http_reply *reply)
{
    (void)context;
    reply->fixed = openapi_json;
    reply->fixed_len = openapi_json_len();
    reply->cache = REPLY_REVALIDATE;
    reply_set_weak_etag(reply, reply->fixed, reply->fixed_len);
    reply_check_match(reply, request);
}

static void put_word(struct http_reply *reply, const char *key, const char *word)
{
    struct json json;

    json_init(&json, &reply->body);
    json_object(&json, NULL);
    json_str(&json, key, word);
    json_object_end(&json);
}

/* That this is answered at all says that the loop turns. */
void handle_livez(struct http_context *context, const struct http_request *request,
                  struct http_reply *reply)
{
    (void)context;
    (void)request;
    put_word(reply, "status", "ok");
}

void handle_readyz(struct http_context *context, const struct http_request *request,
                   struct http_reply *reply)
{
    struct http_figures figures = {0};

    (void)request;
    context->source.figures(context->source.arg, &figures);
    if (context->stopping)
        reply_problem(reply, 503, "leakd is stopping");
    else if (figures.storage_problem && figures.storage_problem[0])
        reply_problem(reply, 503, "%s", figures.storage_problem);
    else
        put_word(reply, "status", "ready");
}

void handle_version(struct http_context *context, const struct http_request *request,
                    struct http_reply *reply)
{
    struct json json;

    (void)context;
    (void)request;
    json_init(&json, &reply->body);
    json_object(&json, NULL);
    json_str(&json, "name", "leakd");
    json_str(&json, "version", LEAKD_VERSION);
    json_str(&json, "api", "v1");
    json_object_end(&json);
}

void handle_metrics(struct http_context *context, const struct http_request *request,
                    struct http_reply *reply)
{
    /* "*" does not mean OpenMetrics: a browser or curl gets the older text. */
    bool open_metrics = header_names(request->accept, "application/openmetrics-text");
    struct metrics_live live = {.event_clients = events_client_count(context->events),
                                .events_lagged_total = events_lagged_total(context->events),
                                .connections = context->connections};

    reply->content_type = open_metrics
                              ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                              : "text/plain; version=0.0.4; charset=utf-8";
    metrics_write(context->metrics, &context->source, &live, open_metrics, &reply->body);
}
