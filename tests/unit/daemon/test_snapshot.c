/* SPDX-License-Identifier: MIT */
/* Snapshots from the wire into the store: whose they are, what is kept of them, how they end. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/buf.h"
#include "daemon/ingest/session.h"
#include "daemon/store/incident_text.h"
#include "tests/unit/suite.h"

static struct store *store;
static struct process *process;
static uint8_t bytes[1 << 16];

static const struct process_identity agent_identity = {.pid = 42, .uid = 1000, .start_ticks = 7};
static const struct process_identity copy_identity = {.pid = 43, .uid = 1000, .start_ticks = 9};

#define STR(text) ((struct wire_str){text, sizeof(text) - 1})

static void set_up(void)
{
    const struct store_limits limits = {.processes_max = 10, .exited_retention_ms = 1000};
    const struct wire_hello hello = {.protocol = WIRE_PROTOCOL, .instance = 1};

    ck_assert_int_eq(store_new(&limits, &store), 0);
    ck_assert_int_eq(store_hello(store, &agent_identity, &hello, detect_profile_find("default"),
                                 1000, 2000, &process),
                     0);
}

static void tear_down(void)
{
    store_free(store);
    store = NULL;
}

static struct snapshot *request(uint64_t token)
{
    struct snapshot *snapshot;

    ck_assert_int_eq(store_request_snapshot(process, token, 1000, 2000, &snapshot), 0);
    return snapshot;
}

static long say(struct session *session, const struct wire_wr *wr)
{
    return session_read(session, wr->start, wire_wr_len(wr), 1500, 2500);
}

/* A type, a retainer and the end, as a copy says them. */
static void write_all(struct wire_wr *wr, uint32_t number, uint64_t token)
{
    const struct wire_snapshot_type type = {STR("app.Session"), 10, 560};
    const struct wire_snapshot_retainer retainer = {
        .number = number,
        .token = token,
        .type = STR("app.Session"),
        .sampled = 10,
        .explained = 9,
        .step_count = 4,
        .steps = {STR("module app"), STR(".registry"), STR("list[...]"), STR("app.Session")}};
    const struct wire_snapshot_state done = {.number = number,
                                             .token = token,
                                             .progress = WIRE_SNAPSHOT_DONE,
                                             .objects = 100,
                                             .bytes = 9000,
                                             .duration_ns = 5};
    struct wire_list list;

    wire_wr_init(wr, bytes, sizeof(bytes));
    wire_list_begin_snapshot(wr, number, token, &list);
    ck_assert(wire_list_add_snapshot_type(&list, &type));
    ck_assert(wire_list_end(&list));
    ck_assert(wire_put_snapshot_retainer(wr, &retainer));
    ck_assert(wire_put_snapshot_state(wr, &done));
}

START_TEST(a_copy_speaks_for_the_process_whose_token_it_has)
{
    struct snapshot *snapshot = request(77);
    const struct retainer *retainer;
    struct session session;
    struct wire_wr wr;

    session_init(&session, store, detect_profile_find("default"), &copy_identity);
    write_all(&wr, snapshot->number, 77);
    ck_assert_int_eq(say(&session, &wr), (long)wire_wr_len(&wr));
    ck_assert(session.is_copy);
    ck_assert_ptr_null(session_process(&session));
    ck_assert_int_eq(snapshot->state, SNAPSHOT_DONE);
    ck_assert_ptr_eq(query_last_snapshot(process), snapshot);
    ck_assert_uint_eq(query_snapshot_type(snapshot, "app.Session")->count, 10);
    ck_assert_ptr_null(query_snapshot_type(snapshot, "app.Other"));
    retainer = query_retainer(snapshot, "app.Session");
    ck_assert_double_eq_tol(retainer->share, 0.9, 1e-9);
    ck_assert_uint_eq(retainer->step_count, 4);
    ck_assert_str_eq(retainer->steps[1], ".registry");
    session_end(&session, 3000);
    ck_assert_int_eq(snapshot->state, SNAPSHOT_DONE);
}
END_TEST

START_TEST(who_has_no_token_is_not_heard)
{
    struct snapshot *snapshot = request(77);
    struct session session;
    struct wire_wr wr;

    session_init(&session, store, detect_profile_find("default"), &copy_identity);
    write_all(&wr, snapshot->number, 78);
    ck_assert_int_lt(say(&session, &wr), 0);
    write_all(&wr, snapshot->number + 1, 77);
    ck_assert_int_lt(say(&session, &wr), 0);
    ck_assert_int_eq(snapshot->state, SNAPSHOT_REQUESTED);
    ck_assert_uint_eq(snapshot->type_count, 0);
}
END_TEST

START_TEST(a_copy_that_ends_without_a_word_has_failed)
{
    const struct wire_snapshot_type type = {STR("dict"), 1, 64};
    struct snapshot *snapshot = request(77);
    struct session session;
    struct wire_list list;
    struct wire_wr wr;

    session_init(&session, store, detect_profile_find("default"), &copy_identity);
    wire_wr_init(&wr, bytes, sizeof(bytes));
    wire_list_begin_snapshot(&wr, snapshot->number, 77, &list);
    wire_list_add_snapshot_type(&list, &type);
    wire_list_end(&list);
    ck_assert_int_gt(say(&session, &wr), 0);
    session_end(&session, 3000);
    ck_assert_int_eq(snapshot->state, SNAPSHOT_FAILED);
    ck_assert_ptr_null(query_last_snapshot(process));
}
END_TEST

START_TEST(the_agents_word_may_come_after_the_copys_last)
{
    struct snapshot *snapshot = request(77);
    const struct wire_snapshot_state done = {
        .number = 1, .token = 77, .progress = WIRE_SNAPSHOT_DONE};
    const struct wire_snapshot_state running = {
        .number = 1, .token = 77, .progress = WIRE_SNAPSHOT_RUNNING, .pause_ns = 20000000};

    store_put_snapshot_state(process, snapshot, &done, 3000);
    store_put_snapshot_state(process, snapshot, &running, 3001);
    ck_assert_int_eq(snapshot->state, SNAPSHOT_DONE);
    ck_assert_uint_eq(snapshot->pause_ns, 20000000);
}
END_TEST

START_TEST(one_is_taken_at_a_time_and_four_are_kept)
{
    struct snapshot *snapshot = request(1), *other;

    ck_assert_int_eq(store_request_snapshot(process, 2, 1000, 2000, &other), -EBUSY);
    for (uint64_t token = 2; token <= 6; token++) {
        store_fail_snapshot(process, snapshot, "for the test", 2000);
        snapshot = request(token);
    }
    ck_assert_uint_eq(process->snapshot_count, SNAPSHOTS_KEPT);
    ck_assert_ptr_null(query_snapshot(process, 2));
    ck_assert_ptr_nonnull(query_snapshot(process, 3));
    ck_assert_ptr_eq(query_snapshot(process, 6), snapshot);
}
END_TEST

START_TEST(what_is_never_answered_fails_with_a_reason)
{
    struct snapshot *snapshot = request(1);

    store_expire_snapshot(process, 1000 + SNAPSHOT_WAIT_MAX_MS, 2000);
    ck_assert_int_eq(snapshot->state, SNAPSHOT_REQUESTED);
    store_expire_snapshot(process, 1001 + SNAPSHOT_WAIT_MAX_MS, 2000);
    ck_assert_int_eq(snapshot->state, SNAPSHOT_FAILED);
    ck_assert_ptr_nonnull(strstr(snapshot->reason, "did not allocate"));
    snapshot = request(2);
    process->ended_mono_ms = 1002;
    store_expire_snapshot(process, 1002, 2000);
    ck_assert_str_eq(snapshot->reason, "the process ended");
}
END_TEST

START_TEST(types_and_ways_beyond_the_bounds_are_left_out)
{
    struct snapshot *snapshot = request(1);
    const struct wire_snapshot_type type = {STR("t"), 1, 1};
    const struct wire_snapshot_retainer retainer = {.type = STR("t"), .sampled = 1, .explained = 1};
    const struct wire_snapshot_retainer nothing = {.type = STR("t")};

    ck_assert_int_eq(store_put_snapshot_retainer(snapshot, &nothing), 0);
    ck_assert_uint_eq(snapshot->retainer_count, 0);
    for (int i = 0; i < 2 * SNAPSHOT_TYPES_KEPT; i++)
        ck_assert_int_eq(store_put_snapshot_type(snapshot, &type), 0);
    for (int i = 0; i < 2 * SNAPSHOT_RETAINERS_KEPT; i++)
        ck_assert_int_eq(store_put_snapshot_retainer(snapshot, &retainer), 0);
    ck_assert_uint_eq(snapshot->type_count, SNAPSHOT_TYPES_KEPT);
    ck_assert_uint_eq(snapshot->retainer_count, SNAPSHOT_RETAINERS_KEPT);
}
END_TEST

START_TEST(retainers_of_an_incident_survive_the_disk)
{
    struct retainer kept = {.type = "app.Session",
                            .share = 0.75,
                            .sampled = 8,
                            .step_count = 2,
                            .steps = {"module app", "\xf0\x9f\x98\x80 <b>"}};
    struct incident *before = calloc(1, sizeof(*before)), *after;
    struct buf text;

    strcpy(before->id, "7F3K");
    before->opened_wall_ms = 5;
    before->severity = "warning";
    ck_assert_int_eq(retainer_copy(&kept, &before->retainers[0]), 0);
    before->retainer_count = 1;
    buf_init(&text, 1 << 20);
    incident_write(before, &text);
    ck_assert_int_eq(incident_read(text.data, text.len, &after), 0);
    ck_assert_uint_eq(after->retainer_count, 1);
    ck_assert_str_eq(after->retainers[0].type, "app.Session");
    ck_assert_double_eq(after->retainers[0].share, 0.75);
    ck_assert_uint_eq(after->retainers[0].sampled, 8);
    ck_assert_uint_eq(after->retainers[0].step_count, 2);
    ck_assert_str_eq(after->retainers[0].steps[1], kept.steps[1]);
    incident_free(before);
    incident_free(after);
    buf_done(&text);
}
END_TEST

SUITE_MAIN_FIXTURE("snapshot", set_up, tear_down, a_copy_speaks_for_the_process_whose_token_it_has,
                   who_has_no_token_is_not_heard, a_copy_that_ends_without_a_word_has_failed,
                   the_agents_word_may_come_after_the_copys_last,
                   one_is_taken_at_a_time_and_four_are_kept,
                   what_is_never_answered_fails_with_a_reason,
                   types_and_ways_beyond_the_bounds_are_left_out,
                   retainers_of_an_incident_survive_the_disk)
