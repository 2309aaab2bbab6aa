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

/*
 * The same line and shape of TREND_QUICK values in a tenth of the instructions, for the path of
 * every block. Leaves out what asks for the residuals one by one: the line's error, z and quantile
 * are 0. z_plain and bend_t are 0 too where z_plain is certainly below z_least: that is as far as a
 * test looks at them, and most windows are noise.
 */
#define TREND_QUICK 16
void trend_measure_quick(const double y[TREND_QUICK], double noise_variance, double z_least,
                         struct trend_shape *out);

#endif
