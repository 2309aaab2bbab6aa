/* SPDX-License-Identifier: MIT */
/*
 * Notices as rows for the owner's disk. An item is changed, asked (being written) and kept; one
 * that has ended stays here until its row is gone. Times go to the disk as wall time, because the
 * monotonic clock begins anew with every boot.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/alert/private.h"
#include "daemon/base/buf.h"
#include "daemon/base/json.h"

/* The body twice over: quotes are escaped. */
#define ROW_BYTES_MAX (4 * ALERT_BODY_MAX)

/* Of which a row may be there, while the disk is away for long; one beyond it may be told again.
 * Notices of all receivers, and groups of each. */
#define ENDED_MAX 4096u

static void say_change(struct alert *alert)
{
    if (alert->keeping.is_on && alert->keeping.on_change)
        alert->keeping.on_change(alert->keeping.arg);
}

void alert_keep(struct alert *alert, void (*on_change)(void *arg), void *arg)
{
    alert->keeping.is_on = true;
    alert->keeping.is_closed = !on_change;
    if (on_change)
        alert->keeping.disk_works = true; /* the end says nothing of the disk */
    alert->keeping.on_change = on_change;
    alert->keeping.arg = arg;
}

void keep_change(struct channel *channel, struct outbox_item *item)
{
    item->is_changed = true;
    if (item->order == 0) {
        item->order = ++channel->alert->keeping.order;
        snprintf(item->receiver, sizeof(item->receiver), "%s", channel->receiver.name);
    }
    say_change(channel->alert);
}

void keep_groups(struct channel *channel)
{
    bool is_away = !channel->alert->keeping.disk_works;
    bool has_changed = false;
    size_t ended_count = 0;
    struct group *next;

    for (struct group *group = channel->groups.first; group; group = next) {
        bool is_too_much = is_away && ended_count >= ENDED_MAX;

        next = group->next;
        if (group->is_over && (!group->was_asked || is_too_much)) {
            groups_drop(&channel->groups, group);
            continue;
        }
        ended_count += group->is_over;
        has_changed |= group->is_changed;
    }
    if (has_changed)
        say_change(channel->alert);
}

void keep_end(struct alert *alert, struct outbox_item *take)
{
    bool is_too_much = !alert->keeping.disk_works && alert->keeping.ended.count >= ENDED_MAX;

    if (!alert->keeping.is_on || !take->was_asked || is_too_much) {
        outbox_item_free(take);
        return;
    }
    free(take->body);
    take->body = NULL;
    take->is_asked = false; /* what is being written is not yet the drop */
    list_append(&alert->keeping.ended, take);
    say_change(alert);
}

void keep_end_all(struct alert *alert, struct item_list *take)
{
    struct outbox_item *item;

    while ((item = list_take(take)))
        keep_end(alert, item);
}

bool keep_allows(const struct channel *channel)
{
    const struct keeping *keeping = &channel->alert->keeping;

    if (!keeping->is_on || !keeping->disk_works)
        return true;
    if (keeping->is_closed)
        return false;
    if (!channel->outbox.queue.head)
        return true;
    for (const struct outbox_item *item = keeping->ended.head; item; item = item->next) {
        if (strcmp(item->receiver, channel->receiver.name) == 0)
            return false;
    }
    return channel->outbox.queue.head->is_kept;
}

void keep_done(struct alert *alert)
{
    struct outbox_item *item;

    while ((item = list_take(&alert->keeping.ended)))
        outbox_item_free(item);
}

/* ---- rows ---------------------------------------------------------------------------------- */

static uint64_t to_wall(uint64_t mono_ms, uint64_t now_mono_ms, uint64_t now_wall_ms)
{
    return mono_ms > now_mono_ms ? now_wall_ms + (mono_ms - now_mono_ms)
                                 : now_wall_ms - (now_mono_ms - mono_ms);
}

/* What is past is now; nothing of ours lies further ahead than a day, whatever the clock did. */
static uint64_t to_mono(uint64_t wall_ms, uint64_t now_mono_ms, uint64_t now_wall_ms)
{
    uint64_t ahead_ms = wall_ms > now_wall_ms ? wall_ms - now_wall_ms : 0;

    return now_mono_ms + (ahead_ms < ALERT_AGE_MAX_MS ? ahead_ms : ALERT_AGE_MAX_MS);
}

/* 0 is never. */
static void write_time(struct json *json, const char *key, uint64_t mono_ms, uint64_t now_mono_ms,
                       uint64_t now_wall_ms)
{
    json_u64(json, key, mono_ms == UINT64_MAX ? 0 : to_wall(mono_ms, now_mono_ms, now_wall_ms));
}

static uint64_t read_time(const struct json_tree *tree, const char *key, uint64_t now_mono_ms,
                          uint64_t now_wall_ms)
{
    uint64_t wall_ms = (uint64_t)json_get_double(tree, key, 0);

    return wall_ms == 0 ? UINT64_MAX : to_mono(wall_ms, now_mono_ms, now_wall_ms);
}

static void write_item(const struct outbox_item *item, uint64_t now_mono_ms, uint64_t now_wall_ms,
                       struct buf *out)
{
    struct json json;

    json_init(&json, out);
    json_object(&json, NULL);
    json_str(&json, "receiver", item->receiver);
    json_str(&json, "incident_id", item->incident_id);
    json_str(&json, "event", notice_event_name(item->event));
    json_u64(&json, "event_wall_ms", item->event_wall_ms);
    json_u64(&json, "attempts", item->attempts);
    json_u64(&json, "step", item->step);
    write_time(&json, "due_wall_ms", item->due_ms, now_mono_ms, now_wall_ms);
    write_time(&json, "expires_wall_ms", item->expires_ms, now_mono_ms, now_wall_ms);
    json_bool(&json, "dead", item->is_dead);
    json_bool(&json, "standing", item->is_standing);
    json_strn(&json, "body", item->body, item->body_len);
    json_object_end(&json);
}

static void write_group(const struct channel *channel, const struct group *group,
                        uint64_t now_mono_ms, uint64_t now_wall_ms, struct buf *out)
{
    struct json json;

    json_init(&json, out);
    json_object(&json, NULL);
    json_str(&json, "receiver", channel->receiver.name);
    json_str(&json, "group", group->key);
    json_str(&json, "leader", group->leader);
    json_str(&json, "name", group->name);
    json_str(&json, "unit", group->unit);
    json_str(&json, "fingerprint", group->fingerprint);
    json_str(&json, "verdict", group->verdict);
    json_str(&json, "severity", conf_severity_name(group->severity));
    json_u64(&json, "opened_wall_ms", group->opened_wall_ms);
    json_bool(&json, "overflow", group->is_overflow);
    json_bool(&json, "told", group->is_told);
    json_u64(&json, "joined", group->joined);
    json_u64(&json, "untold", group->untold);
    write_time(&json, "digest_due_wall_ms", group->digest_due_ms, now_mono_ms, now_wall_ms);
    json_array(&json, "members");
    for (size_t i = 0; i < group->member_count; i++)
        json_str(&json, NULL, group->members[i].incident_id);
    json_array_end(&json);
    json_object_end(&json);
}

/* ---- collecting ---------------------------------------------------------------------------- */

struct collection {
    const struct alert_keeper *keeper;
    uint64_t now_mono_ms;
    uint64_t now_wall_ms;
};

static int put_row(const struct collection *to, const char *id, uint64_t order, struct buf *text)
{
    int rc =
        text->failed ? -ENOMEM : to->keeper->put(to->keeper->arg, id, order, text->data, text->len);

    buf_done(text);
    return rc;
}

static int collect_item(const struct collection *to, struct outbox_item *item)
{
    struct buf text;
    int rc;

    if (!item->is_changed)
        return 0;
    buf_init(&text, ROW_BYTES_MAX);
    write_item(item, to->now_mono_ms, to->now_wall_ms, &text);
    rc = put_row(to, item->id, item->order, &text);
    if (rc < 0)
        return rc;
    item->is_changed = false;
    item->is_asked = item->was_asked = true;
    return 0;
}

static int collect_list(const struct collection *to, const struct item_list *list)
{
    int rc = 0;

    for (struct outbox_item *item = list->head; item && rc == 0; item = item->next)
        rc = collect_item(to, item);
    return rc;
}

static int collect_group(const struct collection *to, const struct channel *channel,
                         struct group *group)
{
    struct buf text;
    int rc;

    if (group->is_over) {
        rc = to->keeper->drop(to->keeper->arg, group->id);
    } else {
        buf_init(&text, ROW_BYTES_MAX);
        write_group(channel, group, to->now_mono_ms, to->now_wall_ms, &text);
        rc = put_row(to, group->id, 0, &text);
    }
    if (rc < 0)
        return rc;
    group->is_changed = false;
    group->is_asked = group->was_asked = true;
    return 0;
}

static int collect_channel(const struct collection *to, struct channel *channel)
{
    int rc = collect_list(to, &channel->outbox.queue);

    if (rc == 0)
        rc = collect_list(to, &channel->outbox.dead);
    if (rc == 0)
        rc = collect_list(to, &channel->outbox.standing);
    for (struct group *group = channel->groups.first; group && rc == 0; group = group->next) {
        if (group->is_changed)
            rc = collect_group(to, channel, group);
    }
    return rc;
}

int alert_collect(struct alert *alert, const struct alert_keeper *keeper, uint64_t now_mono_ms,
                  uint64_t now_wall_ms)
{
    const struct collection to = {keeper, now_mono_ms, now_wall_ms};
    int rc = 0;

    for (struct channel *channel = alert->channels; channel && rc == 0; channel = channel->next)
        rc = collect_channel(&to, channel);
    for (struct outbox_item *item = alert->keeping.ended.head; item && rc == 0; item = item->next) {
        rc = keeper->drop(keeper->arg, item->id);
        item->is_asked = rc == 0;
    }
    return rc;
}

static void end_collected(struct alert *alert, bool is_kept)
{
    struct item_list *ended = &alert->keeping.ended;
    struct outbox_item *next;

    for (struct outbox_item *item = ended->head; item; item = next) {
        next = item->next;
        if (item->is_asked && is_kept) {
            list_remove(ended, item);
            outbox_item_free(item);
        } else {
            item->is_asked = false;
        }
    }
}

static void list_collected(struct item_list *list, bool is_kept)
{
    for (struct outbox_item *item = list->head; item; item = item->next) {
        if (!item->is_asked)
            continue;
        item->is_asked = false;
        item->is_kept = item->is_kept || is_kept;
        item->is_changed = item->is_changed || !is_kept;
    }
}

static void groups_collected(struct groups *groups, bool is_kept)
{
    struct group *next;

    for (struct group *group = groups->first; group; group = next) {
        bool is_answered = group->is_asked;

        next = group->next;
        group->is_asked = false;
        if (is_answered && is_kept && group->is_over && !group->is_changed)
            groups_drop(groups, group);
        else
            group->is_changed = group->is_changed || (is_answered && !is_kept);
    }
}

void alert_collected(struct alert *alert, bool is_kept)
{
    for (struct channel *channel = alert->channels; channel; channel = channel->next) {
        list_collected(&channel->outbox.queue, is_kept);
        list_collected(&channel->outbox.dead, is_kept);
        list_collected(&channel->outbox.standing, is_kept);
        groups_collected(&channel->groups, is_kept);
    }
    end_collected(alert, is_kept);
    send_soon(alert);
}

void alert_set_disk(struct alert *alert, bool works)
{
    if (alert->keeping.disk_works == works)
        return;
    alert->keeping.disk_works = works;
    send_soon(alert);
}

static void list_forget_rows(struct item_list *list)
{
    for (struct outbox_item *item = list->head; item; item = item->next)
        item->is_changed = true;
}

void alert_forget_rows(struct alert *alert)
{
    for (struct channel *channel = alert->channels; channel; channel = channel->next) {
        list_forget_rows(&channel->outbox.queue);
        list_forget_rows(&channel->outbox.dead);
        list_forget_rows(&channel->outbox.standing);
        for (struct group *group = channel->groups.first; group; group = group->next)
            group->is_changed = true;
    }
    say_change(alert);
}

/* ---- after a restart ----------------------------------------------------------------------- */

/* A row of before there were dead letters has no time of its own; it gets that of its end. */
static int read_item(const struct json_tree *tree, uint64_t now_mono_ms, uint64_t now_wall_ms,
                     struct outbox_item *out)
{
    const char *body = json_get_str(tree, "body", NULL);
    double expires_wall_ms = json_get_double(tree, "expires_wall_ms", 0);

    if (!body || !notice_event_find(json_get_str(tree, "event", ""), &out->event))
        return -EBADMSG;
    if (expires_wall_ms > 0 && expires_wall_ms + OUTBOX_DEAD_MAX_MS <= (double)now_wall_ms)
        return -ESTALE;
    out->body_len = strlen(body);
    out->body = strdup(body);
    if (!out->body)
        return -ENOMEM;
    snprintf(out->incident_id, sizeof(out->incident_id), "%s",
             json_get_str(tree, "incident_id", ""));
    out->event_wall_ms = (uint64_t)json_get_double(tree, "event_wall_ms", expires_wall_ms);
    out->attempts = (unsigned)json_get_double(tree, "attempts", 0);
    out->step = (unsigned)json_get_double(tree, "step", 1);
    out->due_ms = read_time(tree, "due_wall_ms", now_mono_ms, now_wall_ms);
    out->expires_ms = read_time(tree, "expires_wall_ms", now_mono_ms, now_wall_ms);
    out->is_dead = json_get_bool(tree, "dead", false);
    out->is_standing = json_get_bool(tree, "standing", false);
    out->is_kept = out->was_asked = true;
    return 0;
}

static bool is_in(const struct item_list *list, const char *id)
{
    for (const struct outbox_item *item = list->head; item; item = item->next) {
        if (strcmp(item->id, id) == 0)
            return true;
    }
    return false;
}

static int restore_item(struct channel *channel, const char *id, uint64_t order,
                        const struct json_tree *tree, uint64_t now_mono_ms, uint64_t now_wall_ms)
{
    struct outbox *outbox = &channel->outbox;
    struct outbox_item *item;
    int rc;

    if (is_in(&outbox->queue, id) || is_in(&outbox->dead, id) || is_in(&outbox->standing, id))
        return -EEXIST;
    item = calloc(1, sizeof(*item));
    if (!item)
        return -ENOMEM;
    snprintf(item->id, sizeof(item->id), "%s", id);
    snprintf(item->receiver, sizeof(item->receiver), "%s", channel->receiver.name);
    item->order = order;
    rc = read_item(tree, now_mono_ms, now_wall_ms, item);
    if (rc < 0) {
        outbox_item_free(item);
        return rc;
    }
    list_append(item->is_dead       ? &outbox->dead
                : item->is_standing ? &outbox->standing
                                    : &outbox->queue,
                item);
    if (order > channel->alert->keeping.order)
        channel->alert->keeping.order = order;
    return 0;
}

static void copy_str(const struct json_tree *tree, const char *key, char *out, size_t size)
{
    snprintf(out, size, "%s", json_get_str(tree, key, ""));
}

static enum conf_severity read_severity(const char *name)
{
    for (int i = SEVERITY_INFO; i < SEVERITY_CRITICAL; i++) {
        if (!strcmp(name, conf_severity_name((enum conf_severity)i)))
            return (enum conf_severity)i;
    }
    return SEVERITY_CRITICAL;
}

static int restore_group(struct channel *channel, const char *id, const struct json_tree *tree,
                         uint64_t now_mono_ms, uint64_t now_wall_ms)
{
    const struct json_tree *members = json_get(tree, "members");
    struct group *group = group_new(id);
    int rc = group ? 0 : -ENOMEM;

    for (size_t i = 0; i < json_len(members) && rc == 0; i++)
        rc = group_add(group, json_text(json_at(members, i), ""));
    if (rc < 0) {
        group_free(group);
        return rc;
    }
    copy_str(tree, "group", group->key, sizeof(group->key));
    copy_str(tree, "leader", group->leader, sizeof(group->leader));
    copy_str(tree, "name", group->name, sizeof(group->name));
    copy_str(tree, "unit", group->unit, sizeof(group->unit));
    copy_str(tree, "fingerprint", group->fingerprint, sizeof(group->fingerprint));
    copy_str(tree, "verdict", group->verdict, sizeof(group->verdict));
    group->severity = read_severity(json_get_str(tree, "severity", ""));
    group->opened_wall_ms = (uint64_t)json_get_double(tree, "opened_wall_ms", 0);
    group->is_overflow = json_get_bool(tree, "overflow", false);
    group->is_told = json_get_bool(tree, "told", false);
    group->joined = (size_t)json_get_double(tree, "joined", 0);
    group->untold = (size_t)json_get_double(tree, "untold", 0);
    group->digest_due_ms = read_time(tree, "digest_due_wall_ms", now_mono_ms, now_wall_ms);
    group->was_asked = true;
    groups_put(&channel->groups, group);
    return 0;
}

int alert_restore(struct alert *alert, const char *id, uint64_t order, const char *text, size_t len,
                  uint64_t now_mono_ms, uint64_t now_wall_ms)
{
    char error[128];
    struct json_tree *tree = json_parse(text, len, error, sizeof(error));
    struct channel *channel = alert_channel(alert, json_get_str(tree, "receiver", ""));
    int rc;

    if (!tree || !json_get(tree, "receiver"))
        rc = -EBADMSG;
    else if (!channel)
        rc = -ENOENT;
    else if (json_get(tree, "group"))
        rc = restore_group(channel, id, tree, now_mono_ms, now_wall_ms);
    else
        rc = restore_item(channel, id, order, tree, now_mono_ms, now_wall_ms);
    json_tree_free(tree);
    if (rc == 0)
        send_soon(alert);
    return rc;
}
