/* SPDX-License-Identifier: MIT */
/* Buffers, JSON, maps, the log and notifications. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/base/buf.h"
#include "daemon/base/json.h"
#include "daemon/base/log.h"
#include "daemon/base/map.h"
#include "daemon/base/notify.h"
#include "tests/unit/suite.h"

/* ---- buf ----------------------------------------------------------------------------------- */

START_TEST(a_buffer_grows_to_its_ceiling_and_not_beyond)
{
    struct buf buf;

    buf_init(&buf, 1000);
    for (int i = 0; i < 1000; i++)
        buf_putc(&buf, 'a');
    ck_assert(!buf.failed);
    ck_assert_uint_eq(buf.len, 1000);
    buf_putc(&buf, 'b');
    ck_assert(buf.failed);
    ck_assert_uint_eq(buf.len, 1000);
    ck_assert_int_eq(buf.data[1000], '\0');
    buf_done(&buf);
}
END_TEST

START_TEST(a_put_that_does_not_fit_changes_nothing)
{
    struct buf buf;

    buf_init(&buf, 8);
    buf_puts(&buf, "12345");
    buf_puts(&buf, "6789");
    ck_assert_str_eq(buf.data, "12345");
    buf_puts(&buf, "6"); /* would fit, but the text has a hole already */
    ck_assert_str_eq(buf.data, "12345");
    buf_clear(&buf);
    buf_printf(&buf, "%d-%s", 12, "abcd");
    ck_assert(!buf.failed);
    ck_assert_str_eq(buf.data, "12-abcd");
    buf_printf(&buf, "%s", "xy");
    ck_assert(buf.failed);
    buf_done(&buf);
}
END_TEST

START_TEST(consume_drops_from_the_front)
{
    struct buf buf;

    buf_init(&buf, 100);
    buf_puts(&buf, "hello world");
    buf_consume(&buf, 6);
    ck_assert_str_eq(buf.data, "world");
    buf_consume(&buf, 5);
    ck_assert_uint_eq(buf.len, 0);
    buf_done(&buf);
}
END_TEST

START_TEST(take_hands_the_memory_over)
{
    struct buf buf;
    char *text;
    size_t len;

    buf_init(&buf, 10);
    ck_assert_ptr_null(buf_take(&buf, &len));
    buf_puts(&buf, "abc");
    text = buf_take(&buf, &len);
    ck_assert_str_eq(text, "abc");
    ck_assert_uint_eq(len, 3);
    ck_assert_ptr_null(buf.data);
    free(text);
    buf_puts(&buf, "0123456789x");
    ck_assert_ptr_null(buf_take(&buf, &len));
    ck_assert_uint_eq(len, 0);
    ck_assert(!buf.failed);
    buf_done(&buf);
}
END_TEST

/* ---- JSON, written ------------------------------------------------------------------------- */

static struct buf out;
static struct json json;

static void make_json(void)
{
    buf_init(&out, 1 << 20);
    json_init(&json, &out);
}

static void free_json(void)
{
    buf_done(&out);
}

START_TEST(nesting_and_commas_are_kept)
{
    json_object(&json, NULL);
    json_array(&json, "a");
    json_u64(&json, NULL, 1);
    json_object(&json, NULL);
    json_object_end(&json);
    json_array(&json, NULL);
    json_array_end(&json);
    json_array_end(&json);
    json_bool(&json, "b", true);
    json_null(&json, "c");
    json_raw(&json, "d", "[1]", 3);
    json_object_end(&json);
    ck_assert_str_eq(out.data, "{\"a\":[1,{},[]],\"b\":true,\"c\":null,\"d\":[1]}");
}
END_TEST

START_TEST(integers_are_exact)
{
    json_array(&json, NULL);
    json_u64(&json, NULL, UINT64_MAX);
    json_u64(&json, NULL, UINT64_C(9007199254740993));
    json_i64(&json, NULL, INT64_MIN);
    json_array_end(&json);
    ck_assert_str_eq(out.data, "[18446744073709551615,9007199254740993,-9223372036854775808]");
}
END_TEST

START_TEST(doubles_are_numbers_or_null)
{
    json_array(&json, NULL);
    json_double(&json, NULL, 1.5);
    json_double(&json, NULL, -3);
    json_double(&json, NULL, NAN);
    json_double(&json, NULL, INFINITY);
    json_double(&json, NULL, 1e300);
    json_array_end(&json);
    ck_assert_str_eq(out.data, "[1.5,-3,null,null,1e+300]");
}
END_TEST

START_TEST(strings_leave_safe_for_a_page)
{
    json_str(&json, NULL, "</script>&\"\\\n\t\x01\x7f\xe2\x80\xa8 \xc3\xa9 \xf0\x9f\x8d\x8e");
    ck_assert_str_eq(out.data, "\"\\u003c/script\\u003e\\u0026\\\"\\\\\\n\\u0009\\u0001\\u007f"
                               "\\u2028 \xc3\xa9 \xf0\x9f\x8d\x8e\"");
}
END_TEST

START_TEST(keys_are_escaped_as_well)
{
    json_object(&json, NULL);
    json_u64(&json, "a\"<", 1);
    json_object_end(&json);
    ck_assert_str_eq(out.data, "{\"a\\\"\\u003c\":1}");
}
END_TEST

START_TEST(bytes_that_are_no_utf8_are_replaced)
{
    static const struct {
        const char *bytes;
        const char *expected;
    } rows[] = {
        {"a\xff"
         "b",
         "\"a\\ufffdb\""},
        {"\xc0\xaf", "\"\\ufffd\\ufffd\""},                       /* overlong slash */
        {"\xe0\x80\xaf", "\"\\ufffd\\ufffd\\ufffd\""},            /* overlong */
        {"\xed\xa0\x80", "\"\\ufffd\\ufffd\\ufffd\""},            /* surrogate */
        {"\xf4\x90\x80\x80", "\"\\ufffd\\ufffd\\ufffd\\ufffd\""}, /* beyond U+10FFFF */
        {"\xe2\x82", "\"\\ufffd\\ufffd\""},                       /* cut */
        {"\xc3", "\"\\ufffd\""},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        buf_clear(&out);
        json_init(&json, &out);
        json_str(&json, NULL, rows[i].bytes);
        ck_assert_str_eq(out.data, rows[i].expected);
    }
}
END_TEST

START_TEST(a_nul_within_a_string_is_written)
{
    json_strn(&json, NULL, "a\0b", 3);
    ck_assert_str_eq(out.data, "\"a\\u0000b\"");
}
END_TEST

/* ---- JSON, read ---------------------------------------------------------------------------- */

static struct json_tree *parse(const char *text)
{
    char error[128];

    return json_parse(text, strlen(text), error, sizeof(error));
}

START_TEST(values_are_found_and_wrong_types_are_not)
{
    struct json_tree *tree =
        parse("{\"s\": \"x\", \"n\": 2.5, \"b\": true, \"z\": null, \"a\": [1, 2], \"o\": {}}");

    ck_assert_ptr_nonnull(tree);
    ck_assert_str_eq(json_get_str(tree, "s", ""), "x");
    ck_assert_str_eq(json_get_str(tree, "n", "other"), "other");
    ck_assert_str_eq(json_get_str(tree, "S", "other"), "other");
    ck_assert_double_eq(json_get_double(tree, "n", 0), 2.5);
    ck_assert_double_eq(json_get_double(tree, "s", 7), 7);
    ck_assert(json_get_bool(tree, "b", false));
    ck_assert(json_get_bool(tree, "none", true));
    ck_assert(json_is_null(json_get(tree, "z")));
    ck_assert(json_is_null(json_get(tree, "none")));
    ck_assert_uint_eq(json_len(json_get(tree, "a")), 2);
    ck_assert_double_eq(json_number(json_at(json_get(tree, "a"), 1), 0), 2);
    ck_assert_ptr_null(json_at(json_get(tree, "a"), 2));
    ck_assert_ptr_null(json_get(json_get(tree, "s"), "x"));
    ck_assert_uint_eq(json_len(NULL), 0);
    ck_assert_ptr_null(json_get(NULL, "x"));
    json_tree_free(tree);
}
END_TEST

START_TEST(a_mistake_is_an_error_with_its_place)
{
    char error[128] = "";

    ck_assert_ptr_null(json_parse("{\"a\": tru}", 10, error, sizeof(error)));
    ck_assert_ptr_nonnull(strstr(error, "byte 6"));
    ck_assert_ptr_null(json_parse("", 0, error, sizeof(error)));
    ck_assert_ptr_null(json_parse("{", 1, error, sizeof(error)));
}
END_TEST

START_TEST(depth_has_a_limit_but_brackets_in_strings_do_not_count)
{
    char text[2 * JSON_READ_DEPTH_MAX + 8];
    struct json_tree *tree;

    memset(text, '[', JSON_READ_DEPTH_MAX);
    memset(text + JSON_READ_DEPTH_MAX, ']', JSON_READ_DEPTH_MAX);
    text[2 * JSON_READ_DEPTH_MAX] = '\0';
    tree = parse(text);
    ck_assert_ptr_nonnull(tree);
    json_tree_free(tree);
    memset(text, '[', JSON_READ_DEPTH_MAX + 1);
    memset(text + JSON_READ_DEPTH_MAX + 1, ']', JSON_READ_DEPTH_MAX + 1);
    text[2 * JSON_READ_DEPTH_MAX + 2] = '\0';
    ck_assert_ptr_null(parse(text));
    memset(text, '[', 200);
    text[0] = text[199] = '"';
    memcpy(text + 10, "\\\"", 2);
    text[200] = '\0';
    tree = parse(text);
    ck_assert_ptr_nonnull(tree);
    json_tree_free(tree);
}
END_TEST

START_TEST(too_much_json_is_refused)
{
    char error[128] = "";
    char *text = calloc(1, JSON_READ_BYTES_MAX + 2);

    ck_assert_ptr_nonnull(text);
    memset(text, ' ', JSON_READ_BYTES_MAX + 1);
    text[0] = '1';
    ck_assert_ptr_null(json_parse(text, JSON_READ_BYTES_MAX + 1, error, sizeof(error)));
    ck_assert_ptr_nonnull(strstr(error, "longer"));
    free(text);
}
END_TEST

/* ---- map ----------------------------------------------------------------------------------- */

START_TEST(a_map_finds_replaces_and_gives_back)
{
    struct map *map = NULL;
    int a, b;

    ck_assert_ptr_null(map_get_str(map, "x"));
    ck_assert_ptr_null(map_take_str(&map, "x"));
    ck_assert_int_eq(map_put_str(&map, "x", &a), 0);
    ck_assert_int_eq(map_put_str(&map, "xy", &b), 0);
    ck_assert_ptr_eq(map_get_str(map, "x"), &a);
    ck_assert_int_eq(map_put_str(&map, "x", &b), 0);
    ck_assert_ptr_eq(map_get_str(map, "x"), &b);
    ck_assert_uint_eq(map_count(map), 2);
    ck_assert_ptr_eq(map_take_str(&map, "x"), &b);
    ck_assert_ptr_null(map_get_str(map, "x"));
    map_free(&map);
    ck_assert_ptr_null(map);
}
END_TEST

START_TEST(numbers_and_strings_are_keys_of_their_own)
{
    struct map *map = NULL;
    int values[1000];

    for (uint64_t i = 0; i < 1000; i++)
        ck_assert_int_eq(map_put_u64(&map, i * UINT64_C(0x100000001), &values[i]), 0);
    ck_assert_uint_eq(map_count(map), 1000);
    for (uint64_t i = 0; i < 1000; i++)
        ck_assert_ptr_eq(map_get_u64(map, i * UINT64_C(0x100000001)), &values[i]);
    ck_assert_ptr_null(map_get_u64(map, 1));
    ck_assert_ptr_eq(map_take_u64(&map, 0), &values[0]);
    ck_assert_uint_eq(map_count(map), 999);
    ck_assert_int_eq(map_put(&map, "", 0, &values[1]), 0);
    ck_assert_ptr_eq(map_get(map, "", 0), &values[1]);
    map_free(&map);
}
END_TEST

/* ---- log ----------------------------------------------------------------------------------- */

/* What the lines put on stderr; each case is a process of its own. */
static int divert_stderr(void)
{
    int fds[2];

    ck_assert_int_eq(pipe2(fds, O_NONBLOCK), 0);
    ck_assert_int_ge(dup2(fds[1], STDERR_FILENO), 0);
    return fds[0];
}

static void read_log(int fd, char *text, size_t size)
{
    ssize_t len = read(fd, text, size - 1);

    text[len > 0 ? len : 0] = '\0';
}

START_TEST(a_line_says_level_event_and_values)
{
    char text[4096];
    int fd = divert_stderr();

    unsetenv("JOURNAL_STREAM");
    errno = ENOENT;
    log_warning("peer.drop", "pid=%d", 7);
    ck_assert_int_eq(errno, ENOENT);
    read_log(fd, text, sizeof(text));
    ck_assert_str_eq(text, "warning peer.drop pid=7\n");
    setenv("JOURNAL_STREAM", "1:2", 1);
    log_error("x", "%s", "y");
    read_log(fd, text, sizeof(text));
    ck_assert_str_eq(text, "<3>x y\n");
}
END_TEST

START_TEST(lines_above_the_level_are_dropped)
{
    char text[4096];
    int fd = divert_stderr();

    log_debug("x", "%s", "dropped");
    log_set_level(LOG_LEVEL_ERROR);
    log_warning("x", "%s", "dropped");
    read_log(fd, text, sizeof(text));
    ck_assert_str_eq(text, "");
}
END_TEST

START_TEST(a_hostile_value_stays_one_line_of_bounded_length)
{
    char text[8192], value[5000];
    int fd = divert_stderr();

    memset(value, 'x', sizeof(value) - 1);
    value[sizeof(value) - 1] = '\0';
    memcpy(value, "a\nerror fake\x1b[2J", 16);
    log_info("x", "v=%s", value);
    read_log(fd, text, sizeof(text));
    ck_assert_uint_le(strlen(text), 2048);
    ck_assert_ptr_eq(strchr(text, '\n'), text + strlen(text) - 1);
    ck_assert_ptr_null(strchr(text, '\x1b'));
}
END_TEST

START_TEST(a_value_forges_no_field)
{
    char text[4096];
    int fd = divert_stderr();

    unsetenv("JOURNAL_STREAM");
    log_info("x", "name=%s uid=%u", "a verdict=leak", 7U);
    read_log(fd, text, sizeof(text));
    ck_assert_str_eq(text, "info x name=\"a verdict=leak\" uid=7\n");
    log_info("x", "name=%s reason=\"%s\" end", "a\" b=\"c", "d\" e=\"f\\");
    read_log(fd, text, sizeof(text));
    ck_assert_str_eq(text, "info x name=\"a\\\" b=\\\"c\" reason=\"d\\\" e=\\\"f\\\\\" end\n");
    log_info("x", "name=%s unit=%s.", "", "a.service");
    read_log(fd, text, sizeof(text));
    ck_assert_str_eq(text, "info x name=\"\" unit=a.service.\n");
}
END_TEST

START_TEST(a_value_moves_no_cursor_and_turns_no_line_round)
{
    char text[4096];
    int fd = divert_stderr();

    unsetenv("JOURNAL_STREAM");
    log_info("x", "a=%s b=%s c=%s d=%s", "1\x1b[2J",
             "2\xc2\x9b"
             "2J",
             "3\xe2\x80\xae"
             "4\xe2\x81\xa6",
             "é\xe2\x82\xac");
    read_log(fd, text, sizeof(text));
    ck_assert_str_eq(text, "info x a=\"1?[2J\" b=\"2?2J\" c=\"3?4?\" d=é\xe2\x82\xac\n");
}
END_TEST

START_TEST(a_line_that_is_cut_closes_its_quotes)
{
    static const char *const formats[] = {"v=%s w=%s x=\"%s\"", "v=\"%s\" w=%s x=\"%s\""};
    char text[8192], value[5000];
    int fd = divert_stderr();

    for (size_t skew = 0; skew < 4; skew++) {
        for (size_t i = 0; i < 2; i++) {
            memset(value, '"', sizeof(value) - 1);
            memset(value, 'x', skew);
            value[sizeof(value) - 1] = '\0';
            log_event(LOG_LEVEL_INFO, "x", formats[i], value, value, value);
            read_log(fd, text, sizeof(text));
            ck_assert_uint_le(strlen(text), 2048);
            ck_assert_uint_ge(strlen(text), 2045);
            ck_assert_str_eq(text + strlen(text) - 4, "\\\"\"\n");
        }
    }
}
END_TEST

START_TEST(numbers_are_written_as_printf_writes_them)
{
    char text[4096];
    int fd = divert_stderr();

    unsetenv("JOURNAL_STREAM");
    log_info("x", "%d %ld %lld %u %lu %llu %zu %.2s 100%%", INT_MIN, LONG_MIN, LLONG_MIN, UINT_MAX,
             ULONG_MAX, ULLONG_MAX, SIZE_MAX, "abc");
    read_log(fd, text, sizeof(text));
    ck_assert_str_eq(text, "info x -2147483648 -9223372036854775808 -9223372036854775808 "
                           "4294967295 18446744073709551615 18446744073709551615 "
                           "18446744073709551615 ab 100%\n");
}
END_TEST

/* ---- notify -------------------------------------------------------------------------------- */

static int notify_socket(const char *name, size_t name_len)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);

    memcpy(address.sun_path, name, name_len);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + name_len)),
                     0);
    return fd;
}

START_TEST(readiness_goes_to_a_path_and_to_an_abstract_name)
{
    char path[64], name[64], text[64] = "";
    int fd;

    snprintf(path, sizeof(path), "/tmp/leakd-test-notify-%d", (int)getpid());
    fd = notify_socket(path, strlen(path) + 1);
    setenv("NOTIFY_SOCKET", path, 1);
    ck_assert_int_eq(notify_send("READY=1\nSTATUS=x"), 0);
    ck_assert_int_eq(recv(fd, text, sizeof(text) - 1, 0), 16);
    ck_assert_str_eq(text, "READY=1\nSTATUS=x");
    close(fd);
    unlink(path);
    snprintf(name, sizeof(name), "@leakd-test-%d", (int)getpid());
    setenv("NOTIFY_SOCKET", name, 1);
    name[0] = '\0';
    fd = notify_socket(name, 1 + strlen(name + 1));
    ck_assert_int_eq(notify_send("WATCHDOG=1"), 0);
    ck_assert_int_eq(recv(fd, text, sizeof(text) - 1, 0), 10);
    close(fd);
}
END_TEST

START_TEST(without_systemd_nothing_is_sent)
{
    unsetenv("NOTIFY_SOCKET");
    ck_assert_int_eq(notify_send("READY=1"), 0);
    setenv("NOTIFY_SOCKET", "relative", 1);
    ck_assert_int_eq(notify_send("READY=1"), -EINVAL);
    setenv("NOTIFY_SOCKET", "/nonexistent/x", 1);
    ck_assert_int_eq(notify_send("READY=1"), -ENOENT);
}
END_TEST

START_TEST(the_watchdog_is_half_of_what_is_asked_and_only_ours)
{
    char pid[32];

    unsetenv("WATCHDOG_PID");
    setenv("WATCHDOG_USEC", "30000000", 1);
    ck_assert_uint_eq(notify_watchdog_ms(), 15000);
    snprintf(pid, sizeof(pid), "%d", (int)getpid());
    setenv("WATCHDOG_PID", pid, 1);
    ck_assert_uint_eq(notify_watchdog_ms(), 15000);
    setenv("WATCHDOG_PID", "1", 1);
    ck_assert_uint_eq(notify_watchdog_ms(), 0);
    unsetenv("WATCHDOG_PID");
    setenv("WATCHDOG_USEC", "soon", 1);
    ck_assert_uint_eq(notify_watchdog_ms(), 0);
    unsetenv("WATCHDOG_USEC");
    ck_assert_uint_eq(notify_watchdog_ms(), 0);
}
END_TEST

static void add_cases(TCase *tcase, const TTest *const *cases, size_t count)
{
    for (size_t i = 0; i < count; i++)
        tcase_add_test(tcase, cases[i]);
}

int main(void)
{
    const TTest *const written[] = {
        nesting_and_commas_are_kept,      integers_are_exact,
        doubles_are_numbers_or_null,      strings_leave_safe_for_a_page,
        keys_are_escaped_as_well,         bytes_that_are_no_utf8_are_replaced,
        a_nul_within_a_string_is_written,
    };
    const TTest *const others[] = {
        a_buffer_grows_to_its_ceiling_and_not_beyond,
        a_put_that_does_not_fit_changes_nothing,
        consume_drops_from_the_front,
        take_hands_the_memory_over,
        values_are_found_and_wrong_types_are_not,
        a_mistake_is_an_error_with_its_place,
        depth_has_a_limit_but_brackets_in_strings_do_not_count,
        too_much_json_is_refused,
        a_map_finds_replaces_and_gives_back,
        numbers_and_strings_are_keys_of_their_own,
        a_line_says_level_event_and_values,
        lines_above_the_level_are_dropped,
        a_hostile_value_stays_one_line_of_bounded_length,
        a_value_forges_no_field,
        a_value_moves_no_cursor_and_turns_no_line_round,
        a_line_that_is_cut_closes_its_quotes,
        numbers_are_written_as_printf_writes_them,
        readiness_goes_to_a_path_and_to_an_abstract_name,
        without_systemd_nothing_is_sent,
        the_watchdog_is_half_of_what_is_asked_and_only_ours,
    };
    Suite *suite = suite_create("base_text");
    TCase *json_case = tcase_create("json");
    TCase *other_case = tcase_create("others");

    tcase_add_checked_fixture(json_case, make_json, free_json);
    add_cases(json_case, written, sizeof(written) / sizeof(written[0]));
    add_cases(other_case, others, sizeof(others) / sizeof(others[0]));
    suite_add_tcase(suite, json_case);
    suite_add_tcase(suite, other_case);
    return suite_end(suite);
}
