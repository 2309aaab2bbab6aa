/* SPDX-License-Identifier: MIT */
/* Memory that follows a load, and time that follows the work. */
#include <math.h>
#include <string.h>

#include "daemon/detect/blocks.h"
#include "daemon/detect/load.h"
#include "daemon/detect/packed.h"
#include "tests/unit/daemon/feed.h"
#include "tests/unit/suite.h"

#define PI 3.14159265358979

struct pair {
    struct load_detector with; /* knows the load */
    struct feed without;
    double t;
    double step_s;
    unsigned alarms;
    unsigned alarms_without;
    unsigned explained;
    uint32_t noise;
};

static void pair_init(struct pair *pair, double step_s)
{
    memset(pair, 0, sizeof(*pair));
    pair->step_s = step_s;
    pair->noise = 1;
    load_init(&pair->with, detect_profile_find("default"), (uint64_t)(step_s * 1000));
    feed_init(&pair->without, "default", step_s);
}

/* The load is seen with 5 % of error. */
static void pair_push(struct pair *pair, double bytes, double load)
{
    struct detect_sample sample = {.time_ms = 5000 + (uint64_t)(pair->t * 1000), .bytes = bytes};
    bool changed = load_push(&pair->with, &sample, load * (1 + 0.05 * feed_noise(&pair->without)));

    pair->alarms += changed && pair->with.verdict == VERDICT_LEAK;
    pair->explained += changed && pair->with.is_explained;
    feed_one(&pair->without, bytes);
    pair->alarms_without = pair->without.alarms;
    pair->t += pair->step_s;
}

/* A load of 100 that rises to 300 from hour 1 to hour 3, with 1 MiB for each. */
static double ramp(double t)
{
    return 100 + 200 * fmin(fmax((t - HOUR) / (2 * HOUR), 0), 1);
}

START_TEST(a_rise_of_the_load_is_no_leak)
{
    struct pair pair;

    pair_init(&pair, 10);
    while (pair.t < 6 * HOUR)
        pair_push(&pair, 200 * MIB + MIB * ramp(pair.t), ramp(pair.t));
    ck_assert_uint_eq(pair.alarms_without, 1);
    ck_assert_uint_eq(pair.alarms, 0);
}
END_TEST

/* All of today lies evenly above yesterday, the load too. */
START_TEST(a_load_that_rose_since_yesterday_is_no_leak)
{
    struct pair pair;

    pair_init(&pair, 30);
    while (pair.t < 42 * HOUR)
        pair_push(&pair, 200 * MIB + MIB * ramp(pair.t - 25 * HOUR), ramp(pair.t - 25 * HOUR));
    ck_assert_uint_ge(pair.alarms_without, 1);
    ck_assert_uint_eq(pair.alarms, 0);
}
END_TEST

START_TEST(a_leak_behind_a_rise_of_the_load_is_found)
{
    struct pair pair;

    pair_init(&pair, 10);
    while (pair.t < 14 * HOUR)
        pair_push(&pair, 200 * MIB + MIB * ramp(pair.t) + 20 * KIB * pair.t, ramp(pair.t));
    ck_assert_uint_ge(pair.alarms, 1);
    ck_assert_int_eq(pair.with.verdict, VERDICT_LEAK);
}
END_TEST

static double wave(double t)
{
    return 100 + 60 * sin(2 * PI * t / (2 * HOUR));
}

START_TEST(a_leak_below_the_waves_of_a_load_is_found_with_its_rate)
{
    struct detect_result result, alone;
    struct pair pair;

    pair_init(&pair, 10);
    while (pair.t < 8 * HOUR && pair.alarms == 0)
        pair_push(&pair, 200 * MIB + MIB * wave(pair.t) + 8 * KIB * pair.t, wave(pair.t));
    ck_assert_uint_eq(pair.alarms, 1);
    load_read(&pair.with, &result);
    detector_read(&pair.without.detector, &alone);
    ck_assert_double_eq_tol(result.growth.estimate, 8 * KIB, 2 * KIB);
    ck_assert(fabs(alone.growth.estimate - 8 * KIB) > 2 * KIB);
    ck_assert_double_eq_tol(pair.with.load.bytes_per_load, MIB, 0.1 * MIB);
}
END_TEST

static struct growth growth_at_alarm(struct pair *pair, double (*load)(double t), double leak)
{
    struct detect_result result;

    pair_init(pair, 10);
    while (pair->t < 8 * HOUR && pair->alarms == 0)
        pair_push(pair, 200 * MIB + MIB * load(pair->t) + leak * pair->t, load(pair->t));
    ck_assert_uint_eq(pair->alarms, 1);
    load_read(&pair->with, &result);
    return result.growth;
}

START_TEST(beside_a_load_that_is_known_the_interval_of_the_rate_is_narrow)
{
    struct pair pair;
    struct growth growth = growth_at_alarm(&pair, wave, 20 * KIB);

    ck_assert_double_le(growth.lower, 20 * KIB);
    ck_assert_double_ge(growth.upper, 20 * KIB);
    ck_assert_double_gt(growth.lower, 0.6 * growth.estimate);
    ck_assert_double_lt(growth.upper, 1.4 * growth.estimate);
}
END_TEST

/* It hides a third of the leak, and there was no time yet to see what memory it takes. */
static double falling(double t)
{
    return 100 - 36 * t / HOUR;
}

START_TEST(a_load_that_falls_and_is_not_known_yet_may_hide_growth)
{
    struct pair pair;
    struct growth growth = growth_at_alarm(&pair, falling, 30 * KIB);

    ck_assert_double_le(pair.with.load.bytes_per_load, 0);
    ck_assert_double_lt(growth.estimate, 25 * KIB);
    ck_assert_double_ge(growth.upper, 30 * KIB);
    ck_assert_double_gt(growth.lower, 0.8 * growth.estimate);
}
END_TEST

START_TEST(memory_may_follow_the_load_late)
{
    struct pair pair;
    double follows = wave(0);

    pair_init(&pair, 10);
    while (pair.t < 8 * HOUR) {
        follows += (wave(pair.t) - follows) * 10 / 250;
        pair_push(&pair, 200 * MIB + MIB * follows, wave(pair.t));
    }
    ck_assert_uint_eq(pair.alarms, 0);
    ck_assert_double_eq_tol(pair.with.load.bytes_per_load, MIB, 0.1 * MIB);
    ck_assert_uint_ge(pair.with.lags.best, 5); /* 8 blocks are 160 s */
    ck_assert_uint_le(pair.with.lags.best, 7); /* 21 blocks are 420 s */
}
END_TEST

START_TEST(a_load_that_has_nothing_to_do_with_it_changes_nothing)
{
    struct pair pair;

    pair_init(&pair, 10);
    while (pair.t < 2 * HOUR)
        pair_push(&pair, 100 * MIB + 20 * KIB * pair.t, 50);
    ck_assert_uint_eq(pair.alarms, 1);
    ck_assert_uint_eq(pair.alarms_without, 1);
}
END_TEST

START_TEST(growth_beside_an_equal_rise_of_the_load_is_only_suspect)
{
    struct detect_result result;
    struct pair pair;
    char text[200];

    pair_init(&pair, 10); /* the load says nothing for an hour, then both rise for ever */
    while (pair.t < 5 * HOUR)
        pair_push(&pair, 300 * MIB * (1 + fmax(0, pair.t - HOUR) / (4 * HOUR)),
                  100 * (1 + fmax(0, pair.t - HOUR) / (2 * HOUR)));
    ck_assert_uint_eq(pair.alarms, 0);
    load_read(&pair.with, &result);
    result.explained_by_load = true;
    result.verdict = VERDICT_SUSPECT;
    detect_explain(&result, 0, text, sizeof(text));
    ck_assert_ptr_nonnull(strstr(text, "the load rises too"));
}
END_TEST

START_TEST(a_restart_is_one_for_the_rest_too)
{
    struct pair pair;

    pair_init(&pair, 10);
    while (pair.t < 4 * HOUR)
        pair_push(&pair, 100 * MIB + MIB * wave(pair.t) + 30 * KIB * pair.t, wave(pair.t));
    ck_assert_int_eq(pair.with.verdict, VERDICT_LEAK);
    load_restart(&pair.with);
    ck_assert_int_eq(pair.with.verdict, VERDICT_RESOLVED);
    ck_assert_uint_eq(pair.with.raw.blocks, 0);
    while (pair.t < 8 * HOUR)
        pair_push(&pair, 100 * MIB + MIB * wave(pair.t) + 30 * KIB * (pair.t - 4 * HOUR),
                  wave(pair.t));
    ck_assert_uint_eq(pair.alarms, 2);
}
END_TEST

START_TEST(a_hole_keeps_load_and_bytes_together)
{
    struct pair pair;

    pair_init(&pair, 10);
    while (pair.t < HOUR)
        pair_push(&pair, 100 * MIB + MIB * wave(pair.t), wave(pair.t));
    pair.t += 1234;
    while (pair.t < 8 * HOUR)
        pair_push(&pair, 100 * MIB + MIB * wave(pair.t), wave(pair.t));
    ck_assert_uint_eq(pair.with.raw.blocks, 8 * 3600 / 20 - 1);
    for (unsigned scale = 0; scale < 7; scale++)
        for (unsigned i = 0; i < DETECT_BLOCKS; i++)
            ck_assert_double_eq_tol(
                blocks_at(&pair.with.raw, scale, i),
                100 * MIB +
                    MIB * packed_value(pair.with.load.kept[blocks_place(&pair.with.raw, scale, i)]),
                20 * MIB);
    ck_assert_uint_eq(pair.alarms, 0);
}
END_TEST

START_TEST(a_series_beside_a_load_is_small)
{
    ck_assert_uint_le(sizeof(struct load_detector), 2208);
}
END_TEST

START_TEST(a_packed_load_keeps_three_digits_and_its_order)
{
    uint16_t before = 0;

    for (float load = 1e-7F; load < 1e12F; load *= 1.001F) {
        uint16_t packed = packed_of(load);

        ck_assert_float_eq_tol(packed_value(packed), load, 0.0005F * load);
        ck_assert_uint_ge(packed, before);
        ck_assert_uint_eq(packed_of(packed_value(packed)), packed);
        before = packed;
    }
    ck_assert_float_eq(packed_value(packed_of(0)), 0);
    ck_assert_float_eq(packed_value(packed_of(1e-30F)), 0);
    ck_assert_float_eq(packed_value(packed_of(-1)), 0);
    ck_assert_uint_eq(packed_of(1e38F), UINT16_MAX);
    ck_assert_float_eq(packed_value(packed_of(100)), 100);
}
END_TEST

START_TEST(what_is_no_sample_brings_no_load)
{
    static const double refused[] = {0, -1, NAN, INFINITY, 1e300};
    struct load_detector before;
    struct pair pair;

    pair_init(&pair, 1);
    while (pair.t < 100)
        pair_push(&pair, 100 * MIB, 20);
    before = pair.with;
    for (unsigned i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        struct detect_sample sample = {.time_ms = 110000, .bytes = refused[i]};

        ck_assert(!load_push(&pair.with, &sample, 1e6));
        ck_assert_mem_eq(&pair.with, &before, sizeof(before));
    }
}
END_TEST

START_TEST(any_load_is_survived)
{
    static const double loads[] = {NAN, INFINITY, -1, 0, 1e300, 1e-300, 1e38, 5};
    struct pair pair;
    struct detect_result result;

    pair_init(&pair, 1);
    for (unsigned i = 0; i < 40000; i++) {
        struct detect_sample sample = {.time_ms = 1000 * (i + i / 700 * 1000),
                                       .bytes = pow(10, 6 + 3 * feed_noise(&pair.without))};

        load_push(&pair.with, &sample, loads[i * 7 / 5 % 8]);
    }
    load_read(&pair.with, &result);
    ck_assert_uint_le(result.verdict, VERDICT_RESOLVED);
}
END_TEST

START_TEST(work_time_runs_with_the_load_and_stands_without)
{
    struct work_clock clock;

    work_clock_init(&clock, 50);
    ck_assert_uint_eq(work_clock_ms(&clock, 7000, 100), 0);
    ck_assert_uint_eq(work_clock_ms(&clock, 8000, 100), 2000);
    ck_assert_uint_eq(work_clock_ms(&clock, 9000, 0), 2000);
    ck_assert_uint_eq(work_clock_ms(&clock, 9000, 50), 2000);
    ck_assert_uint_eq(work_clock_ms(&clock, 8000, 50), 2000);
    ck_assert_uint_eq(work_clock_ms(&clock, 9000, 25), 2500);
}
END_TEST

START_TEST(a_leak_a_request_is_straight_in_work_time)
{
    struct detector by_time, by_work;
    struct work_clock clock;
    double requests = 0;

    work_clock_init(&clock, 100);
    detector_init(&by_time, detect_profile_find("default"), 10000, 1);
    detector_init(&by_work, detect_profile_find("default"), 10000, 1);
    for (unsigned t = 0; t < 9000; t += 10) { /* bursts of twenty minutes in an hour */
        double load = t % 3600 < 1200 ? 300 : 3;
        struct detect_sample sample = {.time_ms = t * 1000u,
                                       .bytes = 100 * MIB + 60 * (requests += 10 * load)};

        detector_push(&by_time, &sample);
        sample.time_ms = work_clock_ms(&clock, sample.time_ms, load);
        detector_push(&by_work, &sample);
    }
    ck_assert_int_ne(by_time.found.verdict, VERDICT_LEAK);
    ck_assert_int_eq(by_work.found.verdict, VERDICT_LEAK);
}
END_TEST

SUITE_MAIN("detect_load", a_rise_of_the_load_is_no_leak,
           a_load_that_rose_since_yesterday_is_no_leak, a_leak_behind_a_rise_of_the_load_is_found,
           a_leak_below_the_waves_of_a_load_is_found_with_its_rate,
           beside_a_load_that_is_known_the_interval_of_the_rate_is_narrow,
           a_load_that_falls_and_is_not_known_yet_may_hide_growth, memory_may_follow_the_load_late,
           a_load_that_has_nothing_to_do_with_it_changes_nothing,
           growth_beside_an_equal_rise_of_the_load_is_only_suspect,
           a_restart_is_one_for_the_rest_too, a_hole_keeps_load_and_bytes_together,
           a_series_beside_a_load_is_small, a_packed_load_keeps_three_digits_and_its_order,
           what_is_no_sample_brings_no_load, any_load_is_survived,
           work_time_runs_with_the_load_and_stands_without,
           a_leak_a_request_is_straight_in_work_time)
