/* SPDX-License-Identifier: MIT */
/* Real sockets in a folder of the test's own, a real loop. Time that would have to pass is invented
 * (ingest_sweep). */
#include "tests/unit/daemon/ingest_fixture.h"
#include "tests/unit/suite.h"

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

/* An agent that ends with its first flush: more is waiting than one read takes, and the answer to
 * its HELLO finds nobody. */
START_TEST(what_an_agent_said_is_read_to_its_end_although_it_cannot_be_answered)
{
    uint64_t live_bytes = 0;
    struct wire_wr wr;
    int fd;

    signal(SIGPIPE, SIG_IGN); /* as leakd does */
    start();
    fd = connect_agent();
    say_hello(fd, 7);
    for (int i = 0; i < 3; i++) {
        wire_wr_init(&wr, bytes, 40000);
        while (wire_wr_len(&wr) < 39000)
            put_totals(&wr, ++live_bytes);
        write_all(fd, &wr);
    }
    close(fd);
    run_until(only_process() && only_process()->live_bytes == live_bytes);
    ck_assert_uint_eq(stats().bad_frames, 0);
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

START_TEST(frees_beyond_allocations_are_cut_and_the_agent_is_still_heard)
{
    struct wire_site_totals totals = {.site_id = 1, .alloc_bytes = 1, .free_bytes = 2};
    struct wire_list list;
    struct wire_wr wr;
    int fd;

    start();
    fd = connect_agent();
    wire_wr_init(&wr, bytes, sizeof(bytes));
    put_hello(&wr, 1);
    wire_list_begin(&wr, WIRE_SITES, 1, &list);
    wire_list_add_site(&list, &totals);
    wire_list_end(&list);
    put_totals(&wr, 77);
    write_all(fd, &wr);
    run_until(only_process() && only_process()->has_totals);
    ck_assert_uint_eq(only_process()->sites[0].free_bytes, 1);
    ck_assert_uint_eq(stats().bad_frames, 0);
    ck_assert(!is_closed(fd));
    close(fd);
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

SUITE_MAIN_WITHIN(
    "ingest", 30, setup, teardown, the_socket_has_the_mode_of_the_configuration,
    a_dead_socket_is_replaced, a_living_daemons_socket_is_an_error_and_stays,
    a_file_that_is_no_socket_is_left_alone, a_socket_of_systemd_is_used_and_not_unlinked,
    a_user_over_his_cap_is_refused_and_heard_again_later,
    without_descriptors_the_door_waits_and_opens_again, identity_is_the_kernels_not_the_payloads,
    hello_is_answered_and_orders_reach_the_agent,
    what_an_agent_said_is_read_to_its_end_although_it_cannot_be_answered,
    orders_to_an_agent_that_does_not_read_do_not_pile_up,
    frames_that_come_byte_by_byte_are_whole_frames, a_frame_of_64_kib_passes_between_small_ones,
    records_of_later_versions_are_skipped, a_record_before_hello_costs_the_connection,
    a_length_beyond_64_kib_costs_the_connection_at_once,
    frees_beyond_allocations_are_cut_and_the_agent_is_still_heard,
    an_agent_of_another_protocol_is_refused, a_second_program_on_one_connection_is_refused,
    silence_instead_of_hello_ends_after_10_s)
