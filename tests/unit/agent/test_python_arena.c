/* SPDX-License-Identifier: MIT */
/* The books of arenas over a fake arena allocator. */
#include "tests/unit/suite.h"

#include <stdlib.h>
#include <string.h>

#include "agent/python/arena.h"
#include "agent/python/interp.h"

#define ARENA_BYTES (256u << 10)
#define POOL_BYTES  4096
#define ARENAS      200 /* neighbours, as the kernel places them */

static struct interp_arena_allocator installed;
static uint8_t *memory;
static size_t handed_out;
static size_t given_back;
static unsigned grown;

static void *fake_alloc(void *ctx, size_t size)
{
    (void)ctx;
    (void)size;
    return memory + handed_out++ * ARENA_BYTES;
}

static void fake_free(void *ctx, void *ptr, size_t size)
{
    (void)ctx;
    memset(ptr, 0, size < ARENA_BYTES ? size : ARENA_BYTES);
    given_back++;
}

static void fake_get(struct interp_arena_allocator *out)
{
    *out = installed;
}

static void fake_set(struct interp_arena_allocator *allocator)
{
    installed = *allocator;
}

static int not_initialized(void)
{
    return 0;
}

static void on_growth(void)
{
    grown++;
}

static struct interp python = {
    .layout = {.pool_bytes = POOL_BYTES},
    .get_arena_allocator = fake_get,
    .set_arena_allocator = fake_set,
    .is_initialized = not_initialized,
};

static void setup(void)
{
    memory = aligned_alloc(ARENA_BYTES, (size_t)ARENAS * ARENA_BYTES);
    ck_assert_ptr_nonnull(memory);
    memset(memory, 0, (size_t)ARENAS * ARENA_BYTES);
    installed = (struct interp_arena_allocator){NULL, fake_alloc, fake_free};
    ck_assert(arena_init(&python, on_growth, NULL));
}

static void teardown(void)
{
    free(memory);
}

/* One pool with `used` blocks of 512 bytes, seven at most. */
static void fill(void *arena, uint32_t used)
{
    static const uint32_t class_index = 31;
    static const uint32_t max_next_offset = POOL_BYTES - 512;

    memcpy(arena, &used, sizeof(used));
    memcpy((uint8_t *)arena + 36, &class_index, sizeof(class_index));
    memcpy((uint8_t *)arena + 44, &max_next_offset, sizeof(max_next_offset));
}

static struct arena_totals totals(void)
{
    struct arena_totals sums = {0};

    ck_assert(arena_totals(&sums));
    return sums;
}

START_TEST(without_arenas_nothing_is_known)
{
    struct arena_totals sums;

    ck_assert(!arena_totals(&sums));
}
END_TEST

START_TEST(new_arenas_are_all_read_at_the_next_walk)
{
    for (size_t i = 0; i < 10; i++)
        fill(installed.alloc(NULL, ARENA_BYTES), 3);
    ck_assert_uint_eq(grown, 10);
    arena_walk(1000);
    ck_assert_uint_eq(totals().live_bytes, 10 * 3 * 512);
    ck_assert_uint_eq(totals().live_count, 30);
    ck_assert_uint_eq(totals().mapped_bytes, 10 * ARENA_BYTES);
    ck_assert(totals().complete);
}
END_TEST

START_TEST(short_walks_reach_every_arena_in_turn)
{
    void *arenas[ARENAS];

    for (size_t i = 0; i < ARENAS; i++)
        fill(arenas[i] = installed.alloc(NULL, ARENA_BYTES), 7);
    for (int i = 0; i < 20; i++)
        arena_walk(0);
    ck_assert_uint_eq(totals().live_count, ARENAS * 7);
    for (size_t i = 0; i < ARENAS; i++)
        fill(arenas[i], 2);
    for (int i = 0; i < 20; i++)
        arena_walk(0);
    ck_assert_uint_eq(totals().live_count, ARENAS * 2);
}
END_TEST

START_TEST(arena_that_is_given_back_is_forgotten)
{
    void *first = installed.alloc(NULL, ARENA_BYTES);
    void *second = installed.alloc(NULL, ARENA_BYTES);

    fill(first, 5);
    fill(second, 1);
    arena_walk(1000000);
    installed.free(NULL, first, ARENA_BYTES);
    ck_assert_uint_eq(given_back, 1);
    ck_assert_uint_eq(totals().live_count, 1);
    ck_assert_uint_eq(totals().mapped_bytes, ARENA_BYTES);
    arena_walk(1000000);
    ck_assert_uint_eq(totals().live_count, 1);
    installed.free(NULL, second, ARENA_BYTES);
    ck_assert_uint_eq(given_back, 2);
}
END_TEST

START_TEST(small_chunks_and_strangers_are_passed_through)
{
    void *chunk = installed.alloc(NULL, 16384);

    ck_assert_ptr_eq(chunk, memory);
    ck_assert_uint_eq(grown, 0);
    installed.free(NULL, chunk, 16384);
    installed.free(NULL, memory + ARENA_BYTES, ARENA_BYTES); /* never seen */
    ck_assert_uint_eq(given_back, 2);
}
END_TEST

START_TEST(books_are_closed_when_the_hook_is_gone)
{
    struct arena_totals sums;

    fill(installed.alloc(NULL, ARENA_BYTES), 3);
    arena_walk(1000000);
    installed = (struct interp_arena_allocator){NULL, fake_alloc, fake_free};
    arena_walk(1000000);
    ck_assert(!arena_totals(&sums));
}
END_TEST

SUITE_MAIN_FIXTURE("python_arena", setup, teardown, without_arenas_nothing_is_known,
                   new_arenas_are_all_read_at_the_next_walk, short_walks_reach_every_arena_in_turn,
                   arena_that_is_given_back_is_forgotten,
                   small_chunks_and_strangers_are_passed_through,
                   books_are_closed_when_the_hook_is_gone)
