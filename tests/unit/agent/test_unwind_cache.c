/* SPDX-License-Identifier: MIT */
#include "tests/unit/suite.h"

#include "agent/core/unwind_cache.h"

#include <pthread.h>
#include <string.h>

#define MANY 12

/* Keys that belong into one set; with a power of two between them they end in the same bits, too.
 */
static void find_neighbours_every(uint64_t step, uint64_t first, uint64_t *keys)
{
    size_t count = 0;

    for (uint64_t key = first; count < MANY; key += step) {
        if (unwind_cache_set_of(key) == unwind_cache_set_of(first))
            keys[count++] = key;
    }
}

static void find_neighbours(uint64_t first, uint64_t *keys)
{
    find_neighbours_every(1, first, keys);
}

static struct unwind_rule rule_of(size_t i)
{
    return (struct unwind_rule){.cfa_words = (int32_t)i + 2, .ra_words = -1};
}

static bool holds(uint64_t key, size_t i)
{
    struct unwind_rule rule;

    return unwind_cache_get(key, &rule) && rule.cfa_words == (int32_t)i + 2;
}

static void put(uint64_t key, size_t i)
{
    struct unwind_rule rule = rule_of(i);

    unwind_cache_put(key, &rule);
}

START_TEST(neighbours_do_not_drive_each_other_out)
{
    uint64_t keys[MANY];

    find_neighbours(0x401000, keys);
    for (size_t i = 0; i < UNWIND_CACHE_WAYS; i++)
        put(keys[i], i);
    for (size_t i = 0; i < UNWIND_CACHE_WAYS; i++)
        ck_assert(holds(keys[i], i));
    ck_assert(!holds(keys[UNWIND_CACHE_WAYS], 0));
}
END_TEST

START_TEST(a_full_set_takes_the_newest)
{
    uint64_t keys[MANY];
    size_t held = 0;

    find_neighbours(0x7f0000001000, keys);
    for (size_t i = 0; i < MANY; i++) {
        put(keys[i], i);
        ck_assert(holds(keys[i], i));
    }
    for (size_t i = 0; i < MANY; i++)
        held += holds(keys[i], i);
    ck_assert_uint_eq(held, UNWIND_CACHE_WAYS);
}
END_TEST

/* One sample: the stack's frames are looked up, then so many that are new come into full sets. */
static size_t missed_in_a_sample(const uint64_t *frames, size_t frame_count, uint64_t *fresh,
                                 size_t fresh_count)
{
    size_t missed = 0;

    for (size_t i = 0; i < frame_count; i++) {
        if (holds(frames[i], i))
            continue;
        put(frames[i], i);
        missed++;
    }
    for (size_t i = 0; i < fresh_count; i++)
        put(*fresh += 4096, i);
    return missed;
}

static void fill_every_set(void)
{
    for (uint64_t key = 1; key < (UNWIND_CACHE_WAYS << UNWIND_CACHE_SET_BITS) * 8; key++)
        put(key, 0);
}

static void free_set(uint64_t key)
{
    memset(unwind_cache_set_of(key), 0, sizeof(struct unwind_cache_set));
}

/* Of keys that end in the same bits, in a set that is full of others that nobody asks for any more.
 */
static void assert_a_stack_settles(size_t frame_count)
{
    uint64_t keys[MANY], none = 0;
    size_t missed = 0;

    find_neighbours_every(4096, 0x7f0000001000, keys);
    free_set(keys[0]);
    for (size_t i = MANY - UNWIND_CACHE_WAYS; i < MANY; i++)
        put(keys[i], i);
    for (size_t i = 0; i < 200; i++)
        missed += missed_in_a_sample(keys, frame_count, &none, 0);
    ck_assert_uint_lt(missed, 100);
    ck_assert_uint_eq(missed_in_a_sample(keys, frame_count, &none, 0), 0);
}

START_TEST(frames_of_a_full_set_settle_beside_each_other)
{
    for (size_t frame_count = 1; frame_count <= UNWIND_CACHE_WAYS; frame_count++)
        assert_a_stack_settles(frame_count);
}
END_TEST

/* As many between one frame and itself as you like: who comes into a full set has no rhythm. */
START_TEST(frames_of_a_full_set_miss_seldom_whatever_comes_between)
{
    uint64_t keys[MANY], fresh = 0x550000000000;

    fill_every_set();
    find_neighbours_every(4096, 0x7f0000001000, keys);
    for (size_t fresh_count = 0; fresh_count < 20; fresh_count++) {
        size_t missed = 0;

        for (size_t i = 0; i < 1000; i++)
            missed += missed_in_a_sample(keys, 2, &fresh, fresh_count);
        ck_assert_uint_lt(missed, 100);
    }
}
END_TEST

/* Returns itself if a rule was found under a key that is not its own. */
static void *put_and_look(void *keys_)
{
    const uint64_t *keys = keys_;
    struct unwind_rule found;

    for (size_t i = 0; i < 20000; i++) {
        put(keys[i % MANY], i % MANY);
        for (size_t k = 0; k < MANY; k++) {
            if (unwind_cache_get(keys[k], &found) && found.cfa_words != (int32_t)k + 2)
                return keys_;
        }
    }
    return NULL;
}

START_TEST(threads_never_find_anothers_rule)
{
    uint64_t keys[MANY];
    pthread_t threads[4];
    void *wrong;

    find_neighbours(0x401000, keys);
    for (size_t i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, put_and_look, keys), 0);
    for (size_t i = 0; i < 4; i++) {
        ck_assert_int_eq(pthread_join(threads[i], &wrong), 0);
        ck_assert_ptr_null(wrong);
    }
}
END_TEST

START_TEST(a_set_is_one_line_of_the_processors_cache)
{
    ck_assert_uint_eq(sizeof(struct unwind_cache_set), 64);
    ck_assert_uint_eq((uintptr_t)unwind_cache % 64, 0);
}
END_TEST

SUITE_MAIN("unwind_cache", neighbours_do_not_drive_each_other_out, a_full_set_takes_the_newest,
           frames_of_a_full_set_settle_beside_each_other,
           frames_of_a_full_set_miss_seldom_whatever_comes_between,
           threads_never_find_anothers_rule, a_set_is_one_line_of_the_processors_cache)
