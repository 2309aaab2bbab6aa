/* SPDX-License-Identifier: MIT */
/* What alert decides and writes, without a loop and with invented time. */
#include "daemon/alert/alert.h"

#include <check.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/alert/kind.h"
#include "daemon/alert/outbox.h"
#include "daemon/alert/sign.h"
#include "daemon/base/buf.h"
#include "daemon/base/json.h"
#include "tests/unit/suite.h"

#define MINUTE UINT64_C(60000)
#define HOUR   (60 * MINUTE)

/* ---- signatures ---------------------------------------------------------------------------- */

#define VECTOR_SECRET "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define VECTOR_ID     "msg_p5jXN8AQM9LWM0D4loKWxJek"
#define VECTOR_BODY   "{\"test\": 2432232314}"

START_TEST(the_signature_is_the_one_of_standard_webhooks)
{
    char out[64];

    ck_assert_int_eq(
        alert_sign(VECTOR_SECRET, VECTOR_ID, 1614265330, VECTOR_BODY, 20, out, sizeof(out)), 0);
    ck_assert_str_eq(out, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    ck_assert_int_eq(alert_sign("whsec_" VECTOR_SECRET, VECTOR_ID, 1614265330, VECTOR_BODY, 20, out,
                                sizeof(out)),
                     0);
    ck_assert_str_eq(out, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}
END_TEST

START_TEST(every_part_is_signed)
{
    char one[64], other[64];

    ck_assert_int_eq(alert_sign(VECTOR_SECRET, "a", 1, "b", 1, one, sizeof(one)), 0);
    ck_assert_int_eq(alert_sign(VECTOR_SECRET, "A", 1, "b", 1, other, sizeof(other)), 0);
    ck_assert_str_ne(one, other);
    ck_assert_int_eq(alert_sign(VECTOR_SECRET, "a", 2, "b", 1, other, sizeof(other)), 0);
    ck_assert_str_ne(one, other);
    ck_assert_int_eq(alert_sign(VECTOR_SECRET, "a", 1, "c", 1, other, sizeof(other)), 0);
    ck_assert_str_ne(one, other);
}
END_TEST

START_TEST(what_is_no_key_signs_nothing)
{
    char out[64] = "untouched";

    ck_assert_int_eq(alert_sign("", "a", 1, "b", 1, out, sizeof(out)), -EINVAL);
    ck_assert_int_eq(alert_sign("whsec_", "a", 1, "b", 1, out, sizeof(out)), -EINVAL);
    ck_assert_int_eq(alert_sign("not base64 !", "a", 1, "b", 1, out, sizeof(out)), -EINVAL);
    ck_assert_int_eq(alert_sign("c2hvcnQ=", "a", 1, "b", 1, out, sizeof(out)), -EINVAL);
    ck_assert_str_eq(out, "untouched");
    ck_assert_int_eq(alert_sign(VECTOR_SECRET, "a", 1, "b", 1, out, 10), -ENOSPC);
}
END_TEST

START_TEST(ids_are_long_and_differ)
{
    char one[NOTICE_ID_SIZE], other[NOTICE_ID_SIZE];

    ck_assert_int_eq(sign_random_id(one), 0);
    ck_assert_int_eq(sign_random_id(other), 0);
    ck_assert_uint_eq(strlen(one), NOTICE_ID_SIZE - 1);
    ck_assert_int_eq(strncmp(one, "msg_", 4), 0);
    ck_assert_str_ne(one, other);
    ck_assert_ptr_null(strchr(one, '.')); /* the separator of the signed text */
}
END_TEST

START_TEST(headers_are_those_of_standard_webhooks)
{
    static struct conf_receiver receiver = {.secret_value = "whsec_" VECTOR_SECRET};
    static char body[] = VECTOR_BODY;
    const struct receiver_kind *kind = receiver_kind_find("webhook");
    struct outbox_item item = {.id = VECTOR_ID, .body = body, .body_len = 20};
    struct sending sending = {
        .receiver = &receiver, .items = &item, .count = 1, .now_wall_ms = 1614265330999};
    struct attempt attempt;

    ck_assert_ptr_nonnull(kind);
    attempt_init(&attempt);
    ck_assert_int_eq(kind->write(&sending, &attempt), 0);
    ck_assert_str_eq(attempt.body.data, VECTOR_BODY);
    ck_assert_uint_eq(attempt.count, 5);
    ck_assert_str_eq(attempt.headers[0], "content-type: application/json");
    ck_assert_int_eq(strncmp(attempt.headers[1], "user-agent: leakd/", 18), 0);
    ck_assert_str_eq(attempt.headers[2], "webhook-id: " VECTOR_ID);
    ck_assert_str_eq(attempt.headers[3], "webhook-timestamp: 1614265330");
    ck_assert_str_eq(attempt.headers[4],
                     "webhook-signature: v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    ck_assert_ptr_null(attempt.headers[5]);
    attempt_done(&attempt);
    receiver.secret_value[0] = '\0';
    attempt_init(&attempt);
    ck_assert_int_eq(kind->write(&sending, &attempt), 0);
    ck_assert_uint_eq(attempt.count, 4);
    attempt_done(&attempt);
}
END_TEST

START_TEST(unknown_kinds_are_not_found)
{
    ck_assert_ptr_null(receiver_kind_find("pager"));
    ck_assert_ptr_null(receiver_kind_find(""));
}
END_TEST

/* ---- policy -------------------------------------------------------------------------------- */

START_TEST(severity_and_resolution_decide_who_is_told)
{
    struct conf_receiver receiver = {.min_severity = SEVERITY_WARNING, .send_resolved = true};
    struct notice notice = {.event = NOTICE_OPENED, .severity = SEVERITY_INFO};

    ck_assert(!alert_wants(&receiver, &notice));
    notice.severity = SEVERITY_WARNING;
    ck_assert(alert_wants(&receiver, &notice));
    notice.event = NOTICE_RESOLVED;
    ck_assert(alert_wants(&receiver, &notice));
    receiver.send_resolved = false;
    ck_assert(!alert_wants(&receiver, &notice));
    notice.event = NOTICE_ESCALATED;
    notice.severity = SEVERITY_CRITICAL;
    ck_assert(alert_wants(&receiver, &notice));
    notice = (struct notice){.event = NOTICE_TEST, .severity = SEVERITY_INFO};
    ck_assert(alert_wants(&receiver, &notice));
}
END_TEST

START_TEST(who_has_said_that_he_knows_hears_of_the_end_alone)
{
    ck_assert(alert_may_tell("open", NOTICE_OPENED));
    ck_assert(alert_may_tell("open", NOTICE_ESCALATED));
    ck_assert(alert_may_tell("resolved", NOTICE_RESOLVED));
    ck_assert(!alert_may_tell("acknowledged", NOTICE_OPENED));
    ck_assert(!alert_may_tell("acknowledged", NOTICE_ESCALATED));
    ck_assert(!alert_may_tell("silenced", NOTICE_REOPENED));
    ck_assert(alert_may_tell("silenced", NOTICE_RESOLVED));
}
END_TEST

START_TEST(only_2xx_is_delivered)
{
    ck_assert_int_eq(alert_judge(0, 200), ALERT_DELIVERED);
    ck_assert_int_eq(alert_judge(0, 204), ALERT_DELIVERED);
    ck_assert_int_eq(alert_judge(0, 299), ALERT_DELIVERED);
    ck_assert_int_eq(alert_judge(0, 302), ALERT_RETRY);
    ck_assert_int_eq(alert_judge(0, 404), ALERT_RETRY);
    ck_assert_int_eq(alert_judge(0, 500), ALERT_RETRY);
    ck_assert_int_eq(alert_judge(0, 410), ALERT_STOP_RECEIVER);
    ck_assert_int_eq(alert_judge(-ETIMEDOUT, 0), ALERT_RETRY);
    ck_assert_int_eq(alert_judge(-ECONNRESET, 200), ALERT_RETRY);
}
END_TEST

START_TEST(the_schedule_is_quick_first_and_then_every_two_hours)
{
    static const uint64_t expected[] = {5000,     5 * MINUTE, 30 * MINUTE,
                                        2 * HOUR, 2 * HOUR,   2 * HOUR};

    for (unsigned attempt = 2; attempt < 8; attempt++) {
        uint64_t latest_ms = alert_retry_delay_ms(attempt, 0.999, 0);

        ck_assert_uint_eq(alert_retry_delay_ms(attempt, 0.0, 0), expected[attempt - 2]);
        ck_assert_uint_gt(latest_ms, expected[attempt - 2]);
        ck_assert_uint_le(latest_ms, expected[attempt - 2] * 6 / 5);
    }
}
END_TEST

START_TEST(retry_after_is_honoured_when_it_is_longer)
{
    ck_assert_uint_eq(alert_retry_delay_ms(2, 0.0, 60000), 60000);
    ck_assert_uint_eq(alert_retry_delay_ms(2, 0.0, 1000), 5000);
    ck_assert_uint_eq(alert_retry_delay_ms(2, 0.0, UINT64_MAX), ALERT_AGE_MAX_MS);
}
END_TEST

/* ---- outbox -------------------------------------------------------------------------------- */

static struct outbox outbox;

static struct outbox_item *put_item;

static void put(const char *incident, uint64_t now_ms)
{
    struct notice notice = {.event = NOTICE_OPENED, .incident_id = incident};

    ck_assert_int_eq(outbox_put(&outbox, &notice, strdup("{}"), 2, now_ms, &put_item), 0);
}

static void empty_outbox(void)
{
    outbox_done(&outbox);
}

static void fail_at(uint64_t now_ms, enum outbox_fate expected)
{
    ck_assert_ptr_nonnull(outbox_begin(&outbox, now_ms));
    ck_assert_int_eq(outbox_end(&outbox, ALERT_RETRY, 0, now_ms, 0.0), expected);
}

START_TEST(notices_go_out_in_order_one_at_a_time)
{
    struct outbox_item *item;

    put("a", 1000);
    put("b", 1000);
    item = outbox_begin(&outbox, 1000);
    ck_assert_str_eq(item->incident_id, "a");
    ck_assert_ptr_null(outbox_begin(&outbox, 1000));
    ck_assert_uint_eq(outbox_due_ms(&outbox), UINT64_MAX);
    ck_assert_int_eq(outbox_end(&outbox, ALERT_DELIVERED, 0, 1100, 0.0), OUTBOX_DONE);
    outbox_item_free(list_take(&outbox.queue));
    item = outbox_begin(&outbox, 1100);
    ck_assert_str_eq(item->incident_id, "b");
    ck_assert_uint_eq(outbox.queue.count, 1);
}
END_TEST

START_TEST(a_failed_notice_keeps_its_id_and_waits)
{
    char id[NOTICE_ID_SIZE];

    put("a", 1000);
    snprintf(id, sizeof(id), "%s", outbox.queue.head->id);
    fail_at(1000, OUTBOX_WAITS);
    ck_assert_uint_eq(outbox_due_ms(&outbox), 6000);
    ck_assert_ptr_null(outbox_begin(&outbox, 5999));
    fail_at(6000, OUTBOX_WAITS);
    ck_assert_uint_eq(outbox_due_ms(&outbox), 6000 + 5 * MINUTE);
    ck_assert_str_eq(outbox.queue.head->id, id);
    ck_assert_uint_eq(outbox.queue.head->attempts, 2);
}
END_TEST

START_TEST(the_first_attempt_after_a_day_is_the_last)
{
    uint64_t now_ms = 1000;

    put("a", now_ms);
    while (now_ms < 1000 + ALERT_AGE_MAX_MS) {
        fail_at(now_ms, OUTBOX_WAITS);
        now_ms = outbox_due_ms(&outbox);
    }
    fail_at(now_ms, OUTBOX_GIVEN_UP);
    ck_assert_uint_eq(outbox.queue.head->attempts, 16);
    ck_assert_uint_le(now_ms, 1000 + ALERT_AGE_MAX_MS + 2 * HOUR);
}
END_TEST

START_TEST(a_new_notice_brings_the_next_try_forward)
{
    put("a", 0);
    fail_at(0, OUTBOX_WAITS);
    fail_at(5000, OUTBOX_WAITS);
    ck_assert_uint_eq(outbox_due_ms(&outbox), 5000 + 5 * MINUTE);
    put("b", 20000);
    ck_assert_uint_eq(outbox_due_ms(&outbox), 5000 + OUTBOX_EARLY_MS);
    fail_at(5000 + OUTBOX_EARLY_MS, OUTBOX_WAITS);
    /* The early try did not use up the schedule. */
    ck_assert_uint_eq(outbox_due_ms(&outbox), 5000 + 5 * MINUTE);
    fail_at(5000 + 5 * MINUTE, OUTBOX_WAITS);
    ck_assert_uint_eq(outbox_due_ms(&outbox), 5000 + 35 * MINUTE);
}
END_TEST

START_TEST(a_notice_put_in_flight_does_not_hurry_the_retry)
{
    put("a", 100000000);
    ck_assert_ptr_nonnull(outbox_begin(&outbox, 100000000));
    put("b", 100000001);
    ck_assert_int_eq(outbox_end(&outbox, ALERT_RETRY, 0, 100000100, 0.0), OUTBOX_WAITS);
    ck_assert_uint_eq(outbox_due_ms(&outbox), 100005100);
}
END_TEST

START_TEST(retry_after_holds_also_new_notices)
{
    put("a", 0);
    ck_assert_ptr_nonnull(outbox_begin(&outbox, 0));
    ck_assert_int_eq(outbox_end(&outbox, ALERT_RETRY, 10 * MINUTE, 0, 0.0), OUTBOX_WAITS);
    put("b", 1000);
    ck_assert_uint_eq(outbox_due_ms(&outbox), 10 * MINUTE);
    ck_assert_ptr_nonnull(outbox_begin(&outbox, 10 * MINUTE));
    ck_assert_int_eq(outbox_end(&outbox, ALERT_DELIVERED, 0, 10 * MINUTE, 0.0), OUTBOX_DONE);
    outbox_item_free(list_take(&outbox.queue));
    ck_assert_uint_le(outbox_due_ms(&outbox), 10 * MINUTE);
}
END_TEST

START_TEST(what_waited_a_day_behind_another_gets_one_try)
{
    put("a", 0);
    put("b", 0);
    ck_assert_ptr_nonnull(outbox_begin(&outbox, 0));
    ck_assert_int_eq(outbox_end(&outbox, ALERT_DELIVERED, 0, 0, 0.0), OUTBOX_DONE);
    outbox_item_free(list_take(&outbox.queue));
    fail_at(ALERT_AGE_MAX_MS, OUTBOX_GIVEN_UP);
}
END_TEST

START_TEST(a_410_gives_up)
{
    put("a", 0);
    ck_assert_ptr_nonnull(outbox_begin(&outbox, 0));
    ck_assert_int_eq(outbox_end(&outbox, ALERT_STOP_RECEIVER, 0, 0, 0.0), OUTBOX_GIVEN_UP);
}
END_TEST

/* ---- body ---------------------------------------------------------------------------------- */

static struct notice sample(void)
{
    struct notice notice = {
        .event = NOTICE_OPENED,
        .severity = SEVERITY_CRITICAL,
        .event_wall_ms = UINT64_C(1795338960123), /* 2026-11-22T09:16:00.123Z */
        .incident_id = "i1",
        .fingerprint = "f1",
        .state = "open",
        .verdict = "leak",
        .summary = "orders grows <fast> & \"steadily\"",
        .opened_wall_ms = UINT64_C(1795338900000),
        .process_id = "p1",
        .process_name = "orders",
        .process_count = 3,
        .unit = "orders.service",
        .exe = "/usr/bin/python3.11",
        .pid = 42,
        .live_bytes = UINT64_C(9007199254740993), /* 2^53 + 1 */
        .rss_bytes = 5,
        .growth = {.known = true, .estimate = 1024.5, .lower = 1000, .upper = 1050},
        .time_to_limit = {.known = true, .estimate_s = 60, .lower_s = 50, .upper_s = INFINITY},
        .site_count = 1,
        .sites =
            {{.growth = {.known = true, .estimate = 1, .lower = 0.5, .upper = 2},
              .live_bytes = 7,
              .frame_count = 2,
              .frames = {{.function = "malloc", .module = "libc.so.6"},
                         {.function = "store", .file = "cache.py", .line = 88, .python = true}},
              .culprit = 1}},
        .type_count = 1,
        .types = {{.name = "app.Session", .live_bytes = 3, .live_count = 2}}};

    return notice;
}

static struct json_tree *body_of(const struct notice *notice, struct buf *out)
{
    char error[128] = "";
    struct json_tree *tree;

    buf_init(out, 1 << 20);
    alert_write_body(notice, "http://127.0.0.1:7373/i/i1", out);
    ck_assert(!out->failed);
    tree = json_parse(out->data, out->len, error, sizeof(error));
    ck_assert_msg(tree != NULL, "%s", error);
    return tree;
}

START_TEST(the_body_has_the_shape_that_is_promised)
{
    struct notice notice = sample();
    struct buf out;
    struct json_tree *tree = body_of(&notice, &out);
    const struct json_tree *data = json_get(tree, "data");
    const struct json_tree *site = json_at(json_get(data, "sites"), 0);
    const struct json_tree *culprit = json_get(site, "culprit");

    ck_assert_str_eq(json_get_str(tree, "type", ""), "leak.incident.opened");
    ck_assert_str_eq(json_get_str(tree, "timestamp", ""), "2026-11-22T09:16:00.123Z");
    ck_assert_str_eq(json_get_str(data, "incident_id", ""), "i1");
    ck_assert_str_eq(json_get_str(data, "severity", ""), "critical");
    ck_assert_str_eq(json_get_str(data, "summary", ""), "orders grows <fast> & \"steadily\"");
    ck_assert_str_eq(json_get_str(data, "link", ""), "http://127.0.0.1:7373/i/i1");
    ck_assert_double_eq(json_get_double(data, "opened_ms", 0), 1795338900000.0);
    ck_assert_str_eq(json_get_str(json_get(data, "process"), "unit", ""), "orders.service");
    ck_assert_double_eq(json_get_double(data, "process_count", 0), 3);
    ck_assert_double_eq(json_get_double(json_get(data, "growth_bytes_per_s"), "estimate", 0),
                        1024.5);
    ck_assert_double_eq(json_get_double(json_get(data, "time_to_limit_s"), "lower", 0), 50);
    ck_assert(json_is_null(json_get(json_get(data, "time_to_limit_s"), "upper")));
    ck_assert_str_eq(json_get_str(culprit, "function", ""), "store");
    ck_assert_double_eq(json_get_double(culprit, "line", 0), 88);
    ck_assert(json_is_null(json_get(culprit, "module")));
    ck_assert_uint_eq(json_len(json_get(site, "frames")), 2);
    ck_assert_str_eq(json_get_str(json_at(json_get(data, "types"), 0), "name", ""), "app.Session");
    ck_assert_ptr_nonnull(strstr(out.data, "\"live_bytes\":9007199254740993"));
    json_tree_free(tree);
    buf_done(&out);
}
END_TEST

START_TEST(what_is_unknown_is_null)
{
    struct notice notice = {.event = NOTICE_TEST, .site_count = 1, .sites = {{.culprit = 3}}};
    struct buf out;
    struct json_tree *tree = body_of(&notice, &out);
    const struct json_tree *data = json_get(tree, "data");

    ck_assert_str_eq(json_get_str(tree, "type", ""), "webhook.test");
    ck_assert(json_is_null(json_get(data, "incident_id")));
    ck_assert(json_is_null(json_get(data, "growth_bytes_per_s")));
    ck_assert(json_is_null(json_get(data, "time_to_limit_s")));
    ck_assert(json_is_null(json_get(json_at(json_get(data, "sites"), 0), "culprit")));
    json_tree_free(tree);
    buf_done(&out);
}
END_TEST

/* Three sites of sixteen frames and three types whose every name is long and hostile. */
static struct notice monster(const char *name)
{
    struct notice notice = sample();

    notice.summary = notice.fingerprint = notice.incident_id = notice.state = name;
    notice.verdict = notice.process_id = notice.process_name = notice.unit = notice.exe = name;
    notice.site_count = NOTICE_SITES_MAX;
    notice.type_count = NOTICE_TYPES_MAX;
    for (size_t i = 0; i < NOTICE_SITES_MAX; i++) {
        notice.sites[i].frame_count = NOTICE_FRAMES_MAX;
        notice.types[i].name = name;
        for (size_t j = 0; j < NOTICE_FRAMES_MAX; j++)
            notice.sites[i].frames[j] = (struct notice_frame){
                .function = name, .file = name, .module = name, .line = UINT32_MAX};
    }
    return notice;
}

START_TEST(the_body_stays_below_its_limit)
{
    char name[5000];
    struct notice notice = monster(name);
    struct buf out;

    for (size_t i = 0; i < sizeof(name) - 1; i++)
        name[i] = '\x01';
    name[sizeof(name) - 1] = '\0';
    json_tree_free(body_of(&notice, &out));
    ck_assert_uint_le(out.len, ALERT_BODY_MAX);
    ck_assert_uint_gt(out.len, 1000);
    buf_done(&out);
}
END_TEST

START_TEST(names_are_not_cut_within_a_character)
{
    char name[1000];
    struct notice notice = sample();
    struct buf out;

    for (size_t i = 0; i < sizeof(name) - 2; i += 2)
        memcpy(name + i, "\xc3\xa9", 2);
    memmove(name + 1, name, sizeof(name) - 2);
    name[0] = 'x';
    name[sizeof(name) - 1] = '\0';
    notice.summary = name;
    json_tree_free(body_of(&notice, &out));
    ck_assert_ptr_null(strstr(out.data, "\\ufffd"));
    buf_done(&out);
}
END_TEST

SUITE_MAIN_FIXTURE(
    "alert_pure", NULL, empty_outbox, the_signature_is_the_one_of_standard_webhooks,
    every_part_is_signed, what_is_no_key_signs_nothing, ids_are_long_and_differ,
    headers_are_those_of_standard_webhooks, unknown_kinds_are_not_found,
    severity_and_resolution_decide_who_is_told, who_has_said_that_he_knows_hears_of_the_end_alone,
    only_2xx_is_delivered, the_schedule_is_quick_first_and_then_every_two_hours,
    retry_after_is_honoured_when_it_is_longer, notices_go_out_in_order_one_at_a_time,
    a_failed_notice_keeps_its_id_and_waits, the_first_attempt_after_a_day_is_the_last,
    a_new_notice_brings_the_next_try_forward, a_notice_put_in_flight_does_not_hurry_the_retry,
    retry_after_holds_also_new_notices, what_waited_a_day_behind_another_gets_one_try,
    a_410_gives_up, the_body_has_the_shape_that_is_promised, what_is_unknown_is_null,
    the_body_stays_below_its_limit, names_are_not_cut_within_a_character)
