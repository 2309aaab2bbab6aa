/* SPDX-License-Identifier: MIT */
/* What is known of a page's blocks: never of another page, another size, or when nothing is to be kept. */
#include "tests/unit/suite.h"

#include <string.h>

#include "agent/preload/slabs.h"

#define AT(address) ((const void *)(uintptr_t)(address))

#define PAGE  UINT64_C(0x7f12345f6000)
#define ALIAS (PAGE + (uint64_t)SLABS_PLACES * SLABS_PAGE_BYTES) /* at the same place */

static void begin(void)
{
    memset(slabs, 0, sizeof(slabs));
    slabs_are_kept = true;
}

START_TEST(all_blocks_of_a_page_measure_what_was_noted_for_one)
{
    slabs_note_bytes(AT(PAGE + 64), 48);
    ck_assert_uint_eq(slabs_measure(AT(PAGE)), tally_measure(48));
    ck_assert_uint_eq(slabs_measure(AT(PAGE + 4080)), tally_measure(48));
    slabs_note(AT(PAGE + 160), tally_measure(80));
    ck_assert_uint_eq(slabs_measure(AT(PAGE + 64)), tally_measure(80));
    ck_assert_uint_eq(slabs_measure(AT(PAGE - 16)), 0);
    ck_assert_uint_eq(slabs_measure(AT(PAGE + 4096)), 0);
}
END_TEST

START_TEST(pages_at_the_same_place_do_not_answer_for_each_other)
{
    slabs_note_bytes(AT(PAGE), 16);
    ck_assert_uint_eq(slabs_measure(AT(ALIAS)), 0);
    slabs_note_bytes(AT(ALIAS + 16), 65520);
    ck_assert_uint_eq(slabs_measure(AT(ALIAS)), tally_measure(65520));
    ck_assert_uint_eq(slabs_measure(AT(PAGE)), 0);
    slabs_note_bytes(AT(PAGE), 16); /* below one whose number is a little smaller */
    for (uint64_t page = 0; page < 4; page++)
        ck_assert_uint_eq(slabs_measure(AT(PAGE - page * 4096)), page == 0 ? tally_measure(16) : 0);
}
END_TEST

START_TEST(what_cannot_be_noted_is_forgotten)
{
    static const size_t sizes[] = {8, 24, 65536, SIZE_MAX / 2 + 1};

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        slabs_note_bytes(AT(PAGE), 64);
        slabs_note_bytes(AT(PAGE + 64), sizes[i]);
        ck_assert_uint_eq(slabs_measure(AT(PAGE)), 0);
    }
    slabs_note_bytes(AT(PAGE), 64);
    slabs_forget(AT(PAGE + 128));
    ck_assert_uint_eq(slabs_measure(AT(PAGE)), 0);
}
END_TEST

START_TEST(null_and_the_first_page_measure_nothing)
{
    ck_assert_uint_eq(slabs_measure(NULL), 0);
    ck_assert_uint_eq(slabs_measure(AT(4080)), 0);
    slabs_forget(AT(64));
    ck_assert_uint_eq(slabs_measure(NULL), 0);
}
END_TEST

START_TEST(nothing_is_written_above_an_allocator_that_cuts_its_pages_in_other_ways)
{
    slabs_are_kept = false;
    slabs_note_bytes(AT(PAGE), 64);
    slabs_forget(AT(PAGE));
    for (size_t i = 0; i < SLABS_PLACES; i++)
        ck_assert_uint_eq(slabs[i], 0);
}
END_TEST

SUITE_MAIN_FIXTURE("slabs", begin, NULL, all_blocks_of_a_page_measure_what_was_noted_for_one,
                   pages_at_the_same_place_do_not_answer_for_each_other,
                   what_cannot_be_noted_is_forgotten, null_and_the_first_page_measure_nothing,
                   nothing_is_written_above_an_allocator_that_cuts_its_pages_in_other_ways)
