/* SPDX-License-Identifier: MIT */
/* The line through a window of points: values as literals, no time but theirs. */
#include <check.h>
#include <math.h>

#include "daemon/http/window_fit.h"
#include "tests/unit/suite.h"

#define FROM_MS  1800000000000
#define STEP_MS  10000
#define MIB      1048576.0
#define POINTS   360 /* an hour */

static struct point points[POINTS];
static struct window_fit line;

/* 100 MiB, growing by so much a step; every third step has garbage in it. */
static void fill(double growth_a_step)
{
    for (size_t i = 0; i < POINTS; i++) {
        double level = 100 * MIB + growth_a_step * (double)i;

        points[i] = (struct point){.wall_ms = FROM_MS + i * STEP_MS,
                                   .min = level + (i % 3 == 0 ? 0 : 7 * MIB),
                                   .mean = level + 9 * MIB};
    }
}

START_TEST(growth_is_that_of_the_lower_envelope_per_second)
{
    fill(4096);
    ck_assert_ptr_null(window_fit(points, POINTS, STEP_MS, &line));
    ck_assert_double_eq_tol(line.growth.estimate, 409.6, 1);
    ck_assert(line.growth.known && line.growth.lower < 409.6 && line.growth.upper > 409.6);
    ck_assert_double_lt(line.growth.upper - line.growth.lower, 20);
    ck_assert_double_eq_tol(line.bytes_at_from, 100 * MIB, 0.2 * MIB);
    ck_assert_uint_eq(line.from_ms, FROM_MS);
    ck_assert_uint_eq(line.to_ms, FROM_MS + POINTS * STEP_MS);
}
END_TEST

START_TEST(a_level_that_stays_has_an_interval_about_zero)
{
    fill(0);
    for (size_t i = 0; i < POINTS; i++)
        points[i].min += MIB * sin((double)i / 2);
    ck_assert_ptr_null(window_fit(points, POINTS, STEP_MS, &line));
    ck_assert_double_lt(line.growth.lower, 0);
    ck_assert_double_gt(line.growth.upper, 0);
}
END_TEST

START_TEST(a_short_hole_is_bridged_and_a_long_one_is_the_reason_for_none)
{
    struct window_fit untouched;
    size_t count = 0;

    fill(4096);
    for (size_t i = 0; i < POINTS; i++) {
        if (i < 100 || i >= 160)
            points[count++] = points[i];
    }
    ck_assert_ptr_null(window_fit(points, count, STEP_MS, &line));
    ck_assert_double_eq_tol(line.growth.estimate, 409.6, 2);
    untouched = line;
    points[30] = points[count - 1];
    ck_assert_str_eq(window_fit(points, 31, STEP_MS, &line),
                     "more than a quarter of it was not measured");
    ck_assert_double_eq(line.growth.estimate, untouched.growth.estimate);
}
END_TEST

START_TEST(few_points_are_no_window)
{
    fill(4096);
    ck_assert_str_eq(window_fit(points, 0, STEP_MS, &line), "nothing was measured in it");
    ck_assert_str_eq(window_fit(points, 11, STEP_MS, &line),
                     "fewer than twelve steps of it were measured");
    ck_assert_ptr_null(window_fit(points, 12, STEP_MS, &line));
}
END_TEST

SUITE_MAIN("http_window_fit", growth_is_that_of_the_lower_envelope_per_second,
           a_level_that_stays_has_an_interval_about_zero,
           a_short_hole_is_bridged_and_a_long_one_is_the_reason_for_none, few_points_are_no_window)
