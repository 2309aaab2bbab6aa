/* SPDX-License-Identifier: MIT */
/* Attempts: begun when they are due, ended by what fetch or a command says, reported. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/alert/kind.h"
#include "daemon/alert/private.h"
#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/fetch/fetch.h"
#include "daemon/fetch/run.h"

#define ANSWER_BYTES_MAX 4096
#define ADDRESSES_MAX    8 /* of one cluster */
/* While a receiver is away its log has the first failures and then one in so many. */
#define LOGGED_FAILURES 3
#define LOGGED_EVERY    30

static void send_due(struct alert *alert);

/* ---- what came of it ----------------------------------------------------------------------- */

static void write_error(const struct attempt_end *end, char *out, size_t size)
{
    if (end->error)
        snprintf(out, size, "%s", end->message);
    else if (end->status >= 300 && end->status <= 399)
        snprintf(out, size,
                 "HTTP %ld: redirects are not followed; give the address that it leads to",
                 end->status);
    else
        snprintf(out, size, "HTTP %ld%s%s", end->status, end->message[0] ? ": " : "", end->message);
}

static void note_attempt(struct channel *channel, const struct attempt_end *end, bool delivered,
                         const char *error)
{
    struct alert_tally *tally = &channel->tally;

    tally->attempt_wall_ms = clock_wall_ms();
    tally->status = end->status;
    tally->failures = delivered ? 0 : tally->failures + 1;
    if (delivered)
        tally->delivery_wall_ms = tally->attempt_wall_ms;
    snprintf(tally->error, sizeof(tally->error), "%.*s", (int)text_fit(error, 255),
             delivered ? "" : error);
}

static void log_end(const struct channel *channel, const struct alert_delivery *delivery)
{
    unsigned failures = channel->tally.failures;

    if (delivery->delivered)
        log_info("notice.delivered", "receiver=%s event=%s id=%s attempts=%u", delivery->receiver,
                 delivery->event, delivery->notice_id, delivery->attempts);
    else if (delivery->given_up || failures <= LOGGED_FAILURES || failures % LOGGED_EVERY == 0)
        log_warning("notice.failed", "receiver=%s event=%s id=%s attempts=%u error=\"%s\" %s",
                    delivery->receiver, delivery->event, delivery->notice_id, delivery->attempts,
                    delivery->error,
                    delivery->given_up ? "giving up; leakctl receivers redeliver NAME sends it again"
                                       : "trying again later");
}

static void report(struct channel *channel, const struct outbox_item *item,
                   const struct attempt_end *end, enum outbox_fate fate)
{
    struct alert *alert = channel->alert;
    char error[sizeof(end->message) + 64] = "";
    struct alert_delivery delivery = {.incident_id = item->incident_id,
                                      .receiver = channel->receiver.name,
                                      .event = notice_event_name(item->event),
                                      .notice_id = item->id,
                                      .attempts = item->attempts,
                                      .http_status = end->status,
                                      .delivered = fate == OUTBOX_DONE,
                                      .given_up = fate == OUTBOX_GIVEN_UP,
                                      .error = error,
                                      .elapsed_ms = end->elapsed_ms};
    bool was_tried = item->attempts > 0;

    if (!delivery.delivered)
        write_error(end, error, sizeof(error));
    alert->stats.delivered += delivery.delivered;
    alert->stats.failed_attempts += !delivery.delivered && was_tried;
    alert->stats.given_up += delivery.given_up;
    channel->tally.delivered += delivery.delivered;
    channel->tally.failed_attempts += !delivery.delivered && was_tried;
    channel->tally.given_up += delivery.given_up;
    log_end(channel, &delivery);
    if (alert->on_delivery)
        alert->on_delivery(alert->arg, &delivery);
}

/* A test that failed is no letter that anybody waits for. */
static void end_item(struct channel *channel, struct outbox_item *item, enum outbox_fate fate)
{
    bool stands = channel->outbox.rule.remind_ms > 0 && item->event != NOTICE_TEST;
    struct item_list over = {0};

    if (fate == OUTBOX_DONE && stands)
        outbox_stand(&channel->outbox, item, clock_mono_ms(), clock_wall_ms(), &over);
    else if (fate == OUTBOX_GIVEN_UP && item->event != NOTICE_TEST)
        outbox_bury(&channel->outbox, item, &over);
    else
        list_append(&over, item);
    keep_groups(channel);
    keep_end_all(channel->alert, &over);
}

/* The receiver is gone for good, what waits behind the head goes with it. */
static void stop_channel(struct channel *channel, const struct attempt_end *end)
{
    struct outbox_item *item;

    channel->stopped = true;
    log_warning("receiver.off",
                "receiver=%s HTTP %ld: it wants no more notices; off until a reload, what was for "
                "it is kept for leakctl receivers redeliver",
                channel->receiver.name, end->status);
    while ((item = list_take(&channel->outbox.queue))) {
        report(channel, item, end, OUTBOX_GIVEN_UP);
        end_item(channel, item, OUTBOX_GIVEN_UP);
    }
    keep_end_all(channel->alert, &channel->outbox.standing);
}

static void settle_reminder(struct channel *channel, const struct attempt_end *end,
                            enum alert_outcome outcome)
{
    struct item_list over = {0};
    char error[sizeof(end->message) + 64];

    write_error(end, error, sizeof(error));
    note_attempt(channel, end, outcome == ALERT_DELIVERED, error);
    if (outcome != ALERT_DELIVERED && channel->tally.failures <= LOGGED_FAILURES)
        log_warning("reminder.failed", "receiver=%s open=%zu error=\"%s\" trying again in %u s",
                    channel->receiver.name, channel->outbox.standing.count, error,
                    (unsigned)(channel->outbox.rule.remind_ms / 1000));
    outbox_end_reminding(&channel->outbox, clock_mono_ms(), clock_wall_ms(), &over);
    keep_end_all(channel->alert, &over);
    if (outcome == ALERT_STOP_RECEIVER)
        stop_channel(channel, end);
}

static void settle(struct channel *channel, const struct attempt_end *end)
{
    enum alert_outcome outcome = channel->kind->judge(end->error, end->status);
    struct outbox_item *item = channel->outbox.queue.head;
    char error[sizeof(end->message) + 64];
    enum outbox_fate fate;

    if (channel->outbox.is_reminding) {
        settle_reminder(channel, end, outcome);
        return;
    }
    fate = outbox_end(&channel->outbox, outcome, end->retry_after_ms, clock_mono_ms(),
                      sign_random_unit());
    write_error(end, error, sizeof(error));
    note_attempt(channel, end, fate == OUTBOX_DONE, error);
    if (fate != OUTBOX_WAITS)
        list_take(&channel->outbox.queue);
    report(channel, item, end, fate);
    if (fate != OUTBOX_WAITS)
        end_item(channel, item, fate);
    else
        keep_change(channel, item);
    if (outcome == ALERT_STOP_RECEIVER)
        stop_channel(channel, end);
}

/* ---- carriers ------------------------------------------------------------------------------ */

/* Several addresses are one cluster: who has told one of them has told all. */
static bool is_better(const struct channel *channel, const struct attempt_end *end,
                      const struct attempt_end *than)
{
    return channel->kind->judge(end->error, end->status) == ALERT_DELIVERED &&
           channel->kind->judge(than->error, than->status) != ALERT_DELIVERED;
}

static void take_end(struct channel *channel, const struct attempt_end *end)
{
    struct attempt_end best;

    if (channel->best.message[0] == '\0' && channel->best.status == 0 && channel->best.error == 0)
        channel->best = *end;
    else if (is_better(channel, end, &channel->best))
        channel->best = *end;
    if (--channel->answers_due > 0)
        return;
    best = channel->best;
    settle(channel, &best);
}

/* What a receiver says of its refusal, for people; it may say anything, so only plain text. */
static void copy_answer(const struct fetch_response *response, char *out, size_t size)
{
    size_t len = 0;

    for (size_t i = 0; i < response->body_len && len + 1 < size && len < 160; i++) {
        unsigned char c = (unsigned char)response->body[i];

        out[len++] = c >= ' ' && c < 0x7f && c != '"' ? (char)c : ' ';
    }
    while (len > 0 && out[len - 1] == ' ')
        len--;
    out[len] = '\0';
}

static void on_answer(void *arg, const struct fetch_response *response)
{
    struct channel *channel = arg;
    struct alert *alert = channel->alert;
    struct attempt_end end = {.error = response->error,
                              .status = response->status,
                              .retry_after_ms = response->retry_after_ms,
                              .elapsed_ms = response->elapsed_ms};

    if (response->error == -ECANCELED) {
        channel->outbox.in_flight = false;
        channel->outbox.is_reminding = false;
        alert->fetcher = NULL;
        uv_timer_stop(&alert->timer);
        return;
    }
    if (response->error)
        snprintf(end.message, sizeof(end.message), "%s", response->message);
    else if (response->status >= 400)
        copy_answer(response, end.message, sizeof(end.message));
    take_end(channel, &end);
    send_due(alert);
}

/* Status 200 is a command's 0. */
static void on_run_done(void *arg, const struct run_result *result)
{
    struct channel *channel = arg;
    struct attempt_end end = {.error = result->error,
                              .status = result->error ? 0 : 200,
                              .elapsed_ms = result->elapsed_ms};

    channel->run = NULL;
    snprintf(end.message, sizeof(end.message), "%s", result->message);
    if (result->output[0])
        log_info("command.output", "receiver=%s text=\"%s\"", channel->receiver.name,
                 result->output);
    take_end(channel, &end);
    send_due(channel->alert);
}

static int start_command(struct channel *channel, const struct attempt *attempt)
{
    struct run_request request = {.command = channel->receiver.command,
                                  .input = attempt->body.data,
                                  .input_len = attempt->body.len,
                                  .timeout_ms = channel->receiver.timeout_ms};
    int rc = run_start(channel->alert->loop, &request, on_run_done, channel, &channel->run);

    channel->answers_due = rc == 0;
    return rc;
}

static int start_request(struct channel *channel, const struct attempt *attempt, const char *url)
{
    const struct conf_receiver *receiver = &channel->receiver;
    struct fetch_request request = {.method = "POST",
                                    .url = url,
                                    .unix_socket = receiver->socket[0] ? receiver->socket : NULL,
                                    .headers = attempt->headers,
                                    .body = attempt->body.data,
                                    .body_len = attempt->body.len,
                                    .timeout_ms = receiver->timeout_ms,
                                    .response_max = ANSWER_BYTES_MAX,
                                    .ca_file = receiver->ca_file[0] ? receiver->ca_file : NULL,
                                    .refuse_link_local = !receiver->allow_link_local,
                                    .refuse_plain = !receiver->allow_http};
    int rc = fetcher_start(channel->alert->fetcher, &request, on_answer, channel);

    channel->answers_due += rc == 0;
    return rc;
}

/* To every address; some may fail to start as long as one does not. */
static int start_requests(struct channel *channel, const struct attempt *attempt)
{
    char url[sizeof(channel->receiver.url) + 32];
    const char *at = attempt->url;
    int rc = -EINVAL;

    channel->answers_due = 0;
    for (unsigned i = 0; *at && i < ADDRESSES_MAX; i++) {
        size_t len = strcspn(at, " ,");

        while (len > 0 && attempt->path[0] && at[len - 1] == '/')
            len--;
        snprintf(url, sizeof(url), "%.*s%s", (int)len, at, attempt->path);
        rc = start_request(channel, attempt, url);
        at += strcspn(at, " ,");
        at += strspn(at, " ,");
    }
    explicit_bzero(url, sizeof(url));
    return channel->answers_due > 0 ? 0 : rc;
}

/* An attempt that cannot even be made counts as one. */
static void fail_start(struct channel *channel, int rc)
{
    struct attempt_end end = {.error = rc};

    snprintf(end.message, sizeof(end.message), "cannot %s: %s",
             channel->kind->is_command ? "run the command" : "make the request", strerror(-rc));
    settle(channel, &end);
}

static void start(struct channel *channel, const struct outbox_item *items, size_t item_count)
{
    struct sending sending = {.receiver = &channel->receiver,
                              .items = items,
                              .count = item_count,
                              .now_wall_ms = clock_wall_ms(),
                              .page = channel->alert->page};
    struct attempt attempt;
    int rc;

    channel->best = (struct attempt_end){0};
    attempt_init(&attempt);
    rc = channel->kind->write(&sending, &attempt);
    if (rc == 0)
        rc = channel->kind->is_command ? start_command(channel, &attempt)
                                       : start_requests(channel, &attempt);
    attempt_done(&attempt);
    if (rc < 0)
        fail_start(channel, rc);
}

void send_cancel(struct channel *channel)
{
    if (channel->run)
        run_cancel(channel->run);
    channel->run = NULL;
    if (channel->outbox.in_flight && channel->alert->fetcher)
        fetcher_cancel(channel->alert->fetcher, channel);
    channel->answers_due = 0;
    channel->outbox.in_flight = false;
    channel->outbox.is_reminding = false;
}

/* ---- time ---------------------------------------------------------------------------------- */

static void on_timer(uv_timer_t *timer)
{
    send_due(timer->data);
}

static void tell_numbers(struct channel *channel, uint64_t now_ms)
{
    struct notice notice;
    char summary[256];
    int rc;

    while (groups_take_digest(&channel->groups, now_ms, clock_wall_ms(), &notice, summary,
                              sizeof(summary))) {
        rc = channel->stopped ? 0 : alert_queue(channel, &notice);
        if (rc < 0)
            log_error("notice.lost", "receiver=%s event=%s error=\"%s\", dropping it",
                      channel->receiver.name, notice_event_name(notice.event), strerror(-rc));
        keep_groups(channel);
    }
}

/* Begins what is due; when something is due next. */
static uint64_t send_channel(struct channel *channel, uint64_t now_ms)
{
    struct outbox *outbox = &channel->outbox;
    struct outbox_item *item;
    uint64_t due_ms, groups_ms;

    tell_numbers(channel, now_ms);
    groups_ms = groups_due_ms(&channel->groups);
    if (!keep_allows(channel)) /* the disk's answer brings us back here */
        return groups_ms;
    item = outbox_begin(outbox, now_ms);
    if (item)
        start(channel, item, 1);
    else if (outbox_begin_reminding(outbox, now_ms))
        start(channel, outbox->standing.head, outbox->standing.count);
    due_ms = outbox_due_ms(outbox);
    return due_ms < groups_ms ? due_ms : groups_ms;
}

/* Begins what is due and sets the timer for what is due next. */
static void send_due(struct alert *alert)
{
    uint64_t now_ms = clock_mono_ms();
    uint64_t next_ms = UINT64_MAX;

    for (struct channel *channel = alert->channels; channel && alert->fetcher;
         channel = channel->next) {
        uint64_t due_ms = send_channel(channel, now_ms);

        if (due_ms < next_ms)
            next_ms = due_ms;
    }
    if (next_ms == UINT64_MAX || !alert->fetcher)
        uv_timer_stop(&alert->timer);
    else
        uv_timer_start(&alert->timer, on_timer, next_ms > now_ms ? next_ms - now_ms : 1, 0);
}

void send_soon(struct alert *alert)
{
    if (alert->fetcher)
        uv_timer_start(&alert->timer, on_timer, 0, 0);
}
