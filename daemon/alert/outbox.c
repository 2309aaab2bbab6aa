/* SPDX-License-Identifier: MIT */
#include "daemon/alert/outbox.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- lists --------------------------------------------------------------------------------- */

void outbox_item_free(struct outbox_item *item)
{
    if (!item)
        return;
    free(item->body);
    free(item);
}

void list_append(struct item_list *list, struct outbox_item *item)
{
    item->next = NULL;
    if (list->tail)
        list->tail->next = item;
    else
        list->head = item;
    list->tail = item;
    list->count++;
}

/* As the first, or right behind it. */
static void list_insert(struct item_list *list, struct outbox_item *item, bool behind_head)
{
    struct outbox_item **link = &list->head;

    if (behind_head && *link)
        link = &(*link)->next;
    item->next = *link;
    *link = item;
    if (!item->next)
        list->tail = item;
    list->count++;
}

struct outbox_item *list_take(struct item_list *list)
{
    struct outbox_item *item = list->head;

    if (!item)
        return NULL;
    list->head = item->next;
    if (!list->head)
        list->tail = NULL;
    list->count--;
    item->next = NULL;
    return item;
}

void list_remove(struct item_list *list, struct outbox_item *item)
{
    struct outbox_item *before = NULL;
    struct outbox_item *at = list->head;

    while (at && at != item) {
        before = at;
        at = at->next;
    }
    if (!at)
        return;
    if (before)
        before->next = item->next;
    else
        list->head = item->next;
    if (list->tail == item)
        list->tail = before;
    list->count--;
    item->next = NULL;
}

static void list_free(struct item_list *list)
{
    struct outbox_item *item;

    while ((item = list_take(list)))
        outbox_item_free(item);
}

/* ---- the queue ----------------------------------------------------------------------------- */

/* A test has one attempt. Where what is open is told again and again, it does not grow old before
 * it is over. */
static uint64_t expiry(const struct outbox *outbox, enum notice_event event, uint64_t now_ms)
{
    if (event == NOTICE_TEST)
        return now_ms;
    if (outbox->rule.remind_ms > 0 && !notice_is_end(event))
        return UINT64_MAX;
    return now_ms + ALERT_AGE_MAX_MS;
}

int outbox_put(struct outbox *outbox, const struct notice *notice, char *body, size_t body_len,
               uint64_t now_ms, struct outbox_item **out)
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
    item->event_wall_ms = notice->event_wall_ms;
    item->body = body;
    item->body_len = body_len;
    item->step = 1;
    item->expires_ms = expiry(outbox, notice->event, now_ms);
    item->due_ms = now_ms;
    item->is_changed = true;
    *out = item;
    if (item->event == NOTICE_TEST) {
        list_insert(&outbox->queue, item, outbox->in_flight);
        return 0;
    }
    list_append(&outbox->queue, item);
    if (outbox->queue.head != item)
        outbox->early = true;
    return 0;
}

static uint64_t later(uint64_t a_ms, uint64_t b_ms)
{
    return a_ms > b_ms ? a_ms : b_ms;
}

static uint64_t head_due_ms(const struct outbox *outbox)
{
    uint64_t due_ms;

    if (!outbox->queue.head || outbox->in_flight)
        return UINT64_MAX;
    due_ms = outbox->queue.head->due_ms;
    if (outbox->early && outbox->ended_ms + OUTBOX_EARLY_MS < due_ms)
        due_ms = outbox->ended_ms + OUTBOX_EARLY_MS;
    return later(due_ms, outbox->hold_ms);
}

static uint64_t reminder_due_ms(const struct outbox *outbox)
{
    if (outbox->standing.count == 0 || outbox->in_flight || outbox->rule.remind_ms == 0)
        return UINT64_MAX;
    return later(outbox->remind_ms, outbox->hold_ms);
}

uint64_t outbox_due_ms(const struct outbox *outbox)
{
    uint64_t head_ms = head_due_ms(outbox);
    uint64_t reminder_ms = reminder_due_ms(outbox);

    return head_ms < reminder_ms ? head_ms : reminder_ms;
}

struct outbox_item *outbox_begin(struct outbox *outbox, uint64_t now_ms)
{
    if (head_due_ms(outbox) > now_ms)
        return NULL;
    outbox->in_flight = true;
    outbox->early = false;
    outbox->queue.head->attempts++;
    return outbox->queue.head;
}

bool outbox_begin_reminding(struct outbox *outbox, uint64_t now_ms)
{
    if (reminder_due_ms(outbox) > now_ms)
        return false;
    outbox->in_flight = true;
    outbox->is_reminding = true;
    return true;
}

/* False: its time is over. An attempt made early does not use up a place in the schedule. */
static bool wait_again(struct outbox *outbox, uint64_t retry_after_ms, uint64_t now_ms,
                       double random)
{
    struct outbox_item *item = outbox->queue.head;
    uint64_t delay_ms;

    outbox->hold_ms = retry_after_ms > 0 ? now_ms + retry_after_ms : 0;
    if (now_ms >= item->expires_ms)
        return false;
    if (now_ms >= item->due_ms) {
        delay_ms = alert_retry_delay_ms(item->step + 1, random, retry_after_ms);
        if (outbox->rule.retry_max_ms > 0 && delay_ms > outbox->rule.retry_max_ms)
            delay_ms = later(outbox->rule.retry_max_ms, retry_after_ms);
        item->step++;
        item->due_ms = now_ms + delay_ms;
    }
    item->is_changed = true;
    return true;
}

/* Whoever tests does not wait for what waits. */
static void bring_test_forward(struct item_list *queue)
{
    struct outbox_item *second = queue->head->next;

    if (!second || second->event != NOTICE_TEST)
        return;
    list_remove(queue, second);
    list_insert(queue, second, false);
}

enum outbox_fate outbox_end(struct outbox *outbox, enum alert_outcome outcome,
                            uint64_t retry_after_ms, uint64_t now_ms, double random)
{
    if (retry_after_ms > ALERT_AGE_MAX_MS)
        retry_after_ms = ALERT_AGE_MAX_MS;
    outbox->in_flight = false;
    outbox->ended_ms = now_ms;
    if (outcome == ALERT_RETRY && wait_again(outbox, retry_after_ms, now_ms, random)) {
        bring_test_forward(&outbox->queue);
        return OUTBOX_WAITS;
    }
    if (outcome != ALERT_RETRY)
        outbox->hold_ms = now_ms + outbox->rule.gap_ms;
    return outcome == ALERT_DELIVERED ? OUTBOX_DONE : OUTBOX_GIVEN_UP;
}

/* ---- what stands --------------------------------------------------------------------------- */

static bool is_over(const struct outbox_item *item, uint64_t now_wall_ms)
{
    return notice_is_end(item->event) && now_wall_ms > item->event_wall_ms + OUTBOX_END_TOLD_MS;
}

void outbox_end_reminding(struct outbox *outbox, uint64_t now_ms, uint64_t now_wall_ms,
                          struct item_list *over)
{
    struct outbox_item *next;

    outbox->in_flight = false;
    outbox->is_reminding = false;
    outbox->ended_ms = now_ms;
    outbox->remind_ms = now_ms + outbox->rule.remind_ms;
    for (struct outbox_item *item = outbox->standing.head; item; item = next) {
        next = item->next;
        if (!is_over(item, now_wall_ms))
            continue;
        list_remove(&outbox->standing, item);
        list_append(over, item);
    }
}

/* What was open before is told as ended when it goes by another name now, and else forgotten. */
static void replace_standing(struct outbox *outbox, const struct outbox_item *by,
                             uint64_t now_wall_ms, struct item_list *over)
{
    struct outbox_item *next;

    for (struct outbox_item *item = outbox->standing.head; item; item = next) {
        next = item->next;
        if (strcmp(item->incident_id, by->incident_id) != 0 || notice_is_end(item->event))
            continue;
        if (by->event == NOTICE_ESCALATED) {
            item->event = NOTICE_RESOLVED;
            item->event_wall_ms = now_wall_ms;
            item->is_changed = true;
            continue;
        }
        list_remove(&outbox->standing, item);
        list_append(over, item);
    }
}

void outbox_stand(struct outbox *outbox, struct outbox_item *take, uint64_t now_ms,
                  uint64_t now_wall_ms, struct item_list *over)
{
    replace_standing(outbox, take, now_wall_ms, over);
    take->is_standing = true;
    take->is_changed = true;
    if (outbox->standing.count == 0 || take->event == NOTICE_ESCALATED)
        outbox->remind_ms = now_ms + (take->event == NOTICE_ESCALATED ? 0 : outbox->rule.remind_ms);
    list_append(&outbox->standing, take);
}

/* ---- dead letters -------------------------------------------------------------------------- */

void outbox_bury(struct outbox *outbox, struct outbox_item *take, struct item_list *over)
{
    take->is_dead = true;
    take->is_changed = true;
    list_append(&outbox->dead, take);
    if (outbox->dead.count > OUTBOX_DEAD_MAX)
        list_append(over, list_take(&outbox->dead));
}

size_t outbox_revive(struct outbox *outbox, uint64_t now_ms)
{
    size_t count = outbox->dead.count;
    struct outbox_item *item;

    while ((item = list_take(&outbox->dead))) {
        item->is_dead = false;
        item->is_changed = true;
        item->step = 1;
        item->due_ms = now_ms;
        item->expires_ms = expiry(outbox, item->event, now_ms);
        list_append(&outbox->queue, item);
    }
    if (count > 0)
        outbox->early = true;
    return count;
}

void outbox_done(struct outbox *outbox)
{
    list_free(&outbox->queue);
    list_free(&outbox->dead);
    list_free(&outbox->standing);
    *outbox = (struct outbox){.rule = outbox->rule};
}
