/* SPDX-License-Identifier: MIT */
/* The sampling period in force, at times that the test tells. */
#include "tests/unit/suite.h"

#include "agent/core/period.h"

#define KIB UINT64_C(1024)
#define MIB (KIB * 1024)

static uint64_t now_ms = 1000;

/* A program that allocates so fast, for so long, and is sampled with whatever period is in force.
 */
static void allocate(uint64_t bytes_per_s, uint64_t for_ms)
{
    uint64_t done = 0;

    for (uint64_t end_ms = now_ms + for_ms; now_ms < end_ms; now_ms += 4) {
        done += bytes_per_s / 250;
        for (; done >= period_in_force_bytes(); done -= period_in_force_bytes())
            period_note_sample(now_ms);
    }
}

START_TEST(below_four_gib_a_second_the_period_is_as_ordered)
{
    period_order(512 * KIB);
    allocate(3 * 1024 * MIB, 2000);
    ck_assert_uint_eq(period_in_force_bytes(), 512 * KIB);
}
END_TEST

START_TEST(a_program_that_allocates_faster_is_soon_sampled_less_and_not_less_than_needed)
{
    period_order(512 * KIB);
    allocate(14 * 1024 * MIB, 200);
    ck_assert_uint_eq(period_in_force_bytes(), 2 * MIB);
    ck_assert_uint_eq(period_ordered_bytes(), 512 * KIB);
}
END_TEST

START_TEST(it_falls_back_when_the_program_is_calm_again)
{
    period_order(512 * KIB);
    allocate(14 * 1024 * MIB, 200);
    period_relax();
    allocate(100 * MIB, 1000);
    period_relax();
    allocate(100 * MIB, 1000);
    period_relax();
    ck_assert_uint_eq(period_in_force_bytes(), 512 * KIB);
}
END_TEST

START_TEST(who_wants_every_block_gets_it)
{
    period_order(1);
    for (unsigned i = 0; i < 1000000; i++)
        period_note_sample(now_ms + i / 1000);
    ck_assert_uint_eq(period_in_force_bytes(), 1);
}
END_TEST

START_TEST(samples_that_find_no_room_raise_it_up_to_a_gib)
{
    period_order(600 * MIB);
    for (unsigned i = 0; i < 1024; i++)
        period_note_drop();
    ck_assert_uint_gt(period_in_force_bytes(), 1000 * MIB);
    ck_assert_uint_lt(period_in_force_bytes(), 2048 * MIB);
}
END_TEST

SUITE_MAIN("period", below_four_gib_a_second_the_period_is_as_ordered,
           a_program_that_allocates_faster_is_soon_sampled_less_and_not_less_than_needed,
           it_falls_back_when_the_program_is_calm_again, who_wants_every_block_gets_it,
           samples_that_find_no_room_raise_it_up_to_a_gib)
