/* SPDX-License-Identifier: MIT */
/*
 * Live bytes are the truth about a leak: arenas and pages that the allocator keeps do not disturb
 * them. RSS decides only where there are none, and where it leaks and live bytes do not account for
 * it (resident.c).
 */
#include <math.h>
#include <string.h>

#include "daemon/watch/private.h"

static double add_noise(const struct process *process)
{
    double noise = 0;

    for (int i = 0; i < WIRE_DOMAINS; i++) {
        if (process->domains[i].method == WIRE_METHOD_SAMPLED)
            noise += (double)process->sample_period_bytes * (double)process->domains[i].live_bytes;
    }
    return noise;
}

/* What the nearest limit counts already. */
static double used_of(const struct process *process)
{
    if (process->limit_used_bytes > 0)
        return (double)process->limit_used_bytes;
    return (double)(process->has_rss ? process->rss_bytes : process->live_bytes) +
           process->group.own_bytes;
}

double judge_resident_bytes(const struct process *process)
{
    return fmax(0, (double)process->rss_bytes - (double)process->file_bytes);
}

double judge_room_bytes(const struct process *process)
{
    return process->limit_bytes > 0 ? (double)process->limit_bytes - used_of(process) : INFINITY;
}

/* The limit as a series of bytes meets it: a limit binds all that it counts, not this series. */
static double limit_for(const struct process *process, double bytes)
{
    if (process->limit_bytes == 0)
        return 0;
    return bytes + fmax(judge_room_bytes(process), 0);
}

struct forecast judge_forecast(const struct process *process, const struct growth *growth)
{
    return forecast_to_limit(growth, used_of(process), (double)process->limit_bytes);
}

/* One that has said nothing speaks for its workers, also while there is none of them. */
static bool has_live(const struct process *process)
{
    return process->state == PROCESS_WATCHING &&
           (process->has_totals ||
            (process->is_silent && strcmp(process->group.id, process->id) == 0));
}

/* Allocations a second: the load that live bytes may follow. Those of malloc alone, which counts
 * them always; Python's are not counted while it is calm. False at the first look. */
static bool take_load(struct process *process, uint64_t now_mono_ms, double *per_s)
{
    uint64_t count = process->domains[WIRE_DOMAIN_NATIVE].alloc_count;
    uint64_t since_ms = now_mono_ms - process->load_mono_ms;
    bool has_before = process->load_mono_ms != 0 && since_ms > 0;
    uint64_t more = count > process->load_count ? count - process->load_count : 0;

    process->load_count = count;
    process->load_mono_ms = now_mono_ms;
    *per_s = has_before ? (double)more * 1000 / (double)since_ms : 0;
    return has_before;
}

/* What the gain of workers is added to. One that has said nothing gets what they held at first:
 * growth is judged as a share of something, and what has no base is no sample. */
static double own_bytes(const struct process *process)
{
    return process->is_silent ? process->group.base_bytes : (double)process->live_bytes;
}

static void feed(struct process *process, uint64_t now_mono_ms)
{
    struct detect_sample sample = {.time_ms = now_mono_ms};
    double load_per_s;

    if (has_live(process) && take_load(process, now_mono_ms, &load_per_s)) {
        /* The first of a prefork server is judged by what its workers gain, too. */
        sample.bytes = fmax(0, own_bytes(process) + process->group.gained_bytes);
        sample.limit_bytes = limit_for(process, sample.bytes);
        sample.noise_bytes2 = add_noise(process);
        sample.bytes = heap_take_out(process, &sample);
        load_push(&process->live_detector, &sample, load_per_s);
    }
    if (process->has_rss) {
        sample.bytes = judge_resident_bytes(process);
        sample.limit_bytes = limit_for(process, sample.bytes);
        sample.noise_bytes2 = 0;
        /* It needs the patience that live bytes have: it must not be told first for what they hold.
         */
        process->rss_detector.has_load = has_live(process);
        detector_push(&process->rss_detector, &sample);
    }
}

/* The result that decides, and what it is that grows. */
static struct detect_result decide(struct process *process, uint64_t now_mono_ms,
                                   enum growth_in *growth_in)
{
    struct detect_result live, bytes, rss;

    detector_read(&process->live_detector.raw, &bytes); /* explained or not, they are held */
    load_read(&process->live_detector, &live);
    object_leak(process, &live, now_mono_ms);
    *growth_in = heap_split(process, &live, now_mono_ms);
    detector_read(&process->rss_detector, &rss);
    rss.fit_bytes += (double)process->file_bytes; /* it is drawn over all that is resident */
    /* A lost agent's last word stands while it was an alarm: its process still leaks. */
    if (!has_live(process) && !(process->has_totals && verdict_is_growing(live.verdict))) {
        *growth_in = GROWTH_IN_RESIDENT;
        return rss;
    }
    return resident_decides(process, &bytes, &live, &rss, now_mono_ms, growth_in) ? rss : live;
}

static struct forecast time_to_limit(const struct process *process)
{
    struct forecast unknown = {.known = false};

    /* Who recycles its workers gives their growth back before it reaches anything. */
    if (!verdict_is_growing(process->verdict) || process->group.ended > 0)
        return unknown;
    if (process->ends_in_heap)
        return forecast_to_limit(&process->growth, (double)process->heap->totals.used_bytes,
                                 (double)process->heap->totals.max_bytes);
    return judge_forecast(process, &process->growth);
}

/* Results carry monotonic times; people read wall time. */
static uint64_t wall_of(uint64_t mono_ms, uint64_t now_mono_ms, uint64_t now_wall_ms)
{
    return now_wall_ms - (now_mono_ms > mono_ms ? now_mono_ms - mono_ms : 0);
}

bool judge_process(struct process *process, uint64_t now_mono_ms, uint64_t now_wall_ms)
{
    enum growth_in growth_in;
    struct detect_result result;
    bool changed, has_since;

    feed(process, now_mono_ms);
    object_note(process, now_mono_ms);
    heap_note(process, now_mono_ms);
    result = decide(process, now_mono_ms, &growth_in);
    if (result.verdict == VERDICT_RESOLVED && !verdict_is_alarm(process->verdict) &&
        process->verdict != VERDICT_RESOLVED)
        result.verdict = VERDICT_OK; /* of a leak that was doubted and never told */
    process->growth_in = growth_in;
    process->fit_is_rss = growth_is_resident(growth_in);
    changed = result.verdict != process->verdict;
    has_since = verdict_is_growing(result.verdict) || result.verdict == VERDICT_RESOLVED;
    if (changed)
        process->verdict_wall_ms = now_wall_ms;
    process->verdict = result.verdict;
    process->fit = result;
    process->growth = result.growth;
    process->growth_since_wall_ms =
        has_since ? wall_of(result.since_ms, now_mono_ms, now_wall_ms) : 0;
    process->ends_in_heap = heap_ends_first(process);
    process->time_to_limit = time_to_limit(process);
    return changed;
}
