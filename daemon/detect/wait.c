/* SPDX-License-Identifier: MIT */
#include "daemon/detect/wait.h"

#include <math.h>

#include "daemon/detect/candidate.h"
#include "daemon/detect/ladder.h"
#include "daemon/detect/past.h"
#include "daemon/detect/profile.h"
#include "daemon/detect/trend.h"

static double blocks_of(const struct detector *detector, double seconds)
{
    return seconds * 1000 / detector->block_ms;
}

/* 1 for a window that only just passes, less for a straight one. */
static double doubt_of(const struct detect_ring *ring)
{
    const struct detect_rules *r = &detect_rules;
    double doubt = (r->sure_z - ladder_z(ring)) / (r->sure_z - r->doubt_z);

    return r->sure_share + fmin(fmax(doubt, 0), 1) * (1 - r->sure_share);
}

/* Growth that is on its way to an end: slower than before, and the window does not show that the
 * slowing is over. */
static bool is_slowing(const struct detector *detector, unsigned scale, double rate, double before)
{
    double age = detector->closed - detector->born;

    return before > detect_rules.slowed_share * rate &&
           (ladder_window(scale) < age / 2 ||
            ladder_even(&detector->found.rings[scale]) < detect_rules.straight_even);
}

/* Programs fill what they have to fill when they start. Growth that is half as old as the process
 * began there, and may be that; but not any more when it makes three fifths of all there is. Beside
 * a load every growth waits for longer than this asks (need_for_fill), and the ages of objects tell
 * more. */
static bool may_be_first_fill(const struct detector *detector, const struct candidate *candidate)
{
    const struct detect_rules *r = &detect_rules;
    double age = detector->closed - detector->born;

    return !detector->has_load && !detector->has_ages &&
           candidate->lasted >= r->start_share * age &&
           candidate->lasted * candidate->rate < r->start_gain * detector->level;
}

/* A wait that is meant for fills. Growth that adds less than a share of the level in it is too slow
 * to be one and waits for a part of it, its cube; but beside a load it may be no fill and yet no
 * leak, for loads rise slowly too. */
static double need_for_fill(const struct detector *detector, const struct candidate *candidate,
                            double wait, double share, double least)
{
    double fill = wait * candidate->rate / detector->level / share;

    if (detector->has_load)
        return wait;
    return wait * fmin(1, fmax(least, fill * fill * fill));
}

/* Time to add a share of the level, of which doubt leaves a part. Beside a load there is more
 * doubt: what is wrong in the model of the load is straight for a while too. */
static double need_for_gain(const struct detector *detector, const struct candidate *candidate,
                            double doubt)
{
    const struct detect_profile *p = detector->profile;

    if (detector->has_load)
        doubt *= detect_rules.load_doubt;
    return doubt * fmin(blocks_of(detector, p->wait_gain_max_s),
                        p->wait_gain_share * detector->level / candidate->rate);
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

/* So slow that the load of a day may make it. A load that is seen explains most of its day itself. */
static bool is_slow_as_day(const struct detector *detector, const struct candidate *candidate)
{
    const struct detect_rules *r = &detect_rules;
    double day = detect_day_pace(detector->level, blocks_of(detector, DETECT_DAY_S));

    return !detector->has_load && candidate->rate < day &&
           candidate->window >= blocks_of(detector, r->pace_window_s);
}

/* It was flat before, and in the window it is not bent: it began at once, as no day's load does.
 * The windows before this one held the onset, so only this one is asked. */
static bool is_kinked(const struct detector *detector, const struct candidate *candidate)
{
    const struct detect_rules *r = &detect_rules;
    double flat = r->kink_share * candidate->rate;
    struct trend_shape shape;
    double near, far;

    if (candidate->window > blocks_of(detector, r->slow_window_s) ||
        ladder_z(&detector->found.rings[candidate->scale]) < r->sure_z ||
        !past_rate_near(detector, candidate->scale, &near) || fabs(near) > flat ||
        !past_rate(detector, candidate->scale, &far) || fabs(far) > flat)
        return false;
    ladder_measure(detector, candidate->scale, &shape);
    return shape.gap_min >= r->kink_even * shape.gap_max;
}

static double need_for_pace(const struct detector *detector, const struct candidate *candidate)
{
    const struct detect_rules *r = &detect_rules;
    const struct detect_ring *ring = &detector->found.rings[candidate->scale];
    bool is_long = candidate->window >= blocks_of(detector, r->slow_window_s);

    if ((!is_long && !is_slow_as_day(detector, candidate)) ||
        ladder_oldest_stay(detector, candidate->scale) || is_kinked(detector, candidate))
        return 0;
    if (ladder_z(ring) < r->sure_z || ladder_even(ring) < r->day_even)
        return blocks_of(detector, r->slow_wait_s);
    return is_long ? blocks_of(detector, r->straight_wait_s) : 0;
}

static double need_by_history(const struct detector *detector, unsigned scale)
{
    double longest = detector->found.climb.longest;

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

static void measure_fills(const struct detector *detector, const struct candidate *candidate,
                          struct waits *out)
{
    const struct detect_profile *p = detector->profile;
    const struct detect_rules *r = &detect_rules;
    double age = detector->closed - detector->born;
    double for_age = fmin(blocks_of(detector, p->wait_age_max_s), p->wait_age_share * age);
    bool is_first = may_be_first_fill(detector, candidate);
    double samples = is_first             ? p->wait_samples_first
                     : detector->has_load ? p->wait_samples * r->load_samples
                                          : p->wait_samples;

    out->of[WAIT_LEAST] = need_for_fill(detector, candidate, blocks_of(detector, p->wait_s),
                                        r->fill_share, p->fill_least);
    out->of[WAIT_SAMPLES] =
        need_for_fill(detector, candidate, samples * detector->step_ms / detector->block_ms,
                      r->fill_share, p->fill_least_count);
    out->of[WAIT_AGE] =
        need_for_fill(detector, candidate, for_age, r->fill_age_share, p->fill_least_count);
}

void wait_measure(const struct detector *detector, const struct candidate *candidate,
                  struct waits *out)
{
    const struct detect_profile *p = detector->profile;
    unsigned scale = candidate->scale;
    double doubt = doubt_of(&detector->found.rings[scale]);

    out->has_before = past_rate(detector, scale, &out->before);
    out->is_slowing = out->has_before && is_slowing(detector, scale, candidate->rate, out->before);
    measure_fills(detector, candidate, out);
    out->of[WAIT_GAIN] = need_for_gain(detector, candidate, doubt);
    out->of[WAIT_SUMMIT] = need_above_summit(detector, candidate, p->wait_gain_share * doubt);
    out->of[WAIT_PACE] = need_for_pace(detector, candidate);
    out->of[WAIT_HISTORY] = need_by_history(detector, scale);
    out->need = 0;
    for (unsigned i = 0; i < WAITS; i++)
        out->need = fmax(out->need, out->of[i]);
    out->need = out->is_slowing ? INFINITY : need_near_limit(detector, candidate->rate, out->need);
}
