/* SPDX-License-Identifier: MIT */
/* Strings as CPython lays them out, and the pools of its allocator; the core is a fake that keeps
 * the last string it was given. */
#include <stdlib.h>
#include <string.h>

#include "agent/core/core.h"
#include "agent/python/layout.h"
#include "agent/python/pool.h"
#include "agent/python/text.h"
#include "tests/unit/suite.h"

static char interned[WIRE_STRING_BYTES_MAX];
static size_t interned_len;

uint32_t core_intern(const char *data, size_t len)
{
    memcpy(interned, data, len);
    interned_len = len;
    return 7;
}

#define KIND(width) ((uint32_t)(width) << 2)
#define COMPACT     (1U << 5)
#define ASCII       (1U << 6)

static void put_head(uint8_t *object, uint64_t length, uint32_t state)
{
    memset(object, 0, TEXT_HEAD_BYTES);
    memcpy(object + 16, &length, sizeof(length));
    memcpy(object + 32, &state, sizeof(state));
}

START_TEST(ascii_string_is_taken_as_it_is)
{
    uint8_t object[128];

    put_head(object, 5, KIND(1) | COMPACT | ASCII);
    memcpy(object + 48, "hello", 5);
    ck_assert_uint_eq(text_intern(layout_find(3, 11), object), 7);
    ck_assert_uint_eq(interned_len, 5);
    ck_assert_mem_eq(interned, "hello", 5);
}
END_TEST

START_TEST(ascii_data_moved_in_3_12)
{
    uint8_t object[128];

    put_head(object, 5, KIND(1) | COMPACT | ASCII);
    memcpy(object + 40, "world", 5);
    ck_assert_uint_eq(text_intern(layout_find(3, 12), object), 7);
    ck_assert_mem_eq(interned, "world", 5);
}
END_TEST

START_TEST(wide_characters_become_utf8)
{
    static const uint8_t latin[] = {'p', 0xe4, 'd'};
    static const uint16_t greek[] = {0x3bb, 'x'};
    static const uint32_t wide[] = {0x1f40d, 0x20ac};
    char out[16];

    ck_assert_uint_eq(text_encode(latin, 1, 3, out, sizeof(out)), 4);
    ck_assert_mem_eq(out,
                     "p\xc3\xa4"
                     "d",
                     4);
    ck_assert_uint_eq(text_encode(greek, 2, 2, out, sizeof(out)), 3);
    ck_assert_mem_eq(out, "\xce\xbbx", 3);
    ck_assert_uint_eq(text_encode(wide, 4, 2, out, sizeof(out)), 7);
    ck_assert_mem_eq(out, "\xf0\x9f\x90\x8d\xe2\x82\xac", 7);
}
END_TEST

START_TEST(lone_surrogate_becomes_replacement)
{
    static const uint16_t name[] = {0xdc80, 'a'};
    char out[8];

    ck_assert_uint_eq(text_encode(name, 2, 2, out, sizeof(out)), 4);
    ck_assert_mem_eq(out,
                     "\xef\xbf\xbd"
                     "a",
                     4);
}
END_TEST

START_TEST(cut_falls_between_characters)
{
    static const uint32_t wide[] = {0x20ac, 0x20ac};
    char out[5];

    ck_assert_uint_eq(text_encode(wide, 4, 2, out, sizeof(out)), 3);
}
END_TEST

START_TEST(long_name_is_cut)
{
    uint8_t *object = calloc(1, 8000);

    ck_assert_ptr_nonnull(object);
    put_head(object, 7000, KIND(1) | COMPACT | ASCII);
    memset(object + 48, 'n', 7000);
    ck_assert_uint_eq(text_intern(layout_find(3, 11), object), 7);
    ck_assert_uint_eq(interned_len, TEXT_BYTES_MAX);
    free(object);
}
END_TEST

START_TEST(what_is_no_compact_string_is_refused)
{
    uint8_t object[128] = {0};
    struct text_head head;

    put_head(object, 5, KIND(1) | ASCII);
    ck_assert(!text_head_read(object, &head));
    put_head(object, 5, KIND(3) | COMPACT);
    ck_assert(!text_head_read(object, &head));
    put_head(object, UINT64_MAX, KIND(1) | COMPACT);
    ck_assert(!text_head_read(object, &head));
    put_head(object, 5, KIND(2) | COMPACT | ASCII);
    ck_assert(!text_head_read(object, &head));
    ck_assert_uint_eq(text_intern(layout_find(3, 11), NULL), WIRE_NAME_OTHER);
}
END_TEST

#define POOL_BYTES  4096
#define ARENA_BYTES (8 * POOL_BYTES)

static void put_pool(uint8_t *pool, uint32_t used, uint32_t class_index)
{
    uint32_t max_next_offset = POOL_BYTES - 16;

    memcpy(pool, &used, sizeof(used));
    memcpy(pool + 36, &class_index, sizeof(class_index));
    memcpy(pool + 44, &max_next_offset, sizeof(max_next_offset));
}

START_TEST(pools_sum_whole_blocks_up_to_the_first_untouched_one)
{
    uint8_t *arena = aligned_alloc(POOL_BYTES, ARENA_BYTES);
    struct pool_sum sum;

    ck_assert_ptr_nonnull(arena);
    memset(arena, 0, ARENA_BYTES);
    put_pool(arena, 10, 0);                  /* 10 blocks of 16 */
    put_pool(arena + POOL_BYTES, 7, 31);     /* 7 of 512: full */
    put_pool(arena + 2 * POOL_BYTES, 0, 5);  /* given back */
    put_pool(arena + 4 * POOL_BYTES, 50, 3); /* behind an untouched one: cannot be */
    sum = pool_walk((uintptr_t)arena, ARENA_BYTES, POOL_BYTES);
    ck_assert_uint_eq(sum.live_bytes, 10 * 16 + 7 * 512);
    ck_assert_uint_eq(sum.live_count, 17);
    ck_assert(sum.roomy);
    free(arena);
}
END_TEST

START_TEST(arena_out_of_line_loses_a_pool)
{
    uint8_t *memory = aligned_alloc(POOL_BYTES, ARENA_BYTES + POOL_BYTES);
    struct pool_sum sum;

    ck_assert_ptr_nonnull(memory);
    memset(memory, 0, ARENA_BYTES + POOL_BYTES);
    for (size_t i = 0; i < 9; i++)
        put_pool(memory + i * POOL_BYTES, 1, 31);
    sum = pool_walk((uintptr_t)memory + 16, ARENA_BYTES, POOL_BYTES);
    ck_assert_uint_eq(sum.live_count, 7);
    free(memory);
}
END_TEST

START_TEST(half_made_pool_counts_as_empty)
{
    uint8_t *arena = aligned_alloc(POOL_BYTES, ARENA_BYTES);
    struct pool_sum sum;

    ck_assert_ptr_nonnull(arena);
    memset(arena, 0, ARENA_BYTES);
    put_pool(arena, 3, 0xffff);           /* class not set yet */
    put_pool(arena + POOL_BYTES, 99, 31); /* more than fit */
    sum = pool_walk((uintptr_t)arena, ARENA_BYTES, POOL_BYTES);
    ck_assert_uint_eq(sum.live_bytes, 0);
    ck_assert_uint_eq(sum.live_count, 0);
    free(arena);
}
END_TEST

START_TEST(full_arena_has_no_room)
{
    uint8_t *arena = aligned_alloc(POOL_BYTES, ARENA_BYTES);

    ck_assert_ptr_nonnull(arena);
    memset(arena, 0, ARENA_BYTES);
    for (size_t i = 0; i < 8; i++)
        put_pool(arena + i * POOL_BYTES, 7, 31);
    ck_assert(!pool_walk((uintptr_t)arena, ARENA_BYTES, POOL_BYTES).roomy);
    free(arena);
}
END_TEST

START_TEST(requests_round_up_to_16)
{
    ck_assert_uint_eq(pool_class_bytes(0), 16);
    ck_assert_uint_eq(pool_class_bytes(1), 16);
    ck_assert_uint_eq(pool_class_bytes(16), 16);
    ck_assert_uint_eq(pool_class_bytes(17), 32);
    ck_assert_uint_eq(pool_class_bytes(512), 512);
    ck_assert_uint_eq(pool_class_bytes(513), 513);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("python_text");
    TCase *text = tcase_create("text");
    TCase *pool = tcase_create("pool");

    tcase_add_test(text, ascii_string_is_taken_as_it_is);
    tcase_add_test(text, ascii_data_moved_in_3_12);
    tcase_add_test(text, wide_characters_become_utf8);
    tcase_add_test(text, lone_surrogate_becomes_replacement);
    tcase_add_test(text, cut_falls_between_characters);
    tcase_add_test(text, long_name_is_cut);
    tcase_add_test(text, what_is_no_compact_string_is_refused);
    tcase_add_test(pool, pools_sum_whole_blocks_up_to_the_first_untouched_one);
    tcase_add_test(pool, arena_out_of_line_loses_a_pool);
    tcase_add_test(pool, half_made_pool_counts_as_empty);
    tcase_add_test(pool, full_arena_has_no_room);
    tcase_add_test(pool, requests_round_up_to_16);
    suite_add_tcase(suite, text);
    suite_add_tcase(suite, pool);
    return suite_end(suite);
}
