/* SPDX-License-Identifier: MIT */
/*
 * Damage to the journal's files while leakd is away: whatever happens to one of them, nothing is
 * lost; whatever happens to both, the start is not refused and what can be read is there.
 * LEAKD_LONG=1 does 500 rounds.
 */
#include "tests/unit/daemon/journal_fixture.h"

#define ROWS 40

static const char *const names[] = {"incidents.db", "incidents-2.db"};
static uint64_t seed;
static char *expected;

/* Repeatable; the seed is in the message of a failure. */
static uint64_t next_random(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static void fill(void)
{
    static char text[20001];
    char id[16];

    for (int i = 0; i < ROWS; i++) {
        size_t len = 100 + (size_t)(next_random() % 19900);

        for (size_t c = 0; c < len; c++)
            text[c] = (char)('a' + next_random() % 26);
        text[len] = '\0';
        snprintf(id, sizeof(id), "I%02d", i);
        ck_assert_int_eq(put_row(i % 4 ? JOURNAL_INCIDENT : JOURNAL_NOTICE, id, i + 1, text), 0);
    }
}

static void fill_and_remember(void)
{
    seed = 88172645463325252u;
    fill();
    free(expected);
    expected = strdup(load_all());
}

static off_t size_of(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 ? st.st_size : -1;
}

/* 1 to 4096 bytes anywhere in the file become others. */
static void scribble(const char *name)
{
    char path[256];
    unsigned char bytes[4096];
    off_t size, at;
    size_t len = 1 + (size_t)(next_random() % 4096);
    int fd;

    path_of(name, path);
    size = size_of(path);
    if (size <= 0)
        return;
    at = (off_t)(next_random() % (uint64_t)size);
    if ((off_t)len > size - at)
        len = (size_t)(size - at);
    fd = open(path, O_RDWR);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(pread(fd, bytes, len, at), (ssize_t)len);
    for (size_t i = 0; i < len; i++)
        bytes[i] ^= (unsigned char)(1 + next_random() % 255);
    ck_assert_int_eq(pwrite(fd, bytes, len, at), (ssize_t)len);
    close(fd);
}

static void cut(const char *name)
{
    char path[256];
    off_t size;

    path_of(name, path);
    size = size_of(path);
    if (size > 0)
        ck_assert_int_eq(truncate(path, (off_t)(next_random() % (uint64_t)size)), 0);
}

static unsigned rounds(unsigned usual)
{
    const char *is_long = getenv("LEAKD_LONG");

    return is_long && is_long[0] == '1' ? 500 : usual;
}

/* A start finds all, and the one after it finds two whole files. */
static void check_all_there(const char *what, unsigned round)
{
    ck_assert_msg(strcmp(load_all(), expected) == 0, "%s, round %u: rows are lost", what, round);
    ck_assert_msg(strcmp(load_all(), expected) == 0, "%s, round %u: rows are lost later", what,
                  round);
    ck_assert_str_eq(status_now().event, "");
}

START_TEST(bytes_scribbled_over_one_file_lose_nothing)
{
    fill_and_remember();
    for (unsigned i = 0; i < rounds(20); i++) {
        close_journal();
        scribble(names[next_random() % 2]);
        check_all_there("scribbled", i);
    }
    ck_assert_uint_le(count_files("*.corrupt-*Z*"), 2 * 2 * (3 + 1));
}
END_TEST

START_TEST(one_file_that_was_cut_loses_nothing)
{
    fill_and_remember();
    for (unsigned i = 0; i < rounds(10); i++) {
        close_journal();
        cut(names[next_random() % 2]);
        check_all_there("cut", i);
    }
}
END_TEST

START_TEST(one_file_that_is_gone_loses_nothing)
{
    char path[256];

    fill_and_remember();
    for (unsigned i = 0; i < 2; i++) {
        close_journal();
        path_of(names[i], path);
        ck_assert_int_eq(unlink(path), 0);
        check_all_there("gone", i);
    }
}
END_TEST

START_TEST(a_wal_that_is_gone_loses_nothing_and_revives_nothing)
{
    char path[256];

    for (unsigned i = 0; i < 2; i++) {
        fill_and_remember();
        ck_assert_int_eq(put_row(JOURNAL_INCIDENT, "news", 1000, "old"), 0);
        ck_assert_int_eq(put_row(JOURNAL_INCIDENT, "news", 1000, "new"), 0);
        ck_assert_int_eq(drop_row(JOURNAL_NOTICE, "I00"), 0);
        crash();
        /* So far the news are in the WALs alone. */
        snprintf(path, sizeof(path), "%s/%s-wal", folder, names[i]);
        ck_assert_int_gt(size_of(path), 0);
        ck_assert_int_eq(unlink(path), 0);
        ck_assert_ptr_nonnull(strstr(load_all(), "incident news new\n"));
        ck_assert_ptr_null(strstr(load_all(), "notice I00 "));
        teardown();
        setup();
    }
}
END_TEST

START_TEST(a_wal_that_was_scribbled_over_loses_nothing)
{
    char wal[64];

    fill_and_remember();
    for (unsigned i = 0; i < rounds(10); i++) {
        char text[16];

        snprintf(text, sizeof(text), "%u", i);
        ck_assert_int_eq(put_row(JOURNAL_INCIDENT, "counter", 1, text), 0);
        free(expected);
        crash();
        snprintf(wal, sizeof(wal), "%s-wal", names[next_random() % 2]);
        close_journal();
        if (next_random() % 2)
            scribble(wal);
        else
            cut(wal);
        open_journal();
        snprintf(text, sizeof(text), "counter %u\n", i);
        expected = strdup(load_all());
        ck_assert_msg(strstr(expected, text) != NULL, "round %u", i);
        check_all_there("WAL", i);
    }
}
END_TEST

START_TEST(one_letter_changed_in_a_text_is_noticed)
{
    char path[256], *data, *at;
    off_t size;
    int fd;

    put_row(JOURNAL_INCIDENT, "A", 1, "the-needle-in-the-text");
    load_all();
    close_journal();
    path_of(names[0], path);
    size = size_of(path);
    data = malloc((size_t)size);
    fd = open(path, O_RDWR);
    ck_assert_int_eq(read(fd, data, (size_t)size), size);
    at = memmem(data, (size_t)size, "needle", 6);
    ck_assert_ptr_nonnull(at);
    ck_assert_int_eq(pwrite(fd, "N", 1, at - data), 1);
    close(fd);
    free(data);
    open_journal();
    ck_assert_int_eq(run_with(NULL, WALL0, NULL), 0);
    ck_assert_uint_eq(status_now().damaged, 1);
    ck_assert_ptr_nonnull(strstr(status_now().event, names[0]));
    ck_assert_str_eq(load_all(), "incident A the-needle-in-the-text\n");
    ck_assert_uint_eq(count_files("incidents.db.corrupt-*"), 1);
}
END_TEST

START_TEST(with_both_files_damaged_the_start_is_not_refused)
{
    size_t saved = 0, all = 0;

    for (unsigned i = 0; i < rounds(15); i++) {
        fill_and_remember();
        seed += i * 7919;
        close_journal();
        for (int n = 0; n < 2; n++)
            (i % 3 ? scribble : cut)(names[n]);
        open_journal();
        ck_assert_int_eq(run_with(NULL, WALL0, NULL), 0);
        for (char *line = strtok(load_all(), "\n"); line; line = strtok(NULL, "\n")) {
            ck_assert_msg(strstr(expected, line) != NULL, "round %u: an invented row", i);
            saved++;
        }
        all += ROWS;
        ck_assert_int_eq(put_row(JOURNAL_INCIDENT, "goes-on", 1, "x"), 0);
        ck_assert_ptr_nonnull(strstr(load_all(), "incident goes-on x\n"));
        teardown();
        setup();
    }
    /* Different pages are hit: most of it is in one or the other. */
    ck_assert_msg(saved * 10 >= all * 6, "%zu of %zu rows saved", saved, all);
}
END_TEST

START_TEST(files_that_are_no_database_are_put_aside)
{
    char path[256];

    for (int i = 0; i < 2; i++) {
        FILE *file;

        path_of(names[i], path);
        file = fopen(path, "w");
        for (int n = 0; n < 5000; n++)
            fputs("this is no database; ", file);
        fclose(file);
    }
    ck_assert_int_eq(put_row(JOURNAL_INCIDENT, "A", 1, "x"), 0);
    ck_assert_str_eq(load_all(), "incident A x\n");
    ck_assert_uint_eq(count_files("*.corrupt-*"), 2);
}
END_TEST

int main(void)
{
    const TTest *const cases[] = {
        bytes_scribbled_over_one_file_lose_nothing,
        one_file_that_was_cut_loses_nothing,
        one_file_that_is_gone_loses_nothing,
        a_wal_that_is_gone_loses_nothing_and_revives_nothing,
        a_wal_that_was_scribbled_over_loses_nothing,
        one_letter_changed_in_a_text_is_noticed,
        with_both_files_damaged_the_start_is_not_refused,
        files_that_are_no_database_are_put_aside,
    };

    return journal_suite("journal_damage", cases, sizeof(cases) / sizeof(cases[0]));
}
