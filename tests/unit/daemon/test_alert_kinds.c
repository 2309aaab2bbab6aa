/* SPDX-License-Identifier: MIT */
/* What each type of receiver is sent, and what its answers mean. */
#include "daemon/alert/kind.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/json.h"
#include "tests/unit/suite.h"

#define WALL_MS UINT64_C(1795338960123) /* 2026-11-22T09:16:00.123Z */

static struct conf_receiver receiver;
static struct outbox_item items[4];
static size_t item_count;
static struct attempt attempt;
static struct json_tree *tree;

static struct notice sample(enum notice_event event)
{
    return (struct notice){
        .event = event,
        .severity = SEVERITY_CRITICAL,
        .event_wall_ms = WALL_MS,
        .incident_id = "i1",
        .fingerprint = "f1",
        .state = "open",
        .verdict = "leak",
        .summary = "orders grows <!channel> & \"steadily\"",
        .opened_wall_ms = WALL_MS - 60000,
        .process_id = "p1",
        .process_name = "orders",
        .unit = "orders.service",
        .exe = "/usr/bin/python3.11",
        .pid = 42,
        .live_bytes = 7,
        .rss_bytes = 5,
        .growth = {.known = true, .estimate = 2048, .lower = 1024, .upper = 3072},
        .site_count = 1,
        .sites =
            {{.frame_count = 1,
              .frames = {{.function = "store", .file = "cache.py", .line = 88, .python = true}},
              .culprit = 0}},
        .group_key = "orders.service/f1",
        .group_count = 1,
        .host = "web1"};
}

static void add(const struct notice *notice)
{
    struct outbox_item *item = &items[item_count++];
    struct buf body;

    buf_init(&body, 1 << 20);
    alert_write_body(notice, "http://127.0.0.1:7373/i/i1", &body);
    *item = (struct outbox_item){.event = notice->event, .event_wall_ms = notice->event_wall_ms};
    strcpy(item->id, "msg_1");
    strcpy(item->incident_id, notice->incident_id ? notice->incident_id : "");
    item->body = buf_take(&body, &item->body_len);
    if (item_count > 1)
        items[item_count - 2].next = item;
}

static int write_as(const char *type)
{
    const struct receiver_kind *kind = receiver_kind_find(type);
    struct sending sending = {.receiver = &receiver,
                              .items = items,
                              .count = item_count,
                              .now_wall_ms = WALL_MS + 1000,
                              .page = "http://127.0.0.1:7373"};
    char error[128] = "";
    int rc;

    ck_assert_ptr_nonnull(kind);
    attempt_init(&attempt);
    rc = kind->write(&sending, &attempt);
    if (rc == 0) {
        tree = json_parse(attempt.body.data, attempt.body.len, error, sizeof(error));
        ck_assert_msg(tree != NULL, "%s", error);
    }
    return rc;
}

static void write_event(const char *type, enum notice_event event)
{
    struct notice notice = sample(event);

    add(&notice);
    ck_assert_int_eq(write_as(type), 0);
}

static void begin(void)
{
    receiver = (struct conf_receiver){.min_severity = SEVERITY_INFO};
    item_count = 0;
    attempt_init(&attempt);
    tree = NULL;
}

static void end(void)
{
    json_tree_free(tree);
    attempt_done(&attempt);
    for (size_t i = 0; i < item_count; i++)
        free(items[i].body);
}

static bool has_header(const char *text)
{
    for (size_t i = 0; i < attempt.count; i++) {
        if (!strcmp(attempt.headers[i], text))
            return true;
    }
    return false;
}

/* ---- Standard Webhooks --------------------------------------------------------------------- */

START_TEST(while_keys_are_rotated_both_sign)
{
    struct notice notice = sample(NOTICE_OPENED);
    char one[64], other[64], both[160];

    add(&notice);
    strcpy(receiver.secret_value, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    strcpy(receiver.secret_old_value, "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    ck_assert_int_eq(write_as("webhook"), 0);
    alert_sign(receiver.secret_value, "msg_1", (WALL_MS + 1000) / 1000, items[0].body,
               items[0].body_len, one, sizeof(one));
    alert_sign(receiver.secret_old_value, "msg_1", (WALL_MS + 1000) / 1000, items[0].body,
               items[0].body_len, other, sizeof(other));
    snprintf(both, sizeof(both), "webhook-signature: %s %s", one, other);
    ck_assert_str_ne(one, other);
    ck_assert(has_header(both));
}
END_TEST

/* ---- Alertmanager -------------------------------------------------------------------------- */

START_TEST(an_open_alert_is_known_by_its_labels_and_ends_ahead)
{
    const struct json_tree *alert, *labels;

    write_event("alertmanager", NOTICE_OPENED);
    alert = json_at(tree, 0);
    labels = json_get(alert, "labels");
    ck_assert_uint_eq(json_len(tree), 1);
    ck_assert_str_eq(json_get_str(labels, "alertname", ""), "MemoryLeak");
    ck_assert_str_eq(json_get_str(labels, "severity", ""), "critical");
    ck_assert_str_eq(json_get_str(labels, "instance", ""), "web1");
    ck_assert_str_eq(json_get_str(labels, "unit", ""), "orders.service");
    ck_assert_str_eq(json_get_str(labels, "process", ""), "orders");
    ck_assert_str_eq(json_get_str(labels, "incident", ""), "i1");
    ck_assert_str_eq(json_get_str(labels, "fingerprint", ""), "f1");
    ck_assert_uint_eq(json_len(labels), 7); /* nothing that changes */
    ck_assert_str_eq(json_get_str(json_get(alert, "annotations"), "culprit", ""),
                     "cache.py:88 store()");
    ck_assert_str_eq(json_get_str(alert, "startsAt", ""), "2026-11-22T09:15:00.123Z");
    ck_assert_str_eq(json_get_str(alert, "endsAt", ""), "2026-11-22T09:20:01.123Z");
    ck_assert_str_eq(json_get_str(alert, "generatorURL", ""), "http://127.0.0.1:7373/i/i1");
    ck_assert_str_eq(attempt.path, "/api/v2/alerts");
}
END_TEST

START_TEST(the_end_of_an_alert_is_when_it_was)
{
    write_event("alertmanager", NOTICE_RESOLVED);
    ck_assert_str_eq(json_get_str(json_at(tree, 0), "endsAt", ""), "2026-11-22T09:16:00.123Z");
}
END_TEST

START_TEST(what_stands_is_told_in_one_request)
{
    struct notice notice = sample(NOTICE_OPENED);

    add(&notice);
    notice.event = NOTICE_STORAGE_DEGRADED;
    notice.incident_id = notice.unit = notice.process_name = notice.fingerprint = NULL;
    notice.opened_wall_ms = 0;
    add(&notice);
    ck_assert_int_eq(write_as("alertmanager"), 0);
    ck_assert_uint_eq(json_len(tree), 2);
    ck_assert_str_eq(json_get_str(json_get(json_at(tree, 1), "labels"), "alertname", ""),
                     "LeakdStorageDegraded");
    ck_assert_uint_eq(json_len(json_get(json_at(tree, 1), "labels")), 3); /* empty ones are none */
    ck_assert_str_eq(json_get_str(json_at(tree, 1), "startsAt", ""), "2026-11-22T09:16:00.123Z");
}
END_TEST

START_TEST(an_alert_never_ends_before_it_starts)
{
    struct notice notice = sample(NOTICE_RESOLVED);

    notice.opened_wall_ms = WALL_MS + 5000; /* the clock was set back */
    add(&notice);
    ck_assert_int_eq(write_as("alertmanager"), 0);
    ck_assert_str_eq(json_get_str(json_at(tree, 0), "startsAt", ""), "2026-11-22T09:16:00.123Z");
    ck_assert_str_eq(json_get_str(json_at(tree, 0), "endsAt", ""), "2026-11-22T09:16:00.124Z");
}
END_TEST

START_TEST(a_login_is_basic_and_a_token_is_a_bearers)
{
    strcpy(receiver.secret_value, "user:word");
    write_event("alertmanager", NOTICE_OPENED);
    ck_assert(has_header("authorization: Basic dXNlcjp3b3Jk"));
    attempt_done(&attempt);
    json_tree_free(tree);
    strcpy(receiver.secret_value, "tok");
    ck_assert_int_eq(write_as("alertmanager"), 0);
    ck_assert(has_header("authorization: Bearer tok"));
}
END_TEST

/* ---- Slack --------------------------------------------------------------------------------- */

static const struct json_tree *block(size_t index)
{
    return json_at(json_get(tree, "blocks"), index);
}

START_TEST(slack_gets_text_and_blocks_and_no_markup_of_a_program)
{
    const char *text;

    strcpy(receiver.secret_value, "https://hooks.slack.com/services/T/B/x");
    write_event("slack", NOTICE_OPENED);
    text = json_get_str(tree, "text", "");
    ck_assert_str_eq(text, "Memory leak: orders: orders grows &lt;!channel&gt; &amp; \"steadily\"");
    ck_assert_str_eq(json_get_str(block(0), "type", ""), "header");
    ck_assert_str_eq(json_get_str(json_get(block(0), "text"), "type", ""), "plain_text");
    ck_assert_str_eq(json_get_str(json_get(block(0), "text"), "text", ""), "Memory leak: orders");
    ck_assert_str_eq(json_get_str(json_get(block(1), "text"), "text", ""),
                     "orders grows &lt;!channel&gt; &amp; \"steadily\"");
    ck_assert_uint_eq(json_len(json_get(block(2), "fields")), 5);
    ck_assert_str_eq(json_get_str(json_get(block(3), "text"), "text", ""),
                     "<http://127.0.0.1:7373/i/i1|What leakd knows>");
    ck_assert_str_eq(attempt.url, "https://hooks.slack.com/services/T/B/x");
    ck_assert_ptr_null(strstr(attempt.body.data, "hooks.slack.com"));
}
END_TEST

static size_t longest_text(const struct json_tree *value)
{
    const char *own = json_text(value, "");
    size_t longest = strlen(own);

    for (size_t i = 0; !*own && i < json_len(value); i++) {
        size_t len = longest_text(json_at(value, i));

        longest = len > longest ? len : longest;
    }
    return longest;
}

/* Slack counts characters of the decoded text. */
static void check_slack_limits(void)
{
    const struct json_tree *blocks = json_get(tree, "blocks");
    size_t sum = strlen(json_get_str(tree, "text", ""));

    ck_assert_uint_gt(sum, 0);
    ck_assert_uint_le(sum, 3000);
    ck_assert_uint_le(json_len(blocks), 50);
    for (size_t i = 0; i < json_len(blocks); i++) {
        const struct json_tree *at = json_at(blocks, i);
        const struct json_tree *fields = json_get(at, "fields");
        size_t len = strlen(json_get_str(json_get(at, "text"), "text", ""));

        sum += len;
        ck_assert_uint_le(len, strcmp(json_get_str(at, "type", ""), "header") == 0 ? 150 : 3000);
        ck_assert_uint_le(json_len(fields), 10);
        for (size_t j = 0; j < json_len(fields); j++) {
            len = strlen(json_get_str(json_at(fields, j), "text", ""));
            sum += len;
            ck_assert_uint_gt(len, 0);
            ck_assert_uint_le(len, 2000);
        }
    }
    ck_assert_uint_lt(sum, 10000);
}

static const char *const hostile[] = {"&&&&&&&&&&&&", "<!here>",  "\xc3\xa9\xc3\xa9\xc3\xa9",
                                      "\x01\x02",     "\"\\\"\\", "*_~`"};

static void hostile_notice(const char *pattern, struct notice *out, char *name, size_t size)
{
    size_t len = 0;

    while (len + strlen(pattern) < size) {
        memcpy(name + len, pattern, strlen(pattern));
        len += strlen(pattern);
    }
    name[len] = '\0';
    out->summary = out->process_name = out->unit = out->host = out->exe = name;
    out->group_key = out->fingerprint = name;
    out->sites[0].frames[0].function = out->sites[0].frames[0].file = name;
}

START_TEST(slacks_limits_hold_for_hostile_names)
{
    char name[5000];
    struct notice notice = sample(NOTICE_OPENED);

    hostile_notice(hostile[_i], &notice, name, sizeof(name));
    add(&notice);
    ck_assert_int_eq(write_as("slack"), 0);
    check_slack_limits();
    ck_assert_uint_gt(longest_text(block(0)), 0);
    ck_assert_ptr_null(strstr(json_get_str(tree, "text", ""), "<!"));
}
END_TEST

/* ---- PagerDuty ----------------------------------------------------------------------------- */

START_TEST(pagerduty_is_triggered_with_what_it_needs)
{
    const struct json_tree *payload;

    strcpy(receiver.secret_value, "0123456789abcdef0123456789abcdef");
    write_event("pagerduty", NOTICE_OPENED);
    payload = json_get(tree, "payload");
    ck_assert_str_eq(json_get_str(tree, "routing_key", ""), receiver.secret_value);
    ck_assert_str_eq(json_get_str(tree, "event_action", ""), "trigger");
    ck_assert_str_eq(json_get_str(tree, "dedup_key", ""), "leakd/web1/orders.service/f1");
    ck_assert_str_eq(json_get_str(tree, "client", ""), "leakd");
    ck_assert_str_eq(json_get_str(tree, "client_url", ""), "http://127.0.0.1:7373");
    ck_assert_str_eq(json_get_str(json_at(json_get(tree, "links"), 0), "href", ""),
                     "http://127.0.0.1:7373/i/i1");
    ck_assert_str_eq(json_get_str(payload, "summary", ""),
                     "orders: orders grows <!channel> & \"steadily\"");
    ck_assert_str_eq(json_get_str(payload, "source", ""), "web1");
    ck_assert_str_eq(json_get_str(payload, "severity", ""), "critical");
    ck_assert_str_eq(json_get_str(payload, "timestamp", ""), "2026-11-22T09:16:00.123Z");
    ck_assert_str_eq(json_get_str(payload, "component", ""), "orders");
    ck_assert_str_eq(json_get_str(payload, "group", ""), "orders.service");
    ck_assert_str_eq(attempt.url, "https://events.pagerduty.com/v2/enqueue");
}
END_TEST

START_TEST(the_end_has_the_key_of_the_beginning)
{
    static const struct {
        enum notice_event event;
        const char *action;
    } cases[] = {{NOTICE_OPENED, "trigger"},           {NOTICE_ESCALATED, "trigger"},
                 {NOTICE_REOPENED, "trigger"},         {NOTICE_GROUPED, "trigger"},
                 {NOTICE_ACKNOWLEDGED, "acknowledge"}, {NOTICE_RESOLVED, "resolve"}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        begin();
        write_event("pagerduty", cases[i].event);
        ck_assert_str_eq(json_get_str(tree, "event_action", ""), cases[i].action);
        ck_assert_str_eq(json_get_str(tree, "dedup_key", ""), "leakd/web1/orders.service/f1");
        if (i + 1 < sizeof(cases) / sizeof(cases[0]))
            end();
    }
}
END_TEST

START_TEST(leakds_own_troubles_have_keys_of_their_own)
{
    struct notice notice = {.event = NOTICE_STORAGE_RECOVERED, .summary = "x", .host = "web1"};

    add(&notice);
    ck_assert_int_eq(write_as("pagerduty"), 0);
    ck_assert_str_eq(json_get_str(tree, "dedup_key", ""), "leakd/web1/storage");
    ck_assert_str_eq(json_get_str(tree, "event_action", ""), "resolve");
}
END_TEST

START_TEST(pagerdutys_limits_hold_for_hostile_names)
{
    char name[5000];
    struct notice notice = sample(NOTICE_OPENED);
    const struct json_tree *payload;

    hostile_notice(hostile[_i], &notice, name, sizeof(name));
    add(&notice);
    ck_assert_int_eq(write_as("pagerduty"), 0);
    payload = json_get(tree, "payload");
    ck_assert_uint_le(strlen(json_get_str(tree, "dedup_key", "")), 255);
    ck_assert_uint_le(strlen(json_get_str(payload, "summary", "")), 1024);
    ck_assert_uint_gt(strlen(json_get_str(payload, "source", "")), 0);
    ck_assert_uint_lt(attempt.body.len, 512000);
}
END_TEST

/* ---- answers ------------------------------------------------------------------------------- */

START_TEST(answers_mean_what_each_type_says)
{
    static const struct {
        const char *type;
        int error;
        long status;
        enum alert_outcome outcome;
    } cases[] = {
        {"webhook", 0, 204, ALERT_DELIVERED},
        {"webhook", 0, 400, ALERT_RETRY},
        {"webhook", 0, 410, ALERT_STOP_RECEIVER},
        {"webhook", 0, 429, ALERT_RETRY},
        {"alertmanager", 0, 200, ALERT_DELIVERED},
        {"alertmanager", 0, 400, ALERT_REFUSED},
        {"alertmanager", 0, 503, ALERT_RETRY},
        {"slack", 0, 200, ALERT_DELIVERED},
        {"slack", 0, 400, ALERT_REFUSED},
        {"slack", 0, 403, ALERT_STOP_RECEIVER},
        {"slack", 0, 404, ALERT_STOP_RECEIVER},
        {"slack", 0, 410, ALERT_STOP_RECEIVER},
        {"slack", 0, 429, ALERT_RETRY},
        {"pagerduty", 0, 202, ALERT_DELIVERED},
        {"pagerduty", 0, 400, ALERT_REFUSED},
        {"pagerduty", 0, 429, ALERT_RETRY},
        {"pagerduty", -ETIMEDOUT, 0, ALERT_RETRY},
        {"command", 0, 200, ALERT_DELIVERED},
        {"command", -ECHILD, 0, ALERT_RETRY},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        ck_assert_msg(receiver_kind_find(cases[i].type)->judge(cases[i].error, cases[i].status) ==
                          cases[i].outcome,
                      "%s %ld", cases[i].type, cases[i].status);
}
END_TEST

START_TEST(a_body_that_is_none_is_said)
{
    static char nothing[] = "no json";

    items[0] = (struct outbox_item){.body = nothing, .body_len = 7};
    for (size_t i = 0; i < 3; i++) {
        static const char *const types[] = {"alertmanager", "slack", "pagerduty"};

        item_count = 1;
        ck_assert_int_eq(write_as(types[i]), -EINVAL);
        attempt_done(&attempt);
        item_count = 0;
    }
    attempt_init(&attempt);
}
END_TEST

START_TEST(units_and_names_say_who_is_told)
{
    struct notice notice = sample(NOTICE_OPENED);
    struct notice own = {.event = NOTICE_STORAGE_DEGRADED, .severity = SEVERITY_WARNING};

    strcpy(receiver.units, "shop*.service, orders.*");
    ck_assert(alert_wants(&receiver, &notice));
    ck_assert(!alert_wants(&receiver, &own));
    notice.unit = "billing.service";
    ck_assert(!alert_wants(&receiver, &notice));
    strcpy(receiver.units, "leakd.service");
    ck_assert(alert_wants(&receiver, &own));
    receiver.units[0] = '\0';
    strcpy(receiver.names, "ord*");
    ck_assert(alert_wants(&receiver, &notice));
    notice.process_name = "shop";
    ck_assert(!alert_wants(&receiver, &notice));
    notice.event = NOTICE_TEST;
    ck_assert(alert_wants(&receiver, &notice));
}
END_TEST

int main(void)
{
    const TTest *const cases[] = {
        while_keys_are_rotated_both_sign,
        an_open_alert_is_known_by_its_labels_and_ends_ahead,
        the_end_of_an_alert_is_when_it_was,
        what_stands_is_told_in_one_request,
        an_alert_never_ends_before_it_starts,
        a_login_is_basic_and_a_token_is_a_bearers,
        slack_gets_text_and_blocks_and_no_markup_of_a_program,
        pagerduty_is_triggered_with_what_it_needs,
        the_end_has_the_key_of_the_beginning,
        leakds_own_troubles_have_keys_of_their_own,
        answers_mean_what_each_type_says,
        a_body_that_is_none_is_said,
        units_and_names_say_who_is_told,
    };
    Suite *suite = suite_create("alert_kinds");
    TCase *tcase = tcase_create("kinds");

    tcase_add_checked_fixture(tcase, begin, end);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        tcase_add_test(tcase, cases[i]);
    tcase_add_loop_test(tcase, slacks_limits_hold_for_hostile_names, 0,
                        (int)(sizeof(hostile) / sizeof(hostile[0])));
    tcase_add_loop_test(tcase, pagerdutys_limits_hold_for_hostile_names, 0,
                        (int)(sizeof(hostile) / sizeof(hostile[0])));
    suite_add_tcase(suite, tcase);
    return suite_end(suite);
}
