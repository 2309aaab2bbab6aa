/* SPDX-License-Identifier: MIT */
/* The rules between a window that passes and a verdict, one case each. */
#include <math.h>
#include <stdio.h>

#include "tests/unit/daemon/feed.h"
#include "tests/unit/suite.h"

static double leak_after(const char *profile, double level, double rate)
{
    struct feed feed;

    feed_init(&feed, profile, 1);
    while (feed.t < 6 * HOUR && feed.alarms == 0)
        feed_one(&feed, level + rate * feed.t);
    return feed.first_leak;
}

START_TEST(growth_shorter_than_the_wait_is_only_suspect)
{
    struct feed feed;

    feed_init(&feed, "default", 1);
    feed_line(&feed, 500, 20 * MIB, 200 * KIB, 0);
    ck_assert_int_eq(feed_verdict(&feed), VERDICT_SUSPECT);
    feed_line(&feed, 200, 20 * MIB + 500 * 200 * KIB, 200 * KIB, 0);
    ck_assert_int_eq(feed_verdict(&feed), VERDICT_LEAK);
}
END_TEST

START_TEST(stricter_profiles_wait_longer)
{
    double fast = leak_after("fast", 20 * MIB, 200 * KIB);
    double normal = leak_after("default", 20 * MIB, 200 * KIB);
    double strict = leak_after("strict", 20 * MIB, 200 * KIB);

    ck_assert_double_ge(fast, 120);
    ck_assert_double_ge(normal, 600);
    ck_assert_double_ge(strict, 1200);
    ck_assert_double_lt(strict, 2000);
}
END_TEST

START_TEST(slow_straight_growth_waits_until_it_has_added_a_little)
{
    /* 1.2 % of 1 GiB at 16 KiB/s take 786 s. */
    double after = leak_after("default", 1024 * MIB, 16 * KIB);

    ck_assert_double_ge(after, 786);
    ck_assert_double_le(after, 900);
}
END_TEST

START_TEST(growth_that_may_be_a_fill_waits_longer_than_slower_growth)
{
    /* 200 KiB/s double 20 MiB in two minutes; 40 KiB/s add a fifth to 100 MiB in ten. */
    double fill = leak_after("default", 20 * MIB, 200 * KIB);
    double slow = leak_after("default", 100 * MIB, 40 * KIB);

    ck_assert_double_ge(fill, 600);
    ck_assert_double_ge(slow, 300);
    ck_assert_double_lt(slow, 350);
}
END_TEST

static double leak_after_calm(double calm_s, double rate)
{
    struct feed feed;

    feed_init(&feed, "default", 10);
    feed_line(&feed, calm_s, 100 * MIB, 0, 0);
    while (feed.t < calm_s + 6 * HOUR && feed.alarms == 0)
        feed_one(&feed, 100 * MIB + rate * (feed.t - calm_s));
    return feed.first_leak - calm_s;
}

START_TEST(growth_since_the_start_may_be_a_first_fill)
{
    /* 300 samples at 20 KiB/s add a half; 120 after a calm hour are enough. */
    ck_assert_double_ge(leak_after_calm(0, 20 * KIB), 2300);
    ck_assert_double_le(leak_after_calm(HOUR, 20 * KIB), 1300);
    /* At 8 KiB/s they add a fifth: too slow for a fill. */
    ck_assert_double_le(leak_after_calm(0, 8 * KIB), 2000);
    /* At 160 KiB/s 100 MiB have become 250 in 960 s, and 150 samples are 1500. */
    ck_assert_double_le(leak_after_calm(0, 160 * KIB), 1600);
}
END_TEST

START_TEST(slow_growth_in_doubt_waits_until_it_has_added_more)
{
    double sum = 0;

    /* 12 % of 1 GiB at 100 KiB/s take 1258 s, of which a straight window by chance waits for less;
     * straight growth would have alarmed at 608 s. */
    for (unsigned seed = 1; seed <= 20; seed++) {
        struct feed feed;

        feed_init(&feed, "default", 1);
        feed.noise = seed;
        while (feed.t < 6 * HOUR && feed.alarms == 0)
            feed_one(&feed, 1024 * MIB + 100 * KIB * feed.t + 60 * MIB * feed_noise(&feed));
        ck_assert_double_le(feed.first_leak, 4000);
        sum += feed.first_leak;
    }
    ck_assert_double_ge(sum / 20, 1.3 * 608);
}
END_TEST

START_TEST(a_walk_that_happens_to_rise_is_no_leak)
{
    for (unsigned seed = 1; seed <= 40; seed++) {
        struct feed feed;
        double walk = 0;

        feed_init(&feed, "default", 10);
        feed.noise = seed;
        while (feed.t < 6 * HOUR) {
            walk += 200 * KIB * feed_noise(&feed);
            feed_one(&feed, 400 * MIB + walk);
        }
        ck_assert_uint_eq(feed.alarms, 0);
    }
}
END_TEST

START_TEST(stairs_of_many_even_steps_are_a_leak)
{
    struct feed feed;

    feed_init(&feed, "default", 1);
    while (feed.t < HOUR && feed.alarms == 0)
        feed_one(&feed, 60 * MIB + 4 * MIB * floor(feed.t / 100));
    ck_assert_double_le(feed.first_leak, 1500);
}
END_TEST

START_TEST(three_steps_are_no_leak)
{
    struct feed feed;

    feed_init(&feed, "default", 1);
    while (feed.t < 2 * HOUR)
        feed_one(&feed, 60 * MIB + 20 * MIB * floor(fmin(feed.t, 3000) / 900));
    ck_assert_uint_eq(feed.alarms, 0);
}
END_TEST

START_TEST(a_rise_to_where_the_series_has_been_before_is_no_leak)
{
    struct feed feed;

    /* Falls for an hour and rises for an hour and a half, straight, to where it was. */
    feed_init(&feed, "default", 10);
    feed_line(&feed, 1 * HOUR, 300 * MIB, 0, 200 * KIB);
    feed_line(&feed, 1 * HOUR, 300 * MIB, -30 * KIB, 200 * KIB);
    feed_line(&feed, 1.5 * HOUR, 300 * MIB - 3600 * 30 * KIB, 20 * KIB, 200 * KIB);
    ck_assert_uint_eq(feed.alarms, 0);
    feed_line(&feed, 1 * HOUR, 300 * MIB, 20 * KIB, 200 * KIB);
    ck_assert_uint_eq(feed.alarms, 1);
}
END_TEST

START_TEST(few_samples_are_no_trend)
{
    struct feed feed;

    /* At one a minute ten minutes are ten samples. */
    feed_init(&feed, "default", 60);
    while (feed.t < 3 * HOUR && feed.alarms == 0)
        feed_one(&feed, 20 * MIB + 20 * KIB * feed.t);
    ck_assert_double_ge(feed.first_leak, 150 * 60);
    ck_assert_double_le(feed.first_leak, 160 * 60);
}
END_TEST

START_TEST(growth_that_begins_late_waits_as_long_as_any)
{
    struct feed feed;

    feed_init(&feed, "default", 1);
    feed_line(&feed, 3000, 50 * MIB, 0, 0);
    feed_line(&feed, 550, 50 * MIB, 300 * KIB, 0);
    ck_assert_int_ne(feed_verdict(&feed), VERDICT_LEAK);
    feed_line(&feed, 450, 50 * MIB + 550 * 300 * KIB, 300 * KIB, 0);
    ck_assert_int_eq(feed_verdict(&feed), VERDICT_LEAK);
}
END_TEST

START_TEST(a_near_limit_shortens_the_wait)
{
    struct feed feed;

    feed_init(&feed, "default", 1);
    feed.limit = 20 * MIB + 300 * 200 * KIB; /* reached in 300 s */
    while (feed.t < 600 && feed.alarms == 0)
        feed_one(&feed, 20 * MIB + 200 * KIB * feed.t);
    ck_assert_double_le(feed.first_leak, 200);
}
END_TEST

START_TEST(a_far_limit_changes_nothing)
{
    struct feed feed;

    feed_init(&feed, "default", 1);
    feed.limit = 1e12;
    while (feed.t < 2000 && feed.alarms == 0)
        feed_one(&feed, 20 * MIB + 200 * KIB * feed.t);
    ck_assert_double_eq(feed.first_leak, leak_after("default", 20 * MIB, 200 * KIB));
}
END_TEST

START_TEST(a_step_is_no_growth)
{
    struct feed feed;

    feed_init(&feed, "fast", 1);
    feed_line(&feed, 300, 50 * MIB, 0, 50 * KIB);
    feed_line(&feed, 3000, 90 * MIB, 0, 50 * KIB);
    ck_assert_uint_eq(feed.alarms, 0);
    ck_assert_double_eq(feed.first_suspect, NEVER);
}
END_TEST

START_TEST(a_fill_that_saturates_is_no_leak)
{
    struct feed feed;

    feed_init(&feed, "default", 1);
    while (feed.t < 4 * HOUR)
        feed_one(&feed,
                 50 * MIB + 200 * MIB * (1 - exp(-feed.t / 300)) + 100 * KIB * feed_noise(&feed));
    ck_assert_uint_eq(feed.alarms, 0);
}
END_TEST

START_TEST(growth_below_one_percent_is_not_worth_a_word)
{
    struct feed feed;

    feed_init(&feed, "fast", 1);
    feed_line(&feed, 1000, 1024 * MIB, 5 * KIB, 0);
    ck_assert_int_eq(feed_verdict(&feed), VERDICT_OK);
}
END_TEST

START_TEST(correlated_noise_is_no_leak)
{
    struct feed feed;
    double walk = 0;

    feed_init(&feed, "default", 10);
    while (feed.t < 2 * DAY) {
        walk = 0.98 * walk + MIB * feed_noise(&feed);
        feed_one(&feed, 200 * MIB + walk);
    }
    ck_assert_uint_eq(feed.alarms, 0);
}
END_TEST

START_TEST(a_leak_that_stops_is_resolved_then_ok)
{
    struct feed feed;

    feed_init(&feed, "fast", 1);
    feed_line(&feed, 400, 50 * MIB, 200 * KIB, 0);
    ck_assert_int_eq(feed_verdict(&feed), VERDICT_LEAK);
    while (feed.t < 3000 && feed_verdict(&feed) == VERDICT_LEAK)
        feed_one(&feed, 50 * MIB + 400 * 200 * KIB);
    ck_assert_int_eq(feed_verdict(&feed), VERDICT_RESOLVED);
    ck_assert_double_lt(feed.t, 1000);
    feed_line(&feed, 400, 50 * MIB + 400 * 200 * KIB, 0, 0);
    ck_assert_int_eq(feed_verdict(&feed), VERDICT_OK);
}
END_TEST

START_TEST(the_same_pattern_alarms_once)
{
    struct feed feed;

    feed_init(&feed, "default", 10);
    while (feed.t < 20 * HOUR)
        feed_one(&feed, 100 * MIB + 30 * KIB * fmod(feed.t, 4800) + 100 * KIB * feed_noise(&feed));
    ck_assert_uint_eq(feed.alarms, 1);
}
END_TEST

START_TEST(a_leak_under_a_sawtooth_is_found_despite_the_history)
{
    struct feed feed;

    feed_init(&feed, "default", 10);
    while (feed.t < 20 * HOUR)
        feed_one(&feed, 100 * MIB + 8 * KIB * feed.t + 20 * KIB * fmod(feed.t, 1200) +
                            100 * KIB * feed_noise(&feed));
    ck_assert_int_eq(feed_verdict(&feed), VERDICT_LEAK);
}
END_TEST

START_TEST(a_restart_resolves_at_once_and_the_next_life_is_judged_anew)
{
    struct feed feed;

    feed_init(&feed, "fast", 1);
    feed_line(&feed, 400, 50 * MIB, 200 * KIB, 0);
    ck_assert_int_eq(feed_verdict(&feed), VERDICT_LEAK);
    detector_restart(&feed.detector);
    ck_assert_int_eq(feed_verdict(&feed), VERDICT_RESOLVED);
    feed_line(&feed, 400, 50 * MIB, 200 * KIB, 0);
    ck_assert_int_eq(feed_verdict(&feed), VERDICT_LEAK);
    ck_assert_uint_eq(feed.alarms, 2);
}
END_TEST

START_TEST(a_restart_is_seen_in_the_bytes)
{
    struct feed feed;

    feed_init(&feed, "fast", 1);
    feed_line(&feed, 600, 50 * MIB, 200 * KIB, 0);
    ck_assert_int_eq(feed_verdict(&feed), VERDICT_LEAK);
    feed_line(&feed, 20, 20 * MIB, 0, 0);
    ck_assert_int_eq(feed_verdict(&feed), VERDICT_RESOLVED);
}
END_TEST

/* Seconds until a straight leak of known noise alarms when it is one of so many series. */
static double leak_among(unsigned series)
{
    struct detector detector;

    detector_init(&detector, detect_profile_find("fast"), 1000, series);
    for (unsigned t = 0; t < 3000; t++) {
        struct detect_sample sample = {.time_ms = t * 1000u,
                                       .bytes = 10 * MIB + 20 * KIB * t,
                                       .noise_bytes2 = 150 * KIB * 150 * KIB};

        if (detector_push(&detector, &sample) && detector.found.verdict == VERDICT_LEAK)
            return t;
    }
    return NEVER;
}

START_TEST(many_series_at_once_raise_the_bar)
{
    ck_assert_double_lt(leak_among(1), 200);
    ck_assert_double_gt(leak_among(4000000), leak_among(1) + 60);
    ck_assert_double_lt(leak_among(4000000), NEVER);
}
END_TEST

START_TEST(a_sampled_series_has_the_noise_it_was_told)
{
    struct detector detector;
    unsigned alarms = 0;

    detector_init(&detector, detect_profile_find("fast"), 1000, 1);
    for (unsigned t = 0; t < 600; t++) {
        double bytes = 1 * MIB + 20 * KIB * t;
        struct detect_sample sample = {
            .time_ms = t * 1000u, .bytes = bytes, .noise_bytes2 = 8 * MIB * bytes};

        alarms += detector_push(&detector, &sample) && detector.found.verdict == VERDICT_LEAK;
    }
    ck_assert_uint_eq(alarms, 0);
}
END_TEST

START_TEST(a_minute_of_slower_growth_delays_the_alarm_by_about_as_much)
{
    struct feed feed;

    feed_init(&feed, "default", 1);
    feed_line(&feed, 300, 2 * MIB, 100 * KIB, 0);
    feed_line(&feed, 90, 2 * MIB + 300 * 100 * KIB, 85 * KIB, 0);
    feed_line(&feed, 310, 2 * MIB + 300 * 100 * KIB + 90 * 85 * KIB, 100 * KIB, 0);
    ck_assert_int_eq(feed_verdict(&feed), VERDICT_LEAK);
    ck_assert_double_lt(feed.first_leak, 609 + 90); /* undisturbed it comes after 609 s */
}
END_TEST

START_TEST(since_is_where_the_growth_began)
{
    struct detect_result result;
    struct feed feed;
    double began;

    feed_init(&feed, "fast", 1);
    feed_line(&feed, 1024, 50 * MIB, 0, 0);
    feed_line(&feed, 1200, 50 * MIB, 200 * KIB, 0);
    detector_read(&feed.detector, &result);
    ck_assert_int_eq(result.verdict, VERDICT_LEAK);
    began = (double)(result.since_ms - feed.start_ms) / 1000;
    ck_assert_double_eq_tol(began, 1024, 150);
    ck_assert_uint_le(result.changed_ms, feed.start_ms + 2224000);
}
END_TEST

START_TEST(the_fit_is_the_line_of_the_series)
{
    struct detect_result result;
    struct feed feed;
    double at;

    feed_init(&feed, "fast", 1);
    feed_line(&feed, 700, 50 * MIB, 200 * KIB, 0);
    detector_read(&feed.detector, &result);
    ck_assert(result.has_fit);
    ck_assert_uint_lt(result.fit_from_ms, result.fit_to_ms);
    at = (double)(result.fit_from_ms - feed.start_ms) / 1000;
    ck_assert_double_eq_tol(result.fit_bytes, 50 * MIB + 200 * KIB * at, 200 * KIB);
}
END_TEST

static struct growth growth_after(double hours, double rate, double swing)
{
    struct detect_result result;
    struct feed feed;

    feed_init(&feed, "default", 10);
    feed_line(&feed, hours * HOUR, 1024 * MIB, rate, swing);
    detector_read(&feed.detector, &result);
    ck_assert(result.growth.known);
    return result.growth;
}

START_TEST(slow_growth_in_doubt_may_be_the_load_of_a_day)
{
    struct growth straight = growth_after(3, 8 * KIB, 0);
    struct growth doubtful = growth_after(3, 8 * KIB, 80 * MIB);
    struct growth fast = growth_after(0.2, 800 * KIB, 50 * MIB);

    ck_assert_double_ge(straight.lower, 0.93 * 8 * KIB);
    ck_assert_double_le(doubtful.lower, 0);
    ck_assert_double_ge(fast.lower, 250 * KIB);
}
END_TEST

START_TEST(no_rate_is_known_better_than_to_six_percent)
{
    struct growth growth = growth_after(3, 100 * KIB, 0);

    ck_assert_double_eq_tol(growth.upper - growth.lower, 12 * KIB, KIB);
}
END_TEST

START_TEST(every_verdict_and_profile_has_a_name)
{
    ck_assert_str_eq(verdict_name(VERDICT_LEARNING), "learning");
    ck_assert_str_eq(verdict_name(VERDICT_RESOLVED), "resolved");
    ck_assert_ptr_null(detect_profile_find("lax"));
    ck_assert_str_eq(detect_profile_name(detect_profile_find("strict")), "strict");
}
END_TEST

SUITE_MAIN("detect_verdict", growth_shorter_than_the_wait_is_only_suspect,
           stricter_profiles_wait_longer, slow_straight_growth_waits_until_it_has_added_a_little,
           growth_that_may_be_a_fill_waits_longer_than_slower_growth,
           growth_since_the_start_may_be_a_first_fill,
           slow_growth_in_doubt_waits_until_it_has_added_more,
           a_walk_that_happens_to_rise_is_no_leak, stairs_of_many_even_steps_are_a_leak,
           three_steps_are_no_leak, a_rise_to_where_the_series_has_been_before_is_no_leak,
           few_samples_are_no_trend, growth_that_begins_late_waits_as_long_as_any,
           a_near_limit_shortens_the_wait, a_far_limit_changes_nothing, a_step_is_no_growth,
           a_fill_that_saturates_is_no_leak, growth_below_one_percent_is_not_worth_a_word,
           correlated_noise_is_no_leak, a_leak_that_stops_is_resolved_then_ok,
           the_same_pattern_alarms_once, a_leak_under_a_sawtooth_is_found_despite_the_history,
           a_restart_resolves_at_once_and_the_next_life_is_judged_anew,
           a_restart_is_seen_in_the_bytes, many_series_at_once_raise_the_bar,
           a_sampled_series_has_the_noise_it_was_told,
           a_minute_of_slower_growth_delays_the_alarm_by_about_as_much,
           since_is_where_the_growth_began, the_fit_is_the_line_of_the_series,
           slow_growth_in_doubt_may_be_the_load_of_a_day,
           no_rate_is_known_better_than_to_six_percent, every_verdict_and_profile_has_a_name)
