/* SPDX-License-Identifier: MIT */
/* Stacks merged into trees, and given to other tools. */
#include "http_server.h"
#include "tests/unit/suite.h"

#include <errno.h>

#include "daemon/base/buf.h"
#include "daemon/base/gzip.h"
#include "daemon/http/flame.h"

static struct server server;
static struct process *leaker;

static void set_up(void)
{
    server_prepare(&server);
    leaker = put_process(&server, 4711, "orders", "orders.service");
    put_totals(&server, leaker, 1000001);
    put_site(&server, leaker, 1, 5000, "load;x", "orders/app.py");
    put_site(&server, leaker, 2, 9000, "<store>\n", "orders/cache.py");
    store_take_shot(server.store, leaker, false, WALL_MS);
    put_site(&server, leaker, 2, 29000, "<store>\n", "orders/cache.py");
    server_clock_ms += 600000;
    server_start(&server);
}

static void tear_down(void)
{
    server_stop(&server);
}

static char *below(const char *rest)
{
    static char path[256];

    snprintf(path, sizeof(path), "/api/v1/processes/%s%s", leaker->id, rest);
    return path;
}

static struct frame frame_of(const char *function, uint32_t line)
{
    return (struct frame){
        .kind = WIRE_FRAME_PYTHON, .function = function, .file = "a.py", .line = line};
}

START_TEST(stacks_with_a_common_root_share_it)
{
    struct frame first[] = {frame_of("leaf", 3), frame_of("main", 1)};
    struct frame second[] = {frame_of("other", 4), frame_of("main", 1)};
    struct frame third[] = {frame_of("other", 5), frame_of("main", 1)}; /* another line */
    struct flame flame;
    const struct flame_node *main_node;

    ck_assert_int_eq(flame_init(&flame), 0);
    ck_assert_int_eq(flame_add(&flame, first, 2, 10, 1), 0);
    ck_assert_int_eq(flame_add(&flame, second, 2, 30, 2), 0);
    ck_assert_int_eq(flame_add(&flame, second, 2, 5, 0), 0);
    ck_assert_int_eq(flame_add(&flame, third, 2, 7, 0), 0);
    flame_sort(&flame);
    ck_assert_uint_eq(flame.count, 5);
    ck_assert_double_eq(flame.nodes[0].value, 52);
    ck_assert_double_eq(flame.nodes[0].before, 3);
    main_node = &flame.nodes[flame.nodes[0].first_child];
    ck_assert_str_eq(main_node->frame.function, "main");
    ck_assert_uint_eq(main_node->next, 0);
    ck_assert_double_eq(main_node->self, 0);
    ck_assert_double_eq(flame.nodes[main_node->first_child].value, 35);
    ck_assert_double_eq(flame.nodes[main_node->first_child].self, 35);
    flame_done(&flame);
}
END_TEST

START_TEST(what_shrank_to_nothing_still_has_its_place)
{
    struct frame gone[] = {frame_of("gone", 3)}, small[] = {frame_of("small", 9)};
    struct flame flame;

    ck_assert_int_eq(flame_init(&flame), 0);
    ck_assert_int_eq(flame_add(&flame, small, 1, 10, 0), 0);
    ck_assert_int_eq(flame_add(&flame, gone, 1, 0, 500), 0);
    flame_sort(&flame);
    ck_assert_str_eq(flame.nodes[flame.nodes[0].first_child].frame.function, "gone");
    flame_done(&flame);
}
END_TEST

START_TEST(too_many_nodes_count_for_their_callers)
{
    struct frame stack[2] = {frame_of("leaf", 0), frame_of("main", 1)};
    struct flame flame;
    double self = 0;

    ck_assert_int_eq(flame_init(&flame), 0);
    for (uint32_t line = 0; line < 2 * FLAME_NODES_MAX; line++) {
        stack[0].line = line;
        /* distinct leaves of 200 callers: the search for a child stays short */
        stack[1].line = line % 200;
        ck_assert_int_eq(flame_add(&flame, stack, 2, 1, 0), 0);
    }
    ck_assert(flame.is_cut);
    ck_assert_uint_eq(flame.count, FLAME_NODES_MAX);
    for (uint32_t i = 0; i < flame.count; i++)
        self += flame.nodes[i].self;
    ck_assert_double_eq(self, 2 * FLAME_NODES_MAX);
    flame_done(&flame);
}
END_TEST

START_TEST(live_bytes_are_a_tree)
{
    struct json_tree *tree = get_json(&server, below("/flamegraph"));
    const struct json_tree *root = json_get(tree, "root"), *first;

    ck_assert_str_eq(json_get_str(tree, "metric", ""), "live");
    ck_assert_double_eq(json_get_double(root, "value", 0), 34000);
    first = json_at(json_get(root, "children"), 0);
    ck_assert_str_eq(json_get_str(first, "name", ""), "<store>\n");
    ck_assert_str_eq(json_get_str(first, "file", ""), "orders/cache.py");
    ck_assert_double_eq(json_get_double(first, "line", 0), 88);
    ck_assert_double_eq(json_get_double(first, "self", 0), 29000);
    ck_assert_ptr_null(json_get(first, "delta"));
    json_tree_free(tree);
}
END_TEST

START_TEST(a_difference_shows_what_grew)
{
    char target[128];
    struct json_tree *tree;
    const struct json_tree *first, *second;

    snprintf(target, sizeof(target), "/flamegraph?metric=diff&from=%llu", WALL_MS + 0ull);
    tree = get_json(&server, below(target));
    first = json_at(json_get(json_get(tree, "root"), "children"), 0);
    second = json_at(json_get(json_get(tree, "root"), "children"), 1);
    ck_assert_double_eq(json_get_double(tree, "from_ms", 0), (double)WALL_MS);
    ck_assert_double_eq(json_get_double(tree, "to_ms", 0), (double)WALL_MS + 600000);
    ck_assert_double_eq(json_get_double(first, "delta", 0), 20000);
    ck_assert_double_eq(json_get_double(first, "before", 0), 9000);
    ck_assert_double_eq(json_get_double(second, "delta", 1), 0);
    first = json_at(json_get(tree, "places"), 0);
    ck_assert_double_eq(json_get_double(first, "delta", 0), 20000);
    ck_assert_str_eq(json_get_str(json_get(first, "culprit"), "file", ""), "orders/cache.py");
    json_tree_free(tree);
    tree = get_json(&server, below("/flamegraph?metric=alloc"));
    ck_assert_double_eq(json_get_double(json_get(tree, "root"), "value", 0), 68000);
    json_tree_free(tree);
    snprintf(target, sizeof(target), "/flamegraph?metric=alloc&from=%llu", WALL_MS + 0ull);
    tree = get_json(&server, below(target));
    ck_assert_double_eq(json_get_double(json_get(tree, "root"), "value", 0), 40000);
    json_tree_free(tree);
}
END_TEST

START_TEST(an_unchanged_tree_is_not_sent_again)
{
    char headers[160];
    struct answer answer = get(&server, below("/flamegraph?metric=diff&from=1&to=2"));

    ck_assert_int_eq(answer.status, 200);
    snprintf(headers, sizeof(headers), "If-None-Match: %s\r\n", header_of(&answer, "ETag"));
    answer_done(&answer);
    answer = ask(&server, "GET", below("/flamegraph?metric=diff&from=1&to=2"), headers);
    ck_assert_int_eq(answer.status, 304);
    answer_done(&answer);
}
END_TEST

START_TEST(wrong_moments_and_formats_are_named)
{
    static const char *const bad[] = {
        "/flamegraph?metric=heat",   "/flamegraph?from=5&to=4", "/flamegraph?from=5&from_end=4",
        "/flamegraph?to=5&to_end=4", "/flamegraph?form=5",      "/export?format=svg",
        "/export?fmt=pprof",
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ck_assert_msg(get_status(&server, below(bad[i])) == 400, "%s", bad[i]);
    ck_assert_int_eq(get_status(&server, "/debug/pprof/heap"), 400);
    ck_assert_int_eq(get_status(&server, "/debug/pprof/heap?process=1-2"), 404);
    ck_assert_int_eq(get_status(&server, "/api/v1/processes/1-2/export"), 404);
    ck_assert_int_eq(get_status(&server, "/api/v1/processes/1-2/flamegraph"), 404);
}
END_TEST

START_TEST(a_name_cannot_forge_a_collapsed_line)
{
    struct answer answer = get(&server, below("/export?format=collapsed"));

    ck_assert_str_eq(answer.body, "load:x (app.py:88) 5000\n<store>  (cache.py:88) 29000\n");
    answer_done(&answer);
}
END_TEST

START_TEST(speedscope_gets_weights_for_its_samples)
{
    struct json_tree *tree = get_json(&server, below("/export?format=speedscope"));
    const struct json_tree *live = json_at(json_get(tree, "profiles"), 0);

    ck_assert_uint_eq(json_len(json_get(json_get(tree, "shared"), "frames")), 2);
    ck_assert_uint_eq(json_len(json_get(tree, "profiles")), 2);
    ck_assert_uint_eq(json_len(json_get(live, "samples")), json_len(json_get(live, "weights")));
    ck_assert_double_eq(json_get_double(live, "endValue", 0), 34000);
    ck_assert_double_eq(json_number(json_at(json_at(json_get(live, "samples"), 1), 0), -1), 1);
    json_tree_free(tree);
}
END_TEST

START_TEST(pprof_is_gzip_with_the_names_inside)
{
    char path[96];
    struct answer answer;
    struct buf plain;

    snprintf(path, sizeof(path), "/debug/pprof/heap?process=%s&seconds=1", leaker->id);
    answer = get(&server, path);
    ck_assert_int_eq(answer.status, 200);
    ck_assert_str_eq(header_of(&answer, "Content-Type"), "application/octet-stream");
    buf_init(&plain, 1u << 20);
    ck_assert_int_eq(gzip_inflate(answer.body, answer.body_len, &plain), 0);
    ck_assert_ptr_nonnull(memmem(plain.data, plain.len, "inuse_space", 11));
    ck_assert_ptr_nonnull(memmem(plain.data, plain.len, "orders/cache.py", 15));
    buf_done(&plain);
    answer_done(&answer);
}
END_TEST

START_TEST(what_is_no_gzip_is_refused)
{
    struct buf packed, plain;

    buf_init(&packed, 1u << 20);
    buf_init(&plain, 1u << 20);
    ck_assert_int_eq(gzip_deflate("hello hello hello", 17, &packed), 0);
    ck_assert_int_eq(gzip_inflate(packed.data, packed.len - 3, &plain), -EBADMSG);
    buf_clear(&plain);
    ck_assert_int_eq(gzip_inflate("plain text", 10, &plain), -EBADMSG);
    buf_done(&plain);
    buf_init(&plain, 8);
    ck_assert_int_eq(gzip_inflate(packed.data, packed.len, &plain), -ENOMEM);
    buf_done(&plain);
    buf_done(&packed);
}
END_TEST

SUITE_MAIN_FIXTURE("http_flame", set_up, tear_down, stacks_with_a_common_root_share_it,
                   what_shrank_to_nothing_still_has_its_place,
                   too_many_nodes_count_for_their_callers, live_bytes_are_a_tree,
                   a_difference_shows_what_grew, an_unchanged_tree_is_not_sent_again,
                   wrong_moments_and_formats_are_named, a_name_cannot_forge_a_collapsed_line,
                   speedscope_gets_weights_for_its_samples, pprof_is_gzip_with_the_names_inside,
                   what_is_no_gzip_is_refused)
