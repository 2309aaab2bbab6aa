/* SPDX-License-Identifier: MIT */
/* Targets and parameters, without a socket. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/http/param.h"
#include "daemon/http/target.h"
#include "tests/unit/suite.h"

static struct target target;
static const char *why;

static int parse(const char *raw)
{
    return target_parse(raw, strlen(raw), &target, &why);
}

START_TEST(path_and_query_are_taken_apart)
{
    ck_assert_int_eq(parse("/a/b?x=1&y=two%20words&z&w=a+b=c"), 0);
    ck_assert_str_eq(target.path, "/a/b");
    ck_assert_uint_eq(target.param_count, 4);
    ck_assert_str_eq(target_param(&target, "x"), "1");
    ck_assert_str_eq(target_param(&target, "y"), "two words");
    ck_assert_str_eq(target_param(&target, "z"), "");
    ck_assert_str_eq(target_param(&target, "w"), "a b=c");
    ck_assert_ptr_null(target_param(&target, "v"));
}
END_TEST

START_TEST(empty_parameters_are_none)
{
    ck_assert_int_eq(parse("/?"), 0);
    ck_assert_uint_eq(target.param_count, 0);
    ck_assert_int_eq(parse("/?&&a=1&"), 0);
    ck_assert_uint_eq(target.param_count, 1);
}
END_TEST

START_TEST(an_encoded_slash_is_no_slash)
{
    ck_assert_int_eq(parse("/a%2Fb/%2e%2E/%41"), 0);
    ck_assert_str_eq(target.path, "/a%2Fb/../A");
    ck_assert_int_eq(parse("/?a=%2f"), 0);
    ck_assert_str_eq(target_param(&target, "a"), "/");
}
END_TEST

START_TEST(what_was_decoded_is_not_decoded_again)
{
    ck_assert_int_eq(parse("/%2541?a=%2541&b=%26c%3D"), 0);
    ck_assert_str_eq(target.path, "/%41");
    ck_assert_str_eq(target_param(&target, "a"), "%41");
    ck_assert_str_eq(target_param(&target, "b"), "&c=");
    ck_assert_uint_eq(target.param_count, 2);
}
END_TEST

START_TEST(nonsense_is_refused)
{
    static const char *const bad[] = {"",       "a",     "*",        "http://x/", "/%",
                                      "/%4",    "/%zz",  "/%00",     "/%0a",      "/%7f",
                                      "/a\tb",  "/?a=%", "/?a=%0d",  "/?a=1&a=2", "/?%61&a",
                                      "/?a=%4", "/?%=1", "/?a\x01=1"};

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        why = NULL;
        ck_assert_msg(parse(bad[i]) == -EINVAL, "%s", bad[i]);
        ck_assert_ptr_nonnull(why);
    }
    ck_assert_int_eq(target_parse("/a\0b", 4, &target, &why), -EINVAL);
    ck_assert_int_eq(parse("/?a&b&c&d&e&f&g&h&i&j&k&l&m&n&o&p"), 0);
    ck_assert_int_eq(parse("/?a&b&c&d&e&f&g&h&i&j&k&l&m&n&o&p&q"), -E2BIG);
}
END_TEST

START_TEST(a_target_may_have_4096_bytes)
{
    char *raw = malloc(4098);

    memset(raw, 'a', 4098);
    raw[0] = '/';
    ck_assert_int_eq(target_parse(raw, 4096, &target, &why), 0);
    ck_assert_uint_eq(strlen(target.path), 4096);
    ck_assert_int_eq(target_parse(raw, 4097, &target, &why), -E2BIG);
    free(raw);
}
END_TEST

/* ---- parameters ---------------------------------------------------------------------------------
 */

static struct http_reply reply;

static bool read_time(const char *raw, uint64_t *out)
{
    struct http_request request = {.target = &target};
    bool ok;

    ck_assert_int_eq(parse(raw), 0);
    reply_init(&reply);
    ok = param_time_ms(&request, &reply, "t", 42, out);
    ck_assert_uint_eq(reply.status, ok ? 200 : 400);
    reply_done(&reply);
    return ok;
}

START_TEST(times_are_milliseconds_or_rfc_3339)
{
    static const struct {
        const char *raw;
        uint64_t ms;
    } good[] = {{"/", 42},
                {"/?t=0", 0},
                {"/?t=1700000000123", 1700000000123},
                {"/?t=1970-01-01T00:00:00Z", 0},
                {"/?t=2000-02-29T12:34:56.789Z", 951827696789},
                {"/?t=2000-02-29t12:34:56.7891234z", 951827696789},
                {"/?t=2026-11-22T09:00:00%2B01:30", 1795332600000},
                {"/?t=2026-11-22T09:00:00+01:30", 1795332600000},
                {"/?t=2026-11-22T06:00:00-01:30", 1795332600000},
                {"/?t=9999-12-31T23:59:59.999Z", 253402300799999}};
    static const char *const bad[] = {"/?t=",
                                      "/?t=-1",
                                      "/?t=253402300800000",
                                      "/?t=99999999999999999999",
                                      "/?t=2026-11-22",
                                      "/?t=2026-11-22T09:00:00",
                                      "/?t=2026-11-22T24:00:00Z",
                                      "/?t=2026-00-22T09:00:00Z",
                                      "/?t=2026-11-22T09:00:00Zx",
                                      "/?t=1969-12-31T23:59:59Z",
                                      "/?t=1970-01-01T00:00:00%2B00:01",
                                      "/?t=2026-11-22T09:60:00Z",
                                      "/?t=0x10",
                                      "/?t=%201"};
    uint64_t ms;

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        ck_assert_msg(read_time(good[i].raw, &ms), "%s", good[i].raw);
        ck_assert_msg(ms == good[i].ms, "%s is %llu", good[i].raw, (unsigned long long)ms);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ck_assert_msg(!read_time(bad[i], &ms), "%s", bad[i]);
}
END_TEST

static bool read_span(const char *raw, uint64_t *out)
{
    struct http_request request = {.target = &target};
    bool ok;

    ck_assert_int_eq(parse(raw), 0);
    reply_init(&reply);
    ok = param_span_ms(&request, &reply, "s", 7, out);
    reply_done(&reply);
    return ok;
}

START_TEST(spans_have_units)
{
    uint64_t ms;

    ck_assert(read_span("/", &ms) && ms == 7);
    ck_assert(read_span("/?s=250", &ms) && ms == 250);
    ck_assert(read_span("/?s=250ms", &ms) && ms == 250);
    ck_assert(read_span("/?s=10s", &ms) && ms == 10000);
    ck_assert(read_span("/?s=5m", &ms) && ms == 300000);
    ck_assert(read_span("/?s=2h", &ms) && ms == 7200000);
    ck_assert(!read_span("/?s=2w", &ms));
    ck_assert(!read_span("/?s=0", &ms));
    ck_assert(!read_span("/?s=9999999h", &ms));
    ck_assert(!read_span("/?s=18446744073709551615h", &ms));
    ck_assert(!read_span("/?s=s", &ms));
}
END_TEST

START_TEST(a_cursor_is_what_was_given)
{
    struct http_request request = {.target = &target};
    struct cursor cursor;

    reply_init(&reply);
    ck_assert_int_eq(parse("/?cursor=123.4711-99"), 0);
    ck_assert(param_cursor(&request, &reply, &cursor));
    ck_assert(cursor.is_set);
    ck_assert_uint_eq(cursor.time_ms, 123);
    ck_assert_str_eq(cursor.id, "4711-99");
    ck_assert_int_eq(parse("/?cursor=123."), 0);
    ck_assert(!param_cursor(&request, &reply, &cursor));
    ck_assert_int_eq(parse("/?cursor=1.0123456789012345678901234567890123456789"), 0);
    ck_assert(!param_cursor(&request, &reply, &cursor));
    reply_done(&reply);
}
END_TEST

SUITE_MAIN("http_target", path_and_query_are_taken_apart, empty_parameters_are_none,
           an_encoded_slash_is_no_slash, what_was_decoded_is_not_decoded_again, nonsense_is_refused,
           a_target_may_have_4096_bytes, times_are_milliseconds_or_rfc_3339, spans_have_units,
           a_cursor_is_what_was_given)
