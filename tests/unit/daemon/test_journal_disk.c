/* SPDX-License-Identifier: MIT */
/*
 * A disk that fails under the journal: full, read-only, with errors. A row that a run acknowledged is
 * there afterwards, a run that failed says why, and once the disk works again everything goes on
 * without a restart. LEAKD_LONG=1 fails every single call, usually every seventh.
 */
#include "tests/unit/daemon/journal_fixture.h"

#include <sched.h>
#include <sys/mount.h>

#include "tests/unit/daemon/failing_vfs.h"

static bool is_long(void)
{
    const char *value = getenv("LEAKD_LONG");

    return value && value[0] == '1';
}

static void check_has(const char *rows, int acknowledged, long call)
{
    char line[32];

    for (int i = 0; i < acknowledged; i++) {
        snprintf(line, sizeof(line), "incident I%02d ", i);
        ck_assert_msg(strstr(rows, line) != NULL, "failing from call %ld: %s is lost", call, line);
    }
}

/* Six rows, of which some fail; then the disk works. Returns whether anything failed. */
static bool one_round(long from, long count, bool with_crash)
{
    static char text[3001];
    bool acknowledged[6] = {false};
    bool failed = false;
    char id[8];

    memset(text, 'x', 3000);
    disk.calls = 0;
    disk.fail_from = from;
    disk.fail_to = from + count - 1;
    for (int i = 0; i < 6; i++) {
        int rc;

        snprintf(id, sizeof(id), "I%02d", i);
        rc = put_row(JOURNAL_INCIDENT, id, i + 1, text);
        acknowledged[i] = rc == 0;
        failed = failed || rc < 0;
        if (rc < 0)
            ck_assert_str_ne(status_now().problem, "");
    }
    if (with_crash)
        crash();
    else
        close_journal(), open_journal();
    disk.fail_from = -1;
    for (int i = 0; i < 6; i++) {
        char line[32];

        snprintf(line, sizeof(line), "incident I%02d ", i);
        if (acknowledged[i])
            ck_assert_msg(strstr(load_all(), line) != NULL,
                          "%ld failures from call %ld%s: %s is lost", count, from,
                          with_crash ? ", then a crash" : "", line);
    }
    ck_assert_int_eq(put_row(JOURNAL_INCIDENT, "after", 99, "x"), 0);
    ck_assert_str_eq(status_now().problem, "");
    return failed;
}

/* Every call that can fail, one after the other, until a round has none left to fail. */
static void fail_each_call(int result, long count, bool reads)
{
    long step = is_long() ? 1 : 7;
    long from = 0;
    bool failed = true;

    failing_vfs_install();
    disk.result = result;
    disk.reads = reads;
    for (; failed || disk.calls > from; from += step) {
        failed = one_round(from, count, (from / step) % 2);
        teardown();
        setup();
    }
    ck_assert_int_gt(from, 50);
    failing_vfs_remove();
}

START_TEST(no_acknowledged_row_is_lost_when_a_single_call_fails)
{
    fail_each_call(SQLITE_IOERR_WRITE, 1, false);
}
END_TEST

START_TEST(no_acknowledged_row_is_lost_when_everything_fails_from_some_call_on)
{
    fail_each_call(SQLITE_IOERR_WRITE, 30, false);
}
END_TEST

START_TEST(no_acknowledged_row_is_lost_when_the_disk_is_full_for_a_while)
{
    fail_each_call(SQLITE_FULL, 12, false);
}
END_TEST

START_TEST(a_row_goes_on_being_refused_until_the_disk_works_again)
{
    ck_assert_int_eq(put_row(JOURNAL_INCIDENT, "before", 1, "x"), 0);
    close_journal();
    failing_vfs_install();
    open_journal();
    ck_assert_int_eq(put_row(JOURNAL_INCIDENT, "second", 2, "x"), 0);
    disk.result = SQLITE_FULL;
    disk.calls = 0;
    disk.fail_from = 0;
    disk.fail_to = 1L << 30;
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(put_row(JOURNAL_INCIDENT, "third", 3, "x"), -ENOSPC);
    ck_assert_ptr_nonnull(strstr(status_now().problem, "No space left"));
    ck_assert_ptr_nonnull(strstr(status_now().problem, "make room"));
    disk.fail_from = -1;
    ck_assert_int_eq(put_row(JOURNAL_INCIDENT, "third", 3, "x"), 0);
    ck_assert_int_eq(status_now().error, 0);
    ck_assert_str_eq(load_all(), "incident before x\nincident second x\nincident third x\n");
    close_journal();
    failing_vfs_remove();
}
END_TEST

START_TEST(an_unreadable_disk_puts_nothing_aside)
{
    ck_assert_int_eq(put_row(JOURNAL_INCIDENT, "A", 1, "x"), 0);
    close_journal();
    failing_vfs_install();
    disk.reads = true;
    disk.result = SQLITE_IOERR_WRITE;
    disk.calls = 0;
    disk.fail_from = 2;
    disk.fail_to = 1L << 30;
    open_journal();
    ck_assert_int_lt(run_with(NULL, WALL0, NULL), 0);
    disk.fail_from = -1;
    ck_assert_str_eq(load_all(), "incident A x\n");
    ck_assert_uint_eq(count_files("*.corrupt-*"), 0);
    close_journal();
    failing_vfs_remove();
}
END_TEST

/* More than SQLite's cache holds: what is read twice comes from the disk twice. */
#define LARGE_ROWS  60
#define LARGE_BYTES 100000u

static void put_large_rows(void)
{
    char *text = malloc(LARGE_BYTES + 1);

    memset(text, 'x', LARGE_BYTES);
    text[LARGE_BYTES] = '\0';
    for (int i = 0; i < LARGE_ROWS; i++) {
        char id[16];

        snprintf(id, sizeof(id), "I%02d", i);
        ck_assert_int_eq(put_row(JOURNAL_INCIDENT, id, i + 1, text), 0);
    }
    free(text);
}

/* The first file is gone, and is made anew from the second while `count` calls fail. */
static void lose_the_first_file(long from, long count)
{
    char path[256];

    close_journal();
    path_of("incidents.db", path);
    ck_assert_int_eq(unlink(path), 0);
    disk.calls = 0;
    disk.fail_from = from;
    disk.fail_to = from + count - 1;
    open_journal();
    run_with(NULL, WALL0, NULL);
    disk.fail_from = -1;
}

START_TEST(a_file_that_is_made_anew_has_all_rows_or_is_not_used)
{
    long calls;

    put_large_rows();
    close_journal();
    failing_vfs_install();
    disk.only_reads = true;
    open_journal();
    ck_assert_int_eq(run_with(NULL, WALL0, NULL), 0);
    lose_the_first_file(-1, 1);
    calls = disk.calls;
    ck_assert_int_gt(calls, 3 * LARGE_ROWS);
    for (long from = 0; from < calls; from += calls / (is_long() ? 400 : 40)) {
        lose_the_first_file(from, from % 2 ? 3 : LARGE_ROWS);
        check_has(load_all(), LARGE_ROWS, from);
    }
    ck_assert_uint_eq(count_files("*.corrupt-*"), 0);
    close_journal();
    failing_vfs_remove();
    disk.only_reads = false;
}
END_TEST

#define OLD_ROWS 3

/* The second file as of before the last row: whole, and older than the first. */
static void put_rows_the_second_lacks(void)
{
    char command[256];

    for (int i = 0; i <= OLD_ROWS; i++) {
        char id[16];

        if (i == OLD_ROWS) {
            close_journal();
            snprintf(command, sizeof(command), "cd %s && cp incidents-2.db old", folder);
            ck_assert_int_eq(system(command), 0);
            open_journal();
        }
        snprintf(id, sizeof(id), "I%02d", i);
        ck_assert_int_eq(put_row(JOURNAL_INCIDENT, id, i + 1, "x"), 0);
    }
    close_journal();
    snprintf(command, sizeof(command), "cd %s && mv old incidents-2.db", folder);
    ck_assert_int_eq(system(command), 0);
}

/* The first is gone after a start that failed; true when this one did. */
static bool lose_the_first_after_a_failed_start(long from)
{
    char path[256];
    int rc;

    disk.calls = 0;
    disk.fail_from = from;
    disk.fail_to = 1L << 30;
    open_journal();
    rc = run_with(NULL, WALL0, NULL);
    close_journal();
    disk.fail_from = -1;
    path_of("incidents.db", path);
    ck_assert_int_eq(unlink(path), 0);
    open_journal();
    return rc < 0;
}

START_TEST(an_older_file_stays_until_the_one_in_its_place_is_whole)
{
    bool failed = true;
    int checked = 0;

    failing_vfs_install();
    disk.result = SQLITE_FULL;
    for (long from = 0; failed; from += is_long() ? 1 : 5) {
        put_rows_the_second_lacks();
        failed = lose_the_first_after_a_failed_start(from);
        if (count_files("incidents-2.db.corrupt-*") == 0) { /* else put aside: no opening */
            check_has(load_all(), failed ? OLD_ROWS : OLD_ROWS + 1, from);
            checked++;
        }
        ck_assert_uint_eq(count_files("*.new*"), 0);
        teardown();
        setup();
    }
    ck_assert_int_gt(checked, 5);
    close_journal();
    failing_vfs_remove();
}
END_TEST

/* ---- real file systems --------------------------------------------------------------------- */

/* A file system of the test's own over the folder; false where that is not allowed. */
static bool mount_tiny(const char *options)
{
    static bool is_apart;

    if (!is_apart && unshare(CLONE_NEWNS) < 0)
        return false;
    is_apart = true;
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return false;
    return mount("tmpfs", folder, "tmpfs", 0, options) == 0;
}

static void fill_up(void)
{
    static char block[65536];
    char path[256];
    int fd;

    path_of("ballast", path);
    fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    ck_assert_int_ge(fd, 0);
    for (size_t size = sizeof(block); size >= 1; size /= 2) {
        while (write(fd, block, size) == (ssize_t)size)
            ;
    }
    close(fd);
}

static void make_room(void)
{
    char path[256];

    path_of("ballast", path);
    ck_assert_int_eq(unlink(path), 0);
}

START_TEST(a_full_file_system_loses_no_acknowledged_row)
{
    static char text[3001];
    int acknowledged = 0;

    if (!mount_tiny("size=2m"))
        return; /* no file system of our own here: the failing disk above has to do */
    memset(text, 'x', 3000);
    for (int round = 0; round < (is_long() ? 200 : 20); round++) {
        char id[16];

        for (int i = 0; i < 1 + round % 5; i++) {
            snprintf(id, sizeof(id), "I%02d", acknowledged % 40);
            ck_assert_int_eq(put_row(JOURNAL_INCIDENT, id, acknowledged % 40 + 1, text), 0);
            acknowledged++;
        }
        fill_up();
        for (int i = 0; i < 20; i++) {
            snprintf(id, sizeof(id), "I%02d", acknowledged % 40);
            if (put_row(JOURNAL_INCIDENT, id, acknowledged % 40 + 1, text) < 0)
                break;
            acknowledged++;
        }
        if (round % 3 == 0) {
            close_journal();
            open_journal(); /* with the disk full */
            run_with(NULL, WALL0, NULL);
        }
        make_room();
        ck_assert_int_eq(put_row(JOURNAL_NOTICE, "again", 1, "x"), 0);
        ck_assert_int_eq(status_now().error, 0);
        check_has(load_all(), acknowledged < 40 ? acknowledged : 40, round);
    }
    ck_assert_uint_eq(count_files("*.corrupt-*"), 0);
    close_journal();
    umount(folder);
}
END_TEST

START_TEST(a_read_only_file_system_is_said_and_left_alone)
{
    if (!mount_tiny("size=4m"))
        return;
    ck_assert_int_eq(put_row(JOURNAL_INCIDENT, "A", 1, "x"), 0);
    close_journal();
    ck_assert_int_eq(mount(NULL, folder, NULL, MS_REMOUNT | MS_RDONLY, "size=4m"), 0);
    open_journal();
    ck_assert_int_eq(put_row(JOURNAL_INCIDENT, "B", 2, "x"), -EROFS);
    ck_assert_ptr_nonnull(strstr(status_now().problem, "Read-only file system"));
    ck_assert_int_eq(mount(NULL, folder, NULL, MS_REMOUNT, "size=4m"), 0);
    ck_assert_int_eq(put_row(JOURNAL_INCIDENT, "B", 2, "x"), 0);
    ck_assert_str_eq(load_all(), "incident A x\nincident B x\n");
    close_journal();
    umount(folder);
}
END_TEST

START_TEST(a_folder_that_cannot_be_made_is_said_and_tried_again)
{
    char path[256];

    close_journal();
    path_of("below/there", path);
    ck_assert_int_eq(journal_new(path, &limits, &journal), 0);
    ck_assert_int_eq(run_with(NULL, WALL0, NULL), -ENOENT);
    ck_assert_ptr_nonnull(strstr(status_now().problem, "below/there"));
    path_of("below", path);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    ck_assert_int_eq(put_row(JOURNAL_INCIDENT, "A", 1, "x"), 0);
    ck_assert_int_eq(status_now().error, 0);
}
END_TEST

int main(void)
{
    const TTest *const cases[] = {
        no_acknowledged_row_is_lost_when_a_single_call_fails,
        no_acknowledged_row_is_lost_when_everything_fails_from_some_call_on,
        no_acknowledged_row_is_lost_when_the_disk_is_full_for_a_while,
        a_row_goes_on_being_refused_until_the_disk_works_again,
        an_unreadable_disk_puts_nothing_aside,
        a_file_that_is_made_anew_has_all_rows_or_is_not_used,
        an_older_file_stays_until_the_one_in_its_place_is_whole,
        a_full_file_system_loses_no_acknowledged_row,
        a_read_only_file_system_is_said_and_left_alone,
        a_folder_that_cannot_be_made_is_said_and_tried_again,
    };

    return journal_suite("journal_disk", cases, sizeof(cases) / sizeof(cases[0]));
}
