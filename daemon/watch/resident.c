/* SPDX-License-Identifier: MIT */
/*
 * Resident memory leaks and live bytes do not, or by far less. Three things look like that. An
 * allocator cannot give back what was freed: fragmentation. A program uses memory for the first time
 * that it has mapped before, as a Java heap does: that ends by itself. Or memory grows that came from
 * no allocator which the agent sees: reserved and made writable later, as V8 does, or mapped by system
 * call.
 */
#include "daemon/watch/private.h"

/* Of RSS's growth: what live bytes gain beyond that makes it their growth. */
#define EXPLAINED_SHARE 0.5
/* Live bytes must have been calm for at least this part of the time in which RSS grew. */
#define CALM_SHARE 0.5
/* Live bytes that grow, too, are what is told, for their line is known; but not where they are less
 * than this share of all growth. */
#define TOLD_SHARE 0.1
/* Of the limit: so much must be left over for an alarm about mapped memory to end. */
#define FITS_SHARE 0.1
/* Fragmentation lies between live blocks. Where allocators have given out less than this share of
 * what was resident when the growth began, or less than has grown since, it is not theirs. */
#define ALLOCATED_SHARE 0.33

/* Resident memory leaks, and live bytes do not account for it. */
static bool is_unexplained(const struct detect_result *live, const struct detect_result *rss,
                           uint64_t now_mono_ms)
{
    double growing_ms = (double)(now_mono_ms - rss->since_ms);
    double calm_ms = (double)(now_mono_ms - live->changed_ms);

    if (rss->verdict != VERDICT_LEAK || !live->growth.known)
        return false;
    if (verdict_is_growing(live->verdict))
        return live->growth.estimate < TOLD_SHARE * rss->growth.estimate;
    return calm_ms >= CALM_SHARE * growing_ms &&
           live->growth.estimate < EXPLAINED_SHARE * rss->growth.estimate;
}

static double allocated_bytes(const struct process *process)
{
    return (double)process->domains[WIRE_DOMAIN_NATIVE].live_bytes +
           (double)process->domains[WIRE_DOMAIN_PYTHON].live_bytes;
}

static enum growth_in place_of(const struct process *process, const struct detect_result *rss,
                               uint64_t now_mono_ms)
{
    double gained = rss->growth.estimate * (double)(now_mono_ms - rss->since_ms) / 1000;
    double resident = judge_resident_bytes(process), allocated = allocated_bytes(process);

    if (process->is_silent) /* what its allocators gave out is not known */
        return GROWTH_IN_RESIDENT;
    if (resident - (double)process->held_bytes < EXPLAINED_SHARE * gained)
        return GROWTH_IN_MAPPED;
    return allocated >= gained && allocated >= ALLOCATED_SHARE * (resident - gained)
               ? GROWTH_IN_ALLOCATOR
               : GROWTH_IN_ELSEWHERE;
}

/* What is mapped and not used yet finds room below the limit, of which a share is left over. */
static bool mapped_fits(const struct process *process, double share)
{
    double to_come = (double)process->held_bytes - judge_resident_bytes(process);

    return to_come <= judge_room_bytes(process) - share * (double)process->limit_bytes;
}

/* Memory that was mapped before may be all that grows, and that nobody need be told of. A leak is
 * what will not fit below the limit, once that is nearer than the growth is old. */
static enum verdict verdict_of_mapped(const struct process *process,
                                      const struct detect_result *rss, uint64_t now_mono_ms)
{
    return !mapped_fits(process, 0) && object_is_urgent(process, rss, now_mono_ms)
               ? VERDICT_LEAK
               : VERDICT_SUSPECT;
}

static void name_growth(const struct process *process, struct detect_result *rss,
                        uint64_t now_mono_ms, enum growth_in *growth_in)
{
    *growth_in = place_of(process, rss, now_mono_ms);
    if (*growth_in == GROWTH_IN_ALLOCATOR)
        rss->verdict = VERDICT_FRAGMENTATION;
    else if (*growth_in == GROWTH_IN_MAPPED)
        rss->verdict = verdict_of_mapped(process, rss, now_mono_ms);
}

/* Live bytes leak half as much, and have done so for half of the time: a climb of theirs, which is
 * over before the verdict about them is, has not. */
static bool is_accounted(const struct detect_result *live, const struct detect_result *rss,
                         uint64_t now_mono_ms)
{
    return live->verdict == VERDICT_LEAK &&
           live->growth.estimate >= EXPLAINED_SHARE * rss->growth.estimate &&
           now_mono_ms - live->since_ms >= (now_mono_ms - rss->since_ms) / 2;
}

/* An alarm keeps its name, for people have heard it, until what it is about ends, or until live bytes
 * account for it. */
static bool alarm_stands(const struct process *process, const struct detect_result *live,
                         const struct detect_result *rss, uint64_t now_mono_ms)
{
    if (!verdict_is_alarm(process->verdict) || !growth_is_resident(process->growth_in))
        return false;
    if (rss->verdict == VERDICT_RESOLVED)
        return !verdict_is_growing(live->verdict);
    if (process->growth_in == GROWTH_IN_MAPPED && mapped_fits(process, FITS_SHARE))
        return false;
    return rss->verdict == VERDICT_LEAK && !is_accounted(live, rss, now_mono_ms);
}

bool resident_decides(const struct process *process, const struct detect_result *bytes,
                      const struct detect_result *live, struct detect_result *rss,
                      uint64_t now_mono_ms, enum growth_in *growth_in)
{
    enum growth_in place;

    if (alarm_stands(process, live, rss, now_mono_ms)) {
        if (rss->verdict == VERDICT_LEAK)
            rss->verdict = process->verdict;
        *growth_in = process->growth_in;
        return true;
    }
    if (!is_unexplained(bytes, rss, now_mono_ms))
        return false;
    name_growth(process, rss, now_mono_ms, &place);
    if (!verdict_is_alarm(rss->verdict) && verdict_is_growing(live->verdict))
        return false;
    *growth_in = place;
    return true;
}

bool growth_has_no_site(const struct process *process)
{
    return verdict_is_growing(process->verdict) &&
           (process->growth_in == GROWTH_IN_MAPPED || process->growth_in == GROWTH_IN_ELSEWHERE ||
            process->growth_in == GROWTH_IN_JAVA_HEAP);
}
