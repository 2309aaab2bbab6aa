/* SPDX-License-Identifier: MIT */
/* The history of processes, in invented time. */
#include "tests/unit/suite.h"

#include "daemon/store/history.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/store/history_chunk.h"

#define SECOND 1000u
#define MINUTE (60u * SECOND)
#define HOUR   (60u * MINUTE)
#define DAY    ((uint64_t)24 * HOUR)
#define T0     (1700000400000u / 600000 * 600000) /* a round ten minutes */

static char folder[64];
static struct history *history;
static struct history_limits limits;

static void open_history(void)
{
    ck_assert_int_eq(history_new(folder, &limits, &history), 0);
}

static void setup(void)
{
    limits = (struct history_limits){.retention_ms = 90 * DAY, .bytes_max = 64u << 20};
    strcpy(folder, "/tmp/leakd-history-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    open_history();
}

static void teardown(void)
{
    char command[128];

    history_free(history);
    snprintf(command, sizeof(command), "rm -rf %s", folder);
    ck_assert_int_eq(system(command), 0);
}

static void restart(void)
{
    history_free(history);
    open_history();
}

static int put(const char *process, uint64_t at, double live, double rss)
{
    struct history_sample sample = {.live_bytes = live, .rss_bytes = rss};
    struct history_work work = {.now_wall_ms = at, .samples = &sample, .sample_count = 1};

    snprintf(sample.process, sizeof(sample.process), "%s", process);
    return history_run(history, &work);
}

/* The answer; its points are the caller's. */
static struct history_question ask(const char *process, uint64_t from, uint64_t now)
{
    struct history_question question = {.from_wall_ms = from, .to_wall_ms = UINT64_MAX};
    struct history_work work = {.now_wall_ms = now, .questions = &question, .question_count = 1};

    snprintf(question.process, sizeof(question.process), "%s", process);
    ck_assert_int_eq(history_run(history, &work), 0);
    return question;
}

/* Five seconds apart, rising by 1000 bytes each. */
static void put_rise(const char *process, uint64_t from, uint64_t to)
{
    for (uint64_t at = from; at < to; at += 5 * SECOND) {
        double value = 1e6 + 1000.0 * (double)((at - from) / (5 * SECOND));

        ck_assert_int_eq(put(process, at, value, 2 * value), 0);
    }
}

START_TEST(samples_come_back_in_steps_of_ten_seconds)
{
    struct history_question answer;

    put_rise("a", T0, T0 + 25 * MINUTE);
    restart();
    answer = ask("a", T0, T0 + 25 * MINUTE);
    ck_assert_uint_eq(answer.count, 150);
    for (size_t i = 0; i < answer.count; i++) {
        ck_assert_uint_eq(answer.points[i].wall_ms, T0 + i * 10 * SECOND);
        ck_assert_double_eq_tol(answer.points[i].live_min, 1e6 + 2000.0 * (double)i, 1);
        ck_assert_double_eq_tol(answer.points[i].live_mean, 1e6 + 2000.0 * (double)i + 500, 1);
        ck_assert_double_eq_tol(answer.points[i].rss_min, 2e6 + 4000.0 * (double)i, 1);
    }
    free(answer.points);
}
END_TEST

START_TEST(processes_are_kept_apart_and_unknown_ones_have_no_past)
{
    struct history_question a, b, c;

    put("a", T0, 1, 2);
    put("b", T0 + SECOND, 3, NAN);
    a = ask("a", 0, T0 + 2 * SECOND);
    b = ask("b", 0, T0 + 2 * SECOND);
    c = ask("c", 0, T0 + 2 * SECOND);
    ck_assert_uint_eq(a.count, 1);
    ck_assert_double_eq(a.points[0].live_min, 1);
    ck_assert_uint_eq(b.count, 1);
    ck_assert_double_eq(b.points[0].live_min, 3);
    ck_assert(isnan(b.points[0].rss_min));
    ck_assert_uint_eq(c.count, 0);
    free(a.points);
    free(b.points);
}
END_TEST

START_TEST(what_was_put_before_a_crash_is_there)
{
    struct history_question answer;
    char command[256];

    put_rise("a", T0, T0 + MINUTE);
    snprintf(command, sizeof(command), "cd %s && mkdir kept && cp history.db* kept", folder);
    ck_assert_int_eq(system(command), 0);
    history_free(history);
    snprintf(command, sizeof(command), "cd %s && rm history.db* && mv kept/* .", folder);
    ck_assert_int_eq(system(command), 0);
    open_history();
    answer = ask("a", T0, T0 + MINUTE);
    ck_assert_uint_eq(answer.count, 6);
    free(answer.points);
}
END_TEST

START_TEST(only_what_is_asked_for_is_given)
{
    struct history_question answer;

    put_rise("a", T0, T0 + 30 * MINUTE);
    answer = ask("a", T0 + 15 * MINUTE, T0 + 30 * MINUTE);
    ck_assert_uint_eq(answer.count, 90);
    ck_assert_uint_eq(answer.points[0].wall_ms, T0 + 15 * MINUTE);
    free(answer.points);
}
END_TEST

START_TEST(what_came_after_is_not_given)
{
    struct history_question answer = {.from_wall_ms = T0, .to_wall_ms = T0 + 5 * MINUTE};
    struct history_work work = {
        .now_wall_ms = T0 + 30 * MINUTE, .questions = &answer, .question_count = 1};

    put_rise("a", T0, T0 + 30 * MINUTE);
    strcpy(answer.process, "a");
    ck_assert_int_eq(history_run(history, &work), 0);
    ck_assert_uint_eq(answer.count, 30);
    ck_assert_uint_lt(answer.points[29].wall_ms, T0 + 5 * MINUTE);
    free(answer.points);
}
END_TEST

START_TEST(steps_grow_with_age_and_keep_the_lowest_value)
{
    struct history_question answer;

    put_rise("a", T0, T0 + 10 * MINUTE);
    put("a", T0 + DAY + 20 * MINUTE, 5, 5);
    answer = ask("a", T0, T0 + DAY + 20 * MINUTE);
    ck_assert_uint_eq(answer.count, 11);
    ck_assert_uint_eq(answer.points[3].wall_ms, T0 + 3 * MINUTE);
    ck_assert_double_eq_tol(answer.points[3].live_min, 1e6 + 36000, 1);
    ck_assert_double_eq_tol(answer.points[3].live_mean, 1e6 + 36000 + 5500, 1);
    free(answer.points);
    put("a", T0 + 14 * DAY + 20 * MINUTE, 5, 5);
    answer = ask("a", T0, T0 + 14 * DAY + 20 * MINUTE);
    ck_assert_uint_eq(answer.points[0].wall_ms, T0);
    ck_assert_double_eq_tol(answer.points[0].live_min, 1e6, 1);
    ck_assert_double_eq_tol(answer.points[0].live_mean, 1e6 + 59500, 1);
    ck_assert_uint_gt(answer.points[1].wall_ms, T0 + DAY);
    free(answer.points);
    put("b", T0 + 91 * DAY, 5, 5);
    answer = ask("a", 0, T0 + 91 * DAY);
    ck_assert_uint_eq(answer.count, 2); /* T0's is past its retention, the two later ones are not */
    free(answer.points);
    put("b", T0 + 200 * DAY, 5, 5);
    answer = ask("a", 0, T0 + 200 * DAY);
    ck_assert_uint_eq(answer.count, 0);
    free(answer.points);
}
END_TEST

START_TEST(a_hole_stays_a_hole)
{
    struct history_question answer;

    put("a", T0, 1, 1);
    put("a", T0 + 3 * HOUR, 2, 2);
    answer = ask("a", T0, T0 + 3 * HOUR);
    ck_assert_uint_eq(answer.count, 2);
    ck_assert_uint_eq(answer.points[1].wall_ms, T0 + 3 * HOUR);
    free(answer.points);
}
END_TEST

/* 200 processes, each with a chunk an hour. */
START_TEST(the_file_does_not_outgrow_its_size)
{
    static struct history_sample samples[200];
    struct history_work work = {.samples = samples, .sample_count = 200};
    struct history_status status;
    uint64_t largest = 0;

    limits.bytes_max = 4u << 20;
    restart();
    for (int i = 0; i < 200; i++)
        snprintf(samples[i].process, sizeof(samples[i].process), "boot %d", i);
    for (uint64_t hour = 0; hour < 60; hour++) {
        work.now_wall_ms = T0 + hour * HOUR;
        ck_assert_int_eq(history_run(history, &work), 0);
        history_read_status(history, &status);
        if (status.bytes > largest)
            largest = status.bytes;
    }
    ck_assert_uint_gt(largest, 3u << 20);
    ck_assert_uint_lt(largest, 6u << 20);
}
END_TEST

static void scribble(unsigned round)
{
    unsigned char bytes[4096];
    char path[128];
    struct stat st;
    off_t at;
    int fd;

    snprintf(path, sizeof(path), "%s/history.db", folder);
    fd = open(path, O_RDWR);
    ck_assert_int_ge(fd, 0);
    fstat(fd, &st);
    at = (off_t)(round * 2654435761u % (uint64_t)st.st_size);
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (unsigned char)(i * (round + 7) + round);
    ck_assert_int_gt(pwrite(fd, bytes, 1 + round * 977 % 4096, at), 0);
    close(fd);
}

START_TEST(damage_costs_at_most_one_run)
{
    unsigned failed = 0;

    for (unsigned round = 0; round < 20; round++) {
        struct history_question answer = {.from_wall_ms = 0, .to_wall_ms = UINT64_MAX};
        struct history_work work = {
            .now_wall_ms = T0 + 2 * HOUR, .questions = &answer, .question_count = 1};

        put_rise("a", T0, T0 + 20 * MINUTE);
        history_free(history);
        scribble(round);
        open_history();
        strcpy(answer.process, "a");
        failed += history_run(history, &work) < 0;
        free(answer.points);
        ck_assert_int_eq(put("a", T0 + 2 * HOUR + SECOND, 1, 1), 0);
        teardown();
        setup();
    }
    ck_assert_uint_lt(failed, 20);
}
END_TEST

START_TEST(a_file_that_is_none_is_put_aside)
{
    struct history_status status;
    char path[128];
    FILE *file;

    snprintf(path, sizeof(path), "%s/history.db", folder);
    file = fopen(path, "w");
    for (int i = 0; i < 1000; i++)
        fputs("no database at all; ", file);
    fclose(file);
    ck_assert_int_eq(put("a", T0, 1, 1), 0);
    history_read_status(history, &status);
    ck_assert_uint_eq(status.damaged, 1);
    ck_assert_int_eq(strncmp(status.aside, "history.db.corrupt-", 19), 0);
}
END_TEST

START_TEST(a_folder_that_is_missing_is_said_and_comes_back)
{
    char path[128], command[160];

    history_free(history);
    snprintf(path, sizeof(path), "%s/below/there", folder);
    ck_assert_int_eq(history_new(path, &limits, &history), 0);
    ck_assert_int_eq(put("a", T0, 1, 1), -ENOENT);
    snprintf(command, sizeof(command), "mkdir %s/below", folder);
    ck_assert_int_eq(system(command), 0);
    ck_assert_int_eq(put("a", T0, 1, 1), 0);
    snprintf(command, sizeof(command), "rm -r %s/below/there", folder);
    ck_assert_int_eq(system(command), 0);
    ck_assert_int_eq(put("a", T0 + SECOND, 1, 1), 0); /* made anew, not written to nowhere */
    ck_assert_int_eq(access(path, F_OK), 0);
}
END_TEST

START_TEST(a_chunk_comes_back_from_its_bytes)
{
    struct chunk before, after;
    struct chunk_sums sums = {0};
    uint8_t data[CHUNK_SIZE_MAX];
    size_t len;

    chunk_init(&before, T0, 10000);
    for (unsigned i = 0; i < 59; i++) {
        chunk_add(&before, &sums, T0 + i * 10000, 1024.0 * i, NAN);
        chunk_add(&before, &sums, T0 + i * 10000 + 9999, 2048.0 * i, 7);
    }
    chunk_close(&before, &sums);
    len = chunk_write(&before, data);
    ck_assert(chunk_read(data, len, T0, 10000, &after));
    ck_assert_double_eq(after.points[58].live_min, 1024.0 * 58);
    ck_assert_double_eq(after.points[58].live_mean, 1536.0 * 58);
    ck_assert_double_eq(after.points[58].rss_mean, 7);
    ck_assert(isnan(after.points[59].live_min));
    ck_assert(!chunk_read(data, len - 1, T0, 10000, &after));
    ck_assert(!chunk_read(data, len, T0, 60000, &after));
    ck_assert(!chunk_read(data, len, T0, 0, &after));
}
END_TEST

SUITE_MAIN_WITHIN("history", 120, setup, teardown, samples_come_back_in_steps_of_ten_seconds,
                  processes_are_kept_apart_and_unknown_ones_have_no_past,
                  what_was_put_before_a_crash_is_there, only_what_is_asked_for_is_given,
                  what_came_after_is_not_given, steps_grow_with_age_and_keep_the_lowest_value,
                  a_hole_stays_a_hole, the_file_does_not_outgrow_its_size,
                  damage_costs_at_most_one_run, a_file_that_is_none_is_put_aside,
                  a_folder_that_is_missing_is_said_and_comes_back,
                  a_chunk_comes_back_from_its_bytes)
