/* SPDX-License-Identifier: MIT */
/* Growth that may be the load of a day, and growth that is not. */
#include <math.h>

#include "tests/unit/daemon/feed.h"
#include "tests/unit/suite.h"

START_TEST(the_rise_of_a_day_is_no_leak)
{
    struct feed feed;

    for (double hour = 2; hour <= 14; hour += 2) {
        feed_init(&feed, "default", 10);
        while (feed.t < 2 * DAY)
            feed_one(&feed, 1024 * MIB +
                                100 * MIB * sin(2 * 3.14159265 * (feed.t / DAY + hour / 24)) +
                                5 * MIB * feed_noise(&feed));
        ck_assert_uint_eq(feed.alarms, 0);
    }
}
END_TEST

/* A day's load with a slow leak that no window sees: 12 h up, 12 h down. */
static void feed_days(struct feed *feed, double days, double rate)
{
    while (feed->t < days * DAY)
        feed_one(feed, 400 * MIB + rate * feed->t +
                           150 * MIB * (1 - cos(2 * 3.14159265358979 * feed->t / DAY)) +
                           MIB * feed_noise(feed));
}

START_TEST(a_leak_below_a_daily_cycle_is_found_against_yesterday)
{
    struct feed feed;
    struct detect_result result;

    feed_init(&feed, "default", 60);
    feed_days(&feed, 2.5, 60 * MIB / DAY);
    detector_read(&feed.detector, &result);
    ck_assert_int_eq(result.verdict, VERDICT_LEAK);
    ck_assert_double_eq_tol(result.growth.estimate * DAY, 60 * MIB, 12 * MIB);
    ck_assert_double_le(result.growth.lower, result.growth.estimate);
    ck_assert_double_ge(result.growth.upper, result.growth.estimate);
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

/* The share of days 3 to 8 in which a leak of so many hours a day is called one. */
static double leak_share(double hours)
{
    double called = 0, seen = 0, leaked = 0;
    struct feed feed;

    feed_init(&feed, "default", 60);
    while (feed.t < 8 * DAY) {
        if (fmod(feed.t, DAY) < hours * HOUR)
            leaked += 80 * MIB / (hours * 60);
        feed_one(&feed, 1024 * MIB + leaked + MIB * feed_noise(&feed));
        if (feed.t > 2 * DAY) {
            seen++;
            called += feed.detector.found.verdict == VERDICT_LEAK;
        }
    }
    return called / seen;
}

START_TEST(a_leak_in_the_same_hours_of_every_day_goes_on)
{
    ck_assert_double_ge(leak_share(6), 0.9);
    ck_assert_double_ge(leak_share(8), 0.9);
    ck_assert_double_ge(leak_share(14), 0.9);
}
END_TEST

START_TEST(a_daily_cycle_alone_is_no_leak_against_yesterday)
{
    struct feed feed;

    feed_init(&feed, "default", 60);
    feed_days(&feed, 6, 0);
    ck_assert_int_ne(feed_verdict(&feed), VERDICT_LEAK);
    ck_assert_uint_le(feed.alarms, 1); /* the first rise may be taken for growth */
}
END_TEST

/* Growth of 8 KiB/s after eight flat hours: from then on, or the steeper the later of five more. */
static double hours_to_leak(bool at_once)
{
    double onset = 8 * HOUR, rise = at_once ? 0 : 5 * HOUR;
    struct feed feed;

    feed_init(&feed, "default", 30);
    while (feed.t < 2 * DAY && feed.alarms == 0) {
        double bent = fmin(fmax(feed.t - onset, 0), rise);
        double straight = fmax(feed.t - onset - rise, 0);

        feed_one(&feed, 1024 * MIB + 8 * KIB * straight + 6 * MIB * feed_noise(&feed) +
                            (at_once ? 0 : 4 * KIB * bent * bent / rise));
    }
    return (feed.first_leak - onset) / HOUR;
}

START_TEST(slow_growth_that_begins_at_once_is_not_the_load_of_a_day)
{
    ck_assert_double_le(hours_to_leak(true), 4);
    ck_assert_double_ge(hours_to_leak(false), 10);
}
END_TEST

SUITE_MAIN("detect_day", the_rise_of_a_day_is_no_leak,
           a_leak_below_a_daily_cycle_is_found_against_yesterday,
           what_came_within_hours_is_no_growth_from_day_to_day,
           a_leak_in_the_same_hours_of_every_day_goes_on,
           a_daily_cycle_alone_is_no_leak_against_yesterday,
           slow_growth_that_begins_at_once_is_not_the_load_of_a_day)
