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

START_TEST(what_came_within_hours_is_no_growth_from_day_to_day)
{
    struct feed feed;
    unsigned alarms;

    feed_init(&feed, "default", 60);
    feed_line(&feed, 20 * HOUR, 100 * MIB, 0, MIB);
    feed_line(&feed, 2 * HOUR, 100 * MIB, 30 * MIB / (2 * HOUR), MIB);
    alarms = feed.alarms; /* while it grew it was growth */
    feed_line(&feed, 40 * HOUR, 130 * MIB, 0, MIB);
    ck_assert_uint_eq(feed.alarms, alarms);
    ck_assert_int_eq(feed_verdict(&feed), VERDICT_OK);
}
END_TEST

SUITE_MAIN("detect_end", a_leak_below_batches_is_found_between_them,
           a_leak_that_gave_all_back_is_over_though_it_grows_again,
           a_leak_that_gave_part_of_it_back_goes_on,
           what_came_within_hours_is_no_growth_from_day_to_day)
