/* SPDX-License-Identifier: MIT */
#include "daemon/detect/verdict.h"

#include <math.h>

#include "daemon/detect/candidate.h"
#include "daemon/detect/climb.h"
#include "daemon/detect/day.h"
#include "daemon/detect/detect.h"
#include "daemon/detect/ladder.h"
#include "daemon/detect/profile.h"

const char *verdict_name(enum verdict verdict)
{
    static const char *const names[] = {
#define X(name, text) [VERDICT_##name] = text,
        VERDICTS(X)
#undef X
    };

    return names[verdict];
}

static void become(struct detector *detector, enum verdict verdict)
{
    detector->found.verdict = (uint8_t)verdict;
    detector->found.changed_ms = detector->last_ms;
    if (verdict == VERDICT_RESOLVED)
        detector->found.resolved_at = detector->closed;
}

static uint64_t time_of(const struct detector *detector, double block)
{
    return detector->start_ms + (uint64_t)(fmax(block, 0) * detector->block_ms);
}

/* What a window that passes ends with; its newest block may not have held a trough yet. */
static float reached(const struct detector *detector, unsigned scale)
{
    return fminf(blocks_at(detector, scale, 0), blocks_at(detector, scale, 1));
}

/* Rate and scale are those of the largest window that passes. */
static void follow(struct detector *detector, const struct candidate *candidate)
{
    double begin = fmax(detector->born, detector->closed - candidate->lasted);
    uint64_t since_ms = time_of(detector, begin);

    detector->found.scale = (uint8_t)candidate->scale;
    detector->found.rate = (float)candidate->rate;
    detector->found.peak_rate = detector->found.verdict == VERDICT_LEAK
                              ? fmaxf(detector->found.peak_rate, detector->found.rate)
                              : detector->found.rate;
    if (detector->found.verdict != VERDICT_LEAK)
        detector->found.top = 0;
    detector->found.top = fmaxf(detector->found.top, reached(detector, candidate->scale));
    if (detector->found.verdict == VERDICT_LEAK && since_ms >= detector->found.since_ms)
        return;
    detector->found.since_ms = since_ms;
    detector->found.base = blocks_at(detector, candidate->scale, DETECT_BLOCKS - 1);
}

static void follow_day(struct detector *detector)
{
    detector->found.scale = DETECT_SCALES;
    detector->found.rate = (float)day_rate(detector);
    detector->found.peak_rate = detector->found.rate;
    if (detector->found.verdict == VERDICT_LEAK)
        return;
    detector->found.since_ms = time_of(detector, detector->closed - 86400.0 * 1000 / detector->block_ms);
    detector->found.base = 0;
}

static bool is_flat(const struct detector *detector, unsigned scale)
{
    return ladder_growth_max(detector, scale) < detect_rules.flat_share * detector->found.rate;
}

static bool leak_has_ended(const struct detector *detector)
{
    unsigned scale = detector->found.scale;
    const struct detect_ring *ring = &detector->found.rings[scale];
    unsigned half = scale > 0 ? scale - 1 : 0;

    if (scale == DETECT_SCALES)
        return day_is_over(detector);
    if (ring->slope < detect_rules.gone_share * detector->found.rate)
        return true;
    return ladder_fails(detector, half) >= detect_rules.leave_fails &&
           is_flat(detector, half) &&
           ring->slope < detect_rules.weak_share * detector->found.rate;
}

/* A leak does not give back what it took: next to nothing stands of it. A flush has done that to it;
 * that it grows again is not the same growth. Lower envelopes are compared, so that no trough between
 * two collections looks like it. */
static bool leak_is_gone(const struct detector *detector)
{
    if (detector->found.base <= 0 || detector->found.scale == DETECT_SCALES)
        return false;
    return detector->level - detector->found.base <
           detect_rules.gone_share * (detector->found.top - detector->found.base);
}

double verdict_lasted(const struct detector *detector)
{
    return detector->last_ms > detector->found.since_ms
               ? (double)(detector->last_ms - detector->found.since_ms) / detector->block_ms
               : 0;
}

static void leak_end(struct detector *detector)
{
    climb_end(detector, verdict_lasted(detector));
    become(detector, VERDICT_RESOLVED);
}

static void leak_step(struct detector *detector, const struct candidate *candidate)
{
    if (leak_is_gone(detector) ||
        (candidate && candidate->rate < detect_rules.flat_share * detector->found.peak_rate)) {
        leak_end(detector);
    } else if (candidate) {
        follow(detector, candidate);
    } else if (day_grows(detector)) {
        follow_day(detector);
    } else if (leak_has_ended(detector)) {
        leak_end(detector);
    }
}

static void calm_step(struct detector *detector)
{
    if (detector->found.verdict == VERDICT_LEARNING && ladder_is_full(detector, 0))
        become(detector, VERDICT_OK);
    else if (detector->found.verdict == VERDICT_RESOLVED &&
             detector->closed - detector->found.resolved_at >= DETECT_BLOCKS)
        become(detector, ladder_is_full(detector, 0) ? VERDICT_OK : VERDICT_LEARNING);
    else if (detector->found.verdict == VERDICT_SUSPECT &&
             ladder_fails(detector, detector->found.scale) >= detect_rules.leave_fails)
        become(detector, VERDICT_OK);
}

void verdict_step(struct detector *detector)
{
    struct candidate candidate;
    bool found = candidate_find(detector, &candidate);

    if (detector->found.verdict == VERDICT_LEAK) {
        leak_step(detector, found ? &candidate : NULL);
    } else if (found && candidate_is_leak(detector, &candidate)) {
        follow(detector, &candidate);
        become(detector, VERDICT_LEAK);
    } else if (day_grows(detector)) {
        follow_day(detector);
        become(detector, VERDICT_LEAK);
    } else if (found && candidate_is_suspect(detector, &candidate)) {
        follow(detector, &candidate);
        if (detector->found.verdict != VERDICT_SUSPECT)
            become(detector, VERDICT_SUSPECT);
    } else {
        calm_step(detector);
    }
}

void verdict_restart(struct detector *detector)
{
    if (detector->found.verdict == VERDICT_LEAK)
        become(detector, VERDICT_RESOLVED);
    else if (detector->found.verdict != VERDICT_RESOLVED && detector->found.verdict != VERDICT_LEARNING)
        become(detector, VERDICT_LEARNING);
}
