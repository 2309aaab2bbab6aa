/* SPDX-License-Identifier: MIT */
/* /api/v1/processes/{id}/series: points, and the line that the detector fitted through them. */
#include "daemon/http/handlers.h"

#include <stdlib.h>

#include "daemon/http/param.h"
#include "daemon/http/view.h"

#define POINTS_GIVEN_MAX 4096
#define DEFAULT_SPAN_MS  (15 * 60 * 1000)

#define NAMES "live_bytes rss_bytes python_bytes"

static const char *const names[] = {"live_bytes", "rss_bytes", "python_bytes"};
enum { NAME_LIVE, NAME_RSS, NAME_PYTHON };

struct series_request {
    unsigned name;
    uint64_t from_ms;
    uint64_t to_ms;
    uint64_t step_ms; /* 0: the finest there is */
};

static bool read_request(struct http_context *context, const struct http_request *request,
                         struct http_reply *reply, struct series_request *out)
{
    uint64_t now_ms = context->source.now_wall_ms();

    if (!param_only(request, reply, "name from to step") ||
        !param_choice(request, reply, "name", NAMES, NAME_LIVE, &out->name) ||
        !param_time_ms(request, reply, "to", now_ms, &out->to_ms) ||
        !param_time_ms(request, reply, "from",
                       out->to_ms > DEFAULT_SPAN_MS ? out->to_ms - DEFAULT_SPAN_MS : 0,
                       &out->from_ms) ||
        !param_span_ms(request, reply, "step", 0, &out->step_ms))
        return false;
    if (out->from_ms > out->to_ms) {
        reply_bad_param(reply, "from", "must not be later than to");
        return false;
    }
    return true;
}

static void put_points(struct json *json, const struct point *points, size_t count)
{
    json_array(json, "points");
    for (size_t i = 0; i < count; i++) {
        json_array(json, NULL);
        json_u64(json, NULL, points[i].wall_ms);
        json_u64(json, NULL, points[i].min > 0 ? (uint64_t)points[i].min : 0);
        json_u64(json, NULL, points[i].mean > 0 ? (uint64_t)points[i].mean : 0);
        json_array_end(json);
    }
    json_array_end(json);
}

/* The detector's times are monotonic; its line belongs to the series that the verdict is about. */
static void put_fit(struct json *json, const struct http_source *source,
                    const struct process *process, unsigned name)
{
    const struct detect_result *fit = &process->fit;
    uint64_t offset_ms = source->now_wall_ms() - source->now_mono_ms();

    if (!fit->has_fit || !fit->growth.known ||
        name != (process->fit_is_rss ? NAME_RSS : NAME_LIVE)) {
        json_null(json, "fit");
        return;
    }
    json_object(json, "fit");
    json_u64(json, "from_ms", fit->fit_from_ms + offset_ms);
    json_u64(json, "to_ms", fit->fit_to_ms + offset_ms);
    json_double(json, "bytes_at_from", fit->fit_bytes);
    view_growth(json, "growth_bytes_per_s", &fit->growth);
    json_object_end(json);
}

static void write_series(struct http_context *context, const struct http_request *request,
                         struct http_reply *reply, const struct series_request *ask,
                         const struct process *process, struct point *points)
{
    const struct series *const kept[] = {process->live_series, process->rss_series,
                                         process->python_series};
    const struct series *series = kept[ask->name];
    uint64_t step_ms = 0;
    size_t count = series ? series_get(series, ask->from_ms, ask->to_ms, ask->step_ms, points,
                                       POINTS_GIVEN_MAX, &step_ms)
                          : 0;
    struct json json;

    json_init(&json, &reply->body);
    json_object(&json, NULL);
    json_str(&json, "process_id", process->id);
    json_str(&json, "name", names[ask->name]);
    json_u64(&json, "step_ms", step_ms);
    put_points(&json, points, count);
    put_fit(&json, &context->source, process, ask->name);
    if (process->limit_bytes)
        json_u64(&json, "limit_bytes", process->limit_bytes);
    else
        json_null(&json, "limit_bytes");
    /* Up to here: a window that slides over the same rows is no change. */
    reply_set_weak_etag(reply, reply->body.data, reply->body.len);
    json_u64(&json, "from_ms", ask->from_ms);
    json_u64(&json, "to_ms", ask->to_ms);
    json_object_end(&json);
    reply_check_match(reply, request);
}

void handle_series(struct http_context *context, const struct http_request *request,
                   struct http_reply *reply)
{
    const struct process *process;
    struct series_request ask;
    struct point *points;

    if (!read_request(context, request, reply, &ask))
        return;
    process = handlers_find_process(context, request, reply);
    if (!process)
        return;
    points = calloc(POINTS_GIVEN_MAX, sizeof(*points));
    if (!points) {
        reply_problem(reply, 503, "no memory for %d points; ask again later", POINTS_GIVEN_MAX);
        return;
    }
    write_series(context, request, reply, &ask, process, points);
    free(points);
}
