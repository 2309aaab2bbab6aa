/* SPDX-License-Identifier: MIT */
/* The alert from the inside. For the files of this folder only. */
#ifndef LEAKD_ALERT_PRIVATE_H
#define LEAKD_ALERT_PRIVATE_H

#include "daemon/alert/alert.h"
#include "daemon/alert/outbox.h"

struct receiver_kind;

struct channel {
    struct alert *alert;
    struct conf_receiver receiver;
    const struct receiver_kind *kind;
    struct outbox outbox;
    bool stopped; /* it said 410 */
    struct channel *next;
};

/* What keep.c knows of the disk. */
struct keeping {
    bool is_on;
    bool disk_works;
    uint64_t order;            /* the last one given */
    struct outbox_item *ended; /* delivered or given up, their rows still there */
    void (*on_change)(void *arg);
    void *arg;
};

struct alert {
    struct fetcher *fetcher; /* NULL once it stopped */
    struct channel *channels;
    char link_start[288]; /* "http://127.0.0.1:7373/i/", "" = no page is known */
    uv_timer_t timer;
    struct alert_stats stats; /* without queued */
    struct keeping keeping;
    alert_on_delivery on_delivery;
    void *arg;
    void (*on_closed)(void *arg);
    void *closed_arg;
};

/* Sends what is due, but not from within the caller's call. */
void alert_send_soon(struct alert *alert);
struct channel *alert_channel(struct alert *alert, const char *receiver); /* NULL: none */

/* ---- keep.c -------------------------------------------------------------------------------- */

/* A new item of the channel, or one whose schedule changed. */
void keep_change(struct channel *channel, struct outbox_item *item);
/* Takes an item that is off its outbox: freed when its row is gone, if it had one. */
void keep_end(struct alert *alert, struct outbox_item *take);
/* The channel's head may be sent as far as the disk is concerned. */
bool keep_allows(const struct channel *channel);
void keep_done(struct alert *alert);

#endif
