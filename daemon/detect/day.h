/* SPDX-License-Identifier: MIT */
/* Today against yesterday: the test for growth that hides below a daily cycle. */
#ifndef LEAKD_DETECT_DAY_H
#define LEAKD_DETECT_DAY_H

#include <stdbool.h>

#include "daemon/detect/detector.h"

/* The base block `closed` ends with this minimum. */
void day_step(struct detector *detector, float min);
void day_clear(struct detector *detector);

/* Every half hour of the last eight hours lies above yesterday's by about the same. */
bool day_grows(const struct detector *detector);
double day_rate(const struct detector *detector); /* bytes per base block */
bool day_is_over(const struct detector *detector);

#endif
