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
    return linecache_find(LAYOUT_LINES_LINETABLE, table, len, first_line, at);
}

START_TEST(line_is_the_same_when_asked_again)
{
    static const uint8_t lnotab[] = {0, 2, 2, 2, 2, 254, 4, 3};
    static const uint8_t locations[] = {0xd8, 0x04, 0xda, 0x04};
    uint8_t ranges[20];

    fill(ranges, sizeof(ranges), 3);
    for (int again = 0; again < 3; again++) {
        ck_assert_uint_eq(linecache_find(LAYOUT_LINES_LNOTAB, lnotab, sizeof(lnotab), 1, 2),
                          line_by_lnotab(lnotab, sizeof(lnotab), 1, 2));
        ck_assert_uint_eq(linecache_find(LAYOUT_LINES_LOCATIONS, locations, sizeof(locations), 5, 1),
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
           the_first_line_and_the_length_count, threads_that_meet_find_their_own_lines)
