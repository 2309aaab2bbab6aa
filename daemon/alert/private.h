/* SPDX-License-Identifier: MIT */
/* The alert from the inside. For the files of this folder only. */
#ifndef LEAKD_ALERT_PRIVATE_H
#define LEAKD_ALERT_PRIVATE_H

#include "daemon/alert/alert.h"
#include "daemon/alert/group.h"
#include "daemon/alert/outbox.h"

struct receiver_kind;
struct run;

/* How one attempt ended, whatever carried it. */
struct attempt_end {
    int error; /* negative errno, 0: there is a status */
    long status;
    uint64_t retry_after_ms;
    uint64_t elapsed_ms;
    char message[512]; /* "" when there is nothing to say */
};

struct channel {
    struct alert *alert;
    struct conf_receiver receiver;
    const struct receiver_kind *kind;
    struct outbox outbox;
    struct groups groups;
    bool stopped;            /* it said 410 */
    struct run *run;         /* a command at work, NULL = none */
    unsigned answers_due;    /* of an attempt to several addresses */
    struct attempt_end best; /* of those that came */
    struct alert_tally tally;
    struct channel *next;
};

/* What keep.c knows of the disk. */
struct keeping {
    bool is_on;
    bool disk_works;
    bool is_closed;         /* nothing is noted any more */
    uint64_t order;         /* the last one given */
    struct item_list ended; /* delivered or given up, their rows still there */
    void (*on_change)(void *arg);
    void *arg;
};

struct alert {
    uv_loop_t *loop;
    struct fetcher *fetcher; /* NULL once it stopped */
    struct channel *channels;
    char page[272]; /* "http://127.0.0.1:7373", "" = no page is known */
    char host[65];
    uv_timer_t timer;
    struct alert_stats stats; /* without what is counted when asked */
    struct keeping keeping;
    alert_on_delivery on_delivery;
    void *arg;
    void (*on_closed)(void *arg);
    void *closed_arg;
};

struct channel *alert_channel(struct alert *alert, const char *receiver); /* NULL: none */
/* Makes the notice's body and puts it behind the channel's others. */
int alert_queue(struct channel *channel, const struct notice *notice);

/* ---- send.c -------------------------------------------------------------------------------- */

/* Sends what is due, but not from within the caller's call: an attempt that fails at once reports
 * to the watch. */
void send_soon(struct alert *alert);
/* Takes back what is in flight. */
void send_cancel(struct channel *channel);

/* ---- keep.c -------------------------------------------------------------------------------- */

/* A new item of the channel, or one whose schedule changed. */
void keep_change(struct channel *channel, struct outbox_item *item);
/* The channel's groups changed. */
void keep_groups(struct channel *channel);
/* Takes an item that is on no list: freed when its row is gone, if it had one. */
void keep_end(struct alert *alert, struct outbox_item *take);
void keep_end_all(struct alert *alert, struct item_list *take);
/* The channel's head may be sent as far as the disk is concerned. */
bool keep_allows(const struct channel *channel);
void keep_done(struct alert *alert);

#endif
