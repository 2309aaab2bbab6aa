/* SPDX-License-Identifier: MIT */
/* Programs that leakd runs: what they get, how they end, and that none is left behind. */
#include "daemon/fetch/run.h"
#include "tests/unit/suite.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static uv_loop_t loop;
static char folder[] = "/tmp/leakd-test-XXXXXX";
static char script[64], command[128];
static int done_count;
static struct run_result result;
static char output[RUN_OUTPUT_MAX + 1];

static void begin(void)
{
    strcpy(folder + sizeof(folder) - 7, "XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(script, sizeof(script), "%s/script", folder);
    ck_assert_int_eq(uv_loop_init(&loop), 0);
    done_count = 0;
}

static void remove_file(const char *name)
{
    char path[96];

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    unlink(path);
}

static void end(void)
{
    uv_run(&loop, UV_RUN_DEFAULT); /* nothing is left that would keep the loop */
    ck_assert_int_eq(uv_loop_close(&loop), 0);
    remove_file("script");
    remove_file("out");
    remove_file("pid");
    rmdir(folder);
}

static void on_done(void *arg, const struct run_result *got)
{
    (void)arg;
    done_count++;
    result = *got;
    snprintf(output, sizeof(output), "%s", got->output);
}

static void write_script(const char *text)
{
    FILE *file = fopen(script, "w");

    ck_assert_ptr_nonnull(file);
    fprintf(file, "cd %s\n%s\n", folder, text);
    fclose(file);
}

static struct run *start(const char *text, const void *input, size_t len, uint64_t timeout_ms)
{
    static const char *const env[] = {"LEAKD_X=1", NULL};
    struct run_request request = {
        .command = command, .env = env, .input = input, .input_len = len, .timeout_ms = timeout_ms};
    struct run *run = NULL;

    write_script(text);
    snprintf(command, sizeof(command), "/bin/sh  %s a b", script);
    ck_assert_int_eq(run_start(&loop, &request, on_done, NULL, &run), 0);
    ck_assert_int_eq(done_count, 0);
    return run;
}

static void run_whole(const char *text)
{
    start(text, "hello\n", 6, 20000);
    uv_run(&loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(done_count, 1);
}

START_TEST(it_gets_words_input_and_a_clean_environment)
{
    setenv("LEAKD_SECRET_OF_MINE", "x", 1);
    run_whole("read line; echo \"$1-$2-$line-$LEAKD_X-$LEAKD_SECRET_OF_MINE-$PWD\"");
    ck_assert_int_eq(result.error, 0);
    ck_assert_ptr_nonnull(strstr(output, "a-b-hello-1--"));
    ck_assert_str_eq(result.message, "");
}
END_TEST

START_TEST(without_input_there_is_nothing_to_read)
{
    start("cat; echo over", NULL, 0, 20000);
    uv_run(&loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(done_count, 1);
    ck_assert_int_eq(result.error, 0);
    ck_assert_str_eq(output, "over\n");
}
END_TEST

START_TEST(a_status_that_is_not_0_is_an_error_with_the_last_words)
{
    run_whole("echo first; echo the reason >&2; echo and where to read on; echo; exit 3");
    ck_assert_int_eq(result.error, -ECHILD);
    ck_assert_int_eq(result.status, 3);
    ck_assert_str_eq(result.message, "the command ended with status 3; its last words: the reason "
                                     "and where to read on");
    done_count = 0;
    run_whole("echo one; exit 1");
    ck_assert_str_eq(result.message, "the command ended with status 1; its last words: one");
    done_count = 0;
    run_whole("exit 2");
    ck_assert_str_eq(result.message, "the command ended with status 2");
}
END_TEST

START_TEST(death_by_signal_is_an_error)
{
    run_whole("kill -SEGV $$");
    ck_assert_int_eq(result.error, -ECHILD);
    ck_assert_int_eq(result.status, 128 + SIGSEGV);
}
END_TEST

START_TEST(it_need_not_read_its_input)
{
    size_t len = 1 << 20;
    char *much = malloc(len);

    memset(much, 'x', len);
    start("exec 0<&-; exit 0", much, len, 20000);
    free(much); /* it was copied */
    uv_run(&loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(result.error, 0);
}
END_TEST

START_TEST(much_output_is_read_and_cut)
{
    run_whole("i=0; while [ $i -lt 2000 ]; do echo 0123456789012345678901234567890123456789; "
              "i=$((i+1)); done");
    ck_assert_int_eq(result.error, 0);
    ck_assert_uint_eq(strlen(output), RUN_OUTPUT_MAX);
}
END_TEST

static int read_pid(void)
{
    char path[96];
    FILE *file;
    int pid = 0;

    snprintf(path, sizeof(path), "%s/pid", folder);
    file = fopen(path, "r");
    if (file && fscanf(file, "%d", &pid) != 1)
        pid = 0;
    if (file)
        fclose(file);
    return pid;
}

static bool is_gone(int pid)
{
    for (int i = 0; i < 500; i++) {
        char path[64], text[256] = "";
        FILE *file;

        snprintf(path, sizeof(path), "/proc/%d/stat", pid);
        file = fopen(path, "r");
        if (!file)
            return true;
        if (!fgets(text, sizeof(text), file))
            text[0] = '\0';
        fclose(file);
        if (strstr(text, ") Z "))
            return true;
        usleep(10000);
    }
    return false;
}

START_TEST(what_runs_too_long_is_killed_with_all_it_started)
{
    start("sleep 100 & echo $! >pid; echo begun; wait", "", 0, 1500);
    uv_run(&loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(result.error, -ETIMEDOUT);
    ck_assert_ptr_nonnull(strstr(result.message, "ran longer than 2 s and was killed"));
    ck_assert_int_gt(read_pid(), 0);
    ck_assert(is_gone(read_pid()));
}
END_TEST

START_TEST(who_stays_in_the_background_is_not_waited_for)
{
    run_whole("sleep 100 & echo $! >pid");
    ck_assert_int_eq(result.error, 0);
    ck_assert_int_eq(kill(read_pid(), SIGKILL), 0); /* it lives: it may be meant so */
}
END_TEST

START_TEST(a_cancelled_one_is_killed_and_says_nothing)
{
    struct run *run = start("echo $$ >pid; exec sleep 100", "", 0, 20000);

    while (read_pid() == 0)
        uv_run(&loop, UV_RUN_NOWAIT);
    run_cancel(run);
    uv_run(&loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(done_count, 0);
    ck_assert(is_gone(read_pid()));
}
END_TEST

START_TEST(what_cannot_be_run_is_said_at_once)
{
    struct run_request request = {.input = "", .timeout_ms = 1000};
    struct run *run = NULL;

    request.command = "/nowhere/at/all x";
    ck_assert_int_eq(run_start(&loop, &request, on_done, NULL, &run), -ENOENT);
    request.command = "/";
    ck_assert_int_eq(run_start(&loop, &request, on_done, NULL, &run), -EACCES);
    request.command = "relative";
    ck_assert_int_eq(run_start(&loop, &request, on_done, NULL, &run), -EINVAL);
    request.command = "  ";
    ck_assert_int_eq(run_start(&loop, &request, on_done, NULL, &run), -EINVAL);
    uv_run(&loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(done_count, 0);
}
END_TEST

int main(void)
{
    const TTest *const cases[] = {
        it_gets_words_input_and_a_clean_environment,
        a_status_that_is_not_0_is_an_error_with_the_last_words,
        death_by_signal_is_an_error,
        without_input_there_is_nothing_to_read,
        it_need_not_read_its_input,
        much_output_is_read_and_cut,
        what_runs_too_long_is_killed_with_all_it_started,
        who_stays_in_the_background_is_not_waited_for,
        a_cancelled_one_is_killed_and_says_nothing,
        what_cannot_be_run_is_said_at_once,
    };
    Suite *suite = suite_create("fetch_run");
    TCase *tcase = tcase_create("run");

    signal(SIGPIPE, SIG_IGN); /* as leakd does */
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, begin, end);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        tcase_add_test(tcase, cases[i]);
    suite_add_tcase(suite, tcase);
    return suite_end(suite);
}
