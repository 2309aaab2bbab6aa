/* SPDX-License-Identifier: MIT */
/*
 * Restarts of leakd between two seconds: store and watch are thrown away, the incidents go through
 * their text, the program runs on or does not.
 */
#include "tests/unit/suite.h"

#include "tests/unit/daemon/watch_fixture.h"

#include "daemon/base/buf.h"
#include "daemon/store/incident_text.h"

#define MINUTE 60u

static char *take_texts(size_t index)
{
    struct buf text;

    buf_init(&text, 1 << 20);
    incident_write(query_incident_at(store, index), &text);
    return buf_take(&text, NULL);
}

/* What comes of a kill -9 and a start so many seconds later. */
static void restart(unsigned after_s)
{
    struct store_limits limits = {.processes_max = 10, .exited_retention_ms = 60000};
    struct watch_hooks hooks = {
        .on_zoom = on_zoom, .on_incident = on_incident, .notify = on_notice};
    struct procfs fs = {folder, folder};
    size_t count = query_incident_count(store);
    struct incident *incident;
    char *texts[8];

    ck_assert_uint_le(count, 8);
    for (size_t i = 0; i < count; i++)
        texts[i] = take_texts(i);
    watch_free(watch);
    store_free(store);
    ck_assert_int_eq(store_new(&limits, &store), 0);
    ck_assert_int_eq(watch_new(store, &fs, &hooks, &watch), 0);
    for (size_t i = 0; i < count; i++) {
        ck_assert_int_eq(incident_read(texts[i], strlen(texts[i]), &incident), 0);
        ck_assert_int_eq(store_restore_incident(store, incident), 0);
        free(texts[i]);
    }
    process = NULL;
    second += after_s;
    watch_restored(watch, mono());
    zooms = calms = 0;
    opened = updated = resolved = 0;
}

static void write_proc_stat(char state, unsigned start_ticks)
{
    char text[256];

    snprintf(text, sizeof(text),
             "42 (python3) %c 1 42 42 0 -1 4194304 1 0 0 0 1 1 0 0 20 0 1 0 %u 1000 100\n", state,
             start_ticks);
    write_file("42/stat", text);
}

static void write_boot_id(const char *id)
{
    char command[256];

    snprintf(command, sizeof(command), "mkdir -p %s/sys/kernel/random", folder);
    ck_assert_int_eq(system(command), 0);
    write_file("sys/kernel/random/boot_id", id);
    /* The watch reads it when it is made. */
    restart(0);
}

static void leak_and_tell(void)
{
    write_boot_id("boot-1\n");
    hello(1, "fast");
    describe_program();
    leak_until(VERDICT_LEAK, LEVEL, RATE, 800);
    leak_on(LEVEL, RATE, 90);
    ck_assert_uint_eq(notice_count, 1);
    ck_assert_uint_eq(query_incident_count(store), 1);
}

static void come_back(void)
{
    hello(1, "fast");
    describe_program();
}

START_TEST(an_incident_is_found_again_and_not_opened_twice)
{
    char id[24];
    uint64_t live_bytes;

    leak_and_tell();
    strcpy(id, query_incident_at(store, 0)->id);
    restart(5);
    come_back();
    live_bytes = query_incident_at(store, 0)->live_bytes;
    leak_until(VERDICT_LEAK, LEVEL, RATE, 800);
    leak_on(LEVEL, RATE, 90);
    ck_assert_uint_eq(query_incident_count(store), 1);
    ck_assert_str_eq(query_incident_at(store, 0)->id, id);
    ck_assert_int_eq(query_incident_at(store, 0)->state, INCIDENT_OPEN);
    ck_assert_uint_eq(opened + resolved, 0);
    ck_assert_uint_eq(notice_count, 1);
    ck_assert_uint_gt(query_incident_at(store, 0)->live_bytes, live_bytes); /* it is followed */
}
END_TEST

START_TEST(the_evidence_is_that_of_before_the_restart)
{
    const struct incident *incident;

    leak_and_tell();
    restart(5);
    come_back();
    leak_on(LEVEL, RATE, 200);
    incident = query_incident_at(store, 0);
    ck_assert_uint_ge(incident->site_count, 1);
    ck_assert_str_eq(incident->sites[0].frames[0].function, "handle");
    ck_assert_uint_eq(incident->sites[0].frames[0].line, 42);
    ck_assert_ptr_nonnull(strstr(incident->summary, "shop.py:42 handle()"));
}
END_TEST

START_TEST(growth_that_ended_meanwhile_resolves_it_once_that_is_sure)
{
    leak_and_tell();
    restart(5);
    come_back();
    for (int i = 0; i < 110; i++)
        run_second(4 * LEVEL + 4096 * noise(second), 5 * LEVEL, 0);
    ck_assert_int_eq(query_incident_at(store, 0)->state, INCIDENT_OPEN); /* too early to say */
    for (int i = 0; i < 300; i++)
        run_second(4 * LEVEL + 4096 * noise(second), 5 * LEVEL, 0);
    ck_assert_int_eq(query_incident_at(store, 0)->state, INCIDENT_RESOLVED);
    ck_assert_uint_eq(resolved, 1);
    ck_assert_int_eq(notice_events[notice_count - 1], NOTICE_RESOLVED);
}
END_TEST

/* Resident memory grows that no allocator gave out: the live bytes say that nothing does. */
START_TEST(a_leak_outside_of_live_bytes_is_not_over_because_they_are_calm)
{
    write_boot_id("boot-1\n");
    hello(1, "default");
    for (unsigned i = 0; i < 20 * MINUTE; i++)
        run_second(5 * MIB, 60 * MIB + RATE * (double)second, 0);
    ck_assert_int_eq(process->growth_in, GROWTH_IN_ELSEWHERE);
    restart(60);
    hello(1, "default");
    for (unsigned i = 0; i < 40 * MINUTE; i++) {
        run_second(5 * MIB, 60 * MIB + RATE * (double)second, 0);
        ck_assert_int_ne(query_incident_at(store, 0)->state, INCIDENT_RESOLVED);
    }
    ck_assert_int_eq(process->verdict, VERDICT_LEAK);
    ck_assert_uint_eq(opened, 0);
    ck_assert_uint_eq(query_incident_count(store), 1);
}
END_TEST

START_TEST(an_opening_that_was_not_told_is_told_after_the_restart)
{
    write_boot_id("boot-1\n");
    hello(1, "fast");
    describe_program();
    leak_until(VERDICT_LEAK, LEVEL, RATE, 800);
    store_incident(store, query_incident_at(store, 0)->id)->is_told = false;
    notice_count = 0;
    restart(5);
    come_back();
    leak_on(LEVEL, RATE, 3);
    ck_assert_uint_eq(notice_count, 1);
    ck_assert_int_eq(notice_events[0], NOTICE_OPENED);
    restart(5);
    come_back();
    leak_on(LEVEL, RATE, 3);
    ck_assert_uint_eq(notice_count, 1);
}
END_TEST

START_TEST(what_was_resolved_by_hand_is_not_opened_again_by_a_restart)
{
    struct watch_request request = {.to = INCIDENT_RESOLVED, .by = "ada", .reason = "a cache"};

    leak_and_tell();
    ck_assert_int_eq(
        watch_request(watch, query_incident_at(store, 0)->id, &request, mono(), wall()), 0);
    restart(5);
    come_back();
    leak_until(VERDICT_LEAK, LEVEL, RATE, 800);
    leak_on(LEVEL, RATE, 90);
    ck_assert_uint_eq(query_incident_count(store), 1);
    ck_assert_int_eq(query_incident_at(store, 0)->state, INCIDENT_RESOLVED);
}
END_TEST

/* ---- ends that nobody saw ------------------------------------------------------------------ */

START_TEST(a_process_that_is_gone_leaves_its_end)
{
    const struct incident *incident;

    leak_and_tell();
    restart(30); /* no /proc/42/stat */
    tick();
    incident = query_incident_at(store, 0);
    ck_assert_int_eq(strncmp(incident->end, "ended before 2023-11-14 ", 24), 0);
    ck_assert_ptr_nonnull(strstr(incident->summary, "shop.py:42 handle()"));
    ck_assert_int_eq(incident->state, INCIDENT_OPEN);
    ck_assert_uint_eq(updated, 1);
    second += 25 * 60 * MINUTE;
    tick();
    ck_assert_int_eq(incident->state, INCIDENT_RESOLVED);
}
END_TEST

START_TEST(a_process_that_lives_is_waited_for)
{
    leak_and_tell();
    write_proc_stat('S', 7);
    restart(5);
    for (int i = 0; i < 100; i++)
        tick();
    ck_assert_str_eq(query_incident_at(store, 0)->end, "");
    write_proc_stat('S', 8); /* another process has the pid now */
    for (int i = 0; i < 11; i++)
        tick();
    ck_assert_str_ne(query_incident_at(store, 0)->end, "");
}
END_TEST

START_TEST(a_zombie_has_ended)
{
    leak_and_tell();
    write_proc_stat('Z', 7);
    restart(5);
    tick();
    ck_assert_str_ne(query_incident_at(store, 0)->end, "");
}
END_TEST

START_TEST(the_same_pid_and_start_after_a_reboot_is_another_process)
{
    leak_and_tell();
    write_proc_stat('S', 7);
    write_boot_id("boot-2\n");
    come_back();
    leak_on(LEVEL, RATE, 3);
    ck_assert_str_ne(query_incident_at(store, 0)->end, "");
}
END_TEST

START_TEST(another_program_in_the_same_process_does_not_inherit_the_incident)
{
    leak_and_tell();
    write_proc_stat('S', 7);
    restart(5);
    hello(2, "fast"); /* exec while leakd was away */
    describe_program();
    leak_on(LEVEL, RATE, 3);
    ck_assert_str_ne(query_incident_at(store, 0)->end, "");
    leak_until(VERDICT_LEAK, LEVEL, RATE, 800);
    ck_assert_uint_eq(query_incident_count(store), 2);
}
END_TEST

START_TEST(an_end_from_before_the_restart_stays_as_it_was)
{
    char end[160];

    leak_and_tell();
    store_set_state(store, process, PROCESS_OOM_KILLED, mono(), wall());
    tick();
    strcpy(end, query_incident_at(store, 0)->end);
    ck_assert_int_eq(strncmp(end, "OOM-killed at ", 14), 0);
    restart(30);
    for (int i = 0; i < 30; i++)
        tick();
    ck_assert_str_eq(query_incident_at(store, 0)->end, end);
    ck_assert_str_eq(query_incident_at(store, 0)->severity, "critical");
    ck_assert_uint_eq(updated, 0);
}
END_TEST

START_TEST(a_live_process_that_ends_after_the_restart_ends_its_incident)
{
    leak_and_tell();
    restart(5);
    come_back();
    leak_on(LEVEL, RATE, 10);
    store_set_state(store, process, PROCESS_KILLED, mono(), wall());
    tick();
    ck_assert_int_eq(strncmp(query_incident_at(store, 0)->end, "killed at ", 10), 0);
    ck_assert_uint_eq(query_incident_count(store), 1);
}
END_TEST

SUITE_MAIN_FIXTURE("watch_adopt", setup, teardown, an_incident_is_found_again_and_not_opened_twice,
                   the_evidence_is_that_of_before_the_restart,
                   growth_that_ended_meanwhile_resolves_it_once_that_is_sure,
                   a_leak_outside_of_live_bytes_is_not_over_because_they_are_calm,
                   an_opening_that_was_not_told_is_told_after_the_restart,
                   what_was_resolved_by_hand_is_not_opened_again_by_a_restart,
                   a_process_that_is_gone_leaves_its_end, a_process_that_lives_is_waited_for,
                   a_zombie_has_ended, the_same_pid_and_start_after_a_reboot_is_another_process,
                   another_program_in_the_same_process_does_not_inherit_the_incident,
                   an_end_from_before_the_restart_stays_as_it_was,
                   a_live_process_that_ends_after_the_restart_ends_its_incident)
