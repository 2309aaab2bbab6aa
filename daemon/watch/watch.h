/* SPDX-License-Identifier: MIT */
/*
 * The tick: reads RSS and limits, feeds changed series to the detectors, attributes growth to sites
 * and types, opens, updates and resolves incidents and has people told. Owns no socket and no
 * clock: the times come in.
 */
#ifndef LEAKD_WATCH_WATCH_H
#define LEAKD_WATCH_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/alert/alert.h"
#include "daemon/base/procfs.h"
#include "daemon/store/store.h"

struct watch;

enum watch_change { WATCH_INCIDENT_OPENED, WATCH_INCIDENT_UPDATED, WATCH_INCIDENT_RESOLVED };

/* What is done before a process reaches its limit. */
struct action_rule {
    bool is_on;
    const char *units;  /* conf_matches; borrowed for as long as the rule is in force */
    uint64_t before_ms; /* when the lower bound of the time to the limit is below this */
    unsigned per_day_max;
};

/* What flows back, handed in by leakd.c. Every member may be NULL. */
struct watch_hooks {
    void *arg;
    /* The process is suspect (or calm again): sample finer and attribute Python (or not). */
    void (*on_zoom)(void *arg, const struct process *process, uint64_t period_bytes, bool python);
    void (*on_verdict)(void *arg, const struct process *process);
    void (*on_incident)(void *arg, const struct incident *incident, enum watch_change change);
    /* An incident has opened: take a snapshot and ask who keeps objects of these types. Or the program
     * asks for one: no types, those that grow are meant. 0 and its number, or a negative errno: there will be none. */
    int (*on_snapshot)(void *arg, struct process *process, const char *const *types,
                       size_t type_count, uint32_t *number);
    /* An action is due; it is noted and, if the disk works, stored by now. */
    void (*on_action)(void *arg, const struct incident *incident, const struct process *process);
    int (*notify)(void *arg, const struct notice *notice); /* alert_notify */
};

int watch_new(struct store *store, const struct procfs *fs, const struct watch_hooks *hooks,
              struct watch **out);
void watch_free(struct watch *watch);

/* The store has its incidents of before a restart again: open ones are followed further. */
void watch_restored(struct watch *watch, uint64_t now_mono_ms);

/* Once a second. */
void watch_tick(struct watch *watch, uint64_t now_mono_ms, uint64_t now_wall_ms);

/* A process ended (exit, kill, or its agent is lost): its incident gets its last words. */
void watch_process_ended(struct watch *watch, struct process *process, uint64_t now_mono_ms,
                         uint64_t now_wall_ms);

/* What somebody asks of an incident: the state it is to have, who asks and why ("" = not said), and
 * for how long an acknowledgement or a silence holds (0 = until it is over). */
struct watch_request {
    enum incident_state to;
    const char *by;
    const char *reason;
    uint64_t duration_ms;
};
/* -ENOENT: no such incident; -EALREADY: it is resolved. */
int watch_request(struct watch *watch, const char *id, const struct watch_request *request,
                  uint64_t now_mono_ms, uint64_t now_wall_ms);

/* Off until it is set. */
void watch_set_action(struct watch *watch, const struct action_rule *rule);
/* How an action ended, in words, for the incident's log. */
void watch_action_done(struct watch *watch, const char *incident_id, const char *how,
                       uint64_t now_wall_ms);

/* A delivery's result, to be kept with its incident. */
void watch_delivery(struct watch *watch, const struct alert_delivery *delivery,
                    uint64_t now_wall_ms);

#endif
