/* SPDX-License-Identifier: MIT */
#include "tests/unit/suite.h"

#include "agent/core/unwind_cache.h"

#define MANY 12

/* Keys that belong into one set. */
static void find_neighbours(uint64_t first, uint64_t *keys)
{
    size_t count = 0;

    for (uint64_t key = first; count < MANY; key++) {
        if (unwind_cache_set_of(key) == unwind_cache_set_of(first))
            keys[count++] = key;
    }
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

START_TEST(a_set_is_one_line_of_the_processors_cache)
{
    ck_assert_uint_eq(sizeof(struct unwind_cache_set), 64);
    ck_assert_uint_eq((uintptr_t)unwind_cache % 64, 0);
}
END_TEST

SUITE_MAIN("unwind_cache", neighbours_do_not_drive_each_other_out, a_full_set_takes_the_newest,
           a_set_is_one_line_of_the_processors_cache)
