/* SPDX-License-Identifier: MIT */
#include "daemon/detect/candidate.h"

#include <math.h>

#include "daemon/detect/ladder.h"
#include "daemon/detect/past.h"
#include "daemon/detect/profile.h"

static double blocks_of(const struct detector *detector, double seconds)
{
    return seconds * 1000 / detector->block_ms;
}

/* 1 for a window that only just passes, less for a straight one. */
static double doubt_of(const struct detect_ring *ring)
{
    const struct detect_rules *r = &detect_rules;
    double doubt = (r->sure_z - ring->z) / (r->sure_z - r->doubt_z);

    return r->sure_share + fmin(fmax(doubt, 0), 1) * (1 - r->sure_share);
}

/* Growth that is on its way to an end: slower than before, and the window does not show that the
 * slowing is over. */
static bool is_slowing(const struct detector *detector, unsigned scale, double rate, double before)
{
    double age = detector->closed - detector->born;

    return before > detect_rules.slowed_share * rate &&
           (ladder_window(scale) < age / 2 ||
            detector->rings[scale].even < detect_rules.straight_even);
}

/* Time to add a share of the level. */
static double need_for_gain(const struct detector *detector, const struct candidate *candidate,
                            double share)
{
    return fmin(blocks_of(detector, detector->profile->wait_gain_max_s),
                share * detector->level / candidate->rate);
}

/* Time until it is clear that the level does not just return to where it has been: when it is above
 * that, or when it has risen for longer than it fell. */
static double need_above_summit(const struct detector *detector, const struct candidate *candidate,
                                double share)
{
    struct past_summit summit = past_summit(detector, candidate->scale);
    double missing = summit.level * (1 + share) - detector->level;
    double fell = summit.blocks_ago - candidate->lasted;

    if (missing <= 0)
        return 0;
    return fmin(candidate->lasted + missing / candidate->rate,
                detect_rules.return_share * fmax(fell, 0));
}

static double need_for_pace(const struct detector *detector, unsigned scale)
{
    const struct detect_rules *r = &detect_rules;

    if (ladder_window(scale) < blocks_of(detector, r->slow_window_s) ||
        ladder_oldest_stay(detector, scale))
        return 0;
    return blocks_of(detector, ladder_is_straight(&detector->rings[scale]) ? r->straight_wait_s
                                                                           : r->slow_wait_s);
}

static double need_by_history(const struct detector *detector, unsigned scale)
{
    double longest = detector->climb.longest;

    if (ladder_window(scale) >= detect_rules.history_windows * longest)
        return 0;
    return detect_rules.history_waits * longest;
}

static double need_near_limit(const struct detector *detector, double rate, double need)
{
    double room = detector->limit_bytes - detector->level;

    if (detector->limit_bytes <= 0 ||
        detector->level + rate * need <= detect_rules.limit_share * detector->limit_bytes)
        return need;
    return fmax(blocks_of(detector, detect_rules.limit_wait_s), fmin(need, room / rate / 2));
}

static double need_of(const struct detector *detector, const struct candidate *candidate)
{
    const struct detect_profile *p = detector->profile;
    unsigned scale = candidate->scale;
    double age = detector->closed - detector->born;
    double share = p->wait_gain_share * doubt_of(&detector->rings[scale]);
    double before;
    bool has_before = past_rate(detector, scale, &before);
    bool is_late = has_before && before < detect_rules.late_share * candidate->rate;
    double need = blocks_of(detector, is_late ? p->wait_late_s : p->wait_s);

    if (has_before && is_slowing(detector, scale, candidate->rate, before))
        return INFINITY;
    need = fmax(need, p->wait_samples * detector->step_ms / detector->block_ms);
    need = fmax(need, fmin(blocks_of(detector, p->wait_age_max_s), p->wait_age_share * age));
    need = fmax(need, need_for_gain(detector, candidate, share));
    need = fmax(need, need_above_summit(detector, candidate, share));
    need = fmax(need, need_for_pace(detector, scale));
    need = fmax(need, need_by_history(detector, scale));
    return need_near_limit(detector, candidate->rate, need);
}

bool candidate_find(const struct detector *detector, struct candidate *out)
{
    unsigned scale = DETECT_SCALES;
    const struct detect_ring *ring;

    while (scale > 0 && detector->rings[scale - 1].passes == 0)
        scale--;
    if (scale == 0)
        return false;
    ring = &detector->rings[--scale];
    out->scale = scale;
    out->passes = ring->passes;
    out->rate = ring->slope;
    out->window = ladder_window(scale);
    out->lasted = out->window * (1 + (ring->passes - 1) / (double)DETECT_BLOCKS);
    out->need = need_of(detector, out);
    return true;
}

static bool newest_quarter_grows(const struct detector *detector, const struct candidate *candidate)
{
    const struct detect_ring *ring;

    if (candidate->scale < 2)
        return true;
    ring = &detector->rings[candidate->scale - 2];
    return ring->slope + 2 * ring->se >= detect_rules.quarter_share * candidate->rate;
}

/* Enough windows in a row. Those of half the length count too, twice as many: a larger window that
 * begins to pass is more evidence, not a reason to begin again. */
static bool has_passed_often(const struct detector *detector, const struct candidate *candidate)
{
    unsigned need = detector->profile->leak_passes;

    return candidate->passes >= need ||
           (candidate->scale > 0 && detector->rings[candidate->scale - 1].passes >= 2 * need);
}

bool candidate_is_leak(const struct detector *detector, const struct candidate *candidate)
{
    return has_passed_often(detector, candidate) && candidate->lasted >= candidate->need &&
           newest_quarter_grows(detector, candidate) &&
           !ladder_oldest_die(detector, candidate->scale);
}

bool candidate_is_suspect(const struct detector *detector, const struct candidate *candidate)
{
    return candidate->passes >= detect_rules.suspect_passes &&
           candidate->lasted >= detect_rules.suspect_share * candidate->need &&
           newest_quarter_grows(detector, candidate);
}
