/* SPDX-License-Identifier: MIT */
/* One leak in several processes of a unit: one incident, one notice. */
#include "tests/unit/suite.h"

#include "tests/unit/daemon/watch_fixture.h"

#include "daemon/base/buf.h"
#include "daemon/store/incident_text.h"

#define PROGRAMS_MAX 20
#define LEAK_S       700 /* after that a leak is known, named and told */
#define CALM_S       700
#define NO_SITE      0

struct program {
    struct process *process;
    pid_t pid;
    unsigned culprit; /* its site that leaks, 1 or 4, or NO_SITE */
    double leaked;
    double rate; /* bytes a second; 0: calm */
};

static struct program programs[PROGRAMS_MAX];
static size_t program_count;

static void say_hello(struct program *program, const char *unit)
{
    struct process_identity identity = {
        .pid = program->pid, .start_ticks = 7, .instance = (uint64_t)program->pid};
    struct wire_hello record = {.protocol = 1,
                                .instance = (uint64_t)program->pid,
                                .sample_period_bytes = 65536,
                                .capabilities = WIRE_CAP_PYTHON | WIRE_CAP_ZOOM,
                                .exe = str("/usr/bin/python3"),
                                .runtime = str("cpython 3.11.2")};

    ck_assert_int_eq(store_hello(store, &identity, &record, detect_profile_find("fast"), mono(),
                                 wall(), &program->process),
                     0);
    process = program->process;
    if (unit)
        store_put_unit(store, process, unit);
    describe_program();
    put_name(7, "prefetch");
    put_python_site(4, 7, 4, 11);
}

static struct program *start(const char *unit, unsigned culprit)
{
    struct program *program = &programs[program_count];

    ck_assert_uint_lt(program_count, PROGRAMS_MAX);
    *program =
        (struct program){.pid = (pid_t)(100 + program_count), .culprit = culprit, .rate = RATE};
    program_count++;
    say_hello(program, unit);
    return program;
}

static void begin(void)
{
    program_count = 0;
    opened = updated = resolved = notice_count = zooms = calms = 0;
}

/* The leak hangs in the site that leaks; the other one is as steady as site 2. */
static void say(struct program *program)
{
    double leaked = program->leaked;

    process = program->process;
    program->leaked += program->rate;
    put_live(LEVEL + leaked + 4096 * noise(second));
    if (zooms == 0 || program->culprit == NO_SITE)
        return;
    put_site(program->culprit, leaked);
    put_site(2, 3 * MIB);
    put_site(program->culprit == 1 ? 4 : 1, MIB);
}

static void run(unsigned seconds)
{
    for (unsigned i = 0; i < seconds; i++) {
        for (size_t at = 0; at < program_count; at++) {
            if (programs[at].process && programs[at].process->ended_mono_ms == 0)
                say(&programs[at]);
        }
        tick();
    }
}

static void end(struct program *program, enum process_state state)
{
    store_set_state(store, program->process, state, mono(), wall());
    watch_process_ended(watch, program->process, mono(), wall());
}

static const struct incident *incident_at(size_t index)
{
    ck_assert_uint_lt(index, query_incident_count(store));
    return query_incident_at(store, index);
}

static enum member_state state_of(const struct incident *incident, const char *process_id)
{
    const struct incident_member *member = incident_member(incident, process_id);

    ck_assert_ptr_nonnull(member);
    return member->state;
}

static unsigned notices_of(enum notice_event event)
{
    unsigned count = 0;

    for (unsigned i = 0; i < notice_count; i++)
        count += notice_events[i] == event;
    return count;
}

static void make_store(void)
{
    struct store_limits limits = {.processes_max = 40, .exited_retention_ms = 60000};
    struct watch_hooks hooks = {
        .on_zoom = on_zoom, .on_incident = on_incident, .notify = on_notice};
    struct procfs fs = {folder, folder};

    watch_free(watch);
    store_free(store);
    ck_assert_int_eq(store_new(&limits, &store), 0);
    ck_assert_int_eq(watch_new(store, &fs, &hooks, &watch), 0);
}

/* Incidents go through their text; agents are back when they are connected. */
static void restart_leakd(void)
{
    struct incident *incident;
    char *texts[4];
    size_t count = query_incident_count(store);

    ck_assert_uint_le(count, 4);
    for (size_t i = 0; i < count; i++) {
        struct buf text;

        buf_init(&text, 1 << 20);
        incident_write(query_incident_at(store, i), &text);
        texts[i] = buf_take(&text, NULL);
    }
    make_store();
    for (size_t i = 0; i < count; i++) {
        ck_assert_int_eq(incident_read(texts[i], strlen(texts[i]), &incident), 0);
        ck_assert_int_eq(store_restore_incident(store, incident), 0);
        free(texts[i]);
    }
    for (size_t i = 0; i < program_count; i++)
        programs[i].process = NULL;
    watch_restored(watch, mono());
    zooms = calms = 0;
}

static void write_alive(const struct program *program)
{
    char path[128], text[160];

    snprintf(path, sizeof(path), "%s/%d", folder, (int)program->pid);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    snprintf(path, sizeof(path), "%d/stat", (int)program->pid);
    snprintf(text, sizeof(text), "%d (python3) S 1 1 1 0 0 0 0 0 0 0 1 1 0 0 20 0 1 0 7 0 0\n",
             (int)program->pid);
    write_file(path, text);
}

static void two_that_leak_alike(void)
{
    begin();
    start("shop.service", 1);
    start("shop.service", 1);
    run(LEAK_S);
}

START_TEST(two_workers_of_a_unit_with_one_leak_are_one_incident_and_one_notice)
{
    const struct incident *incident;

    two_that_leak_alike();
    ck_assert_uint_eq(query_incident_count(store), 1);
    ck_assert_uint_eq(opened, 1);
    ck_assert_uint_eq(notice_count, 1);
    incident = incident_at(0);
    ck_assert(!incident->is_provisional);
    ck_assert_uint_eq(incident->process_count, 2);
    ck_assert_uint_eq(incident->member_count, 2);
    ck_assert_int_eq(state_of(incident, programs[0].process->id), MEMBER_GROWING);
    ck_assert_int_eq(state_of(incident, programs[1].process->id), MEMBER_GROWING);
    ck_assert_int_eq(incident->members[1].pid, programs[1].pid);
}
END_TEST

START_TEST(one_that_begins_later_joins_and_nobody_is_paged_again)
{
    begin();
    start("shop.service", 1);
    run(LEAK_S);
    ck_assert_uint_eq(notice_count, 1);
    start("shop.service", 1);
    run(LEAK_S);
    ck_assert_uint_eq(query_incident_count(store), 1);
    ck_assert_uint_eq(notice_count, 1);
    ck_assert_uint_eq(incident_at(0)->process_count, 2);
    ck_assert_str_eq(incident_at(0)->process_id, programs[0].process->id);
}
END_TEST

START_TEST(a_silenced_incident_is_joined_as_well)
{
    struct watch_request request = {.to = INCIDENT_SILENCED, .by = "ada", .reason = "known"};

    begin();
    start("shop.service", 1);
    run(LEAK_S);
    ck_assert_int_eq(watch_request(watch, incident_at(0)->id, &request, mono(), wall()), 0);
    start("shop.service", 1);
    run(LEAK_S);
    ck_assert_uint_eq(query_incident_count(store), 1);
    ck_assert_uint_eq(notice_count, 1);
    ck_assert_int_eq(incident_at(0)->state, INCIDENT_SILENCED);
}
END_TEST

START_TEST(another_culprit_in_the_same_unit_is_another_incident)
{
    begin();
    start("shop.service", 1);
    start("shop.service", 4);
    run(LEAK_S);
    ck_assert_uint_eq(query_incident_count(store), 2);
    ck_assert_str_ne(incident_at(0)->fingerprint, incident_at(1)->fingerprint);
    ck_assert(!incident_at(0)->is_provisional && !incident_at(1)->is_provisional);
    ck_assert_uint_eq(notices_of(NOTICE_OPENED), 2);
    ck_assert_uint_eq(incident_at(0)->process_count, 1);
}
END_TEST

START_TEST(different_units_are_different_incidents)
{
    begin();
    start("shop.service", 1);
    start("mail.service", 1);
    start(NULL, 1);
    run(LEAK_S);
    ck_assert_uint_eq(query_incident_count(store), 3);
    ck_assert_str_eq(incident_at(0)->fingerprint, incident_at(1)->fingerprint);
    ck_assert_uint_eq(notices_of(NOTICE_OPENED), 3);
}
END_TEST

START_TEST(without_units_the_same_program_counts)
{
    begin();
    start(NULL, 1);
    start(NULL, 1);
    run(LEAK_S);
    ck_assert_uint_eq(query_incident_count(store), 1);
    ck_assert_uint_eq(incident_at(0)->process_count, 2);
}
END_TEST

START_TEST(the_end_of_one_does_not_resolve_what_another_goes_on_with)
{
    const struct incident *incident;

    two_that_leak_alike();
    end(&programs[0], PROCESS_EXITED);
    run(30);
    incident = incident_at(0);
    ck_assert_int_eq(incident->state, INCIDENT_OPEN);
    ck_assert_str_eq(incident->end, "");
    ck_assert_str_eq(incident->process_id, programs[1].process->id); /* it speaks of who lives */
    ck_assert_int_eq(incident->pid, programs[1].pid);
    ck_assert_int_eq(state_of(incident, "100-7"), MEMBER_EXITED);
    ck_assert_ptr_nonnull(strstr(incident->summary, "handle()"));
    ck_assert_uint_ge(incident->site_count, 1);
    ck_assert_uint_eq(resolved, 0);
    ck_assert_uint_eq(notice_count, 1);
}
END_TEST

START_TEST(when_all_have_ended_it_is_resolved_once)
{
    two_that_leak_alike();
    end(&programs[1], PROCESS_EXITED);
    run(30);
    ck_assert_uint_eq(resolved, 0);
    end(&programs[0], PROCESS_EXITED);
    run(30);
    ck_assert_uint_eq(resolved, 1);
    ck_assert_int_eq(incident_at(0)->state, INCIDENT_RESOLVED);
    ck_assert_uint_eq(notices_of(NOTICE_RESOLVED), 1);
    ck_assert_uint_eq(notice_count, 2);
    ck_assert_uint_eq(query_incident_count(store), 1);
}
END_TEST

START_TEST(when_none_grows_any_more_it_is_resolved_once)
{
    two_that_leak_alike();
    programs[0].rate = 0;
    run(CALM_S);
    ck_assert_int_eq(state_of(incident_at(0), programs[0].process->id), MEMBER_CALM);
    ck_assert_int_eq(incident_at(0)->state, INCIDENT_OPEN);
    ck_assert_str_eq(incident_at(0)->process_id, programs[1].process->id);
    programs[1].rate = 0;
    run(CALM_S);
    ck_assert_int_eq(incident_at(0)->state, INCIDENT_RESOLVED);
    ck_assert_uint_eq(resolved, 1);
    ck_assert_uint_eq(notice_count, 2);
    start("shop.service", 1); /* it is over, so this is a new one */
    run(LEAK_S);
    ck_assert_uint_eq(query_incident_count(store), 2);
}
END_TEST

START_TEST(an_oom_kill_of_one_is_critical_for_all)
{
    two_that_leak_alike();
    end(&programs[0], PROCESS_OOM_KILLED);
    run(30);
    ck_assert_int_eq(incident_at(0)->state, INCIDENT_OPEN);
    ck_assert_str_eq(incident_at(0)->severity, "critical");
    ck_assert_int_eq(state_of(incident_at(0), "100-7"), MEMBER_OOM_KILLED);
    ck_assert_uint_eq(notices_of(NOTICE_ESCALATED), 1);
    ck_assert_uint_eq(notice_count, 2);
    end(&programs[1], PROCESS_KILLED);
    run(30);
    ck_assert_int_eq(strncmp(incident_at(0)->end, "killed at ", 10), 0);
    ck_assert_int_eq(incident_at(0)->state, INCIDENT_OPEN); /* as after every kill */
    ck_assert_uint_eq(notice_count, 2);
}
END_TEST

/* Next to one that leaks: a second whose leak is known since this second, its place is not: its
 * site is heard of from a second of its life on, and it takes 113 s until that is sure. */
static struct program *leak_without_a_name(unsigned heard_from_s)
{
    struct program *program;

    begin();
    start("shop.service", 1);
    run(LEAK_S);
    program = start("shop.service", NO_SITE);
    while (program->process->verdict != VERDICT_LEAK) {
        ck_assert_double_lt(program->leaked, LEAK_S * RATE);
        if (program->leaked >= heard_from_s * RATE)
            program->culprit = 1;
        run(1);
    }
    ck_assert_uint_eq(query_incident_count(store), 1);
    ck_assert_uint_eq(incident_at(0)->process_count, 1);
    return program;
}

START_TEST(one_whose_leak_gets_its_name_in_time_joins)
{
    leak_without_a_name(30);
    run(60);
    ck_assert_uint_eq(query_incident_count(store), 1);
    ck_assert_uint_eq(incident_at(0)->process_count, 2);
    ck_assert_uint_eq(notice_count, 1);
}
END_TEST

START_TEST(one_whose_leak_gets_no_name_is_told_for_itself)
{
    leak_without_a_name(100);
    run(30);
    ck_assert_uint_eq(query_incident_count(store), 2);
    ck_assert(incident_at(0)->is_provisional);
    ck_assert_uint_eq(notices_of(NOTICE_OPENED), 2);
    run(200); /* too late: people were told of both */
    ck_assert_int_eq(incident_at(0)->state, INCIDENT_OPEN);
    ck_assert_uint_eq(incident_at(1)->process_count, 1);
}
END_TEST

START_TEST(one_that_ends_before_its_leak_has_a_name_leaves_its_own_evidence)
{
    end(leak_without_a_name(LEAK_S), PROCESS_KILLED);
    run(1);
    ck_assert_uint_eq(query_incident_count(store), 2);
    ck_assert_int_eq(strncmp(incident_at(0)->end, "killed at ", 10), 0);
    ck_assert_str_eq(incident_at(0)->process_id, "101-7");
    ck_assert_str_eq(incident_at(1)->end, "");
}
END_TEST

START_TEST(a_restart_forgets_neither_the_incident_nor_who_has_it)
{
    const struct incident *incident;

    two_that_leak_alike();
    write_alive(&programs[0]);
    write_alive(&programs[1]);
    restart_leakd();
    say_hello(&programs[1], "shop.service"); /* the first is late */
    run(20);
    incident = incident_at(0);
    ck_assert_uint_eq(incident->process_count, 2);
    ck_assert_int_eq(state_of(incident, "100-7"), MEMBER_GROWING);
    say_hello(&programs[0], "shop.service");
    run(LEAK_S);
    ck_assert_uint_eq(query_incident_count(store), 1);
    ck_assert_uint_eq(notice_count, 1);
    ck_assert_uint_eq(incident->process_count, 2);
    end(&programs[0], PROCESS_EXITED);
    run(30);
    ck_assert_int_eq(incident->state, INCIDENT_OPEN);
    end(&programs[1], PROCESS_EXITED);
    run(1);
    ck_assert_int_eq(incident->state, INCIDENT_RESOLVED);
    ck_assert_uint_eq(resolved, 1);
}
END_TEST

START_TEST(one_that_was_gone_after_a_restart_leaves_it_to_the_other)
{
    const struct incident *incident;

    two_that_leak_alike();
    write_alive(&programs[1]);
    restart_leakd();
    run(1); /* nobody is back; of the first there is no trace */
    incident = incident_at(0);
    ck_assert_int_eq(state_of(incident, "100-7"), MEMBER_UNKNOWN);
    ck_assert_str_eq(incident->end, "");
    ck_assert_str_eq(incident->process_id, "101-7");
    say_hello(&programs[1], "shop.service");
    run(LEAK_S);
    ck_assert_int_eq(incident->state, INCIDENT_OPEN);
    ck_assert_uint_eq(query_incident_count(store), 1);
    programs[1].rate = 0;
    run(CALM_S);
    ck_assert_int_eq(incident->state, INCIDENT_RESOLVED);
    ck_assert_uint_eq(notice_count, 2);
}
END_TEST

START_TEST(what_was_resolved_by_hand_stays_so_for_all_that_had_it)
{
    struct watch_request request = {.to = INCIDENT_RESOLVED, .by = "ada", .reason = "a cache"};

    two_that_leak_alike();
    ck_assert_int_eq(watch_request(watch, incident_at(0)->id, &request, mono(), wall()), 0);
    run(60);
    ck_assert_uint_eq(query_incident_count(store), 1);
    restart_leakd();
    say_hello(&programs[0], "shop.service");
    say_hello(&programs[1], "shop.service");
    run(LEAK_S);
    ck_assert_uint_eq(query_incident_count(store), 1);
    ck_assert_int_eq(incident_at(0)->state, INCIDENT_RESOLVED);
}
END_TEST

START_TEST(more_than_the_list_holds_are_counted_and_followed)
{
    const struct incident *incident;

    begin();
    make_store();
    for (unsigned i = 0; i < INCIDENT_MEMBERS_MAX + 2; i++)
        start("shop.service", 1);
    run(LEAK_S);
    ck_assert_uint_eq(query_incident_count(store), 1);
    incident = incident_at(0);
    ck_assert_uint_eq(incident->process_count, INCIDENT_MEMBERS_MAX + 2);
    ck_assert_uint_eq(incident->member_count, INCIDENT_MEMBERS_MAX);
    for (unsigned i = 0; i < INCIDENT_MEMBERS_MAX; i++)
        end(&programs[i], PROCESS_EXITED);
    run(1);
    ck_assert_int_eq(incident->state, INCIDENT_OPEN); /* the two beyond go on */
    ck_assert_int_eq(state_of(incident, programs[16].process->id), MEMBER_GROWING);
    ck_assert_int_eq(state_of(incident, programs[17].process->id), MEMBER_GROWING);
    end(&programs[16], PROCESS_EXITED);
    end(&programs[17], PROCESS_EXITED);
    ck_assert_int_eq(incident->state, INCIDENT_RESOLVED);
    ck_assert_uint_eq(notice_count, 2);
}
END_TEST

SUITE_MAIN_FIXTURE("watch_member", setup, teardown,
                   two_workers_of_a_unit_with_one_leak_are_one_incident_and_one_notice,
                   one_that_begins_later_joins_and_nobody_is_paged_again,
                   a_silenced_incident_is_joined_as_well,
                   another_culprit_in_the_same_unit_is_another_incident,
                   different_units_are_different_incidents, without_units_the_same_program_counts,
                   the_end_of_one_does_not_resolve_what_another_goes_on_with,
                   when_all_have_ended_it_is_resolved_once,
                   when_none_grows_any_more_it_is_resolved_once,
                   an_oom_kill_of_one_is_critical_for_all,
                   one_whose_leak_gets_its_name_in_time_joins,
                   one_whose_leak_gets_no_name_is_told_for_itself,
                   one_that_ends_before_its_leak_has_a_name_leaves_its_own_evidence,
                   a_restart_forgets_neither_the_incident_nor_who_has_it,
                   one_that_was_gone_after_a_restart_leaves_it_to_the_other,
                   what_was_resolved_by_hand_stays_so_for_all_that_had_it,
                   more_than_the_list_holds_are_counted_and_followed)
