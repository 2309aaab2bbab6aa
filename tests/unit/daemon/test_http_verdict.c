/* SPDX-License-Identifier: MIT */
/* The tests behind a verdict, as the API sends them. */
#include "http_server.h"
#include "tests/unit/suite.h"

static struct server server;
static struct process *leaker;

static void set_up(void)
{
    server_prepare(&server);
    leaker = put_process(&server, 4711, "orders", "orders.service");
    for (unsigned i = 0; i < 900; i++) {
        struct detect_sample sample = {.time_ms = MONO_MS + 1000 * i, .bytes = 1e8 + 4e5 * i};

        load_push(&leaker->live_detector, &sample, 100);
    }
    leaker->objections[leaker->objection_count++] = (struct detect_check){
        .test = DETECT_TEST_COLLECTED, .value = 0, .needed = 1, .passed = false};
    put_process(&server, 4712, "young", NULL);
    server_start(&server);
}

static void tear_down(void)
{
    server_stop(&server);
}

static struct json_tree *get_process(const char *id)
{
    char path[128];

    snprintf(path, sizeof(path), "/api/v1/processes/%s", id);
    return get_json(&server, path);
}

static const struct json_tree *find_test(const struct json_tree *tests, const char *name)
{
    for (size_t i = 0; i < json_len(tests); i++)
        if (strcmp(json_get_str(json_at(tests, i), "name", ""), name) == 0)
            return json_at(tests, i);
    ck_abort_msg("there is no test %s", name);
}

START_TEST(a_process_tells_its_tests_with_figures_and_words)
{
    struct json_tree *tree = get_process(leaker->id);
    const struct json_tree *tests = json_get(tree, "tests");
    const struct json_tree *waited = find_test(tests, "wait_least");
    const struct json_tree *collected = find_test(tests, "collected");

    ck_assert(json_get_bool(waited, "passed", false));
    ck_assert_double_eq(json_get_double(waited, "needed", 0), 120); /* fast */
    ck_assert_double_ge(json_get_double(waited, "value", 0), 120);
    ck_assert_ptr_nonnull(strstr(json_get_str(waited, "text", ""), "at least 2 min"));
    ck_assert(!json_get_bool(collected, "passed", true));
    ck_assert(json_get_bool(find_test(tests, "straight"), "passed", false));
    ck_assert(!json_get_bool(find_test(tests, "straight"), "at_most", true));
    json_tree_free(tree);
}
END_TEST

START_TEST(a_test_is_what_the_description_says)
{
    struct json_tree *api = get_json(&server, "/api/v1/openapi.json");
    struct json_tree *tree = get_process(leaker->id);
    const struct json_tree *test = json_at(json_get(tree, "tests"), 0);
    const struct json_tree *shape =
        json_get(json_get(json_get(api, "components"), "schemas"), "Test");
    const struct json_tree *fields = json_get(shape, "required");

    ck_assert_uint_eq(json_len(fields), json_len(test));
    for (size_t i = 0; i < json_len(fields); i++)
        ck_assert_ptr_nonnull(json_get(test, json_text(json_at(fields, i), "")));
    json_tree_free(tree);
    json_tree_free(api);
}
END_TEST

START_TEST(a_process_that_is_not_judged_yet_has_no_tests_and_a_list_tells_none)
{
    struct json_tree *young = get_process(query_process_at(server.store, 1)->id);
    struct json_tree *list = get_json(&server, "/api/v1/processes");

    ck_assert_ptr_nonnull(json_get(young, "tests"));
    ck_assert_uint_eq(json_len(json_get(young, "tests")), 0);
    ck_assert_ptr_null(json_get(json_at(json_get(list, "processes"), 0), "tests"));
    json_tree_free(list);
    json_tree_free(young);
}
END_TEST

SUITE_MAIN_FIXTURE("http_verdict", set_up, tear_down,
                   a_process_tells_its_tests_with_figures_and_words,
                   a_test_is_what_the_description_says,
                   a_process_that_is_not_judged_yet_has_no_tests_and_a_list_tells_none)
