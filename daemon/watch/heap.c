/* SPDX-License-Identifier: MIT */
/*
 * A heap that its runtime collects, as Java's. What a young collection leaves among the old objects
 * is garbage or not: that shows once all of them were looked through (swept), by a full collection,
 * or by a concurrent cycle and the young collections after it, which take what it found. One sweep
 * says what lived then; two say whether more and more does.
 */
#include <math.h>
#include <string.h>

#include "daemon/watch/private.h"

/* G1 spreads what a cycle found over eight young collections (G1MixedGCCountTarget), which begin
 * with the second after it. */
#define SWEEPS_PER_CYCLE 10u
/* Sweeps are kept at this distance at least: a heap that is nearly full is swept all the time. */
#define SWEEPS_APART_MS 30000u
/* For so long what a sweep has left may turn out to be less. */
#define CORRECT_MS 5000u
/* Of the growth of live bytes: what is not in the heap decides from here on. What sweeps leave must
 * grow by as much to bear the growth out. */
#define GROWTH_SHARE 0.5

/* ---- sweeps --------------------------------------------------------------------------------- */

static bool was_swept(struct process_heap *heap)
{
    const struct wire_heap *totals = &heap->totals;
    bool is_full = totals->full_collections > heap->full_seen;
    bool has_cycled = totals->cycle_pauses > heap->pauses_seen;

    heap->full_seen = totals->full_collections;
    heap->pauses_seen = totals->cycle_pauses;
    if (has_cycled && heap->swept_at == 0)
        heap->swept_at = totals->young_collections + SWEEPS_PER_CYCLE;
    if (heap->swept_at > totals->young_collections + SWEEPS_PER_CYCLE)
        heap->swept_at = 0; /* counts that went backwards */
    if (!is_full && (heap->swept_at == 0 || totals->young_collections < heap->swept_at))
        return false;
    heap->swept_at = 0;
    return true;
}

/* When there is no room, every second one is let go. */
static void keep_half(struct process_heap *heap)
{
    for (size_t i = 0; i < HEAP_SWEEPS_MAX / 2; i++)
        heap->sweeps[i] = heap->sweeps[2 * i];
    heap->sweep_count = HEAP_SWEEPS_MAX / 2;
}

static void keep(struct process_heap *heap, uint64_t now_mono_ms)
{
    const struct heap_sweep *last = heap->sweeps + heap->sweep_count - 1;

    if (heap->sweep_count > 0 &&
        (now_mono_ms - last->mono_ms < SWEEPS_APART_MS ||
         now_mono_ms - last->mono_ms < (last->mono_ms - heap->sweeps[0].mono_ms) / HEAP_SWEEPS_MAX))
        return;
    if (heap->sweep_count == HEAP_SWEEPS_MAX)
        keep_half(heap);
    heap->sweeps[heap->sweep_count++] = (struct heap_sweep){now_mono_ms, heap->totals.used_bytes};
}

/* The counts of some releases are ahead of the bytes, by microseconds. */
static void correct(struct process_heap *heap, uint64_t now_mono_ms)
{
    struct heap_sweep *last = heap->sweeps + heap->sweep_count - 1;

    if (heap->sweep_count > 0 && now_mono_ms - last->mono_ms < CORRECT_MS &&
        heap->totals.used_bytes < last->bytes)
        last->bytes = heap->totals.used_bytes;
}

void heap_note(struct process *process, uint64_t now_mono_ms)
{
    if (!process->heap)
        return;
    correct(process->heap, now_mono_ms);
    if (was_swept(process->heap))
        keep(process->heap, now_mono_ms);
}

bool heap_is_borne_out(const struct process *process, const struct detect_result *live,
                       uint64_t now_mono_ms)
{
    const struct process_heap *heap = process->heap;
    const struct heap_sweep *first = heap->sweeps, *last = first + heap->sweep_count - 1;
    double rate;

    if (heap->sweep_count < 2 || last->mono_ms <= live->since_ms)
        return false;
    while (first < last && first->mono_ms < live->since_ms)
        first++;
    if (first == last || now_mono_ms - last->mono_ms < CORRECT_MS || last->mono_ms - live->since_ms < (now_mono_ms - live->since_ms) / 2)
        return false;
    rate = ((double)last->bytes - (double)first->bytes) * 1000 /
           (double)(last->mono_ms - first->mono_ms);
    return rate >= GROWTH_SHARE * live->growth.estimate;
}

/* ---- the heap and the rest -------------------------------------------------------------------- */

void heap_feed_rest(struct process *process, const struct detect_sample *live)
{
    struct detect_sample sample = *live;

    if (!process->heap)
        return;
    sample.bytes = fmax(0, live->bytes - (double)process->heap->totals.used_bytes);
    process->heap->rest.has_load = true; /* the patience that live bytes have */
    detector_push(&process->heap->rest, &sample);
}

static bool rest_decides(const struct process *process, const struct detect_result *live,
                         const struct detect_result *rest)
{
    bool heap_stands = process->growth_in == GROWTH_IN_JAVA_HEAP &&
                       verdict_is_alarm(process->verdict) && live->verdict == VERDICT_LEAK;

    if (!verdict_is_growing(rest->verdict) || heap_stands)
        return false;
    return rest->verdict == VERDICT_LEAK || !verdict_is_growing(live->verdict) ||
           rest->growth.estimate >= GROWTH_SHARE * live->growth.estimate;
}

enum growth_in heap_split(struct process *process, struct detect_result *live)
{
    struct process_heap *heap = process->heap;
    struct detect_result rest;

    if (!heap)
        return GROWTH_IN_ALLOCATIONS;
    detector_read(&heap->rest, &rest);
    heap->rest_decides = rest_decides(process, live, &rest);
    if (!heap->rest_decides)
        return GROWTH_IN_JAVA_HEAP;
    *live = rest;
    live->fit_bytes += (double)heap->totals.used_bytes; /* it is drawn over the live bytes */
    return GROWTH_IN_ALLOCATIONS;
}

/* ---- limits ------------------------------------------------------------------------------------ */

/* What of the heap is not resident yet: it was used once, or the rest of the process is not. */
static double heap_to_come(const struct process *process)
{
    const struct wire_heap *heap = &process->heap->totals;
    double most = (double)(heap->max_bytes > 0 ? heap->max_bytes : heap->committed_bytes);
    double rest = (double)process->held_bytes - (double)heap->committed_bytes;
    double touched = judge_resident_bytes(process) - fmax(rest, 0);

    return most - fmax(touched, (double)heap->used_bytes);
}

bool heap_fits(const struct process *process)
{
    return process->limit_bytes == 0 ||
           heap_to_come(process) <= (double)process->limit_bytes - judge_used_bytes(process);
}

bool heap_ends_first(const struct process *process)
{
    const struct wire_heap *heap = process->heap ? &process->heap->totals : NULL;

    if (!heap || heap->max_bytes == 0 || process->growth_in != GROWTH_IN_JAVA_HEAP ||
        !verdict_is_alarm(process->verdict))
        return false;
    return process->limit_bytes == 0 || (double)heap->max_bytes - (double)heap->used_bytes <=
                                            (double)process->limit_bytes - judge_used_bytes(process);
}
