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
    char host[64];
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
/* Time until the process's limit is reached at that growth; not known without a limit. */
struct forecast judge_forecast(const struct process *process, const struct growth *growth);

/* ---- object.c: what speaks against a leak that one series cannot know ------------------------ */

/* Once a tick: remembers when Python collected all. */
void object_note(struct process *process, uint64_t now_mono_ms);
/* Makes a leak of live bytes a suspicion, unless it stands already or its limit is near, and keeps
 * the tests in process->objections. */
void object_leak(struct process *process, struct detect_result *live, uint64_t now_mono_ms);

/* ---- attribute.c: which sites and types grow ------------------------------------------------ */

/* Notes the live bytes of every site and type, making their rings where they are missing;
 * from_start tells that sites without ring are new ones, which began at nothing. */
void attribute_note(struct process *process, uint64_t now_mono_ms, bool from_start);
/* Tests every ring: sets verdict and growth of sites and types. */
void attribute_test(struct process *process);
void attribute_forget(struct process *process);
/* Of what sites have gained: the share of those whose oldest object is younger than half of
 * lasted_ms, so that what has grown must have died meanwhile. False when too little is known. */
bool attribute_dying_share(const struct process *process, uint64_t lasted_ms, uint64_t now_mono_ms,
                           double *share);

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
/* An incident's summary: the process's sentence, and what was before. */
void words_incident(struct incident *incident, const char *sentence);
/* The same once the process is no more: how it ended, what it died of. */
void words_post_mortem(struct incident *incident);
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
void incident_put_end(const struct watch *watch, struct incident *incident, const char *end_state,
                      const char *end);
/* Moves the state, with who did it and why; until_wall_ms: when that ends by itself, 0 = never. */
void incident_move(const struct watch *watch, struct incident *incident, enum incident_state state,
                   const char *by, const char *why, uint64_t until_wall_ms);
/* Tells people, unless somebody has said that he knows. */
void incident_notify(const struct watch *watch, const struct incident *incident,
                     enum notice_event event);
/* Tells those who heard of it that it is over. */
void incident_resolve(struct watch *watch, struct incident *incident, const char *by,
                      const char *why);

/* ---- request.c: what people say to an incident ---------------------------------------------- */

/* Ends acknowledgements and silences whose time is over. */
void request_expire(struct watch *watch);

/* ---- release.c ------------------------------------------------------------------------------ */

/* What the process runs: "release 1.4.2" by its own or an operator's mark, else "build 3f2a..." of
 * its executable, else, as for every interpreter, "start of 2026-11-22 14:02:10 UTC". */
void release_of(const struct store *store, const struct process *process, char *out, size_t size);

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
