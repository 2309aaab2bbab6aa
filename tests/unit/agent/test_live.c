/* SPDX-License-Identifier: MIT */
#include "tests/unit/suite.h"

#include "agent/core/live.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static void *memory;

static void set_up(void)
{
    memory = aligned_alloc(64, live_memory_bytes());
    memset(memory, 0, live_memory_bytes());
    memset(live_filter, 0, sizeof(live_filter));
    live_init(memory);
}

static void tear_down(void)
{
    free(memory);
}

static uintptr_t address(unsigned i)
{
    return 0x7f0000010010 + (uintptr_t)i * 48; /* apart from where NULL is kept */
}

static struct live_sample sample(unsigned i)
{
    return (struct live_sample){.size_bytes = i + 1,
                                .weight_bytes = (uint64_t)i << 40,
                                .birth_ms = 1000000 + i,
                                .site_id = (uint16_t)(i % 4097),
                                .domain = (uint8_t)(i % 3)};
}

START_TEST(what_is_put_is_taken_once_and_whole)
{
    struct live_sample in = sample(4096), out;

    ck_assert(live_put(address(1), &in));
    ck_assert(live_maybe(address(1)));
    ck_assert(live_take(address(1), &out));
    ck_assert_mem_eq(&in.size_bytes, &out.size_bytes, sizeof(uint64_t) * 3);
    ck_assert_uint_eq(out.site_id, 4096);
    ck_assert_uint_eq(out.domain, 1);
    ck_assert(!live_take(address(1), &out));
    ck_assert(!live_maybe(address(1)));
    ck_assert_uint_eq(live_count(), 0);
}
END_TEST

START_TEST(table_takes_four_fifths_before_it_refuses_and_keeps_what_it_has)
{
    struct live_sample out;
    unsigned count = 0;

    while (count < LIVE_SAMPLES_MAX) {
        struct live_sample in = sample(count);

        if (!live_put(address(count), &in))
            break;
        count++;
    }
    ck_assert_uint_gt(count, LIVE_SAMPLES_MAX * 4 / 5);
    for (unsigned i = 0; i < count; i++) {
        ck_assert(live_take(address(i), &out));
        ck_assert_uint_eq(out.birth_ms, 1000000 + i);
    }
    ck_assert_uint_eq(live_count(), 0);
}
END_TEST

START_TEST(type_is_set_once_and_only_on_the_sample_that_was_read)
{
    struct live_sample in = sample(5), out;
    uintptr_t addr;
    uint32_t index = 0;

    live_put(address(5), &in);
    while (!live_read(index, &addr, &out))
        index++;
    ck_assert_uint_eq(addr, address(5));
    ck_assert(live_set_type(index, addr, out.birth_ms, 77));
    ck_assert(!live_set_type(index, addr, out.birth_ms, 78));
    live_take(addr, &out);
    ck_assert_uint_eq(out.type_id, 77);
    ck_assert(!live_set_type(index, addr, out.birth_ms, 79));
    in.birth_ms++;
    live_put(address(5), &in); /* the same address again: another sample */
    ck_assert(!live_set_type(index, addr, out.birth_ms, 79));
}
END_TEST

START_TEST(marked_addresses_are_never_ruled_out)
{
    live_mark_range(address(9), 1);
    ck_assert(live_maybe(address(9)));
    for (unsigned i = 0; i < 300; i++) {
        struct live_sample in = sample(i);

        live_put(address(9), &in);
        live_take(address(9), &in);
    }
    ck_assert(live_maybe(address(9)));
}
END_TEST

static void *put_and_take(void *number)
{
    unsigned first = (unsigned)(uintptr_t)number * 1000;
    uintptr_t wrong = 0;

    for (unsigned round = 0; round < 200; round++) {
        for (unsigned i = first; i < first + 1000; i++) {
            struct live_sample in = sample(i);

            wrong += !live_put(address(i), &in);
        }
        for (unsigned i = first; i < first + 1000; i++) {
            struct live_sample out;

            wrong += !live_take(address(i), &out) || out.birth_ms != 1000000 + i;
        }
    }
    return (void *)wrong;
}

START_TEST(threads_on_different_addresses_never_meet)
{
    pthread_t threads[4];
    struct live_sample out;
    uintptr_t addr;

    for (uintptr_t i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, put_and_take, (void *)i);
    for (unsigned k = 0; k < 20; k++) {
        for (uint32_t i = 0; i < LIVE_SAMPLES_MAX; i++) {
            if (live_read(i, &addr, &out)) /* whole, or not at all */
                ck_assert_uint_eq(addr, address((unsigned)(out.birth_ms - 1000000)));
        }
    }
    for (int i = 0; i < 4; i++) {
        void *wrong;

        pthread_join(threads[i], &wrong);
        ck_assert_ptr_null(wrong);
    }
    ck_assert_uint_eq(live_count(), 0);
}
END_TEST

SUITE_MAIN_FIXTURE("live", set_up, tear_down, what_is_put_is_taken_once_and_whole,
                   table_takes_four_fifths_before_it_refuses_and_keeps_what_it_has,
                   type_is_set_once_and_only_on_the_sample_that_was_read,
                   marked_addresses_are_never_ruled_out, threads_on_different_addresses_never_meet)
