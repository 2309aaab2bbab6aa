/* SPDX-License-Identifier: MIT */
/*
 * One trouble, one page: incidents of one receiver that come of the same place in the same unit (or
 * program) are a group, whose first is told at once, whose others are told as a number, and whose
 * end is told once, when the last one ends. What comes faster than GROUP_PAGES_MAX and then one a
 * minute is a group too, whatever it is. Pure: times come in.
 */
#ifndef LEAKD_ALERT_GROUP_H
#define LEAKD_ALERT_GROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/alert/alert.h"
#include "daemon/alert/sign.h"

#define GROUP_MEMBER_SIZE 64
#define GROUP_KEY_SIZE    224

/* Others that join are told of after this, so that fifty workers make one number. */
#define GROUP_DIGEST_MS UINT64_C(60000)
/* And the next number not sooner than this after the one before. */
#define GROUP_DIGEST_GAP_MS UINT64_C(900000)
#define GROUP_PAGES_MAX     10
#define GROUP_PAGE_MS       UINT64_C(60000) /* a page more every */

/* More than the store has incidents: the oldest is forgotten, so that the group's row fits. */
#define GROUP_MEMBERS_MAX 2000

struct group_member {
    char incident_id[GROUP_MEMBER_SIZE];
};

struct group {
    char id[NOTICE_ID_SIZE]; /* of its row */
    char key[GROUP_KEY_SIZE];
    char leader[GROUP_MEMBER_SIZE]; /* the incident that people know it by */
    char name[64];
    char unit[128];
    char fingerprint[64];
    char verdict[16];
    enum conf_severity severity; /* the highest that was told */
    uint64_t opened_wall_ms;
    bool is_overflow;       /* what was too much: nothing in common */
    bool is_told;           /* somebody heard of it */
    size_t joined;          /* in its whole life */
    size_t untold;          /* joined since somebody heard of it */
    uint64_t digest_due_ms; /* UINT64_MAX: none */
    uint64_t digest_ms;     /* the last one, 0 = none */
    size_t member_count;    /* that are open */
    size_t member_cap;
    struct group_member *members; /* owned */
    bool is_changed;              /* for the disk, as an outbox_item's */
    bool is_asked;
    bool was_asked; /* as of an item of the outbox */
    bool is_over;   /* only its row is still there */
    struct group *next;
};

struct groups {
    struct group *first;
    double pages; /* that may go out at once */
    uint64_t pages_ms;
};

enum group_answer {
    GROUP_TELL, /* out is what to tell */
    GROUP_HOLD, /* not by itself */
};

/* What to do with a notice that the receiver wants. out is notice with the group's key, number and
 * leader, valid until the groups change; leader gets the incident that the group is known by. When
 * there is no memory for a group, the notice is told. */
enum group_answer groups_step(struct groups *groups, const struct notice *notice, uint64_t now_ms,
                              struct notice *out, char leader[GROUP_MEMBER_SIZE]);
/* When a number is to be told; UINT64_MAX: never. */
uint64_t groups_due_ms(const struct groups *groups);
/* A number that is due, as a notice (valid until the groups change) with its sentence in summary.
 */
bool groups_take_digest(struct groups *groups, uint64_t now_ms, uint64_t now_wall_ms,
                        struct notice *out, char *summary, size_t size);

struct group *group_new(const char *id); /* NULL: no memory */
void group_free(struct group *group);
int group_add(struct group *group, const char *incident_id);
void groups_put(struct groups *groups, struct group *take);   /* one from the disk */
void groups_drop(struct groups *groups, struct group *group); /* off the list and freed */
void groups_done(struct groups *groups);

#endif
