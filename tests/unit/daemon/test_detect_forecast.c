/* SPDX-License-Identifier: MIT */
/* Forecasts and the words for people. */
#include <math.h>
#include <string.h>

#include "daemon/detect/phrase.h"
#include "tests/unit/daemon/feed.h"
#include "tests/unit/suite.h"

START_TEST(time_to_the_limit_has_the_interval_of_the_rate)
{
    struct growth growth = {.known = true, .estimate = 100, .lower = 50, .upper = 200};
    struct forecast forecast = forecast_to_limit(&growth, 1000, 11000);

    ck_assert(forecast.known);
    ck_assert_double_eq(forecast.estimate_s, 100);
    ck_assert_double_eq(forecast.lower_s, 50);
    ck_assert_double_eq(forecast.upper_s, 200);
}
END_TEST

START_TEST(growth_that_may_be_none_may_take_for_ever)
{
    struct growth growth = {.known = true, .estimate = 100, .lower = -1, .upper = 200};

    ck_assert(isinf(forecast_to_limit(&growth, 1000, 11000).upper_s));
}
END_TEST

START_TEST(without_growth_or_limit_nothing_is_known)
{
    struct growth growth = {.known = true, .estimate = 100, .lower = 50, .upper = 200};
    struct growth shrinking = {.known = true, .estimate = -1, .lower = -2, .upper = 1};
    struct growth unknown = {.known = false, .estimate = 100};

    ck_assert(!forecast_to_limit(&growth, 1000, 0).known);
    ck_assert(!forecast_to_limit(&shrinking, 1000, 2000).known);
    ck_assert(!forecast_to_limit(&unknown, 1000, 2000).known);
}
END_TEST

START_TEST(above_the_limit_no_time_is_left)
{
    struct growth growth = {.known = true, .estimate = 100, .lower = 50, .upper = 200};

    ck_assert_double_eq(forecast_to_limit(&growth, 3000, 2000).estimate_s, 0);
}
END_TEST

static const char *bytes_as(double bytes)
{
    static char text[32];

    phrase_bytes(bytes, text, sizeof(text));
    return text;
}

START_TEST(bytes_have_iec_units_and_three_digits)
{
    ck_assert_str_eq(bytes_as(0), "0 B");
    ck_assert_str_eq(bytes_as(1023), "1023 B");
    ck_assert_str_eq(bytes_as(1024), "1.00 KiB");
    ck_assert_str_eq(bytes_as(14.23 * MIB), "14.2 MiB");
    ck_assert_str_eq(bytes_as(512 * MIB), "512 MiB");
    ck_assert_str_eq(bytes_as(-3 * MIB), "-3.00 MiB");
}
END_TEST

static const char *span_as(double seconds)
{
    static char text[32];

    phrase_span(seconds, text, sizeof(text));
    return text;
}

START_TEST(spans_have_two_units_at_most)
{
    ck_assert_str_eq(span_as(-5), "0 s");
    ck_assert_str_eq(span_as(59.9), "59 s");
    ck_assert_str_eq(span_as(720), "12 min");
    ck_assert_str_eq(span_as(19200), "5 h 20 min");
    ck_assert_str_eq(span_as(3 * DAY + 4 * HOUR), "3 d 4 h");
    ck_assert(strlen(span_as(1e300)) < 32);
}
END_TEST

START_TEST(what_a_day_may_add_brings_no_limit_near)
{
    struct growth growth = {true, 1000, 500, 1500 + 50000, 50000};
    struct forecast forecast = forecast_to_limit(&growth, 0, 3600 * 1500.0);

    ck_assert_double_eq_tol(forecast.lower_s, 3600, 1);
    ck_assert_double_eq_tol(forecast.estimate_s, 5400, 1);
    growth.pace = growth.upper;
    ck_assert_double_eq_tol(forecast_to_limit(&growth, 0, 3600 * 1500.0).lower_s, 5400, 1);
}
END_TEST

START_TEST(a_leak_is_explained_with_rate_interval_and_time)
{
    char text[200];
    struct detect_result result = {
        .verdict = VERDICT_LEAK,
        .since_ms = 1000,
        .growth = {true, 14.2 * MIB / 3600, 12.9 * MIB / 3600, 15.6 * MIB / 3600, 0}};

    detect_explain(&result, 1000 + 19200000, text, sizeof(text));
    ck_assert_str_eq(text, "growing 14.2 MiB/h (12.9 to 15.6) for 5 h 20 min");
}
END_TEST

START_TEST(fast_growth_is_told_per_second)
{
    char text[200];
    struct growth growth = {true, 3 * MIB, 2.5 * MIB, 3.5 * MIB, 0};

    phrase_growth(&growth, text, sizeof(text));
    ck_assert_str_eq(text, "3.00 MiB/s (2.50 to 3.50)");
}
END_TEST

START_TEST(every_verdict_is_explained)
{
    for (int verdict = VERDICT_LEARNING; verdict <= VERDICT_RESOLVED; verdict++) {
        struct detect_result result = {.verdict = (enum verdict)verdict};
        char text[200] = "";

        detect_explain(&result, 5000, text, sizeof(text));
        ck_assert_uint_gt(strlen(text), 10);
    }
}
END_TEST

START_TEST(a_short_buffer_is_not_overrun)
{
    char text[12] = "...........";
    struct detect_result result = {.verdict = VERDICT_LEAK, .growth = {true, 1e6, 1e5, 1e7, 0}};

    detect_explain(&result, 5000, text, 8);
    ck_assert_uint_eq(strlen(text), 7);
    ck_assert_int_eq(text[9], '.');
}
END_TEST

SUITE_MAIN("detect_forecast", time_to_the_limit_has_the_interval_of_the_rate,
           growth_that_may_be_none_may_take_for_ever, without_growth_or_limit_nothing_is_known,
           above_the_limit_no_time_is_left, bytes_have_iec_units_and_three_digits,
           spans_have_two_units_at_most, what_a_day_may_add_brings_no_limit_near,
           a_leak_is_explained_with_rate_interval_and_time, fast_growth_is_told_per_second,
           every_verdict_is_explained, a_short_buffer_is_not_overrun)
