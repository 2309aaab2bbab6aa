/* SPDX-License-Identifier: MIT */
#ifndef LEAKD_DETECT_READING_H
#define LEAKD_DETECT_READING_H

#include <stdbool.h>

#include "daemon/detect/detector.h"

struct growth;

/* The scale of the window that the figures are read from; false while none is full. */
bool reading_scale(const struct detector *detector, unsigned *scale);

/* That it grows at all is settled by the test of a leak, whose errors are not those of the rate:
 * the interval of a leak's rate does not go below 0. */
void reading_bound(struct growth *growth);

#endif
