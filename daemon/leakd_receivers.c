/* SPDX-License-Identifier: MIT */
#include "daemon/leakd_receivers.h"

#include <stdio.h>
#include <string.h>

#include "daemon/alert/alert.h"
#include "daemon/base/buf.h"
#include "daemon/base/clock.h"
#include "daemon/base/conf.h"

#define TEST_SUMMARY "this is a test of leakd; nothing leaks"

/* Host and port alone: a path may be a secret, and a command's words, too. */
static void write_place(const struct conf_receiver *conf, char *out, size_t size)
{
    struct buf masked;
    const char *at;
    size_t len = 0;

    out[0] = '\0';
    if (conf->command[0]) {
        snprintf(out, size, "%.*s", (int)strcspn(conf->command, " \t"), conf->command);
        return;
    }
    buf_init(&masked, 2 * sizeof(conf->url));
    conf_mask_url(conf->url, &masked);
    at = masked.data ? masked.data : "";
    while (*at && len < size) {
        const char *host = strstr(at, "://");
        size_t root =
            host ? (size_t)(host - at) + 3 + strcspn(host + 3, "/?# ,") : strcspn(at, " ,");

        len += (size_t)snprintf(out + len, size - len, "%s%.*s", len > 0 ? " " : "", (int)root, at);
        at += strcspn(at, " ,");
        at += strspn(at, " ,");
    }
    buf_done(&masked);
}

static const char *state_of(const struct alert_receiver *receiver)
{
    if (receiver->is_off)
        return "off";
    if (receiver->tally->failures > 0)
        return "failing";
    return receiver->tally->attempt_wall_ms > 0 ? "ok" : "idle";
}

static uint64_t to_wall(uint64_t mono_ms)
{
    uint64_t now_ms = clock_mono_ms();

    if (mono_ms == UINT64_MAX)
        return 0;
    return clock_wall_ms() + (mono_ms > now_ms ? mono_ms - now_ms : 0);
}

bool leakd_receiver_at(const struct alert *alert, size_t index, struct http_receiver *out)
{
    struct alert_receiver receiver;

    if (!alert_receiver_at(alert, index, &receiver))
        return false;
    *out = (struct http_receiver){
        .name = receiver.conf->name,
        .type = receiver.conf->type,
        .state = state_of(&receiver),
        .min_severity = conf_severity_name(receiver.conf->min_severity),
        .units = receiver.conf->units,
        .names = receiver.conf->names,
        .send_resolved = receiver.conf->send_resolved,
        .group = receiver.conf->group,
        .queued = receiver.queued,
        .dead_letters = receiver.dead,
        .standing = receiver.standing,
        .delivered_total = receiver.tally->delivered,
        .failed_attempts_total = receiver.tally->failed_attempts,
        .given_up_total = receiver.tally->given_up,
        .grouped_total = receiver.tally->grouped,
        .last_attempt_wall_ms = receiver.tally->attempt_wall_ms,
        .last_delivery_wall_ms = receiver.tally->delivery_wall_ms,
        .next_attempt_wall_ms = to_wall(receiver.next_mono_ms),
        .last_status = receiver.tally->status,
        .last_error = receiver.tally->error,
    };
    write_place(receiver.conf, out->place, sizeof(out->place));
    return true;
}

bool leakd_letter_at(const struct alert *alert, size_t index, bool dead, size_t letter,
                     struct http_letter *out)
{
    struct alert_letter found;

    if (!alert_letter_at(alert, index, dead, letter, &found))
        return false;
    *out = (struct http_letter){.id = found.id,
                                .incident_id = found.incident_id,
                                .event = found.event,
                                .event_wall_ms = found.event_wall_ms,
                                .attempts = found.attempts};
    return true;
}

int leakd_test_receiver(struct alert *alert, const char *name)
{
    const struct notice notice = {.event = NOTICE_TEST,
                                  .severity = SEVERITY_INFO,
                                  .event_wall_ms = clock_wall_ms(),
                                  .summary = TEST_SUMMARY};

    return alert_notify_one(alert, name, &notice);
}
