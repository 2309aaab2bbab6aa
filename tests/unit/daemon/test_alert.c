/* SPDX-License-Identifier: MIT */
/* Delivery over a real loop to a real server. */
#include "tests/unit/daemon/alert_world.h"
#include "tests/unit/suite.h"

/* Verifies as a receiver would: over the bytes that came. */
static void check_signature(const char *request)
{
    const char *body = strstr(request, "\r\n\r\n") + 4;
    char id[64], timestamp[32], signature[64];

    snprintf(id, sizeof(id), "%.63s", peer_header(request, "webhook-id"));
    snprintf(timestamp, sizeof(timestamp), "%.31s", peer_header(request, "webhook-timestamp"));
    ck_assert_int_eq(alert_sign(SECRET, id, strtoull(timestamp, NULL, 10), body, strlen(body),
                                signature, sizeof(signature)),
                     0);
    ck_assert_str_eq(peer_header(request, "webhook-signature"), signature);
    ck_assert_uint_le(strtoull(timestamp, NULL, 10), clock_wall_ms() / 1000);
    ck_assert_uint_ge(strtoull(timestamp, NULL, 10) + 60, clock_wall_ms() / 1000);
}

START_TEST(a_notice_arrives_signed)
{
    static const char *const answers[] = {ANSWER("204"), NULL};
    struct http_peer *peer = peer_start(answers);

    add_receiver("ops", peer->port);
    start_alert();
    ck_assert_int_eq(notify("i1", NOTICE_OPENED), 0);
    ck_assert_int_eq(world.count, 0); /* never from within the call */
    run_until(1);
    ck_assert_str_eq(world.lines[0], "ops i1 leak.incident.opened 1 204 delivered");
    ck_assert_str_eq(world.errors[0], "");
    check_signature(peer->requests[0]);
    ck_assert_int_eq(strncmp(peer->requests[0], "POST /hook HTTP/1.1\r\n", 21), 0);
    ck_assert_str_eq(peer_header(peer->requests[0], "content-type"), "application/json");
    ck_assert_ptr_nonnull(strstr(peer->requests[0], "\"link\":\"http://127.0.0.1:7373/i/i1\""));
    peer_end(peer);
}
END_TEST

START_TEST(a_retry_has_the_same_id_and_body)
{
    static const char *const answers[] = {ANSWER("500"), PEER_CLOSES, "garbage\r\n",
                                          ANSWER("302"), PEER_OK,     NULL};
    struct http_peer *peer = peer_start(answers);
    static const char *const expected[] = {"HTTP 500", "without an answer", "does not speak HTTP",
                                           "redirects are not followed", ""};

    add_receiver("ops", peer->port);
    start_alert();
    ck_assert_int_eq(notify("i1", NOTICE_OPENED), 0);
    for (int i = 0; i < 5; i++) {
        run_until(i + 1);
        ck_assert_msg(strstr(world.errors[i], expected[i]) != NULL, "%s", world.errors[i]);
        ck_assert_str_eq(world.ids[i], world.ids[0]);
        ck_assert_str_eq(peer_header(peer->requests[i], "webhook-id"), world.ids[0]);
        ck_assert_str_eq(strstr(peer->requests[i], "\r\n\r\n"),
                         strstr(peer->requests[0], "\r\n\r\n"));
        check_signature(peer->requests[i]);
        ck_assert_int_eq(alert_reload(world.alert, &world.conf), 0); /* tries at once */
    }
    ck_assert_str_eq(world.lines[4], "ops i1 leak.incident.opened 5 200 delivered");
    peer_end(peer);
}
END_TEST

START_TEST(notices_to_a_receiver_keep_their_order)
{
    static const char *const answers[] = {ANSWER("503"), ANSWER("200"), NULL};
    struct http_peer *peer = peer_start(answers);

    add_receiver("ops", peer->port);
    start_alert();
    notify("i1", NOTICE_OPENED);
    notify("i1", NOTICE_RESOLVED);
    run_until(1);
    ck_assert_int_eq(alert_reload(world.alert, &world.conf), 0);
    run_until(3);
    ck_assert_str_eq(world.lines[0], "ops i1 leak.incident.opened 1 503 waits");
    ck_assert_str_eq(world.lines[1], "ops i1 leak.incident.opened 2 200 delivered");
    ck_assert_str_eq(world.lines[2], "ops i1 leak.incident.resolved 1 200 delivered");
    peer_end(peer);
}
END_TEST

START_TEST(a_retry_comes_by_itself)
{
    static const char *const answers[] = {ANSWER("500"), PEER_OK, NULL};
    struct http_peer *peer = peer_start(answers);
    uint64_t begin_ms = clock_mono_ms();

    add_receiver("ops", peer->port);
    start_alert();
    notify("i1", NOTICE_OPENED);
    run_until(2);
    ck_assert_uint_ge(clock_mono_ms() - begin_ms, 5000);
    ck_assert_str_eq(world.lines[1], "ops i1 leak.incident.opened 2 200 delivered");
    peer_end(peer);
}
END_TEST

START_TEST(one_receiver_does_not_wait_for_another)
{
    static const char *const stalls[] = {PEER_STALLS, NULL};
    static const char *const answers[] = {PEER_OK, NULL};
    struct http_peer *slow = peer_start(stalls);
    struct http_peer *quick = peer_start(answers);

    add_receiver("slow", slow->port);
    add_receiver("quick", quick->port);
    start_alert();
    notify("i1", NOTICE_OPENED);
    run_until(1);
    ck_assert_str_eq(world.lines[0], "quick i1 leak.incident.opened 1 200 delivered");
    peer_end(slow);
    peer_end(quick);
}
END_TEST

START_TEST(a_410_turns_the_receiver_off_until_a_reload)
{
    static const char *const answers[] = {ANSWER("410"), PEER_OK, NULL};
    struct http_peer *peer = peer_start(answers);
    struct notice test = {.event = NOTICE_TEST};
    struct alert_stats stats;

    add_receiver("ops", peer->port);
    start_alert();
    notify("i1", NOTICE_OPENED);
    notify("i2", NOTICE_OPENED);
    run_until(2);
    ck_assert_str_eq(world.lines[0], "ops i1 leak.incident.opened 1 410 given up");
    ck_assert_str_eq(world.lines[1], "ops i2 leak.incident.opened 0 410 given up");
    ck_assert_int_eq(notify("i3", NOTICE_OPENED), 0);
    ck_assert_int_eq(alert_notify_one(world.alert, "ops", &test), -EPIPE);
    alert_read_stats(world.alert, &stats);
    ck_assert_uint_eq(stats.queued, 0);
    ck_assert_uint_eq(stats.given_up, 2);
    ck_assert_uint_eq(stats.failed_attempts, 1);
    ck_assert_int_eq(alert_reload(world.alert, &world.conf), 0);
    ck_assert_int_eq(alert_notify_one(world.alert, "ops", &test), 0);
    run_until(3);
    ck_assert_str_eq(world.lines[2], "ops  webhook.test 1 200 delivered");
    peer_end(peer);
}
END_TEST

START_TEST(only_those_who_want_it_are_told)
{
    static const char *const answers[] = {PEER_OK, NULL};
    struct http_peer *peer = peer_start(answers);

    add_receiver("pager", peer->port)->min_severity = SEVERITY_CRITICAL;
    add_receiver("chat", peer->port)->send_resolved = false;
    start_alert();
    notify("i1", NOTICE_OPENED);
    notify("i1", NOTICE_RESOLVED);
    run_until(1);
    ck_assert_str_eq(world.lines[0], "chat i1 leak.incident.opened 1 200 delivered");
    uv_run(&world.loop, UV_RUN_NOWAIT);
    ck_assert_int_eq(atomic_load(&peer->count), 1);
    ck_assert_int_eq(alert_notify_one(world.alert, "nobody", &(struct notice){0}), -ENOENT);
    peer_end(peer);
}
END_TEST

START_TEST(notices_to_a_receiver_that_is_gone_are_dropped)
{
    static const char *const answers[] = {PEER_STALLS, NULL};
    struct http_peer *peer = peer_start(answers);
    struct alert_stats stats;

    add_receiver("ops", peer->port);
    start_alert();
    notify("i1", NOTICE_OPENED);
    while (atomic_load(&peer->count) < 1)
        uv_run(&world.loop, UV_RUN_ONCE);
    alert_read_stats(world.alert, &stats);
    ck_assert_uint_eq(stats.queued, 1);
    world.conf.receiver_count = 0;
    ck_assert_int_eq(alert_reload(world.alert, &world.conf), 0);
    alert_read_stats(world.alert, &stats);
    ck_assert_uint_eq(stats.queued, 0);
    ck_assert_int_eq(world.count, 0);
    peer_end(peer);
}
END_TEST

START_TEST(the_outbox_has_an_end)
{
    struct alert_stats stats;
    int rc = 0;
    int queued = 0;

    log_set_level((enum log_level)0);
    add_receiver("ops", 1);
    start_alert();
    while (rc == 0 && queued < 100000) {
        rc = notify("i1", NOTICE_OPENED);
        queued += rc == 0;
    }
    ck_assert_int_eq(rc, -ENOSPC);
    alert_read_stats(world.alert, &stats);
    ck_assert_uint_eq(stats.queued, (uint64_t)queued);
}
END_TEST

START_TEST(a_link_local_receiver_is_refused)
{
    struct conf_receiver *receiver = add_receiver("ops", 1);

    snprintf(receiver->url, sizeof(receiver->url), "http://169.254.169.254/");
    start_alert();
    notify("i1", NOTICE_OPENED);
    run_until(1);
    ck_assert_str_eq(world.lines[0], "ops i1 leak.incident.opened 1 0 waits");
    ck_assert_ptr_nonnull(strstr(world.errors[0], "allow_link_local"));
}
END_TEST

START_TEST(a_secret_that_cannot_sign_sends_nothing)
{
    static const char *const answers[] = {PEER_OK, NULL};
    struct http_peer *peer = peer_start(answers);
    struct conf_receiver *receiver = add_receiver("ops", peer->port);

    snprintf(receiver->secret_value, sizeof(receiver->secret_value), "whsec_!");
    start_alert();
    notify("i1", NOTICE_OPENED);
    run_until(1);
    ck_assert_str_eq(world.lines[0], "ops i1 leak.incident.opened 1 0 waits");
    ck_assert_int_eq(atomic_load(&peer->count), 0);
    peer_end(peer);
}
END_TEST

START_TEST(a_receiver_behind_a_socket_is_reached)
{
    static const char *const answers[] = {PEER_OK, NULL};
    char folder[] = "/tmp/leakd-test-XXXXXX";
    struct conf_receiver *receiver = add_receiver("ops", 1);
    struct http_peer *peer;

    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(receiver->socket, sizeof(receiver->socket), "%s/s", folder);
    peer = peer_start_unix(receiver->socket, answers);
    start_alert();
    notify("i1", NOTICE_OPENED);
    run_until(1);
    ck_assert_str_eq(world.lines[0], "ops i1 leak.incident.opened 1 200 delivered");
    unlink(receiver->socket);
    rmdir(folder);
    peer_end(peer);
}
END_TEST

START_TEST(the_fetcher_may_go_first)
{
    static const char *const answers[] = {PEER_STALLS, NULL};
    struct http_peer *peer = peer_start(answers);

    add_receiver("ops", peer->port);
    start_alert();
    notify("i1", NOTICE_OPENED);
    while (atomic_load(&peer->count) < 1)
        uv_run(&world.loop, UV_RUN_ONCE);
    fetcher_close(world.fetcher, on_closed, &world);
    world.fetcher = NULL;
    ck_assert_int_eq(world.count, 0);
    ck_assert_int_eq(notify("i2", NOTICE_OPENED), 0);
    alert_close(world.alert, on_closed, &world);
    world.alert = NULL;
    uv_run(&world.loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(world.closed, 2);
    peer_end(peer);
}
END_TEST

START_TEST(closing_in_flight_frees_everything)
{
    static const char *const answers[] = {PEER_STALLS, NULL};
    struct http_peer *peer = peer_start(answers);

    add_receiver("ops", peer->port);
    start_alert();
    notify("i1", NOTICE_OPENED);
    notify("i2", NOTICE_OPENED);
    while (atomic_load(&peer->count) < 1)
        uv_run(&world.loop, UV_RUN_ONCE);
    alert_close(world.alert, on_closed, &world);
    world.alert = NULL;
    while (world.closed < 1)
        uv_run(&world.loop, UV_RUN_ONCE);
    ck_assert_int_eq(world.count, 0);
    peer_end(peer);
}
END_TEST

SUITE_MAIN_WITHIN("alert", 30, make_world, remove_world, a_notice_arrives_signed,
                  a_retry_has_the_same_id_and_body, notices_to_a_receiver_keep_their_order,
                  a_retry_comes_by_itself, one_receiver_does_not_wait_for_another,
                  a_410_turns_the_receiver_off_until_a_reload, only_those_who_want_it_are_told,
                  notices_to_a_receiver_that_is_gone_are_dropped, the_outbox_has_an_end,
                  a_link_local_receiver_is_refused, a_secret_that_cannot_sign_sends_nothing,
                  a_receiver_behind_a_socket_is_reached, the_fetcher_may_go_first,
                  closing_in_flight_frees_everything)
