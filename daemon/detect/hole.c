/* SPDX-License-Identifier: MIT */
#include "daemon/detect/hole.h"

#include <math.h>

#include "daemon/detect/ladder.h"
#include "daemon/detect/profile.h"

/* Blocks of the window that ends with the block `closed` which the last hole has filled. */
static double filled(const struct detector *detector, double window)
{
    double ago = (double)detector->closed + 1 - detector->hole_end;

    return fmin(detector->hole_blocks, window - ago);
}

/* One is remembered: the longest, until no window that it spoils holds it any more. */
void hole_put(struct detector *detector, uint32_t missed)
{
    double spoils = detector->hole_blocks / detect_rules.hole_share;

    if (missed == 0 || (missed < detector->hole_blocks && filled(detector, spoils) > 0))
        return;
    detector->hole_end = detector->closed + missed;
    detector->hole_blocks = missed;
}

bool hole_is_small(const struct detector *detector, unsigned scale)
{
    double window = ladder_window(scale);

    return filled(detector, window) <= detect_rules.hole_share * window;
}
