/* SPDX-License-Identifier: MIT */
#include "tests/unit/suite.h"

#include <pthread.h>
#include <string.h>

#include "agent/python/line.h"
#include "agent/python/linecache.h"

/* Pairs of a range's length and a step of lines, as 3.10 has them: one unit a line. */
static void fill(uint8_t *table, size_t len, uint8_t step)
{
    for (size_t i = 0; i < len; i += 2) {
        table[i] = 2;
        table[i + 1] = step;
    }
}

static uint32_t found(const uint8_t *table, size_t len, int first_line, int64_t at)
{
    size_t budget = LINECACHE_BUDGET_BYTES;

    return linecache_find(LAYOUT_LINES_LINETABLE, table, len, first_line, at, &budget);
}

START_TEST(line_is_the_same_when_asked_again)
{
    static const uint8_t lnotab[] = {0, 2, 2, 2, 2, 254, 4, 3};
    static const uint8_t locations[] = {0xd8, 0x04, 0xda, 0x04};
    uint8_t ranges[20];

    fill(ranges, sizeof(ranges), 3);
    for (int again = 0; again < 3; again++) {
        size_t budget = LINECACHE_BUDGET_BYTES;

        ck_assert_uint_eq(
            linecache_find(LAYOUT_LINES_LNOTAB, lnotab, sizeof(lnotab), 1, 2, &budget),
            line_by_lnotab(lnotab, sizeof(lnotab), 1, 2));
        ck_assert_uint_eq(
            linecache_find(LAYOUT_LINES_LOCATIONS, locations, sizeof(locations), 5, 1, &budget),
            line_by_locations(locations, sizeof(locations), 5, 1));
        ck_assert_uint_eq(found(ranges, sizeof(ranges), 10, 4), 19);
    }
}
END_TEST

START_TEST(every_place_of_a_table_has_its_own_line)
{
    uint8_t table[4000];

    fill(table, sizeof(table), 1);
    for (int again = 0; again < 2; again++) {
        for (int64_t at = 0; at < 4000; at += 2)
            ck_assert_uint_eq(found(table, sizeof(table), 1, at), (uint32_t)(2 + at / 2));
    }
}
END_TEST

START_TEST(another_table_at_the_same_address_is_another)
{
    uint8_t table[21];

    for (unsigned step = 1; step < 100; step++) {
        fill(table, 20, (uint8_t)step);
        ck_assert_uint_eq(found(table, 20, 7, 18), 7 + 10 * step);
    }
    table[19]++; /* in its last, odd bytes */
    ck_assert_uint_eq(found(table, 20, 7, 18), 998);
}
END_TEST

/* Tables that are too long to be read whole: what tells them apart is where they lie, and their ends. */
START_TEST(a_long_table_is_known_by_its_place_and_its_ends)
{
    static uint8_t tables[2][2000];

    for (unsigned step = 1; step < 100; step++) {
        fill(tables[0], sizeof(tables[0]), (uint8_t)step);
        fill(tables[1], sizeof(tables[1]), 1);
        ck_assert_uint_eq(found(tables[0], 2000, 7, 18), 7 + 10 * step);
        ck_assert_uint_eq(found(tables[1], 2000, 7, 18), 17);
    }
    fill(tables[0], sizeof(tables[0]), 1);
    ck_assert_uint_eq(found(tables[0], 2000, 7, 1998), 1007);
    tables[0][1999]++;
    ck_assert_uint_eq(found(tables[0], 2000, 7, 1998), 1008);
}
END_TEST

START_TEST(what_a_sample_may_walk_is_bounded)
{
    static uint8_t tables[3][LINECACHE_BUDGET_BYTES / 2];
    size_t budget = LINECACHE_BUDGET_BYTES;

    for (int i = 0; i < 3; i++) {
        fill(tables[i], sizeof(tables[i]), 1);
        ck_assert_uint_eq(linecache_find(LAYOUT_LINES_LINETABLE, tables[i], sizeof(tables[i]), 1, 8,
                                         &budget),
                          i < 2 ? 6 : 0);
    }
    ck_assert_uint_eq(budget, 0);
    ck_assert_uint_eq(linecache_find(LAYOUT_LINES_LINETABLE, tables[1], sizeof(tables[1]), 1, 8,
                                     &budget),
                      6); /* was found before */
    budget = LINECACHE_BUDGET_BYTES;
    ck_assert_uint_eq(linecache_find(LAYOUT_LINES_LINETABLE, tables[2], sizeof(tables[2]), 1, 8,
                                     &budget),
                      6); /* a later sample's budget */
}
END_TEST

START_TEST(of_a_table_that_is_too_long_the_beginning_has_lines)
{
    static uint8_t table[2 * LINECACHE_BUDGET_BYTES];
    size_t budget;

    fill(table, sizeof(table), 1);
    ck_assert_uint_eq(found(table, sizeof(table), 1, 8), 6);
    ck_assert_uint_eq(found(table, sizeof(table), 1, (int64_t)LINECACHE_BUDGET_BYTES), 0);
    for (int again = 0; again < 2; again++) {
        budget = LINECACHE_BUDGET_BYTES;
        ck_assert_uint_eq(
            linecache_find(LAYOUT_LINES_LNOTAB, table, sizeof(table), 2, 8, &budget), 0);
    }
    ck_assert_uint_eq(budget, LINECACHE_BUDGET_BYTES); /* that there is none is not looked up again */
}
END_TEST

START_TEST(the_first_line_and_the_length_count)
{
    uint8_t table[16];

    fill(table, sizeof(table), 1);
    ck_assert_uint_eq(found(table, 16, 1, 10), 7);
    ck_assert_uint_eq(found(table, 16, 2, 10), 8);
    ck_assert_uint_eq(found(table, 8, 1, 10), 0); /* behind its end */
    ck_assert_uint_eq(found(table, 0, 1, 10), 0);
}
END_TEST

static void *look(void *arg)
{
    uint8_t table[64];
    int first_line = *(const int *)arg;

    fill(table, sizeof(table), 1);
    for (int i = 0; i < 20000; i++) {
        int64_t at = i % 32 * 2;

        ck_assert_uint_eq(found(table, sizeof(table), first_line, at),
                          (uint32_t)(first_line + 1 + at / 2));
    }
    return NULL;
}

START_TEST(threads_that_meet_find_their_own_lines)
{
    static int first_lines[4] = {1, 100, 1000, 10000};
    pthread_t threads[4];

    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, look, &first_lines[i]), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
}
END_TEST

SUITE_MAIN("python_linecache", line_is_the_same_when_asked_again,
           every_place_of_a_table_has_its_own_line, another_table_at_the_same_address_is_another,
           a_long_table_is_known_by_its_place_and_its_ends, what_a_sample_may_walk_is_bounded,
           of_a_table_that_is_too_long_the_beginning_has_lines, the_first_line_and_the_length_count, threads_that_meet_find_their_own_lines)
