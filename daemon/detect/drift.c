/* SPDX-License-Identifier: MIT */
/*
 * The drift of a walk. In a sampled series a leak's samples stay for ever, so the error of each
 * step is still in the next value: the steps are independent, the values are not, and a line
 * through them finds autocorrelation without end. The mean of the steps is then the best estimate,
 * and its error is that of a mean of independent values (the drift of a random walk: Durbin and
 * Koopman, Time Series Analysis by State Space Methods, 2.2 with the observation noise left out).
 */
#include <math.h>

#include "daemon/detect/detect.h"
#include "daemon/detect/stat.h"

#define VALUES_MIN 4
#define VALUES_MAX 64

bool drift_fit(const double *y, size_t n, double step_variance, struct trend *out)
{
    double steps = (double)n - 1, mean, square = 0, variance;

    if (n < VALUES_MIN || n > VALUES_MAX)
        return false;
    mean = (y[n - 1] - y[0]) / steps;
    for (size_t i = 1; i < n; i++)
        square += (y[i] - y[i - 1] - mean) * (y[i] - y[i - 1] - mean);
    variance = fmax(square / (steps - 1), step_variance);
    out->slope_per_step = mean;
    out->se_per_step = sqrt(variance / steps);
    out->t_quantile = stat_t_quantile(steps - 1);
    out->intercept = y[0];
    out->z = 0;
    if (variance > 0)
        out->z = stat_normal_of_t(mean / out->se_per_step, steps - 1);
    else if (mean != 0)
        out->z = mean > 0 ? INFINITY : -INFINITY;
    return true;
}
