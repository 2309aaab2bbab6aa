/* SPDX-License-Identifier: MIT */
/* A folder of its own with a journal in it, and a full incident. One copy a test program. */
#ifndef LEAKD_TESTS_JOURNAL_FIXTURE_H
#define LEAKD_TESTS_JOURNAL_FIXTURE_H

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/store/journal.h"
#include "tests/unit/suite.h"

#define WALL0 1700000000000u
#define DAY   86400000u

/* In place of libc's, for SQLite: these tests end processes and never cut the power, so what a sync
 * promises beyond a write is not asked for, and thousands of them take minutes on a slow disk. */
static inline int synced(int fd)
{
    return fcntl(fd, F_GETFD) < 0 ? -1 : 0;
}

__attribute__((visibility("default"))) int fsync(int fd)
{
    return synced(fd);
}

__attribute__((visibility("default"))) int fdatasync(int fd)
{
    return synced(fd);
}

static char folder[64];
static struct journal *journal;
static struct journal_limits limits;

static inline void open_journal(void)
{
    ck_assert_int_eq(journal_new(folder, &limits, &journal), 0);
}

static inline void close_journal(void)
{
    journal_free(journal);
    journal = NULL;
}

static inline void setup(void)
{
    limits = (struct journal_limits){
        .retention_ms = 90 * (uint64_t)DAY, .bytes_max = 64u << 20, .load_max = 1000};
    strcpy(folder, "/tmp/leakd-journal-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    open_journal();
}

static inline void teardown(void)
{
    char command[128];

    close_journal();
    snprintf(command, sizeof(command), "rm -rf %s", folder);
    ck_assert_int_eq(system(command), 0);
}

static inline void path_of(const char *name, char out[256])
{
    snprintf(out, 256, "%s/%s", folder, name);
}

static inline size_t count_files(const char *pattern)
{
    char path[256];
    size_t count;
    glob_t found;

    path_of(pattern, path);
    if (glob(path, 0, NULL, &found) != 0)
        return 0;
    count = found.gl_pathc;
    globfree(&found);
    return count;
}

/* One run; what it loaded is the caller's when asked for. */
static inline int run_with(const struct journal_batch *batch, uint64_t now_ms,
                           struct journal_batch **loaded)
{
    struct journal_batch *rows;
    int rc = journal_run(journal, batch, now_ms, &rows);

    if (loaded)
        *loaded = rows;
    else
        journal_batch_free(rows);
    return rc;
}

static inline int put_row(const char *kind, const char *id, int64_t at, const char *text)
{
    struct journal_batch *batch = journal_batch_new();
    struct journal_row row = {.kind = kind, .id = id, .at = at, .text = text, .len = strlen(text)};
    int rc;

    ck_assert_int_eq(journal_batch_put(batch, &row), 0);
    rc = run_with(batch, WALL0, NULL);
    journal_batch_free(batch);
    return rc;
}

static inline int drop_row(const char *kind, const char *id)
{
    struct journal_batch *batch = journal_batch_new();
    struct journal_row row = {.kind = kind, .id = id, .is_drop = true};
    int rc;

    ck_assert_int_eq(journal_batch_put(batch, &row), 0);
    rc = run_with(batch, WALL0, NULL);
    journal_batch_free(batch);
    return rc;
}

/* What a start finds: "kind id text" of each row, one behind the other, each ended by a newline. */
static inline char *load_all(void)
{
    static char text[8 << 20];
    struct journal_batch *rows;
    size_t len = 0;

    close_journal();
    open_journal();
    ck_assert_int_eq(run_with(NULL, WALL0, &rows), 0);
    text[0] = '\0';
    for (size_t i = 0; i < journal_batch_count(rows); i++) {
        const struct journal_row *row = journal_batch_row(rows, i);

        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s %s %.*s\n", row->kind, row->id,
                                (int)row->len, row->text);
        ck_assert_uint_lt(len, sizeof(text));
    }
    journal_batch_free(rows);
    return text;
}

static inline struct journal_status status_now(void)
{
    struct journal_status status;

    journal_read_status(journal, &status);
    return status;
}

/* A process that dies without a word: what it has written is there, nothing is tidied up. */
static inline void crash(void)
{
    char command[512];

    /* The files as they are now, under the same names, while the journal still holds them. */
    snprintf(command, sizeof(command), "cd %s && mkdir kept && cp incidents*.db* kept/", folder);
    ck_assert_int_eq(system(command), 0);
    close_journal();
    snprintf(command, sizeof(command), "cd %s && rm -f incidents*.db* && mv kept/* . && rmdir kept",
             folder);
    ck_assert_int_eq(system(command), 0);
    open_journal();
}

static inline int journal_suite(const char *name, const TTest *const *tests, size_t count)
{
    /* LEAKD_LONG=1 has a thousand syncs and more */
    return suite_run(name, 3600, setup, teardown, tests, count);
}

#endif
