/* SPDX-License-Identifier: MIT */
/*
 * The records of the wire as structs, with one put and one get each. A get reads a frame's body
 * and returns 0, or -EBADMSG for a body that is short or makes no sense; bytes behind the last
 * known field are left alone, so that later versions may append fields. Strings are borrowed from
 * the body. A put returns false when the record does not fit; nothing is then written.
 *
 * All byte and count figures of TOTALS, SITES, TYPES and GC are running totals since the process
 * started (or since fork), never differences: a lost frame costs resolution, not truth.
 */
#ifndef LEAKD_AGENT_WIRE_RECORD_H
#define LEAKD_AGENT_WIRE_RECORD_H

#include "agent/wire/wire.h"

/* How a figure is got. */
enum wire_method {
    WIRE_METHOD_NONE = 0,    /* not known: the domain is shown as absent */
    WIRE_METHOD_EXACT = 1,   /* the allocator's own block size, every operation */
    WIRE_METHOD_USABLE = 2,  /* malloc_usable_size, every operation */
    WIRE_METHOD_SAMPLED = 3, /* unbiased sums of samples */
};

enum wire_domain {
    WIRE_DOMAIN_NATIVE = 0, /* malloc family, includes what Python takes from malloc */
    WIRE_DOMAIN_PYTHON = 1, /* blocks inside pymalloc's arenas */
    WIRE_DOMAIN_MMAP = 2,   /* anonymous writable memory that the program maps itself */
    WIRE_DOMAINS = 3,
};

/* Capabilities and states in HELLO. */
#define WIRE_CAP_ZOOM         0x0001u /* obeys ZOOM */
#define WIRE_CAP_SNAPSHOT     0x0002u /* obeys SNAPSHOT_ORDER */
#define WIRE_CAP_PYTHON       0x0004u /* a CPython of known layout is in the process */
#define WIRE_CAP_PYTHON_LATER 0x0008u /* not yet looked for: HELLO comes again when it is found */
#define WIRE_CAP_FORKED       0x0010u /* child of fork: totals count from the fork on */

/* The first record of a connection; may come again with the same instance to correct itself. */
struct wire_hello {
    uint16_t protocol;
    uint64_t instance; /* random, of this process image: survives reconnects, not exec or fork */
    uint32_t pid;      /* as the process sees it; shown, never trusted */
    uint32_t parent_pid;
    uint64_t sample_period_bytes;
    uint32_t capabilities;        /* WIRE_CAP_* */
    uint8_t method[WIRE_DOMAINS]; /* enum wire_method */
    struct wire_str exe;          /* /proc/self/exe */
    struct wire_str argv0;
    struct wire_str name;    /* LEAKD_NAME, may be empty */
    struct wire_str profile; /* LEAKD_PROFILE: "fast", "default", "strict" or empty */
    struct wire_str runtime; /* "cpython 3.11.2" or "native" */
    struct wire_str reason;  /* why something is switched off; empty when all is on */
    struct wire_str agent_version;
};

/* An ELF file in the address space. An id is never reused for another file or another bias. */
struct wire_module {
    uint32_t id;
    uint64_t start; /* lowest and first address behind the mapped image */
    uint64_t end;
    uint64_t load_bias;    /* runtime address minus ELF virtual address */
    struct wire_str path;  /* empty for the vDSO */
    uint8_t build_id_len;  /* 0 when the file has none */
    const uint8_t *build_id;
};

struct wire_name {
    uint32_t id;
    struct wire_str text; /* UTF-8 as far as the program's names are */
};

enum wire_frame_kind {
    WIRE_FRAME_NATIVE = 0,
    WIRE_FRAME_PYTHON = 1,
};

/* 16 bytes on the wire: kind u8, u8 0, u16 0, then module u32 and offset u64, or function u32,
 * file u32 and line u32. */
struct wire_stack_frame {
    uint8_t kind;
    /* native: ELF virtual address (pc - load_bias) of the return address. A symboliser looks at
     * offset - 1, where the call is. With WIRE_MODULE_UNKNOWN the absolute address. */
    uint32_t module_id;
    uint64_t offset;
    /* python */
    uint32_t function_id; /* NAME ids */
    uint32_t file_id;
    uint32_t line; /* 0 when unknown */
};

#define WIRE_SITE_TRUNCATED 0x01u /* the stack went on behind the last frame */

struct wire_site {
    uint32_t id;
    uint8_t domain; /* enum wire_domain */
    uint8_t flags;  /* WIRE_SITE_* */
    uint8_t frame_count;
    struct wire_stack_frame frames[WIRE_STACK_FRAMES_MAX]; /* leaf first */
};

struct wire_domain_totals {
    uint8_t domain;
    uint8_t method; /* enum wire_method, of live_bytes */
    uint64_t live_bytes;
    uint64_t live_count;
    uint64_t alloc_bytes; /* 0 together with alloc_count: not counted in this domain */
    uint64_t free_bytes;
    uint64_t alloc_count;
    uint64_t free_count;
    uint64_t mapped_bytes; /* what the allocator holds from the kernel; 0 = unknown */
};

struct wire_totals {
    uint64_t time_ms; /* the process's CLOCK_MONOTONIC; orders frames, dates nothing */
    uint8_t domain_count;
    struct wire_domain_totals domains[WIRE_DOMAINS];
};

/* One changed site: estimates from the samples, see agent/README.md. */
struct wire_site_totals {
    uint32_t site_id;
    uint64_t alloc_bytes;
    uint64_t free_bytes;
    uint64_t alloc_count;
    uint64_t free_count;
    uint32_t live_samples;
    uint32_t oldest_age_ms; /* of live samples at the time of the record; saturates; 0 = none */
    uint32_t newest_age_ms;
};

struct wire_type_totals {
    uint32_t name_id; /* "module.Class" */
    uint64_t live_bytes;
    uint64_t live_count;
    uint32_t live_samples;
};

#define WIRE_GC_GENERATIONS 3

struct wire_gc {
    uint64_t time_ms;
    struct {
        uint64_t collections;
        uint64_t collected;
        uint64_t uncollectable;
    } generations[WIRE_GC_GENERATIONS];
    uint64_t pause_ns_total; /* 0 = not measured */
};

/* The heap of a runtime that collects it and maps the memory for it itself: the Java virtual machine.
 * Running totals since the process started. */
struct wire_heap {
    uint64_t time_ms;
    uint64_t used_bytes;      /* what the last collection left, garbage it did not look for included */
    uint64_t committed_bytes; /* mapped for the heap, in use or not; counted in WIRE_DOMAIN_MMAP too */
    uint64_t max_bytes;       /* it becomes no larger; 0 = not known */
    uint64_t young_collections; /* of what is new, and of some that is old after a cycle */
    uint64_t cycle_pauses;      /* of concurrent cycles, which find what is garbage among the old */
    uint64_t full_collections;  /* of everything at once */
    uint64_t pause_ns_total;
};

struct wire_smaps {
    uint64_t time_ms;
    uint64_t rss_bytes;
    uint64_t pss_bytes;
    uint64_t private_bytes;
    uint64_t swap_bytes;
};

#define WIRE_MARK_BYTES_MAX 120 /* of a mark's text */

enum wire_mark_kind {
    WIRE_MARK_EVENT = 0,   /* something happened */
    WIRE_MARK_RELEASE = 1, /* what the process is a release of */
    WIRE_MARK_PHASE = 2,   /* something began that lasts until the next one */
    WIRE_MARK_LABEL = 3,   /* "key=value": what the process is; an empty value takes it away */
    WIRE_MARK_SNAPSHOT = 4, /* the program asks for a snapshot */
};

/* A word from the program. After a reconnect marks come again, with the same time. */
struct wire_mark {
    uint64_t time_ms;
    struct wire_str text;
    uint8_t kind;    /* enum wire_mark_kind; unknown ones read as an event */
    uint32_t age_ms; /* how long ago that was when the record was written; saturates */
};

/* The agent about itself: what was lost and what it cost. Running totals. */
struct wire_health {
    uint64_t samples;
    uint64_t dropped_samples;  /* live table full */
    uint64_t dropped_sites;    /* site table full: counted in WIRE_SITE_OTHER */
    uint64_t dropped_names;
    uint64_t skipped_flushes;  /* socket full */
    uint64_t reentrant;        /* operations inside the agent's own work, not sampled */
    uint64_t flush_ns_total;
    uint64_t sample_ns_total;
    uint64_t sample_period_bytes; /* now in force */
    uint8_t python_attributing;   /* 1 while the Python hooks are in */
    /* Appended: 0 from an older agent. */
    uint64_t dropped_modules; /* look-ups of files that found no room: bare addresses */
    uint64_t dropped_marks;
    uint64_t dropped_maps; /* of which not all could be counted */
};

enum wire_bye_reason {
    WIRE_BYE_EXIT = 0,
    WIRE_BYE_EXEC = 1,
    WIRE_BYE_SECCOMP = 2, /* the program closed its sandbox: the agent goes silent, the process lives */
};

struct wire_bye {
    uint64_t time_ms;
    uint8_t reason;
};

/* Daemon to agent. */
struct wire_welcome {
    uint16_t protocol; /* the version the daemon will read */
    uint32_t flags;    /* none yet */
};

struct wire_zoom {
    uint64_t period_bytes; /* mean of the sampling interval from now on */
    uint8_t python;        /* 1: attribute Python allocations, 0: calm */
};

struct wire_pause {
    uint32_t duration_ms; /* send nothing for so long; counting goes on */
};

/*
 * SNAPSHOT: what a copy of the process found in its frozen heap. The agent says on its own
 * connection whether a copy was made; the copy says the rest on a connection of its own, without
 * HELLO: the token of the order tells whose it is.
 */
struct wire_snapshot_order {
    uint32_t number;
    uint64_t token;
    uint64_t memory_bytes; /* the copy's own tables may have so much */
    uint32_t seconds;      /* and the copy may live so long */
    uint8_t type_count;    /* 0: it chooses */
    struct wire_str types[WIRE_SNAPSHOT_ASKED_MAX]; /* whose retainers are wanted */
};

enum wire_snapshot_part {
    WIRE_SNAPSHOT_PART_STATE = 0,
    WIRE_SNAPSHOT_PART_TYPES = 1,
    WIRE_SNAPSHOT_PART_RETAINER = 2,
};

enum wire_snapshot_progress {
    WIRE_SNAPSHOT_RUNNING = 1, /* the copy was made */
    WIRE_SNAPSHOT_DONE = 2,
    WIRE_SNAPSHOT_REFUSED = 3, /* no copy was made */
    WIRE_SNAPSHOT_FAILED = 4,  /* the copy gave up */
};

#define WIRE_SNAPSHOT_CUT 0x01u /* not everything was looked at: no time or memory left */

struct wire_snapshot_state {
    uint32_t number;
    uint64_t token;
    uint8_t progress; /* enum wire_snapshot_progress */
    uint8_t flags;    /* WIRE_SNAPSHOT_* */
    uint64_t pause_ns;    /* RUNNING: for so long the process stood still */
    uint64_t objects;     /* DONE, and so on */
    uint64_t bytes;
    uint64_t duration_ns;
    struct wire_str reason; /* REFUSED, FAILED */
};

struct wire_snapshot_type {
    struct wire_str name;
    uint64_t count;
    uint64_t bytes;
};

/* A way from a root to some of the objects of a type. */
struct wire_snapshot_retainer {
    uint32_t number;
    uint64_t token;
    struct wire_str type;
    uint32_t sampled;   /* objects of the type that were looked at */
    uint32_t explained; /* of them go this way */
    uint8_t step_count;
    struct wire_str steps[WIRE_SNAPSHOT_STEPS_MAX]; /* root first */
};

bool wire_put_hello(struct wire_wr *wr, const struct wire_hello *hello);
bool wire_put_module(struct wire_wr *wr, const struct wire_module *module);
bool wire_put_name(struct wire_wr *wr, const struct wire_name *name);
bool wire_put_site(struct wire_wr *wr, const struct wire_site *site);
bool wire_put_totals(struct wire_wr *wr, const struct wire_totals *totals);
bool wire_put_gc(struct wire_wr *wr, const struct wire_gc *gc);
bool wire_put_heap(struct wire_wr *wr, const struct wire_heap *heap);
bool wire_put_smaps(struct wire_wr *wr, const struct wire_smaps *smaps);
bool wire_put_mark(struct wire_wr *wr, const struct wire_mark *mark);
bool wire_put_health(struct wire_wr *wr, const struct wire_health *health);
bool wire_put_bye(struct wire_wr *wr, const struct wire_bye *bye);
bool wire_put_welcome(struct wire_wr *wr, const struct wire_welcome *welcome);
bool wire_put_zoom(struct wire_wr *wr, const struct wire_zoom *zoom);
bool wire_put_pause(struct wire_wr *wr, const struct wire_pause *pause);
bool wire_put_snapshot_order(struct wire_wr *wr, const struct wire_snapshot_order *order);
bool wire_put_snapshot_state(struct wire_wr *wr, const struct wire_snapshot_state *state);
bool wire_put_snapshot_retainer(struct wire_wr *wr, const struct wire_snapshot_retainer *retainer);

int wire_get_hello(const struct wire_frame *frame, struct wire_hello *out);
int wire_get_module(const struct wire_frame *frame, struct wire_module *out);
int wire_get_name(const struct wire_frame *frame, struct wire_name *out);
int wire_get_site(const struct wire_frame *frame, struct wire_site *out);
int wire_get_totals(const struct wire_frame *frame, struct wire_totals *out);
int wire_get_gc(const struct wire_frame *frame, struct wire_gc *out);
int wire_get_heap(const struct wire_frame *frame, struct wire_heap *out);
int wire_get_smaps(const struct wire_frame *frame, struct wire_smaps *out);
int wire_get_mark(const struct wire_frame *frame, struct wire_mark *out);
int wire_get_health(const struct wire_frame *frame, struct wire_health *out);
int wire_get_bye(const struct wire_frame *frame, struct wire_bye *out);
int wire_get_welcome(const struct wire_frame *frame, struct wire_welcome *out);
int wire_get_zoom(const struct wire_frame *frame, struct wire_zoom *out);
int wire_get_pause(const struct wire_frame *frame, struct wire_pause *out);
int wire_get_snapshot_order(const struct wire_frame *frame, struct wire_snapshot_order *out);
/* Which of the three a SNAPSHOT frame is, and whose: the part, or -EBADMSG. */
int wire_get_snapshot_part(const struct wire_frame *frame, uint32_t *number, uint64_t *token);
int wire_get_snapshot_state(const struct wire_frame *frame, struct wire_snapshot_state *out);
int wire_get_snapshot_retainer(const struct wire_frame *frame, struct wire_snapshot_retainer *out);

/*
 * SITES and TYPES are lists: `u64 time_ms | u16 count | entries`. Writing: begin, then as many
 * entries as fit (an add that returns false has written nothing), then end. Reading: begin, then
 * next until it returns 0; 1 is an entry, -EBADMSG a bad one.
 */
struct wire_list {
    uint64_t time_ms;
    uint16_t count;
    struct wire_rd rd;      /* reading */
    struct wire_wr *wr;     /* writing */
    uint8_t *count_at;
};

void wire_list_begin(struct wire_wr *wr, enum wire_type type, uint64_t time_ms,
                     struct wire_list *list);
bool wire_list_add_site(struct wire_list *list, const struct wire_site_totals *totals);
bool wire_list_add_type(struct wire_list *list, const struct wire_type_totals *totals);
bool wire_list_end(struct wire_list *list);
/* For add functions: keeps the entry that was just written, or takes it back, so that an open list
 * never overflows. */
bool wire_list_keep(struct wire_list *list, uint8_t *entry);
/* A SNAPSHOT frame of types, written and read like the others; time_ms stays 0. */
void wire_list_begin_snapshot(struct wire_wr *wr, uint32_t number, uint64_t token,
                              struct wire_list *list);
bool wire_list_add_snapshot_type(struct wire_list *list, const struct wire_snapshot_type *type);

int wire_list_read(const struct wire_frame *frame, struct wire_list *list);
int wire_list_next_site(struct wire_list *list, struct wire_site_totals *out);
int wire_list_next_type(struct wire_list *list, struct wire_type_totals *out);
int wire_list_read_snapshot(const struct wire_frame *frame, struct wire_list *list);
int wire_list_next_snapshot_type(struct wire_list *list, struct wire_snapshot_type *out);

#endif
