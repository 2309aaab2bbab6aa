/* SPDX-License-Identifier: MIT */
/* Line tables as CPython's own compilers wrote them, against the lines its own reader gave. */
#include "tests/unit/suite.h"

#include <stdlib.h>

#include "agent/python/line.h"

/* 3.8: a function of 13 lines; lines go back inside calls that span several. */
static const uint8_t lnotab[] = {0, 2, 2, 2,   2,  254, 4, 3, 4, 1,   2, 1,
                                 2, 1, 2, 255, 10, 3,   4, 1, 2, 255, 6, 2};

START_TEST(lnotab_follows_lines_up_and_down)
{
    ck_assert_uint_eq(line_by_lnotab(lnotab, sizeof(lnotab), 1, 0), 3);
    ck_assert_uint_eq(line_by_lnotab(lnotab, sizeof(lnotab), 1, 2), 5);
    ck_assert_uint_eq(line_by_lnotab(lnotab, sizeof(lnotab), 1, 4), 3);
    ck_assert_uint_eq(line_by_lnotab(lnotab, sizeof(lnotab), 1, 16), 9);
    ck_assert_uint_eq(line_by_lnotab(lnotab, sizeof(lnotab), 1, 18), 8);
    ck_assert_uint_eq(line_by_lnotab(lnotab, sizeof(lnotab), 1, 42), 13);
}
END_TEST

START_TEST(lnotab_sums_long_jumps)
{
    static const uint8_t table[] = {4,  127, 0,   127, 0,   127, 0,   127, 0,
                                    94, 6,   128, 0,   183, 2,   127, 0,   75};

    ck_assert_uint_eq(line_by_lnotab(table, sizeof(table), 1, 0), 1);
    ck_assert_uint_eq(line_by_lnotab(table, sizeof(table), 1, 4), 603);
    ck_assert_uint_eq(line_by_lnotab(table, sizeof(table), 1, 10), 402);
    ck_assert_uint_eq(line_by_lnotab(table, sizeof(table), 1, 12), 604);
}
END_TEST

START_TEST(frame_that_has_not_started_is_at_its_first_line)
{
    ck_assert_uint_eq(line_by_lnotab(lnotab, sizeof(lnotab), 7, -1), 7);
    ck_assert_uint_eq(line_by_linetable(lnotab, sizeof(lnotab), 7, -2), 7);
    ck_assert_uint_eq(line_by_locations(lnotab, sizeof(lnotab), 7, -1), 7);
}
END_TEST

START_TEST(linetable_sums_long_jumps)
{
    static const uint8_t table[] = {4, 0,  0, 127, 0, 127, 0, 127, 0, 127,
                                    6, 94, 0, 129, 2, 182, 0, 127, 8, 75};

    ck_assert_uint_eq(line_by_linetable(table, sizeof(table), 1, 0), 1);
    ck_assert_uint_eq(line_by_linetable(table, sizeof(table), 1, 8), 603);
    ck_assert_uint_eq(line_by_linetable(table, sizeof(table), 1, 10), 402);
    ck_assert_uint_eq(line_by_linetable(table, sizeof(table), 1, 18), 604);
}
END_TEST

START_TEST(linetable_range_without_line_is_zero)
{
    static const uint8_t table[] = {4, 1, 2, 128, 2, 1};

    ck_assert_uint_eq(line_by_linetable(table, sizeof(table), 10, 0), 11);
    ck_assert_uint_eq(line_by_linetable(table, sizeof(table), 10, 4), 0);
    ck_assert_uint_eq(line_by_linetable(table, sizeof(table), 10, 6), 12);
    ck_assert_uint_eq(line_by_linetable(table, sizeof(table), 10, 8), 0);
}
END_TEST

/* 3.13: the same function as lnotab above. */
static const uint8_t locations[] = {
    128, 0,   224, 9,   10,  224, 9,   10, 240, 5,  2,  9,   12, 128, 65, 246, 6,   0,  8,   9,
    240, 2,   5,   9,   20,  216, 23,  24, 216, 23, 24, 241, 3,  1,   20, 26,  240, 6,  0,   13,
    14,  143, 72,  137, 72,  216, 17,  18, 245, 3,  1,  13,  20, 224, 11, 12,  128, 72, 248, 240,
    5,   0,   13,  14,  143, 72,  137, 72, 216, 17, 18, 245, 3,  1,   13, 20,  250};

START_TEST(locations_follow_short_one_line_and_long_entries)
{
    ck_assert_uint_eq(line_by_locations(locations, sizeof(locations), 1, 0), 1);
    ck_assert_uint_eq(line_by_locations(locations, sizeof(locations), 1, 1), 3);
    ck_assert_uint_eq(line_by_locations(locations, sizeof(locations), 1, 2), 5);
    ck_assert_uint_eq(line_by_locations(locations, sizeof(locations), 1, 4), 3);
    ck_assert_uint_eq(line_by_locations(locations, sizeof(locations), 1, 14), 9);
    ck_assert_uint_eq(line_by_locations(locations, sizeof(locations), 1, 16), 8);
    ck_assert_uint_eq(line_by_locations(locations, sizeof(locations), 1, 28), 12);
    ck_assert_uint_eq(line_by_locations(locations, sizeof(locations), 1, 35), 13);
}
END_TEST

START_TEST(location_none_is_line_zero)
{
    ck_assert_uint_eq(line_by_locations(locations, sizeof(locations), 1, 37), 0);
    ck_assert_uint_eq(line_by_locations(locations, sizeof(locations), 1, 56), 0);
}
END_TEST

START_TEST(table_cut_anywhere_stays_inside)
{
    for (size_t len = 0; len <= sizeof(locations); len++) {
        uint8_t *copy = malloc(len > 0 ? len : 1); /* exact, for the sanitizer */

        ck_assert_ptr_nonnull(copy);
        for (size_t i = 0; i < len; i++)
            copy[i] = locations[i];
        for (int64_t at = 0; at < 80; at += 7) {
            line_by_locations(copy, len, 1, at);
            line_by_linetable(copy, len, 1, at);
            line_by_lnotab(copy, len, 1, at);
        }
        free(copy);
    }
    ck_assert_uint_eq(line_by_locations(locations, 0, 1, 5), 0);
}
END_TEST

START_TEST(lines_out_of_reason_are_zero)
{
    static const uint8_t down[] = {4, 129};

    ck_assert_uint_eq(line_by_linetable(down, sizeof(down), 5, 0), 0);
    ck_assert_uint_eq(line_by_lnotab(down, 0, -3, 0), 0);
}
END_TEST

SUITE_MAIN("python_line", lnotab_follows_lines_up_and_down, lnotab_sums_long_jumps,
           frame_that_has_not_started_is_at_its_first_line, linetable_sums_long_jumps,
           linetable_range_without_line_is_zero, locations_follow_short_one_line_and_long_entries,
           location_none_is_line_zero, table_cut_anywhere_stays_inside,
           lines_out_of_reason_are_zero)
