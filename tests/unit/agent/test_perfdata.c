/* SPDX-License-Identifier: MIT */
#include "tests/unit/suite.h"

#include "agent/java/perfdata.h"
#include "tests/unit/agent/perfdata_memory.h"

#include <string.h>

#define MEMORY_BYTES 4096

static _Alignas(8) uint8_t memory[MEMORY_BYTES];

static void put_u32(size_t at, uint32_t value)
{
    memory_put(memory, at, value);
}

static uint32_t get_u32(size_t at)
{
    return memory_get(memory, at);
}

static void begin(void)
{
    memory_begin(memory, sizeof(memory));
}

static size_t add_number(const char *name, uint64_t value)
{
    return memory_add_number(memory, name, value);
}

static void add_text(const char *name, const char *text, uint32_t room)
{
    memory_add_text(memory, name, text, room);
}

static struct perfdata_entry find(const char *name, enum perfdata_type type)
{
    struct perfdata_entry entry = {.name = name, .type = type, .value = memory};

    ck_assert(perfdata_find(memory, sizeof(memory), &entry, 1));
    return entry;
}

static uint64_t number_of(const char *name)
{
    struct perfdata_entry entry = find(name, PERFDATA_NUMBER);

    ck_assert(entry.value);
    return perfdata_number(&entry);
}

static void ck_no_number(const char *name)
{
    ck_assert(!find(name, PERFDATA_NUMBER).value);
}

START_TEST(numbers_and_texts_are_found_by_their_names)
{
    struct perfdata_entry entries[] = {{.name = "b", .type = PERFDATA_TEXT},
                                       {.name = "missing", .type = PERFDATA_NUMBER},
                                       {.name = "long.name", .type = PERFDATA_NUMBER},
                                       {.name = "a", .type = PERFDATA_NUMBER}};
    char text[16];

    add_number("a", 7);
    add_text("b", "Copy:MSC", 12);
    add_number("long.name.of.another", 5);
    add_number("long.name", UINT64_MAX);
    ck_assert(perfdata_find(memory, sizeof(memory), entries, 4));
    ck_assert_uint_eq(perfdata_text(&entries[0], text, sizeof(text)), 8);
    ck_assert_str_eq(text, "Copy:MSC");
    ck_assert(!entries[1].value);
    ck_assert_uint_eq(perfdata_number(&entries[1]), 0);
    ck_assert_uint_eq(perfdata_number(&entries[2]), UINT64_MAX);
    ck_assert_uint_eq(perfdata_number(&entries[3]), 7);
}
END_TEST

START_TEST(a_number_is_read_anew_each_time)
{
    size_t at = add_number("n", 1);
    struct perfdata_entry entry = find("n", PERFDATA_NUMBER);

    ck_assert_uint_eq(perfdata_number(&entry), 1);
    memory[at + get_u32(at + 16)] = 9;
    ck_assert_uint_eq(perfdata_number(&entry), 9);
}
END_TEST

START_TEST(a_text_ends_at_its_room_or_at_the_callers)
{
    struct perfdata_entry entry;
    char text[16];

    add_text("full", "12345678", 8);
    entry = find("full", PERFDATA_TEXT);
    ck_assert_uint_eq(perfdata_text(&entry, text, sizeof(text)), 8);
    ck_assert_uint_eq(perfdata_text(&entry, text, 4), 3);
    ck_assert_str_eq(text, "123");
    entry.value = NULL;
    ck_assert_uint_eq(perfdata_text(&entry, text, sizeof(text)), 0);
    ck_assert_str_eq(text, "");
}
END_TEST

START_TEST(a_value_of_another_type_is_not_taken)
{
    uint64_t number = 3;

    memory_add(memory, "vector", 'J', 1, &number, 8);
    memory_add(memory, "int", 'I', 0, &number, 8);
    add_number("number", 4);
    add_text("text", "x", 4);
    ck_no_number("vector");
    ck_no_number("int");
    ck_assert(!find("number", PERFDATA_TEXT).value);
    ck_no_number("text");
}
END_TEST

START_TEST(a_value_outside_of_its_entry_is_not_taken)
{
    size_t at = add_number("n", 1);
    static const uint32_t offsets[] = {0, 16, 28, 36, 40, 44, 48, 0x7ffffff8, 0xfffffff8};

    ck_assert_uint_eq(get_u32(at), 32);
    for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
        put_u32(at + 16, offsets[i]);
        ck_no_number("n");
    }
    put_u32(at + 16, 24);
    ck_assert_uint_eq(number_of("n"), 1);
}
END_TEST

START_TEST(a_name_outside_of_its_entry_is_none)
{
    static const uint32_t offsets[] = {0, 19, 31, 32, 33, 0xffffffff};
    size_t at = add_number("n", 1);

    for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
        put_u32(at + 4, offsets[i]);
        ck_no_number("n");
    }
}
END_TEST

START_TEST(an_entry_that_is_not_written_yet_ends_the_list)
{
    size_t at;

    add_number("first", 1);
    at = add_number("second", 2);
    put_u32(at, 0);
    ck_assert_uint_eq(number_of("first"), 1);
    ck_no_number("second");
    put_u32(at, 0xffffffff);
    ck_no_number("second");
    put_u32(at, 40);
    ck_assert_uint_eq(number_of("second"), 2);
    put_u32(28, 1); /* and one that is not counted */
    ck_no_number("second");
}
END_TEST

START_TEST(entries_end_where_the_used_part_does_and_that_where_the_memory_does)
{
    size_t at;

    add_number("first", 1);
    at = add_number("second", 2);
    put_u32(8, (uint32_t)at);
    ck_no_number("second");
    put_u32(8, 0xffffffff);
    put_u32(28, 0xffffffff);
    ck_assert_uint_eq(number_of("second"), 2);
    put_u32(24, 0xfffffff8);
    ck_no_number("first");
    put_u32(24, 36);
    ck_no_number("first");
}
END_TEST

START_TEST(another_magic_order_or_version_is_no_such_memory)
{
    struct perfdata_entry entry = {.name = "n", .type = PERFDATA_NUMBER};

    add_number("n", 1);
    for (size_t at = 0; at < 6; at++) {
        memory[at] ^= 3;
        ck_assert(!perfdata_find(memory, sizeof(memory), &entry, 1));
        ck_assert(!entry.value);
        memory[at] ^= 3;
    }
    ck_assert(!perfdata_find(memory, 31, &entry, 1));
    ck_assert(perfdata_find(memory, 32, &entry, 1));
}
END_TEST

START_TEST(it_is_complete_when_the_machine_says_so)
{
    ck_assert(!perfdata_is_complete(memory, sizeof(memory)));
    memory[7] = 1;
    ck_assert(perfdata_is_complete(memory, sizeof(memory)));
    ck_assert(!perfdata_is_complete(memory, 31));
    memory[0] = 0;
    ck_assert(!perfdata_is_complete(memory, sizeof(memory)));
}
END_TEST

SUITE_MAIN_FIXTURE("perfdata", begin, NULL, numbers_and_texts_are_found_by_their_names,
                   a_number_is_read_anew_each_time, a_text_ends_at_its_room_or_at_the_callers,
                   a_value_of_another_type_is_not_taken, a_value_outside_of_its_entry_is_not_taken,
                   a_name_outside_of_its_entry_is_none, an_entry_that_is_not_written_yet_ends_the_list,
                   entries_end_where_the_used_part_does_and_that_where_the_memory_does,
                   another_magic_order_or_version_is_no_such_memory,
                   it_is_complete_when_the_machine_says_so)
