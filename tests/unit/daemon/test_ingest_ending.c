/* SPDX-License-Identifier: MIT */
/* How processes end, with real ones: told by the kernel, by a BYE, by silence. */
#include "tests/unit/suite.h"

#include "tests/unit/daemon/ingest_fixture.h"

/* ---- ends ---------------------------------------------------------------------------------- */

/* A process of its own that says hello, and then lives until told what to do by a byte. */
static pid_t spawn_agent(bool bye, int *control)
{
    int pair[2];
    pid_t pid;

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        struct wire_bye last = {.reason = WIRE_BYE_EXIT};
        int fd = connect_agent();
        struct wire_wr wr;
        char byte;

        close(pair[0]);
        say_hello(fd, (uint64_t)getpid());
        if (read(pair[1], &byte, 1) != 1)
            _exit(9);
        wire_wr_init(&wr, bytes, sizeof(bytes));
        put_totals(&wr, 1000);
        if (bye)
            wire_put_bye(&wr, &last);
        write_all(fd, &wr);
        if (byte == 'k')
            raise(SIGKILL);
        if (byte == 's')
            raise(SIGUSR1);
        signal(SIGTERM, SIG_DFL); /* libcheck has a handler */
        if (byte == 't')
            raise(SIGTERM);
        _exit(3);
    }
    close(pair[1]);
    *control = pair[0];
    return pid;
}

static enum process_state end_of_agent(bool bye, char how)
{
    int control;
    pid_t pid;

    start();
    pid = spawn_agent(bye, &control);
    run_until(only_process());
    ck_assert_int_eq(only_process()->identity.pid, pid);
    ck_assert_int_eq(write(control, &how, 1), 1);
    ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
    run_until(only_process()->state != PROCESS_WATCHING);
    ck_assert_uint_eq(only_process()->live_bytes, 1000); /* its last word was heard */
    close(control);
    return only_process()->state;
}

/* True where the kernel tells how a process ended, which it does from 6.15 on. */
static bool kernel_tells(void)
{
    struct ending ending;
    pid_t pid = fork();
    int pair[2], pidfd;
    bool tells;

    if (pid == 0)
        pause();
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    close(pair[0]);
    pidfd = ending_open_pidfd(pair[0], pid);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    tells = ending_read(pidfd, &ending) == 0;
    if (tells)
        ck_assert(ending.by_signal && ending.code == SIGKILL);
    close(pidfd);
    close(pair[1]);
    return tells;
}

START_TEST(bye_and_exit_is_exited)
{
    ck_assert_int_eq(end_of_agent(true, 'e'), PROCESS_EXITED);
}
END_TEST

START_TEST(a_signal_is_killed)
{
    ck_assert_int_eq(end_of_agent(false, 'k'), PROCESS_KILLED);
}
END_TEST

START_TEST(exit_without_bye_is_exited_where_the_kernel_tells)
{
    ck_assert_int_eq(end_of_agent(false, 'e'), kernel_tells() ? PROCESS_EXITED : PROCESS_KILLED);
}
END_TEST

START_TEST(a_crash_after_bye_is_killed_where_the_kernel_tells)
{
    ck_assert_int_eq(end_of_agent(true, 's'), kernel_tells() ? PROCESS_KILLED : PROCESS_EXITED);
}
END_TEST

START_TEST(a_request_to_stop_is_exited_where_the_kernel_tells)
{
    ck_assert_int_eq(end_of_agent(false, 't'), kernel_tells() ? PROCESS_EXITED : PROCESS_KILLED);
}
END_TEST

/* A living process that has said hello, and its connection. */
static const struct process *greeted(int *fd)
{
    start();
    *fd = connect_agent();
    say_hello(*fd, 1);
    run_until(only_process());
    return only_process();
}

START_TEST(a_lost_connection_is_lost_only_after_a_while_and_may_come_back)
{
    int fd;
    const struct process *process = greeted(&fd);

    close(fd);
    run_until(stats().connected == 0);
    ck_assert_int_eq(process->state, PROCESS_WATCHING);
    ingest_sweep(ingest, clock_mono_ms() + PEER_AWAY_MAX_MS + 1000);
    ck_assert_int_eq(process->state, PROCESS_LOST);
    fd = connect_agent();
    say_hello(fd, 1);
    run_until(process->state == PROCESS_WATCHING);
    ck_assert_ptr_eq(only_process(), process);
    close(fd);
}
END_TEST

/* What becomes of a living process that says good-bye, perhaps goes on, and then closes its connection. */
static enum process_state state_after_bye(bool goes_on)
{
    int fd;
    const struct process *process = greeted(&fd);
    struct wire_wr wr;

    wire_wr_init(&wr, bytes, sizeof(bytes));
    wire_put_bye(&wr, &(struct wire_bye){.reason = WIRE_BYE_EXIT});
    if (goes_on)
        put_totals(&wr, 1000);
    write_all(fd, &wr);
    close(fd);
    run_until(stats().connected == 0);
    ck_assert_int_eq(process->state, PROCESS_WATCHING);
    ingest_sweep(ingest, clock_mono_ms() + PEER_AWAY_MAX_MS + 1000);
    return process->state;
}

START_TEST(a_closed_connection_after_bye_is_an_end)
{
    ck_assert_int_eq(state_after_bye(false), PROCESS_EXITED);
}
END_TEST

START_TEST(totals_take_a_bye_back)
{
    ck_assert_int_eq(state_after_bye(true), PROCESS_LOST);
}
END_TEST

START_TEST(exec_is_the_end_of_the_old_program)
{
    int old, fresh;

    start();
    old = connect_agent();
    say_hello(old, 1);
    run_until(query_process_count(store) == 1);
    close(old);
    fresh = connect_agent();
    say_hello(fresh, 2);
    run_until(query_process_count(store) == 2);
    ck_assert_int_eq(query_process_at(store, 0)->state, PROCESS_EXITED);
    ck_assert_int_eq(query_process_at(store, 1)->state, PROCESS_WATCHING);
    ingest_sweep(ingest, clock_mono_ms() + 60000);
    ck_assert_int_eq(query_process_at(store, 1)->state, PROCESS_WATCHING);
    close(fresh);
}
END_TEST

START_TEST(a_new_connection_of_the_same_program_replaces_the_old_one)
{
    int old, fresh;

    start();
    old = connect_agent();
    say_hello(old, 1);
    run_until(query_process_count(store) == 1);
    fresh = connect_agent();
    say_hello(fresh, 1);
    run_until(is_closed(old));
    ingest_sweep(ingest, clock_mono_ms() + 60000);
    ck_assert_int_eq(only_process()->state, PROCESS_WATCHING);
    close(old);
    close(fresh);
}
END_TEST

/* ---- OOM counters -------------------------------------------------------------------------- */

static void write_file(const char *name, const char *text)
{
    char path[256];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    fputs(text, file);
    fclose(file);
}

static void make_folder(const char *name)
{
    char path[256];

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    ck_assert_int_eq(mkdir(path, 0700), 0);
}

static void remove_tree(void)
{
    char command[256];

    snprintf(command, sizeof(command), "rm -rf %s/*", folder);
    ck_assert_int_eq(system(command), 0);
}

START_TEST(an_oom_kill_is_seen_in_cgroup_v2_even_when_the_group_is_gone)
{
    struct procfs fs = {folder, folder};
    struct oom_mark mark;
    char path[256];

    make_folder("42");
    make_folder("a");
    make_folder("a/b");
    write_file("42/cgroup", "0::/a/b\n");
    write_file("a/memory.events", "low 0\noom 1\noom_kill 3\n");
    write_file("a/b/memory.events", "low 0\noom 0\noom_kill 0\n");
    oom_mark_read(&fs, 42, &mark);
    ck_assert(!oom_mark_rose(&mark));
    write_file("a/b/memory.events", "low 0\noom 1\noom_kill 1\n");
    ck_assert(oom_mark_rose(&mark));
    snprintf(path, sizeof(path), "%s/a/b/memory.events", folder);
    unlink(path);
    ck_assert(!oom_mark_rose(&mark));
    write_file("a/memory.events", "low 0\noom 1\noom_kill 4\n");
    ck_assert(oom_mark_rose(&mark));
    oom_mark_done(&mark);
    remove_tree();
}
END_TEST

START_TEST(an_oom_kill_is_seen_in_cgroup_v1)
{
    struct procfs fs = {folder, folder};
    struct oom_mark mark;

    make_folder("42");
    make_folder("memory");
    make_folder("memory/a");
    write_file("42/cgroup", "5:cpu,cpuacct:/x\n4:memory:/a\n0::/\n");
    write_file("memory/a/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 7\n");
    oom_mark_read(&fs, 42, &mark);
    ck_assert(!oom_mark_rose(&mark));
    write_file("memory/a/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 8\n");
    ck_assert(oom_mark_rose(&mark));
    oom_mark_done(&mark);
    oom_mark_read(&fs, 43, &mark);
    ck_assert(!oom_mark_rose(&mark));
    remove_tree();
}
END_TEST

SUITE_MAIN_WITHIN("ingest_ending", 30, setup, teardown, bye_and_exit_is_exited, a_signal_is_killed,
                  a_closed_connection_after_bye_is_an_end, totals_take_a_bye_back,
                  exit_without_bye_is_exited_where_the_kernel_tells,
                  a_crash_after_bye_is_killed_where_the_kernel_tells,
                  a_request_to_stop_is_exited_where_the_kernel_tells,
                  a_lost_connection_is_lost_only_after_a_while_and_may_come_back,
                  exec_is_the_end_of_the_old_program,
                  a_new_connection_of_the_same_program_replaces_the_old_one,
                  an_oom_kill_is_seen_in_cgroup_v2_even_when_the_group_is_gone,
                  an_oom_kill_is_seen_in_cgroup_v1)
