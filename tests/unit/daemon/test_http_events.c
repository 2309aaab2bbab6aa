/* SPDX-License-Identifier: MIT */
/* The event stream over real sockets, and the ring by itself. */
#include "http_server.h"

#include <fcntl.h>

#include "daemon/http/events.h"

static struct server server;
static struct process *first;
static struct process *second;

static void set_up(void)
{
    server_prepare(&server);
    first = put_process(&server, 4711, "orders", "orders.service");
    second = put_process(&server, 4712, "mail", NULL);
    server_start(&server);
}

static void tear_down(void)
{
    server_stop(&server);
}

/* ---- a client of the stream ---------------------------------------------------------------------
 */

struct stream {
    int fd;
    char *text; /* everything that came, chunk marks included */
    size_t len;
};

static struct stream open_stream(const char *headers)
{
    struct stream stream = {.fd = client_connect(&server), .text = calloc(1, 1)};
    char request[256];

    snprintf(request, sizeof(request),
             "GET /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n%s\r\n", server.port, headers);
    client_send(stream.fd, request);
    return stream;
}

static void close_stream(struct stream *stream)
{
    close(stream->fd);
    free(stream->text);
}

/* Reads once; false at the end or after ms without a byte. */
static bool read_more(struct stream *stream, int ms)
{
    struct pollfd poll_fd = {.fd = stream->fd, .events = POLLIN};
    char chunk[65536];
    ssize_t n;

    if (poll(&poll_fd, 1, ms) <= 0)
        return false;
    n = recv(stream->fd, chunk, sizeof(chunk), 0);
    if (n <= 0)
        return false;
    stream->text = realloc(stream->text, stream->len + (size_t)n + 1);
    memcpy(stream->text + stream->len, chunk, (size_t)n);
    stream->len += (size_t)n;
    stream->text[stream->len] = '\0';
    return true;
}

static bool wait_for(struct stream *stream, const char *what)
{
    while (!strstr(stream->text, what)) {
        if (!read_more(stream, 5000))
            return false;
    }
    return true;
}

static size_t count_events(const struct stream *stream, const char *name)
{
    char line[64];
    size_t count = 0;

    snprintf(line, sizeof(line), "event: %s\n", name);
    for (const char *at = strstr(stream->text, line); at; at = strstr(at + 1, line))
        count++;
    return count;
}

/* The id of the last event, 0 when there was none. */
static uint64_t last_id(const struct stream *stream)
{
    uint64_t id = 0;

    for (const char *at = strstr(stream->text, "id: "); at; at = strstr(at + 1, "\nid: "))
        id = strtoull(at + (*at == '\n' ? 5 : 4), NULL, 10);
    return id;
}

static void change_first(struct server *s, void *arg)
{
    put_totals(s, first, *(uint64_t *)arg);
}

/* One process changes and a second goes by. */
static void change_and_tick(uint64_t live_bytes)
{
    server_do(&server, change_first, &live_bytes);
    server_tick(&server);
}

START_TEST(a_client_is_greeted_with_the_status)
{
    struct stream stream = open_stream("");

    ck_assert(wait_for(&stream, "event: status\ndata: {"));
    ck_assert_ptr_nonnull(strstr(stream.text, "Content-Type: text/event-stream"));
    ck_assert_ptr_nonnull(strstr(stream.text, "Cache-Control: no-store"));
    ck_assert_ptr_nonnull(strstr(stream.text, "retry: 3000\n\n"));
    ck_assert_ptr_null(strstr(stream.text, "event: reset"));
    close_stream(&stream);
}
END_TEST

START_TEST(only_what_changed_is_told)
{
    struct stream stream = open_stream("");

    ck_assert(wait_for(&stream, "event: status"));
    change_and_tick(1000);
    ck_assert(wait_for(&stream, "\"name\":\"mail\""));
    ck_assert_uint_eq(count_events(&stream, "process"), 2);
    change_and_tick(777777);
    ck_assert(wait_for(&stream, "\"live_bytes\":777777,"));
    ck_assert_uint_eq(count_events(&stream, "process"), 3);
    server_tick(&server);
    change_and_tick(888888);
    ck_assert(wait_for(&stream, "\"live_bytes\":888888,"));
    ck_assert_uint_eq(count_events(&stream, "process"), 4);
    close_stream(&stream);
}
END_TEST

static void publish_second(struct server *s, void *arg)
{
    (void)arg;
    http_publish_process(s->http, second);
}

START_TEST(what_is_published_is_told_without_a_new_revision)
{
    struct stream stream = open_stream("");

    ck_assert(wait_for(&stream, "event: status"));
    server_tick(&server);
    ck_assert(wait_for(&stream, "\"name\":\"mail\""));
    server_do(&server, publish_second, NULL);
    server_tick(&server);
    change_and_tick(999);
    ck_assert(wait_for(&stream, "\"live_bytes\":999,"));
    ck_assert_uint_eq(count_events(&stream, "process"), 4);
    close_stream(&stream);
}
END_TEST

static void open_incident(struct server *s, void *arg)
{
    *(struct incident **)arg = put_incident(s, first, "warning");
}

static void resolve_incident(struct server *s, void *arg)
{
    struct incident *incident = arg;

    (void)s;
    incident->state = INCIDENT_RESOLVED;
    store_touch_incident(incident);
}

START_TEST(incidents_are_told_when_they_open_and_change)
{
    struct stream stream = open_stream("");
    struct incident *incident = NULL;

    ck_assert(wait_for(&stream, "event: status"));
    server_do(&server, open_incident, &incident);
    server_tick(&server);
    ck_assert(wait_for(&stream, "\"state\":\"open\""));
    server_do(&server, resolve_incident, incident);
    server_tick(&server);
    ck_assert(wait_for(&stream, "\"state\":\"resolved\""));
    ck_assert_uint_eq(count_events(&stream, "incident"), 2);
    close_stream(&stream);
}
END_TEST

static void end_second(struct server *s, void *arg)
{
    (void)arg;
    store_set_state(s->store, second, PROCESS_EXITED, server_mono_ms(), server_wall_ms());
}

static void expire(struct server *s, void *arg)
{
    (void)arg;
    store_expire(s->store, server_mono_ms() + 3600000);
}

START_TEST(a_process_that_is_forgotten_is_told)
{
    struct stream stream = open_stream("");

    ck_assert(wait_for(&stream, "event: status"));
    server_do(&server, end_second, NULL);
    server_tick(&server);
    ck_assert(wait_for(&stream, "\"state\":\"exited\""));
    server_do(&server, expire, NULL);
    server_tick(&server);
    ck_assert(wait_for(&stream, "event: process_removed\ndata: {\"id\":\"4712-32984\"}\n\n"));
    close_stream(&stream);
}
END_TEST

START_TEST(silence_is_broken_by_a_comment)
{
    struct stream stream = open_stream("");

    ck_assert(wait_for(&stream, "event: status"));
    for (int i = 0; i < 3; i++)
        server_tick(&server);
    ck_assert(wait_for(&stream, "\"name\":\"mail\""));
    ck_assert_ptr_null(strstr(stream.text, "\n:\n\n"));
    for (int i = 0; i < 16; i++)
        server_tick(&server);
    ck_assert(wait_for(&stream, "\n:\n\n"));
    close_stream(&stream);
}
END_TEST

START_TEST(a_client_that_comes_back_misses_nothing)
{
    struct stream stream = open_stream("");
    char header[80];

    ck_assert(wait_for(&stream, "event: status"));
    change_and_tick(1000);
    ck_assert(wait_for(&stream, "\"name\":\"mail\""));
    snprintf(header, sizeof(header), "Last-Event-ID: %llu\r\n",
             (unsigned long long)last_id(&stream));
    close_stream(&stream);
    change_and_tick(111111);
    change_and_tick(222222);
    stream = open_stream(header);
    ck_assert(wait_for(&stream, "\"live_bytes\":222222,"));
    ck_assert_ptr_nonnull(strstr(stream.text, "\"live_bytes\":111111,"));
    ck_assert_ptr_null(strstr(stream.text, "event: reset"));
    ck_assert_ptr_null(strstr(stream.text, "\"live_bytes\":1000,"));
    close_stream(&stream);
}
END_TEST

START_TEST(a_client_that_was_away_too_long_is_told_to_reset)
{
    static const char *const ids[] = {
        "Last-Event-ID: 5\r\n", "Last-Event-ID: x\r\n", "Last-Event-ID: 18446744073709551615\r\n",
        "Last-Event-ID: 99999999999999999999999\r\n", "Last-Event-ID: 9007199254740991\r\n"};

    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        struct stream stream = open_stream(ids[i]);

        ck_assert_msg(wait_for(&stream, "event: reset\ndata: {}\n\n"), "%s", ids[i]);
        close_stream(&stream);
    }
}
END_TEST

START_TEST(after_a_minute_without_clients_the_ring_is_forgotten)
{
    struct stream stream = open_stream("");
    char header[80];

    ck_assert(wait_for(&stream, "event: status"));
    change_and_tick(1000);
    ck_assert(wait_for(&stream, "\"name\":\"mail\""));
    snprintf(header, sizeof(header), "Last-Event-ID: %llu\r\n",
             (unsigned long long)last_id(&stream));
    close_stream(&stream);
    for (int i = 0; i < 70; i++)
        server_tick(&server);
    stream = open_stream(header);
    ck_assert(wait_for(&stream, "event: reset"));
    close_stream(&stream);
}
END_TEST

static size_t connected_streams(void)
{
    struct json_tree *tree = get_json(&server, "/api/v1/status");
    size_t count = (size_t)json_get_double(tree, "event_clients", 0);

    json_tree_free(tree);
    return count;
}

START_TEST(fifty_clients_hear_the_same_and_may_leave)
{
    enum { CLIENTS = 50 };
    struct stream streams[CLIENTS];

    for (int i = 0; i < CLIENTS; i++)
        streams[i] = open_stream("");
    for (int i = 0; i < CLIENTS; i++)
        ck_assert(wait_for(&streams[i], "event: status"));
    ck_assert_uint_eq(connected_streams(), CLIENTS);
    for (uint64_t round = 0; round < 30; round++) {
        /* Every second somebody leaves, sometimes without a word. */
        if (round < CLIENTS / 2) {
            if (round % 2)
                setsockopt(streams[round].fd, SOL_SOCKET, SO_LINGER, &(struct linger){1, 0},
                           sizeof(struct linger));
            close_stream(&streams[round]);
        }
        change_and_tick(500000 + round);
    }
    for (int i = CLIENTS / 2; i < CLIENTS; i++) {
        ck_assert(wait_for(&streams[i], "\"live_bytes\":500029,"));
        ck_assert_uint_eq(count_events(&streams[i], "process"), 31);
        close_stream(&streams[i]);
    }
    server_tick(&server);
    server_tick(&server);
    ck_assert_uint_eq(connected_streams(), 0);
}
END_TEST

START_TEST(two_hundred_clients_are_served_and_the_next_is_refused)
{
    struct stream streams[EVENTS_CLIENTS_MAX];
    struct answer answer;

    for (int i = 0; i < EVENTS_CLIENTS_MAX; i++) {
        streams[i] = open_stream("");
        ck_assert(wait_for(&streams[i], "event: status"));
    }
    answer = get(&server, "/api/v1/events");
    ck_assert_int_eq(answer.status, 503);
    ck_assert_str_eq(header_of(&answer, "Retry-After"), "5");
    answer_done(&answer);
    change_and_tick(424242);
    for (int i = 0; i < EVENTS_CLIENTS_MAX; i++) {
        ck_assert(wait_for(&streams[i], "\"live_bytes\":424242,"));
        close_stream(&streams[i]);
    }
}
END_TEST

START_TEST(a_client_that_does_not_read_is_let_go)
{
    struct stream stream = open_stream("");
    struct stream quick = open_stream("");
    int small = 2048;
    uint64_t round = 0;

    setsockopt(stream.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    ck_assert(wait_for(&quick, "event: status"));
    ck_assert_uint_eq(connected_streams(), 2);
    while (connected_streams() == 2 && round < 3000) {
        change_and_tick(600000 + round++);
        while (read_more(&quick, 0))
            ;
    }
    ck_assert_uint_eq(connected_streams(), 1);
    ck_assert_uint_eq(count_events(&quick, "process"), round + 1);
    close_stream(&quick);
    close_stream(&stream);
}
END_TEST

START_TEST(a_stop_ends_the_streams)
{
    struct stream streams[5];

    for (int i = 0; i < 5; i++) {
        streams[i] = open_stream("");
        ck_assert(wait_for(&streams[i], "event: status"));
    }
    tear_down();
    for (int i = 0; i < 5; i++) {
        while (read_more(&streams[i], 2000))
            ;
        ck_assert_int_le(recv(streams[i].fd, &(char){0}, 1, MSG_DONTWAIT), 0);
        close_stream(&streams[i]);
    }
    set_up();
}
END_TEST

/* ---- the ring by itself -------------------------------------------------------------------------
 */

static void on_ready(void *arg)
{
    (*(int *)arg)++;
}

static size_t read_all(struct event_client *client, char *out, size_t size, size_t step)
{
    size_t len = 0, n;

    while ((n = events_read(client, out + len, step < size - 1 - len ? step : size - 1 - len, 0)) >
           0)
        len += n;
    out[len] = '\0';
    return len;
}

START_TEST(a_lagging_client_gets_whole_events_and_then_lagged)
{
    enum { SIZE = 1 << 20 };
    struct events *events;
    struct event_client *client;
    char *text = malloc(SIZE), *data = malloc(1000), *end;
    int ready = 0;

    memset(data, 'x', 1000);
    ck_assert_int_eq(events_new(100, &events), 0);
    ck_assert_int_eq(events_join(events, "", 0, on_ready, &ready, &client), 0);
    events_push(events, "process", data, 1000);
    ck_assert_uint_eq(events_read(client, text, 100, 0), 100); /* in the middle of the first */
    for (int tick = 0; tick < 80; tick++) {
        events_begin_tick(events);
        events_push(events, "process", data, 1000);
        events_end_tick(events, 1000 * (uint64_t)tick);
    }
    ck_assert(events_is_ending(client));
    ck_assert(!events_has_ended(client));
    read_all(client, text + 100, SIZE - 100, 7);
    ck_assert(events_has_ended(client));
    end = strstr(text, "id: 100\nevent: process\ndata: x");
    ck_assert_ptr_nonnull(end);
    ck_assert_str_eq(strchr(strstr(end, "data: "), '\n'), "\n\nevent: lagged\ndata: {}\n\n");
    ck_assert_int_gt(ready, 0);
    ck_assert_uint_eq(events_lagged_total(events), 1);
    events_leave(client, 0);
    events_free(events);
    free(data);
    free(text);
}
END_TEST

START_TEST(one_tick_in_which_all_changed_is_no_lag)
{
    struct events *events;
    struct event_client *client;
    char *text = malloc(4 << 20), *data = malloc(1500);
    int ready = 0;

    memset(data, 'x', 1500);
    ck_assert_int_eq(events_new(1, &events), 0);
    ck_assert_int_eq(events_join(events, "", 0, on_ready, &ready, &client), 0);
    for (int tick = 0; tick < 5; tick++) {
        events_begin_tick(events);
        ck_assert(!events_is_ending(client));
        for (int i = 0; i < 200; i++)
            events_push(events, "process", data, 1500);
        events_end_tick(events, 0);
        ck_assert_uint_gt(read_all(client, text, 4 << 20, 4096), 300000);
    }
    events_leave(client, 0);
    events_free(events);
    free(data);
    free(text);
}
END_TEST

START_TEST(the_ring_is_bounded_and_its_loss_is_told)
{
    struct events *events;
    struct event_client *client, *late;
    char *text = malloc(8 << 20), *data = malloc(100000);
    int ready = 0;

    memset(data, 'x', 100000);
    ck_assert_int_eq(events_new(1, &events), 0);
    ck_assert_int_eq(events_join(events, "", 0, on_ready, &ready, &client), 0);
    for (int i = 0; i < 60; i++)
        events_push(events, "process", data, 100000);
    ck_assert(events_is_ending(client));
    ck_assert_uint_lt(read_all(client, text, 8 << 20, 65536), 200);
    ck_assert_ptr_nonnull(strstr(text, "event: lagged"));
    /* Id 60 is the newest, 1 is gone, 40 is still there. */
    ck_assert_int_eq(events_join(events, "1", 0, on_ready, &ready, &late), 0);
    ck_assert_ptr_nonnull(text);
    read_all(late, text, 8 << 20, 65536);
    ck_assert_ptr_nonnull(strstr(text, "id: 60\nevent: reset"));
    events_leave(late, 0);
    ck_assert_int_eq(events_join(events, "40", 0, on_ready, &ready, &late), 0);
    read_all(late, text, 8 << 20, 65536);
    ck_assert_ptr_nonnull(strstr(text, "\n\nid: 41\n"));
    ck_assert_ptr_nonnull(strstr(text, "\n\nid: 60\n"));
    ck_assert_ptr_null(strstr(text, "reset"));
    events_leave(late, 0);
    events_leave(client, 0);
    events_free(events);
    free(data);
    free(text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("http_events");
    TCase *streams = tcase_create("streams");
    TCase *ring = tcase_create("ring");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, streams);
    suite_add_tcase(suite, ring);
    tcase_set_timeout(streams, 120);
    tcase_add_checked_fixture(streams, set_up, tear_down);
    tcase_add_test(streams, a_client_is_greeted_with_the_status);
    tcase_add_test(streams, only_what_changed_is_told);
    tcase_add_test(streams, what_is_published_is_told_without_a_new_revision);
    tcase_add_test(streams, incidents_are_told_when_they_open_and_change);
    tcase_add_test(streams, a_process_that_is_forgotten_is_told);
    tcase_add_test(streams, silence_is_broken_by_a_comment);
    tcase_add_test(streams, a_client_that_comes_back_misses_nothing);
    tcase_add_test(streams, a_client_that_was_away_too_long_is_told_to_reset);
    tcase_add_test(streams, after_a_minute_without_clients_the_ring_is_forgotten);
    tcase_add_test(streams, fifty_clients_hear_the_same_and_may_leave);
    tcase_add_test(streams, two_hundred_clients_are_served_and_the_next_is_refused);
    tcase_add_test(streams, a_client_that_does_not_read_is_let_go);
    tcase_add_test(streams, a_stop_ends_the_streams);
    tcase_add_test(ring, a_lagging_client_gets_whole_events_and_then_lagged);
    tcase_add_test(ring, one_tick_in_which_all_changed_is_no_lag);
    tcase_add_test(ring, the_ring_is_bounded_and_its_loss_is_told);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
