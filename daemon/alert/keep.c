/* SPDX-License-Identifier: MIT */
/*
 * Notices as rows for the owner's disk. An item is changed, asked (being written) and kept; one that
 * has ended stays here until its row is gone. Times go to the disk as wall time, because the
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

static void say_change(struct alert *alert)
{
    if (alert->keeping.is_on && alert->keeping.on_change)
        alert->keeping.on_change(alert->keeping.arg);
}

void alert_keep(struct alert *alert, void (*on_change)(void *arg), void *arg)
{
    alert->keeping.is_on = true;
    alert->keeping.disk_works = true;
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

void keep_end(struct alert *alert, struct outbox_item *take)
{
    if (!alert->keeping.is_on || (!take->is_kept && !take->is_asked)) {
        outbox_item_free(take);
        return;
    }
    free(take->body);
    take->body = NULL;
    take->is_asked = false; /* what is being written is not yet the drop */
    take->next = alert->keeping.ended;
    alert->keeping.ended = take;
    say_change(alert);
}

bool keep_allows(const struct channel *channel)
{
    const struct keeping *keeping = &channel->alert->keeping;

    if (!keeping->is_on || !keeping->disk_works || !channel->outbox.head)
        return true;
    for (const struct outbox_item *item = keeping->ended; item; item = item->next) {
        if (strcmp(item->receiver, channel->receiver.name) == 0)
            return false;
    }
    return channel->outbox.head->is_kept;
}

void keep_done(struct alert *alert)
{
    while (alert->keeping.ended) {
        struct outbox_item *item = alert->keeping.ended;

        alert->keeping.ended = item->next;
        outbox_item_free(item);
    }
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

static void write_row(const struct outbox_item *item, uint64_t now_mono_ms, uint64_t now_wall_ms,
                      struct buf *out)
{
    struct json json;

    json_init(&json, out);
    json_object(&json, NULL);
    json_str(&json, "receiver", item->receiver);
    json_str(&json, "incident_id", item->incident_id);
    json_str(&json, "event", notice_event_name(item->event));
    json_u64(&json, "attempts", item->attempts);
    json_u64(&json, "step", item->step);
    json_u64(&json, "due_wall_ms", to_wall(item->due_ms, now_mono_ms, now_wall_ms));
    json_u64(&json, "expires_wall_ms", to_wall(item->expires_ms, now_mono_ms, now_wall_ms));
    json_strn(&json, "body", item->body, item->body_len);
    json_object_end(&json);
}

static int collect_item(struct outbox_item *item, const struct alert_keeper *keeper,
                        uint64_t now_mono_ms, uint64_t now_wall_ms)
{
    struct buf text;
    int rc;

    if (!item->is_changed)
        return 0;
    buf_init(&text, ROW_BYTES_MAX);
    write_row(item, now_mono_ms, now_wall_ms, &text);
    rc = text.failed ? -ENOMEM
                     : keeper->put(keeper->arg, item->id, item->order, text.data, text.len);
    buf_done(&text);
    if (rc < 0)
        return rc;
    item->is_changed = false;
    item->is_asked = true;
    return 0;
}

int alert_collect(struct alert *alert, const struct alert_keeper *keeper, uint64_t now_mono_ms,
                  uint64_t now_wall_ms)
{
    int rc = 0;

    for (struct channel *channel = alert->channels; channel; channel = channel->next) {
        for (struct outbox_item *item = channel->outbox.head; item && rc == 0; item = item->next)
            rc = collect_item(item, keeper, now_mono_ms, now_wall_ms);
    }
    for (struct outbox_item *item = alert->keeping.ended; item && rc == 0; item = item->next) {
        rc = keeper->drop(keeper->arg, item->id);
        item->is_asked = rc == 0;
    }
    return rc;
}

static void end_collected(struct alert *alert, bool is_kept)
{
    struct outbox_item **link = &alert->keeping.ended;

    while (*link) {
        struct outbox_item *item = *link;

        if (item->is_asked && is_kept) {
            *link = item->next;
            outbox_item_free(item);
        } else {
            item->is_asked = false;
            link = &item->next;
        }
    }
}

void alert_collected(struct alert *alert, bool is_kept)
{
    for (struct channel *channel = alert->channels; channel; channel = channel->next) {
        for (struct outbox_item *item = channel->outbox.head; item; item = item->next) {
            if (!item->is_asked)
                continue;
            item->is_asked = false;
            item->is_kept = item->is_kept || is_kept;
            item->is_changed = item->is_changed || !is_kept;
        }
    }
    end_collected(alert, is_kept);
    alert_send_soon(alert);
}

void alert_set_disk(struct alert *alert, bool works)
{
    if (alert->keeping.disk_works == works)
        return;
    alert->keeping.disk_works = works;
    alert_send_soon(alert);
}

void alert_forget_rows(struct alert *alert)
{
    for (struct channel *channel = alert->channels; channel; channel = channel->next) {
        for (struct outbox_item *item = channel->outbox.head; item; item = item->next)
            item->is_changed = true;
    }
    say_change(alert);
}

/* ---- after a restart ----------------------------------------------------------------------- */

static bool read_event(const char *name, enum notice_event *out)
{
    for (int i = 0; i <= NOTICE_TEST; i++) {
        if (strcmp(name, notice_event_name((enum notice_event)i)) == 0) {
            *out = (enum notice_event)i;
            return true;
        }
    }
    return false;
}

static int read_row(const struct json_tree *tree, uint64_t now_mono_ms, uint64_t now_wall_ms,
                    struct outbox_item *out)
{
    const char *body = json_get_str(tree, "body", NULL);
    double expires_wall_ms = json_get_double(tree, "expires_wall_ms", 0);

    if (!body || !read_event(json_get_str(tree, "event", ""), &out->event))
        return -EBADMSG;
    if (expires_wall_ms <= (double)now_wall_ms)
        return -ESTALE;
    out->body_len = strlen(body);
    out->body = strdup(body);
    if (!out->body)
        return -ENOMEM;
    snprintf(out->receiver, sizeof(out->receiver), "%s", json_get_str(tree, "receiver", ""));
    snprintf(out->incident_id, sizeof(out->incident_id), "%s",
             json_get_str(tree, "incident_id", ""));
    out->attempts = (unsigned)json_get_double(tree, "attempts", 0);
    out->step = (unsigned)json_get_double(tree, "step", 1);
    out->due_ms =
        to_mono((uint64_t)json_get_double(tree, "due_wall_ms", 0), now_mono_ms, now_wall_ms);
    out->expires_ms = to_mono((uint64_t)expires_wall_ms, now_mono_ms, now_wall_ms);
    out->is_kept = true;
    return 0;
}

static bool is_there(const struct channel *channel, const char *id)
{
    for (const struct outbox_item *item = channel->outbox.head; item; item = item->next) {
        if (strcmp(item->id, id) == 0)
            return true;
    }
    return false;
}

static int restore_item(struct alert *alert, struct outbox_item *item)
{
    struct channel *channel = alert_channel(alert, item->receiver);

    if (!channel)
        return -ENOENT;
    if (is_there(channel, item->id))
        return -EEXIST;
    outbox_append(&channel->outbox, item);
    if (item->order > alert->keeping.order)
        alert->keeping.order = item->order;
    alert_send_soon(alert);
    return 0;
}

int alert_restore(struct alert *alert, const char *id, uint64_t order, const char *text, size_t len,
                  uint64_t now_mono_ms, uint64_t now_wall_ms)
{
    struct outbox_item *item = calloc(1, sizeof(*item));
    struct json_tree *tree;
    char error[128];
    int rc;

    if (!item)
        return -ENOMEM;
    snprintf(item->id, sizeof(item->id), "%s", id);
    item->order = order;
    tree = json_parse(text, len, error, sizeof(error));
    rc = tree ? read_row(tree, now_mono_ms, now_wall_ms, item) : -EBADMSG;
    json_tree_free(tree);
    if (rc == 0)
        rc = restore_item(alert, item);
    if (rc < 0)
        outbox_item_free(item);
    return rc;
}
