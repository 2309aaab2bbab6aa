/* SPDX-License-Identifier: MIT */
/* A receiver that fails for a day in every way there is, in invented time: what it gets afterwards.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/alert/kind.h"
#include "daemon/alert/outbox.h"
#include "tests/unit/suite.h"

#define SECOND UINT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define WALL   UINT64_C(1795338960123)

/* What fetch says of each way to fail, and how long that takes. */
static const struct {
    const char *what;
    int error;
    long status;
    uint64_t retry_after_ms;
    uint64_t takes_ms;
} ways[] = {
    {"down", -ECONNREFUSED, 0, 0, 1},
    {"slow", -ETIMEDOUT, 0, 0, 15 * SECOND},
    {"500", 0, 500, 0, 10},
    {"503 with Retry-After", 0, 503, 45 * MINUTE, 10},
    {"429 with Retry-After", 0, 429, 3 * SECOND, 10},
    {"redirects", 0, 302, 0, 10},
    {"closes", -ECONNRESET, 0, 0, 10},
    {"closes after 200", -ECONNRESET, 200, 0, 10},
    {"garbage", -EPROTO, 0, 0, 10},
    {"bad certificate", -EKEYREJECTED, 0, 0, 100},
    {"no name", -ENXIO, 0, 0, 5 * SECOND},
};

#define WAYS (sizeof(ways) / sizeof(ways[0]))

static struct outbox outbox;
static const struct receiver_kind *kind;
static uint64_t now_ms;
static unsigned seed;
static char got[64][16];
static char got_ids[64][NOTICE_ID_SIZE];
static size_t got_count;
static unsigned attempts;
static struct item_list over;

static void begin(void)
{
    memset(&outbox, 0, sizeof(outbox));
    kind = receiver_kind_find("webhook");
    outbox.rule = kind->rule;
    now_ms = 5 * MINUTE;
    seed = 1;
    got_count = 0;
    attempts = 0;
}

static void end(void)
{
    struct outbox_item *item;

    outbox_done(&outbox);
    while ((item = list_take(&over)))
        outbox_item_free(item);
}

static struct outbox_item *put_item;

static void put(const char *incident, enum notice_event event)
{
    struct notice notice = {
        .event = event, .incident_id = incident, .event_wall_ms = WALL + now_ms};

    ck_assert_int_eq(outbox_put(&outbox, &notice, strdup("{}"), 2, now_ms, &put_item), 0);
}

static double jitter(void)
{
    seed = seed * 1103515245 + 12345;
    return (double)(seed >> 8) / (double)(1u << 24);
}

static void end_head(struct outbox_item *item, enum outbox_fate fate)
{
    if (fate == OUTBOX_WAITS)
        return;
    list_take(&outbox.queue);
    if (fate == OUTBOX_GIVEN_UP) {
        outbox_bury(&outbox, item, &over);
        return;
    }
    ck_assert_uint_lt(got_count, 64);
    memcpy(got[got_count], item->incident_id, 15);
    memcpy(got_ids[got_count++], item->id, NOTICE_ID_SIZE);
    if (outbox.rule.remind_ms > 0)
        outbox_stand(&outbox, item, now_ms, WALL + now_ms, &over);
    else
        outbox_item_free(item);
}

/* One attempt with the way it ends; -1 is a success. */
static void attempt_now(int way)
{
    struct outbox_item *item = outbox_begin(&outbox, now_ms);
    enum alert_outcome outcome;
    uint64_t retry_after_ms = way < 0 ? 0 : ways[way].retry_after_ms;

    attempts++;
    if (!item) {
        ck_assert(outbox_begin_reminding(&outbox, now_ms));
        outbox_end_reminding(&outbox, now_ms, WALL + now_ms, &over);
        return;
    }
    ck_assert_ptr_null(outbox_begin(&outbox, now_ms)); /* one in flight */
    now_ms += way < 0 ? 10 : ways[way].takes_ms;
    outcome = way < 0 ? kind->judge(0, 200) : kind->judge(ways[way].error, ways[way].status);
    end_head(item, outbox_end(&outbox, outcome, retry_after_ms, now_ms, jitter()));
}

/* Lets the time pass; way: how attempts end, -1 good. */
static void live_until(uint64_t until_ms, int way)
{
    while (outbox_due_ms(&outbox) <= until_ms) {
        if (outbox_due_ms(&outbox) > now_ms)
            now_ms = outbox_due_ms(&outbox);
        attempt_now(way);
    }
    now_ms = until_ms > now_ms ? until_ms : now_ms;
}

START_TEST(after_a_day_all_are_delivered_in_order)
{
    uint64_t start_ms = now_ms;
    char name[16];

    for (int hour = 0; hour < 24; hour++) {
        snprintf(name, sizeof(name), "i%02d", hour);
        put(name, NOTICE_OPENED);
        live_until(start_ms + (uint64_t)(hour + 1) * HOUR, _i);
    }
    ck_assert_uint_eq(got_count, 0);
    ck_assert_uint_eq(outbox.dead.count, 0);
    ck_assert_uint_le(attempts, 80); /* nobody is flooded while he is away */
    live_until(now_ms + 150 * MINUTE, -1);
    ck_assert_uint_eq(got_count, 24);
    for (int i = 0; i < 24; i++) {
        snprintf(name, sizeof(name), "i%02d", i);
        ck_assert_str_eq(got[i], name);
    }
}
END_TEST

START_TEST(a_lone_notice_survives_the_day)
{
    uint64_t start_ms = now_ms;

    put("lone", NOTICE_OPENED);
    live_until(start_ms + 24 * HOUR, _i);
    ck_assert_uint_eq(outbox.dead.count, 0);
    live_until(now_ms + 150 * MINUTE, -1);
    ck_assert_uint_eq(got_count, 1);
}
END_TEST

START_TEST(what_is_given_up_is_a_dead_letter_that_can_be_sent_again)
{
    char ids[3][NOTICE_ID_SIZE];

    put("a", NOTICE_OPENED);
    put("b", NOTICE_OPENED);
    put("c", NOTICE_OPENED);
    memcpy(ids[0], outbox.queue.head->id, NOTICE_ID_SIZE);
    memcpy(ids[1], outbox.queue.head->next->id, NOTICE_ID_SIZE);
    memcpy(ids[2], outbox.queue.tail->id, NOTICE_ID_SIZE);
    live_until(now_ms + 10 * 24 * HOUR, 0);
    ck_assert_uint_eq(outbox.queue.count, 0);
    ck_assert_uint_eq(outbox.dead.count, 3);
    ck_assert_uint_eq(outbox_due_ms(&outbox), UINT64_MAX);
    ck_assert_uint_eq(outbox_revive(&outbox, now_ms), 3);
    live_until(now_ms + MINUTE, -1);
    ck_assert_uint_eq(got_count, 3);
    for (int i = 0; i < 3; i++)
        ck_assert_str_eq(got_ids[i], ids[i]);
    ck_assert_uint_eq(outbox_revive(&outbox, now_ms), 0);
}
END_TEST

START_TEST(dead_letters_have_an_end)
{
    for (int i = 0; i < OUTBOX_DEAD_MAX + 5; i++)
        put("x", NOTICE_OPENED);
    while (outbox.queue.head) {
        outbox_begin(&outbox, now_ms);
        end_head(outbox.queue.head, outbox_end(&outbox, ALERT_REFUSED, 0, now_ms, 0));
    }
    ck_assert_uint_eq(outbox.dead.count, OUTBOX_DEAD_MAX);
    ck_assert_uint_eq(over.count, 5);
}
END_TEST

START_TEST(what_will_never_be_taken_does_not_hold_up_the_others)
{
    put("bad", NOTICE_OPENED);
    put("good", NOTICE_OPENED);
    outbox_begin(&outbox, now_ms);
    end_head(outbox.queue.head, outbox_end(&outbox, ALERT_REFUSED, 0, now_ms, 0));
    ck_assert_uint_eq(outbox.dead.count, 1);
    attempt_now(-1);
    ck_assert_str_eq(got[0], "good");
}
END_TEST

START_TEST(a_receiver_that_wants_a_pause_gets_it)
{
    outbox.rule = receiver_kind_find("slack")->rule;
    put("a", NOTICE_OPENED);
    put("b", NOTICE_OPENED);
    attempt_now(-1);
    ck_assert_ptr_null(outbox_begin(&outbox, now_ms));
    ck_assert_uint_eq(outbox_due_ms(&outbox), now_ms + SECOND);
}
END_TEST

/* ---- what stands --------------------------------------------------------------------------- */

static void be_alertmanager(void)
{
    kind = receiver_kind_find("alertmanager");
    outbox.rule = kind->rule;
}

START_TEST(what_is_open_is_told_every_minute_until_its_end_was_told_for_five)
{
    unsigned before;

    be_alertmanager();
    put("a", NOTICE_OPENED);
    live_until(now_ms + 10 * MINUTE, -1);
    ck_assert_uint_eq(outbox.standing.count, 1);
    ck_assert_uint_ge(attempts, 10);
    ck_assert_uint_le(attempts, 12);
    before = attempts;
    put("a", NOTICE_RESOLVED);
    live_until(now_ms + 20 * MINUTE, -1);
    ck_assert_uint_ge(attempts - before, 5);
    ck_assert_uint_le(attempts - before, 8);
    ck_assert_uint_eq(outbox.standing.count, 0);
    ck_assert_uint_eq(outbox_due_ms(&outbox), UINT64_MAX);
}
END_TEST

START_TEST(an_alertmanager_that_was_away_for_days_hears_of_what_is_open)
{
    be_alertmanager();
    put("a", NOTICE_OPENED);
    live_until(now_ms + 72 * HOUR, _i);
    ck_assert_uint_eq(outbox.dead.count, 0);
    live_until(now_ms + 61 * MINUTE, -1);
    ck_assert_uint_eq(got_count, 1);
    ck_assert_uint_eq(outbox.standing.count, 1);
}
END_TEST

START_TEST(who_goes_by_another_name_now_ends_under_the_old_one)
{
    be_alertmanager();
    put("a", NOTICE_OPENED);
    put("b", NOTICE_OPENED);
    put("a", NOTICE_ESCALATED);
    live_until(now_ms + SECOND, -1);
    ck_assert_uint_eq(outbox.standing.count, 3);
    ck_assert_int_eq(outbox.standing.head->event, NOTICE_RESOLVED);
    ck_assert_int_eq(outbox.standing.head->next->event, NOTICE_OPENED);
    ck_assert_int_eq(outbox.standing.tail->event, NOTICE_ESCALATED);
    live_until(now_ms + 10 * MINUTE, -1);
    ck_assert_uint_eq(outbox.standing.count, 2);
}
END_TEST

int main(void)
{
    const TTest *const cases[] = {
        what_is_given_up_is_a_dead_letter_that_can_be_sent_again,
        dead_letters_have_an_end,
        what_will_never_be_taken_does_not_hold_up_the_others,
        a_receiver_that_wants_a_pause_gets_it,
        what_is_open_is_told_every_minute_until_its_end_was_told_for_five,
        who_goes_by_another_name_now_ends_under_the_old_one,
    };
    const TTest *const all_ways[] = {
        after_a_day_all_are_delivered_in_order,
        a_lone_notice_survives_the_day,
        an_alertmanager_that_was_away_for_days_hears_of_what_is_open,
    };
    Suite *suite = suite_create("alert_day");
    TCase *tcase = tcase_create("day");

    tcase_add_checked_fixture(tcase, begin, end);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        tcase_add_test(tcase, cases[i]);
    for (size_t i = 0; i < sizeof(all_ways) / sizeof(all_ways[0]); i++)
        tcase_add_loop_test(tcase, all_ways[i], 0, (int)WAYS);
    suite_add_tcase(suite, tcase);
    return suite_end(suite);
}
