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

/* What flows back, handed in by leakd.c. Every member may be NULL. */
struct watch_hooks {
    void *arg;
    /* The process is suspect (or calm again): sample finer and attribute Python (or not). */
    void (*on_zoom)(void *arg, const struct process *process, uint64_t period_bytes, bool python);
    void (*on_verdict)(void *arg, const struct process *process);
    void (*on_incident)(void *arg, const struct incident *incident, enum watch_change change);
    /* An incident has opened: take a snapshot and ask who keeps objects of these types. 0 and its
     * number, or a negative errno: there will be none. */
    int (*on_snapshot)(void *arg, struct process *process, const char *const *types,
                       size_t type_count, uint32_t *number);
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

/* A delivery's result, to be kept with its incident. */
void watch_delivery(struct watch *watch, const struct alert_delivery *delivery,
                    uint64_t now_wall_ms);

#endif
