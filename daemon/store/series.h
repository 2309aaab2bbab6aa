/* SPDX-License-Identifier: MIT */
/*
 * A series of one figure in memory, packed: 1 s steps for 15 minutes, 10 s steps for 6 hours
 * (lower envelope and mean of each step), at most 32 KiB. Points: a short ring for sites and types.
 */
#ifndef LEAKD_STORE_SERIES_H
#define LEAKD_STORE_SERIES_H

#include <stddef.h>
#include <stdint.h>

struct series;

struct point {
    uint64_t wall_ms; /* start of the step */
    double min;
    double mean;
};

struct series *series_new(void); /* NULL: no memory */
void series_free(struct series *series);
/* Empties it and gives its memory back. */
void series_forget(struct series *series);
/* Values at wall times that do not go backwards are kept; others are dropped. */
void series_put(struct series *series, uint64_t wall_ms, double value);
/* Steps of 10 s from before everything the series has, oldest first; NAN is a hole. What does not
 * fit, or is not older, is left out. */
void series_put_before(struct series *series, const struct point *tens, size_t count);
/* Points with from <= wall_ms <= to, oldest first, in steps of at least step_ms (the server's
 * choice is written to *used_step_ms). Returns how many, at most max. */
size_t series_get(const struct series *series, uint64_t from_wall_ms, uint64_t to_wall_ms,
                  uint64_t step_ms, struct point *out, size_t max, uint64_t *used_step_ms);
/* Merges points, oldest first, to one a step: the lowest minimum, the mean of means. Returns how
 * many are left at the front. */
size_t series_coarsen(struct point *points, size_t count, uint64_t step_ms);
/* The latest n points of equal spacing for a sparkline, oldest first. */
size_t series_spark(const struct series *series, uint64_t to_wall_ms, uint64_t span_ms, double *out,
                    size_t n);
size_t series_bytes(const struct series *series); /* memory held */

#define POINTS_MAX 64

/* Equidistant values: when full, neighbours are merged (minimum) and the step doubles, so that a
 * ring always spans its whole life. */
struct points {
    uint32_t count;
    uint32_t step_ms;
    uint64_t first_mono_ms;
    float values[POINTS_MAX];
    float pending;
    uint32_t pending_count;
};

void points_init(struct points *points, uint64_t now_mono_ms, uint32_t step_ms);
void points_put(struct points *points, uint64_t now_mono_ms, double value);

#endif
