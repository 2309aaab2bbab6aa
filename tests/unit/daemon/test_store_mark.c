/* SPDX-License-Identifier: MIT */
#include "daemon/store/store.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/suite.h"

#define NOW_WALL_MS 1000000

static struct store *store;
static struct process *process;

static void begin(void)
{
    const struct store_limits limits = {.processes_max = 4, .exited_retention_ms = 60000};
    const struct process_identity identity = {.pid = 7, .start_ticks = 1, .instance = 9};
    const struct wire_hello hello = {.protocol = 1, .instance = 9, .sample_period_bytes = 1};

    ck_assert_int_eq(store_new(&limits, &store), 0);
    ck_assert_int_eq(store_hello(store, &identity, &hello, detect_profile_find("default"), 1,
                                 NOW_WALL_MS, &process),
                     0);
}

static void put(enum wire_mark_kind kind, const char *text, uint64_t time_ms)
{
    struct wire_mark mark = {
        .time_ms = time_ms, .text = {text, strlen(text)}, .kind = (uint8_t)kind, .age_ms = 250};

    ck_assert_int_eq(store_put_mark(store, process, &mark, NOW_WALL_MS), 0);
}

START_TEST(a_mark_is_kept_with_its_kind_and_dated_back_by_its_age)
{
    begin();
    ck_assert_ptr_null(process->marks);
    put(WIRE_MARK_PHASE, "warm", 5);
    ck_assert_uint_eq(process->marks->count, 1);
    ck_assert_str_eq(process->marks->list[0].text, "warm");
    ck_assert_str_eq(mark_kind_name(process->marks->list[0].kind), "phase");
    ck_assert_uint_eq(process->marks->list[0].at_wall_ms, NOW_WALL_MS - 250);
    ck_assert_str_eq(process->marks->release, "");
    store_free(store);
}
END_TEST

START_TEST(a_mark_that_is_said_again_is_no_new_one)
{
    uint64_t revision;

    begin();
    put(WIRE_MARK_RELEASE, "2.1", 5);
    revision = process->revision;
    put(WIRE_MARK_RELEASE, "2.1", 5);
    ck_assert_uint_eq(process->marks->count, 1);
    ck_assert_uint_eq(process->revision, revision);
    put(WIRE_MARK_RELEASE, "2.1", 6);
    ck_assert_uint_eq(process->marks->count, 2);
    store_free(store);
}
END_TEST

START_TEST(the_last_sixteen_stay_and_the_release_longer)
{
    char text[32];

    begin();
    put(WIRE_MARK_RELEASE, "2.1", 1);
    for (uint64_t i = 0; i < PROCESS_MARKS_MAX + 4; i++) {
        snprintf(text, sizeof(text), "mark %d", (int)i);
        put(WIRE_MARK_EVENT, text, 10 + i);
    }
    ck_assert_uint_eq(process->marks->count, PROCESS_MARKS_MAX);
    ck_assert_str_eq(process->marks->list[0].text, "mark 4");
    ck_assert_str_eq(process->marks->list[PROCESS_MARKS_MAX - 1].text, "mark 19");
    ck_assert_str_eq(process->marks->release, "2.1");
    store_free(store);
}
END_TEST

START_TEST(text_beyond_the_limit_is_cut)
{
    char text[400];

    begin();
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    put(WIRE_MARK_EVENT, text, 1);
    ck_assert_uint_eq(strlen(process->marks->list[0].text), WIRE_MARK_BYTES_MAX);
    store_free(store);
}
END_TEST

static const char *label(const char *key)
{
    for (size_t i = 0; process->marks && i < process->marks->label_count; i++) {
        const struct process_label *known = &process->marks->labels[i];

        if (strcmp(known->text, key) == 0)
            return known->text + known->key_len + 1;
    }
    return NULL;
}

START_TEST(a_label_is_set_renewed_and_taken_away)
{
    begin();
    put(WIRE_MARK_LABEL, "shard=3", 1);
    put(WIRE_MARK_LABEL, "zone=a=b", 1);
    ck_assert_str_eq(label("shard"), "3");
    ck_assert_str_eq(label("zone"), "a=b");
    put(WIRE_MARK_LABEL, "shard=4", 2);
    ck_assert_str_eq(label("shard"), "4");
    put(WIRE_MARK_LABEL, "shard=", 3);
    ck_assert_ptr_null(label("shard"));
    ck_assert_uint_eq(process->marks->label_count, 1);
    ck_assert_uint_eq(process->marks->count, 0);
    store_free(store);
}
END_TEST

START_TEST(a_label_that_is_said_again_changes_nothing)
{
    uint64_t revision;

    begin();
    put(WIRE_MARK_LABEL, "shard=3", 1);
    revision = process->revision;
    put(WIRE_MARK_LABEL, "shard=3", 2);
    ck_assert_uint_eq(process->revision, revision);
    store_free(store);
}
END_TEST

START_TEST(what_is_no_label_and_the_seventeenth_are_not_kept)
{
    char text[32];

    begin();
    put(WIRE_MARK_LABEL, "nothing", 1);
    put(WIRE_MARK_LABEL, "=3", 1);
    ck_assert_uint_eq(process->marks->label_count, 0);
    for (int i = 0; i < PROCESS_LABELS_MAX + 1; i++) {
        snprintf(text, sizeof(text), "key%d=%d", i, i);
        put(WIRE_MARK_LABEL, text, 1);
    }
    ck_assert_uint_eq(process->marks->label_count, PROCESS_LABELS_MAX);
    ck_assert_str_eq(label("key15"), "15");
    ck_assert_ptr_null(label("key16"));
    store_free(store);
}
END_TEST

SUITE_MAIN("store marks", a_label_is_set_renewed_and_taken_away,
           a_label_that_is_said_again_changes_nothing,
           what_is_no_label_and_the_seventeenth_are_not_kept,
           a_mark_is_kept_with_its_kind_and_dated_back_by_its_age,
           a_mark_that_is_said_again_is_no_new_one, the_last_sixteen_stay_and_the_release_longer,
           text_beyond_the_limit_is_cut)
