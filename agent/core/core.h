/* SPDX-License-Identifier: MIT */
/*
 * The heart of the agent: exact totals, the sampler, stacks, sites and the table of live samples.
 * Everything lives in fixed tables of one anonymous mapping; a full table drops and counts.
 * No malloc, no stdio, no lock that waits, no thread, no signal. What is declared here is safe in
 * any thread at any time, inside malloc() and inside a signal handler, unless it says otherwise.
 *
 * Who calls: agent/preload (the hot path), agent/python (samples of the Python domain, types),
 * agent/link (reads what changed). Nobody else.
 */
#ifndef LEAKD_AGENT_CORE_CORE_H
#define LEAKD_AGENT_CORE_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/wire/record.h"

/* ---- the sampler, for allocator hooks other than malloc's --------------------------------- */

/*
 * Enters the agent's own work on this thread: until core_leave, malloc and free on this thread
 * are counted but not sampled. False when the thread is already inside (do nothing then).
 */
bool core_enter(void);
void core_leave(void);

/* Mean sampling interval now in force, in bytes: what was ordered, or more (agent/core/period.h). */
uint64_t core_sample_period_bytes(void);

/* The same as the environment or the daemon wants it. */
uint64_t core_ordered_period_bytes(void);

/* Draws the next distance to a sample: exponential with that mean, from this thread's generator. */
uint64_t core_next_interval_bytes(void);

/* From this thread's generator, which a forked child seeds anew. */
uint64_t core_random_bits(void);

/*
 * Records a live sample at addr under the calling thread's present stack, standing for
 * weight_bytes of allocations (the period for a hit; times class/requested when the allocator
 * rounds up). Its free is seen by free() in agent/preload. Call between core_enter and core_leave,
 * after the real allocation, before addr is handed to the program. False: the table is full.
 */
bool core_sample(enum wire_domain domain, void *addr, size_t size_bytes, uint64_t weight_bytes);

/*
 * While elsewhere is true, what this thread maps is not counted as mapped by the program: the runtime
 * counts it in its own domain.
 */
void core_maps_are_counted(bool elsewhere);
bool core_maps_are_counted_elsewhere(void);

/* ---- interning ---------------------------------------------------------------------------- */

/*
 * The id of a string by content, stored on first use; WIRE_NAME_OTHER when the table is full or
 * len exceeds WIRE_STRING_BYTES_MAX after cutting. Ids are announced by the link before use.
 */
uint32_t core_intern(const char *data, size_t len);

/* ---- a language runtime that knows more than return addresses ------------------------------ */

/* A captured frame before it is made a site of. */
struct core_frame {
    uint8_t kind;   /* enum wire_frame_kind */
    bool entry;     /* python: the interpreter loop was entered from C for this frame, so native
                       frames follow below it on the C stack */
    uint32_t line;  /* python; 0 = unknown */
    uint32_t function_id; /* python; core_intern ids */
    uint32_t file_id;
    uintptr_t pc; /* native: return address */
};

/* How a snapshot's copy of the process reaches the daemon: called in the copy only, where nothing
 * but the calling thread exists and no descriptor is open. send waits for room. */
struct core_courier {
    bool (*open)(void);
    bool (*send)(const void *data, size_t len);
};

/*
 * What agent/python hands in. Every function may be NULL. frames and owns_pc are called at a
 * sample, between core_enter and core_leave, on the sampling thread.
 */
struct core_runtime {
    /* Frames of the calling thread, leaf first, without running code or taking references; 0 when
     * this thread does not hold the interpreter's lock. */
    size_t (*frames)(struct core_frame *out, size_t max);
    /* True for a return address inside the interpreter loop: each run of such native frames
     * stands for the Python frames up to and including the next one with `entry` set. */
    bool (*owns_pc)(uintptr_t pc);
    /* Called on a thread's slow path (a sample, or every 1024 operations), not at a safe point of
     * the runtime: cheap test whether hooks should go in or out now. */
    void (*poll)(void);
    /* Whether it is worth a poll although not much has been done since the last one. Cheap. */
    bool (*is_urgent)(void);
    /* Called by the link before it encodes, at most once a second, by the flushing thread. Fills
     * the domain's totals (method NONE when not known) and may call core_type_* below. */
    void (*flush)(struct wire_domain_totals *python, struct wire_gc *gc);
    /* The daemon's order (or the environment's): attribute allocations from now on, or be calm. */
    void (*attribute)(bool wanted);
    bool (*attributing)(void);
    /* The daemon's order to count what is there and to say who keeps it. Borrowed for the call; done
     * later, at a safe point. */
    void (*snapshot)(const struct wire_snapshot_order *order, const struct core_courier *courier);
    /* What has become of it, each state once; false: nothing new. *out borrows constants. */
    bool (*snapshot_state)(struct wire_snapshot_state *out);
};

/* Once, by the runtime that was found. The pointer must stay valid. */
void core_set_runtime(const struct core_runtime *runtime);
const struct core_runtime *core_runtime(void); /* NULL while there is none */

/* What the hello says of the runtime: "cpython 3.11.2", and why something is switched off
 * ("" = nothing). Copies. Empty runtime reads as "native". */
void core_describe_runtime(const char *runtime, const char *reason);

/* The same, but where a runtime has been described already that one stays. The flushing thread only. */
void core_describe_other_runtime(const char *runtime, const char *reason);

/* ---- a runtime that collects its heap and counts what it does ---------------------------------- */

/* What agent/java hands in. */
struct core_heap {
    /* Called by the link before it encodes, by the flushing thread. All but time_ms; false: not known, or not
     * at this moment. */
    bool (*read)(struct wire_heap *out);
    /* In a forked child, which has the memory of its parent's runtime and none of its threads. */
    void (*forked)(void);
};

/* Once. The pointer must stay valid. */
void core_set_heap(const struct core_heap *heap);
const struct core_heap *core_heap(void); /* NULL while there is none */

/* ---- live samples and types ---------------------------------------------------------------- */

/* A copy of a live sample. type_id is 0 until core_live_set_type. */
struct core_live {
    uint32_t index; /* place in the table, for core_live_set_type */
    uint32_t site_id;
    uint32_t type_id; /* core_intern id of the type's name */
    uint8_t domain;   /* enum wire_domain */
    uintptr_t addr;
    size_t size_bytes;
    uint64_t weight_bytes;
    uint64_t birth_ms; /* CLOCK_MONOTONIC */
};

#define CORE_TYPE_UNKNOWN UINT32_MAX /* looked at, is no object: do not look again */
#define CORE_TYPE_PART    0x80000000u /* with a type's id: memory that an object of the type holds \
                                         (a dict's table): bytes of the type, no further object */

/*
 * Calls fn with a copy of every live sample whose type has not been looked at yet, at most `max`
 * of them, going on where the last call ended. Returns the number of calls. Flushing thread only.
 * The block may be freed by another thread meanwhile: fn must read it in a way that cannot fault.
 */
size_t core_live_each_untyped(enum wire_domain domain, size_t max,
                              void (*fn)(const struct core_live *live, void *arg), void *arg);

/* Notes the type of a sample if it is still the same one; the totals of TYPES follow by
 * themselves, also when the sample is freed. */
void core_live_set_type(const struct core_live *live, uint32_t type_id);

#endif
