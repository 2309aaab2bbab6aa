/* SPDX-License-Identifier: MIT */
/* What people say to an incident, and what leakd knows of the same leak before. */
#include "tests/unit/suite.h"

#include "tests/unit/daemon/watch_fixture.h"

#include <errno.h>

static const struct incident *leak(void)
{
    hello(1, "fast");
    describe_program();
    leak_until(VERDICT_LEAK, LEVEL, RATE, 800);
    leak_on(LEVEL, RATE, 15);
    ck_assert_uint_eq(notice_count, 1);
    return query_incident_at(store, 0);
}

static int ask(const char *id, enum incident_state to, uint64_t duration_ms)
{
    struct watch_request request = {
        .to = to, .by = "ada", .reason = "known", .duration_ms = duration_ms};

    return watch_request(watch, id, &request, mono(), wall());
}

static void bring_the_limit_near(void)
{
    write_file("meminfo", "MemTotal:       262144 kB\n");
    leak_on(LEVEL, RATE, 15);
}

START_TEST(an_acknowledged_incident_says_who_and_why_and_goes_on)
{
    const struct incident *incident = leak();
    uint64_t live_bytes = incident->live_bytes;

    ck_assert_int_eq(ask(incident->id, INCIDENT_ACKNOWLEDGED, 0), 0);
    leak_on(LEVEL, RATE, 60);
    ck_assert_int_eq(incident->state, INCIDENT_ACKNOWLEDGED);
    ck_assert_uint_gt(incident->live_bytes, live_bytes);
    ck_assert_uint_eq(incident->note_count, 2);
    ck_assert_str_eq(incident->notes[0].what, "opened");
    ck_assert_str_eq(incident->notes[1].what, "acknowledged");
    ck_assert_str_eq(incident->notes[1].by, "ada");
    ck_assert_str_eq(incident->notes[1].text, "known");
    ck_assert_uint_eq(notice_count, 2); /* the others hear that somebody knows, and no more */
    ck_assert_int_eq(notice_events[1], NOTICE_ACKNOWLEDGED);
}
END_TEST

START_TEST(becoming_critical_wakes_even_who_silenced_it)
{
    const struct incident *incident = leak();

    ck_assert_int_eq(ask(incident->id, INCIDENT_SILENCED, 24 * 3600000u), 0);
    leak_on(LEVEL, RATE, 5);
    ck_assert_uint_eq(notice_count, 1);
    bring_the_limit_near();
    ck_assert_int_eq(incident->state, INCIDENT_OPEN);
    ck_assert_uint_eq(notice_count, 2);
    ck_assert_int_eq(notice_events[1], NOTICE_ESCALATED);
    ck_assert_str_eq(incident->notes[2].what, "escalated");
    ck_assert_str_eq(incident->notes[3].what, "reopened");
    ck_assert_str_eq(incident->notes[3].by, "leakd");
}
END_TEST

START_TEST(a_silence_ends_by_itself_and_what_still_grows_is_told_again)
{
    const struct incident *incident = leak();

    ck_assert_int_eq(ask(incident->id, INCIDENT_SILENCED, 30000), 0);
    leak_on(LEVEL, RATE, 25);
    ck_assert_int_eq(incident->state, INCIDENT_SILENCED);
    ck_assert_uint_eq(notice_count, 1);
    leak_on(LEVEL, RATE, 10);
    ck_assert_int_eq(incident->state, INCIDENT_OPEN);
    ck_assert_uint_eq(incident->until_wall_ms, 0);
    ck_assert_uint_eq(notice_count, 2);
    ck_assert_int_eq(notice_events[1], NOTICE_REOPENED);
    leak_on(LEVEL, RATE, 30);
    ck_assert_uint_eq(notice_count, 2);
}
END_TEST

START_TEST(who_silenced_it_hears_of_the_end)
{
    const struct incident *incident = leak();

    ck_assert_int_eq(ask(incident->id, INCIDENT_SILENCED, 0), 0);
    store_set_state(store, process, PROCESS_EXITED, mono(), wall());
    tick();
    ck_assert_int_eq(incident->state, INCIDENT_RESOLVED);
    ck_assert_uint_eq(notice_count, 2);
    ck_assert_int_eq(notice_events[1], NOTICE_RESOLVED);
}
END_TEST

START_TEST(what_was_silenced_before_it_was_told_is_never_told)
{
    const struct incident *incident;

    hello(1, "fast");
    describe_program();
    leak_until(VERDICT_LEAK, LEVEL, RATE, 800);
    incident = query_incident_at(store, 0);
    store_incident(store, incident->id)->is_told = false;
    notice_count = 0;
    ck_assert_int_eq(ask(incident->id, INCIDENT_SILENCED, 0), 0);
    leak_on(LEVEL, RATE, 15);
    store_set_state(store, process, PROCESS_EXITED, mono(), wall());
    tick();
    ck_assert_int_eq(incident->state, INCIDENT_RESOLVED);
    ck_assert_uint_eq(notice_count, 0);
}
END_TEST

START_TEST(what_was_resolved_by_hand_stays_so_while_it_grows)
{
    const struct incident *incident = leak();

    ck_assert_int_eq(ask(incident->id, INCIDENT_RESOLVED, 0), 0);
    ck_assert_int_eq(notice_events[1], NOTICE_RESOLVED);
    leak_on(LEVEL, RATE, 60);
    ck_assert_int_eq(incident->state, INCIDENT_RESOLVED);
    ck_assert_uint_eq(query_incident_count(store), 1);
    ck_assert_int_eq(ask(incident->id, INCIDENT_ACKNOWLEDGED, 0), -EALREADY);
    ck_assert_int_eq(ask("NONE", INCIDENT_ACKNOWLEDGED, 0), -ENOENT);
}
END_TEST

/* ---- the last words -------------------------------------------------------------------------- */

START_TEST(the_post_mortem_says_how_it_died_and_of_what)
{
    const struct incident *incident = leak();
    const char *summary = incident->summary;

    store_set_state(store, process, PROCESS_OOM_KILLED, mono(), wall());
    tick();
    ck_assert_int_eq(strncmp(summary, "OOM-killed at 2023-11-14 ", 25), 0);
    ck_assert_ptr_nonnull(strstr(summary, " % of the growth came from shop.py:42 handle()"));
    ck_assert_ptr_nonnull(strstr(summary, " as builtins.dict; it grew 8"));
    ck_assert_str_eq(incident->end_state, "oom-killed");
    ck_assert_uint_eq(incident->end_wall_ms, wall() - 1000);
    ck_assert_uint_ge(incident->site_count, 1);
    ck_assert_uint_ge(incident->type_count, 1);
}
END_TEST

START_TEST(an_end_by_a_signal_or_with_a_status_says_which)
{
    const struct incident *incident = leak();

    store_put_ending(process, 11, -1);
    store_set_state(store, process, PROCESS_KILLED, mono(), wall());
    tick();
    ck_assert_int_eq(strncmp(incident->end, "killed by SIGSEGV at ", 21), 0);
}
END_TEST

START_TEST(the_evidence_of_an_end_is_that_of_the_last_second)
{
    const struct incident *incident = leak();
    uint64_t site_bytes;

    leak_on(LEVEL, RATE, 120);
    site_bytes = incident->sites[0].live_bytes; /* frozen after a minute */
    leak_on(LEVEL, RATE, 60);
    ck_assert_uint_eq(incident->sites[0].live_bytes, site_bytes);
    store_set_state(store, process, PROCESS_KILLED, mono(), wall());
    tick();
    ck_assert_uint_gt(incident->sites[0].live_bytes, site_bytes + (uint64_t)(50 * RATE));
}
END_TEST

/* ---- the same leak again --------------------------------------------------------------------- */

static void release(const char *name)
{
    struct operator_mark mark = {.at_wall_ms = wall(), .is_release = true};
    struct operator_mark *kept;

    strcpy(mark.text, name);
    ck_assert_int_eq(store_put_operator_mark(store, &mark, &kept), 0);
}

/* One life of the program: it leaks at a line of a function and exits. */
static const struct incident *live_once(uint64_t instance, const char *function, uint32_t line)
{
    zooms = calms = 0;
    notice_count = 0;
    second += 100;
    hello(instance, "fast");
    put_name(1, function); /* first come: what describe_program says of them is ignored */
    put_name(2, "/srv/shop.py");
    put_python_site(1, 1, 2, line);
    describe_program();
    leak_until(VERDICT_LEAK, LEVEL, RATE, (unsigned)second + 800);
    leak_on(LEVEL, RATE, 15);
    store_set_state(store, process, PROCESS_EXITED, mono(), wall());
    tick();
    return query_incident_at(store, 0);
}

START_TEST(the_same_bug_under_two_marks_is_one_fingerprint_again_since_the_second)
{
    const struct incident *first, *second_one, *third;

    release("1.4.1");
    first = live_once(1, "handle", 42);
    ck_assert_str_eq(first->release, "release 1.4.1");
    ck_assert_uint_eq(first->past.count, 0);
    ck_assert_ptr_null(strstr(first->summary, "again"));
    release("1.4.2");
    second_one = live_once(2, "handle", 57); /* an edit has moved it */
    ck_assert_str_eq(second_one->fingerprint, first->fingerprint);
    ck_assert_uint_eq(first->sites[0].frames[0].line, 42);
    ck_assert_uint_eq(second_one->sites[0].frames[0].line, 57);
    ck_assert_str_eq(second_one->past.last_id, first->id);
    ck_assert_ptr_nonnull(strstr(second_one->summary, "again since release 1.4.2, first seen on "
                                                      "2023-11-14 in release 1.4.1"));
    third = live_once(3, "handle", 57);
    ck_assert_uint_eq(third->past.count, 2);
    ck_assert_str_eq(third->past.again_release, "release 1.4.2");
    ck_assert_str_eq(third->past.first_release, "release 1.4.1");
}
END_TEST

START_TEST(a_different_culprit_is_a_different_leak)
{
    const struct incident *first, *other;

    first = live_once(1, "handle", 42);
    other = live_once(2, "render_all", 42);
    ck_assert_str_ne(first->fingerprint, other->fingerprint);
    ck_assert_uint_eq(other->past.count, 0);
}
END_TEST

START_TEST(without_marks_a_script_is_known_by_its_starts_alone)
{
    const struct incident *incident;

    live_once(1, "handle", 42);
    incident = live_once(2, "handle", 42);
    ck_assert_int_eq(strncmp(incident->release, "start of 2023-11-14 ", 20), 0);
    ck_assert_ptr_nonnull(strstr(incident->summary, "seen 1 time before, first on 2023-11-14"));
    ck_assert_ptr_null(strstr(incident->summary, "again since"));
}
END_TEST

START_TEST(a_mark_of_another_unit_names_no_release)
{
    struct operator_mark mark = {.at_wall_ms = wall(), .is_release = true};
    struct operator_mark *kept;

    hello(1, "fast");
    store_put_unit(store, process, "shop.service");
    strcpy(mark.text, "9.9");
    strcpy(mark.unit, "mail.service");
    ck_assert_int_eq(store_put_operator_mark(store, &mark, &kept), 0);
    ck_assert_ptr_null(query_release_mark(store, process));
    strcpy(mark.text, "1.0");
    strcpy(mark.unit, "shop.service");
    ck_assert_int_eq(store_put_operator_mark(store, &mark, &kept), 0);
    mark.is_release = false;
    strcpy(mark.text, "backup begins");
    ck_assert_int_eq(store_put_operator_mark(store, &mark, &kept), 0);
    ck_assert_str_eq(query_release_mark(store, process)->text, "1.0");
    ck_assert_uint_eq(query_operator_mark_count(store), 3);
    ck_assert_str_eq(query_operator_mark_at(store, 0)->text, "backup begins");
}
END_TEST

SUITE_MAIN_FIXTURE(
    "watch_request", setup, teardown, an_acknowledged_incident_says_who_and_why_and_goes_on,
    becoming_critical_wakes_even_who_silenced_it,
    a_silence_ends_by_itself_and_what_still_grows_is_told_again, who_silenced_it_hears_of_the_end,
    what_was_silenced_before_it_was_told_is_never_told,
    what_was_resolved_by_hand_stays_so_while_it_grows, the_post_mortem_says_how_it_died_and_of_what,
    an_end_by_a_signal_or_with_a_status_says_which,
    the_evidence_of_an_end_is_that_of_the_last_second,
    the_same_bug_under_two_marks_is_one_fingerprint_again_since_the_second,
    a_different_culprit_is_a_different_leak, without_marks_a_script_is_known_by_its_starts_alone,
    a_mark_of_another_unit_names_no_release)
