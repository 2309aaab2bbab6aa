/* SPDX-License-Identifier: MIT */
/* Samples become blocks, blocks become the longer blocks of the next scale; every closed block
 * tests its window. Inside of the detector. */
#ifndef LEAKD_DETECT_LADDER_H
#define LEAKD_DETECT_LADDER_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/detect/blocks.h"
#include "daemon/detect/detector.h"
#include "daemon/detect/packed.h"

struct trend_shape;

/* Puts a base block, which closes one of so many scales. */
void ladder_put(struct detector *detector, unsigned scales, float min);
/* Tests the windows of that many scales. */
void ladder_test(struct detector *detector, unsigned scales);
void ladder_clear(struct detector *detector);
void ladder_clear_found(struct detector *detector);

static inline bool ladder_is_full(const struct detector *detector, unsigned scale)
{
    return blocks_closed(detector, scale) >= DETECT_BLOCKS;
}

/* Its newest windows that passed in a row; 0: the newest failed, or there is none. */
static inline unsigned ladder_passes(const struct detector *detector, unsigned scale)
{
    return detector->found.passing >> scale & 1 ? detector->found.runs[scale] : 0;
}

static inline unsigned ladder_fails(const struct detector *detector, unsigned scale)
{
    return detector->found.passing >> scale & 1 ? 0 : detector->found.runs[scale];
}

double ladder_window(unsigned scale); /* base blocks */
static inline float ladder_z(const struct detect_ring *ring)
{
    return packed_value(ring->z);
}

static inline float ladder_even(const struct detect_ring *ring)
{
    return packed_value(ring->even);
}

/* The newest window of the ring leaves no doubt that it is a line. */
bool ladder_is_straight(const struct detect_ring *ring);

/* The tests of a window; gains are bytes in the window. */
double ladder_z_needed(const struct detector *detector);
bool ladder_is_even(const struct trend_shape *shape);
bool ladder_is_saturating(const struct trend_shape *shape);
bool ladder_is_beginning(const struct trend_shape *shape);
double ladder_gain_needed(double first);

/* How much of the time in the window the birth of the oldest object has moved on; the ring must be
 * full and ages known. */
double ladder_turnover(const struct detector *detector, unsigned scale);

/* The oldest object of now was born while the window grew: what grew has died meanwhile. False too
 * when ages are not known. */
bool ladder_oldest_die(const struct detector *detector, unsigned scale);

/* The oldest object was born when the growth began, and lives on. */
bool ladder_oldest_stay(const struct detector *detector, unsigned scale);

/* What the window of a scale grows by at most, bytes per base block: the slope and two standard
 * errors of it. Takes the time of ladder_measure. */
double ladder_growth_max(const struct detector *detector, unsigned scale);

/* The line through the window of a scale, with its quantile; the ring must be full. */
void ladder_measure(const struct detector *detector, unsigned scale, struct trend_shape *out);

#endif
