/* SPDX-License-Identifier: MIT */
#include "daemon/detect/trend.h"

#include <math.h>
#include <stdbool.h>

#include "daemon/detect/stat.h"

/* Residuals stay correlated beyond what lag 1 can tell in a short window; above this the error is
 * no longer an estimate but a guess. */
#define AUTOCORRELATION_MAX 0.9
/* Student's t is not defined below 1; at 1.5 a slope must be overwhelming to pass. */
#define FREEDOM_MIN 1.5
#define T_SMALL     2.9

/* Sums over the centred index. */
struct fit {
    const double *y;
    size_t n;
    double middle; /* of the index */
    double mean;
    double sxx;
    double slope;
    double suu;    /* of u_i = (i - middle)^2 - spread, which is orthogonal to the line */
    double spread; /* sxx / n */
    double bend;
    double square_rest;      /* residuals of the line */
    double square_rest_bend; /* of the parabola */
    double lag1;             /* of the parabola's residuals */
    bool quick;
};

static void fit_line(struct fit *fit)
{
    double n = (double)fit->n;
    double sxy = 0;

    fit->middle = (n - 1) / 2;
    fit->spread = (n * n - 1) / 12;
    fit->sxx = n * fit->spread;
    fit->mean = 0;
    for (size_t i = 0; i < fit->n; i++)
        fit->mean += fit->y[i];
    fit->mean /= n;
    for (size_t i = 0; i < fit->n; i++)
        sxy += ((double)i - fit->middle) * (fit->y[i] - fit->mean);
    fit->slope = sxy / fit->sxx;
}

static double bend_basis(const struct fit *fit, size_t i)
{
    double x = (double)i - fit->middle;

    return x * x - fit->spread;
}

static void fit_bend(struct fit *fit)
{
    double suy = 0;

    fit->suu = 0;
    for (size_t i = 0; i < fit->n; i++) {
        double u = bend_basis(fit, i);

        fit->suu += u * u;
        suy += u * (fit->y[i] - fit->mean);
    }
    fit->bend = suy / fit->suu;
}

static void fit_rest(struct fit *fit)
{
    double products = 0;
    double before = 0;

    fit->square_rest = 0;
    fit->square_rest_bend = 0;
    for (size_t i = 0; i < fit->n; i++) {
        double e = fit->y[i] - fit->mean - fit->slope * ((double)i - fit->middle);
        double e2 = e - fit->bend * bend_basis(fit, i);

        fit->square_rest += e * e;
        fit->square_rest_bend += e2 * e2;
        products += e2 * before;
        before = e2;
    }
    fit->lag1 = fit->square_rest_bend > 0 ? products / fit->square_rest_bend : 0;
}

/* How many times the variance of the slope is that of independent noise; the second term corrects
 * the bias of a short window towards 0. */
static double variance_inflation(const struct fit *fit)
{
    double phi = fit->lag1 + (3 + 4 * fit->lag1) / (double)fit->n;

    phi = fmin(fmax(phi, 0), AUTOCORRELATION_MAX);
    return (1 + phi) / (1 - phi);
}

static double normal_of(double slope, double se, double freedom)
{
    if (se > 0)
        return stat_normal_of_t(slope / se, freedom);
    return slope > 0 ? INFINITY : slope < 0 ? -INFINITY : 0;
}

/* Every sample of noise comes through here, and no test asks more of a small z than that it is
 * below 3: t is nearer to 0 than 3, so z is. */
static double z_of(const struct fit *fit, double se)
{
    if (fit->quick && fabs(fit->slope) < T_SMALL * se)
        return fit->slope / se;
    return normal_of(fit->slope, se, (double)fit->n - 2);
}

/* The bend is measured against plain noise, as z_plain is: correlation would hide the curve that
 * causes it. */
static void fit_errors(const struct fit *fit, double noise_variance, struct trend_shape *out)
{
    double n = (double)fit->n;
    double variance = (fit->square_rest + n * noise_variance) / (n - 2);
    double variance_bend = (fit->square_rest_bend + n * noise_variance) / (n - 3);

    out->line.slope_per_step = fit->slope;
    out->line.intercept = fit->mean - fit->slope * fit->middle;
    out->line.se_per_step = sqrt(variance * variance_inflation(fit) / fit->sxx);
    out->line.t_quantile = 0;
    out->line.z = 0;
    out->z_plain = z_of(fit, sqrt(variance / fit->sxx));
    out->bend_t = variance_bend > 0 ? fit->bend / sqrt(variance_bend / fit->suu) : 0;
}

static void fit_quarters(const struct fit *fit, struct trend_shape *out)
{
    size_t length = fit->n / 4;
    double before = 0;

    for (size_t q = 0; q < 4; q++) {
        double mean = 0;

        for (size_t i = 0; i < length; i++)
            mean += fit->y[q * length + i];
        mean /= (double)length;
        if (q > 0)
            out->gap[q - 1] = mean - before;
        before = mean;
    }
    out->gap_min = fmin(out->gap[0], fmin(out->gap[1], out->gap[2]));
    out->gap_max = fmax(out->gap[0], fmax(out->gap[1], out->gap[2]));
}

static void measure(struct fit *fit, double noise_variance, struct trend_shape *out)
{
    fit_line(fit);
    fit_bend(fit);
    fit_rest(fit);
    fit_errors(fit, noise_variance, out);
    fit_quarters(fit, out);
}

void trend_measure_quick(const double *y, size_t n, double noise_variance, struct trend_shape *out)
{
    struct fit fit = {.y = y, .n = n, .quick = true};

    measure(&fit, noise_variance, out);
}

void trend_measure(const double *y, size_t n, double noise_variance, struct trend_shape *out)
{
    struct fit fit = {.y = y, .n = n};
    double freedom;

    measure(&fit, noise_variance, out);
    freedom = fmax(FREEDOM_MIN, (double)n / variance_inflation(&fit) - 2);
    out->line.z = normal_of(out->line.slope_per_step, out->line.se_per_step, freedom);
    out->line.t_quantile = stat_t_quantile(freedom);
}

bool trend_fit(const double *y, size_t n, double noise_variance, struct trend *out)
{
    struct trend_shape shape;

    if (n < 4 || n > TREND_VALUES_MAX)
        return false;
    trend_measure(y, n, noise_variance, &shape);
    *out = shape.line;
    return true;
}
