/* SPDX-License-Identifier: MIT */
/*
 * Snapshots of a process: what its frozen heap held and who keeps it, as plain data, and what
 * changes them. The process owns its last SNAPSHOTS_KEPT; pointers are valid until the next return
 * to the loop. Loop thread only.
 */
#ifndef LEAKD_STORE_SNAPSHOT_H
#define LEAKD_STORE_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/wire/record.h"

struct process;
struct store;

#define SNAPSHOT_STATES(X)                                                                         \
    X(REQUESTED, "requested") /* ordered, the agent has not answered */                            \
    X(RUNNING, "running")     /* the copy of the process is at work */                             \
    X(DONE, "done")                                                                                \
    X(REFUSED, "refused") /* the agent made no copy */                                             \
    X(FAILED, "failed")

enum snapshot_state {
#define X(name, text) SNAPSHOT_##name,
    SNAPSHOT_STATES(X)
#undef X
};
const char *snapshot_state_name(enum snapshot_state state);

#define SNAPSHOTS_KEPT          4
#define SNAPSHOT_TYPES_KEPT     512
#define SNAPSHOT_RETAINERS_KEPT 48
#define SNAPSHOT_NAME_BYTES_MAX 255

/* A way from a root to objects of a type; strings are owned. */
struct retainer {
    char *type;
    double share; /* of the sampled objects of the type, 0..1 */
    uint32_t sampled;
    size_t step_count;
    char *steps[WIRE_SNAPSHOT_STEPS_MAX]; /* root first */
};

struct snapshot_type {
    char *name;
    uint64_t count;
    uint64_t bytes;
};

struct snapshot {
    uint32_t number; /* in its process, from 1 */
    uint64_t token;  /* the copy proves by it whose it is; never shown */
    enum snapshot_state state;
    uint64_t requested_mono_ms;
    uint64_t requested_wall_ms;
    uint64_t ended_wall_ms; /* 0 while it is not over */
    uint64_t pause_ns;      /* the process stood still; 0 = not known */
    uint64_t duration_ns;   /* the copy's work */
    uint64_t objects;
    uint64_t bytes;
    bool is_cut;                 /* not everything was looked at */
    char reason[192];            /* REFUSED, FAILED */
    struct snapshot_type *types; /* most bytes first */
    size_t type_count;
    struct retainer retainers[SNAPSHOT_RETAINERS_KEPT];
    size_t retainer_count;
};

/* A copy that has not ended so long after its order never will. */
#define SNAPSHOT_SECONDS     60u
#define SNAPSHOT_WAIT_MAX_MS (1000u * (SNAPSHOT_SECONDS + 40))

/* Makes room for the next one, in state REQUESTED. -EBUSY: one is not over yet. */
int store_request_snapshot(struct process *process, uint64_t token, uint64_t now_mono_ms,
                           uint64_t now_wall_ms, struct snapshot **out);

/* The process and snapshot that a copy speaks of; NULL: neither. */
struct process *store_find_snapshot(struct store *store, uint32_t number, uint64_t token,
                                    struct snapshot **out);

/* What the wire says. Those that do not fit any more are left out. -ENOMEM. */
void store_put_snapshot_state(struct process *process, struct snapshot *snapshot,
                              const struct wire_snapshot_state *state, uint64_t now_wall_ms);
int store_put_snapshot_type(struct snapshot *snapshot, const struct wire_snapshot_type *type);
int store_put_snapshot_retainer(struct snapshot *snapshot,
                                const struct wire_snapshot_retainer *retainer);

/* It will not come any more, unless it is over. */
void store_fail_snapshot(struct process *process, struct snapshot *snapshot, const char *reason,
                         uint64_t now_wall_ms);
/* Fails the one that waits for too long. */
void store_expire_snapshot(struct process *process, uint64_t now_mono_ms, uint64_t now_wall_ms);

void snapshots_free(struct process *process);

/* Copies. *out is to be cleared by retainer_clear also after -ENOMEM. */
int retainer_copy(const struct retainer *from, struct retainer *out);
void retainer_clear(struct retainer *retainer);

/* ---- reading ------------------------------------------------------------------------------- */

/* NULL: none of that number. */
const struct snapshot *query_snapshot(const struct process *process, uint32_t number);
/* The last one that is done, NULL without one. */
const struct snapshot *query_last_snapshot(const struct process *process);
bool snapshot_is_over(const struct snapshot *snapshot);
/* NULL: the snapshot has none of that name, or there is no snapshot. */
const struct snapshot_type *query_snapshot_type(const struct snapshot *snapshot, const char *name);
/* The way by which most objects of the type are held; NULL when it was not looked for. */
const struct retainer *query_retainer(const struct snapshot *snapshot, const char *type);

#endif
