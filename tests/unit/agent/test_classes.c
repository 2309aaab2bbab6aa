/* SPDX-License-Identifier: MIT */
/* The table of classes above allocators that keep nallocx's promise, break it, or answer nonsense.
 */
#include "tests/unit/suite.h"

#include <stdlib.h>
#include <string.h>

#include "agent/core/tally.h"
#include "agent/preload/classes.h"
#include "agent/preload/next.h"
#include "agent/preload/slabs.h"

#define PROBED_MAX 3

size_t nallocx(size_t size, int flags);
int mallctl(const char *name, void *old, size_t *old_len, void *new, size_t new_len);

struct next next;

static size_t (*rounding)(size_t size);
static bool is_beside = true;
static size_t lie_bytes; /* what a block has beside what was promised */
static size_t asked[16]; /* the sizes of all blocks made */
static size_t made, freed;

static size_t by_sixteen(size_t size)
{
    return (size + 15) & ~(size_t)15;
}

static size_t by_eight(size_t size)
{
    return (size + 7) & ~(size_t)7;
}

static size_t powers_of_two(size_t size)
{
    size_t power = 16;

    while (power < size)
        power *= 2;
    return power;
}

static size_t nothing(size_t size)
{
    return size == 8 || size == 100 || size == 1000 ? by_sixteen(size) : 0;
}

static size_t too_small(size_t size)
{
    return size > 2000 ? 2000 : by_sixteen(size);
}

size_t nallocx(size_t size, int flags)
{
    ck_assert_int_eq(flags, 0);
    return rounding(size);
}

int mallctl(const char *name, void *old, size_t *old_len, void *new, size_t new_len)
{
    (void)name;
    (void)old;
    (void)old_len;
    (void)new;
    (void)new_len;
    return -1;
}

bool next_is_beside_malloc(uintptr_t function)
{
    ck_assert(function == (uintptr_t)nallocx || function == (uintptr_t)mallctl);
    return is_beside;
}

/* A block begins with what it was asked for. */
static void *make(size_t size)
{
    size_t *block = calloc(1, size + sizeof(size));

    ck_assert_ptr_nonnull(block);
    ck_assert_uint_lt(made, sizeof(asked) / sizeof(asked[0]));
    asked[made++] = size;
    *block = size;
    return block;
}

static void *make_none(size_t size)
{
    (void)size;
    return NULL;
}

static size_t usable(void *block)
{
    return rounding(*(size_t *)block) + lie_bytes;
}

static void unmake(void *block)
{
    freed += block != NULL;
    free(block);
}

static void probe(size_t (*given)(size_t size))
{
    rounding = given;
    next.malloc = next.malloc ? next.malloc : make;
    next.malloc_usable_size = usable;
    next.free = unmake;
    memset(classes_measures, 0, sizeof(classes_measures));
    classes_probe();
    ck_assert_uint_eq(made, freed);
}

static size_t known_steps(void)
{
    size_t known = 0;

    for (size_t step = 0; step <= CLASSES_STEPS; step++)
        known += classes_measures[step] != 0;
    return known;
}

START_TEST(what_is_known_of_a_request_is_what_the_allocator_gives)
{
    probe(by_sixteen);
    ck_assert_uint_eq(known_steps(), CLASSES_STEPS);
    ck_assert(slabs_are_kept);
    for (size_t size = 1; size <= CLASSES_STEPS * CLASSES_STEP_BYTES; size++)
        ck_assert_uint_eq(classes_measure(size), tally_measure(by_sixteen(size)));
    probe(powers_of_two);
    ck_assert_uint_eq(known_steps(), CLASSES_STEPS);
    for (size_t size = 1; size <= CLASSES_STEPS * CLASSES_STEP_BYTES; size++)
        ck_assert_uint_eq(classes_measure(size), tally_measure(powers_of_two(size)));
}
END_TEST

START_TEST(nothing_is_known_of_no_bytes_and_of_large_requests)
{
    probe(by_sixteen);
    ck_assert_uint_eq(classes_measure(0), 0);
    ck_assert_uint_eq(classes_measure(CLASSES_STEPS * CLASSES_STEP_BYTES + 1), 0);
    ck_assert_uint_eq(classes_measure(SIZE_MAX), 0);
}
END_TEST

START_TEST(sizes_that_are_no_whole_granules_are_asked_for)
{
    probe(by_eight);
    ck_assert_uint_eq(known_steps(), CLASSES_STEPS / 2);
    ck_assert_uint_eq(classes_measure(8), 0);
    ck_assert_uint_eq(classes_measure(9), tally_measure(16));
    ck_assert_uint_eq(classes_measure(17), 0);
    ck_assert_uint_eq(classes_measure(4096), tally_measure(4096));
}
END_TEST

START_TEST(a_promise_of_nothing_or_of_less_than_asked_is_not_believed)
{
    probe(nothing);
    ck_assert_uint_eq(known_steps(), 0);
    probe(too_small);
    ck_assert_uint_eq(known_steps(), 2000 / CLASSES_STEP_BYTES);
    ck_assert_uint_eq(classes_measure(2000), tally_measure(2000));
    ck_assert_uint_eq(classes_measure(2001), 0);
    ck_assert_uint_eq(classes_measure(4096), 0);
}
END_TEST

START_TEST(a_broken_promise_leaves_all_to_be_asked)
{
    lie_bytes = 16;
    probe(by_sixteen);
    ck_assert_uint_gt(made, 0);
    ck_assert_uint_eq(known_steps(), 0);
}
END_TEST

START_TEST(a_promise_of_another_allocator_is_none)
{
    is_beside = false;
    probe(by_sixteen);
    ck_assert_uint_eq(made, 0);
    ck_assert_uint_eq(known_steps(), 0);
}
END_TEST

START_TEST(without_memory_nothing_is_known)
{
    next.malloc = make_none;
    probe(by_sixteen);
    ck_assert_uint_eq(known_steps(), 0);
}
END_TEST

/* An allocator puts a run of blocks aside for each size that it is asked for, and says so in its
 * statistics, which are the program's. */
START_TEST(few_and_small_blocks_are_tried)
{
    probe(by_sixteen);
    ck_assert_uint_gt(made, 0);
    ck_assert_uint_le(made, PROBED_MAX);
    for (size_t i = 0; i < made; i++)
        ck_assert_uint_le(asked[i], 1000);
}
END_TEST

SUITE_MAIN("classes", what_is_known_of_a_request_is_what_the_allocator_gives,
           nothing_is_known_of_no_bytes_and_of_large_requests,
           sizes_that_are_no_whole_granules_are_asked_for,
           a_promise_of_nothing_or_of_less_than_asked_is_not_believed,
           a_broken_promise_leaves_all_to_be_asked, a_promise_of_another_allocator_is_none,
           without_memory_nothing_is_known, few_and_small_blocks_are_tried)
