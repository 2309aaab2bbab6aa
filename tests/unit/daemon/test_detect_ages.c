/* SPDX-License-Identifier: MIT */
/* The age of the oldest object as a second opinion. */
#include <string.h>

#include "tests/unit/daemon/feed.h"
#include "tests/unit/suite.h"

/* Age of the oldest object at a second of the series; 0: not known. */
typedef double (*age_of)(double t);

static double unknown(double t)
{
    (void)t;
    return 0;
}

static double lives_on(double t)
{
    return t + 1;
}

static double older_than_the_series(double t)
{
    return t + 100000;
}

static double dies_after_a_minute(double t)
{
    return t < 60 ? t + 1 : 60 + 5 * (t / 10 - (int)(t / 10));
}

/* The first object that stays is born in minute ten. */
static double stays_from_minute_ten(double t)
{
    return t < 660 ? dies_after_a_minute(t) : t - 600;
}

struct outcome {
    struct detector detector;
    double leak_s;
    double suspect_s;
};

static void grow(struct outcome *outcome, age_of age, double step_s, double seconds, double rate)
{
    outcome->leak_s = outcome->suspect_s = NEVER;
    detector_init(&outcome->detector, detect_profile_find("default"), (uint64_t)(step_s * 1000), 1);
    for (double t = 0; t < seconds; t += step_s) {
        struct detect_sample sample = {.time_ms = 777 + (uint64_t)(t * 1000),
                                       .bytes = 50 * MIB + rate * t,
                                       .oldest_ms = (uint64_t)(age(t) * 1000)};

        if (!detector_push(&outcome->detector, &sample))
            continue;
        if (outcome->detector.found.verdict == VERDICT_LEAK && outcome->leak_s >= NEVER)
            outcome->leak_s = t;
        if (outcome->detector.found.verdict == VERDICT_SUSPECT && outcome->suspect_s >= NEVER)
            outcome->suspect_s = t;
    }
}

static double leak_after(age_of age)
{
    struct outcome outcome;

    grow(&outcome, age, 1, 4000, 200 * KIB);
    return outcome.leak_s;
}

START_TEST(growth_by_objects_that_die_is_only_suspect)
{
    struct detect_result result;
    struct outcome outcome;
    char text[200];

    grow(&outcome, dies_after_a_minute, 1, 4000, 200 * KIB);
    ck_assert_double_eq(outcome.leak_s, NEVER);
    ck_assert_double_lt(outcome.suspect_s, 1000);
    detector_read(&outcome.detector, &result);
    ck_assert(result.oldest_die);
    detect_explain(&result, 4000000, text, sizeof(text));
    ck_assert_ptr_nonnull(strstr(text, "oldest objects die"));
}
END_TEST

START_TEST(ages_that_agree_or_are_not_known_change_nothing)
{
    double plain = leak_after(unknown);

    ck_assert_double_lt(plain, 700);
    ck_assert_double_eq(leak_after(lives_on), plain);
    ck_assert_double_eq(leak_after(older_than_the_series), plain);
}
END_TEST

START_TEST(a_leak_is_found_once_its_oldest_object_stays)
{
    double leak_s = leak_after(stays_from_minute_ten);

    ck_assert_double_ge(leak_s, 700);
    ck_assert_double_le(leak_s, 2400);
}
END_TEST

static double stays(double t)
{
    return t > 1 ? t - 1 : t;
}

START_TEST(growth_of_hours_by_objects_that_stay_is_not_the_load_of_a_day)
{
    struct outcome plain, staying;

    grow(&plain, unknown, 60, 40 * HOUR, 25);
    grow(&staying, stays, 60, 40 * HOUR, 25);
    ck_assert_double_lt(staying.leak_s, plain.leak_s);
    ck_assert_double_lt(plain.leak_s, NEVER);
}
END_TEST

SUITE_MAIN("detect_ages", growth_by_objects_that_die_is_only_suspect,
           ages_that_agree_or_are_not_known_change_nothing,
           a_leak_is_found_once_its_oldest_object_stays,
           growth_of_hours_by_objects_that_stay_is_not_the_load_of_a_day)
