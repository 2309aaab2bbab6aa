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
#include "agent/core/counter.h"
#include "agent/core/tally.h"

#define THREAD_SLOTS_MAX 4096

struct thread_totals {
    uint64_t alloc_bytes;
    uint64_t alloc_count;
    uint64_t free_bytes;
    uint64_t free_count;
};

/*
 * Written by its thread only, read by the flush. One cache line. What a thread does is taken from two
 * tallies, each the way that is left to the next visit of the slow path; there they are filled again, and
 * what they stood for is added to the totals. So the truth is the totals and what was taken since.
 */
struct thread_slot {
    int64_t alloc_left; /* a tally; negative: the slow path is due */
    int64_t free_left;
    struct thread_totals totals;
    uint64_t begun; /* fillings of a tally: as many as have ended, or one is under way */
    uint64_t ended;
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

extern ATTR_HIDDEN ATTR_TLS struct thread thread_self;

/* The slot of threads that have none: the slow path is always due, what it counts means nothing. */
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

/* What a thread has done, by its own slot. */
static inline uint64_t thread_alloc_bytes(const struct thread_slot *slot)
{
    return slot->totals.alloc_bytes + tally_bytes(-counter_read((const uint64_t *)&slot->alloc_left));
}

/* Allocations and frees. */
static inline uint64_t thread_operations(const struct thread_slot *slot)
{
    return slot->totals.alloc_count + tally_blocks(-counter_read((const uint64_t *)&slot->alloc_left)) +
           slot->totals.free_count + tally_blocks(-counter_read((const uint64_t *)&slot->free_left));
}

/* The slow path is due again when so many bytes have been allocated or freed (0: at the next block), and
 * before that when they are many blocks. Less than 2^31; by the slot's own thread. */
void thread_alloc_due_in(struct thread_slot *slot, uint64_t bytes);
void thread_free_due_in(struct thread_slot *slot, uint64_t bytes);

/* thread_nobody's tallies, from which threads without a slot take for ever, are made to last. */
void thread_refill_nobody(void);

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
