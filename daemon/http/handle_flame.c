/* SPDX-License-Identifier: MIT */
/*
 * /api/v1/processes/{id}/flamegraph: the sites of a process as one tree, at a moment (live), of a
 * span (alloc) or as the difference of two moments (diff).
 */
#include "daemon/http/handlers.h"

#include <math.h>
#include <stdlib.h>

#include "daemon/http/flame.h"
#include "daemon/http/param.h"
#include "daemon/http/view.h"

#define METRICS "live alloc diff"
static const char *const metric_names[] = {"live", "alloc", "diff"};
enum metric { METRIC_LIVE, METRIC_ALLOC, METRIC_DIFF };

/* 0: not asked for. */
struct flame_request {
    unsigned metric;
    uint64_t from_ms;
    uint64_t from_end_ms;
    uint64_t to_ms;
    uint64_t to_end_ms;
};

/* A moment's figures by site index, and the moments they are the mean of. */
struct figures {
    double *live;
    double *alloc;
    uint64_t from_ms;
    uint64_t to_ms;
};

static bool is_ordered(struct http_reply *reply, const char *name, uint64_t earlier_ms,
                       const char *other, uint64_t later_ms)
{
    if (earlier_ms <= later_ms)
        return true;
    reply_bad_param(reply, name, "must not be later than %s", other);
    return false;
}

static bool read_request(struct http_context *context, const struct http_request *request,
                         struct http_reply *reply, struct flame_request *out)
{
    uint64_t now_ms = context->source.now_wall_ms();

    return param_only(request, reply, "metric from from_end to to_end") &&
           param_choice(request, reply, "metric", METRICS, METRIC_LIVE, &out->metric) &&
           param_time_ms(request, reply, "to", now_ms, &out->to_ms) &&
           param_time_ms(request, reply, "to_end", out->to_ms, &out->to_end_ms) &&
           param_time_ms(request, reply, "from", 0, &out->from_ms) &&
           param_time_ms(request, reply, "from_end", out->from_ms, &out->from_end_ms) &&
           is_ordered(reply, "from", out->from_ms, "from_end", out->from_end_ms) &&
           is_ordered(reply, "to", out->to_ms, "to_end", out->to_end_ms) &&
           is_ordered(reply, "from", out->from_ms, "to", out->to_ms);
}

static bool take_figures(struct figures *figures, size_t count)
{
    figures->live = calloc(count + 1, sizeof(double));
    figures->alloc = calloc(count + 1, sizeof(double));
    return figures->live && figures->alloc;
}

static void drop_figures(struct figures *figures)
{
    free(figures->live);
    free(figures->alloc);
}

/* A difference is asked for without a beginning by people who see growth: since it began. */
static uint64_t default_from_ms(const struct process *process, const struct flame_request *ask)
{
    if (ask->metric != METRIC_DIFF)
        return 0;
    if (process->growth_since_wall_ms && process->growth_since_wall_ms < ask->to_ms)
        return process->growth_since_wall_ms;
    return query_past_oldest_ms(process);
}

static void read_figures(const struct process *process, const struct flame_request *ask,
                         uint64_t now_ms, struct figures *at, struct figures *before)
{
    uint64_t from_ms = ask->from_ms ? ask->from_ms : default_from_ms(process, ask);
    uint64_t from_end_ms = ask->from_end_ms > from_ms ? ask->from_end_ms : from_ms;

    query_past_sites(process, ask->to_ms, ask->to_end_ms, now_ms, at->live, at->alloc, &at->from_ms,
                     &at->to_ms);
    if (from_ms && ask->metric != METRIC_LIVE)
        query_past_sites(process, from_ms, from_end_ms, now_ms, before->live, before->alloc,
                         &before->from_ms, &before->to_ms);
}

static int plant(struct flame *flame, const struct http_source *source,
                 const struct process *process, enum metric metric, const struct figures *at,
                 const struct figures *before)
{
    struct frame frames[VIEW_FRAMES_MAX];
    int rc = 0;

    for (size_t i = 0; i < process->site_count && rc == 0; i++) {
        double value = metric == METRIC_ALLOC ? fmax(at->alloc[i] - before->alloc[i], 0)
                                              : at->live[i];
        double earlier = metric == METRIC_DIFF ? before->live[i] : 0;
        size_t count;

        if (value <= 0 && earlier <= 0)
            continue;
        count = query_frames(source->store, process, &process->sites[i], frames, VIEW_FRAMES_MAX);
        rc = flame_add(flame, frames, count, value, earlier);
    }
    flame_sort(flame);
    return rc;
}

static void put_number(struct json *json, const char *key, double bytes)
{
    json_double(json, key, round(bytes));
}

/* As deep as a stack: VIEW_FRAMES_MAX levels. */
static void put_node(struct json *json, const char *key, const struct flame *flame, uint32_t index,
                     bool is_diff)
{
    const struct flame_node *node = &flame->nodes[index];

    json_object(json, key);
    if (index == 0)
        json_str(json, "name", "all");
    else
        view_place(json, "name", &node->frame);
    put_number(json, "value", node->value);
    put_number(json, "self", node->self);
    if (is_diff) {
        put_number(json, "before", node->before);
        put_number(json, "delta", node->value - node->before);
        put_number(json, "self_delta", node->self - node->self_before);
    }
    json_array(json, "children");
    for (uint32_t i = node->first_child; i; i = flame->nodes[i].next)
        put_node(json, NULL, flame, i, is_diff);
    json_array_end(json);
    json_object_end(json);
}

static void put_range(struct json *json, const char *key, const struct figures *figures)
{
    if (!figures->from_ms) {
        json_null(json, key);
        return;
    }
    json_array(json, key);
    json_u64(json, NULL, figures->from_ms);
    json_u64(json, NULL, figures->to_ms);
    json_array_end(json);
}

static void put_graph(struct json *json, const struct process *process, enum metric metric,
                      const struct flame *flame, const struct figures *at,
                      const struct figures *before)
{
    json_object(json, NULL);
    json_str(json, "process_id", process->id);
    json_str(json, "metric", metric_names[metric]);
    json_str(json, "unit", "bytes");
    view_time(json, "from_ms", before->from_ms);
    view_time(json, "to_ms", at->to_ms);
    put_range(json, "before_range_ms", before);
    put_range(json, "range_ms", at);
    view_time(json, "oldest_ms", query_past_oldest_ms(process));
    json_bool(json, "is_cut", flame->is_cut);
    put_node(json, "root", flame, 0, metric == METRIC_DIFF);
    json_object_end(json);
}

/* False: no memory. */
static bool draw(struct http_context *context, const struct http_request *request,
                 struct http_reply *reply, const struct process *process,
                 const struct flame_request *ask, struct figures *at, struct figures *before)
{
    struct flame flame;
    struct json json;
    bool is_done;

    if (flame_init(&flame) < 0)
        return false;
    read_figures(process, ask, context->source.now_wall_ms(), at, before);
    is_done = plant(&flame, &context->source, process, ask->metric, at, before) == 0;
    if (is_done) {
        json_init(&json, &reply->body);
        put_graph(&json, process, ask->metric, &flame, at, before);
        reply_set_weak_etag(reply, reply->body.data, reply->body.len);
        reply_check_match(reply, request);
    }
    flame_done(&flame);
    return is_done;
}

void handle_flamegraph(struct http_context *context, const struct http_request *request,
                       struct http_reply *reply)
{
    struct figures at = {0}, before = {0};
    const struct process *process;
    struct flame_request ask;

    if (!read_request(context, request, reply, &ask))
        return;
    process = handlers_find_process(context, request, reply);
    if (!process)
        return;
    if (!take_figures(&at, process->site_count) || !take_figures(&before, process->site_count) ||
        !draw(context, request, reply, process, &ask, &at, &before))
        reply_problem(reply, 503, "no memory for a flame graph; ask again later");
    drop_figures(&at);
    drop_figures(&before);
}
