/* SPDX-License-Identifier: MIT */
/* The watch from the inside. For the files of this folder only. */
#ifndef LEAKD_WATCH_PRIVATE_H
#define LEAKD_WATCH_PRIVATE_H

#include "daemon/watch/watch.h"

/* What the watch remembers of a process beside the model. */
struct watched {
    char id[40];
    uint32_t last_tick; /* the process was there */
    bool is_ended;      /* its last words are said */
    bool zoomed;
    uint64_t base_period_bytes; /* the agent's own, before any order */
    uint64_t limit_due_ms;
    uint64_t order_due_ms;   /* when an order that was not obeyed is given again */
    uint64_t attributing_ms; /* since when sites carry points; 0 = they do not */
    uint64_t attribute_due_ms;
    char incident_id[24]; /* of the open one, "" = none */
    uint64_t opened_ms;
    uint64_t evidence_due_ms;
    uint64_t snapshot_due_ms;  /* not before: they cost the process a pause */
    bool is_snapshot_asked;    /* for the open incident */
    uint32_t snapshot_number;  /* its; 0 = there is none, or what it said is in the evidence */
    uint64_t held_since_ms; /* the incident is from before a restart; 0 = not, or judged anew */
};

struct watch {
    struct store *store;
    struct procfs fs;
    struct watch_hooks hooks;
    struct map *watched; /* by process id */
    struct watched **list;
    size_t count;
    size_t cap;
    char boot_id[PROCFS_BOOT_ID_SIZE];
    uint64_t orphans_due_ms;
    uint64_t restored_ms; /* when incidents came back from the disk */
    uint32_t tick;
    uint64_t now_mono_ms;
    uint64_t now_wall_ms;
};

static inline bool verdict_is_growing(enum verdict verdict)
{
    return verdict == VERDICT_SUSPECT || verdict == VERDICT_LEAK ||
           verdict == VERDICT_FRAGMENTATION;
}

static inline bool verdict_is_alarm(enum verdict verdict)
{
    return verdict == VERDICT_LEAK || verdict == VERDICT_FRAGMENTATION;
}

/* ---- judge.c: one verdict of two detectors -------------------------------------------------- */

/* Feeds the newest figures to the detectors and sets the process's verdict, growth and forecast.
 * True when the verdict changed. */
bool judge_process(struct process *process, uint64_t now_mono_ms, uint64_t now_wall_ms);

/* ---- attribute.c: which sites and types grow ------------------------------------------------ */

/* Notes the live bytes of every site and type, making their rings where they are missing;
 * from_start tells that sites without ring are new ones, which began at nothing. */
void attribute_note(struct process *process, uint64_t now_mono_ms, bool from_start);
/* Tests every ring: sets verdict and growth of sites and types. */
void attribute_test(struct process *process);
void attribute_forget(struct process *process);

/* Those that grow, the surest first; when none does for sure those that gained most. */
size_t attribute_top_sites(const struct process *process, const struct site **out, size_t max);
size_t attribute_top_types(const struct process *process, const struct type **out, size_t max);

/* The place that most growth comes from: sites whose culprit is one line are added up. */
struct blame {
    bool known;
    struct frame culprit;
    double share;          /* of the process's growth; 0..1 */
    const char *type_name; /* NULL when no type has at least half of it */
};
void attribute_blame(const struct store *store, const struct process *process, struct blame *out);

/* ---- words.c: sentences for people ---------------------------------------------------------- */

void words_bytes(double bytes, char *out, size_t size);              /* "84.2 KiB" */
void words_span(double seconds, char *out, size_t size);             /* "2 min 40 s" */
void words_time(uint64_t wall_ms, char *out, size_t size);           /* "2026-11-22 14:02:10 UTC" */
void words_frame(const struct frame *frame, char *out, size_t size); /* "shop.py:42 handle()" */
/* The process's summary. */
void words_summary(const struct store *store, const struct process *process, uint64_t now_wall_ms,
                   char *out, size_t size);

/* ---- incident.c ----------------------------------------------------------------------------- */

/* Opens, updates, escalates, tells and resolves, as the process's verdict now says. */
void incident_follow(struct watch *watch, struct watched *watched, struct process *process);
/* The process has ended. */
void incident_end(struct watch *watch, struct watched *watched, struct process *process);
/* Closes incidents of processes that died long ago. */
void incident_age(struct watch *watch);
/* Tells of the opening unless that was done. */
void incident_tell(const struct watch *watch, struct incident *incident);
/* The process is no more; end says how, when ("killed at ..."). */
void incident_put_end(const struct watch *watch, struct incident *incident, const char *end);

/* ---- keeper.c: who keeps the objects alive --------------------------------------------------- */

/* Has a snapshot taken for a young incident, once, and takes what it found over into the evidence.
 * True when the evidence changed. */
bool keeper_follow(struct watch *watch, struct watched *watched, struct process *process,
                   struct incident *incident);
/* A snapshot that this incident waits for is on its way. */
bool keeper_is_awaited(const struct watched *watched);
/* "module shop .registry list[...]": how most objects of the type are held; false: not known. */
bool keeper_words(const struct process *process, const char *type, char *out, size_t size);

/* ---- adopt.c: incidents from before a restart ----------------------------------------------- */

/* A process that is seen for the first time may have an open incident already. */
void adopt_incident(struct watch *watch, struct watched *watched, const struct process *process);
/* True while the process has not been watched for long enough to say that the growth has ended:
 * the incident stays as it is. */
bool adopt_holds(struct watch *watch, struct watched *watched, const struct process *process,
                 struct incident *incident);
/* Open incidents whose processes ended while nobody looked get their end. */
void adopt_orphans(struct watch *watch);

/* ---- evidence.c ----------------------------------------------------------------------------- */

/* Copies what is known of the process's growth into the incident, in place of what was there.
 * -ENOMEM: as much as there was memory for. */
int evidence_freeze(const struct store *store, const struct process *process,
                    struct incident *incident);
/* A notice that borrows from the incident. */
void evidence_notice(const struct incident *incident, enum notice_event event, uint64_t wall_ms,
                     struct notice *out);

#endif
