/* SPDX-License-Identifier: MIT */
#include "tests/unit/suite.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "daemon/detect/detect.h"

static uint64_t state;

static double uniform(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (double)(state >> 11) / 9007199254740992.0;
}

/* Live bytes of a sampled site that leaks `per_step` bytes: Poisson samples of `period` each. */
static void sampled_leak(double *y, size_t n, double per_step, double period)
{
    double bytes = 0, next = -period * log(1 - uniform()), seen = 0;

    for (size_t i = 0; i < n; i++) {
        y[i] = seen;
        for (bytes += per_step; next <= bytes; next -= period * log(1 - uniform()))
            seen += period;
    }
}

START_TEST(interval_holds_the_rate_of_a_sampled_leak_in_95_of_100_runs)
{
    unsigned held = 0, runs = 2000;
    double y[64];
    struct trend trend;

    state = 88172645463325252ull;
    for (unsigned run = 0; run < runs; run++) {
        sampled_leak(y, 64, 40000, 16384);
        ck_assert(drift_fit(y, 64, 0, &trend));
        held += fabs(trend.slope_per_step - 40000) <= trend.t_quantile * trend.se_per_step;
    }
    ck_assert_uint_ge(held, runs * 93 / 100);
    ck_assert_uint_le(held, runs * 97 / 100);
}
END_TEST

START_TEST(a_series_that_swings_about_a_level_has_no_sure_drift)
{
    unsigned sure = 0;
    double y[64];
    struct trend trend;

    state = 3141592653589793ull;
    for (unsigned run = 0; run < 1000; run++) {
        for (size_t i = 0; i < 64; i++)
            y[i] = 1e6 + 1e5 * uniform();
        ck_assert(drift_fit(y, 64, 0, &trend));
        sure += trend.z > 2.5;
    }
    ck_assert_uint_eq(sure, 0);
}
END_TEST

START_TEST(known_variance_is_a_floor)
{
    double straight[8] = {0, 1, 2, 3, 4, 5, 6, 7};
    struct trend trend;

    ck_assert(drift_fit(straight, 8, 0, &trend));
    ck_assert(isinf(trend.z) && trend.z > 0);
    ck_assert(drift_fit(straight, 8, 4, &trend));
    ck_assert_double_eq_tol(trend.slope_per_step, 1, 1e-12);
    ck_assert_double_eq_tol(trend.se_per_step, sqrt(4.0 / 7), 1e-12);
    ck_assert(trend.z < 2);
}
END_TEST

START_TEST(too_few_or_too_many_values_are_refused)
{
    double y[65] = {0};
    struct trend trend;

    ck_assert(!drift_fit(y, 3, 0, &trend));
    ck_assert(!drift_fit(y, 65, 0, &trend));
}
END_TEST

SUITE_MAIN("drift", interval_holds_the_rate_of_a_sampled_leak_in_95_of_100_runs,
           a_series_that_swings_about_a_level_has_no_sure_drift, known_variance_is_a_floor,
           too_few_or_too_many_values_are_refused)
