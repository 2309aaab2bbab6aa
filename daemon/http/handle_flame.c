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

#define PLACES_MAX 50

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

/* The whole stacks, and their culprits alone: the lines to look at. */
struct graph {
    struct flame stacks;
    struct flame places;
};

static int plant(struct graph *graph, const struct http_source *source,
                 const struct process *process, enum metric metric, const struct figures *at,
                 const struct figures *before)
{
    struct frame frames[VIEW_FRAMES_MAX];
    const struct frame *culprit;
    int rc = 0;

    for (size_t i = 0; i < process->site_count && rc == 0; i++) {
        double value =
            metric == METRIC_ALLOC ? fmax(at->alloc[i] - before->alloc[i], 0) : at->live[i];
        double earlier = metric == METRIC_DIFF ? before->live[i] : 0;
        size_t count;

        if (value <= 0 && earlier <= 0)
            continue;
        count = query_frames(source->store, process, &process->sites[i], frames, VIEW_FRAMES_MAX);
        culprit = query_culprit(frames, count);
        rc = flame_add(&graph->stacks, frames, count, value, earlier);
        if (rc == 0 && culprit)
            rc = flame_add(&graph->places, culprit, 1, value, earlier);
    }
    flame_sort(&graph->stacks);
    flame_sort(&graph->places);
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

static int more_changed_first(const void *a, const void *b)
{
    const struct flame_node *x = *(const struct flame_node *const *)a;
    const struct flame_node *y = *(const struct flame_node *const *)b;
    double by_x = fabs(x->value - x->before), by_y = fabs(y->value - y->before);

    if (by_x != by_y)
        return by_x < by_y ? 1 : -1;
    return x < y ? -1 : x > y;
}

static void put_place(struct json *json, const struct flame_node *node, bool is_diff)
{
    json_object(json, NULL);
    view_culprit_frame(json, "culprit", &node->frame);
    put_number(json, "value", node->value);
    if (is_diff) {
        put_number(json, "before", node->before);
        put_number(json, "delta", node->value - node->before);
    }
    json_object_end(json);
}

/* By change; without a before that is by size. Without memory there are none. */
static void put_places(struct json *json, const struct flame *places, bool is_diff)
{
    const struct flame_node **list = calloc(places->count, sizeof(struct flame_node *));
    uint32_t count = 0;

    json_array(json, "places");
    for (uint32_t i = 1; list && i < places->count; i++)
        list[count++] = &places->nodes[i];
    if (count > 0)
        qsort(list, count, sizeof(struct flame_node *), more_changed_first);
    for (uint32_t i = 0; i < count && i < PLACES_MAX; i++)
        put_place(json, list[i], is_diff);
    json_array_end(json);
    free(list);
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
                      const struct graph *graph, const struct figures *at,
                      const struct figures *before)
{
    bool is_diff = metric == METRIC_DIFF;

    json_object(json, NULL);
    json_str(json, "process_id", process->id);
    json_str(json, "metric", metric_names[metric]);
    json_str(json, "unit", "bytes");
    view_time(json, "from_ms", before->from_ms);
    view_time(json, "to_ms", at->to_ms);
    put_range(json, "before_range_ms", before);
    put_range(json, "range_ms", at);
    view_time(json, "oldest_ms", query_past_oldest_ms(process));
    json_bool(json, "is_cut", graph->stacks.is_cut);
    put_places(json, &graph->places, is_diff);
    put_node(json, "root", &graph->stacks, 0, is_diff);
    json_object_end(json);
}

/* False: no memory. */
static bool draw(struct http_context *context, const struct http_request *request,
                 struct http_reply *reply, const struct process *process,
                 const struct flame_request *ask, struct figures *at, struct figures *before)
{
    struct graph graph = {0};
    struct json json;
    bool is_done = false;

    if (flame_init(&graph.stacks) == 0 && flame_init(&graph.places) == 0) {
        read_figures(process, ask, context->source.now_wall_ms(), at, before);
        is_done = plant(&graph, &context->source, process, ask->metric, at, before) == 0;
    }
    if (is_done) {
        json_init(&json, &reply->body);
        put_graph(&json, process, ask->metric, &graph, at, before);
        reply_set_weak_etag(reply, reply->body.data, reply->body.len);
        reply_check_match(reply, request);
    }
    flame_done(&graph.stacks);
    flame_done(&graph.places);
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
