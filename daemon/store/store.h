/* SPDX-License-Identifier: MIT */
/*
 * Processes, sites, types, series and incidents in memory: what changes them. Decodes nothing and
 * decides nothing. All functions are the loop thread's.
 */
#ifndef LEAKD_STORE_STORE_H
#define LEAKD_STORE_STORE_H

#include "daemon/store/model.h"
#include "daemon/store/query.h"

struct store_limits {
    size_t processes_max;         /* ended ones make room, oldest first */
    uint64_t exited_retention_ms; /* an ended process without incident goes after that */
};

int store_new(const struct store_limits *limits, struct store **out);
void store_free(struct store *store);

/* A peer said hello. Finds the process again by pid, start and instance (after a restart of the
 * connection), else makes one. -ENOSPC when full of living ones. profile: what applies to it. */
int store_hello(struct store *store, const struct process_identity *identity,
                const struct wire_hello *hello, const struct detect_profile *profile,
                uint64_t now_mono_ms, uint64_t now_wall_ms, struct process **out);

/* The process that `child` was forked off and whose agent has not said a word: what it is, is known from
 * the child, figures it has none. Once it says hello it is the process that it was. -ENOSPC, -ENOMEM;
 * -EEXIST: a program of that pid and start is known, living or ended. */
int store_put_silent(struct store *store, const struct process *child, pid_t pid,
                     uint64_t start_ticks, uint64_t now_mono_ms, uint64_t now_wall_ms,
                     struct process **out);

int store_put_module(struct store *store, struct process *process,
                     const struct wire_module *module);
int store_put_name(struct store *store, struct process *process, const struct wire_name *name);
int store_put_site(struct store *store, struct process *process, const struct wire_site *site);
/* Unknown ids are kept as sites without frames, their frames may follow. Of what was never allocated
 * nothing is freed: such totals are cut. */
int store_put_site_totals(struct store *store, struct process *process,
                          const struct wire_site_totals *totals, uint64_t now_mono_ms);
int store_put_type_totals(struct store *store, struct process *process,
                          const struct wire_type_totals *totals, uint64_t now_mono_ms);
int store_put_totals(struct store *store, struct process *process, const struct wire_totals *totals,
                     uint64_t now_mono_ms, uint64_t now_wall_ms);
void store_put_rss(struct store *store, struct process *process, uint64_t rss_bytes,
                   uint64_t now_mono_ms, uint64_t now_wall_ms);
void store_put_limit(struct store *store, struct process *process, uint64_t limit_bytes,
                     const char *source);
/* The agent's own reading; its RSS counts where /proc is out of sight. */
void store_put_smaps(struct store *store, struct process *process, const struct wire_smaps *smaps,
                     uint64_t now_mono_ms, uint64_t now_wall_ms);
void store_put_gc(struct store *store, struct process *process, const struct wire_gc *gc);
/* Live bytes follow with the next totals. -ENOMEM: as if it had not been said. */
int store_put_heap(struct store *store, struct process *process, const struct wire_heap *heap);
void store_put_health(struct store *store, struct process *process,
                      const struct wire_health *health);
/* A label is set, renewed or taken away; beyond PROCESS_LABELS_MAX new ones are not kept. A mark with the text and time of one that is there is that one, said again after a reconnect. */
int store_put_mark(struct store *store, struct process *process, const struct wire_mark *mark,
                   uint64_t now_wall_ms);
void store_put_unit(struct store *store, struct process *process, const char *unit);
/* How the kernel says that it ended: the signal that killed it (0: none), else its exit's status.
 */
void store_put_ending(struct process *process, int end_signal, int end_status);
void store_put_started(struct store *store, struct process *process, uint64_t started_wall_ms);
/* A process that does not allocate sends nothing and its live bytes stay what they were: puts the
 * last totals into the series again when none came within the last second. True when it did. */
bool store_repeat_totals(struct store *store, struct process *process, uint64_t now_mono_ms,
                         uint64_t now_wall_ms);
/* Moves the state; an end freezes the figures. */
void store_set_state(struct store *store, struct process *process, enum process_state state,
                     uint64_t now_mono_ms, uint64_t now_wall_ms);
/* Remembers what the sites hold now, when that is due (query_past_sites); closely: more often. */
void store_take_shot(struct store *store, struct process *process, bool closely,
                     uint64_t now_wall_ms);
/* Forgets ended processes past their retention. */
void store_expire(struct store *store, uint64_t now_mono_ms);

/* Processes that ended longer ago than after_ms give back what a disk has of them, or what only a
 * living one needs: curves, and what sites and types held in between. */
void store_slim(struct store *store, uint64_t now_mono_ms, uint64_t after_ms);

/* For the watch, which alone sets verdicts. */
struct process *store_process(struct store *store, const char *id);
struct process *store_process_at(struct store *store, size_t index);
void store_touch(struct process *process); /* a reader could see a change */

/* Gives fingerprints to sites whose frames have all been named since, a bounded piece of work a
 * call: once a second. */
void store_settle(struct store *store);

/* Incidents. The store takes what incident points to; id and revision are set by it. */
int store_open_incident(struct store *store, struct incident *take, struct incident **out);
/* One from before a restart, with its id; in order of opening. -EEXIST: it is there (and take is
 * freed, as it is on every failure). */
int store_restore_incident(struct store *store, struct incident *take);
struct incident *store_incident(struct store *store, const char *id);
/* The one that the process has by its last word: it speaks of it, or lists it as growing. */
struct incident *store_find_open_incident(struct store *store, const char *process_id);
/* The process that it speaks of is listed as the only one. */
void incident_list_sole(struct incident *incident, enum member_state state);
/* NULL: not listed. */
const struct incident_member *incident_member(const struct incident *incident,
                                              const char *process_id);
/* When it was over, and while it is not, when it began: what its retention counts from. */
uint64_t incident_dated_wall_ms(const struct incident *incident);
void store_touch_incident(struct incident *incident);
void incident_free(struct incident *incident);
/* Adds a line to what was done to it; the oldest goes when there are too many. */
void incident_note(struct incident *incident, const char *what, const char *by, const char *text,
                   uint64_t now_wall_ms);
/* What is known of earlier incidents of the same fingerprint. */
void store_read_past(const struct store *store, const struct incident *incident,
                     struct incident_past *out);

/* Marks that operators set. Copies; id is set by it when it is "". At most 1000, the oldest goes.
 * -EEXIST: that id is there. -ENOMEM. */
int store_put_operator_mark(struct store *store, const struct operator_mark *mark,
                            struct operator_mark **out);
struct operator_mark *store_operator_mark(struct store *store, const char *id); /* NULL: none */

/* ---- symbols ------------------------------------------------------------------------------- */

/* A native frame nobody has named yet. Strings are borrowed. */
struct store_address {
    const char *path;
    const uint8_t *build_id;
    uint8_t build_id_len;
    pid_t pid;       /* to read the file through /proc/PID/root when path is not ours */
    uint64_t offset; /* ELF virtual address of the call: return address - 1 */
    uint64_t key;    /* names module and offset in store_put_symbol */
};

/* Takes up to max addresses off the queue of unnamed ones; each is handed out once. */
size_t store_take_unresolved(struct store *store, struct store_address *out, size_t max);

/* What a symboliser found: frame 0 innermost, inlined ones first. Strings are copied. An empty list
 * means that nothing is known. */
struct store_symbol_frame {
    const char *function; /* NULL = unknown */
    const char *file;
    uint32_t line;
    bool inlined;
};
int store_put_symbol(struct store *store, uint64_t key, const struct store_symbol_frame *frames,
                     size_t count);

#endif
