/* SPDX-License-Identifier: MIT */
#include "tests/unit/suite.h"

#include "agent/core/pool.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT_MAX   1000
#define ARENA_BYTES 16384

static struct pool pool;
static void *memory;

static void set_up(void)
{
    memory = calloc(1, pool_memory_bytes(COUNT_MAX, ARENA_BYTES));
    pool_init(&pool, COUNT_MAX, ARENA_BYTES, memory);
}

static void tear_down(void)
{
    free(memory);
}

START_TEST(same_content_has_one_number_and_numbers_count_from_one)
{
    size_t len;

    ck_assert_uint_eq(pool_intern(&pool, "alpha", 5), 1);
    ck_assert_uint_eq(pool_intern(&pool, "beta", 4), 2);
    ck_assert_uint_eq(pool_intern(&pool, "", 0), 3);
    ck_assert_uint_eq(pool_intern(&pool, "alphabet", 5), 1);
    ck_assert_uint_eq(pool_count(&pool), 3);
    ck_assert_mem_eq(pool_bytes(&pool, 2, &len), "beta", 4);
    ck_assert_uint_eq(len, 4);
    pool_bytes(&pool, 3, &len);
    ck_assert_uint_eq(len, 0);
}
END_TEST

START_TEST(full_pool_refuses_the_new_and_still_knows_the_old)
{
    char text[32];
    uint32_t id = 1, last = 0;
    int i;

    for (i = 0; id != 0; i++) {
        int len = snprintf(text, sizeof(text), "a name of some length %d", i);

        last = id;
        id = pool_intern(&pool, text, (size_t)len);
    }
    ck_assert_uint_eq(last, (unsigned)i - 1);
    ck_assert_uint_eq(pool.dropped, 1);
    ck_assert_uint_eq(pool_intern(&pool, "a name of some length 7", 23), 8);
}
END_TEST

/* NULL when all went well. */
static void *intern_all(void *unused)
{
    char text[16];

    (void)unused;
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < 300; i++) {
            size_t len = (size_t)snprintf(text, sizeof(text), "name %d", i);
            uint32_t id = pool_intern(&pool, text, len);
            size_t stored_len;

            if (id == 0 || memcmp(pool_bytes(&pool, id, &stored_len), text, len) != 0 ||
                stored_len != len)
                return &pool;
        }
    }
    return NULL;
}

START_TEST(threads_that_race_read_what_they_have_put)
{
    pthread_t threads[4];
    void *wrong;

    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, intern_all, NULL);
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], &wrong);
        ck_assert_ptr_null(wrong);
    }
    ck_assert_uint_ge(pool_count(&pool), 300);
    ck_assert_uint_eq(pool.dropped, 0);
}
END_TEST

SUITE_MAIN_FIXTURE("pool", set_up, tear_down,
                   same_content_has_one_number_and_numbers_count_from_one,
                   full_pool_refuses_the_new_and_still_knows_the_old,
                   threads_that_race_read_what_they_have_put)
