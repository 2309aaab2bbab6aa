/* SPDX-License-Identifier: MIT */
#include "daemon/detect/candidate.h"

#include <math.h>

#include "daemon/detect/blocks.h"
#include "daemon/detect/detect.h"
#include "daemon/detect/ladder.h"
#include "daemon/detect/profile.h"
#include "daemon/detect/wait.h"

bool candidate_find(const struct detector *detector, struct candidate *out)
{
    unsigned scale = DETECT_SCALES - 1;
    const struct detect_ring *ring;
    struct waits waits;

    if (detector->found.passing == 0)
        return false;
    while (!(detector->found.passing >> scale & 1))
        scale--;
    ring = &detector->found.rings[scale];
    out->scale = scale;
    out->passes = ladder_passes(detector, scale);
    out->rate = ring->slope;
    out->window = ladder_window(scale);
    out->lasted = out->window * (1 + (out->passes - 1) / (double)DETECT_BLOCKS);
    out->need = 0; /* a leak that stands waits for nothing */
    if (detector->found.verdict == VERDICT_LEAK)
        return true;
    wait_measure(detector, out, &waits);
    out->need = waits.need;
    return true;
}

/* Next to nothing is left of what the window gained: it was given back, and its blocks are too long
 * to have seen that yet. */
static bool is_given_back(const struct detector *detector, const struct candidate *candidate)
{
    double first = blocks_at(detector, candidate->scale, DETECT_BLOCKS - 1);

    return detector->level - first <
           detect_rules.gone_share * candidate->rate * candidate->window;
}

double candidate_newest(const struct detector *detector, const struct candidate *candidate)
{
    if (is_given_back(detector, candidate))
        return 0;
    if (candidate->scale < 2)
        return 1;
    return ladder_growth_max(detector, candidate->scale - 2) / candidate->rate;
}

/* Mostly the slope itself is enough, without its error. */
static bool still_grows(const struct detector *detector, const struct candidate *candidate)
{
    double least = detect_rules.quarter_share;

    if (is_given_back(detector, candidate))
        return false;
    return candidate->scale < 2 ||
           detector->found.rings[candidate->scale - 2].slope >= least * candidate->rate ||
           candidate_newest(detector, candidate) >= least;
}

unsigned candidate_passes_needed(const struct detector *detector, const struct candidate *candidate)
{
    unsigned need = detector->profile->leak_passes;

    if (ladder_z(&detector->found.rings[candidate->scale]) >= detect_rules.quick_z &&
        need > detect_rules.quick_passes)
        need = detect_rules.quick_passes;
    return need;
}

bool candidate_has_passed_often(const struct detector *detector, const struct candidate *candidate)
{
    unsigned need = candidate_passes_needed(detector, candidate);

    return candidate->passes >= need ||
           (candidate->scale > 0 && ladder_passes(detector, candidate->scale - 1) >= 2 * need);
}

bool candidate_is_leak(const struct detector *detector, const struct candidate *candidate)
{
    return candidate_has_passed_often(detector, candidate) &&
           candidate->lasted >= candidate->need && still_grows(detector, candidate) &&
           !ladder_oldest_die(detector, candidate->scale);
}

bool candidate_is_suspect(const struct detector *detector, const struct candidate *candidate)
{
    return candidate->passes >= detect_rules.suspect_passes &&
           candidate->lasted >= detect_rules.suspect_share * candidate->need &&
           still_grows(detector, candidate);
}
