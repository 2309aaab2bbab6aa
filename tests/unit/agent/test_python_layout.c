/* SPDX-License-Identifier: MIT */
#include "tests/unit/suite.h"

#include <string.h>

#include "agent/python/layout.h"

static struct layout_version parsed(const char *text)
{
    struct layout_version version;

    ck_assert(layout_parse_version(text, &version));
    return version;
}

START_TEST(release_is_final)
{
    struct layout_version version = parsed("3.11.2 (main, Sep  5 2026, 11:15:09) [GCC 12.2.0]");

    ck_assert_uint_eq(version.major, 3);
    ck_assert_uint_eq(version.minor, 11);
    ck_assert_uint_eq(version.micro, 2);
    ck_assert(version.final);
    ck_assert(!version.free_threaded);
    ck_assert(!version.pypy);
    ck_assert(parsed("3.12.1+ (heads/3.12:0000000)").final);
}
END_TEST

START_TEST(prerelease_is_not_final)
{
    ck_assert(!parsed("3.14.0a3 (main)").final);
    ck_assert(!parsed("3.13.0rc2 (main)").final);
    ck_assert(!parsed("3.13.0b1+ (main)").final);
}
END_TEST

START_TEST(other_builds_are_told_apart)
{
    ck_assert(parsed("3.13.0 experimental free-threading build (main)").free_threaded);
    ck_assert(parsed("3.10.14 (39dc8d3c85a7, Aug 27 2024) [PyPy 7.3.17 with GCC]").pypy);
}
END_TEST

START_TEST(what_is_no_version_is_refused)
{
    struct layout_version version;

    ck_assert(!layout_parse_version("", &version));
    ck_assert(!layout_parse_version("three", &version));
    ck_assert(!layout_parse_version("3", &version));
    ck_assert(!layout_parse_version("3.x", &version));
    ck_assert(!layout_parse_version("3.11.", &version));
}
END_TEST

START_TEST(only_known_versions_have_a_layout)
{
    for (unsigned minor = 8; minor <= 14; minor++) {
        ck_assert_ptr_nonnull(layout_find(3, minor));
        ck_assert_uint_eq(layout_find(3, minor)->minor, minor);
    }
    ck_assert_ptr_null(layout_find(3, 7));
    ck_assert_ptr_null(layout_find(3, 15));
    ck_assert_ptr_null(layout_find(2, 11));
    ck_assert_ptr_null(layout_find(4, 11));
}
END_TEST

START_TEST(pools_are_larger_from_3_10)
{
    ck_assert_uint_eq(layout_find(3, 9)->pool_bytes, 4096);
    ck_assert_uint_eq(layout_find(3, 10)->pool_bytes, 16384);
}
END_TEST

struct field {
    size_t place;
    uint64_t value;
};

static void fill(uint8_t *table, const struct field *fields, size_t count)
{
    memset(table, 0, LAYOUT_OFFSETS_BYTES);
    memcpy(table, "xdebugpy", 8);
    for (size_t i = 0; i < count; i++)
        memcpy(table + fields[i].place, &fields[i].value, 8);
}

/* The interpreter's own table as 3.13.0 has it, and 3.13.18. */
static void fill_table(uint8_t *table)
{
    static const struct field fields[] = {
        {8, 0x030d00f0}, {16, 0},    {32, 608}, {40, 632},  {64, 7264}, {80, 7400}, {176, 16},
        {184, 72},       {192, 152}, {232, 8},  {240, 0},   {248, 56},  {264, 70},  {280, 112},
        {296, 128},      {304, 136}, {312, 68}, {344, 200}, {408, 24},  {560, 40},
        {576, 200},
    };

    fill(table, fields, sizeof(fields) / sizeof(fields[0]));
}

/* As 3.14.10 has it; the places that 3.14.0 to 3.14.4 fill in otherwise are not among them. */
static void fill_table_of_3_14(uint8_t *table)
{
    static const struct field fields[] = {
        {8, 0x030e0af0}, {16, 0},    {32, 784}, {40, 808},  {64, 7272}, {88, 7408}, {200, 16},
        {208, 72},       {216, 152}, {256, 8},  {264, 0},   {272, 56},  {288, 74},  {320, 112},
        {336, 128},      {344, 136}, {352, 68}, {384, 208}, {456, 32},  {640, 40},
        {656, 192},
    };

    fill(table, fields, sizeof(fields) / sizeof(fields[0]));
}

static void set_field(uint8_t *table, size_t place, uint64_t value)
{
    memcpy(table + place, &value, sizeof(value));
}

START_TEST(own_table_of_3_13_0_agrees_with_ours)
{
    uint8_t table[LAYOUT_OFFSETS_BYTES];
    struct layout layout = *layout_find(3, 13);

    fill_table(table);
    ck_assert(layout_apply_offsets(&layout, table, sizeof(table)));
    ck_assert_mem_eq(&layout, layout_find(3, 13), sizeof(layout));
}
END_TEST

START_TEST(own_table_of_3_14_10_agrees_with_ours)
{
    uint8_t table[LAYOUT_OFFSETS_BYTES];
    struct layout layout = *layout_find(3, 14);

    fill_table_of_3_14(table);
    ck_assert(layout_apply_offsets(&layout, table, sizeof(table)));
    ck_assert_mem_eq(&layout, layout_find(3, 14), sizeof(layout));
}
END_TEST

START_TEST(version_without_a_table_of_its_own_takes_none)
{
    uint8_t table[LAYOUT_OFFSETS_BYTES];
    struct layout layout = *layout_find(3, 12);

    fill_table(table);
    memcpy(table + 8, &(uint64_t){0x030c00f0}, 8);
    ck_assert(!layout_apply_offsets(&layout, table, sizeof(table)));
}
END_TEST

START_TEST(reference_in_a_frame_loses_its_tag)
{
    const struct layout *layout = layout_find(3, 14);

    ck_assert_uint_eq(layout_reference(layout, 0x7f1234567890), 0x7f1234567890);
    ck_assert_uint_eq(layout_reference(layout, 0x7f1234567891), 0x7f1234567890); /* borrowed */
    ck_assert_uint_eq(layout_reference(layout, 1), 0);                           /* none */
    ck_assert_uint_eq(layout_reference(layout, 42 << 2 | 3), 0);                 /* the number 42 */
}
END_TEST

START_TEST(reference_before_3_14_is_taken_as_it_is)
{
    ck_assert_uint_eq(layout_reference(layout_find(3, 13), 0x7f1234567890), 0x7f1234567890);
    ck_assert_uint_eq(layout_reference(layout_find(3, 13), 0), 0);
}
END_TEST

START_TEST(own_table_corrects_ours)
{
    uint8_t table[LAYOUT_OFFSETS_BYTES];
    struct layout layout = *layout_find(3, 13);

    fill_table(table);
    set_field(table, 184, 80);  /* current frame */
    set_field(table, 344, 216); /* code units */
    set_field(table, 576, 208); /* collecting, behind the statistics */
    ck_assert(layout_apply_offsets(&layout, table, sizeof(table)));
    ck_assert_uint_eq(layout.thread_frame, 80);
    ck_assert_uint_eq(layout.code_units, 216);
    ck_assert_uint_eq(layout.code_first_traceable, 200);
    ck_assert_uint_eq(layout.gc_stats, 7536);
}
END_TEST

START_TEST(table_that_is_not_understood_changes_nothing)
{
    uint8_t table[LAYOUT_OFFSETS_BYTES];
    struct layout layout = *layout_find(3, 13);

    fill_table(table);
    ck_assert(!layout_apply_offsets(&layout, table, sizeof(table) - 1));
    set_field(table, 16, 1); /* free-threaded */
    ck_assert(!layout_apply_offsets(&layout, table, sizeof(table)));
    fill_table(table);
    set_field(table, 8, 0x030e00f0); /* another version */
    ck_assert(!layout_apply_offsets(&layout, table, sizeof(table)));
    fill_table(table);
    set_field(table, 304, UINT64_MAX);
    ck_assert(!layout_apply_offsets(&layout, table, sizeof(table)));
    fill_table(table);
    set_field(table, 576, 100); /* no room for lists and statistics */
    ck_assert(!layout_apply_offsets(&layout, table, sizeof(table)));
    fill_table(table);
    table[0] = 'y';
    ck_assert(!layout_apply_offsets(&layout, table, sizeof(table)));
    ck_assert_mem_eq(&layout, layout_find(3, 13), sizeof(layout));
}
END_TEST

SUITE_MAIN("python_layout", release_is_final, prerelease_is_not_final, other_builds_are_told_apart,
           what_is_no_version_is_refused, only_known_versions_have_a_layout,
           pools_are_larger_from_3_10, own_table_of_3_13_0_agrees_with_ours,
           own_table_of_3_14_10_agrees_with_ours, version_without_a_table_of_its_own_takes_none,
           reference_in_a_frame_loses_its_tag, reference_before_3_14_is_taken_as_it_is,
           own_table_corrects_ours, table_that_is_not_understood_changes_nothing)
