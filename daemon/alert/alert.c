/* SPDX-License-Identifier: MIT */
/* The actor: a channel for each receiver, one timer for the earliest attempt of all. */
#include "daemon/alert/alert.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/alert/kind.h"
#include "daemon/alert/private.h"
#include "daemon/alert/sign.h"
#include "daemon/base/buf.h"
#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/fetch/fetch.h"

#define ATTEMPT_TIMEOUT_MS 15000
#define ANSWER_BYTES_MAX   4096
#define OUTBOX_COUNT_MAX   1000 /* of all receivers: 20 MB when every body is as long as can be */

static void send_due(struct alert *alert);

/* ---- channels ------------------------------------------------------------------------------ */

static struct channel *channel_find(struct channel *list, const char *name)
{
    while (list && strcmp(list->receiver.name, name) != 0)
        list = list->next;
    return list;
}

static void channel_free(struct channel *channel)
{
    if (channel->outbox.in_flight && channel->alert->fetcher)
        fetcher_cancel(channel->alert->fetcher, channel);
    outbox_done(&channel->outbox);
    explicit_bzero(channel->receiver.secret_value, CONF_SECRET_MAX);
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
    }
    *out = list;
    return 0;
}

static size_t queued_count(const struct alert *alert)
{
    size_t count = 0;

    for (const struct channel *channel = alert->channels; channel; channel = channel->next)
        count += channel->outbox.count;
    return count;
}

/* ---- sending ------------------------------------------------------------------------------- */

static void report(struct channel *channel, const struct outbox_item *item,
                   const struct fetch_response *response, enum outbox_fate fate)
{
    struct alert *alert = channel->alert;
    char error[sizeof(response->message)] = "";
    struct alert_delivery delivery = {.incident_id = item->incident_id,
                                      .receiver = channel->receiver.name,
                                      .event = notice_event_name(item->event),
                                      .notice_id = item->id,
                                      .attempts = item->attempts,
                                      .http_status = response->status,
                                      .delivered = fate == OUTBOX_DONE,
                                      .given_up = fate == OUTBOX_GIVEN_UP,
                                      .error = error,
                                      .elapsed_ms = response->elapsed_ms};

    if (response->error)
        snprintf(error, sizeof(error), "%s", response->message);
    else if (response->status >= 300 && response->status <= 399)
        snprintf(error, sizeof(error),
                 "HTTP %ld: redirects are not followed; give the address "
                 "that it leads to",
                 response->status);
    else if (!delivery.delivered)
        snprintf(error, sizeof(error), "HTTP %ld", response->status);
    alert->stats.delivered += delivery.delivered;
    alert->stats.failed_attempts += !delivery.delivered && item->attempts > 0;
    alert->stats.given_up += delivery.given_up;
    if (delivery.delivered)
        log_info("notice.delivered", "receiver=%s event=%s id=%s attempts=%u", delivery.receiver,
                 delivery.event, delivery.notice_id, delivery.attempts);
    else
        log_warning("notice.failed", "receiver=%s event=%s id=%s attempts=%u error=\"%s\" %s",
                    delivery.receiver, delivery.event, delivery.notice_id, delivery.attempts, error,
                    delivery.given_up ? "giving up" : "trying again later");
    if (alert->on_delivery)
        alert->on_delivery(alert->arg, &delivery);
}

/* The receiver is gone for good, what waits behind the head goes with it. */
static void stop_channel(struct channel *channel, const struct fetch_response *response)
{
    struct outbox_item *item;

    channel->stopped = true;
    log_warning("receiver.off",
                "receiver=%s HTTP 410: it wants no more notices; off until a reload",
                channel->receiver.name);
    while ((item = outbox_take(&channel->outbox))) {
        report(channel, item, response, OUTBOX_GIVEN_UP);
        keep_end(channel->alert, item);
    }
}

static void settle(struct channel *channel, const struct fetch_response *response)
{
    enum alert_outcome outcome = alert_judge(response->error, response->status);
    struct outbox_item *item = channel->outbox.head;
    enum outbox_fate fate = outbox_end(&channel->outbox, outcome, response->retry_after_ms,
                                       clock_mono_ms(), sign_random_unit());

    if (fate != OUTBOX_WAITS)
        outbox_take(&channel->outbox);
    report(channel, item, response, fate);
    if (fate != OUTBOX_WAITS)
        keep_end(channel->alert, item);
    else
        keep_change(channel, item);
    if (outcome == ALERT_STOP_RECEIVER)
        stop_channel(channel, response);
}

static void on_answer(void *arg, const struct fetch_response *response)
{
    struct channel *channel = arg;
    struct alert *alert = channel->alert;

    if (response->error == -ECANCELED) {
        channel->outbox.in_flight = false;
        alert->fetcher = NULL;
        uv_timer_stop(&alert->timer);
        return;
    }
    settle(channel, response);
    send_due(alert);
}

/* A request that cannot even be made counts as an attempt. */
static void fail_start(struct channel *channel, int rc)
{
    struct fetch_response response = {.error = rc, .body = ""};

    snprintf(response.message, sizeof(response.message), "cannot make the request: %s",
             strerror(-rc));
    settle(channel, &response);
}

static void send_head(struct channel *channel, const struct outbox_item *item)
{
    const struct conf_receiver *receiver = &channel->receiver;
    struct attempt attempt;
    struct fetch_request request = {.method = "POST",
                                    .url = receiver->url,
                                    .unix_socket = receiver->socket[0] ? receiver->socket : NULL,
                                    .headers = attempt.headers,
                                    .body = item->body,
                                    .body_len = item->body_len,
                                    .timeout_ms = ATTEMPT_TIMEOUT_MS,
                                    .response_max = ANSWER_BYTES_MAX,
                                    .refuse_link_local = !receiver->allow_link_local};
    int rc = channel->kind->put_headers(receiver, item->id, clock_wall_ms() / 1000, item->body,
                                        item->body_len, &attempt);

    if (rc == 0)
        rc = fetcher_start(channel->alert->fetcher, &request, on_answer, channel);
    if (rc < 0)
        fail_start(channel, rc);
}

static void on_timer(uv_timer_t *timer)
{
    send_due(timer->data);
}

/* Begins what is due and sets the timer for what is due next. */
static void send_due(struct alert *alert)
{
    uint64_t now_ms = clock_mono_ms();
    uint64_t next_ms = UINT64_MAX;
    struct outbox_item *item;

    for (struct channel *channel = alert->channels; channel && alert->fetcher;
         channel = channel->next) {
        uint64_t due_ms;

        if (!keep_allows(channel)) /* the disk's answer brings us back here */
            continue;
        item = outbox_begin(&channel->outbox, now_ms);
        if (item)
            send_head(channel, item);
        due_ms = outbox_due_ms(&channel->outbox);
        if (due_ms < next_ms)
            next_ms = due_ms;
    }
    if (next_ms == UINT64_MAX || !alert->fetcher)
        uv_timer_stop(&alert->timer);
    else
        uv_timer_start(&alert->timer, on_timer, next_ms > now_ms ? next_ms - now_ms : 1, 0);
}

/* ---- queueing ------------------------------------------------------------------------------ */

static int queue(struct channel *channel, const struct notice *notice)
{
    struct alert *alert = channel->alert;
    char link[384];
    struct buf body;
    size_t len;
    char *text;
    int rc;

    if (queued_count(alert) >= OUTBOX_COUNT_MAX)
        return -ENOSPC;
    snprintf(link, sizeof(link), "%s%s", alert->link_start,
             notice->incident_id ? notice->incident_id : "");
    buf_init(&body, 16 * ALERT_BODY_MAX);
    channel->kind->write_body(notice, alert->link_start[0] && notice->incident_id ? link : NULL,
                              &body);
    text = buf_take(&body, &len);
    if (!text)
        return -ENOMEM;
    rc = outbox_put(&channel->outbox, notice, text, len, clock_mono_ms());
    if (rc == 0)
        keep_change(channel, channel->outbox.tail);
    return rc;
}

/* Not from within the caller's call: an attempt that fails at once reports to the watch. */
void alert_send_soon(struct alert *alert)
{
    if (alert->fetcher)
        uv_timer_start(&alert->timer, on_timer, 0, 0);
}

int alert_notify(struct alert *alert, const struct notice *notice)
{
    int rc = 0;

    for (struct channel *channel = alert->channels; channel; channel = channel->next) {
        int failed = 0;

        if (!channel->stopped && alert_wants(&channel->receiver, notice))
            failed = queue(channel, notice);
        if (failed < 0) {
            log_error("notice.lost", "receiver=%s event=%s %s, dropping it", channel->receiver.name,
                      notice_event_name(notice->event), strerror(-failed));
            rc = failed;
        }
    }
    alert_send_soon(alert);
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
    rc = queue(channel, notice);
    alert_send_soon(alert);
    return rc;
}

/* ---- life ---------------------------------------------------------------------------------- */

/* The dashboard's address as people can use it: the one given, else the loopback one. */
static void set_link(struct alert *alert, const struct conf *conf)
{
    size_t len = strlen(conf->external_url);

    while (len > 0 && conf->external_url[len - 1] == '/')
        len--;
    alert->link_start[0] = '\0';
    if (len > 0)
        snprintf(alert->link_start, sizeof(alert->link_start), "%.*s/i/", (int)len,
                 conf->external_url);
    else if (conf->http.listen[0])
        snprintf(alert->link_start, sizeof(alert->link_start), "http://%s/i/", conf->http.listen);
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
    alert->fetcher = fetcher;
    alert->on_delivery = on_delivery;
    alert->arg = arg;
    set_link(alert, conf);
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
    if (old->outbox.in_flight && old->alert->fetcher)
        fetcher_cancel(old->alert->fetcher, old);
    channel->outbox = old->outbox;
    channel->outbox.in_flight = false;
    channel->outbox.hold_ms = 0;
    if (channel->outbox.head)
        channel->outbox.head->due_ms = clock_mono_ms();
    old->outbox = (struct outbox){0};
}

/* Of a receiver that is gone; the others' outboxes are empty by now. */
static void forget_notices(struct channel *channel)
{
    struct outbox_item *item;

    if (channel->outbox.in_flight && channel->alert->fetcher)
        fetcher_cancel(channel->alert->fetcher, channel);
    channel->outbox.in_flight = false;
    while ((item = outbox_take(&channel->outbox)))
        keep_end(channel->alert, item);
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
    set_link(alert, conf);
    alert_send_soon(alert);
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
