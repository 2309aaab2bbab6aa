/* SPDX-License-Identifier: MIT */
/* One trouble, one page: with invented time. */
#include "daemon/alert/group.h"

#include <check.h>
#include <stdio.h>
#include <string.h>
#include "tests/unit/suite.h"

#define MINUTE UINT64_C(60000)

static struct groups groups;
static struct notice told;
static char leader[GROUP_MEMBER_SIZE];

static void forget(void)
{
    groups_done(&groups);
    groups = (struct groups){0};
}

static enum group_answer step(const char *incident, const char *unit, const char *fingerprint,
                              enum notice_event event, enum conf_severity severity, uint64_t now_ms)
{
    struct notice notice = {.event = event,
                            .severity = severity,
                            .incident_id = incident,
                            .unit = unit,
                            .process_name = "worker",
                            .fingerprint = fingerprint,
                            .verdict = "leak"};

    return groups_step(&groups, &notice, now_ms, &told, leader);
}

static enum group_answer opened(const char *incident, uint64_t now_ms)
{
    return step(incident, "shop.service", "f", NOTICE_OPENED, SEVERITY_WARNING, now_ms);
}

static enum group_answer resolved(const char *incident, uint64_t now_ms)
{
    return step(incident, "shop.service", "f", NOTICE_RESOLVED, SEVERITY_WARNING, now_ms);
}

START_TEST(fifty_workers_page_once_and_then_a_number)
{
    char name[16], summary[256];
    struct notice digest;

    ck_assert_int_eq(opened("i0", 1000), GROUP_TELL);
    ck_assert_str_eq(told.group_key, "shop.service/f");
    for (int i = 1; i < 50; i++) {
        snprintf(name, sizeof(name), "i%d", i);
        ck_assert_int_eq(opened(name, 1000 + (uint64_t)i * 100), GROUP_HOLD);
    }
    ck_assert_uint_eq(groups_due_ms(&groups), 1100 + GROUP_DIGEST_MS);
    ck_assert(!groups_take_digest(&groups, 1099 + MINUTE, 5, &digest, summary, sizeof(summary)));
    ck_assert(groups_take_digest(&groups, 1100 + MINUTE, 5, &digest, summary, sizeof(summary)));
    ck_assert_int_eq(digest.event, NOTICE_GROUPED);
    ck_assert_str_eq(digest.incident_id, "i0");
    ck_assert_str_eq(digest.summary,
                     "and 49 more: 50 processes of shop.service have the same growth");
    ck_assert_uint_eq(digest.group_count, 50);
    ck_assert_uint_eq(groups_due_ms(&groups), UINT64_MAX);
}
END_TEST

START_TEST(the_end_is_told_once_when_the_last_one_ends)
{
    opened("i0", 0);
    opened("i1", 0);
    opened("i2", 0);
    ck_assert_int_eq(resolved("i0", 10), GROUP_HOLD);
    ck_assert_int_eq(resolved("i2", 20), GROUP_HOLD);
    ck_assert_int_eq(resolved("i1", 30), GROUP_TELL);
    ck_assert_str_eq(told.incident_id, "i0"); /* the one that people know */
    ck_assert_uint_eq(told.group_count, 3);
    ck_assert_int_eq(opened("i3", 40), GROUP_TELL); /* and it begins anew */
}
END_TEST

START_TEST(other_units_and_other_places_are_other_troubles)
{
    ck_assert_int_eq(opened("i0", 0), GROUP_TELL);
    ck_assert_int_eq(step("i1", "shop.service", "g", NOTICE_OPENED, SEVERITY_WARNING, 0),
                     GROUP_TELL);
    ck_assert_int_eq(step("i2", "cart.service", "f", NOTICE_OPENED, SEVERITY_WARNING, 0),
                     GROUP_TELL);
    ck_assert_int_eq(step("i3", NULL, NULL, NOTICE_OPENED, SEVERITY_WARNING, 0), GROUP_TELL);
    ck_assert_int_eq(step("i4", NULL, NULL, NOTICE_OPENED, SEVERITY_WARNING, 0), GROUP_TELL);
}
END_TEST

START_TEST(what_becomes_grave_is_told_once_more)
{
    opened("i0", 0);
    opened("i1", 0);
    ck_assert_int_eq(step("i1", "shop.service", "f", NOTICE_ESCALATED, SEVERITY_CRITICAL, 10),
                     GROUP_TELL);
    ck_assert_str_eq(told.incident_id, "i0");
    ck_assert_int_eq(step("i0", "shop.service", "f", NOTICE_ESCALATED, SEVERITY_CRITICAL, 20),
                     GROUP_HOLD);
    ck_assert_int_eq(step("i2", "shop.service", "f", NOTICE_OPENED, SEVERITY_CRITICAL, 30),
                     GROUP_HOLD);
}
END_TEST

START_TEST(a_graver_newcomer_is_told_at_once)
{
    opened("i0", 0);
    ck_assert_int_eq(step("i1", "shop.service", "f", NOTICE_OPENED, SEVERITY_CRITICAL, 30),
                     GROUP_TELL);
}
END_TEST

/* An incident that the store forgets while it is open never ends for its group. */
START_TEST(a_group_that_nobody_leaves_keeps_its_size)
{
    char id[16];

    for (unsigned i = 0; i < 3 * GROUP_MEMBERS_MAX; i++) {
        snprintf(id, sizeof(id), "i%u", i);
        opened(id, 0);
        ck_assert_uint_le(groups.first->member_count, GROUP_MEMBERS_MAX);
    }
    ck_assert_str_eq(groups.first->members[GROUP_MEMBERS_MAX - 1].incident_id, id);
    ck_assert_uint_eq(groups.first->joined, 3 * GROUP_MEMBERS_MAX);
}
END_TEST

START_TEST(numbers_come_a_quarter_of_an_hour_apart)
{
    struct notice digest;
    char summary[256];

    opened("i0", 0);
    opened("i1", 1);
    ck_assert(groups_take_digest(&groups, 1 + MINUTE, 0, &digest, summary, sizeof(summary)));
    opened("i2", 2 * MINUTE);
    ck_assert_uint_eq(groups_due_ms(&groups), 1 + MINUTE + GROUP_DIGEST_GAP_MS);
    opened("i3", 3 * MINUTE);
    ck_assert(groups_take_digest(&groups, 17 * MINUTE, 0, &digest, summary, sizeof(summary)));
    ck_assert_str_eq(summary, "and 2 more: 4 processes of shop.service have the same growth");
}
END_TEST

START_TEST(a_flood_of_different_troubles_becomes_a_number)
{
    char name[16], unit[16], summary[256];
    struct notice digest;
    int tells = 0;

    for (int i = 0; i < 50; i++) {
        snprintf(name, sizeof(name), "i%d", i);
        snprintf(unit, sizeof(unit), "u%d", i);
        tells += step(name, unit, "f", NOTICE_OPENED, SEVERITY_WARNING, 1000) == GROUP_TELL;
    }
    ck_assert_int_eq(tells, GROUP_PAGES_MAX);
    ck_assert(groups_take_digest(&groups, 1000 + MINUTE, 0, &digest, summary, sizeof(summary)));
    ck_assert_str_eq(summary,
                     "and 40 more incidents, too many in a short time to be told one by one");
    ck_assert_int_eq(step("j", "late", "f", NOTICE_OPENED, SEVERITY_WARNING, 1000 + MINUTE),
                     GROUP_TELL);
    ck_assert_int_eq(step("k", "later", "f", NOTICE_OPENED, SEVERITY_WARNING, 1000 + MINUTE),
                     GROUP_HOLD);
}
END_TEST

START_TEST(nobody_hears_the_end_of_what_nobody_heard_of)
{
    char name[16], unit[16], summary[256];
    struct notice digest;

    for (int i = 0; i < 11; i++) {
        snprintf(name, sizeof(name), "i%d", i);
        snprintf(unit, sizeof(unit), "u%d", i);
        step(name, unit, "f", NOTICE_OPENED, SEVERITY_WARNING, 1000);
    }
    ck_assert_int_eq(step("i10", "u10", "f", NOTICE_RESOLVED, SEVERITY_WARNING, 2000), GROUP_HOLD);
    ck_assert(groups_take_digest(&groups, 1000 + MINUTE, 0, &digest, summary, sizeof(summary)));
    ck_assert_ptr_nonnull(strstr(summary, "and 1 more incidents"));
    ck_assert_ptr_nonnull(strstr(summary, "all of them are over"));
    ck_assert_str_eq(digest.state, "resolved");
}
END_TEST

START_TEST(an_end_whose_group_was_lost_is_told)
{
    ck_assert_int_eq(resolved("stranger", 0), GROUP_TELL);
    ck_assert_str_eq(told.incident_id, "stranger");
    ck_assert_int_eq(step(NULL, NULL, NULL, NOTICE_TEST, SEVERITY_INFO, 0), GROUP_TELL);
}
END_TEST

START_TEST(one_that_is_opened_twice_is_told_once)
{
    ck_assert_int_eq(opened("i0", 0), GROUP_TELL);
    ck_assert_int_eq(opened("i0", 1), GROUP_HOLD);
    ck_assert_int_eq(resolved("i0", 2), GROUP_TELL);
}
END_TEST

START_TEST(what_people_say_is_told_of_the_one_they_know)
{
    opened("i0", 0);
    opened("i1", 0);
    ck_assert_int_eq(step("i0", "shop.service", "f", NOTICE_ACKNOWLEDGED, SEVERITY_WARNING, 1),
                     GROUP_TELL);
    ck_assert_str_eq(told.group_key, "shop.service/f");
    ck_assert_int_eq(step("i1", "shop.service", "f", NOTICE_ACKNOWLEDGED, SEVERITY_WARNING, 1),
                     GROUP_HOLD);
}
END_TEST

SUITE_MAIN_FIXTURE("alert_group", forget, forget, fifty_workers_page_once_and_then_a_number,
                   the_end_is_told_once_when_the_last_one_ends,
                   other_units_and_other_places_are_other_troubles,
                   what_becomes_grave_is_told_once_more, a_graver_newcomer_is_told_at_once,
                   a_group_that_nobody_leaves_keeps_its_size,
                   numbers_come_a_quarter_of_an_hour_apart,
                   a_flood_of_different_troubles_becomes_a_number,
                   nobody_hears_the_end_of_what_nobody_heard_of,
                   an_end_whose_group_was_lost_is_told, one_that_is_opened_twice_is_told_once,
                   what_people_say_is_told_of_the_one_they_know)
