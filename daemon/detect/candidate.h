/* SPDX-License-Identifier: MIT */
/* The largest window that passes, what came before it, and how long it must last. */
#ifndef LEAKD_DETECT_CANDIDATE_H
#define LEAKD_DETECT_CANDIDATE_H

#include <stdbool.h>

#include "daemon/detect/detector.h"

/* Times in base blocks, the rate in bytes per base block. */
struct candidate {
    unsigned scale;
    unsigned passes;
    double rate;
    double window;
    double lasted; /* the window and the blocks since it first passed */
    double need;   /* INFINITY: never at this scale */
};

bool candidate_find(const struct detector *detector, struct candidate *out);
bool candidate_is_leak(const struct detector *detector, const struct candidate *candidate);
bool candidate_is_suspect(const struct detector *detector, const struct candidate *candidate);

/* How many windows in a row must pass; fewer of straight ones. */
unsigned candidate_passes_needed(const struct detector *detector,
                                 const struct candidate *candidate);

/* Enough windows in a row. Those of half the length count too, twice as many: a larger window that
 * begins to pass is more evidence, not a reason to begin again. */
bool candidate_has_passed_often(const struct detector *detector, const struct candidate *candidate);

/* What the newest quarter grows by at most, in units of the rate. */
double candidate_newest(const struct detector *detector, const struct candidate *candidate);

#endif
