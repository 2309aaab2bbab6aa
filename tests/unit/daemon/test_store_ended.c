/* SPDX-License-Identifier: MIT */
/* What is kept of a process or an incident that has ended, and what is known of its release. */
#include "daemon/store/store.h"

#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "tests/unit/suite.h"

#define STR(text) ((struct wire_str){text, sizeof(text) - 1})

static struct store *new_store(void)
{
    const struct store_limits limits = {.processes_max = 4, .exited_retention_ms = 60000};
    struct store *store;

    ck_assert_int_eq(store_new(&limits, &store), 0);
    return store;
}

static struct process *add(struct store *store, pid_t pid, uint64_t now_ms)
{
    struct process_identity identity = {.pid = pid, .start_ticks = 777, .instance = 1};
    struct wire_hello hello = {.protocol = 1,
                               .instance = 1,
                               .sample_period_bytes = 524288,
                               .exe = STR("/usr/bin/shop"),
                               .runtime = STR("native")};
    struct process *process;

    ck_assert_int_eq(store_hello(store, &identity, &hello, detect_profile_find("default"), now_ms,
                                 1000000 + now_ms, &process),
                     0);
    return process;
}

START_TEST(an_ended_process_gives_its_curves_back_and_a_revived_one_starts_new_ones)
{
    struct store *store = new_store();
    struct process *process = add(store, 10, 100), *alive = add(store, 11, 100);
    struct store_stats before, after;

    for (uint64_t ms = 1000; ms < 600000; ms += 1000) {
        store_put_rss(store, process, ms, ms, ms);
        store_put_rss(store, alive, ms, ms, ms);
    }
    query_stats(store, &before);
    store_set_state(store, process, PROCESS_KILLED, 600000, 600000);
    store_slim(store, 600500, 1000);
    ck_assert(!process->is_slim);
    store_slim(store, 602000, 1000);
    ck_assert(process->is_slim && !alive->is_slim);
    query_stats(store, &after);
    ck_assert_uint_lt(after.bytes, before.bytes - 4000);
    store_slim(store, 603000, 1000);
    process->has_history = true;
    ck_assert_ptr_eq(add(store, 10, 604000), process);
    ck_assert(!process->is_slim && !process->has_history); /* its past is asked for again */
    store_put_rss(store, process, 5, 605000, 605000);
    ck_assert_uint_eq(process->rss_bytes, 5);
    store_free(store);
}
END_TEST

START_TEST(a_resolved_incident_keeps_no_process_for_it_has_its_own_copy)
{
    struct store *store = new_store();
    struct process *process = add(store, 10, 100);
    struct incident *incident = calloc(1, sizeof(*incident));

    strcpy(incident->process_id, process->id);
    ck_assert_int_eq(store_open_incident(store, incident, &incident), 0);
    store_set_state(store, process, PROCESS_KILLED, 1000, 1000);
    store_expire(store, 61001);
    ck_assert_uint_eq(query_process_count(store), 1);
    incident->state = INCIDENT_RESOLVED;
    store_expire(store, 61001);
    ck_assert_uint_eq(query_process_count(store), 0);
    ck_assert_uint_eq(query_incident_count(store), 1);
    store_free(store);
}
END_TEST

START_TEST(the_build_of_an_executable_is_that_of_its_module)
{
    struct wire_module module = {.id = 1,
                                 .end = 0x2000,
                                 .path = STR("/usr/bin/shop"),
                                 .build_id_len = 3,
                                 .build_id = (const uint8_t *)"\x0a\xff\x01"};
    struct store *store = new_store();
    struct process *process = add(store, 10, 100);
    char text[41];

    query_build_id(process, text, sizeof(text));
    ck_assert_str_eq(text, "");
    module.path = STR("/usr/lib/libx.so");
    ck_assert_int_eq(store_put_module(store, process, &module), 0);
    module.id = 2;
    module.path = STR("/usr/bin/shop");
    ck_assert_int_eq(store_put_module(store, process, &module), 0);
    query_build_id(process, text, sizeof(text));
    ck_assert_str_eq(text, "0aff01");
    query_build_id(process, text, 4);
    ck_assert_str_eq(text, "0a");
    store_free(store);
}
END_TEST

START_TEST(at_most_a_thousand_marks_are_kept_the_newest)
{
    struct store *store = new_store();
    struct operator_mark mark = {.text = "x"}, *kept;

    for (uint64_t i = 0; i < 1005; i++) {
        mark.at_wall_ms = 1000 + i / 2;
        ck_assert_int_eq(store_put_operator_mark(store, &mark, &kept), 0);
    }
    ck_assert_uint_eq(query_operator_mark_count(store), 1000);
    ck_assert_uint_eq(query_operator_mark_at(store, 0)->at_wall_ms, 1502);
    ck_assert_ptr_eq(store_operator_mark(store, kept->id), kept);
    ck_assert_ptr_null(store_operator_mark(store, "none"));
    store_free(store);
}
END_TEST

START_TEST(a_full_store_keeps_an_end_that_is_not_on_the_disk)
{
    struct store *store = new_store();
    struct incident *first = calloc(1, sizeof(*first));
    char id[24];

    first->state = INCIDENT_RESOLVED;
    ck_assert_int_eq(store_open_incident(store, first, &first), 0);
    strcpy(id, first->id);
    for (int i = 0; i < 1000; i++) {
        struct incident *incident = calloc(1, sizeof(*incident));

        incident->state = INCIDENT_RESOLVED;
        ck_assert_int_eq(store_open_incident(store, incident, &incident), 0);
        incident->stored_revision = incident->revision;
    }
    ck_assert_uint_eq(query_incident_count(store), 1000);
    ck_assert_ptr_nonnull(query_incident(store, id));
    store_free(store);
}
END_TEST

START_TEST(an_incident_is_dated_by_its_end)
{
    struct incident incident = {.state = INCIDENT_SILENCED, .opened_wall_ms = 10};

    ck_assert_uint_eq(incident_dated_wall_ms(&incident), 10);
    incident.state = INCIDENT_RESOLVED;
    ck_assert_uint_eq(incident_dated_wall_ms(&incident), 10); /* one of an old row without a time */
    incident.resolved_wall_ms = 90;
    ck_assert_uint_eq(incident_dated_wall_ms(&incident), 90);
}
END_TEST

SUITE_MAIN("store_ended", an_ended_process_gives_its_curves_back_and_a_revived_one_starts_new_ones,
           a_resolved_incident_keeps_no_process_for_it_has_its_own_copy,
           the_build_of_an_executable_is_that_of_its_module,
           at_most_a_thousand_marks_are_kept_the_newest,
           a_full_store_keeps_an_end_that_is_not_on_the_disk, an_incident_is_dated_by_its_end)
