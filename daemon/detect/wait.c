/* SPDX-License-Identifier: MIT */
#include "daemon/detect/wait.h"

#include <math.h>

#include "daemon/detect/candidate.h"
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

void wait_measure(const struct detector *detector, const struct candidate *candidate,
                  struct waits *out)
{
    const struct detect_profile *p = detector->profile;
    unsigned scale = candidate->scale;
    double age = detector->closed - detector->born;
    double share = p->wait_gain_share * doubt_of(&detector->rings[scale]);

    out->has_before = past_rate(detector, scale, &out->before);
    out->is_slowing = out->has_before && is_slowing(detector, scale, candidate->rate, out->before);
    out->of[WAIT_LEAST] = blocks_of(detector, p->wait_s);
    out->of[WAIT_SAMPLES] = p->wait_samples * detector->step_ms / detector->block_ms;
    out->of[WAIT_AGE] = fmin(blocks_of(detector, p->wait_age_max_s), p->wait_age_share * age);
    out->of[WAIT_GAIN] = need_for_gain(detector, candidate, share);
    out->of[WAIT_SUMMIT] = need_above_summit(detector, candidate, share);
    out->of[WAIT_PACE] = need_for_pace(detector, scale);
    out->of[WAIT_HISTORY] = need_by_history(detector, scale);
    out->need = 0;
    for (unsigned i = 0; i < WAITS; i++)
        out->need = fmax(out->need, out->of[i]);
    out->need = out->is_slowing ? INFINITY : need_near_limit(detector, candidate->rate, out->need);
}
