/* SPDX-License-Identifier: MIT */
#include "tests/unit/suite.h"

#include "tests/unit/daemon/watch_fixture.h"

/* ---- severity, ends ------------------------------------------------------------------------ */

START_TEST(a_limit_near_ahead_escalates_once)
{
    hello(1, "fast");
    describe_program();
    leak_until(VERDICT_LEAK, LEVEL, RATE, 800);
    leak_on(LEVEL, RATE, 15);
    ck_assert_int_eq(notice_severity, SEVERITY_WARNING);
    write_file("meminfo", "MemTotal:       262144 kB\n"); /* 256 MiB: less than an hour */
    leak_on(LEVEL, RATE, 30);
    ck_assert_uint_eq(notice_count, 2);
    ck_assert_int_eq(notice_events[1], NOTICE_ESCALATED);
    ck_assert_int_eq(notice_severity, SEVERITY_CRITICAL);
    ck_assert_str_eq(query_incident_at(store, 0)->severity, "critical");
}
END_TEST

static const struct incident *end_as(enum process_state state)
{
    second = 0;
    hello(1, "fast");
    describe_program();
    leak_until(VERDICT_LEAK, LEVEL, RATE, 800);
    leak_on(LEVEL, RATE, 15);
    store_set_state(store, process, state, mono(), wall());
    tick();
    tick();
    return query_incident_at(store, 0);
}

START_TEST(a_killed_process_leaves_a_readable_open_incident)
{
    const struct incident *incident = end_as(PROCESS_KILLED);

    ck_assert_int_eq(incident->state, INCIDENT_OPEN);
    ck_assert_int_eq(strncmp(incident->end, "killed at 2023-11-14 ", 21), 0);
    ck_assert_ptr_nonnull(strstr(incident->summary, "shop.py:42 handle()"));
    ck_assert_uint_eq(resolved, 0);
    second += 60 * 60;
    tick();
    ck_assert_uint_eq(query_incident_count(store), 1);
    second += 25 * 60 * 60; /* nobody looked for a day */
    tick();
    ck_assert_uint_eq(resolved, 1);
}
END_TEST

START_TEST(a_leak_of_days_that_kills_its_program_stays_open_for_a_day)
{
    struct incident *incident;

    hello(1, "fast");
    describe_program();
    leak_until(VERDICT_LEAK, LEVEL, RATE, 800);
    leak_on(LEVEL, RATE, 15);
    incident = store_incident(store, query_incident_at(store, 0)->id);
    incident->opened_wall_ms -= 3u * 24 * 3600 * 1000;
    store_set_state(store, process, PROCESS_OOM_KILLED, mono(), wall());
    tick();
    second += 60 * 60;
    tick();
    ck_assert_int_eq(incident->state, INCIDENT_OPEN);
    second += 24 * 60 * 60;
    tick();
    ck_assert_int_eq(incident->state, INCIDENT_RESOLVED);
}
END_TEST

START_TEST(an_oom_kill_escalates_to_critical)
{
    const struct incident *incident = end_as(PROCESS_OOM_KILLED);

    ck_assert_int_eq(strncmp(incident->summary, "OOM-killed at ", 14), 0);
    ck_assert_uint_eq(notice_count, 2);
    ck_assert_int_eq(notice_events[1], NOTICE_ESCALATED);
    ck_assert_int_eq(notice_severity, SEVERITY_CRITICAL);
}
END_TEST

START_TEST(an_exit_resolves_with_its_end)
{
    const struct incident *incident = end_as(PROCESS_EXITED);

    ck_assert_int_eq(incident->state, INCIDENT_RESOLVED);
    ck_assert_int_eq(strncmp(incident->end, "exited at ", 10), 0);
    ck_assert_int_eq(notice_events[1], NOTICE_RESOLVED);
    ck_assert_uint_eq(resolved, 1);
}
END_TEST

START_TEST(a_new_start_of_the_program_is_a_new_incident_with_the_same_fingerprint)
{
    char fingerprint[17];

    strcpy(fingerprint, end_as(PROCESS_EXITED)->fingerprint);
    zooms = calms = 0;
    hello(2, "fast");
    ck_assert_str_eq(process->id, "42-7-2");
    describe_program();
    leak_until(VERDICT_LEAK, LEVEL, RATE, 800);
    leak_on(LEVEL, RATE, 15);
    ck_assert_uint_eq(opened, 2);
    ck_assert_str_eq(query_incident_at(store, 0)->fingerprint, fingerprint);
    ck_assert_str_ne(query_incident_at(store, 0)->id, query_incident_at(store, 1)->id);
}
END_TEST

START_TEST(a_lost_agent_keeps_its_alarm)
{
    hello(1, "fast");
    describe_program();
    leak_until(VERDICT_LEAK, LEVEL, RATE, 800);
    leak_on(LEVEL, RATE, 15);
    store_set_state(store, process, PROCESS_LOST, mono(), wall());
    for (int i = 0; i < 60; i++)
        tick();
    ck_assert_int_eq(process->verdict, VERDICT_LEAK);
    ck_assert_uint_eq(resolved, 0);
}
END_TEST

START_TEST(an_agent_that_does_not_obey_is_ordered_again)
{
    struct wire_health deaf = {.sample_period_bytes = 524288};

    hello(1, "fast");
    for (int i = 0; i < 35; i++) {
        put_live(LEVEL);
        store_put_health(store, process, &deaf);
        put_rss(100 * MIB);
        tick();
    }
    ck_assert_uint_eq(zooms, 4);
}
END_TEST

START_TEST(deliveries_are_kept_with_their_incident_one_row_a_notice)
{
    struct alert_delivery delivery = {.receiver = "ops",
                                      .event = "leak.incident.opened",
                                      .notice_id = "msg_1",
                                      .attempts = 1,
                                      .error = "refused"};
    const struct incident *incident = end_as(PROCESS_KILLED);

    delivery.incident_id = incident->id;
    watch_delivery(watch, &delivery, wall());
    delivery.attempts = 2;
    delivery.delivered = true;
    delivery.http_status = 200;
    delivery.error = "";
    watch_delivery(watch, &delivery, wall());
    ck_assert_uint_eq(incident->delivery_count, 1);
    ck_assert_uint_eq(incident->deliveries[0].attempts, 2);
    ck_assert(incident->deliveries[0].delivered);
    for (int i = 0; i < 30; i++) {
        char id[16];

        snprintf(id, sizeof(id), "msg_%d", i + 2);
        delivery.notice_id = id;
        watch_delivery(watch, &delivery, wall());
    }
    ck_assert_uint_eq(incident->delivery_count, INCIDENT_DELIVERIES_MAX);
    ck_assert_str_eq(incident->deliveries[INCIDENT_DELIVERIES_MAX - 1].notice_id, "msg_31");
    delivery.incident_id = "NONE";
    watch_delivery(watch, &delivery, wall());
}
END_TEST

SUITE_MAIN_FIXTURE("watch_incident", setup, teardown, a_limit_near_ahead_escalates_once,
                   a_killed_process_leaves_a_readable_open_incident,
                   a_leak_of_days_that_kills_its_program_stays_open_for_a_day,
                   an_oom_kill_escalates_to_critical, an_exit_resolves_with_its_end,
                   a_new_start_of_the_program_is_a_new_incident_with_the_same_fingerprint,
                   a_lost_agent_keeps_its_alarm, an_agent_that_does_not_obey_is_ordered_again,
                   deliveries_are_kept_with_their_incident_one_row_a_notice)
