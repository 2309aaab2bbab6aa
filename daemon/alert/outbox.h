/* SPDX-License-Identifier: MIT */
/*
 * What one receiver has not got yet, in order. Times come in, nothing is sent here: the head is due
 * at some time, is begun, and ends delivered, waiting for its next attempt, or given up. Beside the
 * queue are the dead letters (given up, to be looked at and sent again by hand) and, for receivers
 * that want to be reminded, what stands: delivered, and told again until it is over.
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
    char *body; /* owned; as alert_write_body made it, whatever the receiver's type */
    size_t body_len;
    unsigned attempts;
    unsigned step; /* place in the schedule; early attempts do not count */
    uint64_t event_wall_ms;
    uint64_t expires_ms; /* UINT64_MAX: never */
    uint64_t due_ms;
    bool is_dead;
    bool is_standing;
    uint64_t order;  /* among all notices, over restarts */
    bool is_changed; /* the disk has not got it as it is */
    bool is_asked;   /* is being written */
    bool was_asked;  /* once: even after a failure there may be a row */
    bool is_kept;    /* the disk has it, perhaps with an older schedule */
    struct outbox_item *next;
};

struct item_list {
    struct outbox_item *head;
    struct outbox_item *tail;
    size_t count;
};

/* How a type of receiver is served; a row of the table of types. */
struct outbox_rule {
    uint64_t gap_ms;       /* from one delivery to the next */
    uint64_t retry_max_ms; /* no attempt waits longer; 0: as the schedule says */
    uint64_t remind_ms;    /* what stands is told again this often; 0: nothing stands */
};

struct outbox {
    struct outbox_rule rule;
    struct item_list queue;
    struct item_list dead;
    struct item_list standing;
    bool in_flight;     /* the head is */
    bool is_reminding;  /* not the head, but what stands is in flight */
    bool early;         /* a try before the head's due time is worth it */
    uint64_t hold_ms;   /* not before: the receiver said so, or the gap */
    uint64_t ended_ms;  /* when the last attempt ended, 0 = never */
    uint64_t remind_ms; /* when what stands is due */
};

/* A new notice to a receiver that fails may find it well again: the head is tried early then, but
 * no sooner than this after the last attempt. */
#define OUTBOX_EARLY_MS 60000
/* How long the end of what stood is told. */
#define OUTBOX_END_TOLD_MS UINT64_C(300000)
#define OUTBOX_DEAD_MAX    200
/* How long dead letters are kept. */
#define OUTBOX_DEAD_MAX_MS (7 * UINT64_C(86400000))

void list_append(struct item_list *list, struct outbox_item *item);
void list_remove(struct item_list *list, struct outbox_item *item);
struct outbox_item *list_take(struct item_list *list); /* the head off the list; NULL: empty */

/* Takes body (also on failure). A test goes before all others and has one attempt. -ENOMEM, -EIO.
 */
int outbox_put(struct outbox *outbox, const struct notice *notice, char *body, size_t body_len,
               uint64_t now_ms, struct outbox_item **out);
/* When there is something to do; UINT64_MAX: nothing. */
uint64_t outbox_due_ms(const struct outbox *outbox);
/* The head when it is due, now in flight; NULL else. */
struct outbox_item *outbox_begin(struct outbox *outbox, uint64_t now_ms);
/* What stands is due and nothing else is in flight; now it is. */
bool outbox_begin_reminding(struct outbox *outbox, uint64_t now_ms);

enum outbox_fate { OUTBOX_DONE, OUTBOX_WAITS, OUTBOX_GIVEN_UP };
/* The head's attempt ended. Unless it waits, the caller takes it off the list. */
enum outbox_fate outbox_end(struct outbox *outbox, enum alert_outcome outcome,
                            uint64_t retry_after_ms, uint64_t now_ms, double random);
/* The reminder ended, however. What was told of its end for long enough is appended to over. */
void outbox_end_reminding(struct outbox *outbox, uint64_t now_ms, uint64_t now_wall_ms,
                          struct item_list *over);

/* Takes a delivered item that stands from now on; what it makes out of date is appended to over. */
void outbox_stand(struct outbox *outbox, struct outbox_item *take, uint64_t now_ms,
                  uint64_t now_wall_ms, struct item_list *over);
/* Takes one that was given up; the oldest that finds no room any more is appended to over. */
void outbox_bury(struct outbox *outbox, struct outbox_item *take, struct item_list *over);
/* The dead letters go behind the queue, with a new schedule and their old ids. How many. */
size_t outbox_revive(struct outbox *outbox, uint64_t now_ms);

void outbox_item_free(struct outbox_item *item);
void outbox_done(struct outbox *outbox);

#endif
