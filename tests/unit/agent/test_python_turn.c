/* SPDX-License-Identifier: MIT */
/* Which turns are attended, on a clock and with lots of the test's own. */
#include "tests/unit/suite.h"

#include "agent/core/sampler.h"
#include "agent/python/turn.h"

#define PERIOD   (512u << 10)
#define MIB      (UINT64_C(1) << 20)
#define HOT      (140 * MIB) /* bytes of objects a second: four times what is not felt */
#define SECOND   1000

static uint64_t now_ms;
static uint64_t lots;

static void set_up(void)
{
    now_ms = 1000000;
    lots = 42;
    turn_restart(now_ms);
}

struct seen {
    uint64_t turns;
    uint64_t attended;
    double weighed_bytes; /* by the shares, of the turns that were attended */
    double bytes;         /* of all */
    unsigned most_share;
};

/* One turn of so many bytes, then the next begins. */
static void pass(struct seen *seen, uint64_t bytes, uint64_t length_ms, uint64_t period_bytes)
{
    unsigned share = turn_share(now_ms);

    seen->turns++;
    seen->bytes += (double)bytes;
    if (turn_is_attended()) {
        turn_note(bytes);
        seen->attended++;
        seen->weighed_bytes += (double)bytes * share;
    }
    if (share > seen->most_share)
        seen->most_share = share;
    now_ms += length_ms;
    ck_assert(turn_is_over(now_ms));
    turn_next(now_ms, period_bytes, sampler_random(&lots));
}

static struct seen pass_many(unsigned turns, uint64_t bytes_per_s, uint64_t length_ms,
                             uint64_t period_bytes)
{
    struct seen seen = {0};

    for (unsigned i = 0; i < turns; i++)
        pass(&seen, bytes_per_s * length_ms / SECOND, length_ms, period_bytes);
    return seen;
}

START_TEST(few_objects_are_all_attended)
{
    struct seen seen = pass_many(1000, 20 * MIB, TURN_MS, PERIOD);

    ck_assert_uint_eq(seen.attended, 1000);
    ck_assert_uint_eq(seen.most_share, 1);
}
END_TEST

START_TEST(of_very_many_a_quarter_of_the_turns_is_attended)
{
    struct seen seen;

    pass_many(100, HOT, TURN_MS, PERIOD);
    seen = pass_many(4000, HOT, TURN_MS, PERIOD);
    ck_assert_uint_ge(seen.attended, 999);
    ck_assert_uint_le(seen.attended, 1001);
    ck_assert_uint_eq(seen.most_share, 4);
}
END_TEST

START_TEST(the_share_grows_with_the_pace_to_one_in_eight)
{
    struct seen seen;

    pass_many(200, HOT / 2, TURN_MS, PERIOD);
    seen = pass_many(1600, HOT / 2, TURN_MS, PERIOD);
    ck_assert_uint_eq(seen.most_share, 2);
    pass_many(200, 10 * HOT, TURN_MS, PERIOD);
    seen = pass_many(1600, 10 * HOT, TURN_MS, PERIOD);
    ck_assert_uint_eq(seen.most_share, TURN_SHARE_MAX);
    ck_assert_uint_le(seen.attended, 1600 / TURN_SHARE_MAX + 1);
}
END_TEST

START_TEST(who_asks_for_small_intervals_sees_everything)
{
    struct seen seen = pass_many(1000, HOT, TURN_MS, 16384);

    ck_assert_uint_eq(seen.attended, 1000);
}
END_TEST

START_TEST(where_turns_end_late_all_are_attended)
{
    struct seen seen = pass_many(1000, HOT, TURN_LONG_MS, PERIOD);

    ck_assert_uint_eq(seen.attended, 1000);
    ck_assert_uint_eq(seen.most_share, 1);
}
END_TEST

START_TEST(after_a_long_turn_the_next_is_attended_whatever_the_lots_were)
{
    struct seen seen = {0};

    for (int i = 0; i < 200; i++) {
        pass_many(20, HOT, TURN_MS, PERIOD);
        now_ms += TURN_LONG_MS;
        turn_next(now_ms, PERIOD, sampler_random(&lots));
        ck_assert(turn_is_attended());
        ck_assert_uint_eq(turn_share(now_ms), 1);
        pass(&seen, 0, TURN_MS, PERIOD);
    }
}
END_TEST

/* Bursts that come with every fourth turn, as the groups do: only lots are right with them. */
START_TEST(weighed_sums_are_right_whatever_the_program_does_when)
{
    struct seen seen = {0};

    pass_many(400, HOT, TURN_MS, PERIOD);
    for (unsigned i = 0; i < 40000; i++)
        pass(&seen, i % 4 == 0 ? 4 * HOT * TURN_MS / SECOND : 0, TURN_MS, PERIOD);
    ck_assert_uint_lt(seen.attended, 20000);
    ck_assert_double_eq_tol(seen.weighed_bytes / seen.bytes, 1.0, 0.05);
}
END_TEST

START_TEST(of_a_steady_stretch_the_sum_is_within_a_few_turns)
{
    for (int i = 0; i < 100; i++) {
        struct seen seen;

        pass_many(100, HOT, TURN_MS, PERIOD);
        seen = pass_many(100, HOT, TURN_MS, PERIOD);
        ck_assert_double_eq_tol(seen.weighed_bytes / seen.bytes, 1.0, 0.08);
    }
}
END_TEST

START_TEST(a_turn_that_nobody_ends_stands_for_itself)
{
    pass_many(400, HOT, TURN_MS, PERIOD);
    while (!turn_is_attended() || turn_share(now_ms) == 1)
        pass_many(1, HOT, TURN_MS, PERIOD);
    ck_assert_uint_eq(turn_share(now_ms + TURN_STRAND_MS), 1);
}
END_TEST

START_TEST(when_the_program_calms_down_all_is_attended_again)
{
    struct seen seen;

    pass_many(400, HOT, TURN_MS, PERIOD);
    pass_many(1000, MIB, TURN_MS, PERIOD);
    seen = pass_many(100, MIB, TURN_MS, PERIOD);
    ck_assert_uint_eq(seen.attended, 100);
}
END_TEST

START_TEST(attribution_that_begins_anew_attends_at_once_and_forgets_its_group)
{
    for (int i = 0; i < 50; i++) {
        struct seen seen = {0};

        pass_many(101, HOT, TURN_MS, PERIOD); /* amid a group */
        turn_restart(now_ms);
        ck_assert(turn_is_attended());
        pass(&seen, 0, TURN_MS, PERIOD);
        ck_assert_uint_eq(turn_share(now_ms), 4);
        ck_assert_uint_eq(pass_many(4, HOT, TURN_MS, PERIOD).attended, 1);
    }
}
END_TEST

START_TEST(a_turn_lasts_its_time)
{
    ck_assert(!turn_is_over(now_ms + TURN_MS - 1));
    ck_assert(turn_is_over(now_ms + TURN_MS));
}
END_TEST

SUITE_MAIN_FIXTURE("python_turn", set_up, NULL, few_objects_are_all_attended,
                   of_very_many_a_quarter_of_the_turns_is_attended,
                   the_share_grows_with_the_pace_to_one_in_eight, who_asks_for_small_intervals_sees_everything, where_turns_end_late_all_are_attended,
                   after_a_long_turn_the_next_is_attended_whatever_the_lots_were,
                   weighed_sums_are_right_whatever_the_program_does_when,
                   of_a_steady_stretch_the_sum_is_within_a_few_turns,
                   a_turn_that_nobody_ends_stands_for_itself,
                   when_the_program_calms_down_all_is_attended_again,
                   attribution_that_begins_anew_attends_at_once_and_forgets_its_group,
                   a_turn_lasts_its_time)
