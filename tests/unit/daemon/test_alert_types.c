/* SPDX-License-Identifier: MIT */
/* Types, groups and dead letters over a real loop, and over a restart. */
#include "tests/unit/daemon/alert_world.h"

#include <signal.h>
#include <unistd.h>

#include "daemon/alert/private.h"
#include "tests/unit/suite.h"

#define REFUSED ANSWER("400")

static char folder[] = "/tmp/leakd-test-XXXXXX";

static struct conf_receiver *add_typed(const char *name, const char *type, int port)
{
    struct conf_receiver *receiver = add_receiver(name, port);

    snprintf(receiver->type, sizeof(receiver->type), "%s", type);
    receiver->secret_value[0] = '\0';
    return receiver;
}

static int notify_of(const char *incident, enum notice_event event, enum conf_severity severity)
{
    struct notice notice = {.event = event,
                            .severity = severity,
                            .incident_id = incident,
                            .fingerprint = "f",
                            .unit = "shop.service",
                            .process_name = "shop",
                            .event_wall_ms = clock_wall_ms(),
                            .summary = "grows"};

    return alert_notify(world.alert, &notice);
}

static struct alert_receiver state_of(size_t index)
{
    struct alert_receiver state;

    ck_assert(alert_receiver_at(world.alert, index, &state));
    return state;
}

START_TEST(all_addresses_of_a_cluster_are_told_and_one_answer_is_enough)
{
    static const char *const answers[] = {ANSWER("200"), NULL};
    static const char *const fails[] = {ANSWER("500"), NULL};
    struct http_peer *one = peer_start(fails);
    struct http_peer *other = peer_start(answers);
    struct conf_receiver *receiver = add_typed("am", "alertmanager", 1);

    snprintf(receiver->url, sizeof(receiver->url), "http://127.0.0.1:%d/, http://127.0.0.1:%d",
             one->port, other->port);
    start_alert();
    notify_of("i1", NOTICE_OPENED, SEVERITY_WARNING);
    run_until(1);
    ck_assert_str_eq(world.lines[0], "am i1 leak.incident.opened 1 200 delivered");
    ck_assert_int_eq(strncmp(one->requests[0], "POST /api/v2/alerts HTTP/1.1\r\n", 30), 0);
    ck_assert_int_eq(strncmp(other->requests[0], "POST /api/v2/alerts HTTP/1.1\r\n", 30), 0);
    ck_assert_uint_eq(state_of(0).standing, 1);
    peer_end(one);
    peer_end(other);
}
END_TEST

START_TEST(the_end_names_an_alert_by_the_labels_it_had)
{
    static const char *const answers[] = {ANSWER("200"), ANSWER("200"), NULL};
    struct http_peer *peer = peer_start(answers);
    struct notice notice = {.event = NOTICE_RESOLVED,
                            .severity = SEVERITY_WARNING,
                            .incident_id = "i1",
                            .fingerprint = "now it has another one",
                            .event_wall_ms = clock_wall_ms()};

    add_typed("am", "alertmanager", peer->port)->send_resolved = false;
    start_alert();
    notify_of("i1", NOTICE_OPENED, SEVERITY_WARNING);
    ck_assert_int_eq(alert_notify(world.alert, &notice), 0); /* else it would stand for ever */
    run_until(2);
    ck_assert_ptr_nonnull(strstr(peer->requests[1], "\"fingerprint\":\"f\""));
    ck_assert_ptr_null(strstr(peer->requests[1], "another"));
    peer_end(peer);
}
END_TEST

START_TEST(slacks_address_is_its_secret)
{
    static const char *const answers[] = {"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", NULL};
    struct http_peer *peer = peer_start(answers);
    struct conf_receiver *receiver = add_typed("chat", "slack", 1);

    receiver->url[0] = '\0';
    snprintf(receiver->secret_value, sizeof(receiver->secret_value),
             "http://127.0.0.1:%d/services/T/B/x", peer->port);
    start_alert();
    notify_of("i1", NOTICE_OPENED, SEVERITY_WARNING);
    run_until(1);
    ck_assert_str_eq(world.lines[0], "chat i1 leak.incident.opened 1 200 delivered");
    ck_assert_int_eq(strncmp(peer->requests[0], "POST /services/T/B/x HTTP/1.1\r\n", 31), 0);
    peer_end(peer);
}
END_TEST

START_TEST(a_hook_that_is_gone_turns_off_and_its_notices_are_kept)
{
    static const char *const answers[] = {"HTTP/1.1 404 x\r\ncontent-length: 10\r\n\r\nno_service",
                                          ANSWER("200"), ANSWER("200"), NULL};
    struct http_peer *peer = peer_start(answers);
    struct conf_receiver *receiver = add_typed("chat", "slack", 1);
    size_t count = 0;

    snprintf(receiver->secret_value, sizeof(receiver->secret_value), "http://127.0.0.1:%d/x",
             peer->port);
    start_alert();
    notify_of("i1", NOTICE_OPENED, SEVERITY_WARNING);
    notify_of("i2", NOTICE_OPENED, SEVERITY_WARNING);
    run_until(2);
    ck_assert_str_eq(world.errors[0], "HTTP 404: no_service");
    ck_assert(state_of(0).is_off);
    ck_assert_uint_eq(state_of(0).dead, 2);
    ck_assert_int_eq(alert_redeliver(world.alert, "chat", &count), -EPIPE);
    ck_assert_int_eq(alert_reload(world.alert, &world.conf), 0);
    ck_assert_uint_eq(state_of(0).dead, 2); /* by hand only */
    ck_assert_int_eq(alert_redeliver(world.alert, "chat", &count), 0);
    ck_assert_uint_eq(count, 2);
    run_until(4);
    ck_assert_str_eq(world.lines[2], "chat i1 leak.incident.opened 2 200 delivered");
    ck_assert_str_eq(world.lines[3], "chat i2 leak.incident.opened 1 200 delivered");
    ck_assert_str_eq(world.ids[2], world.ids[0]);
    ck_assert_str_eq(world.ids[3], world.ids[1]);
    ck_assert_int_eq(alert_redeliver(world.alert, "nobody", &count), -ENOENT);
    peer_end(peer);
}
END_TEST

START_TEST(a_command_gets_the_body_and_its_status_counts)
{
    char path[64], text[256] = "";
    struct conf_receiver *receiver = add_typed("run", "command", 1);
    FILE *file;

    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/out", folder);
    snprintf(receiver->command, sizeof(receiver->command), "/usr/bin/tee %s", path);
    start_alert();
    notify_of("i1", NOTICE_OPENED, SEVERITY_WARNING);
    run_until(1);
    ck_assert_str_eq(world.lines[0], "run i1 leak.incident.opened 1 200 delivered");
    file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    ck_assert_ptr_nonnull(fgets(text, sizeof(text), file));
    fclose(file);
    ck_assert_int_eq(strncmp(text, "{\"type\":\"leak.incident.opened\"", 30), 0);
    unlink(path);
    rmdir(folder);
    snprintf(world.conf.receivers[0].command, 32, "/bin/false");
    ck_assert_int_eq(alert_reload(world.alert, &world.conf), 0);
    notify_of("i2", NOTICE_OPENED, SEVERITY_WARNING);
    run_until(2);
    ck_assert_str_eq(world.lines[1], "run i2 leak.incident.opened 1 0 waits");
    ck_assert_str_eq(world.errors[1], "the command ended with status 1");
    snprintf(world.conf.receivers[0].command, 32, "/no/such/program");
    ck_assert_int_eq(alert_reload(world.alert, &world.conf), 0);
    run_until(3);
    ck_assert_ptr_nonnull(strstr(world.errors[2], "cannot run the command: No such file"));
}
END_TEST

START_TEST(closing_kills_a_command_at_work)
{
    struct conf_receiver *receiver = add_typed("run", "command", 1);

    snprintf(receiver->command, sizeof(receiver->command), "/bin/sleep 100");
    start_alert();
    notify_of("i1", NOTICE_OPENED, SEVERITY_WARNING);
    while (!world.alert->channels->run)
        uv_run(&world.loop, UV_RUN_ONCE);
} /* remove_world would wait for it */
END_TEST

START_TEST(of_fifty_workers_one_pages_and_the_others_say_that_they_are_a_group)
{
    static const char *const answers[] = {ANSWER("200"), ANSWER("200"), NULL};
    struct http_peer *peer = peer_start(answers);
    char name[16];

    add_receiver("ops", peer->port)->group = true;
    start_alert();
    notify_of("i0", NOTICE_OPENED, SEVERITY_WARNING);
    run_until(1);
    for (int i = 1; i < 10; i++) {
        snprintf(name, sizeof(name), "i%d", i);
        notify_of(name, NOTICE_OPENED, SEVERITY_WARNING);
    }
    ck_assert_int_eq(world.count, 10);
    ck_assert_ptr_nonnull(strstr(world.errors[9], "one of a group"));
    ck_assert_uint_eq(state_of(0).queued, 0);
    ck_assert_uint_eq(state_of(0).tally->grouped, 9);
    world.count = 0;
    for (int i = 0; i < 10; i++) {
        snprintf(name, sizeof(name), "i%d", i);
        notify_of(name, NOTICE_RESOLVED, SEVERITY_WARNING);
    }
    run_until(10);
    ck_assert_str_eq(world.lines[9], "ops i0 leak.incident.resolved 1 200 delivered");
    ck_assert_ptr_nonnull(strstr(peer->requests[1], "the last of 10 is over"));
    ck_assert_ptr_nonnull(strstr(peer->requests[1], "\"group\":\"shop.service/f\""));
    peer_end(peer);
}
END_TEST

START_TEST(another_type_takes_over_what_waits)
{
    static const char *const fails[] = {ANSWER("500"), NULL};
    static const char *const answers[] = {ANSWER("202"), NULL};
    struct http_peer *webhook = peer_start(fails);
    struct http_peer *pager = peer_start(answers);
    struct conf_receiver *receiver = add_typed("ops", "webhook", webhook->port);

    start_alert();
    notify_of("i1", NOTICE_OPENED, SEVERITY_WARNING);
    run_until(1);
    snprintf(receiver->type, sizeof(receiver->type), "pagerduty");
    snprintf(receiver->url, sizeof(receiver->url), "http://127.0.0.1:%d/v2/enqueue", pager->port);
    snprintf(receiver->secret_value, sizeof(receiver->secret_value), "0123456789abcdef");
    ck_assert_int_eq(alert_reload(world.alert, &world.conf), 0);
    run_until(2);
    ck_assert_str_eq(world.lines[1], "ops i1 leak.incident.opened 2 202 delivered");
    ck_assert_ptr_nonnull(strstr(pager->requests[0], "\"routing_key\":\"0123456789abcdef\""));
    peer_end(webhook);
    peer_end(pager);
}
END_TEST

START_TEST(what_is_refused_is_a_dead_letter_and_the_next_one_goes_on)
{
    static const char *const answers[] = {REFUSED, ANSWER("202"), NULL};
    struct http_peer *peer = peer_start(answers);

    snprintf(add_typed("ops", "pagerduty", peer->port)->secret_value, 32, "0123456789abcdef");
    start_alert();
    notify_of("i1", NOTICE_OPENED, SEVERITY_WARNING);
    notify_of("i2", NOTICE_OPENED, SEVERITY_WARNING);
    run_until(2);
    ck_assert_str_eq(world.lines[0], "ops i1 leak.incident.opened 1 400 given up");
    ck_assert_str_eq(world.lines[1], "ops i2 leak.incident.opened 1 202 delivered");
    ck_assert_uint_eq(state_of(0).dead, 1);
    ck_assert_uint_eq(state_of(0).tally->failures, 0);
    peer_end(peer);
}
END_TEST

int main(void)
{
    const TTest *const cases[] = {
        all_addresses_of_a_cluster_are_told_and_one_answer_is_enough,
        the_end_names_an_alert_by_the_labels_it_had,
        slacks_address_is_its_secret,
        a_hook_that_is_gone_turns_off_and_its_notices_are_kept,
        a_command_gets_the_body_and_its_status_counts,
        closing_kills_a_command_at_work,
        of_fifty_workers_one_pages_and_the_others_say_that_they_are_a_group,
        another_type_takes_over_what_waits,
        what_is_refused_is_a_dead_letter_and_the_next_one_goes_on,
    };
    Suite *suite = suite_create("alert_types");
    TCase *tcase = tcase_create("types");

    signal(SIGPIPE, SIG_IGN);
    tcase_set_timeout(tcase, 30);
    tcase_add_checked_fixture(tcase, make_world, remove_world);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        tcase_add_test(tcase, cases[i]);
    suite_add_tcase(suite, tcase);
    return suite_end(suite);
}
