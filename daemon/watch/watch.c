/* SPDX-License-Identifier: MIT */
#include "daemon/watch/watch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/map.h"
#include "daemon/watch/private.h"

#define LIMIT_STEP_MS     10000u /* limits change when people change them */
#define ATTRIBUTE_STEP_MS 5000u  /* 4096 regressions are some milliseconds */
#define ORDER_STEP_MS     10000u
/* Under suspicion the sampler looks eight times as often: 25 samples of a leak are then 25 * 64 KiB
 * at the usual period. Looked at closer than that, what a large program imports would by itself fill
 * the agent's table of sites, and a leak that comes later would find no room in it. */
#define ZOOM_FACTOR        8u
#define ZOOM_BYTES_MIN     65536u
#define PERIOD_BYTES_USUAL 524288u

int watch_new(struct store *store, const struct procfs *fs, const struct watch_hooks *hooks,
              struct watch **out)
{
    struct watch *watch = calloc(1, sizeof(*watch));

    if (!watch)
        return -ENOMEM;
    watch->store = store;
    watch->fs = *fs;
    watch->hooks = *hooks;
    procfs_read_boot_id(&watch->fs, watch->boot_id); /* "" where there is none */
    procfs_read_host(&watch->fs, watch->host, sizeof(watch->host));
    *out = watch;
    return 0;
}

static int list_watched(struct watch *watch, struct watched *watched)
{
    size_t cap = watch->cap ? watch->cap * 2 : 64;
    struct watched **list;
    int rc;

    if (watch->count == watch->cap) {
        list = realloc(watch->list, cap * sizeof(struct watched *));
        if (!list)
            return -ENOMEM;
        watch->list = list;
        watch->cap = cap;
    }
    rc = map_put_str(&watch->watched, watched->id, watched);
    if (rc == 0)
        watch->list[watch->count++] = watched;
    return rc;
}

/* Finds or makes it; NULL: no memory. */
static struct watched *find_watched(struct watch *watch, const struct process *process)
{
    struct watched *watched = map_get_str(watch->watched, process->id);

    if (watched)
        return watched;
    watched = calloc(1, sizeof(*watched));
    if (!watched)
        return NULL;
    memcpy(watched->id, process->id, sizeof(watched->id));
    watched->base_period_bytes =
        process->sample_period_bytes ? process->sample_period_bytes : PERIOD_BYTES_USUAL;
    if (list_watched(watch, watched) < 0) {
        free(watched);
        return NULL;
    }
    adopt_incident(watch, watched, process);
    return watched;
}

static void forget_at(struct watch *watch, size_t index)
{
    struct watched *watched = watch->list[index];

    map_take_str(&watch->watched, watched->id);
    free(watched);
    watch->list[index] = watch->list[--watch->count];
}

void watch_free(struct watch *watch)
{
    if (!watch)
        return;
    while (watch->count > 0)
        forget_at(watch, watch->count - 1);
    free(watch->list);
    map_free(&watch->living);
    free(watch);
}

/* Of processes that the store has forgotten. */
static void forget_gone(struct watch *watch)
{
    for (size_t i = watch->count; i-- > 0;) {
        if (watch->list[i]->last_tick != watch->tick)
            forget_at(watch, i);
    }
}

/* Costs several times what the rest does: only when pages have come or gone that may be files'. */
static void read_files(const struct watch *watch, struct watched *watched, struct process *process,
                       uint64_t shared_bytes)
{
    if (shared_bytes == watched->shared_bytes)
        return;
    watched->shared_bytes = shared_bytes;
    procfs_read_file_bytes(&watch->fs, process->identity.pid, &process->file_bytes);
}

static void read_facts(struct watch *watch, struct watched *watched, struct process *process)
{
    struct procfs_memory_limit limit;
    pid_t pid = process->identity.pid;
    uint64_t rss_bytes, shared_bytes;

    if (pid == 0) /* another pid namespace */
        return;
    if (procfs_read_rss_bytes(&watch->fs, pid, &rss_bytes, &shared_bytes) == 0) {
        read_files(watch, watched, process, shared_bytes);
        store_put_rss(watch->store, process, rss_bytes, watch->now_mono_ms, watch->now_wall_ms);
    }
    if (watch->now_mono_ms < watched->limit_due_ms)
        return;
    watched->limit_due_ms = watch->now_mono_ms + LIMIT_STEP_MS;
    if (procfs_read_limit(&watch->fs, pid, &limit) < 0)
        return;
    store_put_limit(watch->store, process, limit.source == LIMIT_NONE ? 0 : limit.bytes,
                    procfs_limit_name(limit.source));
    process->limit_used_bytes = limit.used_bytes;
}

/* The fast profile is for tests and demonstrations, which end before a second look would come: it
 * looks closely from the beginning. */
static bool is_fast(const struct process *process)
{
    return strcmp(detect_profile_name(process->profile), "fast") == 0;
}

static void order(struct watch *watch, struct watched *watched, const struct process *process)
{
    uint64_t period = watched->base_period_bytes;

    watched->order_due_ms = watch->now_mono_ms + ORDER_STEP_MS;
    if (watched->zoomed) {
        period /= ZOOM_FACTOR;
        if (period < ZOOM_BYTES_MIN)
            period = ZOOM_BYTES_MIN;
        if (period > watched->base_period_bytes) /* it looks closer than that by itself */
            period = watched->base_period_bytes;
    }
    if (watch->hooks.on_zoom)
        watch->hooks.on_zoom(watch->hooks.arg, process, period, watched->zoomed);
}

/* Orders when something changed, and again when the agent, perhaps reconnected, does otherwise. */
static void zoom(struct watch *watch, struct watched *watched, const struct process *process)
{
    const struct process *first = group_first(watch->store, process);
    bool wanted = verdict_is_growing(process->verdict) || is_fast(process) ||
                  (first && verdict_is_growing(first->verdict));
    bool can_python = process->capabilities & WIRE_CAP_PYTHON;
    bool obeyed = !can_python || process->attributing == wanted;

    if (wanted != watched->zoomed) {
        watched->zoomed = wanted;
        order(watch, watched, process);
    } else if (!obeyed && watch->now_mono_ms >= watched->order_due_ms) {
        order(watch, watched, process);
    }
}

/* No site leaks in a process that does not, or not yet for sure, unless it is a worker of one. */
static bool is_leak(const struct watch *watch, const struct process *process)
{
    const struct process *first = group_first(watch->store, process);

    return verdict_is_alarm(process->verdict) || (first && verdict_is_alarm(first->verdict));
}

static void attribute(struct watch *watch, struct watched *watched, struct process *process)
{
    if (!watched->zoomed) {
        if (watched->attributing_ms != 0)
            attribute_forget(process);
        watched->attributing_ms = 0;
        return;
    }
    attribute_note(process, watch->now_mono_ms, watched->attributing_ms != 0);
    if (watched->attributing_ms == 0)
        watched->attributing_ms = watch->now_mono_ms;
    if (watch->now_mono_ms < watched->attribute_due_ms)
        return;
    watched->attribute_due_ms = watch->now_mono_ms + ATTRIBUTE_STEP_MS;
    attribute_test(process, is_leak(watch, process));
}

/* The sentence is renewed with every verdict, and while it speaks of growth. */
static void summarize(struct watch *watch, struct process *process, bool changed)
{
    char summary[sizeof(process->summary)];

    bool has_ended = process->ended_mono_ms != 0;

    if (!changed && process->summary[0] && (has_ended || !verdict_is_growing(process->verdict)))
        return;
    words_summary(watch->store, process, watch->now_wall_ms, summary, sizeof(summary));
    if (strcmp(summary, process->summary) == 0)
        return;
    memcpy(process->summary, summary, sizeof(process->summary));
    store_touch(process);
}

static void tick_process(struct watch *watch, struct watched *watched, struct process *process)
{
    bool changed;

    read_facts(watch, watched, process);
    if (process->state == PROCESS_WATCHING)
        store_repeat_totals(watch->store, process, watch->now_mono_ms, watch->now_wall_ms);
    group_note(watch, watched, process);
    changed = judge_process(process, watch->now_mono_ms, watch->now_wall_ms);
    if (changed)
        watched->attribute_due_ms = watch->now_mono_ms; /* the verdict is the sites' bar, too */
    zoom(watch, watched, process);
    attribute(watch, watched, process);
    store_take_shot(watch->store, process, watched->zoomed, watch->now_wall_ms);
    summarize(watch, process, changed);
    if (changed) {
        store_touch(process);
        if (watch->hooks.on_verdict)
            watch->hooks.on_verdict(watch->hooks.arg, process);
    }
    incident_follow(watch, watched, process);
    keeper_grant(watch, watched, process);
}

void watch_tick(struct watch *watch, uint64_t now_mono_ms, uint64_t now_wall_ms)
{
    struct process *process;

    watch->now_mono_ms = now_mono_ms;
    watch->now_wall_ms = now_wall_ms;
    watch->tick++;
    store_settle(watch->store);
    for (size_t i = 0; (process = store_process_at(watch->store, i)) != NULL; i++) {
        struct watched *watched = find_watched(watch, process);

        if (!watched) /* no memory: it is seen again in a second */
            continue;
        watched->last_tick = watch->tick;
        store_expire_snapshot(process, now_mono_ms, now_wall_ms);
        if (process->ended_mono_ms != 0) {
            watch_process_ended(watch, process, now_mono_ms, now_wall_ms);
        } else {
            watched->is_ended = false; /* back after a loss */
            tick_process(watch, watched, process);
        }
    }
    group_settle(watch);
    forget_gone(watch);
    adopt_orphans(watch);
    request_expire(watch);
    incident_age(watch);
}

void watch_process_ended(struct watch *watch, struct process *process, uint64_t now_mono_ms,
                         uint64_t now_wall_ms)
{
    struct watched *watched = find_watched(watch, process);

    watch->now_mono_ms = now_mono_ms;
    watch->now_wall_ms = now_wall_ms;
    if (!watched || watched->is_ended || process->ended_mono_ms == 0)
        return;
    watched->is_ended = true;
    watched->last_tick = watch->tick;
    group_leave(watch, process);
    summarize(watch, process, false); /* it may have ended before its first tick */
    incident_end(watch, watched, process);
    store_touch(process);
}

static struct delivery *find_delivery(struct incident *incident,
                                      const struct alert_delivery *delivery)
{
    for (size_t i = 0; i < incident->delivery_count; i++) {
        struct delivery *known = &incident->deliveries[i];

        if (strcmp(known->notice_id, delivery->notice_id) == 0 &&
            strcmp(known->receiver, delivery->receiver) == 0)
            return known;
    }
    return NULL;
}

static struct delivery *add_delivery(struct incident *incident)
{
    if (incident->delivery_count == INCIDENT_DELIVERIES_MAX) {
        incident->delivery_count--;
        memmove(&incident->deliveries[0], &incident->deliveries[1],
                incident->delivery_count * sizeof(incident->deliveries[0]));
    }
    return &incident->deliveries[incident->delivery_count++];
}

void watch_delivery(struct watch *watch, const struct alert_delivery *delivery,
                    uint64_t now_wall_ms)
{
    struct incident *incident = store_incident(watch->store, delivery->incident_id);
    struct delivery *kept;

    if (!incident) /* a test, or forgotten meanwhile */
        return;
    kept = find_delivery(incident, delivery);
    if (!kept)
        kept = add_delivery(incident);
    memset(kept, 0, sizeof(*kept));
    snprintf(kept->receiver, sizeof(kept->receiver), "%s", delivery->receiver);
    snprintf(kept->event, sizeof(kept->event), "%s", delivery->event);
    snprintf(kept->notice_id, sizeof(kept->notice_id), "%s", delivery->notice_id);
    snprintf(kept->error, sizeof(kept->error), "%s", delivery->error);
    kept->attempts = delivery->attempts;
    kept->http_status = delivery->http_status;
    kept->delivered = delivery->delivered;
    kept->at_wall_ms = now_wall_ms;
    store_touch_incident(incident);
    if (watch->hooks.on_incident)
        watch->hooks.on_incident(watch->hooks.arg, incident, WATCH_INCIDENT_UPDATED);
}
