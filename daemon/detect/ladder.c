/* SPDX-License-Identifier: MIT */
#include "daemon/detect/ladder.h"

#include <math.h>
#include <string.h>

#include "daemon/detect/climb.h"
#include "daemon/detect/hole.h"
#include "daemon/detect/profile.h"
#include "daemon/detect/trend.h"

#define HALF_WINDOW (DETECT_BLOCKS / 2)

float ladder_at(const struct detect_ring *ring, unsigned back)
{
    return ring->min[(ring->blocks - 1 - back) % DETECT_BLOCKS];
}

bool ladder_is_full(const struct detector *detector, unsigned scale)
{
    return detector->rings[scale].blocks >= DETECT_BLOCKS;
}

double ladder_window(unsigned scale)
{
    return (double)(DETECT_BLOCKS << scale);
}

bool ladder_is_straight(const struct detect_ring *ring)
{
    return ring->z >= detect_rules.sure_z && ring->even >= detect_rules.straight_even;
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
static void window_copy(const struct detect_ring *ring, double *y)
{
    double before, now;

    for (unsigned i = 0; i < DETECT_BLOCKS; i++)
        y[i] = ring->min[(ring->blocks + i) % DETECT_BLOCKS];
    before = y[0];
    for (unsigned i = 1; i + 1 < DETECT_BLOCKS; i++) {
        now = y[i];
        if (now > before && now > y[i + 1])
            y[i] = before > y[i + 1] ? before : y[i + 1];
        before = now;
    }
}

void ladder_measure(const struct detector *detector, unsigned scale, struct trend_shape *out)
{
    double y[DETECT_BLOCKS];

    window_copy(&detector->rings[scale], y);
    trend_measure(y, DETECT_BLOCKS, noise_variance(detector, y[DETECT_BLOCKS - 1]), out);
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

static void count(uint16_t *up, uint16_t *zero)
{
    if (*up < UINT16_MAX)
        ++*up;
    *zero = 0;
}

static void ring_test(struct detector *detector, unsigned scale)
{
    struct detect_ring *ring = &detector->rings[scale];
    double blocks = (double)(1u << scale);
    double y[DETECT_BLOCKS];
    struct trend_shape shape;
    float even;

    window_copy(ring, y);
    trend_measure_quick(y, DETECT_BLOCKS, noise_variance(detector, y[DETECT_BLOCKS - 1]), &shape);
    if (window_passes(detector, y[0], &shape) && hole_is_small(detector, scale)) {
        count(&ring->passes, &ring->fails);
    } else {
        climb_check_flat(detector, scale);
        count(&ring->fails, &ring->passes);
    }
    ring->slope = (float)(shape.line.slope_per_step / blocks);
    ring->se = (float)(shape.line.se_per_step / blocks);
    ring->z = (float)shape.z_plain;
    even = shape.gap_max > 0 ? (float)(shape.gap_min / shape.gap_max) : 0;
    ring->even = ring->passes > 1 ? fminf(ring->even, even) : even;
}

/* At the start of a window all births are the first. */
static void ring_put_birth(struct detect_ring *ring, float birth)
{
    if (ring->blocks % HALF_WINDOW != 0)
        return;
    ring->births[0] = ring->blocks == 0 ? birth : ring->births[1];
    ring->births[1] = birth;
}

double ladder_turnover(const struct detector *detector, unsigned scale)
{
    const struct detect_ring *ring = &detector->rings[scale];
    uint32_t blocks = HALF_WINDOW + 1 + (ring->blocks - 1) % HALF_WINDOW;

    return (detector->birth - ring->births[0]) / (blocks * (double)(1u << scale));
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

static void ring_put(struct detector *detector, unsigned scale, float min)
{
    struct detect_ring *ring = &detector->rings[scale];

    ring_put_birth(ring, detector->birth);
    ring->min[ring->blocks % DETECT_BLOCKS] = min;
    ring->blocks++;
    if (ring->blocks >= DETECT_BLOCKS)
        ring_test(detector, scale);
}

void ladder_close(struct detector *detector, float min)
{
    ring_put(detector, 0, min);
    for (unsigned scale = 1; scale < DETECT_SCALES; scale++) {
        const struct detect_ring *below = &detector->rings[scale - 1];

        if (below->blocks % 2 != 0)
            return;
        ring_put(detector, scale, fminf(ladder_at(below, 0), ladder_at(below, 1)));
    }
}

void ladder_clear(struct detector *detector)
{
    memset(detector->rings, 0, sizeof(detector->rings));
}
