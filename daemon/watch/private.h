/* SPDX-License-Identifier: MIT */
/* The watch from the inside. For the files of this folder only. */
#ifndef LEAKD_WATCH_PRIVATE_H
#define LEAKD_WATCH_PRIVATE_H

#include "daemon/watch/watch.h"

/* A process as a worker of a prefork server. */
struct worker {
    uint64_t parent_due_ms; /* when its parent is looked for again */
    unsigned parent_looks;
    uint64_t turn_due_ms;
    unsigned turns; /* parts of its life since it has warmed up */
    double floor_now;
    double floor_before;
    double floor_bytes; /* what is added up so far */
    unsigned falls;     /* ticks in a row below it */
    double inherited_bytes;
    bool is_known; /* inherited_bytes is */
    bool counts;   /* floor_bytes is known */
};

/* A process as the first of such workers. Figures of this tick, but for the ended. */
struct crowd {
    unsigned living;
    unsigned silent; /* that have no figures */
    unsigned counting;
    unsigned ended;
    double lives_ms; /* of the ended, added up */
    double step_bytes;
    double own_bytes;
    uint64_t live_bytes;
};

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
    uint64_t wish_told_ms;     /* of the last snapshot that the program asked for and got */
    uint64_t wish_due_ms;      /* when it may have the next one */
    uint64_t action_due_ms;   /* a decided action is taken then at the latest; 0 = none is */
    uint64_t action_revision; /* of the incident, that says so */
    bool is_spent;            /* it is said that there was one action too many today */
    uint64_t joining_ms;      /* since when it waits to learn whose incident is its own; 0: no */
    uint64_t held_since_ms;   /* the incident is from before a restart; 0 = not, or judged anew */
    struct worker worker;
    struct crowd crowd;
    uint64_t shared_bytes; /* resident ones, when those of files were last read */
};

struct watch {
    struct store *store;
    struct procfs fs;
    struct watch_hooks hooks;
    struct map *watched; /* by process id */
    struct watched **list;
    size_t count;
    size_t cap;
    struct map *living; /* processes by pid, as of living_tick: good within that tick alone */
    uint32_t living_tick;
    struct action_rule action;
    char boot_id[PROCFS_BOOT_ID_SIZE];
    char host[64];
    uint64_t orphans_due_ms;
    uint64_t restored_ms; /* when incidents came back from the disk */
    uint32_t tick;
    uint64_t now_mono_ms;
    uint64_t now_wall_ms;
};

/* ---- judge.c: one verdict of two detectors -------------------------------------------------- */

/* Feeds the newest figures to the detectors and sets the process's verdict, growth and forecast.
 * True when the verdict changed. */
bool judge_process(struct process *process, uint64_t now_mono_ms, uint64_t now_wall_ms);
/* Time until the process's limit is reached at that growth; not known without a limit. */
struct forecast judge_forecast(const struct process *process, const struct growth *growth);
/* What is resident, but for the pages of mapped files: these are no growth of the program's, and the
 * kernel drops them when it has to. */
double judge_resident_bytes(const struct process *process);
/* What the nearest limit leaves; INFINITY without one, negative beyond it. */
double judge_room_bytes(const struct process *process);

/* ---- resident.c: resident memory that grows over live bytes that do not ------------------------ */

static inline bool growth_is_resident(enum growth_in in)
{
    return in != GROWTH_IN_ALLOCATIONS && in != GROWTH_IN_JAVA_HEAP;
}

/* It grows where no allocation is seen: no site and no type of the program has to do with it. */
bool growth_has_no_site(const struct process *process);

/* True when RSS decides: its verdict and what grows are then set. `bytes` are live bytes with what
 * their load explains, `live` is the verdict about them. */
bool resident_decides(const struct process *process, const struct detect_result *bytes,
                      const struct detect_result *live, struct detect_result *rss,
                      uint64_t now_mono_ms, enum growth_in *growth_in);

/* ---- heap.c: a heap that its runtime collects -------------------------------------------------- */

/* Once a tick: remembers what was left when all of the heap had been looked through. */
void heap_note(struct process *process, uint64_t now_mono_ms);
/* With every sample of live bytes: those in the heap have a detector of their own. Returns the rest. */
double heap_take_out(struct process *process, const struct detect_sample *live);
/* What it is that grows, of live bytes. *live is the verdict about those outside of the heap, and
 * becomes that about the heap where it decides. */
enum growth_in heap_split(struct process *process, struct detect_result *live, uint64_t now_mono_ms);
/* A leak in the heap meets the heap's own maximum before the process's limit. */
bool heap_ends_first(const struct process *process);

/* ---- object.c: what speaks against a leak that one series cannot know ------------------------ */

/* Once a tick: remembers when Python collected all. */
void object_note(struct process *process, uint64_t now_mono_ms);
/* Makes a leak of live bytes a suspicion, unless it stands already or its limit is near, and keeps
 * the tests in process->objections. */
void object_leak(struct process *process, struct detect_result *live, uint64_t now_mono_ms);
/* Waiting for certainty would take longer than the process's limit leaves. */
bool object_is_urgent(const struct process *process, const struct detect_result *growth,
                      uint64_t now_mono_ms);

/* ---- attribute.c: which sites and types grow ------------------------------------------------ */

/* Notes the live bytes of every site and type, making their rings where they are missing;
 * from_start tells that sites without ring are new ones, which began at nothing. */
void attribute_note(struct process *process, uint64_t now_mono_ms, bool from_start);
/* Tests every ring: sets verdict and growth of sites and types. is_leak: the process leaks for
 * sure, or the server whose worker it is. */
void attribute_test(struct process *process, bool is_leak);
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

/* ---- pool.c: what grows, in a process or in all workers of one ------------------------------- */

#define GROWN_MAX 16

struct grown {
    const struct process *process; /* whose site or type it is; the one that gained most of it */
    const struct site *site;       /* or */
    const struct type *type;
    enum verdict verdict;
    struct growth growth;
    double gain_bytes; /* of all */
    uint64_t live_bytes;
    uint64_t live_count;
};

/* The first max (at most GROWN_MAX) of a process; of the first of a prefork server those of all its
 * workers together. Borrowed from the store. */
size_t grown_sites(const struct store *store, const struct process *process, struct grown *out,
                   size_t max);
size_t grown_types(const struct store *store, const struct process *process, struct grown *out,
                   size_t max);
/* What all sites gained. */
double grown_total_bytes(const struct store *store, const struct process *process);

/* ---- parent.c: whose worker a process is ----------------------------------------------------- */

/* Each tick: puts a worker into the group of the process that it comes from, and notices the end of a
 * process that has never spoken. */
void parent_look(struct watch *watch, struct worker *worker, struct process *process);

/* ---- group.c: prefork servers ---------------------------------------------------------------- */

/* Each tick: finds out whose worker the process is, and adds it up. */
void group_note(struct watch *watch, struct watched *watched, struct process *process);
/* At the end of a tick: the firsts get their sums. */
void group_settle(struct watch *watch);
void group_leave(struct watch *watch, const struct process *process); /* it has ended */
/* The living process whose worker this one is; NULL: it is nobody's. */
const struct process *group_first(const struct store *store, const struct process *process);
/* True when its growth is told, or will soon be, by the first or by another worker. */
bool group_tells(const struct watch *watch, const struct process *process);

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
/* The incident was changed: readers and the disk are to know. */
void incident_changed(const struct watch *watch, struct incident *incident);
/* Tells people, unless somebody has said that he knows. */
void incident_notify(const struct watch *watch, const struct incident *incident,
                     enum notice_event event);
/* Tells those who heard of it that it is over. */
void incident_resolve(struct watch *watch, struct incident *incident, const char *by,
                      const char *why);

/* The fingerprint of what the process leaks, false while it is only that of the program and its
 * verdict; of fragmentation there will be no other. */
bool incident_read_fingerprint(const struct watch *watch, const struct process *process,
                               char out[17]);

/* ---- member.c: one incident of several processes -------------------------------------------- */

enum member_answer { MEMBER_ALONE, MEMBER_WAITS, MEMBER_JOINED };
/* The process begins to leak: has another one of its unit an incident of that leak? WAITS: it may
 * turn out so, when the fingerprints are known. */
enum member_answer member_join(struct watch *watch, struct watched *watched,
                               const struct process *process);
/* Lists the process, or moves the state it is listed with. True when that changed something. */
bool member_set(const struct watch *watch, struct incident *incident,
                const struct process *process, enum member_state state);
/* It is the process that the incident speaks of. */
bool member_leads(const struct incident *incident, const struct process *process);
/* From now on it is. */
void member_lead(const struct watch *watch, struct incident *incident,
                 const struct process *process);
/* The process that leads grows no more: another that does takes its place. False: there is none. */
bool member_succeed(struct watch *watch, struct incident *incident);

/* ---- request.c: what people say to an incident ---------------------------------------------- */

/* Ends acknowledgements and silences whose time is over. */
void request_expire(struct watch *watch);

/* ---- action.c: what leakd does by itself ---------------------------------------------------- */

/* What a decision is made of. */
struct action_facts {
    enum incident_state state;
    enum verdict verdict;
    const char *unit; /* NULL: none */
    struct forecast time_to_limit;
    uint64_t acted_wall_ms; /* for this incident */
    unsigned acted_today;   /* for all incidents, in the last 24 hours */
};
enum action_answer { ACTION_NO, ACTION_YES, ACTION_SPENT };
/* Pure. SPENT: it would be due, had there not been enough of them today. */
enum action_answer action_decide(const struct action_rule *rule, const struct action_facts *facts);
/* Decides and has it done. */
void action_follow(struct watch *watch, struct watched *watched, const struct process *process,
                   struct incident *incident);

/* ---- release.c ------------------------------------------------------------------------------ */

/* What the process runs: "release 1.4.2" by its own or an operator's mark, else "build 3f2a..." of
 * its executable, else, as for every interpreter, "start of 2026-11-22 14:02:10 UTC". */
void release_of(const struct store *store, const struct process *process, char *out, size_t size);

/* ---- keeper.c: who keeps the objects alive --------------------------------------------------- */

/* Has a snapshot taken for a young incident, once, and takes what it found over into the evidence.
 * True when the evidence changed. */
bool keeper_follow(struct watch *watch, struct watched *watched, struct process *process,
                   struct incident *incident);
/* Has the snapshot taken that the program asked for (leakd_snapshot): one in ten minutes; a wish that
 * cannot be met within a minute is dropped. */
void keeper_grant(struct watch *watch, struct watched *watched, struct process *process);
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
/* The process came back after a restart, too lately to say that it does not grow any more. */
bool adopt_is_fresh(const struct watch *watch, const struct watched *watched,
                    const struct process *process);
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
