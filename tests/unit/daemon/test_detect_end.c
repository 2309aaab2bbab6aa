/* SPDX-License-Identifier: MIT */
/* What ends growth, and what only interrupts it. */
#include <math.h>

#include "tests/unit/daemon/feed.h"
#include "tests/unit/suite.h"

/* Every third block of a minute is full of a batch; where the newest is, so is the oldest. */
static unsigned alarms_under_batches(double leak)
{
    struct feed feed;

    feed_init(&feed, "default", 1);
    while (feed.t < 1800) {
        double batch = fmod(feed.t, 192) < 80 ? 50 * MIB : 0;

        feed_one(&feed, 14 * MIB + leak * feed.t + batch + 0.1 * MIB * feed_noise(&feed));
    }
    return feed.alarms;
}

START_TEST(a_leak_below_batches_is_found_between_them)
{
    ck_assert_uint_eq(alarms_under_batches(6 * KIB), 1);
    ck_assert_uint_eq(alarms_under_batches(0), 0);
}
END_TEST

START_TEST(a_leak_that_gave_all_back_is_over_though_it_grows_again)
{
    struct feed feed;

    feed_init(&feed, "default", 10);
    feed_line(&feed, HOUR, 100 * MIB, 100 * KIB, MIB);
    ck_assert_int_eq(feed_verdict(&feed), VERDICT_LEAK);
    feed_line(&feed, 60, 100 * MIB, 100 * KIB, MIB); /* a flush; no new process: not by half */
    ck_assert_int_eq(feed_verdict(&feed), VERDICT_RESOLVED);
    feed_line(&feed, HOUR, 106 * MIB, 100 * KIB, MIB);
    ck_assert_uint_eq(feed.alarms, 1);
}
END_TEST

/* The room stays as small as it was, as of a heap whose pages stay resident: waits are cut short. */
START_TEST(growth_that_was_given_back_near_a_limit_is_told_once)
{
    struct feed feed;

    feed_init(&feed, "default", 1);
    while (feed.t < 3200) {
        double level = 100 * MIB + 120 * KIB * fmod(feed.t, 3000);

        feed.limit = level + 70 * MIB;
        feed_one(&feed, level);
    }
    ck_assert_uint_eq(feed.alarms, 1);
}
END_TEST

START_TEST(a_leak_that_gave_part_of_it_back_goes_on)
{
    struct feed feed;

    feed_init(&feed, "default", 10);
    feed_line(&feed, HOUR, 100 * MIB, 20 * KIB, MIB);
    feed_line(&feed, HOUR, 140 * MIB, 20 * KIB, MIB);
    ck_assert_int_eq(feed_verdict(&feed), VERDICT_LEAK);
    ck_assert_uint_eq(feed.alarms, 1);
}
END_TEST

START_TEST(a_leak_that_becomes_faster_goes_on)
{
    struct feed feed;

    feed_init(&feed, "default", 10);
    feed_line(&feed, DAY, 500 * MIB, 4 * KIB, 100 * KIB);
    ck_assert_int_eq(feed_verdict(&feed), VERDICT_LEAK);
    feed_line(&feed, 8 * HOUR, 500 * MIB + DAY * 4 * KIB, 160 * KIB, 100 * KIB);
    ck_assert_int_eq(feed_verdict(&feed), VERDICT_LEAK);
    ck_assert_uint_eq(feed.alarms, 1);
}
END_TEST

/* gap_s: the clock's, while the program stands still. */
static void check_that_it_goes_on_behind(double gap_s)
{
    const double before_s = 3 * HOUR;
    struct feed feed;

    feed_init(&feed, "default", 10);
    feed_line(&feed, before_s, 200 * MIB, 50 * KIB, 100 * KIB);
    ck_assert_int_eq(feed_verdict(&feed), VERDICT_LEAK);
    feed.t += gap_s;
    feed_line(&feed, HOUR, 200 * MIB + before_s * 50 * KIB, 50 * KIB, 100 * KIB);
    ck_assert_int_eq(feed_verdict(&feed), VERDICT_LEAK);
    ck_assert_uint_eq(feed.alarms, 1);
}

START_TEST(a_leak_goes_on_when_the_machine_has_slept_and_when_time_jumps_back)
{
    check_that_it_goes_on_behind(12 * HOUR);
    check_that_it_goes_on_behind(48 * HOUR);
    check_that_it_goes_on_behind(-2.9 * HOUR);
}
END_TEST

SUITE_MAIN("detect_end", a_leak_that_becomes_faster_goes_on,
           a_leak_goes_on_when_the_machine_has_slept_and_when_time_jumps_back, a_leak_below_batches_is_found_between_them,
           a_leak_that_gave_all_back_is_over_though_it_grows_again,
           growth_that_was_given_back_near_a_limit_is_told_once,
           a_leak_that_gave_part_of_it_back_goes_on)
