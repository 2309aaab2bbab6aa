/* SPDX-License-Identifier: MIT */
/*
 * What one receiver has not got yet, in order. Times come in, nothing is sent here: the head is due
 * at some time, is begun, and ends delivered, waiting for its next attempt, or given up.
 */
#ifndef LEAKD_ALERT_OUTBOX_H
#define LEAKD_ALERT_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/alert/alert.h"
#include "daemon/alert/sign.h"

struct outbox_item {
    char id[NOTICE_ID_SIZE];
    char receiver[64];
    char incident_id[64];
    enum notice_event event;
    char *body; /* owned */
    size_t body_len;
    unsigned attempts;
    unsigned step; /* place in the schedule; early attempts do not count */
    uint64_t expires_ms;
    uint64_t due_ms;
    uint64_t order;   /* among all notices, over restarts */
    bool is_changed;  /* the disk has not got it as it is */
    bool is_asked;    /* is being written */
    bool is_kept;     /* the disk has it, perhaps with an older schedule */
    struct outbox_item *next;
};

struct outbox {
    struct outbox_item *head;
    struct outbox_item *tail;
    size_t count;
    bool in_flight;    /* the head is */
    bool early;        /* a try before the head's due time is worth it */
    uint64_t hold_ms;  /* not before: the receiver said so */
    uint64_t ended_ms; /* when the last attempt ended, 0 = never */
};

/* A new notice to a receiver that fails may find it well again: the head is tried early then, but
 * no sooner than this after the last attempt. */
#define OUTBOX_EARLY_MS 60000

/* The item is the callee's; it goes behind the others. */
void outbox_append(struct outbox *outbox, struct outbox_item *item);
/* Takes body (also on failure). -ENOMEM, -EIO. */
int outbox_put(struct outbox *outbox, const struct notice *notice, char *body, size_t body_len,
               uint64_t now_ms);
/* When the head may go; UINT64_MAX: nothing to do. */
uint64_t outbox_due_ms(const struct outbox *outbox);
/* The head when it is due, now in flight; NULL else. */
struct outbox_item *outbox_begin(struct outbox *outbox, uint64_t now_ms);

enum outbox_fate { OUTBOX_DONE, OUTBOX_WAITS, OUTBOX_GIVEN_UP };
/* The head's attempt ended. Unless it waits, the caller takes it off the list. */
enum outbox_fate outbox_end(struct outbox *outbox, enum alert_outcome outcome,
                            uint64_t retry_after_ms, uint64_t now_ms, double random);

struct outbox_item *outbox_take(struct outbox *outbox); /* the head off the list; NULL: empty */
void outbox_item_free(struct outbox_item *item);
void outbox_done(struct outbox *outbox);

#endif
