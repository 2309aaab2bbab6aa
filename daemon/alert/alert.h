/* SPDX-License-Identifier: MIT */
/*
 * Telling people. policy.c decides purely (who gets what, when to try again); outbox.c keeps what
 * is not delivered yet; kind.c has a row for each type of receiver; body.c and sign.c make the
 * Standard Webhooks 1.0.0 request; fetch sends it. At least once, the same id over all retries, one
 * in flight a receiver, in order; keep.c hands what is not delivered to a disk. Loop thread.
 */
#ifndef LEAKD_ALERT_ALERT_H
#define LEAKD_ALERT_ALERT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include "daemon/base/conf.h"
#include "daemon/detect/detect.h"

struct alert;
struct fetcher;

#define NOTICE_EVENTS(X)                                                                           \
    X(OPENED, "leak.incident.opened")                                                              \
    X(ESCALATED, "leak.incident.escalated")                                                        \
    X(REOPENED, "leak.incident.reopened") /* its silence is over, and it still grows */            \
    X(ACKNOWLEDGED, "leak.incident.acknowledged")                                                  \
    X(RESOLVED, "leak.incident.resolved")                                                          \
    X(GROUPED, "leak.incident.grouped")           /* a number of further ones; made here */        \
    X(STORAGE_DEGRADED, "leakd.storage.degraded") /* of leakd itself: no incident, no process */   \
    X(STORAGE_RECOVERED, "leakd.storage.recovered")                                                \
    X(TEST, "webhook.test")

enum notice_event {
#define X(name, text) NOTICE_##name,
    NOTICE_EVENTS(X)
#undef X
};
const char *notice_event_name(enum notice_event event);
bool notice_event_find(const char *name, enum notice_event *out);
bool notice_is_end(enum notice_event event); /* of something that was told before */

struct notice_frame {
    const char *function; /* NULL = unknown */
    const char *file;
    const char *module;
    uint32_t line;
    bool python;
};

#define NOTICE_FRAMES_MAX 16

struct notice_site {
    struct growth growth;
    uint64_t live_bytes;
    size_t frame_count; /* leaf first */
    struct notice_frame frames[NOTICE_FRAMES_MAX];
    size_t culprit; /* index of the frame to look at */
};

struct notice_type {
    const char *name;
    struct growth growth;
    uint64_t live_bytes;
    uint64_t live_count;
};

#define NOTICE_SITES_MAX 3
#define NOTICE_TYPES_MAX 3

/* What is to be told. Borrowed: alert makes its own bodies at once. */
struct notice {
    enum notice_event event;
    enum conf_severity severity;
    uint64_t event_wall_ms;
    const char *incident_id;
    const char *fingerprint;
    const char *state;   /* "open", "acknowledged", "silenced", "resolved" */
    const char *verdict; /* "leak", "fragmentation" */
    const char *summary;
    uint64_t opened_wall_ms;
    const char *process_id;
    const char *process_name;
    const char *unit; /* NULL = none */
    const char *exe;
    int pid;
    uint64_t process_count; /* of the same unit that have had this leak */
    uint64_t live_bytes;
    uint64_t rss_bytes;
    struct growth growth;
    struct forecast time_to_limit;
    size_t site_count;
    struct notice_site sites[NOTICE_SITES_MAX];
    size_t type_count;
    struct notice_type types[NOTICE_TYPES_MAX];
    /* Filled in by alert: what the notice is told together with, NULL = nothing. */
    const char *group_key;
    size_t group_count;
    const char *host;
};

/* One attempt that ended. */
struct alert_delivery {
    const char *incident_id;
    const char *receiver;
    const char *event;
    const char *notice_id;
    unsigned attempts;
    long http_status; /* 0: no answer */
    bool delivered;
    bool given_up;     /* no further attempt will follow by itself */
    bool grouped;      /* none was made: it is told as a part of something else */
    const char *error; /* "" when delivered */
    uint64_t elapsed_ms;
};

/* Must not reload or close the alert. */
typedef void (*alert_on_delivery)(void *arg, const struct alert_delivery *delivery);

int alert_new(uv_loop_t *loop, const struct conf *conf, struct fetcher *fetcher,
              alert_on_delivery on_delivery, void *arg, struct alert **out); /* as alert_reload */
/* New receivers after a reload; notices to those that are gone are dropped, those that said 410 are
 * tried again. -ENOMEM, or -EINVAL (a type that conf should have refused): the old ones stay. */
int alert_reload(struct alert *alert, const struct conf *conf);
/* What is not delivered is forgotten without a word, but for the disk. Before or after
 * fetcher_close, but not after the fetcher's on_closed. */
void alert_close(struct alert *alert, void (*on_closed)(void *arg), void *arg);

/* Queues the notice for every receiver that wants it. -ENOSPC when the outbox is full. */
int alert_notify(struct alert *alert, const struct notice *notice);
/* Queues it for one receiver whether it wants it or not: the test button, for which NOTICE_TEST
 * goes before all others and has one attempt. -ENOENT: no such one; -EPIPE: it said 410 and is off
 * until a reload. */
int alert_notify_one(struct alert *alert, const char *receiver, const struct notice *notice);

struct alert_stats {
    uint64_t queued;
    uint64_t delivered;
    uint64_t failed_attempts;
    uint64_t given_up;
    uint64_t grouped; /* told as a part of something else */
};
void alert_read_stats(const struct alert *alert, struct alert_stats *out);

/* What became of one receiver's attempts since leakd started. */
struct alert_tally {
    uint64_t delivered;
    uint64_t failed_attempts;
    uint64_t given_up;
    uint64_t grouped;
    unsigned failures;        /* since the last success */
    uint64_t attempt_wall_ms; /* the last one, 0 = none */
    uint64_t delivery_wall_ms;
    long status;     /* of the last attempt */
    char error[256]; /* of the last one that failed; "" once one succeeds */
};

struct alert_receiver {
    const struct conf_receiver *conf;
    bool is_off; /* it said that it wants no more */
    size_t queued;
    size_t dead;
    size_t standing;       /* what is open and told again and again */
    uint64_t next_mono_ms; /* the next attempt, UINT64_MAX: none is due */
    const struct alert_tally *tally;
};
/* False: there are not so many. Valid until the next call that changes something. */
bool alert_receiver_at(const struct alert *alert, size_t index, struct alert_receiver *out);
/* A notice that waits, or was given up. */
struct alert_letter {
    const char *id;
    const char *incident_id;
    const char *event;
    uint64_t event_wall_ms;
    unsigned attempts;
};
/* As alert_receiver_at; receiver is the index there. */
bool alert_letter_at(const struct alert *alert, size_t receiver, bool dead, size_t index,
                     struct alert_letter *out);
/* The dead letters of a receiver are queued again. -ENOENT, -EPIPE as above. */
int alert_redeliver(struct alert *alert, const char *receiver, size_t *count);

/* ---- over restarts ------------------------------------------------------------------------- */

/*
 * Notices as rows for a disk that the owner has. From alert_keep on, a notice is sent only once its
 * row is kept, and the next one to a receiver only once the row of the delivered one is gone: a
 * crash then loses none and repeats at most one a receiver, with the same id. on_change: there is
 * something to collect; called from within other calls, collect later. NULL: what is delivered
 * from now on may not be collected any more, so nothing is begun; a restart sends it. Only what no
 * disk has, because it does not work, is still sent.
 */
void alert_keep(struct alert *alert, void (*on_change)(void *arg), void *arg);

struct alert_keeper {
    void *arg;
    /* order grows with every new notice; text says all, also the receiver's name. */
    int (*put)(void *arg, const char *id, uint64_t order, const char *text, size_t len);
    int (*drop)(void *arg, const char *id);
};
/* Hands out the rows that changed. An error of the keeper ends it and is returned. */
int alert_collect(struct alert *alert, const struct alert_keeper *keeper, uint64_t now_mono_ms,
                  uint64_t now_wall_ms);
/* What was collected is on the disk, or will be collected again. */
void alert_collected(struct alert *alert, bool is_kept);
/* While the disk is out of order notices are sent without waiting for it. */
void alert_set_disk(struct alert *alert, bool works);
/* Another disk, or an older state of it: all rows are to be collected again. */
void alert_forget_rows(struct alert *alert);
/* A row from before a restart, in order. -ENOENT: nobody of that name receives any more, -EEXIST,
 * -EBADMSG: no row of ours, -ESTALE: too old; it can be dropped then. -ENOMEM. */
int alert_restore(struct alert *alert, const char *id, uint64_t order, const char *text, size_t len,
                  uint64_t now_mono_ms, uint64_t now_wall_ms);

#define ALERT_BODY_MAX 20000

/* ---- pure parts, tested by themselves ----------------------------------------------------- */

bool alert_wants(const struct conf_receiver *receiver, const struct notice *notice);

/* Whether an incident in that state ("silenced") tells of the event: who has said that he knows, or
 * wants to sleep, hears of nothing but that and the end. */
bool alert_may_tell(const char *state, enum notice_event event);

enum alert_outcome {
    ALERT_DELIVERED,
    ALERT_RETRY,
    ALERT_REFUSED, /* this one will never be taken */
    ALERT_STOP_RECEIVER,
};
/* What an attempt's end means. error: fetch's, 0 when an answer came. Only 2xx is a success. */
enum alert_outcome alert_judge(int error, long http_status);

/* The first attempt after this is the last. */
#define ALERT_AGE_MAX_MS UINT64_C(86400000)

/* Delay before attempt number `attempt` (2 = first retry), with jitter from `random` (0..1).
 * retry_after_ms is honoured when longer. */
uint64_t alert_retry_delay_ms(unsigned attempt, double random, uint64_t retry_after_ms);

/* "v1,<base64>" over id.timestamp.body. secret is "whsec_<base64>" or bare base64. -EINVAL: not. */
int alert_sign(const char *secret, const char *id, uint64_t timestamp_s, const void *body,
               size_t body_len, char *out, size_t out_size);

struct buf;
/* The JSON body, at most ALERT_BODY_MAX bytes: long names are cut and frames left out until it
 * fits. link: address of the incident's page, NULL = none. */
void alert_write_body(const struct notice *notice, const char *link, struct buf *out);

#endif
