/* SPDX-License-Identifier: MIT */
#include "daemon/store/series.h"

#include <math.h>
#include <stdlib.h>

#include <check.h>
#include "tests/unit/suite.h"

#define T0 1700000000000u /* a multiple of 10 s */

static struct point out[5000];
static uint64_t step;

START_TEST(seconds_come_back_as_they_were_put)
{
    struct series *series = series_new();
    size_t n;

    for (unsigned i = 0; i < 60; i++)
        series_put(series, T0 + i * 1000, 1e12 + i);
    n = series_get(series, T0, T0 + 59000, 1000, out, 1000, &step);
    ck_assert_uint_eq(n, 60);
    ck_assert_uint_eq(step, 1000);
    for (unsigned i = 0; i < 60; i++) {
        ck_assert_uint_eq(out[i].wall_ms, T0 + i * 1000);
        ck_assert(out[i].min == 1e12 + i && out[i].mean == 1e12 + i);
    }
    series_free(series);
}
END_TEST

START_TEST(ten_second_steps_keep_minimum_and_mean)
{
    struct series *series = series_new();
    size_t n;

    for (unsigned i = 0; i < 40; i++)
        series_put(series, T0 + i * 1000, i % 10);
    n = series_get(series, T0, T0 + 39000, 10000, out, 1000, &step);
    ck_assert_uint_eq(n, 4);
    ck_assert_uint_eq(step, 10000);
    for (unsigned i = 0; i < n; i++) {
        ck_assert_uint_eq(out[i].wall_ms, T0 + i * 10000);
        ck_assert(out[i].min == 0 && fabs(out[i].mean - 4.5) < 1e-6);
    }
    series_free(series);
}
END_TEST

START_TEST(seconds_last_for_15_minutes_and_tens_for_6_hours)
{
    struct series *series = series_new();
    uint64_t now = T0;
    size_t n;

    for (unsigned i = 0; i < 8 * 3600; i++, now += 1000)
        series_put(series, now, i);
    n = series_get(series, now - 900000, now, 1000, out, 5000, &step);
    ck_assert_uint_eq(step, 1000);
    ck_assert_uint_eq(n, 900);
    n = series_get(series, 0, now, 1000, out, 5000, &step);
    ck_assert_uint_eq(step, 10000);
    ck_assert_uint_ge(n, 2160);
    ck_assert_uint_le(n, 2161);
    ck_assert_uint_ge(out[0].wall_ms, now - 6 * 3600000 - 10000);
    series_free(series);
}
END_TEST

START_TEST(a_full_series_takes_at_most_32_kib)
{
    struct series *series = series_new();

    ck_assert_uint_lt(series_bytes(series), 256);
    for (unsigned i = 0; i < 8 * 3600; i++)
        series_put(series, T0 + i * 1000, i);
    ck_assert_uint_le(series_bytes(series), 32768);
    series_free(series);
}
END_TEST

START_TEST(more_points_than_asked_for_are_merged)
{
    struct series *series = series_new();
    size_t n;

    for (unsigned i = 0; i < 600; i++)
        series_put(series, T0 + i * 1000, i);
    n = series_get(series, T0, T0 + 599000, 1000, out, 10, &step);
    ck_assert_uint_le(n, 10);
    ck_assert_uint_ge(n, 8);
    ck_assert_uint_eq(step % 1000, 0);
    ck_assert(out[n - 1].wall_ms + step > T0 + 599000);
    ck_assert(out[1].min == (double)((out[1].wall_ms - T0) / 1000));
    series_free(series);
}
END_TEST

START_TEST(a_hole_stays_a_hole)
{
    struct series *series = series_new();
    size_t n;

    series_put(series, T0, 1);
    series_put(series, T0 + 5000, 2);
    n = series_get(series, T0, T0 + 10000, 1000, out, 100, &step);
    ck_assert_uint_eq(n, 2);
    ck_assert_uint_eq(out[1].wall_ms, T0 + 5000);
    series_put(series, T0 + 40000000, 3); /* longer than the whole ring */
    n = series_get(series, T0 + 39999000, T0 + 40000000, 1000, out, 100, &step);
    ck_assert_uint_eq(n, 1);
    ck_assert(out[0].mean == 3);
    series_free(series);
}
END_TEST

START_TEST(a_clock_set_back_a_little_loses_values_and_set_back_a_lot_starts_anew)
{
    struct series *series = series_new();

    series_put(series, T0, 1);
    series_put(series, T0 - 5000, 2);
    ck_assert_uint_eq(series_get(series, T0 - 9000, T0 + 1000, 1000, out, 100, &step), 1);
    series_put(series, T0 - 7200000, 3);
    ck_assert_uint_eq(series_get(series, T0 - 7300000, T0, 1000, out, 100, &step), 1);
    ck_assert(out[0].mean == 3);
    series_free(series);
}
END_TEST

START_TEST(an_empty_series_has_no_points)
{
    struct series *series = series_new();
    double spark[8];

    ck_assert_uint_eq(series_get(series, 0, T0, 1000, out, 100, &step), 0);
    ck_assert_uint_eq(series_get(series, T0, 0, 1000, out, 100, &step), 0);
    ck_assert_uint_eq(series_spark(series, T0, 600000, spark, 8), 0);
    series_put(series, T0, NAN);
    ck_assert_uint_eq(series_get(series, 0, T0, 1000, out, 100, &step), 0);
    series_free(series);
}
END_TEST

START_TEST(a_sparkline_is_equally_spaced_and_fills_holes)
{
    struct series *series = series_new();
    double spark[10];
    size_t n;

    for (unsigned i = 0; i < 600; i++) {
        if (i < 200 || i >= 400)
            series_put(series, T0 + i * 1000, i);
    }
    n = series_spark(series, T0 + 600000, 600000, spark, 10);
    ck_assert_uint_eq(n, 10);
    ck_assert(fabs(spark[0] - 29.5) < 1);
    ck_assert(spark[5] == spark[4] && spark[4] < 200);
    ck_assert(fabs(spark[9] - 569.5) < 1);
    series_free(series);
}
END_TEST

START_TEST(steps_from_before_stand_in_front_of_what_came_since)
{
    struct series *series = series_new();
    struct point before[5] = {{.wall_ms = 1000000, .min = 1, .mean = 2},
                              {.wall_ms = 1010000, .min = 3, .mean = 4},
                              {.wall_ms = 1020000, .min = NAN, .mean = NAN},
                              {.wall_ms = 1030000, .min = 5, .mean = 6},
                              {.wall_ms = 1060000, .min = 99, .mean = 99}}; /* known better */
    uint64_t step_ms;

    for (unsigned i = 0; i < 30; i++)
        series_put(series, 1055000 + i * 1000, 100 + i);
    series_put_before(series, before, 5);
    ck_assert_uint_eq(series_get(series, 1000000, 1080000, 10000, out, 64, &step_ms), 7);
    ck_assert_uint_eq(step_ms, 10000);
    ck_assert_uint_eq(out[0].wall_ms, 1000000);
    ck_assert(out[0].min == 1 && out[0].mean == 2);
    ck_assert(out[2].wall_ms == 1030000 && out[2].min == 5);
    ck_assert(out[3].wall_ms == 1050000 && out[3].min == 100);
    ck_assert(out[4].wall_ms == 1060000 && out[4].min == 105);
    /* The single seconds are untouched, and the series goes on. */
    series_put(series, 1085000, 200);
    ck_assert_uint_eq(series_get(series, 1055000, 1085000, 1000, out, 64, &step_ms), 31);
    ck_assert_uint_eq(step_ms, 1000);
    ck_assert(out[30].min == 200);
    series_free(series);
}
END_TEST

START_TEST(more_from_before_than_fits_leaves_the_newest)
{
    static struct point before[3000];
    struct series *series = series_new();
    uint64_t step_ms;

    for (unsigned i = 0; i < 3000; i++)
        before[i] = (struct point){.wall_ms = (1000 + i) * 10000u, .min = i, .mean = i};
    series_put_before(series, before, 3000);
    ck_assert_uint_le(series_bytes(series), 32768);
    ck_assert_uint_eq(series_get(series, 39980000, 39999999, 10000, out, 64, &step_ms), 2);
    ck_assert(out[1].min == 2999);
    ck_assert_uint_eq(series_get(series, 10000000, 10010000, 10000, out, 64, &step_ms), 0);
    series_put(series, 40000500, 5);
    ck_assert_uint_eq(series_get(series, 39990000, 40000500, 10000, out, 64, &step_ms), 2);
    series_free(series);
}
END_TEST

START_TEST(points_span_their_whole_life)
{
    struct points points;

    points_init(&points, 5000, 1000);
    for (unsigned i = 0; i <= 1000; i++)
        points_put(&points, 5000 + i * 1000, i);
    ck_assert_uint_eq(points.first_mono_ms, 5000);
    ck_assert_uint_eq(points.step_ms, 16000);
    ck_assert_uint_ge(points.count, 32);
    for (unsigned i = 0; i < points.count; i++)
        ck_assert(points.values[i] == (float)(i * 16)); /* the minimum of each step */
}
END_TEST

START_TEST(points_repeat_the_last_value_over_silence)
{
    struct points points;

    points_init(&points, 1000, 1000);
    points_put(&points, 1000, 7);
    points_put(&points, 6500, 9);
    ck_assert_uint_eq(points.count, 5);
    for (unsigned i = 0; i < 5; i++)
        ck_assert(points.values[i] == 7);
    points_put(&points, 3600000, 9);
    ck_assert_uint_le(points.count, POINTS_MAX);
    ck_assert(points.values[points.count - 1] == 9);
}
END_TEST

START_TEST(coarser_steps_keep_the_lowest_and_the_mean)
{
    struct point points[] = {
        {10000, 5, 10}, {20000, 3, 20}, {50000, 9, 9}, {60000, 7, 30}, {110000, 8, 40}};

    ck_assert_uint_eq(series_coarsen(points, 5, 60000), 2);
    ck_assert_uint_eq(points[0].wall_ms, 0);
    ck_assert_double_eq(points[0].min, 3);
    ck_assert_double_eq_tol(points[0].mean, 13, 1e-9);
    ck_assert_uint_eq(points[1].wall_ms, 60000);
    ck_assert_double_eq(points[1].min, 7);
    ck_assert_double_eq_tol(points[1].mean, 35, 1e-9);
    ck_assert_uint_eq(series_coarsen(points, 0, 60000), 0);
}
END_TEST

SUITE_MAIN("series", seconds_come_back_as_they_were_put, ten_second_steps_keep_minimum_and_mean,
           seconds_last_for_15_minutes_and_tens_for_6_hours, a_full_series_takes_at_most_32_kib,
           more_points_than_asked_for_are_merged, a_hole_stays_a_hole,
           a_clock_set_back_a_little_loses_values_and_set_back_a_lot_starts_anew,
           an_empty_series_has_no_points, a_sparkline_is_equally_spaced_and_fills_holes,
           steps_from_before_stand_in_front_of_what_came_since,
           more_from_before_than_fits_leaves_the_newest, coarser_steps_keep_the_lowest_and_the_mean,
           points_span_their_whole_life, points_repeat_the_last_value_over_silence)
