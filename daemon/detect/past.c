/* SPDX-License-Identifier: MIT */
#include "daemon/detect/past.h"

#include <math.h>
#include <stddef.h>

#include "daemon/detect/ladder.h"

/* Below so many increments a median says nothing. */
#define INCREMENTS_MIN 4

static double median(double *values, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        double value = values[i];
        size_t j = i;

        for (; j > 0 && values[j - 1] > value; j--)
            values[j] = values[j - 1];
        values[j] = value;
    }
    return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

/* Blocks of a larger scale that lie within the window of this one, the one on its edge included. */
static unsigned blocks_within(unsigned scale, unsigned larger)
{
    return larger - scale < 4 ? (unsigned)DETECT_BLOCKS >> (larger - scale) : 1;
}

/* A median of increments, not a slope: one step long ago must not look like growth. */
static bool rate_at(const struct detector *detector, unsigned scale, unsigned larger, double *rate)
{
    uint32_t blocks;
    double increments[DETECT_BLOCKS];
    size_t n = 0;

    if (larger >= DETECT_SCALES)
        return false;
    blocks = blocks_closed(detector, larger);
    for (unsigned back = blocks_within(scale, larger);
         back + 1 < DETECT_BLOCKS && back + 1 < blocks; back++)
        increments[n++] = blocks_at(detector, larger, back) - blocks_at(detector, larger, back + 1);
    if (n < INCREMENTS_MIN)
        return false;
    *rate = median(increments, n) / (double)(1u << larger);
    return true;
}

bool past_rate(const struct detector *detector, unsigned scale, double *rate)
{
    return rate_at(detector, scale, scale + 2, rate) || rate_at(detector, scale, scale + 1, rate);
}

/* Of the blocks twice as long as the window's: the window has the newest eight, and a part of one
 * more when it ends within one. */
bool past_rate_near(const struct detector *detector, unsigned scale, double *rate)
{
    const unsigned newest = DETECT_BLOCKS / 2 + 1, oldest = DETECT_BLOCKS - 1;

    if (scale + 1 >= DETECT_SCALES || !ladder_is_full(detector, scale + 1))
        return false;
    *rate = (blocks_at(detector, scale + 1, newest) - blocks_at(detector, scale + 1, oldest)) /
            ((oldest - newest) * (double)(2u << scale));
    return true;
}

struct past_summit past_summit(const struct detector *detector, unsigned scale)
{
    struct past_summit summit = {0};

    for (unsigned larger = scale + 1; larger < DETECT_SCALES; larger++) {
        uint32_t blocks = blocks_closed(detector, larger);

        for (unsigned back = blocks_within(scale, larger) + 1;
             back < DETECT_BLOCKS && back < blocks; back++) {
            if (blocks_at(detector, larger, back) <= summit.level)
                continue;
            summit.level = blocks_at(detector, larger, back);
            summit.blocks_ago = (back + 0.5) * (double)(1u << larger);
        }
    }
    return summit;
}
