/* SPDX-License-Identifier: MIT */
/* Real sockets in a folder of the test's own, a real loop; other processes only where one has to
 * end. Time that would have to pass is invented (ingest_sweep). */
#include "daemon/ingest/ingest.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <check.h>

#include "daemon/base/clock.h"
#include "daemon/base/conf.h"
#include "daemon/base/log.h"
#include "daemon/base/procfs.h"
#include "daemon/ingest/server.h"

static char folder[64];
static char error[256];
static uv_loop_t loop;
static struct store *store;
static struct ingest *ingest;
static struct conf conf;
static bool stopped;

static void setup(void)
{
    struct store_limits limits = {.processes_max = 100, .exited_retention_ms = 60000};

    signal(SIGPIPE, SIG_IGN);
    log_set_level(LOG_LEVEL_ERROR);
    strcpy(folder, "/tmp/leakd-ingest-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    memset(&conf, 0, sizeof(conf));
    snprintf(conf.agents.socket, sizeof(conf.agents.socket), "%s/agent.sock", folder);
    conf.agents.socket_mode = 0666;
    conf.agents.connections_max = 50;
    conf.agents.connections_per_user_max = 40;
    strcpy(conf.detect.profile, "default");
    ck_assert_int_eq(uv_loop_init(&loop), 0);
    ck_assert_int_eq(store_new(&limits, &store), 0);
}

static void start(void)
{
    ck_assert_int_eq(ingest_start(&loop, &conf, store, -1, &ingest, error, sizeof(error)), 0);
}

static void on_stopped(void *arg)
{
    (void)arg;
    stopped = true;
}

static void teardown(void)
{
    if (ingest) {
        ingest_stop(ingest, on_stopped, NULL);
        uv_run(&loop, UV_RUN_DEFAULT);
        ck_assert(stopped);
    }
    ck_assert_int_eq(uv_loop_close(&loop), 0);
    store_free(store);
    unlink(conf.agents.socket);
    rmdir(folder);
}

static int connect_agent(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    strcpy(address.sun_path, conf.agents.socket);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static struct wire_str str(const char *text)
{
    return (struct wire_str){text, strlen(text)};
}

static void put_hello_version(struct wire_wr *wr, uint64_t instance, uint16_t protocol)
{
    struct wire_hello hello = {.protocol = protocol,
                               .instance = instance,
                               .sample_period_bytes = 524288,
                               .exe = str("/usr/bin/shop"),
                               .argv0 = str("shop"),
                               .name = str(""),
                               .profile = str("fast"),
                               .runtime = str("native"),
                               .reason = str(""),
                               .agent_version = str("0.1.0")};

    ck_assert(wire_put_hello(wr, &hello));
}

static void put_hello(struct wire_wr *wr, uint64_t instance)
{
    put_hello_version(wr, instance, WIRE_PROTOCOL);
}

static void put_totals(struct wire_wr *wr, uint64_t live_bytes)
{
    struct wire_totals totals = {.domain_count = 1};

    totals.domains[0].method = WIRE_METHOD_USABLE;
    totals.domains[0].live_bytes = live_bytes;
    totals.domains[0].alloc_bytes = live_bytes;
    ck_assert(wire_put_totals(wr, &totals));
}

static uint8_t bytes[WIRE_BODY_BYTES_MAX + 100];

static void write_all(int fd, const struct wire_wr *wr)
{
    ck_assert_int_eq(write(fd, wr->start, wire_wr_len(wr)), (ssize_t)wire_wr_len(wr));
}

static void say_hello(int fd, uint64_t instance)
{
    struct wire_wr wr;

    wire_wr_init(&wr, bytes, sizeof(bytes));
    put_hello(&wr, instance);
    write_all(fd, &wr);
}

static void on_timer(uv_timer_t *timer)
{
    *(bool *)timer->data = true;
}

/* Turns the loop until the claim holds; fails the test after 10 s. */
#define run_until(claim)                                                                           \
    do {                                                                                           \
        bool too_late = false;                                                                     \
        uv_timer_t timer;                                                                          \
        uv_timer_init(&loop, &timer);                                                              \
        timer.data = &too_late;                                                                    \
        uv_timer_start(&timer, on_timer, 10000, 0);                                                \
        while (!(claim) && !too_late)                                                              \
            uv_run(&loop, UV_RUN_ONCE);                                                            \
        uv_close((uv_handle_t *)&timer, NULL);                                                     \
        uv_run(&loop, UV_RUN_NOWAIT);                                                              \
        ck_assert_msg(!too_late, "did not come: %s", #claim);                                      \
    } while (0)

static struct ingest_stats stats(void)
{
    struct ingest_stats out;

    ingest_read_stats(ingest, &out);
    return out;
}

static const struct process *only_process(void)
{
    return query_process_count(store) == 1 ? query_process_at(store, 0) : NULL;
}

static bool is_closed(int fd)
{
    uint8_t byte;
    ssize_t n;

    do
        n = recv(fd, &byte, 1, MSG_DONTWAIT);
    while (n > 0);
    return n == 0 || (n < 0 && errno == ECONNRESET);
}

/* ---- the door ------------------------------------------------------------------------------ */

START_TEST(the_socket_has_the_mode_of_the_configuration)
{
    struct stat st;

    conf.agents.socket_mode = 0620;
    start();
    ck_assert_int_eq(stat(conf.agents.socket, &st), 0);
    ck_assert_int_eq(st.st_mode & 07777, 0620);
}
END_TEST

START_TEST(a_dead_socket_is_replaced)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    strcpy(address.sun_path, conf.agents.socket);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    close(fd);
    start();
    close(connect_agent());
    run_until(stats().connections == 1);
}
END_TEST

START_TEST(a_living_daemons_socket_is_an_error_and_stays)
{
    struct ingest *second;

    start();
    ck_assert_int_eq(ingest_start(&loop, &conf, store, -1, &second, error, sizeof(error)),
                     -EADDRINUSE);
    ck_assert_ptr_nonnull(strstr(error, "another leakd"));
    close(connect_agent());
    run_until(stats().connections == 2); /* the second daemon knocked before */
}
END_TEST

START_TEST(a_file_that_is_no_socket_is_left_alone)
{
    FILE *file = fopen(conf.agents.socket, "w");
    struct ingest *second;

    fputs("precious", file);
    fclose(file);
    ck_assert_int_eq(ingest_start(&loop, &conf, store, -1, &second, error, sizeof(error)), -EEXIST);
    ck_assert_int_eq(access(conf.agents.socket, F_OK), 0);
}
END_TEST

START_TEST(a_socket_of_systemd_is_used_and_not_unlinked)
{
    int fd = listen_open(conf.agents.socket, 0666, error, sizeof(error));

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(ingest_start(&loop, &conf, store, fd, &ingest, error, sizeof(error)), 0);
    close(connect_agent());
    run_until(stats().connections == 1);
    ingest_stop(ingest, on_stopped, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    ingest = NULL;
    ck_assert_int_eq(access(conf.agents.socket, F_OK), 0);
}
END_TEST

START_TEST(a_user_over_his_cap_is_refused_and_heard_again_later)
{
    int fds[3], late;

    conf.agents.connections_per_user_max = 2;
    start();
    for (int i = 0; i < 3; i++)
        fds[i] = connect_agent();
    run_until(stats().refused_connections == 1);
    ck_assert(is_closed(fds[2]));
    ck_assert_uint_eq(stats().connected, 2);
    close(fds[0]);
    run_until(stats().connected == 1);
    late = connect_agent();
    say_hello(late, 1);
    run_until(only_process());
    close(late);
    close(fds[1]);
    close(fds[2]);
}
END_TEST

START_TEST(without_descriptors_the_door_waits_and_opens_again)
{
    struct rlimit limit, tight;
    int fd, spare;

    start();
    fd = connect_agent();
    say_hello(fd, 1);
    spare = open("/dev/null", O_RDONLY); /* the lowest free number is one above it */
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    tight = limit;
    tight.rlim_cur = (rlim_t)spare + 1;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &tight), 0);
    for (int i = 0; i < 20; i++)
        uv_run(&loop, UV_RUN_NOWAIT);
    ck_assert_uint_eq(stats().connections, 0);
    ck_assert(!uv_is_active((uv_handle_t *)&ingest->listener)); /* it sleeps, it does not spin */
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    run_until(only_process());
    close(spare);
    close(fd);
}
END_TEST

/* ---- identity and records ------------------------------------------------------------------ */

START_TEST(identity_is_the_kernels_not_the_payloads)
{
    struct procfs_stat self;
    char id[40];
    int fd;

    start();
    fd = connect_agent();
    say_hello(fd, 0x1234);
    run_until(only_process());
    ck_assert_int_eq(procfs_read_stat(&procfs_host, getpid(), &self), 0);
    snprintf(id, sizeof(id), "%d-%llu", (int)getpid(), (unsigned long long)self.start_ticks);
    ck_assert_str_eq(only_process()->id, id);
    ck_assert_uint_eq(only_process()->identity.uid, getuid());
    ck_assert_str_eq(detect_profile_name(only_process()->profile), "fast");
    close(fd);
}
END_TEST

static bool take_record(int fd, uint16_t type, struct wire_frame *frame, uint8_t *space)
{
    static size_t len;
    ssize_t n = recv(fd, space + len, 256 - len, MSG_DONTWAIT);
    long taken;

    if (n > 0)
        len += (size_t)n;
    taken = wire_frame_take(space, len, frame);
    if (taken <= 0)
        return false;
    ck_assert_uint_eq(frame->type, type);
    len -= (size_t)taken;
    return true;
}

START_TEST(hello_is_answered_and_orders_reach_the_agent)
{
    struct wire_welcome welcome;
    struct wire_frame frame;
    struct wire_zoom zoom;
    uint8_t space[256];
    int fd;

    start();
    fd = connect_agent();
    say_hello(fd, 1);
    run_until(take_record(fd, WIRE_WELCOME, &frame, space));
    ck_assert_int_eq(wire_get_welcome(&frame, &welcome), 0);
    ck_assert_uint_eq(welcome.protocol, WIRE_PROTOCOL);
    ck_assert_int_eq(ingest_order_zoom(ingest, only_process(), 65536, true), 0);
    run_until(take_record(fd, WIRE_ZOOM, &frame, space));
    ck_assert_int_eq(wire_get_zoom(&frame, &zoom), 0);
    ck_assert_uint_eq(zoom.period_bytes, 65536);
    ck_assert_uint_eq(zoom.python, 1);
    close(fd);
    run_until(stats().connected == 0);
    ck_assert_int_eq(ingest_order_zoom(ingest, only_process(), 65536, true), -ENOTCONN);
}
END_TEST

START_TEST(orders_to_an_agent_that_does_not_read_do_not_pile_up)
{
    int fd, rc = 0;

    start();
    fd = connect_agent();
    say_hello(fd, 1);
    run_until(only_process() && stats().frames_total == 1);
    for (int i = 0; rc == 0 && i < 1000000; i++)
        rc = ingest_order_zoom(ingest, only_process(), 65536, true);
    ck_assert_int_eq(rc, -ENOBUFS);
    close(fd);
}
END_TEST

START_TEST(frames_that_come_byte_by_byte_are_whole_frames)
{
    struct wire_wr wr;
    int fd;

    start();
    fd = connect_agent();
    wire_wr_init(&wr, bytes, sizeof(bytes));
    put_hello(&wr, 1);
    put_totals(&wr, 4711);
    for (size_t i = 0; i < wire_wr_len(&wr); i++) {
        ck_assert_int_eq(write(fd, wr.start + i, 1), 1);
        uv_run(&loop, UV_RUN_NOWAIT);
    }
    run_until(only_process() && only_process()->live_bytes == 4711);
    ck_assert_uint_eq(stats().frames_total, 2);
    close(fd);
}
END_TEST

START_TEST(a_frame_of_64_kib_passes_between_small_ones)
{
    struct wire_list list;
    struct wire_wr wr;
    unsigned count = 0;
    int fd;

    start();
    fd = connect_agent();
    say_hello(fd, 1);
    wire_wr_init(&wr, bytes, sizeof(bytes));
    wire_list_begin(&wr, WIRE_SITES, 1, &list);
    for (uint32_t id = 1; id <= WIRE_SITES_MAX; id++) {
        struct wire_site_totals totals = {.site_id = id, .alloc_bytes = id};

        if (!wire_list_add_site(&list, &totals))
            break;
        count++;
    }
    ck_assert(wire_list_end(&list));
    ck_assert_uint_gt(wire_wr_len(&wr), 60000);
    for (size_t at = 0; at < wire_wr_len(&wr);) {
        size_t len = wire_wr_len(&wr) - at < 1000 ? wire_wr_len(&wr) - at : 1000;

        ck_assert_int_eq(write(fd, bytes + at, len), (ssize_t)len);
        uv_run(&loop, UV_RUN_NOWAIT);
        at += len;
    }
    wire_wr_init(&wr, bytes, sizeof(bytes));
    put_totals(&wr, 5);
    write_all(fd, &wr);
    run_until(only_process() && only_process()->live_bytes == 5);
    ck_assert_uint_eq(only_process()->site_count, count);
    close(fd);
}
END_TEST

START_TEST(records_of_later_versions_are_skipped)
{
    struct wire_wr wr;
    int fd;

    start();
    fd = connect_agent();
    wire_wr_init(&wr, bytes, sizeof(bytes));
    put_hello(&wr, 1);
    wire_frame_begin(&wr, (enum wire_type)4000);
    wire_wr_u64(&wr, 1);
    wire_frame_end(&wr);
    put_totals(&wr, 99);
    write_all(fd, &wr);
    run_until(only_process() && only_process()->live_bytes == 99);
    ck_assert_uint_eq(stats().bad_frames, 0);
    close(fd);
}
END_TEST

/* ---- bad peers ----------------------------------------------------------------------------- */

static void expect_drop(const struct wire_wr *wr, bool has_hello)
{
    int good, fd;

    start();
    good = connect_agent();
    fd = connect_agent();
    if (has_hello)
        say_hello(fd, 1);
    run_until(stats().connected == 2);
    ck_assert_int_eq(write(fd, wr->start, wire_wr_len(wr)), (ssize_t)wire_wr_len(wr));
    run_until(is_closed(fd));
    ck_assert_uint_eq(stats().bad_frames, 1);
    ck_assert_uint_eq(stats().connected, 1); /* the other one does not notice */
    close(good);
    close(fd);
}

static uint8_t bad[256];

START_TEST(a_record_before_hello_costs_the_connection)
{
    struct wire_wr wr;

    wire_wr_init(&wr, bad, sizeof(bad));
    put_totals(&wr, 1);
    expect_drop(&wr, false);
    ck_assert_uint_eq(query_process_count(store), 0);
}
END_TEST

START_TEST(a_length_beyond_64_kib_costs_the_connection_at_once)
{
    struct wire_wr wr;

    wire_wr_init(&wr, bad, sizeof(bad));
    wire_wr_u32(&wr, 0xffffffffu);
    expect_drop(&wr, true);
}
END_TEST

START_TEST(frees_beyond_allocations_cost_the_connection)
{
    struct wire_site_totals totals = {.site_id = 1, .alloc_bytes = 1, .free_bytes = 2};
    struct wire_list list;
    struct wire_wr wr;

    wire_wr_init(&wr, bad, sizeof(bad));
    wire_list_begin(&wr, WIRE_SITES, 1, &list);
    wire_list_add_site(&list, &totals);
    wire_list_end(&list);
    expect_drop(&wr, true);
}
END_TEST

START_TEST(an_agent_of_another_protocol_is_refused)
{
    struct wire_wr wr;

    wire_wr_init(&wr, bad, sizeof(bad));
    put_hello_version(&wr, 1, WIRE_PROTOCOL + 1);
    expect_drop(&wr, false);
    ck_assert_uint_eq(query_process_count(store), 0);
}
END_TEST

START_TEST(a_second_program_on_one_connection_is_refused)
{
    struct wire_wr wr;

    wire_wr_init(&wr, bad, sizeof(bad));
    put_hello(&wr, 2);
    expect_drop(&wr, true);
    ck_assert_uint_eq(query_process_count(store), 1);
}
END_TEST

START_TEST(silence_instead_of_hello_ends_after_10_s)
{
    uint64_t now = clock_mono_ms();
    int fd;

    start();
    fd = connect_agent();
    run_until(stats().connected == 1);
    ingest_sweep(ingest, now + 9000);
    ck_assert_uint_eq(stats().connected, 1);
    ingest_sweep(ingest, now + PEER_HELLO_MAX_MS + 5000);
    run_until(is_closed(fd));
    close(fd);
}
END_TEST

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

START_TEST(a_lost_connection_is_lost_only_after_a_while_and_may_come_back)
{
    const struct process *process;
    int fd;

    start();
    fd = connect_agent();
    say_hello(fd, 1);
    run_until(only_process());
    process = only_process();
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

int main(void)
{
    Suite *suite = suite_create("ingest");
    TCase *tcase = tcase_create("ingest");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tcase, 30);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, the_socket_has_the_mode_of_the_configuration);
    tcase_add_test(tcase, a_dead_socket_is_replaced);
    tcase_add_test(tcase, a_living_daemons_socket_is_an_error_and_stays);
    tcase_add_test(tcase, a_file_that_is_no_socket_is_left_alone);
    tcase_add_test(tcase, a_socket_of_systemd_is_used_and_not_unlinked);
    tcase_add_test(tcase, a_user_over_his_cap_is_refused_and_heard_again_later);
    tcase_add_test(tcase, without_descriptors_the_door_waits_and_opens_again);
    tcase_add_test(tcase, identity_is_the_kernels_not_the_payloads);
    tcase_add_test(tcase, hello_is_answered_and_orders_reach_the_agent);
    tcase_add_test(tcase, orders_to_an_agent_that_does_not_read_do_not_pile_up);
    tcase_add_test(tcase, frames_that_come_byte_by_byte_are_whole_frames);
    tcase_add_test(tcase, a_frame_of_64_kib_passes_between_small_ones);
    tcase_add_test(tcase, records_of_later_versions_are_skipped);
    tcase_add_test(tcase, a_record_before_hello_costs_the_connection);
    tcase_add_test(tcase, a_length_beyond_64_kib_costs_the_connection_at_once);
    tcase_add_test(tcase, frees_beyond_allocations_cost_the_connection);
    tcase_add_test(tcase, an_agent_of_another_protocol_is_refused);
    tcase_add_test(tcase, a_second_program_on_one_connection_is_refused);
    tcase_add_test(tcase, silence_instead_of_hello_ends_after_10_s);
    tcase_add_test(tcase, bye_and_exit_is_exited);
    tcase_add_test(tcase, a_signal_is_killed);
    tcase_add_test(tcase, exit_without_bye_is_exited_where_the_kernel_tells);
    tcase_add_test(tcase, a_crash_after_bye_is_killed_where_the_kernel_tells);
    tcase_add_test(tcase, a_request_to_stop_is_exited_where_the_kernel_tells);
    tcase_add_test(tcase, a_lost_connection_is_lost_only_after_a_while_and_may_come_back);
    tcase_add_test(tcase, exec_is_the_end_of_the_old_program);
    tcase_add_test(tcase, a_new_connection_of_the_same_program_replaces_the_old_one);
    tcase_add_test(tcase, an_oom_kill_is_seen_in_cgroup_v2_even_when_the_group_is_gone);
    tcase_add_test(tcase, an_oom_kill_is_seen_in_cgroup_v1);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
