/* SPDX-License-Identifier: MIT */
/*
 * What malloc and free do on every call, inline, and the doors to the slow path. For agent/preload.
 */
#ifndef LEAKD_AGENT_CORE_HOT_H
#define LEAKD_AGENT_CORE_HOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/core/attr.h"
#include "agent/core/counter.h"
#include "agent/core/live.h"
#include "agent/core/thread.h"
#include "agent/core/unwind_registers.h"
#include "agent/wire/record.h"

/*
 * Which blocks take the shortest way. Closed at first: every operation goes the long way, whatever
 * state the thread and the process are in, so that the shortest way asks for none of that.
 */
struct hot_gate {
    uintptr_t counted_from; /* blocks from this address on: none, or all but NULL */
    uintptr_t asked_from;   /* the same, where not the block tells its size but the allocator */
    uintptr_t filter_mask;
    const uint8_t *filter; /* live_filter; while the gate is closed one counter that is never 0 */
};
extern ATTR_HIDDEN struct hot_gate hot_gate;

/* Once it is known that a block's size can be read in front of it, or (asking) that it cannot. The filter
 * stays shut for the second: its blocks go by hot_is_asked and live_maybe. */
void hot_open(void);
void hot_open_asking(void);

static inline bool hot_is_counted(const void *block)
{
    return likely((uintptr_t)block >= hot_gate.counted_from);
}

static inline bool hot_is_asked(const void *block)
{
    return likely((uintptr_t)block >= hot_gate.asked_from);
}

/* Whether a block that goes may be a sample, or NULL, or must go the long way. */
static inline bool hot_must_look(const void *block)
{
    uintptr_t place = (uintptr_t)block >> LIVE_FILTER_SHIFT & hot_gate.filter_mask;
    bool found;

#if defined(__x86_64__)
    __asm__ volatile("cmpb $0, %1" : "=@ccnz"(found) : "m"(hot_gate.filter[place]));
#else
    found = __atomic_load_n(&hot_gate.filter[place], __ATOMIC_RELAXED) != 0;
#endif
    return unlikely(found);
}

/*
 * Between two visits of the slow path lie at most so many bytes of allocations or of frees: 32 KiB (some
 * 700 of glibc's smallest blocks), and more while the blocks are larger, so that it is some hundred
 * blocks. A thread whose blocks become small later is 5461 of them behind, once.
 */
#define HOT_POLL_BYTES_MIN 32768
#define HOT_POLL_BYTES_MAX (8 * HOT_POLL_BYTES_MIN)

/* Counts a block by its measure; true when the slow path is due (core_alloc_event). */
static inline bool hot_alloc_measured(struct thread_slot *slot, uint64_t measure)
{
    return unlikely(counter_take(&slot->alloc_left, measure));
}

/* The same for a block that goes (core_free_event). */
static inline bool hot_free_measured(struct thread_slot *slot, uint64_t measure)
{
    return unlikely(counter_take(&slot->free_left, measure));
}

/* What is missing to whole granules; counted too much by the measure, so it is taken off first. */
static inline size_t hot_padding(size_t size_bytes)
{
    return -size_bytes % TALLY_GRANULE;
}

/* The same two for a block of any size. */
static inline bool hot_alloc(struct thread_slot *slot, size_t size_bytes)
{
    size_t padding = hot_padding(size_bytes);

    if (padding != 0)
        counter_add(&slot->totals.alloc_bytes, -padding);
    return hot_alloc_measured(slot, tally_measure(size_bytes + padding));
}

static inline bool hot_free(struct thread_slot *slot, size_t size_bytes)
{
    size_t padding = hot_padding(size_bytes);

    if (padding != 0)
        counter_add(&slot->totals.free_bytes, -padding);
    return hot_free_measured(slot, tally_measure(size_bytes + padding));
}

/* Of all tables, when they are full; what is not used is not touched. */
size_t core_memory_bytes(void);

/* Maps and lays out all tables; false when there is no memory. Once, inside the first malloc. */
bool core_start(void);

/* How the hooks measure a block. */
void core_set_native_method(enum wire_method method);

/* Why native allocations are not seen, for the hello; before any core_describe_runtime. */
void core_describe_native(const char *reason);

/* From the constructor, when the unwinder is ready: samples are taken from now on. */
void core_start_sampling(uint64_t period_bytes);

/* A daemon's order, or the environment's. */
void core_set_period(uint64_t period_bytes);

/* After hot_alloc said so, between core_enter and core_leave: samples the block if it is hit, under the
 * stack of the frame that has noted these registers (NULL: this one).
 * True when it is time to call what runs on the slow path. */
bool core_alloc_event(void *addr, size_t size_bytes, const struct unwind_registers *from);
bool core_free_event(void);
/* Instead of these two when core_enter has refused. */
void core_put_off_events(void);

/* Before the real free of an address, if it is a sample's. */
void core_forget(uintptr_t addr);
/* The same, not yet accounted; false when it was none. */
bool core_take(uintptr_t addr, struct live_sample *out);

/* Accounts a sample that live_take has taken out of the table for good. */
void core_account_free(const struct live_sample *sample);

#endif
