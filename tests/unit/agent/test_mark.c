/* SPDX-License-Identifier: MIT */
#include "tests/unit/suite.h"

#include "agent/core/mark.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

static void assert_next(const char *text, enum wire_mark_kind kind)
{
    struct wire_mark mark;
    uint32_t number = mark_next_unsent(&mark);

    ck_assert_uint_ne(number, 0);
    ck_assert_uint_eq(mark.text.len, strlen(text));
    ck_assert_mem_eq(mark.text.data, text, strlen(text));
    ck_assert_uint_eq(mark.kind, kind);
    mark_sent(number);
}

static void assert_none(void)
{
    struct wire_mark mark;

    ck_assert_uint_eq(mark_next_unsent(&mark), 0);
}

START_TEST(marks_come_out_once_and_in_order)
{
    mark_put(WIRE_MARK_EVENT, "one");
    mark_put(WIRE_MARK_PHASE, "two");
    assert_next("one", WIRE_MARK_EVENT);
    assert_next("two", WIRE_MARK_PHASE);
    assert_none();
    mark_put(WIRE_MARK_EVENT, "three");
    assert_next("three", WIRE_MARK_EVENT);
    assert_none();
}
END_TEST

START_TEST(a_mark_that_found_no_room_comes_again)
{
    struct wire_mark mark;

    mark_put(WIRE_MARK_EVENT, "one");
    ck_assert_uint_eq(mark_next_unsent(&mark), mark_next_unsent(&mark));
    assert_next("one", WIRE_MARK_EVENT);
}
END_TEST

START_TEST(the_oldest_goes_when_the_ring_is_full_and_is_counted)
{
    char text[16];

    for (int i = 0; i < MARKS_MAX + 3; i++) {
        snprintf(text, sizeof(text), "mark %d", i);
        mark_put(WIRE_MARK_EVENT, text);
    }
    ck_assert_uint_eq(mark_dropped(), 3);
    assert_next("mark 3", WIRE_MARK_EVENT);
}
END_TEST

START_TEST(a_new_daemon_is_told_again)
{
    mark_put(WIRE_MARK_EVENT, "one");
    assert_next("one", WIRE_MARK_EVENT);
    mark_all_unsent();
    assert_next("one", WIRE_MARK_EVENT);
    assert_none();
}
END_TEST

START_TEST(a_forked_child_has_no_marks_of_its_parent)
{
    mark_put(WIRE_MARK_EVENT, "one");
    mark_forked();
    assert_none();
    mark_put(WIRE_MARK_EVENT, "two");
    assert_next("two", WIRE_MARK_EVENT);
}
END_TEST

START_TEST(long_text_is_cut_before_a_whole_character)
{
    char text[200];
    struct wire_mark mark;

    memset(text, 'x', sizeof(text));
    text[199] = '\0';
    memcpy(text + WIRE_MARK_BYTES_MAX - 1, "\xc3\xa9", 2);
    mark_put(WIRE_MARK_EVENT, text);
    mark_next_unsent(&mark);
    ck_assert_uint_eq(mark.text.len, WIRE_MARK_BYTES_MAX - 1);
}
END_TEST

START_TEST(nothing_is_no_mark)
{
    mark_put(WIRE_MARK_EVENT, NULL);
    mark_put(WIRE_MARK_EVENT, "");
    assert_none();
}
END_TEST

/* Each text is one letter over and over: a mark of two letters is torn. */
static void *put_many(void *letter)
{
    char text[101];

    memset(text, *(const char *)letter, 100);
    text[100] = '\0';
    for (int i = 0; i < 3000; i++)
        mark_put(WIRE_MARK_EVENT, text);
    return NULL;
}

START_TEST(marks_of_several_threads_come_whole)
{
    static const char letters[] = "abcd";
    pthread_t threads[4];
    uint64_t taken = 0;

    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, put_many, (void *)(uintptr_t)&letters[i]);
    for (int i = 0; i < 20000; i++) {
        struct wire_mark mark;
        uint32_t number = mark_next_unsent(&mark);

        for (size_t at = 1; number != 0 && at < mark.text.len; at++)
            ck_assert_int_eq(mark.text.data[at], mark.text.data[0]);
        if (number != 0)
            mark_sent(number);
        taken += number != 0;
    }
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    ck_assert_uint_le(taken, 12000);
}
END_TEST

SUITE_MAIN("mark", marks_come_out_once_and_in_order, a_mark_that_found_no_room_comes_again,
           the_oldest_goes_when_the_ring_is_full_and_is_counted, a_new_daemon_is_told_again,
           a_forked_child_has_no_marks_of_its_parent, long_text_is_cut_before_a_whole_character,
           nothing_is_no_mark, marks_of_several_threads_come_whole)
