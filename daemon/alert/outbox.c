/* SPDX-License-Identifier: MIT */
#include "daemon/alert/outbox.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

void outbox_item_free(struct outbox_item *item)
{
    if (!item)
        return;
    free(item->body);
    free(item);
}

void outbox_append(struct outbox *outbox, struct outbox_item *item)
{
    if (outbox->tail)
        outbox->tail->next = item;
    else
        outbox->head = item;
    outbox->tail = item;
    outbox->count++;
}

int outbox_put(struct outbox *outbox, const struct notice *notice, char *body, size_t body_len,
               uint64_t now_ms)
{
    struct outbox_item *item = calloc(1, sizeof(*item));
    int rc = item ? sign_random_id(item->id) : -ENOMEM;

    if (rc < 0) {
        free(item);
        free(body);
        return rc;
    }
    snprintf(item->incident_id, sizeof(item->incident_id), "%s",
             notice->incident_id ? notice->incident_id : "");
    item->event = notice->event;
    item->body = body;
    item->body_len = body_len;
    item->step = 1;
    item->expires_ms = now_ms + ALERT_AGE_MAX_MS;
    item->due_ms = now_ms;
    item->is_changed = true;
    outbox_append(outbox, item);
    if (outbox->head != item)
        outbox->early = true;
    return 0;
}

uint64_t outbox_due_ms(const struct outbox *outbox)
{
    uint64_t due_ms;

    if (!outbox->head || outbox->in_flight)
        return UINT64_MAX;
    due_ms = outbox->head->due_ms;
    if (outbox->early && outbox->ended_ms + OUTBOX_EARLY_MS < due_ms)
        due_ms = outbox->ended_ms + OUTBOX_EARLY_MS;
    return due_ms > outbox->hold_ms ? due_ms : outbox->hold_ms;
}

struct outbox_item *outbox_begin(struct outbox *outbox, uint64_t now_ms)
{
    if (outbox_due_ms(outbox) > now_ms)
        return NULL;
    outbox->in_flight = true;
    outbox->early = false;
    outbox->head->attempts++;
    return outbox->head;
}

struct outbox_item *outbox_take(struct outbox *outbox)
{
    struct outbox_item *item = outbox->head;

    if (!item)
        return NULL;
    outbox->head = item->next;
    if (!outbox->head)
        outbox->tail = NULL;
    outbox->count--;
    item->next = NULL;
    return item;
}

/* False: it has no time left. An attempt made early does not use up a place in the schedule. */
static bool wait_again(struct outbox *outbox, uint64_t retry_after_ms, uint64_t now_ms,
                       double random)
{
    struct outbox_item *item = outbox->head;
    uint64_t delay_ms;

    outbox->hold_ms = retry_after_ms > 0 ? now_ms + retry_after_ms : 0;
    if (now_ms >= item->due_ms) {
        delay_ms = alert_retry_delay_ms(item->step + 1, random, retry_after_ms);
        if (delay_ms == UINT64_MAX)
            return false;
        item->step++;
        item->due_ms = now_ms + delay_ms;
    }
    item->is_changed = true;
    return item->due_ms <= item->expires_ms;
}

enum outbox_fate outbox_end(struct outbox *outbox, enum alert_outcome outcome,
                            uint64_t retry_after_ms, uint64_t now_ms, double random)
{
    if (retry_after_ms > ALERT_AGE_MAX_MS)
        retry_after_ms = ALERT_AGE_MAX_MS;
    outbox->in_flight = false;
    outbox->ended_ms = now_ms;
    if (outcome == ALERT_RETRY && wait_again(outbox, retry_after_ms, now_ms, random))
        return OUTBOX_WAITS;
    if (outcome == ALERT_DELIVERED)
        outbox->hold_ms = 0;
    return outcome == ALERT_DELIVERED ? OUTBOX_DONE : OUTBOX_GIVEN_UP;
}

void outbox_done(struct outbox *outbox)
{
    struct outbox_item *item;

    while ((item = outbox_take(outbox)))
        outbox_item_free(item);
    *outbox = (struct outbox){0};
}
