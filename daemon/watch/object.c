/* SPDX-License-Identifier: MIT */
/*
 * What speaks against a leak that live bytes cannot know. What is work in progress, a buffer that is
 * flushed or sessions that end: there the oldest objects die and others take their place; who leaks
 * keeps them. And what only waits for the collector: CPython collects its oldest generation when it
 * has grown by a quarter, so that until then cycles that nobody needs look like a leak.
 */
#include <string.h>

#include "daemon/watch/private.h"

/* Of the growth: where so much of it is at sites whose oldest objects die, it is no leak. */
#define DYING_SHARE_MAX 0.5
/* CPython's own: a full collection is due when what is new exceeds a quarter of what is old. */
#define COLLECTION_DUE_SHARE 0.25
/* A collection shows in two blocks of the detector, and then some. */
#define COLLECTION_SEEN_MS 30000u

void object_note(struct process *process, uint64_t now_mono_ms)
{
    uint64_t collections = process->gc.generations[WIRE_GC_GENERATIONS - 1].collections;
    uint64_t since_ms = process->collecting_mono_ms;

    if (since_ms > 0 && now_mono_ms - since_ms >= COLLECTION_SEEN_MS) {
        process->collected_mono_ms = since_ms;
        process->collecting_mono_ms = 0;
    }
    if (!process->has_gc || collections == process->full_collections)
        return;
    if (process->full_collections > 0 && process->collecting_mono_ms == 0)
        process->collecting_mono_ms = now_mono_ms;
    process->full_collections = collections;
}

static void add(struct process *process, struct detect_check check)
{
    process->objections[process->objection_count++] = check;
}

static bool oldest_die(struct process *process, uint64_t lasted_ms, uint64_t now_mono_ms)
{
    double share;

    if (!attribute_dying_share(process, lasted_ms, now_mono_ms, &share))
        return false;
    add(process, (struct detect_check){.test = DETECT_TEST_SITES_LIVE,
                                       .value = share,
                                       .needed = DYING_SHARE_MAX,
                                       .passed = share <= DYING_SHARE_MAX});
    return share > DYING_SHARE_MAX;
}

/* Growth that a full collection, which is not due yet, may end. */
static bool is_uncollected(struct process *process, const struct detect_result *live,
                           uint64_t now_mono_ms)
{
    double gained = live->growth.estimate * (double)(now_mono_ms - live->since_ms) / 1000;
    bool collected = process->collected_mono_ms > live->since_ms;

    if (process->full_collections == 0 || process->group.gained_bytes > 0 || /* not its garbage */
        gained > COLLECTION_DUE_SHARE * ((double)process->live_bytes - gained))
        return false;
    add(process, (struct detect_check){.test = DETECT_TEST_COLLECTED,
                                       .value = collected,
                                       .needed = 1,
                                       .passed = collected});
    return !collected;
}

bool object_is_urgent(const struct process *process, const struct detect_result *growth,
                      uint64_t now_mono_ms)
{
    struct forecast forecast = judge_forecast(process, &growth->growth);

    return forecast.known && forecast.estimate_s * 1000 < (double)(now_mono_ms - growth->since_ms);
}

void object_leak(struct process *process, struct detect_result *live, uint64_t now_mono_ms)
{
    if (verdict_is_alarm(process->verdict) && process->growth_in == GROWTH_IN_ALLOCATIONS)
        return; /* it was heard, and said no */
    process->objection_count = 0;
    if (live->verdict != VERDICT_LEAK)
        return;
    live->oldest_die = oldest_die(process, now_mono_ms - live->since_ms, now_mono_ms);
    live->uncollected = is_uncollected(process, live, now_mono_ms);
    if ((live->oldest_die || live->uncollected) && !object_is_urgent(process, live, now_mono_ms))
        live->verdict = VERDICT_SUSPECT;
}
