/* SPDX-License-Identifier: MIT */
/* What lies before a window: the blocks of the larger scales that are older than it. */
#ifndef LEAKD_DETECT_PAST_H
#define LEAKD_DETECT_PAST_H

#include <stdbool.h>

#include "daemon/detect/detector.h"

/* The usual rate before the window of a scale, bytes per base block; false: too little is known. */
bool past_rate(const struct detector *detector, unsigned scale, double *rate);

/* The mean rate just before the window, in a time nearly as long; false: too little is known. */
bool past_rate_near(const struct detector *detector, unsigned scale, double *rate);

/* The highest level before the window, seen through blocks longer than the window's, and how long
 * ago that was. */
struct past_summit {
    double level; /* 0: nothing is known */
    double blocks_ago;
};

struct past_summit past_summit(const struct detector *detector, unsigned scale);

#endif
