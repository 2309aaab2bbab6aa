/* SPDX-License-Identifier: MIT */
/* Prefork servers: one process, and workers that come from it and are recycled. */
#include "watch_fixture.h"
#include "tests/unit/suite.h"

#include "daemon/watch/private.h"

#define WORKERS 6

struct child {
    struct process *process;
    pid_t pid;
    uint64_t born;
};

static struct process *server;
static struct child children[WORKERS];
static pid_t last_pid;

/* The executable of a process that runs exe: one file for each name. */
static void write_exe(pid_t pid, const char *exe)
{
    char name[64], from[160], to[160];

    snprintf(name, sizeof(name), "exe-%.40s", strrchr(exe, '/') + 1);
    write_file(name, exe);
    snprintf(to, sizeof(to), "%.60s/%s", folder, name);
    snprintf(from, sizeof(from), "%.60s/%d/exe", folder, (int)pid);
    ck_assert_int_eq(symlink(to, from), 0);
}

static void write_process(pid_t pid, pid_t parent, const char *exe, const char *command)
{
    char path[128], text[160];

    snprintf(path, sizeof(path), "%s/%d", folder, (int)pid);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    snprintf(path, sizeof(path), "%d/stat", (int)pid);
    snprintf(text, sizeof(text), "%d (python3) S %d 1 1 0 0 0 0 0 0 0 1 1 0 0 20 0 1 0 7 0 0\n",
             (int)pid, (int)parent);
    write_file(path, text);
    snprintf(path, sizeof(path), "%d/cmdline", (int)pid);
    write_file(path, command);
    snprintf(path, sizeof(path), "%d/status", (int)pid);
    write_file(path, "Name:\tpython3\nUid:\t0\t0\t0\t0\n");
    write_exe(pid, exe);
}

static struct process *hello_child(pid_t parent, uint32_t capabilities, const char *exe,
                                   const char *command)
{
    pid_t pid = ++last_pid;
    struct process_identity identity = {.pid = pid, .start_ticks = 7, .instance = (uint64_t)pid};
    struct wire_hello record = {.protocol = 1,
                                .instance = (uint64_t)pid,
                                .sample_period_bytes = 524288,
                                .capabilities = WIRE_CAP_ZOOM | capabilities,
                                .exe = str(exe),
                                .runtime = str("cpython 3.11.2")};
    struct process *made;

    write_process(pid, parent, exe, command);
    ck_assert_int_eq(
        store_hello(store, &identity, &record, detect_profile_find("fast"), mono(), wall(), &made),
        0);
    return made;
}

static void start_server(void)
{
    last_pid = 100;
    server = hello(1, "fast");
    describe_program();
    write_file("42/cmdline", "gunicorn");
}

static struct child fork_worker(void)
{
    struct process *made = hello_child(42, WIRE_CAP_FORKED, "/usr/bin/python3", "gunicorn");

    return (struct child){made, last_pid, second};
}

static void end_worker(struct child *child)
{
    store_set_state(store, child->process, PROCESS_EXITED, mono(), wall());
    watch_process_ended(watch, child->process, mono(), wall());
}

/* One second of all: the server holds still, a worker of age a s holds live(a), at its site 1 what
 * it has leaked. */
static void serve(double (*live)(uint64_t age_s), double leaked_per_s, unsigned life_s)
{
    for (unsigned i = 0; i < WORKERS; i++) {
        struct child *child = &children[i];

        /* They are born one after the other, as a server with a jitter recycles them. */
        if (!child->process && second < i * life_s / WORKERS)
            continue;
        if (child->process && second - child->born >= life_s) {
            process = child->process;
            put_live(6 * MIB); /* the interpreter frees what it can before it ends */
            end_worker(child);
            child->process = NULL;
        }
        if (!child->process) {
            *child = fork_worker();
            process = child->process;
            describe_program();
        }
        process = child->process;
        put_live(live(second - child->born));
        put_site(1, leaked_per_s * (double)(second - child->born));
    }
    process = server;
    put_live(40 * MIB + 4096 * noise(second));
    tick();
}

/* Modules are loaded in the first seconds, garbage waits for the collector. */
static double innocent(uint64_t age_s)
{
    double warm = (age_s < 8 ? (double)age_s / 8 : 1) * 12 * MIB;

    return 40 * MIB + warm + (double)(age_s % 7) * 0.3 * MIB;
}

static double leaking(uint64_t age_s)
{
    return innocent(age_s) + RATE / 8 * (double)age_s;
}

static double leaking_fast(uint64_t age_s)
{
    return innocent(age_s) + RATE * (double)age_s;
}

static void begin(void)
{
    setup();
    memset(children, 0, sizeof(children));
    start_server();
}

START_TEST(a_leak_of_workers_that_are_recycled_is_seen_in_their_sum)
{
    for (unsigned i = 0; server->verdict != VERDICT_LEAK; i++) {
        ck_assert_uint_lt(i, 600);
        serve(leaking, RATE / 8, 60);
    }
    ck_assert_uint_ge(server->group.ended, 2);
    ck_assert(server->growth.known);
    /* Six workers at an eighth of the rate. */
    ck_assert_double_gt(server->growth.estimate, 0.6 * RATE * 6 / 8);
    ck_assert_double_lt(server->growth.estimate, 1.4 * RATE * 6 / 8);
    ck_assert_ptr_nonnull(strstr(server->summary, "workers together"));
    ck_assert(!server->time_to_limit.known);
}
END_TEST

START_TEST(its_line_is_named_from_the_samples_of_all_workers)
{
    for (unsigned i = 0; i < 400; i++)
        serve(leaking, RATE / 8, 60);
    ck_assert_uint_eq(opened, 1);
    ck_assert_str_eq(notice_culprit, "handle");
    ck_assert_str_eq(query_incident_at(store, 0)->process_id, server->id);
}
END_TEST

START_TEST(workers_that_only_warm_up_are_no_leak)
{
    for (unsigned i = 0; i < 1800; i++) {
        serve(innocent, 0, 60);
        ck_assert_int_ne(server->verdict, VERDICT_LEAK);
    }
    ck_assert_uint_eq(opened, 0);
}
END_TEST

START_TEST(workers_that_each_leak_alone_are_told_once)
{
    for (unsigned i = 0; i < 500; i++)
        serve(leaking_fast, RATE, 100000);
    ck_assert_int_eq(children[0].process->verdict, VERDICT_LEAK);
    ck_assert_uint_eq(opened, 1);
    ck_assert_uint_eq(notice_count, 1);
}
END_TEST

START_TEST(members_are_counted_once)
{
    for (unsigned i = 0; i < 130; i++)
        serve(innocent, 0, 60);
    ck_assert_uint_eq(server->group.members, WORKERS + 1);
    ck_assert_uint_ge(server->group.ended, WORKERS);
    ck_assert_str_eq(server->group.id, server->id);
    ck_assert_str_eq(children[3].process->group.id, server->id);
}
END_TEST

START_TEST(a_worker_started_by_multiprocessing_is_one)
{
    struct process *child;

    child =
        hello_child(42, 0, "/usr/bin/python3", "python3 -c from multiprocessing.spawn import x");
    tick();
    ck_assert_str_eq(child->group.id, server->id);
}
END_TEST

START_TEST(a_worker_of_a_worker_belongs_to_the_first)
{
    struct process *child, *grandchild;

    child = hello_child(42, WIRE_CAP_FORKED, "/usr/bin/python3", "");
    grandchild = hello_child(last_pid, WIRE_CAP_FORKED, "/usr/bin/python3", "");
    tick();
    ck_assert_str_eq(child->group.id, server->id);
    ck_assert_str_eq(grandchild->group.id, server->id);
}
END_TEST

START_TEST(other_programs_are_no_workers)
{
    struct process *other, *script, *tracker;

    other = hello_child(42, WIRE_CAP_FORKED, "/usr/bin/convert", "");
    script = hello_child(42, 0, "/usr/bin/python3", "python3 report.py");
    tracker = hello_child(42, 0, "/usr/bin/python3",
                          "python3 -c from multiprocessing.resource_tracker import main;main(7)");
    tick();
    ck_assert_str_eq(other->group.id, "");
    ck_assert_str_eq(script->group.id, "");
    ck_assert_str_eq(tracker->group.id, "");
}
END_TEST

START_TEST(a_worker_whose_server_has_ended_speaks_for_itself)
{
    for (unsigned i = 0; i < 60; i++)
        serve(leaking_fast, RATE, 100000);
    store_set_state(store, server, PROCESS_KILLED, mono(), wall());
    watch_process_ended(watch, server, mono(), wall());
    for (unsigned i = 0; opened == 0; i++) {
        ck_assert_uint_lt(i, 400);
        process = children[0].process;
        put_live(leaking_fast(second - children[0].born));
        tick();
    }
}
END_TEST

/* ---- a server that says nothing ---- */

#define SILENT 90

static struct process *silent;
static struct process *silent_worker;

static void fork_of_silent(void)
{
    write_process(SILENT, 1, "/usr/bin/python3", "uwsgi");
    silent_worker = hello_child(SILENT, WIRE_CAP_FORKED, "/usr/bin/python3", "uwsgi");
    hello_child(SILENT, WIRE_CAP_FORKED, "/usr/bin/python3", "uwsgi");
}

static void tick_for(unsigned seconds)
{
    for (unsigned i = 0; i < seconds; i++)
        tick();
    silent = store_process(store, "90-7");
}

START_TEST(workers_whose_server_says_nothing_belong_to_it_all_the_same)
{
    fork_of_silent();
    process = silent_worker;
    put_live(20 * MIB);
    tick_for(8);
    ck_assert_ptr_nonnull(silent);
    ck_assert_int_eq(silent->state, PROCESS_WATCHING);
    ck_assert(silent->is_silent);
    ck_assert_str_eq(silent->name, "python3");
    ck_assert_str_eq(silent->group.id, silent->id);
    ck_assert_str_eq(silent_worker->group.id, silent->id);
    ck_assert_uint_eq(silent->group.members, 2); /* the other one has no figures yet */
    ck_assert_uint_eq(silent->group.live_bytes, 20 * MIB);
}
END_TEST

START_TEST(a_server_that_says_nothing_tells_the_leak_of_its_workers)
{
    fork_of_silent();
    for (unsigned i = 0; opened == 0; i++) {
        ck_assert_uint_lt(i, 600);
        process = silent_worker;
        put_live(40 * MIB + RATE * (double)second);
        tick_for(1);
    }
    ck_assert_int_eq(silent->verdict, VERDICT_LEAK);
    ck_assert_str_eq(query_incident_at(store, 0)->process_id, silent->id);
}
END_TEST

/* What the pid of the silent one says at last. */
static struct process *hello_of_silent(uint64_t instance, const char *exe)
{
    struct process_identity identity = {.pid = SILENT, .start_ticks = 7, .instance = instance};
    struct wire_hello record = {.protocol = 1, .exe = str(exe)};
    struct process *spoken;

    ck_assert_int_eq(store_hello(store, &identity, &record, detect_profile_find("fast"), mono(),
                                 wall(), &spoken),
                     0);
    return spoken;
}

START_TEST(a_server_that_speaks_at_last_is_the_one_that_was_silent)
{
    struct process *spoken;

    fork_of_silent();
    tick_for(8);
    spoken = hello_of_silent(5, "/usr/bin/python3");
    ck_assert_ptr_eq(spoken, silent);
    ck_assert(!spoken->is_silent);
    ck_assert_uint_eq(spoken->identity.instance, 5);
    ck_assert_str_eq(spoken->reason, "");
    spoken = hello_of_silent(6, "/usr/bin/convert");
    ck_assert_str_eq(spoken->id, "90-7-2");
}
END_TEST

START_TEST(another_program_in_the_place_of_one_that_said_nothing_is_another)
{
    struct process *spoken;

    fork_of_silent();
    tick_for(8);
    spoken = hello_of_silent(5, "/usr/bin/convert");
    ck_assert_ptr_ne(spoken, silent);
    ck_assert_int_eq(silent->state, PROCESS_EXITED);
}
END_TEST

START_TEST(the_end_of_a_server_that_said_nothing_is_noticed)
{
    char command[128];

    fork_of_silent();
    tick_for(8);
    snprintf(command, sizeof(command), "rm -r %s/%d", folder, SILENT);
    ck_assert_int_eq(system(command), 0);
    tick_for(1);
    ck_assert_int_eq(silent->state, PROCESS_EXITED);
    ck_assert_ptr_null(group_first(store, silent_worker));
}
END_TEST

START_TEST(a_proc_that_cannot_be_read_for_once_ends_nobody)
{
    char command[160];

    fork_of_silent();
    tick_for(8);
    snprintf(command, sizeof(command), "cd %s/%d && mv stat was && mkdir stat", folder, SILENT);
    ck_assert_int_eq(system(command), 0);
    tick_for(3);
    ck_assert_int_eq(silent->state, PROCESS_WATCHING);
    snprintf(command, sizeof(command), "cd %s/%d && rmdir stat && mv was stat", folder, SILENT);
    ck_assert_int_eq(system(command), 0);
    tick_for(1);
    ck_assert_int_eq(silent->state, PROCESS_WATCHING);
}
END_TEST

START_TEST(a_full_store_has_no_room_for_who_says_nothing)
{
    const struct store_limits limits = {.processes_max = 1, .exited_retention_ms = 60000};
    struct process_identity identity = {.pid = 7, .start_ticks = 7, .instance = 7};
    struct wire_hello record = {.protocol = 1, .exe = str("/usr/bin/python3")};
    struct process *child, *made = NULL;
    struct store *full;

    ck_assert_int_eq(store_new(&limits, &full), 0);
    ck_assert_int_eq(
        store_hello(full, &identity, &record, detect_profile_find("fast"), 1, 1, &child), 0);
    store_set_state(full, child, PROCESS_LOST, 2, 2);
    ck_assert_int_eq(store_put_silent(full, child, 6, 5, 3, 3, &made), -ENOSPC);
    ck_assert_ptr_eq(store_process_at(full, 0), child);
    store_free(full);
}
END_TEST

START_TEST(a_leak_is_not_over_while_the_only_worker_is_recycled)
{
    fork_of_silent();
    for (unsigned i = 0; opened == 0; i++) {
        ck_assert_uint_lt(i, 600);
        process = silent_worker;
        put_live(40 * MIB + RATE * (double)second);
        tick_for(1);
    }
    ck_assert_double_eq_tol(silent->group.base_bytes, 40 * MIB, 10 * MIB);
    store_set_state(store, silent_worker, PROCESS_EXITED, mono(), wall());
    watch_process_ended(watch, silent_worker, mono(), wall());
    tick_for(5);
    ck_assert_int_eq(silent->verdict, VERDICT_LEAK);
    ck_assert_int_ne(query_incident_at(store, 0)->state, INCIDENT_RESOLVED);
}
END_TEST

START_TEST(workers_that_give_back_and_then_leak_are_told_of)
{
    fork_of_silent();
    for (unsigned i = 0; opened == 0; i++) {
        ck_assert_uint_lt(i, 1500);
        process = silent_worker;
        put_live(i < 200 ? 80 * MIB : 20 * MIB + RATE * (double)(i - 200));
        tick_for(1);
    }
    ck_assert_int_eq(silent->verdict, VERDICT_LEAK);
}
END_TEST

START_TEST(who_takes_in_orphans_is_no_server)
{
    struct process *orphan, *foreign;

    write_process(SILENT, 1, "/usr/lib/systemd", "systemd --user");
    orphan = hello_child(SILENT, WIRE_CAP_FORKED, "/usr/bin/python3", "");
    write_process(SILENT + 1, 1, "/usr/bin/python3", "");
    write_file("91/status", "Name:\tpython3\nUid:\t33\t33\t33\t33\n");
    foreign = hello_child(SILENT + 1, WIRE_CAP_FORKED, "/usr/bin/python3", "");
    tick_for(30);
    ck_assert_str_eq(orphan->group.id, "");
    ck_assert_str_eq(foreign->group.id, "");
    ck_assert_ptr_null(silent);
}
END_TEST

START_TEST(workers_of_a_forkserver_that_says_nothing_belong_to_the_pool)
{
    struct process *worker;

    write_process(SILENT, 42, "/usr/bin/python3",
                  "python3 -c from multiprocessing.forkserver import main; main(11)");
    worker = hello_child(SILENT, WIRE_CAP_FORKED, "/usr/bin/python3",
                         "python3 -c from multiprocessing.forkserver import main; main(11)");
    process = worker;
    put_live(20 * MIB);
    tick_for(8);
    ck_assert_str_eq(worker->group.id, server->id);
    ck_assert_str_eq(silent->group.id, server->id);
    ck_assert_uint_eq(server->group.members, 3);
}
END_TEST

START_TEST(a_pool_that_says_nothing_is_met_by_way_of_its_forkserver)
{
    struct process *worker, *pool;

    write_process(SILENT, 89, "/usr/bin/python3",
                  "python3 -c from multiprocessing.forkserver import main; main(11)");
    write_process(89, 88, "/usr/bin/python3", "python3 pool.py");
    write_process(88, 1, "/usr/bin/python3", "python3 starts_pools.py");
    worker = hello_child(SILENT, WIRE_CAP_FORKED, "/usr/bin/python3",
                         "python3 -c from multiprocessing.forkserver import main; main(11)");
    tick_for(8);
    pool = store_process(store, "89-7");
    ck_assert_ptr_nonnull(pool);
    ck_assert_str_eq(worker->group.id, pool->id);
    ck_assert_str_eq(silent->group.id, pool->id);
    ck_assert_ptr_null(store_process(store, "88-7"));
}
END_TEST

SUITE_MAIN_FIXTURE(
    "watch_group", begin, teardown, a_leak_of_workers_that_are_recycled_is_seen_in_their_sum,
    its_line_is_named_from_the_samples_of_all_workers, workers_that_only_warm_up_are_no_leak,
    workers_that_each_leak_alone_are_told_once, members_are_counted_once,
    a_worker_started_by_multiprocessing_is_one, a_worker_of_a_worker_belongs_to_the_first,
    other_programs_are_no_workers, a_worker_whose_server_has_ended_speaks_for_itself,
    workers_whose_server_says_nothing_belong_to_it_all_the_same,
    a_server_that_says_nothing_tells_the_leak_of_its_workers,
    a_server_that_speaks_at_last_is_the_one_that_was_silent,
    another_program_in_the_place_of_one_that_said_nothing_is_another,
    the_end_of_a_server_that_said_nothing_is_noticed,
    a_proc_that_cannot_be_read_for_once_ends_nobody, a_full_store_has_no_room_for_who_says_nothing,
    a_leak_is_not_over_while_the_only_worker_is_recycled,
    workers_that_give_back_and_then_leak_are_told_of, who_takes_in_orphans_is_no_server,
    workers_of_a_forkserver_that_says_nothing_belong_to_the_pool,
    a_pool_that_says_nothing_is_met_by_way_of_its_forkserver)
