/* SPDX-License-Identifier: MIT */
#include "daemon/detect/candidate.h"

#include <math.h>
#include <stddef.h>

#include "daemon/detect/ladder.h"
#include "daemon/detect/profile.h"

/* Below so many increments a median says nothing. */
#define INCREMENTS_MIN 4

static double median(double *values, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        double value = values[i];
        size_t j = i;

        for (; j > 0 && values[j - 1] > value; j--)
            values[j] = values[j - 1];
        values[j] = value;
    }
    return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

/* Median increment, per base block, of the blocks of a larger scale that lie before the window.
 * A median of increments, not a slope: one step long ago must not look like growth. */
static bool rate_before_at(const struct detector *detector, unsigned scale, unsigned larger,
                           double *rate)
{
    const struct detect_ring *ring;
    double increments[DETECT_BLOCKS];
    unsigned skip = DETECT_BLOCKS >> (larger - scale);
    size_t n = 0;

    if (larger >= DETECT_SCALES)
        return false;
    ring = &detector->rings[larger];
    for (unsigned back = skip; back + 1 < DETECT_BLOCKS && back + 1 < ring->blocks; back++)
        increments[n++] = ladder_at(ring, back) - ladder_at(ring, back + 1);
    if (n < INCREMENTS_MIN)
        return false;
    *rate = median(increments, n) / (double)(1u << larger);
    return true;
}

static bool rate_before(const struct detector *detector, unsigned scale, double *rate)
{
    return rate_before_at(detector, scale, scale + 2, rate) ||
           rate_before_at(detector, scale, scale + 1, rate);
}

static double blocks_of(const struct detector *detector, double seconds)
{
    return seconds * 1000 / detector->block_ms;
}

static double need_near_limit(const struct detector *detector, double rate, double need)
{
    double room = detector->limit_bytes - detector->level;

    if (detector->limit_bytes <= 0 ||
        detector->level + rate * need <= detect_rules.limit_share * detector->limit_bytes)
        return need;
    return fmax(blocks_of(detector, detect_rules.limit_wait_s), fmin(need, room / rate / 2));
}

static double need_by_history(const struct detector *detector, double window, double need)
{
    double longest = detector->climb.longest;

    if (window >= detect_rules.history_windows * longest)
        return need;
    return fmax(need, detect_rules.history_waits * longest);
}

/* How long growth of this rate must last. */
static double need_of(const struct detector *detector, unsigned scale, double rate)
{
    const struct detect_profile *p = detector->profile;
    double age = detector->closed - detector->born;
    double window = ladder_window(scale);
    double before;
    bool has_before = rate_before(detector, scale, &before);
    bool is_late = has_before && before < detect_rules.late_share * rate;
    double need = blocks_of(detector, is_late ? p->wait_late_s : p->wait_s);

    if (has_before && before > detect_rules.slowed_share * rate && window < age / 2)
        return INFINITY;
    need = fmax(need, fmin(blocks_of(detector, p->wait_age_max_s), p->wait_age_share * age));
    need = fmax(need, fmin(blocks_of(detector, p->wait_gain_max_s),
                           p->wait_gain_share * detector->level / rate));
    if (window >= blocks_of(detector, detect_rules.slow_window_s))
        need = fmax(need, blocks_of(detector, detect_rules.slow_wait_s));
    need = need_by_history(detector, window, need);
    return need_near_limit(detector, rate, need);
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
    out->need = need_of(detector, scale, out->rate);
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
           newest_quarter_grows(detector, candidate);
}

bool candidate_is_suspect(const struct detector *detector, const struct candidate *candidate)
{
    double longest = detector->climb.longest;

    return candidate->passes >= detect_rules.suspect_passes &&
           (candidate->lasted >= longest ||
            candidate->window >= detect_rules.history_windows * longest);
}
