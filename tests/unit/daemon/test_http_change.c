/* SPDX-License-Identifier: MIT */
/* What clients change, over a real socket; what the other rooms make of it is recorded. */
#include "http_server.h"
#include "tests/unit/suite.h"

#include "daemon/http/later.h"

static struct server server;
static struct process *leaker;
static char incident_id[24];
static struct http_incident_request seen;
static char seen_by[80], seen_reason[240];
static int answer_with;
static unsigned changes_seen;
static uv_timer_t disk;
static struct later *waiting;
static void *taken;
static bool has_disk;

static int on_incident(void *arg, const char *id, const struct http_incident_request *request)
{
    (void)arg;
    if (strcmp(id, incident_id) != 0)
        return -ENOENT;
    changes_seen++;
    seen = *request;
    snprintf(seen_by, sizeof(seen_by), "%s", request->by);
    snprintf(seen_reason, sizeof(seen_reason), "%s", request->reason);
    return answer_with;
}

static int on_mark(void *arg, const struct operator_mark *mark, const struct operator_mark **out)
{
    struct operator_mark dated = *mark, *kept;

    (void)arg;
    changes_seen++;
    if (answer_with < 0)
        return answer_with;
    dated.at_wall_ms = server_wall_ms();
    ck_assert_int_eq(store_put_operator_mark(server.store, &dated, &kept), 0);
    *out = kept;
    return 0;
}

static void on_disk(uv_timer_t *timer)
{
    store_incident(server.store, incident_id)->stored_revision = 100;
    for (size_t i = 0; i < query_operator_mark_count(server.store); i++)
        store_operator_mark(server.store, query_operator_mark_at(server.store, i)->id)->is_stored =
            true;
    uv_close((uv_handle_t *)timer, NULL);
    later_finish(waiting, taken);
}

static int on_settle(void *arg, struct later *later, void *take)
{
    (void)arg;
    if (!has_disk)
        return -EIO;
    waiting = later;
    taken = take;
    uv_timer_init(&server.loop, &disk);
    return uv_timer_start(&disk, on_disk, 50, 0);
}

static void set_up(void)
{
    answer_with = 0;
    changes_seen = 0;
    has_disk = true;
    seen = (struct http_incident_request){0};
    server_prepare(&server);
    server.source.changes =
        (struct http_changes){.incident = on_incident, .mark = on_mark, .settle = on_settle};
    leaker = put_process(&server, 4711, "orders", "orders.service");
    strcpy(incident_id, put_incident(&server, leaker, "critical")->id);
    server_start(&server);
}

static void tear_down(void)
{
    server_stop(&server);
}

static int post(const char *path, const char *body, struct json_tree **tree)
{
    char rest[1024], error[128];
    struct answer answer;
    int status;

    /* ask() ends the headers, and so this ends with two bytes that nobody asked for. */
    snprintf(rest, sizeof(rest), "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
             strlen(body), body);
    answer = ask(&server, "POST", path, rest);
    status = answer.status;
    if (tree)
        *tree = json_parse(answer.body, strlen(answer.body), error, sizeof(error));
    answer_done(&answer);
    return status;
}

static int change(const char *verb, const char *body)
{
    char path[128];

    snprintf(path, sizeof(path), "/api/v1/incidents/%s/%s", incident_id, verb);
    return post(path, body, NULL);
}

START_TEST(each_verb_asks_for_its_state_with_author_and_reason)
{
    ck_assert_int_eq(change("acknowledge", "{\"by\":\"ada\",\"reason\":\"rolling back\"}"), 200);
    ck_assert_int_eq(seen.to, INCIDENT_ACKNOWLEDGED);
    ck_assert_str_eq(seen_by, "ada");
    ck_assert_str_eq(seen_reason, "rolling back");
    ck_assert_uint_eq(seen.duration_ms, 0);
    ck_assert_int_eq(change("silence", "{\"duration\":\"2d\"}"), 200);
    ck_assert_int_eq(seen.to, INCIDENT_SILENCED);
    ck_assert_uint_eq(seen.duration_ms, UINT64_C(2) * 86400000);
    ck_assert_str_eq(seen_by, "somebody");
    ck_assert_int_eq(change("resolve", ""), 200);
    ck_assert_int_eq(seen.to, INCIDENT_RESOLVED);
}
END_TEST

START_TEST(a_silence_without_a_duration_ends_after_a_night)
{
    ck_assert_int_eq(change("silence", "{}"), 200);
    ck_assert_uint_eq(seen.duration_ms, UINT64_C(8) * 3600000);
}
END_TEST

START_TEST(a_body_that_makes_no_sense_changes_nothing)
{
    static const char *const bodies[] = {
        "{\"duration\":\"soon\"}",
        "{\"duration\":\"0h\"}",
        "{\"duration\":\"91d\"}",
        "{\"duration\":8}",
        "{\"by\":7}",
        "{\"reason\":[]}",
        "[]",
        "{",
    };
    char body[512];

    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
        ck_assert_msg(change("silence", bodies[i]) == 400, "%s", bodies[i]);
    snprintf(body, sizeof(body), "{\"reason\":\"%0300d\"}", 0);
    ck_assert_int_eq(change("silence", body), 400);
    ck_assert_ptr_null(seen.by);
}
END_TEST

START_TEST(refusals_of_the_other_rooms_are_told_apart)
{
    answer_with = -EALREADY;
    ck_assert_int_eq(change("acknowledge", "{}"), 409);
    answer_with = -ENOMEM;
    ck_assert_int_eq(change("acknowledge", "{}"), 503);
    ck_assert_int_eq(post("/api/v1/incidents/NONE/acknowledge", "{}", NULL), 404);
}
END_TEST

START_TEST(a_mark_is_kept_and_listed)
{
    struct json_tree *mark, *list;
    const struct json_tree *first;

    ck_assert_int_eq(post("/api/v1/marks",
                          "{\"text\":\"1.4.2\",\"kind\":\"release\",\"unit\":\"orders.service\","
                          "\"by\":\"deploy\"}",
                          &mark),
                     201);
    ck_assert_str_eq(json_get_str(mark, "kind", ""), "release");
    ck_assert(json_get_bool(mark, "stored", false));
    ck_assert_uint_eq(changes_seen, 1);
    list = get_json(&server, "/api/v1/marks");
    first = json_at(json_get(list, "marks"), 0);
    ck_assert_str_eq(json_get_str(first, "id", ""), json_get_str(mark, "id", "-"));
    ck_assert_str_eq(json_get_str(first, "text", ""), "1.4.2");
    ck_assert_str_eq(json_get_str(first, "unit", ""), "orders.service");
    json_tree_free(mark);
    json_tree_free(list);
}
END_TEST

START_TEST(an_answer_waits_for_the_disk_and_the_change_is_made_once)
{
    struct json_tree *tree;
    char path[128];

    snprintf(path, sizeof(path), "/api/v1/incidents/%s/acknowledge", incident_id);
    ck_assert_int_eq(post(path, "{\"by\":\"ada\"}", &tree), 200);
    ck_assert(json_get_bool(tree, "stored", false));
    ck_assert_str_eq(json_get_str(tree, "id", ""), incident_id);
    ck_assert_uint_eq(changes_seen, 1);
    json_tree_free(tree);
}
END_TEST

START_TEST(without_a_disk_the_answer_comes_at_once_and_says_so)
{
    struct json_tree *tree;

    has_disk = false;
    ck_assert_int_eq(post("/api/v1/marks", "{\"text\":\"x\"}", &tree), 201);
    ck_assert(!json_get_bool(tree, "stored", true));
    ck_assert_int_eq(change("silence", "{}"), 200);
    json_tree_free(tree);
}
END_TEST

START_TEST(a_mark_needs_a_text_and_a_process_that_is_there)
{
    char body[128];

    ck_assert_int_eq(post("/api/v1/marks", "{}", NULL), 400);
    ck_assert_int_eq(post("/api/v1/marks", "{\"text\":\"x\",\"kind\":\"phase\"}", NULL), 400);
    ck_assert_int_eq(post("/api/v1/marks", "{\"text\":\"x\",\"process\":\"1-1\"}", NULL), 404);
    snprintf(body, sizeof(body), "{\"text\":\"x\",\"process\":\"%s\"}", leaker->id);
    ck_assert_int_eq(post("/api/v1/marks", body, NULL), 201);
}
END_TEST

START_TEST(one_incident_shows_the_others_of_its_fingerprint)
{
    char path[128];
    struct json_tree *tree;

    snprintf(path, sizeof(path), "/api/v1/incidents/%s", incident_id);
    tree = get_json(&server, path);
    ck_assert_uint_eq(json_len(json_get(tree, "history")), 0);
    ck_assert_ptr_nonnull(json_get(tree, "history"));
    json_tree_free(tree);
}
END_TEST

SUITE_MAIN_FIXTURE("http_change", set_up, tear_down,
                   each_verb_asks_for_its_state_with_author_and_reason,
                   a_silence_without_a_duration_ends_after_a_night,
                   a_body_that_makes_no_sense_changes_nothing,
                   refusals_of_the_other_rooms_are_told_apart, a_mark_is_kept_and_listed,
                   an_answer_waits_for_the_disk_and_the_change_is_made_once,
                   without_a_disk_the_answer_comes_at_once_and_says_so,
                   a_mark_needs_a_text_and_a_process_that_is_there,
                   one_incident_shows_the_others_of_its_fingerprint)
