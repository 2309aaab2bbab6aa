/* SPDX-License-Identifier: MIT */
/* Sizes, text of others, tables, options, and the value of LD_PRELOAD. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/buf.h"
#include "daemon/base/json.h"
#include "daemon/ctl/agentlib.h"
#include "daemon/ctl/command.h"
#include "daemon/ctl/figure.h"
#include "daemon/ctl/option.h"
#include "daemon/ctl/size.h"
#include "daemon/ctl/table.h"
#include "daemon/ctl/text.h"
#include "tests/unit/suite.h"

START_TEST(sizes_are_read_with_their_units)
{
    static const struct {
        const char *text;
        uint64_t bytes;
    } rows[] = {{"0", 0},          {"65536", 65536},        {"64KiB", 65536},      {"64kib", 65536},
                {"64Ki", 65536},   {"64KB", 64000},         {"64k", 64000},        {"5MB", 5000000},
                {"5MiB", 5242880}, {"1.5 GiB", 1610612736}, {"2T", 2000000000000}, {"7B", 7}};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint64_t bytes = 1;

        ck_assert_int_eq(size_parse(rows[i].text, &bytes), 0);
        ck_assert_uint_eq(bytes, rows[i].bytes);
    }
}
END_TEST

START_TEST(what_is_no_size_is_refused_and_nothing_written)
{
    static const char *const wrong[] = {"",       "KiB", "-1",   "1x",  "1KiBB", "1.2.3",
                                        "1 Ki B", ".",   "0x10", "1e3", "inf",   "64 KiB "};
    uint64_t bytes = 42;

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        ck_assert_msg(size_parse(wrong[i], &bytes) == -EINVAL, "\"%s\"", wrong[i]);
    ck_assert_int_eq(size_parse("99999999TiB", &bytes), -ERANGE);
    ck_assert_uint_eq(bytes, 42);
}
END_TEST

static const char *safe(const char *text)
{
    static char out[256];
    struct buf buf;

    buf_init(&buf, 1024);
    text_put_safe(&buf, text);
    snprintf(out, sizeof(out), "%s", buf.data ? buf.data : "");
    buf_done(&buf);
    return out;
}

START_TEST(control_characters_do_not_reach_the_terminal)
{
    ck_assert_str_eq(safe("a\033[31mb"), "a\\x1b[31mb");
    ck_assert_str_eq(safe("a\nb\tc\x7f"), "a\\x0ab\\x09c\\x7f");
    ck_assert_str_eq(safe("\xc2\x9b"
                          "31m"),
                     "\\u{9b}31m");
    ck_assert_str_eq(safe("\xe2\x80\xae"
                          "exe"),
                     "\\u{202e}exe");
}
END_TEST

START_TEST(letters_of_all_scripts_pass)
{
    ck_assert_str_eq(safe("caf\xc3\xa9 \xe6\x97\xa5 \xf0\x9f\x90\x9b"),
                     "caf\xc3\xa9 \xe6\x97\xa5 \xf0\x9f\x90\x9b");
    ck_assert_str_eq(safe(NULL), "-");
    ck_assert_str_eq(safe(""), "");
}
END_TEST

START_TEST(bytes_that_are_no_utf8_are_shown_as_such)
{
    ck_assert_str_eq(safe("a\xff"
                          "b"),
                     "a\\xffb");
    ck_assert_str_eq(safe("\xc3"), "\\xc3");
    ck_assert_str_eq(safe("\xe2\x80"), "\\xe2\\x80");
    ck_assert_str_eq(safe("\xc0\xaf"), "\\xc0\\xaf");
    ck_assert_str_eq(safe("\xed\xa0\x80"), "\\xed\\xa0\\x80");
}
END_TEST

static void fill(struct table *table)
{
    static const char *const heads[] = {"NAME", ">SIZE", "VERDICT", NULL};

    table_init(table, heads);
    table_put(table, "caf\xc3\xa9");
    table_put(table, "7 B");
    table_put(table, "leak");
    table_put(table, "x\ty");
    table_put(table, "1024 B");
    table_put(table, "ok");
}

static char *print(bool plain, bool colour)
{
    struct table table;
    struct buf out;

    fill(&table);
    buf_init(&out, 4096);
    ck_assert(table_print(&table, plain, colour, &out));
    table_done(&table);
    return buf_take(&out, NULL);
}

static void assert_table(bool plain, bool colour, const char *expected)
{
    char *text = print(plain, colour);

    ck_assert_str_eq(text, expected);
    free(text);
}

START_TEST(columns_are_aligned_by_characters)
{
    assert_table(false, false,
                 "NAME      SIZE  VERDICT\n"
                 "caf\xc3\xa9       7 B  leak\n"
                 "x\\x09y  1024 B  ok\n");
}
END_TEST

START_TEST(plain_tables_are_tabs_without_a_heading)
{
    assert_table(true, true,
                 "caf\xc3\xa9\t7 B\tleak\n"
                 "x\\x09y\t1024 B\tok\n");
}
END_TEST

START_TEST(colour_marks_the_leak_and_keeps_the_columns)
{
    assert_table(false, true,
                 "NAME      SIZE  VERDICT\n"
                 "caf\xc3\xa9       7 B  \033[1;31mleak\033[0m\n"
                 "x\\x09y  1024 B  ok\n");
}
END_TEST

START_TEST(the_nearest_name_is_meant)
{
    static const char *const names[] = {"run", "ps", "show", "incidents", "replay", NULL};

    ck_assert_str_eq(option_nearest("rnu", names), "run");
    ck_assert_str_eq(option_nearest("incident", names), "incidents");
    ck_assert_str_eq(option_nearest("replya", names), "replay");
    ck_assert_ptr_null(option_nearest("frobnicate", names));
    ck_assert_ptr_null(option_nearest("", names));
}
END_TEST

START_TEST(options_end_where_another_program_begins)
{
    const struct command command = {.name = "run", .help = ""};
    const char *name = NULL;
    bool json = false;
    const struct option_row rows[] = {
        {"name", &name, NULL}, {"json", NULL, &json}, {NULL, NULL, NULL}};
    char words[][16] = {"run", "--name=a b", "--json", "prog", "--json", "--", "x"};
    char *argv[8] = {words[0], words[1], words[2], words[3], words[4], words[5], words[6], NULL};
    int count = -1;

    ck_assert_int_eq(option_read(&command, rows, true, 7, argv, &count), OPTION_GO_ON);
    ck_assert_int_eq(count, 4);
    ck_assert_str_eq(name, "a b");
    ck_assert(json);
    ck_assert_str_eq(argv[1], "prog");
    ck_assert_str_eq(argv[3], "--");
}
END_TEST

START_TEST(options_may_stand_behind_arguments)
{
    const struct command command = {.name = "show", .help = ""};
    const char *name = NULL;
    const struct option_row rows[] = {{"name", &name, NULL}, {NULL, NULL, NULL}};
    char words[][16] = {"show", "a", "--name", "n", "b", "--", "--c"};
    char *argv[8] = {words[0], words[1], words[2], words[3], words[4], words[5], words[6], NULL};
    int count = -1;

    ck_assert_int_eq(option_read(&command, rows, false, 7, argv, &count), OPTION_GO_ON);
    ck_assert_int_eq(count, 3);
    ck_assert_str_eq(name, "n");
    ck_assert_str_eq(argv[2], "b");
    ck_assert_str_eq(argv[3], "--c");
}
END_TEST

static const char *preload(const char *existing)
{
    static char out[200];

    ck_assert_int_eq(agentlib_preload("/l/libleakagent.so", existing, out, sizeof(out)), 0);
    return out;
}

START_TEST(the_agent_is_preloaded_first_but_for_a_sanitizer)
{
    ck_assert_str_eq(preload(NULL), "/l/libleakagent.so");
    ck_assert_str_eq(preload(""), "/l/libleakagent.so");
    ck_assert_str_eq(preload("/x/libjemalloc.so.2"), "/l/libleakagent.so:/x/libjemalloc.so.2");
    ck_assert_str_eq(preload("/x/libasan.so.8"), "/x/libasan.so.8:/l/libleakagent.so");
    ck_assert_str_eq(preload("/x/libasan.so.8 /y/b.so:c.so"),
                     "/x/libasan.so.8:/l/libleakagent.so:/y/b.so:c.so");
}
END_TEST

START_TEST(a_preload_too_long_is_refused)
{
    char out[10];

    ck_assert_int_eq(agentlib_preload("/l/libleakagent.so", NULL, out, sizeof(out)), -ENAMETOOLONG);
}
END_TEST

static struct json_tree *parse(const char *text)
{
    char error[128];
    struct json_tree *tree = json_parse(text, strlen(text), error, sizeof(error));

    ck_assert_msg(tree != NULL, "%s", error);
    return tree;
}

START_TEST(figures_of_the_api_become_cells)
{
    struct json_tree *tree = parse(
        "{\"live\":1048576,\"growth_bytes_per_s\":{\"estimate\":1024,\"lower\":512,\"upper\":2048},"
        "\"time_to_limit_s\":{\"estimate\":3600,\"lower\":60,\"upper\":null},\"at\":0}");
    char text[FIGURE_MAX];

    figure_bytes(tree, "live", false, text);
    ck_assert_str_eq(text, "1.00 MiB");
    figure_bytes(tree, "live", true, text);
    ck_assert_str_eq(text, "1048576");
    figure_bytes(tree, "none", false, text);
    ck_assert_str_eq(text, "-");
    figure_growth(tree, false, text);
    ck_assert_str_eq(text, "3.52 MiB/h (1.76 to 7.03)");
    figure_growth(tree, true, text);
    ck_assert_str_eq(text, "1024.0 (512.0 to 2048.0)");
    figure_forecast(tree, false, text);
    ck_assert_str_eq(text, "1 h 0 min (1 min to never)");
    figure_time(tree, "at", false, text);
    ck_assert_str_eq(text, "1970-01-01 00:00:00Z");
    json_tree_free(tree);
}
END_TEST

START_TEST(null_growth_is_a_dash)
{
    struct json_tree *tree = parse("{\"growth_bytes_per_s\":null,\"time_to_limit_s\":null}");
    char text[FIGURE_MAX];

    figure_growth(tree, false, text);
    ck_assert_str_eq(text, "-");
    figure_forecast(tree, false, text);
    ck_assert_str_eq(text, "-");
    json_tree_free(tree);
}
END_TEST

START_TEST(a_site_is_named_by_its_culprit)
{
    struct json_tree *named =
        parse("{\"frames\":[{\"function\":\"malloc_wrapper\",\"module\":\"libx.so\"}],\"culprit\":"
              "{\"function\":\"store\",\"file\":\"orders/cache.py\",\"line\":88}}");
    struct json_tree *bare = parse("{\"frames\":[{\"language\":\"native\",\"function\":\"f\","
                                   "\"file\":null,\"line\":null,\"module\":\"libx.so\"}]}");
    char text[128];

    figure_frame(named, text, sizeof(text));
    ck_assert_str_eq(text, "orders/cache.py:88 store()");
    figure_frame(bare, text, sizeof(text));
    ck_assert_str_eq(text, "libx.so f()");
    figure_frame(NULL, text, sizeof(text));
    ck_assert_str_eq(text, "? ?()");
    json_tree_free(named);
    json_tree_free(bare);
}
END_TEST

SUITE_MAIN("ctl_text", sizes_are_read_with_their_units,
           what_is_no_size_is_refused_and_nothing_written,
           control_characters_do_not_reach_the_terminal, letters_of_all_scripts_pass,
           bytes_that_are_no_utf8_are_shown_as_such, columns_are_aligned_by_characters,
           plain_tables_are_tabs_without_a_heading, colour_marks_the_leak_and_keeps_the_columns,
           the_nearest_name_is_meant, options_end_where_another_program_begins,
           options_may_stand_behind_arguments, the_agent_is_preloaded_first_but_for_a_sanitizer,
           a_preload_too_long_is_refused, figures_of_the_api_become_cells, null_growth_is_a_dash,
           a_site_is_named_by_its_culprit)
