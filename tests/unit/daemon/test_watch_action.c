/* SPDX-License-Identifier: MIT */
/* What leakd does by itself before a process reaches its limit. */
#include "tests/unit/suite.h"

#include "tests/unit/daemon/watch_fixture.h"

#include "daemon/watch/private.h"

static const struct action_rule rule = {
    .is_on = true, .units = "shop*.service", .before_ms = 600000, .per_day_max = 2};

static struct action_facts facts(double lower_s)
{
    return (struct action_facts){.state = INCIDENT_OPEN,
                                 .verdict = VERDICT_LEAK,
                                 .unit = "shop@1.service",
                                 .time_to_limit = {true, 2 * lower_s, lower_s, INFINITY}};
}

START_TEST(it_is_due_when_the_lower_bound_falls_under_the_set_time)
{
    struct action_facts near = facts(599), far = facts(600), unknown = facts(10);

    ck_assert_int_eq(action_decide(&rule, &near), ACTION_YES);
    ck_assert_int_eq(action_decide(&rule, &far), ACTION_NO);
    unknown.time_to_limit.known = false;
    ck_assert_int_eq(action_decide(&rule, &unknown), ACTION_NO);
}
END_TEST

START_TEST(it_is_off_until_it_is_set)
{
    struct action_rule off = rule;
    struct action_facts near = facts(10);

    off.is_on = false;
    ck_assert_int_eq(action_decide(&off, &near), ACTION_NO);
}
END_TEST

START_TEST(a_suspicion_is_no_reason)
{
    struct action_facts near = facts(10);

    near.verdict = VERDICT_SUSPECT;
    ck_assert_int_eq(action_decide(&rule, &near), ACTION_NO);
    near.verdict = VERDICT_FRAGMENTATION;
    ck_assert_int_eq(action_decide(&rule, &near), ACTION_YES);
}
END_TEST

START_TEST(once_for_an_incident_and_so_often_a_day)
{
    struct action_facts near = facts(10);

    near.acted_wall_ms = 1;
    ck_assert_int_eq(action_decide(&rule, &near), ACTION_NO);
    near.acted_wall_ms = 0;
    near.acted_today = 1;
    ck_assert_int_eq(action_decide(&rule, &near), ACTION_YES);
    near.acted_today = 2;
    ck_assert_int_eq(action_decide(&rule, &near), ACTION_SPENT);
}
END_TEST

START_TEST(who_works_on_it_is_not_disturbed)
{
    struct action_facts near = facts(10);

    near.state = INCIDENT_ACKNOWLEDGED;
    ck_assert_int_eq(action_decide(&rule, &near), ACTION_NO);
    near.state = INCIDENT_RESOLVED;
    ck_assert_int_eq(action_decide(&rule, &near), ACTION_NO);
    near.state = INCIDENT_SILENCED;
    ck_assert_int_eq(action_decide(&rule, &near), ACTION_YES);
}
END_TEST

START_TEST(units_that_are_not_meant_are_left_alone)
{
    struct action_rule any = rule;
    struct action_facts near = facts(10);

    near.unit = "mail.service";
    ck_assert_int_eq(action_decide(&rule, &near), ACTION_NO);
    near.unit = NULL;
    ck_assert_int_eq(action_decide(&rule, &near), ACTION_NO);
    any.units = "";
    ck_assert_int_eq(action_decide(&any, &near), ACTION_YES);
}
END_TEST

/* ---- in the watch ---------------------------------------------------------------------------- */

static unsigned actions;
static uint64_t action_second;

static void on_action(void *arg, const struct incident *incident, const struct process *p)
{
    (void)arg;
    ck_assert_ptr_eq(p, process);
    ck_assert_uint_ne(incident->acted_wall_ms, 0);
    actions++;
    action_second = second;
}

static void watch_with_action(void)
{
    struct action_rule any = {.is_on = true, .units = "", .before_ms = 3600000, .per_day_max = 1};
    struct watch_hooks hooks = {.on_zoom = on_zoom,
                                .on_incident = on_incident,
                                .notify = on_notice,
                                .on_action = on_action};
    struct procfs fs = {folder, folder};

    watch_free(watch);
    ck_assert_int_eq(watch_new(store, &fs, &hooks, &watch), 0);
    watch_set_action(watch, &any);
    actions = 0;
}

static struct incident *leak_near_the_limit(uint64_t instance)
{
    zooms = calms = 0;
    notice_count = 0;
    write_file("meminfo", "MemTotal:       2097152 kB\n");
    hello(instance, "fast");
    describe_program();
    leak_until(VERDICT_LEAK, LEVEL, RATE, (unsigned)second + 800);
    write_file("meminfo", "MemTotal:       262144 kB\n"); /* less than an hour */
    return store_incident(store, query_incident_at(store, 0)->id);
}

START_TEST(it_is_noted_and_stored_before_it_is_done)
{
    struct incident *incident;
    uint64_t decided;

    watch_with_action();
    incident = leak_near_the_limit(1);
    for (int i = 0; i < 30 && incident->acted_wall_ms == 0; i++)
        leak_on(LEVEL, RATE, 1);
    ck_assert_uint_ne(incident->acted_wall_ms, 0);
    ck_assert_uint_eq(actions, 0); /* the disk does not have it yet */
    leak_on(LEVEL, RATE, 2);
    ck_assert_uint_eq(actions, 0);
    decided = incident->revision;
    incident->stored_revision = decided;
    leak_on(LEVEL, RATE, 1);
    ck_assert_uint_eq(actions, 1);
    watch_action_done(watch, incident->id, "done in 0.1 s", wall());
    leak_on(LEVEL, RATE, 60);
    ck_assert_uint_eq(actions, 1);
    ck_assert_str_eq(incident->notes[incident->note_count - 1].what, "action");
    ck_assert_str_eq(incident->notes[incident->note_count - 1].text, "done in 0.1 s");
}
END_TEST

START_TEST(a_disk_that_does_not_answer_delays_it_by_seconds_only)
{
    struct incident *incident;

    watch_with_action();
    incident = leak_near_the_limit(1);
    leak_on(LEVEL, RATE, 40);
    ck_assert_uint_eq(actions, 1);
    ck_assert_uint_le((action_second * 1000 + WALL0) - incident->acted_wall_ms, 6000);
}
END_TEST

START_TEST(more_than_a_day_allows_is_said_once_and_not_done)
{
    struct incident *incident;
    unsigned said = 0;

    watch_with_action();
    leak_near_the_limit(1);
    leak_on(LEVEL, RATE, 40);
    store_set_state(store, process, PROCESS_KILLED, mono(), wall());
    tick();
    incident = leak_near_the_limit(2);
    leak_on(LEVEL, RATE, 60);
    ck_assert_uint_eq(actions, 1);
    for (size_t i = 0; i < incident->note_count; i++)
        said += strcmp(incident->notes[i].what, "action") == 0;
    ck_assert_uint_eq(said, 1);
}
END_TEST

SUITE_MAIN_FIXTURE("watch_action", setup, teardown,
                   it_is_due_when_the_lower_bound_falls_under_the_set_time,
                   it_is_off_until_it_is_set, a_suspicion_is_no_reason,
                   once_for_an_incident_and_so_often_a_day, who_works_on_it_is_not_disturbed,
                   units_that_are_not_meant_are_left_alone,
                   it_is_noted_and_stored_before_it_is_done,
                   a_disk_that_does_not_answer_delays_it_by_seconds_only,
                   more_than_a_day_allows_is_said_once_and_not_done)
