/* SPDX-License-Identifier: MIT */
#include <math.h>

#include "daemon/detect/detect.h"
#include "daemon/detect/stat.h"
#include "daemon/detect/trend.h"
#include "tests/unit/daemon/feed.h"
#include "tests/unit/suite.h"

START_TEST(logarithm_is_exact_to_fourteen_digits)
{
    static const double values[] = {1, 1.0000001, 1.4999, 1.5, 1.5001, 2, 3, 10, 1e6, 1e15, 1e300};

    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
        ck_assert_double_eq_tol(stat_log(values[i]), log(values[i]), 1e-14 * (1 + log(values[i])));
}
END_TEST

START_TEST(quantile_is_that_of_the_tables)
{
    static const double rows[][2] = {{1, 12.7062},   {2, 4.30265},    {3, 3.18245},  {5, 2.57058},
                                     {10, 2.22814},  {14, 2.14479},   {30, 2.04227}, {62, 1.99897},
                                     {1.5, 6.01666}, {2.25, 3.87548}, {3.5, 2.94009}};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        ck_assert_double_eq_tol(stat_t_quantile(rows[i][0]), rows[i][1], 0.015 * rows[i][1]);
    ck_assert_double_eq_tol(stat_t_quantile(1e9), 1.95996, 0.001);
    ck_assert_double_eq_tol(stat_t_quantile(0.1), 12.7062, 0.001);
}
END_TEST

START_TEST(normal_equivalent_shrinks_with_few_degrees_of_freedom)
{
    ck_assert_double_eq_tol(stat_normal_of_t(2.14479, 14), 1.96, 0.01);
    ck_assert_double_eq_tol(stat_normal_of_t(-2.14479, 14), -1.96, 0.01);
    ck_assert_double_lt(stat_normal_of_t(10, 2), 4);
}
END_TEST

START_TEST(slope_and_intercept_of_a_line_are_found)
{
    double y[20];
    struct trend trend;

    for (int i = 0; i < 20; i++)
        y[i] = 1000 + 7 * i + (i % 2 ? 0.5 : -0.5);
    ck_assert(trend_fit(y, 20, 0, &trend));
    ck_assert_double_eq_tol(trend.slope_per_step, 7, 0.05);
    ck_assert_double_eq_tol(trend.intercept, 1000, 1);
    ck_assert_double_gt(trend.z, 6);
    ck_assert_double_eq_tol(trend.t_quantile, 2.1, 0.05);
}
END_TEST

START_TEST(too_few_or_too_many_values_are_refused)
{
    double y[65] = {0};
    struct trend trend;

    ck_assert(!trend_fit(y, 3, 0, &trend));
    ck_assert(!trend_fit(y, 65, 0, &trend));
    ck_assert(trend_fit(y, 4, 0, &trend));
    ck_assert(trend_fit(y, 64, 0, &trend));
}
END_TEST

START_TEST(known_noise_widens_the_interval_of_a_perfect_line)
{
    double y[16];
    struct trend bare, noisy;

    for (int i = 0; i < 16; i++)
        y[i] = 100 * i;
    trend_fit(y, 16, 0, &bare);
    trend_fit(y, 16, 1e6, &noisy);
    ck_assert_double_gt(bare.z, 1000);
    ck_assert_double_lt(noisy.z, 5);
    ck_assert_double_gt(noisy.se_per_step, 10 * bare.se_per_step);
}
END_TEST

/* Share of noise series of slope 0 whose 95 % interval holds 0. */
static double coverage(double phi)
{
    struct feed feed;
    unsigned held = 0;

    feed_init(&feed, "fast", 1);
    for (unsigned trial = 0; trial < 4000; trial++) {
        struct trend trend;
        double y[16], value = 0;

        for (int i = -50; i < 16; i++) {
            value = phi * value + feed_noise(&feed) + feed_noise(&feed) + feed_noise(&feed);
            if (i >= 0)
                y[i] = 1e6 + value;
        }
        trend_fit(y, 16, 0, &trend);
        held += fabs(trend.slope_per_step) <= trend.t_quantile * trend.se_per_step;
    }
    return held / 4000.0;
}

START_TEST(interval_is_honest_for_independent_noise)
{
    ck_assert_double_ge(coverage(0), 0.93);
    ck_assert_double_le(coverage(0), 0.99);
}
END_TEST

START_TEST(interval_is_honest_for_correlated_noise)
{
    ck_assert_double_ge(coverage(0.3), 0.92);
    ck_assert_double_ge(coverage(0.6), 0.86);
}
END_TEST

/* Of lines, bends, steps and noise alike, at any level. */
START_TEST(the_quick_measure_says_what_the_exact_one_says)
{
    static const double levels[] = {0, 1e6, 1e12};
    struct feed noise = {.noise = 1};
    double y[TREND_QUICK];
    struct trend_shape exact, quick;
    unsigned silent = 0;

    for (unsigned round = 0; round < 3000; round++) {
        double slope = 100 * feed_noise(&noise), bend = 5 * feed_noise(&noise);

        for (int i = 0; i < TREND_QUICK; i++)
            y[i] = levels[round % 3] + slope * i + bend * (i - 7) * (i - 7) +
                   500 * feed_noise(&noise) + (round % 5 == 0 && i > 9 ? 900 : 0);
        trend_measure(y, TREND_QUICK, 10, &exact);
        trend_measure_quick(y, 10, 2.9, &quick);
        ck_assert_double_eq_tol(quick.line.slope_per_step, exact.line.slope_per_step, 1e-3);
        ck_assert_double_eq_tol(quick.line.intercept, exact.line.intercept, 1e-2);
        ck_assert_double_eq_tol(quick.gap_min, exact.gap_min, 1e-2);
        ck_assert_double_eq_tol(quick.gap_max, exact.gap_max, 1e-2);
        if (quick.z_plain == 0) {
            silent++;
            ck_assert_double_lt(fabs(exact.z_plain), 2.9);
            continue;
        }
        ck_assert_double_eq_tol(quick.z_plain, exact.z_plain, 1e-4);
        ck_assert_double_eq_tol(quick.bend_t, exact.bend_t, 1e-3);
    }
    ck_assert_uint_gt(silent, 300);
    ck_assert_uint_lt(silent, 2700);
}
END_TEST

SUITE_MAIN("detect_trend", the_quick_measure_says_what_the_exact_one_says,
           logarithm_is_exact_to_fourteen_digits, quantile_is_that_of_the_tables,
           normal_equivalent_shrinks_with_few_degrees_of_freedom,
           slope_and_intercept_of_a_line_are_found, too_few_or_too_many_values_are_refused,
           known_noise_widens_the_interval_of_a_perfect_line,
           interval_is_honest_for_independent_noise, interval_is_honest_for_correlated_noise)
