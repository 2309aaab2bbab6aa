/* SPDX-License-Identifier: MIT */
/* The actor: a channel for each receiver, and what comes into it. send.c takes it from there. */
#include "daemon/alert/alert.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/alert/kind.h"
#include "daemon/alert/private.h"
#include "daemon/alert/sign.h"
#include "daemon/base/buf.h"
#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/fetch/fetch.h"

#define OUTBOX_COUNT_MAX 1000 /* of all receivers: 20 MB when every body is as long as can be */

/* ---- channels ------------------------------------------------------------------------------ */

static struct channel *channel_find(struct channel *list, const char *name)
{
    while (list && strcmp(list->receiver.name, name) != 0)
        list = list->next;
    return list;
}

static void channel_free(struct channel *channel)
{
    send_cancel(channel);
    outbox_done(&channel->outbox);
    groups_done(&channel->groups);
    conf_forget_secrets(&channel->receiver);
    free(channel);
}

static void channels_free(struct channel *list)
{
    while (list) {
        struct channel *next = list->next;

        channel_free(list);
        list = next;
    }
}

struct channel *alert_channel(struct alert *alert, const char *receiver)
{
    return channel_find(alert->channels, receiver);
}

/* Empty channels, in the order of conf. */
static int channels_new(struct alert *alert, const struct conf *conf, struct channel **out)
{
    struct channel *list = NULL;

    for (unsigned i = conf->receiver_count; i-- > 0;) {
        struct channel *channel = calloc(1, sizeof(*channel));

        if (!channel) {
            channels_free(list);
            return -ENOMEM;
        }
        channel->alert = alert;
        channel->receiver = conf->receivers[i];
        channel->kind = receiver_kind_find(conf->receivers[i].type);
        channel->next = list;
        list = channel;
        if (!channel->kind) {
            channels_free(list);
            return -EINVAL;
        }
        channel->outbox.rule = channel->kind->rule;
    }
    *out = list;
    return 0;
}

static size_t queued_count(const struct alert *alert)
{
    size_t count = 0;

    for (const struct channel *channel = alert->channels; channel; channel = channel->next)
        count += channel->outbox.queue.count;
    return count;
}

/* ---- queueing ------------------------------------------------------------------------------ */

/* The end of what stands must name it as it was named: by the text that was told last. */
static const struct outbox_item *told_before(const struct channel *channel,
                                             const struct notice *notice)
{
    const struct item_list *lists[] = {&channel->outbox.standing, &channel->outbox.queue};
    const char *incident_id = notice->incident_id ? notice->incident_id : "";
    const struct outbox_item *found = NULL;

    if (channel->outbox.rule.remind_ms == 0 || !notice_is_end(notice->event))
        return NULL;
    for (size_t i = 0; i < 2; i++) {
        for (const struct outbox_item *item = lists[i]->head; item; item = item->next) {
            if (!strcmp(item->incident_id, incident_id) && !notice_is_end(item->event) &&
                item->event != NOTICE_TEST)
                found = item;
        }
    }
    return found;
}

static char *make_body(const struct channel *channel, const struct notice *notice, size_t *len)
{
    const struct outbox_item *before = told_before(channel, notice);
    const char *page = channel->alert->page;
    char link[384];
    struct buf body;

    buf_init(&body, 16 * ALERT_BODY_MAX);
    snprintf(link, sizeof(link), "%s/i/%s", page, notice->incident_id ? notice->incident_id : "");
    if (before)
        buf_put(&body, before->body, before->body_len);
    else
        alert_write_body(notice, page[0] && notice->incident_id ? link : NULL, &body);
    return buf_take(&body, len);
}

int alert_queue(struct channel *channel, const struct notice *notice)
{
    struct notice complete = *notice;
    struct outbox_item *item;
    size_t len;
    char *text;
    int rc;

    if (queued_count(channel->alert) >= OUTBOX_COUNT_MAX)
        return -ENOSPC;
    complete.host = channel->alert->host;
    text = make_body(channel, &complete, &len);
    if (!text)
        return -ENOMEM;
    rc = outbox_put(&channel->outbox, &complete, text, len, clock_mono_ms(), &item);
    if (rc == 0)
        keep_change(channel, item);
    return rc;
}

/* The incident says what became of it, too, when it is told of as one of many. */
static void report_held(struct channel *channel, const struct notice *notice)
{
    struct alert *alert = channel->alert;
    struct alert_delivery delivery = {.incident_id = notice->incident_id,
                                      .receiver = channel->receiver.name,
                                      .event = notice_event_name(notice->event),
                                      .notice_id = "",
                                      .grouped = true,
                                      .error = "not told by itself: it is one of a group"};

    alert->stats.grouped++;
    channel->tally.grouped++;
    if (alert->on_delivery)
        alert->on_delivery(alert->arg, &delivery);
}

/* Who does not want to hear of an end, still has to know that a group is smaller now. */
static int offer(struct channel *channel, const struct notice *notice)
{
    bool is_grouped = channel->kind->has_groups && channel->receiver.group;
    bool is_wanted = alert_wants(&channel->receiver, notice);
    struct notice told = *notice;
    char leader[GROUP_MEMBER_SIZE], summary[640];
    int rc = 0;

    if (channel->stopped || (!is_wanted && !notice_is_end(notice->event)))
        return 0;
    if (notice->event == NOTICE_ACKNOWLEDGED && channel->outbox.rule.remind_ms > 0)
        return 0; /* it has silences of its own, and goes on being told */
    if (is_grouped) {
        enum group_answer answer =
            groups_step(&channel->groups, notice, clock_mono_ms(), &told, leader);

        if (answer == GROUP_HOLD && is_wanted)
            report_held(channel, notice);
        is_wanted = is_wanted && answer == GROUP_TELL;
        if (told.event == NOTICE_RESOLVED && told.group_count > 1) {
            snprintf(summary, sizeof(summary), "the last of %zu is over: %s", told.group_count,
                     notice->summary ? notice->summary : "");
            told.summary = summary;
        }
    }
    /* What stands must not be told again for ever. */
    if (is_wanted || (channel->outbox.rule.remind_ms > 0 && told_before(channel, notice)))
        rc = alert_queue(channel, &told);
    keep_groups(channel); /* told borrows from them */
    return rc;
}

int alert_notify(struct alert *alert, const struct notice *notice)
{
    int rc = 0;

    for (struct channel *channel = alert->channels; channel; channel = channel->next) {
        int failed = offer(channel, notice);

        if (failed < 0) {
            log_error("notice.lost", "receiver=%s event=%s %s, dropping it", channel->receiver.name,
                      notice_event_name(notice->event), strerror(-failed));
            rc = failed;
        }
    }
    send_soon(alert);
    return rc;
}

int alert_notify_one(struct alert *alert, const char *receiver, const struct notice *notice)
{
    struct channel *channel = channel_find(alert->channels, receiver);
    int rc;

    if (!channel)
        return -ENOENT;
    if (channel->stopped)
        return -EPIPE;
    rc = alert_queue(channel, notice);
    send_soon(alert);
    return rc;
}

int alert_redeliver(struct alert *alert, const char *receiver, size_t *count)
{
    struct channel *channel = channel_find(alert->channels, receiver);

    if (!channel)
        return -ENOENT;
    if (channel->stopped)
        return -EPIPE;
    *count = outbox_revive(&channel->outbox, clock_mono_ms());
    for (struct outbox_item *item = channel->outbox.queue.head; item; item = item->next) {
        if (item->is_changed)
            keep_change(channel, item);
    }
    send_soon(alert);
    return 0;
}

static const struct item_list *letters(const struct channel *channel, bool dead)
{
    return dead ? &channel->outbox.dead : &channel->outbox.queue;
}

bool alert_letter_at(const struct alert *alert, size_t receiver, bool dead, size_t index,
                     struct alert_letter *out)
{
    const struct channel *channel = alert->channels;
    const struct outbox_item *item;

    while (channel && receiver-- > 0)
        channel = channel->next;
    item = channel ? letters(channel, dead)->head : NULL;
    while (item && index-- > 0)
        item = item->next;
    if (!item)
        return false;
    *out = (struct alert_letter){.id = item->id,
                                 .incident_id = item->incident_id,
                                 .event = notice_event_name(item->event),
                                 .event_wall_ms = item->event_wall_ms,
                                 .attempts = item->attempts};
    return true;
}

/* ---- life ---------------------------------------------------------------------------------- */

/* The dashboard's address as people can use it: the one given, else the loopback one. */
static void set_page(struct alert *alert, const struct conf *conf)
{
    size_t len = strlen(conf->external_url);

    while (len > 0 && conf->external_url[len - 1] == '/')
        len--;
    alert->page[0] = '\0';
    if (len > 0)
        snprintf(alert->page, sizeof(alert->page), "%.*s", (int)len, conf->external_url);
    else if (conf->http.listen[0])
        snprintf(alert->page, sizeof(alert->page), "http://%s", conf->http.listen);
}

int alert_new(uv_loop_t *loop, const struct conf *conf, struct fetcher *fetcher,
              alert_on_delivery on_delivery, void *arg, struct alert **out)
{
    struct alert *alert = calloc(1, sizeof(*alert));
    int rc;

    if (!alert)
        return -ENOMEM;
    rc = channels_new(alert, conf, &alert->channels);
    if (rc < 0) {
        free(alert);
        return rc;
    }
    if (gethostname(alert->host, sizeof(alert->host) - 1) < 0)
        alert->host[0] = '\0';
    alert->loop = loop;
    alert->fetcher = fetcher;
    alert->on_delivery = on_delivery;
    alert->arg = arg;
    set_page(alert, conf);
    uv_timer_init(loop, &alert->timer); /* cannot fail */
    alert->timer.data = alert;
    *out = alert;
    return 0;
}

/*
 * The old channel goes on with new settings: its notices and their order stay, and what waits is
 * tried at once, for a reload may have mended what was wrong. An attempt in flight with the old
 * settings is taken back.
 */
static void channel_inherit(struct channel *channel, struct channel *old)
{
    struct outbox_rule rule = channel->outbox.rule;

    send_cancel(old);
    channel->outbox = old->outbox;
    channel->outbox.rule = rule;
    channel->outbox.hold_ms = 0;
    channel->groups = old->groups;
    channel->tally = old->tally;
    if (channel->outbox.queue.head)
        channel->outbox.queue.head->due_ms = clock_mono_ms();
    for (struct group *group = channel->groups.first; group; group = group->next) {
        group->is_over |= !channel->kind->has_groups || !channel->receiver.group;
        group->is_changed = true;
    }
    keep_groups(channel);
    if (rule.remind_ms == 0) /* it was an Alertmanager once */
        keep_end_all(channel->alert, &channel->outbox.standing);
    old->outbox = (struct outbox){.rule = old->outbox.rule};
    old->groups = (struct groups){0};
}

/* Of a receiver that is gone; the others' outboxes are empty by now. */
static void forget_notices(struct channel *channel)
{
    send_cancel(channel);
    keep_end_all(channel->alert, &channel->outbox.queue);
    keep_end_all(channel->alert, &channel->outbox.dead);
    keep_end_all(channel->alert, &channel->outbox.standing);
}

int alert_reload(struct alert *alert, const struct conf *conf)
{
    struct channel *old = alert->channels;
    struct channel *fresh, *before;
    int rc = channels_new(alert, conf, &fresh);

    if (rc < 0)
        return rc;
    for (struct channel *channel = fresh; channel; channel = channel->next) {
        before = channel_find(old, channel->receiver.name);
        if (before)
            channel_inherit(channel, before);
    }
    alert->channels = fresh;
    for (struct channel *channel = old; channel; channel = channel->next)
        forget_notices(channel);
    channels_free(old);
    set_page(alert, conf);
    send_soon(alert);
    return 0;
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct alert *alert = handle->data;

    if (alert->on_closed)
        alert->on_closed(alert->closed_arg);
    free(alert);
}

void alert_close(struct alert *alert, void (*on_closed)(void *arg), void *arg)
{
    alert->on_closed = on_closed;
    alert->closed_arg = arg;
    channels_free(alert->channels);
    keep_done(alert);
    alert->channels = NULL;
    alert->fetcher = NULL;
    uv_close((uv_handle_t *)&alert->timer, on_timer_closed);
}

void alert_read_stats(const struct alert *alert, struct alert_stats *out)
{
    *out = alert->stats;
    out->queued = queued_count(alert);
}

bool alert_receiver_at(const struct alert *alert, size_t index, struct alert_receiver *out)
{
    const struct channel *channel = alert->channels;

    while (channel && index-- > 0)
        channel = channel->next;
    if (!channel)
        return false;
    *out = (struct alert_receiver){.conf = &channel->receiver,
                                   .is_off = channel->stopped,
                                   .queued = channel->outbox.queue.count,
                                   .dead = channel->outbox.dead.count,
                                   .standing = channel->outbox.standing.count,
                                   .next_mono_ms = outbox_due_ms(&channel->outbox),
                                   .tally = &channel->tally};
    return true;
}
