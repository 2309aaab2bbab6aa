/* SPDX-License-Identifier: MIT */
#include "daemon/detect/climb.h"

#include <math.h>

#include "daemon/detect/ladder.h"
#include "daemon/detect/profile.h"

static void begin(struct detector *detector, float min)
{
    struct detect_climb *climb = &detector->found.climb;

    climb->base = min;
    climb->peak = min;
    climb->from = detector->closed;
    climb->peak_at = detector->closed;
}

void climb_clear(struct detector *detector)
{
    detector->found.climb.from = detector->closed;
    detector->found.climb.base = 0;
}

static bool has_dropped(const struct detect_climb *climb, float min)
{
    double height = climb->peak - climb->base;

    return min < climb->peak - detect_rules.drop_share * height &&
           height > detect_rules.gain_share * climb->base && height > detect_rules.gain_bytes;
}

void climb_step(struct detector *detector, float min)
{
    struct detect_climb *climb = &detector->found.climb;

    if (climb->base <= 0) {
        begin(detector, min);
    } else if (has_dropped(climb, min)) {
        if (climb->peak_at - climb->from > climb->longest)
            climb->longest = climb->peak_at - climb->from;
        begin(detector, min);
    } else if (min < climb->base) {
        begin(detector, min);
    } else if (min > climb->peak) {
        climb->peak = min;
        climb->peak_at = detector->closed;
    }
}

void climb_end(struct detector *detector, double blocks)
{
    struct detect_climb *climb = &detector->found.climb;
    double length = fmin(blocks, detector->closed - climb->from);

    if (length > climb->longest)
        climb->longest = (uint32_t)length;
}

void climb_check_flat(struct detector *detector, unsigned scale)
{
    const struct detect_ring *ring = &detector->found.rings[scale];
    unsigned quarter = scale >= 2 ? scale - 2 : 0;
    unsigned passes = ladder_passes(detector, scale);

    if (scale == 0 || passes < detect_rules.episode_passes)
        return;
    if (ladder_growth_max(detector, quarter) < detect_rules.flat_share * ring->slope)
        climb_end(detector, ladder_window(scale) * (1 + (passes - 1) / (double)DETECT_BLOCKS));
}
