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
    out->z_plain = normal_of(fit->slope, sqrt(variance / fit->sxx), n - 2);
    out->bend_t = variance_bend > 0 ? fit->bend / sqrt(variance_bend / fit->suu) : 0;
}

static double lesser(double a, double b)
{
    return a < b ? a : b;
}

static double greater(double a, double b)
{
    return a > b ? a : b;
}

static void put_gaps(const double mean[4], struct trend_shape *out)
{
    for (size_t q = 0; q < 3; q++)
        out->gap[q] = mean[q + 1] - mean[q];
    out->gap_min = lesser(out->gap[0], lesser(out->gap[1], out->gap[2]));
    out->gap_max = greater(out->gap[0], greater(out->gap[1], out->gap[2]));
}

static void fit_quarters(const struct fit *fit, struct trend_shape *out)
{
    size_t length = fit->n / 4;
    double mean[4] = {0};

    for (size_t q = 0; q < 4; q++) {
        for (size_t i = 0; i < length; i++)
            mean[q] += fit->y[q * length + i];
        mean[q] /= (double)length;
    }
    put_gaps(mean, out);
}

static void measure(struct fit *fit, double noise_variance, struct trend_shape *out)
{
    fit_line(fit);
    fit_bend(fit);
    fit_rest(fit);
    fit_errors(fit, noise_variance, out);
    fit_quarters(fit, out);
}

/* What TREND_QUICK values have in common: the sums over the centred index that depend on their
 * number alone. */
#define QUICK_SPREAD ((TREND_QUICK * TREND_QUICK - 1) / 12.0)
#define QUICK_SXX    (TREND_QUICK * QUICK_SPREAD)
#define QUICK_SUU    (QUICK_SXX * (TREND_QUICK * TREND_QUICK - 4) / 15.0)

static double mean_of_four(const double *y)
{
    return ((y[0] + y[1]) + (y[2] + y[3])) / 4;
}

/* The centred index, and its square less QUICK_SPREAD. */
static const double quick_line[TREND_QUICK] = {-7.5, -6.5, -5.5, -4.5, -3.5, -2.5, -1.5, -0.5,
                                               0.5,  1.5,  2.5,  3.5,  4.5,  5.5,  6.5,  7.5};
static const double quick_bend[TREND_QUICK] = {35,  21,  9,   -1, -9, -15, -19, -21,
                                               -21, -19, -15, -9, -1, 9,   21,  35};

/* Residuals are what line and parabola leave of the sum of squares (Draper and Smith, Applied
 * Regression Analysis, chapters 1 and 22: orthogonal polynomials); all is of differences from the
 * mean, so that no digits are lost to the level. In two lanes, for processors add two at once. */
static void quick_sums(const double y[TREND_QUICK], double mean, double noise_variance,
                       struct fit *fit)
{
    double sxy[2] = {0}, suy[2] = {0}, squares[2] = {0};

    for (unsigned i = 0; i < TREND_QUICK; i += 2) {
        for (unsigned lane = 0; lane < 2; lane++) {
            double from_mean = y[i + lane] - mean;

            sxy[lane] += quick_line[i + lane] * from_mean;
            suy[lane] += quick_bend[i + lane] * from_mean;
            squares[lane] += from_mean * from_mean;
        }
    }
    fit->slope = (sxy[0] + sxy[1]) * (1 / QUICK_SXX);
    fit->bend = (suy[0] + suy[1]) * (1 / QUICK_SUU);
    fit->square_rest = greater(squares[0] + squares[1] - fit->slope * fit->slope * QUICK_SXX, 0) +
                       TREND_QUICK * noise_variance;
    fit->square_rest_bend = greater(fit->square_rest - fit->bend * fit->bend * QUICK_SUU, 0);
}

void trend_measure_quick(const double y[TREND_QUICK], double noise_variance, double z_least,
                         struct trend_shape *out)
{
    const double means[4] = {mean_of_four(y), mean_of_four(y + 4), mean_of_four(y + 8),
                             mean_of_four(y + 12)};
    double mean = mean_of_four(means), variance, variance_bend;
    struct fit fit;

    quick_sums(y, mean, noise_variance, &fit);
    out->line = (struct trend){.slope_per_step = fit.slope,
                               .intercept = mean - fit.slope * (TREND_QUICK - 1) / 2.0};
    put_gaps(means, out);
    out->z_plain = 0;
    out->bend_t = 0;
    variance = fit.square_rest / (TREND_QUICK - 2);
    if (fit.slope * fit.slope * QUICK_SXX < z_least * z_least * variance)
        return; /* z is nearer to 0 than t */
    variance_bend = fit.square_rest_bend / (TREND_QUICK - 3);
    out->z_plain = normal_of(fit.slope, sqrt(variance / QUICK_SXX), TREND_QUICK - 2);
    if (variance_bend > 0)
        out->bend_t = fit.bend / sqrt(variance_bend / QUICK_SUU);
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
