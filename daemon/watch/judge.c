/* SPDX-License-Identifier: MIT */
/*
 * Live bytes are the truth about a leak: arenas and pages that the allocator keeps do not disturb
 * them. RSS decides only where there are none. RSS that leaks over live bytes that do not is memory
 * the allocator cannot give back, and called fragmentation.
 */
#include <math.h>

#include "daemon/watch/private.h"

/* Of RSS's growth: what live bytes gain beyond that makes it their growth, not fragmentation. */
#define EXPLAINED_SHARE 0.5
/* Live bytes must have been calm for at least this part of the time in which RSS grew. */
#define CALM_SHARE 0.5

static double add_noise(const struct process *process)
{
    double noise = 0;

    for (int i = 0; i < WIRE_DOMAINS; i++) {
        if (process->domains[i].method == WIRE_METHOD_SAMPLED)
            noise += (double)process->sample_period_bytes * (double)process->domains[i].live_bytes;
    }
    return noise;
}

/* What is left for live bytes below the limit, which counts all resident pages. */
static double limit_for_live(const struct process *process)
{
    double limit = (double)process->limit_bytes;

    if (limit > 0 && process->rss_bytes > process->live_bytes)
        limit -= (double)(process->rss_bytes - process->live_bytes);
    return limit > 0 ? limit : (double)process->limit_bytes;
}

static bool has_live(const struct process *process)
{
    return process->has_totals && process->state == PROCESS_WATCHING;
}

static void feed(struct process *process, uint64_t now_mono_ms)
{
    struct detect_sample sample = {.time_ms = now_mono_ms};

    if (has_live(process)) {
        /* The first of a prefork server is judged by what its workers gain, too. */
        sample.bytes = fmax(0, (double)process->live_bytes + process->group.gained_bytes);
        sample.limit_bytes = limit_for_live(process);
        sample.noise_bytes2 = add_noise(process);
        detector_push(&process->live_detector, &sample);
    }
    if (process->has_rss) {
        sample.bytes = (double)process->rss_bytes;
        sample.limit_bytes = (double)process->limit_bytes;
        sample.noise_bytes2 = 0;
        detector_push(&process->rss_detector, &sample);
    }
}

static bool is_fragmentation(const struct detect_result *live, const struct detect_result *rss,
                             uint64_t now_mono_ms)
{
    double growing_ms = (double)(now_mono_ms - rss->since_ms);
    double calm_ms = (double)(now_mono_ms - live->changed_ms);

    if (rss->verdict != VERDICT_LEAK || verdict_is_growing(live->verdict) || !live->growth.known)
        return false;
    return calm_ms >= CALM_SHARE * growing_ms &&
           live->growth.estimate < EXPLAINED_SHARE * rss->growth.estimate;
}

/* The result that decides, and whether it is RSS's. */
static struct detect_result decide(const struct process *process, uint64_t now_mono_ms,
                                   bool *is_rss)
{
    struct detect_result live, rss;

    detector_read(&process->live_detector, &live);
    detector_read(&process->rss_detector, &rss);
    *is_rss = true;
    /* A lost agent's last word stands while it was an alarm: its process still leaks. */
    if (!has_live(process) && !(process->has_totals && verdict_is_growing(live.verdict)))
        return rss;
    if (is_fragmentation(&live, &rss, now_mono_ms)) {
        rss.verdict = VERDICT_FRAGMENTATION;
        return rss;
    }
    if (process->verdict == VERDICT_FRAGMENTATION && rss.verdict == VERDICT_RESOLVED &&
        !verdict_is_growing(live.verdict))
        return rss;
    *is_rss = false;
    return live;
}

static struct forecast time_to_limit(const struct process *process)
{
    struct forecast unknown = {.known = false};
    double level = (double)(process->has_rss ? process->rss_bytes : process->live_bytes);

    /* Who recycles its workers gives their growth back before it reaches anything. */
    if (!verdict_is_growing(process->verdict) || process->limit_bytes == 0 ||
        process->group.ended > 0)
        return unknown;
    return forecast_to_limit(&process->growth, level + process->group.own_bytes,
                             (double)process->limit_bytes);
}

/* Results carry monotonic times; people read wall time. */
static uint64_t wall_of(uint64_t mono_ms, uint64_t now_mono_ms, uint64_t now_wall_ms)
{
    return now_wall_ms - (now_mono_ms > mono_ms ? now_mono_ms - mono_ms : 0);
}

bool judge_process(struct process *process, uint64_t now_mono_ms, uint64_t now_wall_ms)
{
    struct detect_result result;
    bool changed, has_since;

    feed(process, now_mono_ms);
    result = decide(process, now_mono_ms, &process->fit_is_rss);
    changed = result.verdict != process->verdict;
    has_since = verdict_is_growing(result.verdict) || result.verdict == VERDICT_RESOLVED;
    if (changed)
        process->verdict_wall_ms = now_wall_ms;
    process->verdict = result.verdict;
    process->fit = result;
    process->growth = result.growth;
    process->growth_since_wall_ms =
        has_since ? wall_of(result.since_ms, now_mono_ms, now_wall_ms) : 0;
    process->time_to_limit = time_to_limit(process);
    return changed;
}
