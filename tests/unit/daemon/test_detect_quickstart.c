/* SPDX-License-Identifier: MIT */
/* What the quickstart promises: profile fast, a sample a second of exact live bytes. */
#include "tests/unit/suite.h"

#include <math.h>
#include <stdlib.h>

#include "daemon/detect/detect.h"

#define KIB   1024.0
#define MIB   (1024.0 * 1024)
#define NEVER 1e9

/* Bytes at a second of the series. */
typedef double (*shape)(double t, double parameter);

static uint32_t noise_state;

/* Uniform in -1..1, the same on every machine. */
static double noise(void)
{
    noise_state = noise_state * 1664525u + 1013904223u;
    return (double)(noise_state >> 8) / 8388608.0 - 1;
}

/* The second of the first leak verdict within so many. */
static double alarm_s(shape series, double parameter, unsigned seconds)
{
    struct detector detector;

    noise_state = 1;
    detector_init(&detector, detect_profile_find("fast"), 1000, 1);
    for (unsigned t = 0; t < seconds; t++) {
        struct detect_sample sample = {.time_ms = 5000000 + t * 1000u,
                                       .bytes = series(t, parameter)};

        if (detector_push(&detector, &sample) && detector.found.verdict == VERDICT_LEAK)
            return t;
    }
    return NEVER;
}

/* Imports for four seconds, then requests that each keep a little, over short-lived garbage. */
static double service(double t, double rate)
{
    double start = 18 * MIB * fmin(t / 4, 1);

    return 6 * MIB + start + rate * t + 300 * KIB * (1 + noise());
}

static double exact_service(double t, double rate)
{
    return 24 * MIB + rate * t;
}

static double steps_of_ten_seconds(double t, double rate)
{
    return 24 * MIB + rate * 10 * floor(t / 10);
}

static double lru_cache(double t, double fill_s)
{
    return 20 * MIB + 30 * MIB * fmin(t / fill_s, 1) + 100 * KIB * (1 + noise());
}

static double json_churn(double t, double amplitude)
{
    (void)t;
    return 25 * MIB + amplitude * (1 + noise());
}

static double warm_up(double t, double time_constant)
{
    return 10 * MIB + 40 * MIB * (1 - exp(-t / time_constant)) + 200 * KIB * (1 + noise());
}

START_TEST(steady_leak_from_the_start_is_a_leak_within_200_s)
{
    for (double rate = 50 * KIB; rate <= 200 * KIB; rate += 25 * KIB) {
        ck_assert_double_le(alarm_s(service, rate, 400), 200);
        ck_assert_double_le(alarm_s(exact_service, rate, 400), 200);
        ck_assert_double_le(alarm_s(steps_of_ten_seconds, rate, 400), 200);
    }
}
END_TEST

START_TEST(a_leak_is_not_called_before_two_minutes)
{
    ck_assert_double_ge(alarm_s(service, 100 * KIB, 400), 120);
}
END_TEST

START_TEST(cache_that_fills_in_a_minute_does_not_alarm)
{
    for (double fill = 30; fill <= 60; fill += 5)
        ck_assert_double_eq(alarm_s(lru_cache, fill, 300), NEVER);
}
END_TEST

START_TEST(json_churn_does_not_alarm)
{
    for (double amplitude = 100 * KIB; amplitude < 20 * MIB; amplitude *= 2)
        ck_assert_double_eq(alarm_s(json_churn, amplitude, 3600), NEVER);
}
END_TEST

START_TEST(warm_up_does_not_alarm)
{
    for (double constant = 5; constant <= 60; constant += 5)
        ck_assert_double_eq(alarm_s(warm_up, constant, 300), NEVER);
}
END_TEST

START_TEST(interval_holds_the_true_rate)
{
    struct detector detector;
    struct detect_result result;

    noise_state = 7;
    detector_init(&detector, detect_profile_find("fast"), 1000, 1);
    for (unsigned t = 0; t < 300; t++) {
        struct detect_sample sample = {.time_ms = t * 1000u, .bytes = service(t, 100 * KIB)};

        detector_push(&detector, &sample);
    }
    detector_read(&detector, &result);
    ck_assert_int_eq(result.verdict, VERDICT_LEAK);
    ck_assert(result.growth.known && result.has_fit);
    ck_assert_double_le(result.growth.lower, 100 * KIB);
    ck_assert_double_ge(result.growth.upper, 100 * KIB);
    ck_assert_double_eq_tol(result.growth.estimate, 100 * KIB, 5 * KIB);
    ck_assert_uint_le(result.since_ms, 20000);
}
END_TEST

SUITE_MAIN("detect_quickstart", steady_leak_from_the_start_is_a_leak_within_200_s,
           a_leak_is_not_called_before_two_minutes, cache_that_fills_in_a_minute_does_not_alarm,
           json_churn_does_not_alarm, warm_up_does_not_alarm, interval_holds_the_true_rate)
