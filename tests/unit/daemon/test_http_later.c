/* SPDX-License-Identifier: MIT */
/* Answers that wait for a disk: over a real socket, the disk being a timer of the server's loop. */
#include "http_server.h"
#include "tests/unit/suite.h"

#include "daemon/http/later.h"

static struct server server;
static struct process *process;
static uv_timer_t disk;
static struct later *asked;
static struct http_history_question question;
static size_t points_given;
static uint64_t delay_ms;
static bool is_broken;
static int refuse_with;
static _Atomic unsigned questions, answers;

static void on_disk(uv_timer_t *timer)
{
    struct http_history *out;

    (void)timer;
    answers++;
    if (is_broken) {
        later_finish(asked, NULL);
        return;
    }
    out = malloc(sizeof(*out) + points_given * sizeof(out->points[0]));
    out->is_known = points_given > 0;
    out->count = points_given;
    for (size_t i = 0; i < points_given; i++)
        out->points[i] = (struct point){
            .wall_ms = question.from_wall_ms / 10000 * 10000 + i * 10000, .min = 100, .mean = 150};
    later_finish(asked, out);
}

static int read_history(void *arg, const struct http_history_question *q, struct later *later)
{
    (void)arg;
    questions++;
    if (refuse_with < 0)
        return refuse_with;
    question = *q;
    asked = later;
    if (delay_ms == 0)
        on_disk(NULL);
    else
        uv_timer_start(&disk, on_disk, delay_ms, 0);
    return 0;
}

static void start_disk(struct server *s, void *arg)
{
    (void)arg;
    uv_timer_init(&s->loop, &disk);
}

static void stop_disk(struct server *s, void *arg)
{
    (void)s;
    (void)arg;
    uv_close((uv_handle_t *)&disk, NULL);
}

static void set_up(void)
{
    server_prepare(&server);
    server.source.read_history = read_history;
    process = put_process(&server, 4711, "orders", NULL);
    for (int i = 0; i < 5; i++) {
        server_clock_ms += 10000;
        put_totals(&server, process, 5000);
    }
    server_start(&server);
    server_do(&server, start_disk, NULL);
    points_given = 6;
    delay_ms = 50;
    questions = answers = 0;
    refuse_with = 0;
    is_broken = false;
}

static void tear_down(void)
{
    server_do(&server, stop_disk, NULL);
    server_stop(&server);
}

static char *series_of(const char *id, uint64_t hours)
{
    static char path[200];

    snprintf(path, sizeof(path), "/api/v1/processes/%s/series?from=%llu&to=%llu", id,
             (unsigned long long)(WALL_MS - hours * 3600000),
             (unsigned long long)(WALL_MS + 90000));
    return path;
}

START_TEST(what_is_older_than_the_memory_comes_from_the_disk_before_it)
{
    struct json_tree *tree = get_json(&server, series_of(process->id, 7));
    const struct json_tree *points = json_get(tree, "points");
    double last = 0;

    ck_assert_uint_eq(questions, 1);
    ck_assert(!question.is_rss);
    ck_assert_uint_ge(json_len(points), 8);
    ck_assert_double_eq(json_number(json_at(json_at(points, 0), 1), 0), 100);
    ck_assert_double_eq(json_number(json_at(json_at(points, 0), 2), 0), 150);
    for (size_t i = 0; i < json_len(points); i++) {
        double at = json_number(json_at(json_at(points, i), 0), 0);

        ck_assert_double_gt(at, last);
        last = at;
    }
    ck_assert_double_ge(json_number(json_at(json_at(points, json_len(points) - 1), 1), 0), 5000);
    json_tree_free(tree);
}
END_TEST

START_TEST(what_the_memory_has_does_not_wait_for_a_disk)
{
    struct json_tree *tree = get_json(&server, series_of(process->id, 1));

    ck_assert_uint_eq(questions, 0);
    json_tree_free(tree);
}
END_TEST

START_TEST(a_long_past_comes_in_steps_that_fit)
{
    struct json_tree *tree;

    points_given = 60000; /* a week in tens of seconds */
    tree = get_json(&server, series_of(process->id, 7 * 24));
    ck_assert_uint_le(json_len(json_get(tree, "points")), 4096);
    ck_assert_uint_ge(json_len(json_get(tree, "points")), 1000);
    ck_assert_double_eq(json_get_double(tree, "step_ms", 0), 300000);
    json_tree_free(tree);
}
END_TEST

START_TEST(a_process_that_only_the_disk_knows_is_shown)
{
    struct json_tree *tree = get_json(&server, series_of("99-1", 1));

    ck_assert_uint_eq(json_len(json_get(tree, "points")), 6);
    ck_assert_str_eq(json_get_str(tree, "process_id", ""), "99-1");
    ck_assert(json_is_null(json_get(tree, "fit")));
    json_tree_free(tree);
}
END_TEST

START_TEST(what_nobody_knows_is_404)
{
    points_given = 0;
    ck_assert_int_eq(get_status(&server, series_of("99-1", 1)), 404);
    refuse_with = -ENOENT;
    ck_assert_int_eq(get_status(&server, series_of("99-1", 1)), 404);
    ck_assert_int_eq(get_status(&server, series_of(process->id, 7)), 200);
}
END_TEST

START_TEST(a_disk_that_fails_or_is_busy_is_said)
{
    is_broken = true;
    ck_assert_int_eq(get_status(&server, series_of("99-1", 1)), 503);
    ck_assert_int_eq(get_status(&server, series_of(process->id, 7)), 200); /* what memory has */
    refuse_with = -EBUSY;
    ck_assert_int_eq(get_status(&server, series_of(process->id, 7)), 503);
}
END_TEST

START_TEST(an_answer_may_be_there_at_once)
{
    delay_ms = 0;
    ck_assert_int_eq(get_status(&server, series_of("99-1", 1)), 200);
}
END_TEST

START_TEST(a_client_that_leaves_meanwhile_harms_nothing)
{
    char request[512];
    int fd = client_connect(&server);

    delay_ms = 200;
    snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n\r\n",
             series_of("99-1", 1), server.port);
    client_send(fd, request);
    while (get_status(&server, "/livez") == 200 && questions == 0)
        usleep(5000); /* each look writes into libcheck's own file */
    close(fd);
    while (get_status(&server, "/livez") == 200 && answers == 0)
        usleep(5000); /* each look writes into libcheck's own file */
    ck_assert_int_eq(get_status(&server, series_of("99-1", 1)), 200);
}
END_TEST

static void finish_late(struct server *s, void *arg)
{
    (void)s;
    (void)arg;
    uv_timer_stop(&disk);
}

START_TEST(a_server_that_stops_waits_for_no_disk)
{
    char request[512];
    int fd = client_connect(&server);

    delay_ms = 60000;
    snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n\r\n",
             series_of("99-1", 1), server.port);
    client_send(fd, request);
    while (get_status(&server, "/livez") == 200 && questions == 0)
        usleep(5000); /* each look writes into libcheck's own file */
    server_do(&server, finish_late, NULL);
    tear_down();
    close(fd);
    on_disk(NULL); /* the worker is done after the server is gone */
    set_up();
}
END_TEST

SUITE_MAIN_FIXTURE("http_later", set_up, tear_down,
                   what_is_older_than_the_memory_comes_from_the_disk_before_it,
                   what_the_memory_has_does_not_wait_for_a_disk,
                   a_long_past_comes_in_steps_that_fit, a_process_that_only_the_disk_knows_is_shown,
                   what_nobody_knows_is_404, a_disk_that_fails_or_is_busy_is_said,
                   an_answer_may_be_there_at_once, a_client_that_leaves_meanwhile_harms_nothing,
                   a_server_that_stops_waits_for_no_disk)
