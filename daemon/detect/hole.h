/* SPDX-License-Identifier: MIT */
/* Base blocks without a sample. They are put on the line between their neighbours, and a line that
 * was invented is no evidence of one. */
#ifndef LEAKD_DETECT_HOLE_H
#define LEAKD_DETECT_HOLE_H

#include <stdbool.h>

#include "daemon/detect/detector.h"

/* So many blocks were missed and are about to be closed. */
void hole_put(struct detector *detector, uint32_t missed);

/* The window of a scale that ends with the base block `closed` is mostly known, not invented. */
bool hole_is_small(const struct detector *detector, unsigned scale);

#endif
