/* SPDX-License-Identifier: MIT */
/*
 * What leakd knows, as plain data. The store owns every pointer; readers hold none over a return
 * to the loop. Strings are never NULL unless it is said. Times end in _mono_ms (CLOCK_BOOTTIME,
 * decides) or _wall_ms (shown). Loop thread only.
 */
#ifndef LEAKD_STORE_MODEL_H
#define LEAKD_STORE_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "agent/wire/record.h"
#include "daemon/detect/load.h"
#include "daemon/store/series.h"
#include "daemon/store/snapshot.h"

#define PROCESS_STATES(X)                                                                          \
    X(WATCHING, "watching")     /* its agent is connected */                                       \
    X(EXITED, "exited")         /* ended by exit, or was asked to stop (SIGTERM ...) */            \
    X(KILLED, "killed")         /* ended by another signal, or without a word */                   \
    X(OOM_KILLED, "oom-killed") /* its cgroup counted an OOM kill as it ended */                   \
    X(LOST, "lost")             /* lives, but its agent is silent */

enum process_state {
#define X(name, text) PROCESS_##name,
    PROCESS_STATES(X)
#undef X
};
const char *process_state_name(enum process_state state);

/* Kernel facts of a peer: SO_PEERCRED and /proc/PID/stat. */
struct process_identity {
    pid_t pid; /* 0: lives in a pid namespace the daemon cannot see into */
    uid_t uid;
    gid_t gid;
    uint64_t start_ticks;
    uint64_t instance; /* the agent's word, tells exec from reconnect; nothing else is believed */
};

/* A frame made readable. */
struct frame {
    enum wire_frame_kind kind;
    bool inlined;
    const char *function; /* NULL while not known: module and offset are all there is */
    const char *file;     /* NULL when not known */
    uint32_t line;        /* 0 when not known */
    const char *module;   /* file name of the ELF file without folders; NULL for Python */
    uint64_t offset;      /* native: ELF virtual address */
};

struct module {
    uint32_t id;
    uint64_t start;
    uint64_t end;
    uint64_t load_bias;
    char *path;
    uint8_t build_id[WIRE_BUILD_ID_MAX];
    uint8_t build_id_len;
};

struct site {
    uint32_t id;          /* the agent's, unique in the process */
    char fingerprint[17]; /* 16 hex digits: functions and modules, no lines, no addresses; "" until
                             the frames are symbolised */
    uint8_t domain;
    uint8_t flags;
    uint8_t frame_count;
    const uint8_t *stack; /* the frames packed by stack.c and shared; read them by query_frames */
    uint64_t alloc_bytes;
    uint64_t free_bytes;
    uint64_t alloc_count;
    uint64_t free_count;
    uint32_t live_samples;
    uint32_t oldest_age_ms;
    uint64_t updated_mono_ms;
    struct points *recent; /* live bytes, only while the process is suspect or in profile fast */
    enum verdict verdict;
    struct growth growth;
};

struct type {
    uint32_t name_id;
    uint64_t live_bytes;
    uint64_t live_count;
    uint32_t live_samples;
    uint64_t updated_mono_ms;
    struct points *recent;
    enum verdict verdict;
    struct growth growth;
};

/* A process and the workers that come from it (a prefork server). */
struct process_group {
    char id[40]; /* the id of the process they come from, the first; "" = none of a group */
    /* The rest is the first's alone. */
    unsigned members;    /* living ones, the first with them */
    unsigned ended;      /* workers, recycled or lost */
    uint64_t live_bytes; /* of the members; what a worker shares with the first counts each time */
    double own_bytes;    /* what the living workers hold beyond what they were born with */
    double base_bytes;   /* of a first that has said nothing: what workers held when they first
                            counted */
    double gained_bytes; /* what workers, living and ended, have gained since they had warmed up */
};

#define MARK_KINDS(X)                                                                              \
    X(EVENT, "mark")        /* something happened */                                               \
    X(RELEASE, "release")   /* what the process is a release of */                                 \
    X(PHASE, "phase")       /* something began that lasts until the next one */                    \
    X(LABEL, "label")       /* kept apart, see process_label */                                    \
    X(SNAPSHOT, "snapshot") /* it asks for a snapshot */

/* WIRE_MARK_*; "mark" for numbers beyond. */
const char *mark_kind_name(unsigned kind);

#define PROCESS_MARKS_MAX 16

/* What a program told of itself (leakd_mark, LEAKD_RELEASE). */
struct process_mark {
    uint8_t kind;     /* enum wire_mark_kind */
    uint64_t told_ms; /* the process's own clock: the same mark said again has the same */
    uint64_t at_wall_ms;
    char text[WIRE_MARK_BYTES_MAX + 1];
};

#define PROCESS_LABELS_MAX 16

struct process_label {
    size_t key_len;
    char text[WIRE_MARK_BYTES_MAX + 1]; /* the key, a 0 in place of '=', then the value */
};

struct process_marks {
    char release[WIRE_MARK_BYTES_MAX + 1]; /* the last mark of that kind, "" = none */
    size_t count;
    struct process_mark list[PROCESS_MARKS_MAX]; /* the last ones, in order of arrival */
    size_t label_count;
    struct process_label labels[PROCESS_LABELS_MAX];
};

#define PROCESS_OBJECTIONS_MAX 2

#define HEAP_SWEEPS_MAX 16

/* What was left once all of a heap had been looked through. */
struct heap_sweep {
    uint64_t mono_ms;
    uint64_t bytes;
};

/* A heap that its runtime collects: Java's. Behind totals it is the watch's alone. */
struct process_heap {
    struct wire_heap totals;  /* as the agent says */
    struct detector detector; /* of what is used of it; the live detector has the rest of live bytes */
    struct heap_sweep sweeps[HEAP_SWEEPS_MAX]; /* oldest first, some left out */
    size_t sweep_count;
    uint64_t full_seen;
    uint64_t pauses_seen;
    uint64_t swept_at; /* the young collection by which what the last cycle found is swept, 0 = none */
};

/* What it is that grows. */
#define GROWTHS_IN(X)                                                                              \
    X(ALLOCATIONS, "allocations") /* live bytes */                                                 \
    X(RESIDENT, "resident")       /* resident memory, nothing else is known */                     \
    X(ALLOCATOR, "allocator")     /* what an allocator keeps beyond the live bytes: fragmentation */ \
    X(MAPPED, "mapped")           /* memory mapped before that is used for the first time */       \
    X(ELSEWHERE, "elsewhere")     /* resident memory that came from no allocator we see */         \
    X(JAVA_HEAP, "java_heap")     /* what collections leave */

enum growth_in {
#define X(name, text) GROWTH_IN_##name,
    GROWTHS_IN(X)
#undef X
};
const char *growth_in_name(enum growth_in in);

struct process {
    char id[40]; /* "PID-STARTTICKS", and "-2" ... for a program that took its place by exec */
    struct process_identity identity;
    enum process_state state;
    char *name;    /* LEAKD_NAME, else the file name of exe */
    char *unit;    /* systemd unit, NULL when none */
    char *exe;     /* as the agent says */
    char *argv0;   /* as the agent says */
    char *runtime; /* "native", "cpython 3.11.2" */
    char *reason;  /* what the agent has switched off and why, "" */
    char *agent_version;
    pid_t parent_pid;
    uint32_t capabilities; /* WIRE_CAP_* */
    uint64_t sample_period_bytes;
    bool is_silent;   /* its agent has not said a word: known through those that it forked */
    bool attributing; /* Python hooks are in */
    struct process_group group; /* set by the watch alone */

    uint64_t started_wall_ms;
    uint64_t first_seen_mono_ms;
    uint64_t last_frame_mono_ms;
    uint64_t ended_mono_ms; /* 0 while it lives */
    uint64_t ended_wall_ms;
    int end_signal; /* that killed it; 0: none, or the kernel does not say */
    int end_status; /* of its exit; -1: the kernel does not say */

    bool has_totals;
    uint64_t live_bytes; /* all domains; of a collected heap what is used, not what is mapped for it */
    uint64_t held_bytes; /* all domains, a collected heap as it is mapped */
    uint64_t live_count;
    uint64_t alloc_bytes;
    uint64_t free_bytes;
    uint64_t alloc_count;
    uint64_t free_count;
    struct wire_domain_totals domains[WIRE_DOMAINS]; /* method NONE: absent */
    bool has_rss;
    uint64_t rss_bytes;
    uint64_t file_bytes;       /* of these those of mapped files */
    uint64_t pss_bytes;        /* 0 while not known */
    uint64_t limit_bytes;      /* nearest memory limit, 0 = none */
    uint64_t limit_used_bytes; /* of it, by all whom it binds; 0 = not known: what is resident */
    const char *limit_source;
    struct wire_gc gc;
    bool has_gc;
    struct process_heap *heap; /* NULL: the program has none that is collected, or none that is known */
    struct wire_health health;
    struct process_marks *marks; /* NULL while there are none */

    const struct detect_profile *profile;
    struct load_detector live_detector; /* beside the allocations a second */
    struct detector rss_detector;
    uint64_t load_count; /* allocations when they were last looked at */
    uint64_t load_mono_ms;
    uint64_t full_collections;  /* of Python's oldest generation */
    uint64_t collected_mono_ms; /* one of them that live bytes have shown since, 0 = none */
    uint64_t collecting_mono_ms; /* one that they have not yet, 0 = none */
    size_t objection_count;
    struct detect_check objections[PROCESS_OBJECTIONS_MAX]; /* tests of the watch's own */
    struct series *live_series;                             /* 1 s and 10 s steps */
    struct series *rss_series;
    struct series *python_series;  /* live bytes of Python's allocator; NULL without */
    bool is_slim;                  /* it ended: its curve is on the disk alone */
    bool has_history;              /* what the disk knows of before was asked for */
    enum verdict verdict;          /* of the two, set by the watch alone */
    uint64_t verdict_wall_ms;      /* since when */
    uint64_t growth_since_wall_ms; /* start of the growth, 0 = none */
    struct growth growth;
    struct forecast time_to_limit;
    struct detect_result fit; /* of the series the verdict is about */
    bool fit_is_rss;
    enum growth_in growth_in; /* while it grows; set by the watch alone */
    bool ends_in_heap;        /* the heap's maximum is nearer than the limit */
    char summary[512]; /* one sentence */

    struct site *sites; /* in order of arrival */
    size_t site_count;
    struct type *types; /* in order of name_id */
    size_t type_count;

    struct snapshot *snapshots[SNAPSHOTS_KEPT]; /* oldest first */
    size_t snapshot_count;
    uint32_t snapshot_serial;

    uint64_t revision; /* grows with every change a reader could see */
};

#define INCIDENT_STATES(X)                                                                         \
    X(OPEN, "open")                                                                                \
    X(ACKNOWLEDGED, "acknowledged")                                                                \
    X(SILENCED, "silenced")                                                                        \
    X(RESOLVED, "resolved")

enum incident_state {
#define X(name, text) INCIDENT_##name,
    INCIDENT_STATES(X)
#undef X
};
const char *incident_state_name(enum incident_state state);

#define INCIDENT_SITES_MAX     5
#define INCIDENT_TYPES_MAX     5
#define INCIDENT_FRAMES_MAX    24
#define INCIDENT_RETAINERS_MAX 8
/* Of a name, in bytes: programs have names of 4 KiB, an incident keeps hundreds of them. */
#define INCIDENT_NAME_MAX 512

/* A site as it was when the evidence was frozen; strings owned by the incident. */
struct frozen_frame {
    uint8_t kind;
    bool inlined;
    char *function;
    char *file;
    char *module;
    uint32_t line;
};

struct frozen_site {
    char id[24];
    char fingerprint[17];
    enum verdict verdict;
    struct growth growth;
    uint64_t live_bytes;
    uint64_t live_count;
    uint32_t oldest_age_ms;
    size_t frame_count;
    struct frozen_frame frames[INCIDENT_FRAMES_MAX];
};

struct frozen_type {
    char *name;
    struct growth growth;
    uint64_t live_bytes;
    uint64_t live_count;
};

#define INCIDENT_DELIVERIES_MAX 16
#define INCIDENT_NOTES_MAX      16
#define RELEASE_SIZE            96

/* A copy cut to INCIDENT_NAME_MAX, not within a character; free(). NULL: no memory. */
char *incident_copy_name(const char *name);

/* What was done to an incident, by whom and why: "opened", "acknowledged", "silenced", "escalated",
 * "reopened", "resolved", "action". */
struct incident_note {
    uint64_t at_wall_ms;
    char what[16];
    char by[64]; /* "leakd", or who asked */
    char text[200];
};

/* The same leak before: incidents of one fingerprint, in whatever process, unit and release. */
struct incident_past {
    uint64_t count; /* earlier incidents; 0: never seen before */
    uint64_t first_wall_ms;
    char first_release[RELEASE_SIZE];
    char last_id[24]; /* the one before this */
    char last_release[RELEASE_SIZE];
    char again_release[RELEASE_SIZE]; /* since which it is back; "" when it never went */
};

#define MEMBER_STATES(X)                                                                           \
    X(GROWING, "growing")                                                                          \
    X(CALM, "calm") /* lives, and does not grow any more */                                        \
    X(EXITED, "exited")                                                                            \
    X(KILLED, "killed")                                                                            \
    X(OOM_KILLED, "oom-killed")                                                                    \
    X(UNKNOWN, "unknown") /* ended while leakd did not look */

enum member_state {
#define X(name, text) MEMBER_##name,
    MEMBER_STATES(X)
#undef X
};
const char *member_state_name(enum member_state state);

#define INCIDENT_MEMBERS_MAX 16

/* A process that has the leak; copies, because it will be gone. */
struct incident_member {
    char process_id[40];
    char name[64];
    pid_t pid;
    uint64_t start_ticks; /* these three tell the process from a later one of the same pid */
    uint64_t instance;
    char boot_id[40];
    enum member_state state;
};

/* Where most of the growth came from, as the last look said. */
struct incident_blame {
    double share;    /* of the growth, 0..1; 0: not known */
    char place[200]; /* "orders/cache.py:88 store()" */
    char type[128];  /* "" when no type has most of it */
};

struct delivery {
    char receiver[64];
    char event[48]; /* "leak.incident.opened" */
    char notice_id[40];
    unsigned attempts;
    long http_status; /* 0: no answer */
    bool delivered;
    uint64_t at_wall_ms;
    char error[160]; /* "" when delivered */
};

/* A deploy or an event that an operator or his tools announced. The newest of kind release that
 * matches a process says which release it runs, unless the process has said so itself. */
struct operator_mark {
    char id[24];
    uint64_t at_wall_ms;
    bool is_release;
    char text[200];      /* of a release its name, "1.4.2" */
    char unit[128];      /* "" = of every unit */
    char process_id[40]; /* "" = of every process */
    char by[64];
    bool is_stored;
};

struct incident {
    char id[24]; /* short, stable: links carry it */
    char fingerprint[17];
    enum incident_state state;
    const char *severity; /* "info" | "warning" | "critical" */
    enum verdict verdict; /* LEAK or FRAGMENTATION */
    uint64_t opened_wall_ms;
    uint64_t resolved_wall_ms; /* 0 = not */
    char process_id[40]; /* the one it speaks of: among its members one that grows, else the last */
    char *process_name;
    char *unit; /* NULL = none */
    char *exe;
    pid_t pid;
    uint64_t start_ticks; /* these three tell the process from a later one of the same pid */
    uint64_t instance;
    char boot_id[40];
    bool is_told;               /* the opening notice is out */
    bool is_provisional;        /* the fingerprint is not yet that of a site */
    char release[RELEASE_SIZE]; /* that the process ran when it opened */
    char host[64];
    uint64_t acted_wall_ms; /* when an action was decided for it; 0: none was */
    uint64_t until_wall_ms; /* when an acknowledgement or a silence ends; 0: it does not */
    char summary[512];
    char end[160];          /* "killed at ...", "" while the process lives */
    uint64_t end_wall_ms;   /* 0 while it lives */
    char end_state[16];     /* "exited", "killed", "oom-killed", "unknown"; "" while it lives */
    uint64_t since_wall_ms; /* start of the growth, 0: not known */
    struct incident_blame blame;
    struct incident_past past;
    struct growth growth;
    struct forecast time_to_limit;
    uint64_t live_bytes;
    uint64_t rss_bytes;
    size_t site_count;
    struct frozen_site sites[INCIDENT_SITES_MAX];
    size_t type_count;
    struct frozen_type types[INCIDENT_TYPES_MAX];
    size_t retainer_count;
    struct retainer retainers[INCIDENT_RETAINERS_MAX];
    size_t delivery_count;
    struct delivery deliveries[INCIDENT_DELIVERIES_MAX]; /* the last ones */
    size_t note_count;
    struct incident_note notes[INCIDENT_NOTES_MAX]; /* the last ones, oldest first */
    size_t member_count;
    struct incident_member members[INCIDENT_MEMBERS_MAX]; /* those that live before the ended */
    uint64_t process_count; /* of all that ever had it; one beyond the list counts again when it
                             * joins again after a restart */
    uint64_t revision;
    uint64_t stored_revision; /* the one on the disk; 0: none */
    uint64_t state_revision;  /* the one that brought its state */
};

#endif
