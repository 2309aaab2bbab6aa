/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/ctl/csv.h"
#include "tests/unit/suite.h"

#define ROWS_MAX 16

struct rows {
    size_t count;
    size_t stop_after;
    double t[ROWS_MAX];
    double bytes[ROWS_MAX];
    double load[ROWS_MAX];
    double oldest[ROWS_MAX];
    char series[ROWS_MAX][CSV_SERIES_MAX + 1];
};

static bool on_sample(void *arg, const struct csv_row *row)
{
    struct rows *rows = arg;

    ck_assert_uint_lt(rows->count, ROWS_MAX);
    rows->t[rows->count] = row->value[CSV_TIME];
    rows->bytes[rows->count] = row->value[CSV_BYTES];
    rows->load[rows->count] = row->value[CSV_LOAD];
    rows->oldest[rows->count] = row->value[CSV_OLDEST];
    if (row->series)
        memcpy(rows->series[rows->count], row->series, row->series_len);
    return ++rows->count != rows->stop_after;
}

/* Feeds text in pieces of so many bytes, each in memory of its own so that a read behind its end
 * is seen. */
static bool read_pieces(struct csv *csv, struct rows *rows, const char *text, size_t piece)
{
    size_t left = strlen(text);

    memset(rows, 0, sizeof(*rows));
    csv_init(csv, on_sample, rows);
    while (left > 0) {
        size_t len = left < piece ? left : piece;
        char *copy = malloc(len);
        bool good;

        memcpy(copy, text, len);
        good = csv_feed(csv, copy, len);
        free(copy);
        if (!good)
            return false;
        text += len;
        left -= len;
    }
    return csv_finish(csv);
}

static bool read_text(struct csv *csv, struct rows *rows, const char *text)
{
    return read_pieces(csv, rows, text, strlen(text) ? strlen(text) : 1);
}

START_TEST(samples_are_read)
{
    struct csv csv;
    struct rows rows;

    ck_assert(read_text(&csv, &rows, "t_seconds,bytes\n0,4096\n1.5,8192\n"));
    ck_assert_uint_eq(rows.count, 2);
    ck_assert_double_eq(rows.t[1], 1.5);
    ck_assert_double_eq(rows.bytes[1], 8192);
    ck_assert_uint_eq(csv.ignored, 0);
}
END_TEST

START_TEST(pieces_of_any_size_give_the_same)
{
    const char *text = "t_seconds,bytes\r\n0,4096\r\n\r\n10.25,123456789012\r\n3e1,1.5e9";

    for (size_t piece = 1; piece < 60; piece++) {
        struct csv csv;
        struct rows rows;

        ck_assert(read_pieces(&csv, &rows, text, piece));
        ck_assert_uint_eq(rows.count, 3);
        ck_assert_double_eq(rows.t[1], 10.25);
        ck_assert_double_eq(rows.bytes[1], 123456789012.0);
        ck_assert_double_eq(rows.t[2], 30);
        ck_assert_double_eq(rows.bytes[2], 1.5e9);
    }
}
END_TEST

START_TEST(columns_are_found_by_name_and_others_counted)
{
    struct csv csv;
    struct rows rows;

    ck_assert(read_text(&csv, &rows, "load,bytes,host,oldest_s,t_seconds,note\n9,100,h,5,7,x y\n"));
    ck_assert_double_eq(rows.t[0], 7);
    ck_assert_double_eq(rows.bytes[0], 100);
    ck_assert_double_eq(rows.load[0], 9);
    ck_assert_double_eq(rows.oldest[0], 5);
    ck_assert_uint_eq(csv.ignored, 2);
}
END_TEST

START_TEST(load_and_oldest_may_be_missing)
{
    struct csv csv;
    struct rows rows;

    ck_assert(read_text(&csv, &rows, "t_seconds,bytes,load,oldest_s\n1,2,,3\n2,3,0,\n"));
    ck_assert_uint_eq(rows.count, 2);
    ck_assert(isnan(rows.load[0]) && isnan(rows.oldest[1]));
    ck_assert_double_eq(rows.oldest[0], 3);
    ck_assert_double_eq(rows.load[1], 0);
    ck_assert(read_text(&csv, &rows, "t_seconds,bytes\n1,2\n"));
    ck_assert(isnan(rows.load[0]) && isnan(rows.oldest[0]));
}
END_TEST

START_TEST(load_and_oldest_are_not_negative)
{
    struct csv csv;
    struct rows rows;

    ck_assert(!read_text(&csv, &rows, "t_seconds,bytes,load\n1,2,-1\n"));
    ck_assert(!read_text(&csv, &rows, "t_seconds,bytes,oldest_s\n1,2,-0.5\n"));
    ck_assert(!read_text(&csv, &rows, "t_seconds,bytes,load\n1,2,x\n"));
}
END_TEST

START_TEST(a_column_stands_once_in_the_header)
{
    struct csv csv;
    struct rows rows;

    ck_assert(!read_text(&csv, &rows, "t_seconds,bytes,bytes\n1,2,3\n"));
    ck_assert_ptr_nonnull(strstr(csv.error, "two columns bytes"));
}
END_TEST

START_TEST(a_row_names_its_series)
{
    const char *text = "t_seconds,series,bytes\n1,web 1,2\r\n2,d\xc3\xa9p\xc3\xb4t,3\n3,7,4";

    for (size_t piece = 1; piece < 60; piece++) {
        struct csv csv;
        struct rows rows;

        ck_assert(read_pieces(&csv, &rows, text, piece));
        ck_assert_uint_eq(rows.count, 3);
        ck_assert_str_eq(rows.series[0], "web 1");
        ck_assert_str_eq(rows.series[1], "d\xc3\xa9p\xc3\xb4t");
        ck_assert_str_eq(rows.series[2], "7");
        ck_assert_double_eq(rows.bytes[2], 4);
        ck_assert_uint_eq(csv.ignored, 0);
    }
}
END_TEST

START_TEST(a_row_without_a_series_column_has_no_name)
{
    struct csv csv;
    struct rows rows;

    ck_assert(read_text(&csv, &rows, "t_seconds,bytes,serie\n1,2,a\n"));
    ck_assert_str_eq(rows.series[0], "");
    ck_assert_uint_eq(csv.ignored, 1);
}
END_TEST

static void refuse_bytes(const char *name, size_t len, const char *why)
{
    static const char head[] = "t_seconds,bytes,series\n1,2,a\n2,3,";
    struct csv csv;
    struct rows rows = {0};

    csv_init(&csv, on_sample, &rows);
    ck_assert(csv_feed(&csv, head, sizeof(head) - 1));
    ck_assert(csv_feed(&csv, name, len));
    ck_assert_msg(!csv_feed(&csv, "\n", 1), "%s", name);
    ck_assert_uint_eq(csv.line, 3);
    ck_assert_msg(strstr(csv.error, why) != NULL, "%s", csv.error);
    ck_assert_uint_eq(rows.count, 1);
}

static void refuse_name(const char *name, const char *why)
{
    refuse_bytes(name, strlen(name), why);
}

START_TEST(a_series_has_a_plain_name)
{
    char longest[CSV_SERIES_MAX + 2];

    memset(longest, 'n', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    refuse_name("", "no name");
    refuse_name("\"a\"", "quoted");
    refuse_name(longest, "longer");
    refuse_bytes("a\0b", 3, "zero");
}
END_TEST

START_TEST(numbers_are_those_of_strtod)
{
    static const char *const numbers[] = {"0",
                                          "1",
                                          "0.1",
                                          "123.456",
                                          "999999999999999",
                                          "9007199254740993",
                                          "0.000000001",
                                          "12345678901234567890",
                                          "1e3",
                                          "2.5E-3",
                                          ".5",
                                          "5.",
                                          "007",
                                          "1.7976931348623157e308",
                                          "123456.789012345678",
                                          "0.30000000000000004"};

    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        struct csv csv;
        struct rows rows;
        char text[128];

        snprintf(text, sizeof(text), "t_seconds,bytes\n1,%s\n", numbers[i]);
        ck_assert_msg(read_text(&csv, &rows, text), "%s", numbers[i]);
        ck_assert_double_eq(rows.bytes[0], strtod(numbers[i], NULL));
    }
}
END_TEST

START_TEST(what_is_no_number_is_named_with_its_line)
{
    static const char *const wrong[] = {"x", "",  " 1", "1 ",    "1x",    "0x10", "inf",   "nan",
                                        "-", ".", "1e", "1e999", "1.2.3", "--1",  "\"1\"", "+"};

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct csv csv;
        struct rows rows;
        char text[128];

        snprintf(text, sizeof(text), "t_seconds,bytes\n1,2\n2,%s\n3,4\n", wrong[i]);
        ck_assert_msg(!read_text(&csv, &rows, text), "\"%s\"", wrong[i]);
        ck_assert_uint_eq(csv.line, 3);
        ck_assert_ptr_nonnull(strstr(csv.error, "no number"));
        ck_assert_uint_eq(rows.count, 1);
    }
}
END_TEST

START_TEST(bytes_may_be_negative_but_time_may_not)
{
    struct csv csv;
    struct rows rows;

    ck_assert(read_text(&csv, &rows, "t_seconds,bytes\n1,-5\n"));
    ck_assert_double_eq(rows.bytes[0], -5);
    ck_assert(!read_text(&csv, &rows, "t_seconds,bytes\n-1,5\n"));
    ck_assert(!read_text(&csv, &rows, "t_seconds,bytes\n1e13,5\n"));
}
END_TEST

START_TEST(a_missing_column_is_an_error)
{
    struct csv csv;
    struct rows rows;

    ck_assert(!read_text(&csv, &rows, "t_seconds,bytes\n1\n"));
    ck_assert_ptr_nonnull(strstr(csv.error, "the header has 2"));
}
END_TEST

START_TEST(a_wrong_header_is_an_error_in_line_one)
{
    static const char *const wrong[] = {"time,bytes\n1,2\n", "1,2\n3,4\n", "t_seconds\n", "\n\n",
                                        "t_seconds,byte\n"};

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct csv csv;
        struct rows rows;

        ck_assert_msg(!read_text(&csv, &rows, wrong[i]), "%s", wrong[i]);
        ck_assert_uint_eq(csv.line, 1);
        ck_assert_ptr_nonnull(strstr(csv.error, "t_seconds"));
    }
}
END_TEST

START_TEST(an_empty_file_lacks_its_header)
{
    struct csv csv;
    struct rows rows;

    ck_assert(!read_text(&csv, &rows, ""));
    ck_assert_ptr_nonnull(strstr(csv.error, "empty"));
}
END_TEST

START_TEST(a_line_without_end_is_refused_not_buffered)
{
    struct csv csv;
    struct rows rows = {0};
    char block[1000];
    int pieces = 0;

    memset(block, '1', sizeof(block));
    csv_init(&csv, on_sample, &rows);
    ck_assert(csv_feed(&csv, "t_seconds,bytes\n", 16));
    while (csv_feed(&csv, block, sizeof(block)))
        ck_assert_int_lt(++pieces, 10);
    ck_assert_ptr_nonnull(strstr(csv.error, "longer"));
    ck_assert_uint_eq(csv.line, 2);
}
END_TEST

START_TEST(the_reader_can_be_stopped)
{
    struct csv csv;
    struct rows rows = {.stop_after = 1};

    csv_init(&csv, on_sample, &rows);
    ck_assert(csv_feed(&csv, "t_seconds,bytes\n1,2\nrubbish\n", 28));
    ck_assert(csv.stopped);
    ck_assert(csv_finish(&csv));
    ck_assert_uint_eq(rows.count, 1);
}
END_TEST

SUITE_MAIN("ctl_csv", samples_are_read, pieces_of_any_size_give_the_same,
           columns_are_found_by_name_and_others_counted, load_and_oldest_may_be_missing,
           load_and_oldest_are_not_negative, a_column_stands_once_in_the_header,
           a_row_names_its_series, a_row_without_a_series_column_has_no_name,
           a_series_has_a_plain_name,
           numbers_are_those_of_strtod, what_is_no_number_is_named_with_its_line,
           bytes_may_be_negative_but_time_may_not, a_missing_column_is_an_error,
           a_wrong_header_is_an_error_in_line_one, an_empty_file_lacks_its_header,
           a_line_without_end_is_refused_not_buffered, the_reader_can_be_stopped)
