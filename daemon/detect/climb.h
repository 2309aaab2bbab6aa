/* SPDX-License-Identifier: MIT */
/* What the series has done before: how long its longest growth took that ended by itself. */
#ifndef LEAKD_DETECT_CLIMB_H
#define LEAKD_DETECT_CLIMB_H

#include "daemon/detect/detector.h"

/* A base block: a climb that lost half its height has ended. */
void climb_step(struct detector *detector, float min);

/* The window of a scale is about to fail: if its newest quarter is flat, growth has ended. The
 * least window has no quarter, it is told by the next. */
void climb_check_flat(struct detector *detector, unsigned scale);

/* Growth of so many base blocks has ended by itself. It counts from the last drop at most: a long
 * window over a sawtooth must not make its own length the measure. */
void climb_end(struct detector *detector, double blocks);

void climb_clear(struct detector *detector); /* a new process: the memory stays */

#endif
