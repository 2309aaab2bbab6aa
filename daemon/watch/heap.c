/* SPDX-License-Identifier: MIT */
/*
 * A heap that its runtime collects, as Java's. What a young collection leaves among the old objects
 * is garbage or not: that shows once all of them were looked at, by a full collection, or by a
 * concurrent cycle and the young collections after it, which take what it found.
 */
#include "daemon/watch/private.h"

/* G1 spreads what a cycle found over eight young collections (G1MixedGCCountTarget), which begin
 * with the second after it. */
#define SWEEPS_PER_CYCLE 10u
/* Of what live bytes gained: from here on it is the heap that grows. */
#define HEAP_SHARE 0.5
/* A heap that was just collected holds nothing of the growth which the detector sees for some blocks
 * more. */
#define FALL_SEEN_MS 120000u

static bool is_swept(struct process_heap *heap)
{
    const struct wire_heap *totals = &heap->totals;
    bool is_full = totals->full_collections > heap->full_seen;
    bool has_cycled = totals->cycle_pauses > heap->pauses_seen;

    heap->full_seen = totals->full_collections;
    heap->pauses_seen = totals->cycle_pauses;
    if (has_cycled && heap->swept_at == 0)
        heap->swept_at = totals->young_collections + SWEEPS_PER_CYCLE;
    if (!is_full && (heap->swept_at == 0 || totals->young_collections < heap->swept_at))
        return false;
    heap->swept_at = 0;
    return true;
}

void heap_note(struct process *process, uint64_t now_mono_ms)
{
    if (process->heap && is_swept(process->heap))
        process->collected_mono_ms = now_mono_ms;
}

static double used_at(const struct points *used, uint64_t mono_ms)
{
    uint64_t step = mono_ms > used->first_mono_ms ? (mono_ms - used->first_mono_ms) / used->step_ms : 0;

    return used->values[step < used->count ? step : used->count - 1];
}

static bool holds_gain(const struct process_heap *heap, const struct detect_result *live,
                       uint64_t now_mono_ms)
{
    double gained = live->growth.estimate * (double)(now_mono_ms - live->since_ms) / 1000;

    return heap->used.count > 0 && (double)heap->totals.used_bytes -
                                           used_at(&heap->used, live->since_ms) >=
                                       HEAP_SHARE * gained;
}

void heap_look(struct process *process, const struct detect_result *live, uint64_t now_mono_ms)
{
    struct process_heap *heap = process->heap;

    if (!heap)
        return;
    heap->grows = verdict_is_growing(live->verdict) &&
                  (holds_gain(heap, live, now_mono_ms) ||
                   (heap->grows && now_mono_ms - heap->grew_mono_ms < FALL_SEEN_MS));
    if (heap->grows && holds_gain(heap, live, now_mono_ms))
        heap->grew_mono_ms = now_mono_ms;
}

bool heap_grows(const struct process *process)
{
    return process->heap && process->heap->grows;
}

bool heap_fits(const struct process *process)
{
    const struct wire_heap *heap = &process->heap->totals;
    double room = (double)process->limit_bytes - judge_used_bytes(process);

    return heap->max_bytes > 0 &&
           (process->limit_bytes == 0 || (double)heap->max_bytes - (double)heap->used_bytes <= room);
}

void heap_put_limit(struct process *process)
{
    if (process->growth_in != GROWTH_IN_JAVA_HEAP || !verdict_is_alarm(process->verdict) ||
        !heap_fits(process))
        return;
    process->limit_bytes = process->heap->totals.max_bytes;
    process->limit_used_bytes = process->heap->totals.used_bytes;
    process->limit_source = HEAP_LIMIT_NAME;
}
