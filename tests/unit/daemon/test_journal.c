/* SPDX-License-Identifier: MIT */
/* The journal on a disk that works. */
#include "tests/unit/daemon/journal_fixture.h"

#include "daemon/store/journal_db.h"
#include "daemon/store/journal_schema.h"

START_TEST(the_first_run_makes_both_files_for_us_alone)
{
    struct journal_batch *rows;
    struct stat st;
    char path[256];

    ck_assert_int_eq(run_with(NULL, WALL0, &rows), 0);
    ck_assert_uint_eq(journal_batch_count(rows), 0);
    journal_batch_free(rows);
    path_of("incidents.db", path);
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_int_eq(st.st_mode & 0777, 0600);
    path_of("incidents-2.db", path);
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_str_eq(status_now().event, "");
}
END_TEST

START_TEST(rows_are_there_after_a_restart_in_their_order)
{
    put_row(JOURNAL_NOTICE, "m2", 7, "second");
    put_row(JOURNAL_INCIDENT, "B", 20, "{\"later\":1}");
    put_row(JOURNAL_NOTICE, "m1", 3, "first");
    put_row(JOURNAL_INCIDENT, "A", 10, "");
    ck_assert_str_eq(load_all(), "incident A \nincident B {\"later\":1}\n"
                                 "notice m1 first\nnotice m2 second\n");
}
END_TEST

START_TEST(rows_are_there_after_a_crash)
{
    put_row(JOURNAL_INCIDENT, "A", 10, "text");
    put_row(JOURNAL_NOTICE, "m1", 1, "notice");
    ck_assert_int_eq(drop_row(JOURNAL_NOTICE, "m1"), 0);
    put_row(JOURNAL_INCIDENT, "A", 10, "newer text");
    crash();
    ck_assert_str_eq(load_all(), "incident A newer text\n");
}
END_TEST

START_TEST(a_batch_is_whole_and_the_last_word_on_a_row_counts)
{
    struct journal_batch *batch = journal_batch_new();
    struct journal_row a = {.kind = JOURNAL_INCIDENT, .id = "A", .at = 1, .text = "one", .len = 3};
    struct journal_row b = {.kind = JOURNAL_NOTICE, .id = "b", .at = 1, .text = "n", .len = 1};

    journal_batch_put(batch, &a);
    journal_batch_put(batch, &b);
    a.text = "two";
    journal_batch_put(batch, &a);
    b.is_drop = true;
    journal_batch_put(batch, &b);
    ck_assert_uint_eq(journal_batch_count(batch), 4);
    ck_assert_int_eq(run_with(batch, WALL0, NULL), 0);
    journal_batch_free(batch);
    ck_assert_str_eq(load_all(), "incident A two\n");
}
END_TEST

START_TEST(resolved_rows_leave_after_the_retention_and_open_ones_stay)
{
    struct journal_batch *batch = journal_batch_new();
    struct journal_row row = {.kind = JOURNAL_INCIDENT, .text = "x", .len = 1};

    row.id = "old-open";
    row.at = (int64_t)(WALL0 - 100 * (uint64_t)DAY);
    journal_batch_put(batch, &row);
    row.id = "old-resolved";
    row.is_final = true;
    journal_batch_put(batch, &row);
    row.id = "young-resolved";
    row.at = (int64_t)(WALL0 - 80 * (uint64_t)DAY);
    journal_batch_put(batch, &row);
    ck_assert_int_eq(run_with(batch, WALL0, NULL), 0);
    journal_batch_free(batch);
    ck_assert_str_eq(load_all(), "incident old-open x\nincident young-resolved x\n");
}
END_TEST

START_TEST(beyond_the_size_the_oldest_resolved_rows_leave)
{
    static char text[100001];
    struct journal_batch *batch = journal_batch_new();
    struct journal_row row = {.kind = JOURNAL_INCIDENT, .is_final = true};
    char id[16], *rows;

    memset(text, 'x', 100000);
    row.text = text;
    row.len = 100000;
    for (int i = 0; i < 100; i++) {
        snprintf(id, sizeof(id), "I%02d", i);
        row.id = id;
        row.at = (int64_t)WALL0 + i;
        journal_batch_put(batch, &row);
    }
    row.id = "open";
    row.at = 1;
    row.is_final = false;
    journal_batch_put(batch, &row);
    limits.bytes_max = 10u << 20; /* 100 rows of 100 KB twice are 20 MB */
    close_journal();
    open_journal();
    ck_assert_int_eq(run_with(batch, WALL0, NULL), 0);
    for (uint64_t hour = 1; hour < 12; hour++)
        ck_assert_int_eq(run_with(NULL, WALL0 + hour * 3600000, NULL), 0);
    ck_assert_uint_le(status_now().bytes, 10u << 20);
    journal_batch_free(batch);
    rows = load_all();
    ck_assert_ptr_nonnull(strstr(rows, "incident open "));
    ck_assert_ptr_nonnull(strstr(rows, "incident I99 "));
    ck_assert_ptr_null(strstr(rows, "incident I00 "));
}
END_TEST

START_TEST(not_more_than_asked_for_are_read_open_ones_first)
{
    limits.load_max = 2;
    put_row(JOURNAL_INCIDENT, "open", 1, "x");
    for (int i = 0; i < 5; i++) {
        struct journal_batch *batch = journal_batch_new();
        char id[8];
        struct journal_row row = {.kind = JOURNAL_INCIDENT,
                                  .id = id,
                                  .at = (int64_t)WALL0 + i,
                                  .is_final = true,
                                  .text = "x",
                                  .len = 1};

        snprintf(id, sizeof(id), "r%d", i);
        journal_batch_put(batch, &row);
        ck_assert_int_eq(run_with(batch, WALL0, NULL), 0);
        journal_batch_free(batch);
    }
    ck_assert_str_eq(load_all(), "incident open x\nincident r4 x\n");
}
END_TEST

START_TEST(every_notice_is_read)
{
    limits.load_max = 2;
    put_row(JOURNAL_NOTICE, "group", 0, "x");
    put_row(JOURNAL_NOTICE, "n1", 1, "x");
    put_row(JOURNAL_NOTICE, "n2", 2, "x");
    ck_assert_str_eq(load_all(), "notice group x\nnotice n1 x\nnotice n2 x\n");
}
END_TEST

/* As an incident that is renewed over and over does between two checkpoints. */
START_TEST(a_long_wal_makes_no_row_leave)
{
    static char text[100001];
    struct journal_batch *batch = journal_batch_new();
    struct journal_row row = {.kind = JOURNAL_INCIDENT,
                              .id = "resolved",
                              .at = 1,
                              .is_final = true,
                              .text = "x",
                              .len = 1};

    limits.bytes_max = 2u << 20;
    limits.retention_ms = 100 * 365 * (uint64_t)DAY;
    close_journal();
    open_journal();
    ck_assert_int_eq(run_with(NULL, WALL0, NULL), 0);
    ck_assert_int_eq(journal_batch_put(batch, &row), 0);
    ck_assert_int_eq(run_with(batch, WALL0, NULL), 0);
    journal_batch_free(batch);
    for (int i = 0; i < 20; i++) {
        memset(text, 'a' + i, 100000);
        ck_assert_int_eq(put_row(JOURNAL_INCIDENT, "renewed", 2, text), 0);
    }
    ck_assert_uint_gt(status_now().bytes, limits.bytes_max);
    ck_assert_int_eq(run_with(NULL, WALL0 + 3600000, NULL), 0);
    ck_assert_uint_lt(status_now().bytes, limits.bytes_max);
    ck_assert_ptr_nonnull(strstr(load_all(), "incident resolved x\n"));
}
END_TEST

START_TEST(a_second_leakd_is_refused_the_files_and_harms_nothing)
{
    struct journal *second;
    struct journal_batch *rows;
    struct journal_status status;
    pid_t child;
    int ended;

    put_row(JOURNAL_INCIDENT, "A", 1, "x");
    child = fork(); /* the locks are between processes */
    if (child == 0) {
        int rc = journal_new(folder, &limits, &second);

        rc = rc == 0 ? journal_run(second, NULL, WALL0, &rows) : 1;
        journal_read_status(second, &status);
        _exit(rc == -EBUSY && strstr(status.problem, "another leakd") && !rows ? 0 : 1);
    }
    ck_assert_int_eq(waitpid(child, &ended, 0), child);
    ck_assert_int_eq(ended, 0);
    ck_assert_int_eq(put_row(JOURNAL_INCIDENT, "B", 2, "y"), 0);
    ck_assert_str_eq(load_all(), "incident A x\nincident B y\n");
    ck_assert_uint_eq(count_files("*.corrupt-*"), 0);
}
END_TEST

START_TEST(files_that_somebody_took_away_are_made_anew)
{
    struct journal_batch *rows;
    char command[256];

    put_row(JOURNAL_INCIDENT, "A", 1, "x");
    snprintf(command, sizeof(command), "rm -rf %s", folder);
    ck_assert_int_eq(system(command), 0);
    ck_assert_int_eq(run_with(NULL, WALL0 + 1000, &rows), 0);
    ck_assert_ptr_nonnull(rows); /* says: write again what you have */
    ck_assert_uint_eq(journal_batch_count(rows), 0);
    journal_batch_free(rows);
    ck_assert_uint_eq(status_now().opened, 2);
    put_row(JOURNAL_INCIDENT, "A", 1, "x");
    ck_assert_str_eq(load_all(), "incident A x\n");
}
END_TEST

START_TEST(without_anything_to_write_the_disk_is_tried_each_minute)
{
    char path[256];
    struct stat before, after;

    ck_assert_int_eq(run_with(NULL, WALL0, NULL), 0);
    path_of("incidents.db-wal", path);
    ck_assert_int_eq(run_with(NULL, WALL0 + 1000, NULL), 0);
    ck_assert_int_eq(stat(path, &before), 0);
    ck_assert_int_eq(run_with(NULL, WALL0 + 2000, NULL), 0);
    ck_assert_int_eq(stat(path, &after), 0);
    ck_assert_int_eq(before.st_size, after.st_size);
    ck_assert_int_eq(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
    ck_assert_int_eq(run_with(NULL, WALL0 + 57000, NULL), 0);
    ck_assert_int_eq(stat(path, &after), 0);
    ck_assert(before.st_size != after.st_size || before.st_mtim.tv_nsec != after.st_mtim.tv_nsec);
}
END_TEST

START_TEST(the_wal_is_taken_into_the_file_each_minute)
{
    static char text[200001];
    char path[256];
    struct stat st;

    memset(text, 'x', 200000);
    for (uint64_t minute = 0; minute < 60; minute++) {
        struct journal_batch *batch = journal_batch_new();
        struct journal_row row = {
            .kind = JOURNAL_INCIDENT, .id = "A", .at = 1, .text = text, .len = 200000};

        journal_batch_put(batch, &row);
        ck_assert_int_eq(run_with(batch, WALL0 + minute * 60000, NULL), 0);
        journal_batch_free(batch);
    }
    path_of("incidents.db-wal", path);
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_int_lt(st.st_size, 1 << 20);
}
END_TEST

/* ---- versions ------------------------------------------------------------------------------ */

static const char *const three_steps[] = {
    "CREATE TABLE first(a INTEGER); INSERT INTO first VALUES(1);",
    "ALTER TABLE first ADD COLUMN b INTEGER NOT NULL DEFAULT 5;",
    "UPDATE first SET b=b+a;",
};

static struct db *open_file(const char *name)
{
    char path[256];
    struct db *db;

    path_of(name, path);
    ck_assert_int_eq(db_open(path, DB_SYNC_COMMIT, &db), 0);
    return db;
}

START_TEST(a_file_of_any_older_version_is_brought_up_to_date)
{
    for (size_t version = 0; version <= 3; version++) {
        struct db *db;
        int64_t value;
        char name[16];

        snprintf(name, sizeof(name), "v%zu.db", version);
        db = open_file(name);
        ck_assert_int_eq(schema_migrate(db, three_steps, version), 0);
        db_close(db);
        db = open_file(name);
        ck_assert_int_eq(schema_migrate(db, three_steps, 3), 0);
        ck_assert_int_eq(db_ask_int(db, "SELECT b FROM first", &value), 0);
        ck_assert_int_eq(value, 6);
        ck_assert_int_eq(schema_migrate(db, three_steps, 3), 0);
        ck_assert_int_eq(db_ask_int(db, "SELECT b FROM first", &value), 0);
        ck_assert_int_eq(value, 6);
        db_close(db);
    }
}
END_TEST

START_TEST(a_step_that_fails_leaves_the_older_version)
{
    const char *const bad[] = {three_steps[0], three_steps[1], "UPDATE nothing SET a=1"};
    struct db *db = open_file("bad.db");
    int64_t value;

    ck_assert_int_eq(schema_migrate(db, three_steps, 1), 0);
    ck_assert_int_eq(schema_migrate(db, bad, 3), -EBADMSG);
    ck_assert_int_eq(db_ask_int(db, "PRAGMA user_version", &value), 0);
    ck_assert_int_eq(value, 1);
    ck_assert_int_eq(schema_migrate(db, three_steps, 3), 0);
    db_close(db);
}
END_TEST

START_TEST(a_version_0_file_becomes_a_journal)
{
    db_close(open_file("incidents.db")); /* SQLite's empty file */
    db_close(open_file("incidents-2.db"));
    ck_assert_int_eq(put_row(JOURNAL_INCIDENT, "A", 1, "x"), 0);
    ck_assert_str_eq(load_all(), "incident A x\n");
    ck_assert_uint_eq(count_files("*.corrupt-*"), 0);
}
END_TEST

START_TEST(files_of_a_newer_leakd_are_put_aside_and_kept)
{
    static const char *const names[] = {"incidents.db", "incidents-2.db"};

    put_row(JOURNAL_INCIDENT, "A", 1, "x");
    close_journal();
    for (int i = 0; i < 2; i++) {
        struct db *db = open_file(names[i]);

        ck_assert_int_eq(db_run(db, "PRAGMA user_version=99"), 0);
        db_close(db);
    }
    open_journal();
    ck_assert_int_eq(put_row(JOURNAL_INCIDENT, "B", 2, "y"), 0);
    ck_assert_uint_eq(count_files("incidents.db.newer-*"), 1);
    ck_assert_uint_eq(count_files("incidents-2.db.newer-*"), 1);
    ck_assert_ptr_nonnull(strstr(status_now().event, "put aside"));
}
END_TEST

int main(void)
{
    const TTest *const cases[] = {
        the_first_run_makes_both_files_for_us_alone,
        rows_are_there_after_a_restart_in_their_order,
        rows_are_there_after_a_crash,
        a_batch_is_whole_and_the_last_word_on_a_row_counts,
        resolved_rows_leave_after_the_retention_and_open_ones_stay,
        beyond_the_size_the_oldest_resolved_rows_leave,
        not_more_than_asked_for_are_read_open_ones_first,
        every_notice_is_read,
        a_long_wal_makes_no_row_leave,
        a_second_leakd_is_refused_the_files_and_harms_nothing,
        files_that_somebody_took_away_are_made_anew,
        without_anything_to_write_the_disk_is_tried_each_minute,
        the_wal_is_taken_into_the_file_each_minute,
        a_file_of_any_older_version_is_brought_up_to_date,
        a_step_that_fails_leaves_the_older_version,
        a_version_0_file_becomes_a_journal,
        files_of_a_newer_leakd_are_put_aside_and_kept,
    };

    return journal_suite("journal", cases, sizeof(cases) / sizeof(cases[0]));
}
