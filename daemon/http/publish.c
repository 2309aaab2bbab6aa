/* SPDX-License-Identifier: MIT */
#include "daemon/http/publish.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/map.h"
#include "daemon/http/context.h"
#include "daemon/http/reply.h"
#include "daemon/http/view.h"

#define TICK_MS 900 /* a second, less what timers are late */

/* One thing that was told, and as of which revision. */
struct told {
    struct told *next;
    uint64_t revision;
    uint64_t round; /* the last tick in which it was there */
    bool marked;
    char id[40];
};

struct told_set {
    struct map *by_id;
    struct told *first;
};

struct publisher {
    struct told_set processes;
    struct told_set incidents;
    uint64_t round;
    uint64_t ticked_ms;
    bool asleep; /* nobody listens: nothing is told, and the sets are empty */
    uint64_t status_sum;
    struct buf text;
};

int publisher_new(struct publisher **out)
{
    struct publisher *publisher = calloc(1, sizeof(*publisher));

    if (!publisher)
        return -ENOMEM;
    publisher->asleep = true;
    buf_init(&publisher->text, REPLY_BYTES_MAX);
    *out = publisher;
    return 0;
}

static void forget_all(struct told_set *set)
{
    while (set->first) {
        struct told *told = set->first;

        set->first = told->next;
        free(told);
    }
    map_free(&set->by_id);
}

void publisher_free(struct publisher *publisher)
{
    if (!publisher)
        return;
    forget_all(&publisher->processes);
    forget_all(&publisher->incidents);
    buf_done(&publisher->text);
    free(publisher);
}

static void mark(struct told_set *set, const char *id)
{
    struct told *told = map_get_str(set->by_id, id);

    if (told)
        told->marked = true;
}

void publisher_mark_process(struct publisher *publisher, const char *id)
{
    mark(&publisher->processes, id);
}

void publisher_mark_incident(struct publisher *publisher, const char *id)
{
    mark(&publisher->incidents, id);
}

static struct told *add_told(struct told_set *set, const char *id)
{
    struct told *told = calloc(1, sizeof(*told));

    if (!told)
        return NULL;
    snprintf(told->id, sizeof(told->id), "%s", id);
    told->marked = true;
    if (map_put_str(&set->by_id, told->id, told) < 0) {
        free(told);
        return NULL;
    }
    told->next = set->first;
    set->first = told;
    return told;
}

/* True when this revision was not told yet. Without memory it is told each time. */
static bool is_news(struct publisher *publisher, struct told_set *set, const char *id,
                    uint64_t revision)
{
    struct told *told = map_get_str(set->by_id, id);
    bool news;

    if (!told)
        told = add_told(set, id);
    if (!told)
        return true;
    news = told->marked || told->revision != revision;
    told->marked = false;
    told->revision = revision;
    told->round = publisher->round;
    return news;
}

static void push_text(struct publisher *publisher, struct http_context *context, const char *name)
{
    if (!publisher->text.failed)
        events_push(context->events, name, publisher->text.data, publisher->text.len);
}

static void begin_text(struct publisher *publisher, struct json *json)
{
    buf_clear(&publisher->text);
    json_init(json, &publisher->text);
}

static void tell_processes(struct publisher *publisher, struct http_context *context)
{
    const struct store *store = context->source.store;
    struct json json;

    for (size_t i = 0; i < query_process_count(store); i++) {
        const struct process *process = query_process_at(store, i);

        if (!is_news(publisher, &publisher->processes, process->id, process->revision))
            continue;
        begin_text(publisher, &json);
        view_process(&json, NULL, &context->source, process);
        push_text(publisher, context, "process");
    }
}

static void tell_incidents(struct publisher *publisher, struct http_context *context)
{
    const struct store *store = context->source.store;
    struct json json;

    for (size_t i = 0; i < query_incident_count(store); i++) {
        const struct incident *incident = query_incident_at(store, i);

        if (!is_news(publisher, &publisher->incidents, incident->id, incident->revision))
            continue;
        begin_text(publisher, &json);
        view_incident(&json, NULL, &context->source, incident);
        push_text(publisher, context, "incident");
    }
}

/* What was there in the last tick and is not now. */
static void tell_removed(struct publisher *publisher, struct http_context *context,
                         struct told_set *set, const char *name)
{
    struct told **link = &set->first;
    struct json json;

    while (*link) {
        struct told *told = *link;

        if (told->round == publisher->round) {
            link = &told->next;
            continue;
        }
        begin_text(publisher, &json);
        json_object(&json, NULL);
        json_str(&json, "id", told->id);
        json_object_end(&json);
        push_text(publisher, context, name);
        *link = told->next;
        map_take_str(&set->by_id, told->id);
        free(told);
    }
}

static void write_status(struct http_context *context, struct json *json)
{
    view_status(json, NULL, &context->source, context->started_wall_ms,
                events_client_count(context->events));
}

/* Counts that people look at; clocks and totals that always move are no news. */
static uint64_t sum_status(struct http_context *context)
{
    struct http_figures figures = {0};
    struct store_stats stats;
    uint64_t parts[8];
    uint64_t sum = 0;

    context->source.figures(context->source.arg, &figures);
    query_stats(context->source.store, &stats);
    parts[0] = figures.agents_connected;
    parts[1] = figures.refused_connections_total;
    parts[2] = figures.bad_frames_total;
    parts[3] = figures.notices_queued;
    parts[4] = figures.notices_given_up_total + figures.notices_delivered_total;
    parts[5] = stats.processes_watching;
    parts[6] = stats.processes;
    parts[7] = stats.incidents_open;
    for (size_t i = 0; i < 8; i++)
        sum = (sum ^ parts[i]) * UINT64_C(0x100000001b3) + 1;
    return sum;
}

static void tell_status(struct publisher *publisher, struct http_context *context)
{
    uint64_t sum = sum_status(context);
    struct json json;

    if (sum == publisher->status_sum)
        return;
    publisher->status_sum = sum;
    begin_text(publisher, &json);
    write_status(context, &json);
    push_text(publisher, context, "status");
}

static void fall_asleep(struct publisher *publisher, struct http_context *context)
{
    if (publisher->asleep)
        return;
    publisher->asleep = true;
    forget_all(&publisher->processes);
    forget_all(&publisher->incidents);
    events_clear(context->events);
}

void publisher_tick(struct publisher *publisher, struct http_context *context)
{
    uint64_t now_ms = context->source.now_mono_ms();

    if (now_ms - publisher->ticked_ms < TICK_MS)
        return;
    publisher->ticked_ms = now_ms;
    if (events_is_idle(context->events, now_ms)) {
        fall_asleep(publisher, context);
        return;
    }
    publisher->asleep = false;
    publisher->round++;
    events_begin_tick(context->events);
    tell_processes(publisher, context);
    tell_incidents(publisher, context);
    tell_removed(publisher, context, &publisher->processes, "process_removed");
    tell_removed(publisher, context, &publisher->incidents, "incident_removed");
    tell_status(publisher, context);
    events_end_tick(context->events, now_ms);
}

void publisher_greet(struct http_context *context, struct event_client *client)
{
    struct buf text;
    struct json json;

    buf_init(&text, 4096);
    json_init(&json, &text);
    write_status(context, &json);
    if (!text.failed)
        events_greet(client, "status", text.data, text.len);
    buf_done(&text);
}
