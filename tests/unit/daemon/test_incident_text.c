/* SPDX-License-Identifier: MIT */
/* An incident to text and back. */
#include "daemon/store/incident_text.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "daemon/base/buf.h"
#include "daemon/store/store.h"
#include "tests/unit/suite.h"

static struct incident *small(void)
{
    struct incident *incident = calloc(1, sizeof(*incident));

    strcpy(incident->id, "7K2M9QXA");
    incident->severity = "warning";
    incident->opened_wall_ms = 1700000000123;
    incident->process_name = strdup("shop");
    incident->exe = strdup("/usr/bin/python3");
    return incident;
}

static void fill_site(struct frozen_site *site, unsigned number)
{
    snprintf(site->id, sizeof(site->id), "%u", number);
    snprintf(site->fingerprint, sizeof(site->fingerprint), "%016x", number);
    site->growth = (struct growth){true, 86220.812345678901 + number, 1e-9, 0.1 + 0.2, 0};
    site->live_bytes = 123456789012345u;
    site->live_count = number;
    site->oldest_age_ms = UINT32_MAX;
    site->frame_count = INCIDENT_FRAMES_MAX;
    for (size_t i = 0; i < site->frame_count; i++) {
        site->frames[i].kind = (uint8_t)(i % 2);
        site->frames[i].inlined = i % 3 == 0;
        site->frames[i].function = i == 3 ? NULL : strdup("std::vector<int, A>::push_back(int&&)");
        site->frames[i].file = i % 2 ? strdup("/srv/\"quoted\" \\ \xc3\xa4/\x01.py") : NULL;
        site->frames[i].module = i % 2 ? NULL : strdup("libssl.so.3");
        site->frames[i].line = (uint32_t)(i * 1000);
    }
}

static struct incident *full(void)
{
    struct incident *incident = small();

    strcpy(incident->fingerprint, "00f00ba400c0ffee");
    incident->state = INCIDENT_ACKNOWLEDGED;
    incident->severity = "critical";
    incident->verdict = VERDICT_FRAGMENTATION;
    incident->resolved_wall_ms = 1700000009999;
    strcpy(incident->process_id, "4242-123456");
    incident->unit = strdup("shop.service");
    incident->pid = 4242;
    incident->start_ticks = UINT64_MAX - 1;
    incident->instance = 0xfedcba9876543210u;
    strcpy(incident->boot_id, "01234567-89ab-cdef-0123-456789abcdef");
    incident->is_told = true;
    incident->is_provisional = true;
    memset(incident->summary, 's', sizeof(incident->summary) - 1);
    strcpy(incident->end, "OOM-killed at 2026-11-22 14:02:10 UTC");
    strcpy(incident->end_state, "oom-killed");
    incident->end_wall_ms = 1700000008888;
    incident->since_wall_ms = 1699999999999;
    incident->until_wall_ms = 1700003600000;
    incident->acted_wall_ms = 1700003600001;
    strcpy(incident->release, "release 1.4.2");
    strcpy(incident->host, "web1");
    incident->blame = (struct incident_blame){0.83, "cache.py:88 store()", "builtins.dict"};
    incident->past = (struct incident_past){3, 1690000000000, "1.0", "AAAA2222", "1.3", "1.4.2"};
    for (uint64_t i = 0; i < INCIDENT_NOTES_MAX + 3u; i++)
        incident_note(incident, "silenced", "ada", i == 18 ? "deploying \"it\"" : "", i);
    incident->growth = (struct growth){true, 1.0 / 3, -2.5, 1e17, 0};
    incident->time_to_limit = (struct forecast){true, 3600.5, 1800.25, INFINITY};
    incident->live_bytes = 9000000000000000u;
    incident->rss_bytes = 1;
    incident->site_count = INCIDENT_SITES_MAX;
    for (unsigned i = 0; i < INCIDENT_SITES_MAX; i++)
        fill_site(&incident->sites[i], i);
    incident->type_count = INCIDENT_TYPES_MAX;
    for (unsigned i = 0; i < INCIDENT_TYPES_MAX; i++)
        incident->types[i] = (struct frozen_type){
            i ? strdup("app.Session") : NULL, {i == 2, 1.5, 1, 2, 0}, i, i * 2};
    incident->process_count = 400;
    incident->member_count = INCIDENT_MEMBERS_MAX;
    for (unsigned i = 0; i < INCIDENT_MEMBERS_MAX; i++) {
        struct incident_member *member = &incident->members[i];

        snprintf(member->process_id, sizeof(member->process_id), "%u-7", i);
        strcpy(member->name, "shop \"worker\"");
        strcpy(member->boot_id, incident->boot_id);
        member->pid = (pid_t)i;
        member->start_ticks = member->instance = UINT64_MAX - i;
        member->state = (enum member_state)(i % (MEMBER_UNKNOWN + 1));
    }
    incident->delivery_count = INCIDENT_DELIVERIES_MAX;
    for (unsigned i = 0; i < INCIDENT_DELIVERIES_MAX; i++) {
        struct delivery *delivery = &incident->deliveries[i];

        strcpy(delivery->receiver, "ops");
        strcpy(delivery->event, "leak.incident.opened");
        snprintf(delivery->notice_id, sizeof(delivery->notice_id), "msg_%u", i);
        delivery->attempts = i;
        delivery->http_status = i % 2 ? 503 : 0;
        delivery->delivered = i % 2 == 0;
        delivery->at_wall_ms = 1700000000000 + i;
        strcpy(delivery->error, i % 2 ? "HTTP 503" : "");
    }
    return incident;
}

static char *text_of(const struct incident *incident)
{
    struct buf text;

    buf_init(&text, 1 << 20);
    incident_write(incident, &text);
    return buf_take(&text, NULL);
}

static struct incident *read_text(const char *text)
{
    struct incident *incident;

    ck_assert_int_eq(incident_read(text, strlen(text), &incident), 0);
    return incident;
}

START_TEST(a_full_incident_comes_back_as_it_was)
{
    struct incident *before = full();
    char *text = text_of(before);
    struct incident *after = read_text(text);
    char *again = text_of(after);

    ck_assert_str_eq(text, again);
    ck_assert_uint_eq(after->instance, before->instance);
    ck_assert_uint_eq(after->start_ticks, before->start_ticks);
    ck_assert(after->growth.estimate == before->growth.estimate);
    ck_assert(isinf(after->time_to_limit.upper_s));
    ck_assert_str_eq(after->severity, "critical");
    ck_assert_int_eq(after->state, INCIDENT_ACKNOWLEDGED);
    ck_assert_int_eq(after->verdict, VERDICT_FRAGMENTATION);
    ck_assert_ptr_null(after->sites[0].frames[3].function);
    ck_assert_str_eq(after->sites[4].frames[23].file, before->sites[4].frames[23].file);
    ck_assert_ptr_null(after->types[0].name);
    ck_assert(!after->types[1].growth.known && after->types[2].growth.known);
    ck_assert_str_eq(after->deliveries[15].notice_id, "msg_15");
    ck_assert_uint_eq(after->process_count, 400);
    ck_assert_uint_eq(after->member_count, INCIDENT_MEMBERS_MAX);
    ck_assert_str_eq(after->members[15].process_id, "15-7");
    ck_assert_uint_eq(after->members[15].instance, UINT64_MAX - 15);
    ck_assert_int_eq(after->members[4].state, MEMBER_OOM_KILLED);
    ck_assert_uint_eq(after->note_count, INCIDENT_NOTES_MAX);
    ck_assert_uint_eq(after->notes[0].at_wall_ms, 3); /* the oldest ones went */
    ck_assert_str_eq(after->notes[15].text, "deploying \"it\"");
    ck_assert_str_eq(after->past.again_release, "1.4.2");
    ck_assert_str_eq(after->blame.place, "cache.py:88 store()");
    ck_assert_uint_eq(after->until_wall_ms, 1700003600000);
    ck_assert_uint_eq(after->revision, 1);
    free(text);
    free(again);
    incident_free(before);
    incident_free(after);
}
END_TEST

/* What a hostile program can bring it to: control characters are written as six. */
static char *worst_name(void)
{
    char name[4097];
    char *copy;

    memset(name, '\x01', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    copy = incident_copy_name(name);
    ck_assert_uint_eq(strlen(copy), INCIDENT_NAME_MAX);
    return copy;
}

static void fill_worst_site(struct frozen_site *site)
{
    site->frame_count = INCIDENT_FRAMES_MAX;
    for (size_t i = 0; i < site->frame_count; i++) {
        site->frames[i].function = worst_name();
        site->frames[i].file = worst_name();
        site->frames[i].module = worst_name();
        site->frames[i].line = UINT32_MAX;
    }
}

START_TEST(the_longest_names_fit_into_a_row)
{
    struct incident *before = small(), *after;
    struct buf text;

    before->site_count = INCIDENT_SITES_MAX;
    for (size_t i = 0; i < before->site_count; i++)
        fill_worst_site(&before->sites[i]);
    before->type_count = INCIDENT_TYPES_MAX;
    for (size_t i = 0; i < before->type_count; i++)
        before->types[i].name = worst_name();
    before->retainer_count = INCIDENT_RETAINERS_MAX;
    for (size_t i = 0; i < before->retainer_count; i++) {
        before->retainers[i].type = worst_name();
        while (before->retainers[i].step_count < WIRE_SNAPSHOT_STEPS_MAX)
            before->retainers[i].steps[before->retainers[i].step_count++] = worst_name();
    }
    for (uint64_t i = 0; i < INCIDENT_NOTES_MAX; i++)
        incident_note(before, "silenced", "\x01\x01", before->sites[0].frames[0].file, i);
    buf_init(&text, INCIDENT_TEXT_BYTES_MAX);
    incident_write(before, &text);
    ck_assert(!text.failed);
    ck_assert_uint_gt(text.len, 1u << 20);
    ck_assert_int_eq(incident_read(text.data, text.len, &after), 0);
    ck_assert_str_eq(after->sites[4].frames[23].module, before->sites[4].frames[23].module);
    buf_done(&text);
    incident_free(before);
    incident_free(after);
}
END_TEST

START_TEST(a_name_is_not_cut_within_a_character)
{
    char name[INCIDENT_NAME_MAX + 2];
    char *copy;

    memset(name, 'x', sizeof(name));
    strcpy(name + INCIDENT_NAME_MAX - 2, "\xe2\x82\xac");
    copy = incident_copy_name(name);
    ck_assert_uint_eq(strlen(copy), INCIDENT_NAME_MAX - 2);
    free(copy);
    strcpy(name + INCIDENT_NAME_MAX - 3, "\xe2\x82\xac");
    copy = incident_copy_name(name);
    ck_assert_str_eq(copy, name);
    free(copy);
}
END_TEST

START_TEST(an_empty_one_comes_back_empty)
{
    struct incident *before = small();
    char *text = text_of(before);
    struct incident *after = read_text(text);

    ck_assert_ptr_null(after->unit);
    ck_assert(!after->growth.known && !after->time_to_limit.known);
    ck_assert_uint_eq(after->site_count + after->type_count + after->delivery_count, 0);
    ck_assert_int_eq(after->state, INCIDENT_OPEN);
    free(text);
    incident_free(before);
    incident_free(after);
}
END_TEST

START_TEST(the_text_of_a_later_leakd_is_read_as_far_as_we_know_it)
{
    struct incident *incident = read_text(
        "{\"id\":\"X\",\"opened_wall_ms\":5,\"state\":\"snoozed\",\"severity\":\"apocalyptic\","
        "\"releases\":[{\"deep\":[1,2]}],\"sites\":[{},{},{},{},{},{},{},{}],\"types\":7}");

    ck_assert_int_eq(incident->state, INCIDENT_OPEN);
    ck_assert_str_eq(incident->severity, "warning");
    ck_assert_uint_eq(incident->site_count, INCIDENT_SITES_MAX);
    ck_assert_uint_eq(incident->type_count, 0);
    ck_assert_str_eq(incident->process_name, "");
    ck_assert_str_eq(incident->exe, "");
    ck_assert(incident->is_told); /* nobody is woken twice for an old one */
    incident_free(incident);
}
END_TEST

START_TEST(an_old_text_of_one_process_has_one_in_its_list)
{
    struct incident *living = read_text(
        "{\"id\":\"X\",\"opened_wall_ms\":5,\"process_id\":\"42-7\",\"process_name\":\"shop\","
        "\"pid\":42,\"start_ticks\":\"7\",\"instance\":\"ff\",\"boot_id\":\"b\"}");
    struct incident *killed =
        read_text("{\"id\":\"X\",\"opened_wall_ms\":5,\"process_id\":\"42-7\","
                  "\"end\":\"OOM-killed at noon\",\"end_state\":\"oom-killed\"}");
    struct incident *gone = read_text(
        "{\"id\":\"X\",\"opened_wall_ms\":5,\"process_id\":\"42-7\",\"end\":\"killed at noon\"}");

    ck_assert_uint_eq(living->member_count, 1);
    ck_assert_uint_eq(living->process_count, 1);
    ck_assert_str_eq(living->members[0].process_id, "42-7");
    ck_assert_str_eq(living->members[0].name, "shop");
    ck_assert_str_eq(living->members[0].boot_id, "b");
    ck_assert_int_eq(living->members[0].pid, 42);
    ck_assert_uint_eq(living->members[0].instance, 0xff);
    ck_assert_int_eq(living->members[0].state, MEMBER_GROWING);
    ck_assert_int_eq(killed->members[0].state, MEMBER_OOM_KILLED);
    ck_assert_int_eq(gone->members[0].state, MEMBER_UNKNOWN);
    incident_free(living);
    incident_free(killed);
    incident_free(gone);
}
END_TEST

START_TEST(what_is_no_incident_is_refused)
{
    static const char *const texts[] = {"",   "{",     "[]",         "null",
                                        "{}", "\"x\"", "{\"id\":7}", "{\"id\":\"X\"}"};

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct incident *incident;

        ck_assert_int_eq(incident_read(texts[i], strlen(texts[i]), &incident), -EBADMSG);
    }
}
END_TEST

START_TEST(restored_incidents_stand_in_order_and_once)
{
    struct store_limits limits = {.processes_max = 10};
    struct store *store;
    struct incident *opened = small();

    ck_assert_int_eq(store_new(&limits, &store), 0);
    opened->opened_wall_ms = 50;
    ck_assert_int_eq(store_open_incident(store, opened, &opened), 0);
    for (uint64_t i = 0; i < 4; i++) {
        struct incident *incident = small();

        snprintf(incident->id, sizeof(incident->id), "R%u", (unsigned)i);
        incident->opened_wall_ms = (i * 37 + 20) % 100;
        ck_assert_int_eq(store_restore_incident(store, incident), 0);
        incident = small();
        snprintf(incident->id, sizeof(incident->id), "R%u", (unsigned)i);
        ck_assert_int_eq(store_restore_incident(store, incident), -EEXIST);
    }
    ck_assert_uint_eq(query_incident_count(store), 5);
    for (size_t i = 1; i < 5; i++)
        ck_assert_uint_le(query_incident_at(store, i)->opened_wall_ms,
                          query_incident_at(store, i - 1)->opened_wall_ms);
    store_free(store);
}
END_TEST

SUITE_MAIN("incident_text", a_full_incident_comes_back_as_it_was, the_longest_names_fit_into_a_row,
           a_name_is_not_cut_within_a_character, an_empty_one_comes_back_empty,
           the_text_of_a_later_leakd_is_read_as_far_as_we_know_it,
           an_old_text_of_one_process_has_one_in_its_list, what_is_no_incident_is_refused,
           restored_incidents_stand_in_order_and_once)
