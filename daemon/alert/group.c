/* SPDX-License-Identifier: MIT */
#include "daemon/alert/group.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the list ------------------------------------------------------------------------------ */

struct group *group_new(const char *id)
{
    struct group *group = calloc(1, sizeof(*group));

    if (!group)
        return NULL;
    group->digest_due_ms = UINT64_MAX;
    if (id)
        snprintf(group->id, sizeof(group->id), "%s", id);
    else if (sign_random_id(group->id) < 0) {
        free(group);
        return NULL;
    }
    return group;
}

void group_free(struct group *group)
{
    if (!group)
        return;
    free(group->members);
    free(group);
}

int group_add(struct group *group, const char *incident_id)
{
    if (group->member_count == GROUP_MEMBERS_MAX)
        memmove(group->members, group->members + 1,
                --group->member_count * sizeof(*group->members));
    if (group->member_count == group->member_cap) {
        size_t cap = group->member_cap ? 2 * group->member_cap : 4;
        struct group_member *grown = realloc(group->members, cap * sizeof(*grown));

        if (!grown)
            return -ENOMEM;
        group->members = grown;
        group->member_cap = cap;
    }
    snprintf(group->members[group->member_count++].incident_id, GROUP_MEMBER_SIZE, "%s",
             incident_id);
    return 0;
}

void groups_put(struct groups *groups, struct group *take)
{
    struct group **link = &groups->first;

    while (*link)
        link = &(*link)->next;
    take->next = NULL;
    *link = take;
}

void groups_drop(struct groups *groups, struct group *group)
{
    struct group **link = &groups->first;

    while (*link && *link != group)
        link = &(*link)->next;
    if (*link)
        *link = group->next;
    group_free(group);
}

void groups_done(struct groups *groups)
{
    while (groups->first)
        groups_drop(groups, groups->first);
}

static struct group_member *find_member(const struct group *group, const char *incident_id)
{
    for (size_t i = 0; i < group->member_count; i++) {
        if (!strcmp(group->members[i].incident_id, incident_id))
            return &group->members[i];
    }
    return NULL;
}

static struct group *group_of(const struct groups *groups, const char *incident_id)
{
    struct group *group = groups->first;

    while (group && (group->is_over || !find_member(group, incident_id)))
        group = group->next;
    return group;
}

static struct group *group_find(const struct groups *groups, const char *key)
{
    struct group *group = groups->first;

    while (group && (group->is_over || strcmp(group->key, key) != 0))
        group = group->next;
    return group;
}

/* ---- joining ------------------------------------------------------------------------------- */

static void write_key(const struct notice *notice, char out[GROUP_KEY_SIZE])
{
    const char *what =
        notice->fingerprint && notice->fingerprint[0] ? notice->fingerprint : notice->incident_id;

    snprintf(out, GROUP_KEY_SIZE, "%.128s/%.64s",
             notice->unit ? notice->unit : (notice->process_name ? notice->process_name : ""),
             what);
}

static bool take_page(struct groups *groups, uint64_t now_ms)
{
    if (groups->pages_ms == 0)
        groups->pages = GROUP_PAGES_MAX;
    else
        groups->pages += (double)(now_ms - groups->pages_ms) / (double)GROUP_PAGE_MS;
    if (groups->pages > GROUP_PAGES_MAX)
        groups->pages = GROUP_PAGES_MAX;
    groups->pages_ms = now_ms;
    if (groups->pages < 1)
        return false;
    groups->pages -= 1;
    return true;
}

static struct group *open_group(struct groups *groups, const struct notice *notice, const char *key,
                                bool is_overflow)
{
    struct group *group = group_new(NULL);

    if (!group)
        return NULL;
    snprintf(group->key, sizeof(group->key), "%s", key);
    snprintf(group->leader, sizeof(group->leader), "%s", notice->incident_id);
    group->is_overflow = is_overflow;
    group->severity = notice->severity;
    group->opened_wall_ms = notice->event_wall_ms;
    if (!is_overflow) {
        snprintf(group->name, sizeof(group->name), "%s",
                 notice->process_name ? notice->process_name : "");
        snprintf(group->unit, sizeof(group->unit), "%s", notice->unit ? notice->unit : "");
        snprintf(group->fingerprint, sizeof(group->fingerprint), "%s",
                 notice->fingerprint ? notice->fingerprint : "");
        snprintf(group->verdict, sizeof(group->verdict), "%s",
                 notice->verdict ? notice->verdict : "");
    }
    groups_put(groups, group);
    return group;
}

static void fill_out(const struct group *group, struct notice *out, char leader[GROUP_MEMBER_SIZE])
{
    snprintf(leader, GROUP_MEMBER_SIZE, "%s", group->leader);
    out->incident_id = leader;
    out->group_key = group->key;
    out->group_count = group->joined;
}

static enum group_answer hold(struct group *group, uint64_t now_ms)
{
    uint64_t due_ms = now_ms + GROUP_DIGEST_MS;

    group->untold++;
    if (group->digest_ms > 0 && group->digest_ms + GROUP_DIGEST_GAP_MS > due_ms)
        due_ms = group->digest_ms + GROUP_DIGEST_GAP_MS;
    if (group->digest_due_ms == UINT64_MAX)
        group->digest_due_ms = due_ms;
    return GROUP_HOLD;
}

/* The first is told, and whoever is graver than what was told. */
static enum group_answer join(struct groups *groups, const struct notice *notice, uint64_t now_ms,
                              struct notice *out, char leader[GROUP_MEMBER_SIZE])
{
    char key[GROUP_KEY_SIZE];
    struct group *group;
    bool is_first, is_graver;

    write_key(notice, key);
    group = group_find(groups, key);
    is_first = !group;
    if (!group && !take_page(groups, now_ms)) {
        group = group_find(groups, "overflow");
        if (!group)
            group = open_group(groups, notice, "overflow", true);
        is_first = false;
    } else if (!group) {
        group = open_group(groups, notice, key, false);
    }
    if (!group || group_add(group, notice->incident_id) < 0)
        return GROUP_TELL;
    group->joined++;
    group->is_changed = true;
    is_graver = !group->is_overflow && notice->severity > group->severity;
    if (notice->severity > group->severity)
        group->severity = notice->severity;
    if (!is_first && !is_graver)
        return hold(group, now_ms);
    group->is_told = true;
    fill_out(group, out, leader);
    return GROUP_TELL;
}

static enum group_answer escalate(struct group *group, const struct notice *notice,
                                  struct notice *out, char leader[GROUP_MEMBER_SIZE])
{
    if (group->is_told && notice->severity <= group->severity)
        return GROUP_HOLD;
    group->severity = notice->severity;
    group->is_told = true;
    group->is_changed = true;
    fill_out(group, out, leader);
    return GROUP_TELL;
}

/* Told with the last one. Of what nobody heard of nobody hears the end, but for the number. */
static enum group_answer leave(struct group *group, const char *incident_id, struct notice *out,
                               char leader[GROUP_MEMBER_SIZE])
{
    struct group_member *member = find_member(group, incident_id);

    *member = group->members[--group->member_count];
    group->is_changed = true;
    if (group->member_count > 0)
        return GROUP_HOLD;
    if (!group->is_told)
        return GROUP_HOLD; /* over when its number is told */
    group->is_over = true;
    fill_out(group, out, leader);
    return GROUP_TELL;
}

enum group_answer groups_step(struct groups *groups, const struct notice *notice, uint64_t now_ms,
                              struct notice *out, char leader[GROUP_MEMBER_SIZE])
{
    struct group *group;

    *out = *notice;
    leader[0] = '\0';
    if (!notice->incident_id)
        return GROUP_TELL;
    group = group_of(groups, notice->incident_id);
    if (notice->event == NOTICE_RESOLVED)
        return group ? leave(group, notice->incident_id, out, leader) : GROUP_TELL;
    if (notice->event == NOTICE_ESCALATED && group)
        return escalate(group, notice, out, leader);
    if (notice->event == NOTICE_OPENED || notice->event == NOTICE_ESCALATED)
        return group ? GROUP_HOLD : join(groups, notice, now_ms, out, leader);
    if (group && strcmp(group->leader, notice->incident_id) != 0)
        return GROUP_HOLD; /* what happens to the one that people know is enough */
    if (group)
        fill_out(group, out, leader);
    return GROUP_TELL;
}

/* ---- numbers ------------------------------------------------------------------------------- */

uint64_t groups_due_ms(const struct groups *groups)
{
    uint64_t due_ms = UINT64_MAX;

    for (const struct group *group = groups->first; group; group = group->next) {
        if (!group->is_over && group->digest_due_ms < due_ms)
            due_ms = group->digest_due_ms;
    }
    return due_ms;
}

static void write_summary(const struct group *group, char *out, size_t size)
{
    const char *ended = group->member_count == 0 ? "; all of them are over" : "";

    if (group->is_overflow)
        snprintf(out, size,
                 "and %zu more incidents, too many in a short time to be told one by one%s",
                 group->untold, ended);
    else
        snprintf(out, size, "and %zu more: %zu processes of %s have the same growth%s",
                 group->untold, group->joined, group->unit[0] ? group->unit : group->name, ended);
}

bool groups_take_digest(struct groups *groups, uint64_t now_ms, uint64_t now_wall_ms,
                        struct notice *out, char *summary, size_t size)
{
    struct group *group = groups->first;

    while (group && (group->is_over || group->digest_due_ms > now_ms))
        group = group->next;
    if (!group)
        return false;
    write_summary(group, summary, size);
    *out = (struct notice){.event = NOTICE_GROUPED,
                           .severity = group->severity,
                           .event_wall_ms = now_wall_ms,
                           .incident_id = group->leader,
                           .fingerprint = group->fingerprint[0] ? group->fingerprint : NULL,
                           .state = group->member_count > 0 ? "open" : "resolved",
                           .verdict = group->verdict[0] ? group->verdict : NULL,
                           .summary = summary,
                           .opened_wall_ms = group->opened_wall_ms,
                           .process_name = group->name[0] ? group->name : NULL,
                           .unit = group->unit[0] ? group->unit : NULL,
                           .group_key = group->key,
                           .group_count = group->joined};
    group->untold = 0;
    group->is_told = true;
    group->digest_due_ms = UINT64_MAX;
    group->digest_ms = now_ms;
    group->is_changed = true;
    group->is_over = group->member_count == 0;
    return true;
}
