/* SPDX-License-Identifier: MIT */
/* /api/v1/processes/{id}/series: points, the line that the detector fitted, and the plain line
 * through what is shown. */
#include "daemon/http/handlers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/http/later.h"
#include "daemon/http/param.h"
#include "daemon/http/view.h"
#include "daemon/http/window_fit.h"

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

static void put_line(struct json *json, const char *key, const struct window_fit *line)
{
    json_object(json, key);
    json_u64(json, "from_ms", line->from_ms);
    json_u64(json, "to_ms", line->to_ms);
    json_double(json, "bytes_at_from", line->bytes_at_from);
    view_growth(json, "growth_bytes_per_s", &line->growth);
    json_object_end(json);
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
    put_line(json, "fit",
             &(struct window_fit){.from_ms = fit->fit_from_ms + offset_ms,
                                  .to_ms = fit->fit_to_ms + offset_ms,
                                  .bytes_at_from = fit->fit_bytes,
                                  .growth = fit->growth});
}

static void put_window(struct json *json, const struct point *points, size_t count,
                       uint64_t step_ms)
{
    struct window_fit line;
    const char *why_not = window_fit(points, count, step_ms, &line);

    if (why_not)
        json_null(json, "window_fit");
    else
        put_line(json, "window_fit", &line);
    json_str(json, "window_fit_missing", why_not);
}

#define MEMORY_SPAN_MS (6ULL * 3600 * 1000) /* what a series holds */

/* Steps that people can read off an axis; the last one is a week. */
static uint64_t old_step_ms(const struct series_request *ask)
{
    static const uint64_t steps[] = {10000,   30000,   60000,    120000,   300000,   600000,
                                     1800000, 3600000, 10800000, 43200000, 86400000, 604800000};
    uint64_t least = (ask->to_ms - ask->from_ms) / POINTS_GIVEN_MAX + 1;

    if (ask->step_ms > least)
        least = ask->step_ms;
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        if (steps[i] >= least)
            return steps[i];
    }
    return least;
}

static const struct http_history *history_of(const struct http_request *request)
{
    return request->later ? later_data(request->later) : NULL;
}

static const struct series *series_of(const struct process *process,
                                      const struct series_request *ask)
{
    if (!process)
        return NULL;
    if (ask->name == NAME_PYTHON)
        return process->python_series;
    return ask->name == NAME_RSS ? process->rss_series : process->live_series;
}

/* The disk's points before those of the memory, then both in steps of one length. */
static size_t merge(const struct series *series, const struct series_request *ask,
                    const struct http_history *old, struct point *points, uint64_t *step_ms)
{
    struct point *recent = &points[old->count];
    size_t count = 0, recent_count = 0;

    *step_ms = old_step_ms(ask);
    if (series)
        recent_count = series_get(series, ask->from_ms, ask->to_ms, *step_ms, recent,
                                  POINTS_GIVEN_MAX, &(uint64_t){0});
    for (size_t i = 0; i < old->count; i++) {
        if (recent_count == 0 || old->points[i].wall_ms < recent[0].wall_ms)
            points[count++] = old->points[i];
    }
    memmove(&points[count], recent, recent_count * sizeof(*points));
    count = series_coarsen(points, count + recent_count, *step_ms);
    return count < POINTS_GIVEN_MAX ? count : POINTS_GIVEN_MAX;
}

static void write_series(struct http_context *context, const struct http_request *request,
                         struct http_reply *reply, const struct series_request *ask,
                         const struct process *process, struct point *points)
{
    const struct http_history *old = history_of(request);
    const struct series *series = series_of(process, ask);
    uint64_t step_ms = 0;
    size_t count = 0;
    struct json json;

    if (old)
        count = merge(series, ask, old, points, &step_ms);
    else if (series)
        count = series_get(series, ask->from_ms, ask->to_ms, ask->step_ms, points, POINTS_GIVEN_MAX,
                           &step_ms);
    json_init(&json, &reply->body);
    json_object(&json, NULL);
    json_str(&json, "process_id", request->id);
    json_str(&json, "name", names[ask->name]);
    json_u64(&json, "step_ms", step_ms);
    put_points(&json, points, count);
    if (process)
        put_fit(&json, &context->source, process, ask->name);
    else
        json_null(&json, "fit");
    put_window(&json, points, count, step_ms);
    if (process && process->limit_bytes)
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

/* The memory has the last hours of a process that it knows: only what lies before is asked for. */
static bool needs_disk(const struct http_context *context, const struct process *process,
                       const struct series_request *ask)
{
    uint64_t now_ms = context->source.now_wall_ms();

    if (!context->source.read_history || ask->name == NAME_PYTHON) /* no disk has that */
        return false;
    return !process || process->is_slim || ask->from_ms + MEMORY_SPAN_MS < now_ms;
}

/* True: the reply is made, or comes later. */
static bool ask_disk(struct http_context *context, const struct http_request *request,
                     struct http_reply *reply, const struct series_request *ask, bool is_there)
{
    const struct http_history_question question = {.process_id = request->id,
                                                   .is_rss = ask->name == NAME_RSS,
                                                   .from_wall_ms = ask->from_ms,
                                                   .to_wall_ms = ask->to_ms};
    struct later *later = later_new(free);
    int rc = later ? context->source.read_history(context->source.arg, &question, later) : -ENOMEM;

    if (rc == 0) {
        reply->later = later;
        return true;
    }
    later_drop(later);
    if (rc == -ENOENT && is_there)
        return false;
    if (rc != -ENOENT)
        reply_problem(reply, 503, "the disk has no time for this now; ask again later");
    else
        handlers_refuse_process(request, reply);
    return true;
}

/* Neither the memory nor the disk has a word of it. */
static void refuse_unknown(const struct http_request *request, struct http_reply *reply)
{
    if (request->later && !history_of(request))
        reply_problem(reply, 503, "the disk cannot be read now; ask again later");
    else
        handlers_refuse_process(request, reply);
}

void handle_series(struct http_context *context, const struct http_request *request,
                   struct http_reply *reply)
{
    const struct http_history *old = history_of(request);
    const struct process *process;
    struct series_request ask;
    struct point *points;

    if (!read_request(context, request, reply, &ask))
        return;
    process = query_process(context->source.store, request->id);
    if (!request->later && needs_disk(context, process, &ask) &&
        ask_disk(context, request, reply, &ask, process != NULL))
        return;
    if (!process && (!old || !old->is_known)) {
        refuse_unknown(request, reply);
        return;
    }
    points = calloc(POINTS_GIVEN_MAX + (old ? old->count : 0), sizeof(*points));
    if (!points) {
        reply_problem(reply, 503, "no memory for %d points; ask again later", POINTS_GIVEN_MAX);
        return;
    }
    write_series(context, request, reply, &ask, process, points);
    free(points);
}
