/* SPDX-License-Identifier: MIT */
/*
 * What the agent keeps for each thread: a slot of exact totals in one fixed table, and a little
 * state in thread-local storage. A slot belongs to an address of thread-local storage. Two
 * living threads never share one, so a thread that finds a slot under its own address takes over
 * from a dead one and goes on adding to its totals: nothing has to run when a thread ends.
 */
#ifndef LEAKD_AGENT_CORE_THREAD_H
#define LEAKD_AGENT_CORE_THREAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/core/attr.h"

#define THREAD_SLOTS_MAX 4096

/*
 * Written by its thread only, read by the flush. One cache line. Two of the four totals are kept as the
 * way that is left to the next visit of the slow path: one instruction counts and tells. What has been
 * allocated is alloc_goal - alloc_left, what has been freed free_goal - free_left.
 */
struct thread_slot {
    int64_t alloc_left; /* bytes; negative: the slow path is due */
    uint64_t alloc_count;
    uint64_t free_bytes;
    int64_t free_left; /* frees; negative: the slow path is due */
    uint64_t alloc_goal;
    uint64_t free_goal;
    uint64_t version; /* odd while goals are moved */
    uint64_t unused;
};

struct thread {
    struct thread_slot *slot; /* thread_nobody: not attached, or all slots are taken */
    uintptr_t inside;         /* stack pointer at thread_enter, 0 = outside */
    uint64_t sample_at_bytes; /* what will have been allocated at the next sample */
    uint64_t period_bytes;    /* with which sample_at_bytes was drawn; 0 = not drawn yet */
    uint64_t random;
    uint64_t polled_count; /* operations at the last poll */
    uint64_t poll_bytes;   /* of allocations between two visits of the slow path */
    uint32_t refusals;     /* of thread_enter, in a row */
    bool maps_elsewhere;   /* what is mapped now is counted by the runtime */
    bool is_slotless;      /* counts into the shared slot, keeps its events here: */
    struct thread_slot own;
};

struct thread_totals {
    uint64_t alloc_bytes;
    uint64_t alloc_count;
    uint64_t free_bytes;
    uint64_t free_count;
};

extern ATTR_HIDDEN ATTR_TLS struct thread thread_self;

/* The slot of threads that have none: what is left is always negative, what it counts means nothing. */
extern ATTR_HIDDEN struct thread_slot thread_nobody;

/* NULL: the loader has not filled this thread's storage yet. */
static inline bool thread_has_slot(void)
{
    return thread_self.slot != &thread_nobody && thread_self.slot;
}

size_t thread_memory_bytes(void);
void thread_init(void *memory); /* zeroed, aligned to 64 */

/* Gives the calling thread its slot, if one is left. Any thread, inside malloc(). */
void thread_attach(void);

/* What the slot's own thread has allocated and how often it has freed so far. */
static inline uint64_t thread_alloc_bytes(const struct thread_slot *slot)
{
    return slot->alloc_goal - (uint64_t)slot->alloc_left;
}

static inline uint64_t thread_free_count(const struct thread_slot *slot)
{
    return slot->free_goal - (uint64_t)slot->free_left;
}

/* The slow path is due again after so many bytes of allocations or so many frees (0: at the next one).
 * By the slot's own thread. */
void thread_alloc_due_in(struct thread_slot *slot, uint64_t bytes);
void thread_free_due_in(struct thread_slot *slot, uint64_t frees);

/* In a forked child: else all workers of one parent would sample the same places. */
void thread_reseed(uint64_t seed);

/* For threads without a slot and before there are any: adds to the shared slot. */
void thread_count_shared(const struct thread_totals *delta);

/* Marks this thread as inside the agent's own work; false when it is there already. A mark that a
 * siglongjmp out of a signal handler has left behind does not stay. */
bool thread_enter(void);
void thread_leave(void);

/* The sum over all threads, dead ones too. */
void thread_sum(struct thread_totals *out);

#endif
