/* SPDX-License-Identifier: MIT */
#include "daemon/detect/ladder.h"

#include <math.h>
#include <string.h>

#include "daemon/detect/climb.h"
#include "daemon/detect/hole.h"
#include "daemon/detect/profile.h"
#include "daemon/detect/trend.h"

#define HALF_WINDOW (DETECT_BLOCKS / 2)

double ladder_window(unsigned scale)
{
    return (double)(DETECT_BLOCKS << scale);
}

bool ladder_is_straight(const struct detect_ring *ring)
{
    return ladder_z(ring) >= detect_rules.sure_z && ladder_even(ring) >= detect_rules.straight_even;
}

static double noise_variance(const struct detector *detector, double level)
{
    double quantum = detect_rules.quantum_bytes + detect_rules.quantum_share * level;

    if (detector->noise_bytes2 > 0)
        return detector->noise_bytes2;
    return quantum * quantum / 12; /* of a value rounded to a quantum */
}

/* The envelope of a window. A single block above both its neighbours held no trough: a batch or a
 * sawtooth outlasted it, and what it shows is no memory that stayed. It reads as the higher
 * neighbour. Blocks at the ends keep their value: their other neighbour is not known. */
static void window_copy(const float min[DETECT_BLOCKS], double y[DETECT_BLOCKS])
{
    const unsigned last = DETECT_BLOCKS - 1;

    y[0] = min[0];
    y[last] = min[last];
    for (unsigned i = 1; i < last; i++) {
        float higher = min[i - 1] > min[i + 1] ? min[i - 1] : min[i + 1];
        float lower = higher < min[i] ? higher : min[i];

        y[i] = lower;
    }
}

void ladder_measure(const struct detector *detector, unsigned scale, struct trend_shape *out)
{
    float window[DETECT_BLOCKS];
    double y[DETECT_BLOCKS];

    blocks_window(detector, scale, window);
    window_copy(window, y);
    trend_measure(y, DETECT_BLOCKS, noise_variance(detector, y[DETECT_BLOCKS - 1]), out);
}

double ladder_growth_max(const struct detector *detector, unsigned scale)
{
    struct trend_shape shape;

    ladder_measure(detector, scale, &shape);
    return (shape.line.slope_per_step + 2 * shape.line.se_per_step) / (double)(1u << scale);
}

double ladder_z_needed(const struct detector *detector)
{
    double z = detector->profile->z;

    return detector->multiplicity > 0 ? sqrt(z * z + detector->multiplicity) : z;
}

bool ladder_is_saturating(const struct trend_shape *shape)
{
    return shape->bend_t < detect_rules.bend_t &&
           shape->gap[2] < detect_rules.bend_fade * shape->gap[0];
}

bool ladder_is_beginning(const struct trend_shape *shape)
{
    return shape->bend_t > detect_rules.rise_t &&
           shape->gap[0] < detect_rules.rise_start * shape->gap[2];
}

bool ladder_is_even(const struct trend_shape *shape)
{
    return shape->gap_min > 0 && shape->gap_min >= detect_rules.gap_ratio * shape->gap_max &&
           shape->gap[2] >= detect_rules.gap_fade * shape->gap[0];
}

double ladder_gain_needed(double first)
{
    return fmax(detect_rules.gain_share * first, detect_rules.gain_bytes);
}

static bool window_passes(const struct detector *detector, double first,
                          const struct trend_shape *shape)
{
    return shape->z_plain >= ladder_z_needed(detector) && ladder_is_even(shape) &&
           !ladder_is_saturating(shape) && !ladder_is_beginning(shape) &&
           DETECT_BLOCKS * shape->line.slope_per_step >= ladder_gain_needed(first);
}

/* The window fails by its ends alone: the newest block is above the one before by as much as only a
 * batch or a sawtooth is. It may have held no trough, as those that window_copy takes for their
 * neighbours, but what comes after it is not known yet: no evidence against the windows before. Two
 * such blocks in a row are. */
static bool window_is_open(const struct detector *detector, double y[DETECT_BLOCKS])
{
    double rise = y[DETECT_BLOCKS - 1] - y[DETECT_BLOCKS - 2];
    struct trend_shape shape;

    y[DETECT_BLOCKS - 1] = y[DETECT_BLOCKS - 2];
    y[0] = y[0] < y[1] ? y[0] : y[1];
    trend_measure_quick(y, noise_variance(detector, y[DETECT_BLOCKS - 1]), detector->profile->z,
                        &shape);
    return window_passes(detector, y[0], &shape) &&
           rise > detect_rules.open_share * DETECT_BLOCKS * shape.line.slope_per_step;
}

static void count(struct detect_found *found, unsigned scale, bool passed)
{
    uint16_t *run = &found->runs[scale];

    if (passed != (found->passing >> scale & 1)) {
        found->passing ^= (uint16_t)(1u << scale);
        *run = 0;
    }
    if (*run < UINT16_MAX)
        ++*run;
}

static void ring_test(struct detector *detector, unsigned scale, const float window[DETECT_BLOCKS])
{
    struct detect_ring *ring = &detector->found.rings[scale];
    double blocks = (double)(1u << scale);
    double y[DETECT_BLOCKS];
    struct trend_shape shape;
    uint16_t even;

    window_copy(window, y);
    trend_measure_quick(y, noise_variance(detector, y[DETECT_BLOCKS - 1]), detector->profile->z,
                        &shape);
    if (window_passes(detector, y[0], &shape) && hole_is_small(detector, scale)) {
        count(&detector->found, scale, true);
    } else if (ladder_passes(detector, scale) > 0 && window_is_open(detector, y)) {
        return;
    } else {
        climb_check_flat(detector, scale);
        count(&detector->found, scale, false);
    }
    ring->slope = (float)(shape.line.slope_per_step / blocks);
    ring->z = packed_of((float)shape.z_plain);
    even = shape.gap_max > 0 ? packed_of((float)(shape.gap_min / shape.gap_max)) : 0;
    ring->even = ladder_passes(detector, scale) > 1 && ring->even < even ? ring->even : even;
}

/* At the start of a window all births are the first. */
static void put_birth(struct detector *detector, unsigned scale)
{
    float *births = detector->births[scale];
    uint32_t blocks_before = blocks_closed(detector, scale) - 1;

    if (blocks_before % HALF_WINDOW != 0)
        return;
    births[0] = blocks_before == 0 ? detector->birth : births[1];
    births[1] = detector->birth;
}

double ladder_turnover(const struct detector *detector, unsigned scale)
{
    uint32_t blocks = HALF_WINDOW + 1 + (blocks_closed(detector, scale) - 1) % HALF_WINDOW;

    return (detector->birth - detector->births[scale][0]) / (blocks * (double)(1u << scale));
}

bool ladder_oldest_die(const struct detector *detector, unsigned scale)
{
    return detector->has_ages && ladder_is_full(detector, scale) &&
           ladder_turnover(detector, scale) > detect_rules.turnover;
}

bool ladder_oldest_stay(const struct detector *detector, unsigned scale)
{
    double begin = detector->closed - 2 * ladder_window(scale);

    return detector->has_ages && ladder_is_full(detector, scale) && detector->birth > begin &&
           ladder_turnover(detector, scale) < detect_rules.stay;
}

void ladder_put(struct detector *detector, unsigned scales, float min)
{
    blocks_put(detector, scales, min);
    for (unsigned scale = 0; scale < scales; scale++)
        put_birth(detector, scale);
}

void ladder_test(struct detector *detector, unsigned scales)
{
    float window[DETECT_BLOCKS];

    for (unsigned scale = 0; scale < scales && ladder_is_full(detector, scale); scale++) {
        if (scale == 0)
            blocks_window(detector, scale, window);
        else
            blocks_window_above(detector, scale, window);
        ring_test(detector, scale, window);
    }
}

void ladder_clear(struct detector *detector)
{
    blocks_clear(detector);
    memset(detector->births, 0, sizeof(detector->births));
}

void ladder_clear_found(struct detector *detector)
{
    struct detect_found *found = &detector->found;

    found->passing = 0;
    memset(found->rings, 0, sizeof(found->rings));
    memset(found->runs, 0, sizeof(found->runs));
}
