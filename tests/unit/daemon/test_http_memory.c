/* SPDX-License-Identifier: MIT */
/* What the memory of a process is made of: the share of Python's allocator over time, the mappings;
 * and the page from a folder. */
#include "http_server.h"
#include "tests/unit/suite.h"

#include "daemon/base/procfs.h"
#include "daemon/http/asset_folder.h"

static struct server server;
static struct process *self;     /* this test, as if it were watched */
static struct process *somebody; /* its pid is not what it was */
static char path[256];

static void set_up(void)
{
    struct procfs_stat stat;

    ck_assert_int_eq(procfs_read_stat(&procfs_host, getpid(), &stat), 0);
    server_prepare(&server);
    self = put_process(&server, getpid(), "self", NULL);
    self->identity.start_ticks = stat.start_ticks;
    put_totals(&server, self, 1000000);
    somebody = put_process(&server, getppid(), "somebody", NULL);
    somebody->identity.start_ticks = 1;
    server_start(&server);
}

static void tear_down(void)
{
    server_stop(&server);
}

static const char *below(const struct process *process, const char *rest)
{
    snprintf(path, sizeof(path), "/api/v1/processes/%s%s", process->id, rest);
    return path;
}

/* The answer after the worker is through; the first one is always 202. */
static struct answer ask_maps(const struct process *process)
{
    struct answer answer = get(&server, below(process, "/maps"));

    ck_assert_int_eq(answer.status, 202);
    while (answer.status == 202) {
        answer_done(&answer);
        usleep(2000);
        answer = get(&server, below(process, "/maps"));
    }
    return answer;
}

START_TEST(the_share_of_pythons_allocator_is_a_series)
{
    struct json_tree *tree = get_json(&server, below(self, "/series?name=python_bytes"));
    const struct json_tree *point = json_at(json_get(tree, "points"), 0);

    ck_assert_double_eq(json_number(json_at(point, 2), 0), 500000);
    ck_assert(json_is_null(json_get(tree, "fit")));
    json_tree_free(tree);
    tree = get_json(&server, below(somebody, "/series?name=python_bytes"));
    ck_assert_uint_eq(json_len(json_get(tree, "points")), 0);
    json_tree_free(tree);
}
END_TEST

START_TEST(mappings_are_read_in_the_background_and_kept_for_a_moment)
{
    struct answer answer = ask_maps(self);

    ck_assert_int_eq(answer.status, 200);
    ck_assert_ptr_nonnull(strstr(answer.body, "\"state\":\"read\""));
    ck_assert_ptr_nonnull(strstr(answer.body, "test_http_memory"));
    ck_assert_ptr_nonnull(strstr(answer.body, "\"kind\":\"stack\""));
    answer_done(&answer);
    server_clock_ms += 3000;
    answer = get(&server, below(self, "/maps"));
    ck_assert_int_eq(answer.status, 200);
    answer_done(&answer);
    server_clock_ms += 3000;
    answer = get(&server, below(self, "/maps"));
    ck_assert_int_eq(answer.status, 202);
    answer_done(&answer);
}
END_TEST

START_TEST(a_pid_that_is_somebody_elses_by_now_is_not_read)
{
    struct answer answer = ask_maps(somebody);

    ck_assert_int_eq(answer.status, 404);
    ck_assert_ptr_null(strstr(answer.body, "rss_bytes"));
    answer_done(&answer);
}
END_TEST

START_TEST(a_stop_while_mappings_are_read_is_clean)
{
    struct answer answer = get(&server, below(self, "/maps"));

    ck_assert_int_eq(answer.status, 202); /* the rest is tear_down's and the sanitizer's */
    answer_done(&answer);
}
END_TEST

START_TEST(a_folder_gives_its_files_and_nothing_outside)
{
    struct http_reply reply;
    char root[] = "/tmp/leakd-test-XXXXXX";
    char file[64];
    FILE *out;

    ck_assert_ptr_nonnull(mkdtemp(root));
    snprintf(file, sizeof(file), "%s/app.js", root);
    out = fopen(file, "w");
    ck_assert_ptr_nonnull(out);
    fputs("void 0", out);
    fclose(out);
    reply_init(&reply);
    asset_folder_reply(root, "/app.js", &reply);
    ck_assert_int_eq(reply.status, 200);
    ck_assert_str_eq(reply.content_type, "text/javascript; charset=utf-8");
    ck_assert_uint_eq(reply.body.len, strlen("void 0"));
    reply_done(&reply);
    reply_init(&reply);
    asset_folder_reply(root, "/../../etc/passwd", &reply);
    ck_assert_int_eq(reply.status, 404);
    reply_done(&reply);
    unlink(file);
    rmdir(root);
}
END_TEST

SUITE_MAIN_FIXTURE("http_memory", set_up, tear_down, the_share_of_pythons_allocator_is_a_series,
                   mappings_are_read_in_the_background_and_kept_for_a_moment,
                   a_pid_that_is_somebody_elses_by_now_is_not_read,
                   a_stop_while_mappings_are_read_is_clean,
                   a_folder_gives_its_files_and_nothing_outside)
