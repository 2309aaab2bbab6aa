/* SPDX-License-Identifier: MIT */
/* How long growth must last before it is believed, and why. */
#ifndef LEAKD_DETECT_WAIT_H
#define LEAKD_DETECT_WAIT_H

#include <stdbool.h>

#include "daemon/detect/detector.h"

enum wait {
    WAIT_LEAST,
    WAIT_SAMPLES,
    WAIT_AGE,
    WAIT_GAIN,
    WAIT_SUMMIT,
    WAIT_PACE,
    WAIT_HISTORY,
    WAITS
};

/* In base blocks. */
struct waits {
    double of[WAITS];
    double need;     /* the longest, less where a limit is near; INFINITY: it is slowing down */
    double before;   /* rate before the window */
    bool has_before; /* that is known */
    bool is_slowing;
};

struct candidate;

/* For all of the candidate but its need. */
void wait_measure(const struct detector *detector, const struct candidate *candidate,
                  struct waits *out);

#endif
