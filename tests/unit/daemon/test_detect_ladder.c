/* SPDX-License-Identifier: MIT */
/* Samples, blocks and clocks. */
#include <math.h>
#include <string.h>

#include "tests/unit/daemon/feed.h"
#include "tests/unit/suite.h"

START_TEST(detector_keeps_its_size)
{
    ck_assert_uint_le(sizeof(struct detector), 1120);
}
END_TEST

START_TEST(first_verdict_comes_after_sixteen_blocks)
{
    struct feed feed;

    feed_init(&feed, "default", 1);
    feed_line(&feed, 128, 10 * MIB, 0, 0);
    ck_assert_int_eq(feed_verdict(&feed), VERDICT_LEARNING);
    feed_line(&feed, 1, 10 * MIB, 0, 0);
    ck_assert_int_eq(feed_verdict(&feed), VERDICT_OK);
}
END_TEST

START_TEST(coarse_sampling_makes_blocks_of_one_sample)
{
    struct feed feed;

    feed_init(&feed, "default", 60);
    feed_line(&feed, 960, 10 * MIB, 0, 0);
    ck_assert_int_eq(feed_verdict(&feed), VERDICT_LEARNING);
    feed_line(&feed, 60, 10 * MIB, 0, 0);
    ck_assert_int_eq(feed_verdict(&feed), VERDICT_OK);
}
END_TEST

START_TEST(growth_is_unknown_before_a_window_is_full)
{
    struct detect_result result;
    struct feed feed;

    feed_init(&feed, "default", 1);
    feed_line(&feed, 100, 10 * MIB, 1000, 0);
    detector_read(&feed.detector, &result);
    ck_assert(!result.growth.known && !result.has_fit);
    feed_line(&feed, 60, 10.1 * MIB, 1000, 0);
    detector_read(&feed.detector, &result);
    ck_assert(result.growth.known && result.has_fit);
}
END_TEST

START_TEST(what_is_not_above_zero_is_no_sample)
{
    static const double none[] = {0, -1, NAN, INFINITY, -INFINITY};
    struct feed feed;
    struct detector before;

    feed_init(&feed, "fast", 1);
    feed_line(&feed, 200, 10 * MIB, 100 * KIB, 0);
    before = feed.detector;
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
        ck_assert(!feed_one(&feed, none[i]));
    ck_assert_mem_eq(&before, &feed.detector, sizeof(before));
}
END_TEST

START_TEST(the_lower_envelope_sees_a_leak_under_a_collector)
{
    struct feed feed;

    feed_init(&feed, "fast", 1);
    for (int t = 0; t < 400; t++)
        feed_one(&feed, 20 * MIB + 100 * KIB * t + 4 * MIB * (t % 7));
    ck_assert_int_eq(feed_verdict(&feed), VERDICT_LEAK);
}
END_TEST

START_TEST(a_small_hole_is_bridged)
{
    struct detect_result result;
    struct feed feed;

    feed_init(&feed, "default", 1);
    feed_line(&feed, 600, 50 * MIB, 100 * KIB, 0);
    feed.t += 300;
    feed_line(&feed, 900, 50 * MIB + 900 * 100 * KIB, 100 * KIB, 0);
    detector_read(&feed.detector, &result);
    ck_assert_int_eq(result.verdict, VERDICT_LEAK);
    ck_assert_double_eq_tol(result.growth.estimate, 100 * KIB, 2 * KIB);
}
END_TEST

START_TEST(the_line_over_a_hole_is_no_evidence)
{
    struct feed feed;

    feed_init(&feed, "fast", 1);
    feed_line(&feed, 2000, 50 * MIB, 0, 200 * KIB);
    feed.t += 3000;
    feed_line(&feed, 9000, 90 * MIB, 0, 200 * KIB); /* somebody put 40 MiB there meanwhile */
    ck_assert_uint_eq(feed.alarms, 0);
}
END_TEST

START_TEST(a_long_hole_is_time_that_stood_still)
{
    struct feed with, without;

    feed_init(&with, "default", 1);
    feed_init(&without, "default", 1);
    feed_line(&with, 400, 50 * MIB, 100 * KIB, 0);
    feed_line(&without, 400, 50 * MIB, 100 * KIB, 0);
    with.t += 20000; /* a suspended machine */
    feed_line(&with, 100, 50 * MIB + 400 * 100 * KIB, 100 * KIB, 0);
    feed_line(&without, 100, 50 * MIB + 400 * 100 * KIB, 100 * KIB, 0);
    ck_assert_uint_eq(with.detector.closed, without.detector.closed);
    ck_assert_mem_eq(with.detector.found.rings, without.detector.found.rings,
                     sizeof(with.detector.found.rings));
}
END_TEST

START_TEST(a_clock_that_jumps_back_changes_nothing)
{
    struct feed jumped, straight;

    feed_init(&jumped, "default", 1);
    feed_init(&straight, "default", 1);
    feed_line(&jumped, 400, 50 * MIB, 100 * KIB, 0);
    feed_line(&straight, 400, 50 * MIB, 100 * KIB, 0);
    jumped.t -= 350;
    feed_line(&jumped, 400, 50 * MIB + 400 * 100 * KIB, 100 * KIB, 0);
    feed_line(&straight, 400, 50 * MIB + 400 * 100 * KIB, 100 * KIB, 0);
    ck_assert_mem_eq(jumped.detector.found.rings, straight.detector.found.rings,
                     sizeof(jumped.detector.found.rings));
}
END_TEST

START_TEST(equal_times_are_a_step_apart)
{
    struct feed feed;

    feed_init(&feed, "default", 1);
    for (int i = 0; i < 200; i++) {
        feed.t = 5;
        feed_one(&feed, 10 * MIB);
    }
    ck_assert_int_eq(feed_verdict(&feed), VERDICT_OK);
}
END_TEST

START_TEST(a_copy_goes_on_like_the_original)
{
    struct feed feed, copy;

    feed_init(&feed, "fast", 1);
    feed_line(&feed, 321, 50 * MIB, 70 * KIB, 200 * KIB);
    copy = feed;
    feed_line(&feed, 321, 80 * MIB, 70 * KIB, 200 * KIB);
    feed_line(&copy, 321, 80 * MIB, 70 * KIB, 200 * KIB);
    ck_assert_mem_eq(&feed, &copy, sizeof(feed));
}
END_TEST

START_TEST(any_bytes_and_times_are_survived)
{
    struct detector detector;
    struct detect_result result;
    struct feed feed;

    feed_init(&feed, "strict", 1);
    detector_init(&detector, detect_profile_find("strict"), 0, 1000000);
    for (unsigned i = 0; i < 20000; i++) {
        struct detect_sample sample = {.time_ms =
                                           (uint64_t)(fabs(feed_noise(&feed)) * 1e18) >> (i % 60),
                                       .bytes = pow(10, 40 * feed_noise(&feed)),
                                       .limit_bytes = pow(10, 300 * feed_noise(&feed))};

        detector_push(&detector, &sample);
    }
    detector_read(&detector, &result);
    ck_assert_uint_le(result.verdict, VERDICT_RESOLVED);
}
END_TEST

SUITE_MAIN("detect_ladder", detector_keeps_its_size, first_verdict_comes_after_sixteen_blocks,
           coarse_sampling_makes_blocks_of_one_sample, growth_is_unknown_before_a_window_is_full,
           what_is_not_above_zero_is_no_sample, the_lower_envelope_sees_a_leak_under_a_collector,
           a_small_hole_is_bridged, the_line_over_a_hole_is_no_evidence,
           a_long_hole_is_time_that_stood_still, a_clock_that_jumps_back_changes_nothing,
           equal_times_are_a_step_apart, a_copy_goes_on_like_the_original,
           any_bytes_and_times_are_survived)
