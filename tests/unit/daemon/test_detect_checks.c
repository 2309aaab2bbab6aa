/* SPDX-License-Identifier: MIT */
/* The tests behind a verdict. */
#include <math.h>
#include <string.h>

#include "daemon/detect/load.h"
#include "tests/unit/daemon/feed.h"
#include "tests/unit/suite.h"

static struct detect_check checks[DETECT_CHECKS_MAX];
static size_t count;

static const struct detect_check *find(enum detect_test test)
{
    for (size_t i = 0; i < count; i++)
        if (checks[i].test == test)
            return &checks[i];
    return NULL;
}

static const struct detect_check *need(enum detect_test test)
{
    const struct detect_check *check = find(test);

    ck_assert_msg(check != NULL, "no test %s", detect_test_name(test));
    return check;
}

static size_t failed(void)
{
    size_t n = 0;

    for (size_t i = 0; i < count; i++)
        n += !checks[i].passed;
    return n;
}

START_TEST(before_a_window_is_full_there_are_none)
{
    struct feed feed;

    feed_init(&feed, "default", 1);
    feed_line(&feed, 100, 50 * MIB, 0, 0);
    ck_assert_uint_eq(detect_explain_tests(&feed.detector, checks), 0);
}
END_TEST

START_TEST(a_leak_has_passed_all_when_it_is_called)
{
    struct feed feed;

    feed_init(&feed, "default", 1);
    while (feed.alarms == 0)
        feed_one(&feed, 50 * MIB + 200 * KIB * feed.t + 100 * KIB * feed_noise(&feed));
    count = detect_explain_tests(&feed.detector, checks);
    ck_assert_uint_ge(count, 10);
    ck_assert_uint_eq(failed(), 0);
    ck_assert_double_eq_tol(need(DETECT_TEST_WAIT_LEAST)->needed, 600, 0.1);
    ck_assert_double_ge(need(DETECT_TEST_LONG_ENOUGH)->value, 600);
    ck_assert_double_ge(need(DETECT_TEST_STRAIGHT)->value, 6);
    ck_assert_ptr_null(find(DETECT_TEST_OLDEST_LIVE));
    ck_assert_ptr_null(find(DETECT_TEST_NOT_LOAD));
}
END_TEST

START_TEST(a_suspicion_fails_the_test_it_waits_for)
{
    struct feed feed;

    feed_init(&feed, "default", 1);
    feed_line(&feed, 500, 50 * MIB, 200 * KIB, 0);
    ck_assert_int_eq(feed_verdict(&feed), VERDICT_SUSPECT);
    count = detect_explain_tests(&feed.detector, checks);
    ck_assert(!need(DETECT_TEST_LONG_ENOUGH)->passed);
    ck_assert(!need(DETECT_TEST_WAIT_LEAST)->passed);
    ck_assert(need(DETECT_TEST_STRAIGHT)->passed);
    ck_assert(need(DETECT_TEST_WAIT_SAMPLES)->passed);
}
END_TEST

START_TEST(a_calm_series_shows_why_it_is_calm)
{
    struct feed feed;

    feed_init(&feed, "default", 1);
    feed_line(&feed, 4000, 50 * MIB, 0, 300 * KIB);
    count = detect_explain_tests(&feed.detector, checks);
    ck_assert(!need(DETECT_TEST_STRAIGHT)->passed);
    ck_assert(!need(DETECT_TEST_GAIN)->passed);
    ck_assert_ptr_null(find(DETECT_TEST_LONG_ENOUGH));
}
END_TEST

START_TEST(what_slows_down_waits_for_ever)
{
    struct feed feed;
    char text[120];

    feed_init(&feed, "default", 1);
    feed_line(&feed, 1500, 50 * MIB, 400 * KIB, 0);
    feed_line(&feed, 500, 50 * MIB + 1500 * 400 * KIB, 100 * KIB, 0);
    count = detect_explain_tests(&feed.detector, checks);
    ck_assert(!need(DETECT_TEST_NOT_SLOWING)->passed);
    ck_assert(isinf(need(DETECT_TEST_LONG_ENOUGH)->needed));
    detect_check_text(need(DETECT_TEST_LONG_ENOUGH), text, sizeof(text));
    ck_assert_ptr_nonnull(strstr(text, "no span is enough"));
}
END_TEST

START_TEST(growth_seen_from_day_to_day_has_its_own_test)
{
    struct feed feed;

    feed_init(&feed, "default", 60);
    while (feed.t < 2.5 * DAY)
        feed_one(&feed, 400 * MIB + 60 * MIB * feed.t / DAY +
                            150 * MIB * (1 - cos(2 * 3.14159265358979 * feed.t / DAY)));
    ck_assert_int_eq(feed_verdict(&feed), VERDICT_LEAK);
    count = detect_explain_tests(&feed.detector, checks);
    ck_assert_uint_eq(count, 1);
    ck_assert(need(DETECT_TEST_DAY)->passed);
}
END_TEST

START_TEST(ages_and_load_are_tests_where_they_are_known)
{
    struct load_detector detector;

    load_init(&detector, detect_profile_find("default"), 1000);
    for (unsigned t = 0; t < 1000; t++) {
        struct detect_sample sample = {
            .time_ms = 1000u * t, .bytes = 50 * MIB + 200 * KIB * t, .oldest_ms = 5000};

        load_push(&detector, &sample, 20);
    }
    count = load_explain_tests(&detector, checks);
    ck_assert(!need(DETECT_TEST_OLDEST_LIVE)->passed);
    ck_assert_double_ge(need(DETECT_TEST_OLDEST_LIVE)->value, 0.9);
    ck_assert(need(DETECT_TEST_NOT_LOAD)->passed);
}
END_TEST

START_TEST(a_check_reads_as_a_line)
{
    struct detect_check wait = {
        .test = DETECT_TEST_WAIT_GAIN, .value = 720, .needed = 1200, .passed = false};
    struct detect_check gain = {
        .test = DETECT_TEST_GAIN, .value = 14.2 * MIB, .needed = 256 * KIB, .passed = true};
    struct detect_check slowing = {
        .test = DETECT_TEST_NOT_SLOWING, .value = 0.9, .needed = 1.2, .passed = true};
    char text[120];

    detect_check_text(&wait, text, sizeof(text));
    ck_assert_str_eq(text, "time to add a share of the memory: 12 min, at least 20 min");
    detect_check_text(&gain, text, sizeof(text));
    ck_assert_str_eq(text, "added in the window: 14.2 MiB, at least 256 KiB");
    detect_check_text(&slowing, text, sizeof(text));
    ck_assert_str_eq(text, "rate before the window against that in it: 0.90, at most 1.20");
    for (int test = 0; test < DETECT_CHECKS_MAX; test++) {
        ck_assert_ptr_nonnull(detect_test_name((enum detect_test)test));
        for (int other = 0; other < test; other++)
            ck_assert_str_ne(detect_test_name((enum detect_test)test),
                             detect_test_name((enum detect_test)other));
    }
}
END_TEST

SUITE_MAIN("detect_checks", before_a_window_is_full_there_are_none,
           a_leak_has_passed_all_when_it_is_called, a_suspicion_fails_the_test_it_waits_for,
           a_calm_series_shows_why_it_is_calm, what_slows_down_waits_for_ever,
           growth_seen_from_day_to_day_has_its_own_test,
           ages_and_load_are_tests_where_they_are_known, a_check_reads_as_a_line)
