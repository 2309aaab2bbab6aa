/* SPDX-License-Identifier: MIT */
/* Who may read and who may change something. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/http/admit.h"
#include "daemon/http/listen.h"
#include "tests/unit/suite.h"

static unsigned host_status(const char *host, unsigned count)
{
    struct http_reply reply;
    unsigned status;

    reply_init(&reply);
    status = admit_host(host, count, 7373, "https://leakd.example.org/", &reply) ? 0 : reply.status;
    reply_done(&reply);
    return status;
}

START_TEST(a_page_under_another_name_is_not_answered)
{
    ck_assert_uint_eq(host_status("127.0.0.1:7373", 1), 0);
    ck_assert_uint_eq(host_status("leakd.example.org", 1), 0);
    ck_assert_uint_eq(host_status("evil.example.org:7373", 1), 421);
    ck_assert_uint_eq(host_status(NULL, 0), 421);
    ck_assert_uint_eq(host_status("127.0.0.1:7373", 2), 400);
}
END_TEST

START_TEST(an_origin_is_a_scheme_and_one_of_our_names)
{
    static const struct {
        const char *origin;
        bool is_ours;
    } cases[] = {{"http://127.0.0.1:7373", true},
                 {"http://localhost:7373", true},
                 {"http://[::1]:7373", true},
                 {"https://leakd.example.org", true},
                 {"HTTPS://LEAKD.example.org:8443", true},
                 {"http://localhost:8080", false},
                 {"http://leakd.example.org.evil.org", false},
                 {"https://evil.org/leakd.example.org", false},
                 {"leakd.example.org", false},
                 {"ftp://leakd.example.org", false},
                 {"null", false},
                 {"http://", false}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        ck_assert_msg(listen_origin_is_ours(cases[i].origin, 7373, "https://leakd.example.org/") ==
                          cases[i].is_ours,
                      "%s", cases[i].origin);
}
END_TEST

static unsigned change_status(bool has_foreign_origin, const char *site, const char *type)
{
    struct http_request request = {
        .fetch_site = site, .content_type = type, .has_foreign_origin = has_foreign_origin};
    struct http_reply reply;
    unsigned status;

    reply_init(&reply);
    status = admit_change(&request, &reply) ? 0 : reply.status;
    reply_done(&reply);
    return status;
}

START_TEST(a_page_of_another_origin_changes_nothing)
{
    ck_assert_uint_eq(change_status(false, "", "application/json"), 0);
    ck_assert_uint_eq(change_status(false, "same-origin", "application/json"), 0);
    ck_assert_uint_eq(change_status(false, "none", "application/json"), 0);
    ck_assert_uint_eq(change_status(true, "", "application/json"), 403);
    ck_assert_uint_eq(change_status(false, "cross-site", "application/json"), 403);
    ck_assert_uint_eq(change_status(false, "same-site", "application/json"), 403);
}
END_TEST

START_TEST(what_a_form_can_send_changes_nothing)
{
    ck_assert_uint_eq(change_status(false, "", "Application/JSON; charset=utf-8"), 0);
    ck_assert_uint_eq(change_status(false, "", ""), 415);
    ck_assert_uint_eq(change_status(false, "", "text/plain"), 415);
    ck_assert_uint_eq(change_status(false, "", "application/x-www-form-urlencoded"), 415);
    ck_assert_uint_eq(change_status(false, "", "multipart/form-data; boundary=x"), 415);
    ck_assert_uint_eq(change_status(false, "", "application/jsonp"), 415);
}
END_TEST

SUITE_MAIN("http_admit", a_page_under_another_name_is_not_answered,
           an_origin_is_a_scheme_and_one_of_our_names, a_page_of_another_origin_changes_nothing,
           what_a_form_can_send_changes_nothing)
