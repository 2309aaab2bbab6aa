/* SPDX-License-Identifier: MIT */
/*
 * A heap that its runtime collects, as Java's. What a young collection leaves among the old objects
 * is garbage or not: that shows once all of them were looked through (swept), by a full collection,
 * or by a concurrent cycle and the young collections after it, which take what it found. One sweep
 * says what lived then; two say whether more and more does.
 */
#include <math.h>

#include "daemon/watch/private.h"

/* G1 spreads what a cycle found over eight young collections (G1MixedGCCountTarget), which begin
 * with the second after it. */
#define SWEEPS_PER_CYCLE 10u
/* Sweeps are kept at this distance at least: a heap that is nearly full is swept all the time. */
#define SWEEPS_APART_MS 30000u
/* For so long what a sweep has left may turn out to be less. */
#define CORRECT_MS 5000u
/* Of the growth: what sweeps leave must grow by as much to bear it out. And an alarm stays with what
 * it is about while that grows by so much of what else does. */
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

static struct heap_sweep *last_sweep(struct process_heap *heap)
{
    return heap->sweep_count > 0 ? &heap->sweeps[heap->sweep_count - 1] : NULL;
}

static void keep(struct process_heap *heap, uint64_t now_mono_ms)
{
    const struct heap_sweep *last = last_sweep(heap);

    if (last &&
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
    struct heap_sweep *last = last_sweep(heap);

    if (last && now_mono_ms - last->mono_ms < CORRECT_MS &&
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

/* The second of two sweeps since the growth began left so much more that most of it is no garbage. */
static bool is_borne_out(struct process_heap *heap, const struct detect_result *growth,
                         uint64_t now_mono_ms)
{
    const struct heap_sweep *first = heap->sweeps, *last = last_sweep(heap);
    double rate;

    if (!last || last->mono_ms <= growth->since_ms ||
        now_mono_ms - last->mono_ms < CORRECT_MS ||
        last->mono_ms - growth->since_ms < (now_mono_ms - growth->since_ms) / 2)
        return false;
    while (first < last && first->mono_ms < growth->since_ms)
        first++;
    if (first == last)
        return false;
    rate = ((double)last->bytes - (double)first->bytes) * 1000 /
           (double)(last->mono_ms - first->mono_ms);
    return rate >= GROWTH_SHARE * growth->growth.estimate;
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

/* However large the heap becomes, it stays below the process's limit. */
static bool heap_fits(const struct process *process)
{
    return heap_to_come(process) <= judge_room_bytes(process);
}

bool heap_ends_first(const struct process *process)
{
    const struct wire_heap *heap = process->heap ? &process->heap->totals : NULL;

    if (!heap || heap->max_bytes == 0 || process->growth_in != GROWTH_IN_JAVA_HEAP ||
        !verdict_is_alarm(process->verdict))
        return false;
    return (double)heap->max_bytes - (double)heap->used_bytes <= judge_room_bytes(process);
}

/* ---- the heap and the rest of live bytes -------------------------------------------------------- */

double heap_take_out(struct process *process, const struct detect_sample *live)
{
    struct detect_sample sample = *live;
    double used;

    if (!process->heap)
        return live->bytes;
    used = (double)process->heap->totals.used_bytes;
    sample.bytes = used;
    sample.limit_bytes = live->limit_bytes > 0 ? live->limit_bytes - live->bytes + used : 0;
    sample.noise_bytes2 = 0;
    process->heap->detector.has_load = true; /* the patience that live bytes have */
    detector_push(&process->heap->detector, &sample);
    return fmax(0, live->bytes - used);
}

/* An alarm stands for this. */
static bool stands(const struct process *process, enum growth_in in)
{
    return verdict_is_alarm(process->verdict) && process->growth_in == in;
}

/* Makes a leak of the heap a suspicion that may be garbage, unless the process's limit is nearer than
 * certainty. */
static struct detect_check doubt(const struct process *process, struct detect_result *heap,
                                 uint64_t now_mono_ms)
{
    bool is_sure = is_borne_out(process->heap, heap, now_mono_ms);

    heap->uncollected = !is_sure;
    if (!is_sure && (heap_fits(process) || !object_is_urgent(process, heap, now_mono_ms)))
        heap->verdict = VERDICT_SUSPECT;
    return (struct detect_check){
        .test = DETECT_TEST_COLLECTED, .value = is_sure, .needed = 1, .passed = is_sure};
}

/* A leak is told before what has ended, and that before a suspicion. */
static int rank(const struct process *process, enum growth_in in, enum verdict verdict)
{
    if (verdict == VERDICT_LEAK)
        return 3;
    if (verdict == VERDICT_RESOLVED && stands(process, in))
        return 2;
    return verdict == VERDICT_SUSPECT;
}

/* The faster of two that are ranked alike; but an alarm stays with what it was about until the other
 * is twice as fast. */
static bool heap_decides(const struct process *process, const struct detect_result *rest,
                         const struct detect_result *heap)
{
    int of_rest = rank(process, GROWTH_IN_ALLOCATIONS, rest->verdict);
    int of_heap = rank(process, GROWTH_IN_JAVA_HEAP, heap->verdict);
    double share = 1;

    if (of_rest != of_heap || of_heap == 0)
        return of_heap > of_rest;
    if (stands(process, GROWTH_IN_JAVA_HEAP))
        share = GROWTH_SHARE;
    else if (stands(process, GROWTH_IN_ALLOCATIONS))
        share = 1 / GROWTH_SHARE;
    return heap->growth.estimate >= share * rest->growth.estimate;
}

enum growth_in heap_split(struct process *process, struct detect_result *live, uint64_t now_mono_ms)
{
    struct detect_check collected;
    struct detect_result heap;
    bool is_doubted;
    double used;

    if (!process->heap)
        return GROWTH_IN_ALLOCATIONS;
    used = (double)process->heap->totals.used_bytes;
    detector_read(&process->heap->detector, &heap);
    live->fit_bytes += used; /* both are drawn over all live bytes */
    heap.fit_bytes += fmax(0, (double)process->live_bytes - used);
    is_doubted = heap.verdict == VERDICT_LEAK && !stands(process, GROWTH_IN_JAVA_HEAP);
    if (is_doubted)
        collected = doubt(process, &heap, now_mono_ms);
    if (!heap_decides(process, live, &heap))
        return GROWTH_IN_ALLOCATIONS;
    if (!stands(process, GROWTH_IN_JAVA_HEAP))
        process->objection_count = 0;
    if (is_doubted)
        process->objections[process->objection_count++] = collected;
    *live = heap;
    return GROWTH_IN_JAVA_HEAP;
}
