/* SPDX-License-Identifier: MIT */
/* The line through a window, its error, and the window's shape. Per step, not per second. */
#ifndef LEAKD_DETECT_TREND_H
#define LEAKD_DETECT_TREND_H

#include <stddef.h>

#include "daemon/detect/detect.h"

#define TREND_VALUES_MAX 64

struct trend_shape {
    struct trend line;
    double gap[3]; /* differences of the means of neighbouring quarters */
    double gap_min;
    double gap_max;
    double z_plain; /* line.z, were the residuals independent */
    double bend_t;  /* t of the second order term: below 0 the growth slows down */
};

/* trend_fit with the shape; n a multiple of 4. noise_variance is the least one believed. */
void trend_measure(const double *y, size_t n, double noise_variance, struct trend_shape *out);

/* Leaves line.z and the quantile at 0: for the path of every sample. */
void trend_measure_quick(const double *y, size_t n, double noise_variance, struct trend_shape *out);

#endif
