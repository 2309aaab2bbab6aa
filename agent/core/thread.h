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

/* Written by its thread only (counter_add), read by the flush. One cache line. */
struct thread_slot {
    uint64_t alloc_bytes;
    uint64_t alloc_count;
    uint64_t free_bytes;
    uint64_t free_count;
    uint64_t alloc_event; /* the slow path is due when alloc_bytes reaches this, */
    uint64_t free_event;  /* or when free_bytes reaches that */
    uint64_t unused[2];
};

struct thread {
    struct thread_slot *slot; /* NULL: not attached, inert, or all slots are taken */
    uintptr_t inside;         /* stack pointer at thread_enter, 0 = outside */
    uint64_t sample_at_bytes; /* alloc_bytes of the next sample */
    uint64_t period_bytes;    /* with which sample_at_bytes was drawn; 0 = not drawn yet */
    uint64_t random;
    uint64_t polled_count; /* operations at the last poll */
    uint32_t refusals;     /* of thread_enter, in a row */
    bool is_slotless;      /* counts into the shared slot, keeps its events here: */
    struct thread_slot own;
};

struct thread_totals {
    uint64_t alloc_bytes;
    uint64_t alloc_count;
    uint64_t free_bytes;
    uint64_t free_count;
};

extern ATTR_TLS struct thread thread_self;

size_t thread_memory_bytes(void);
void thread_init(void *memory); /* zeroed, aligned to 64 */

/* Gives the calling thread its slot, if one is left. Any thread, inside malloc(). */
void thread_attach(void);

/* For threads without a slot and before there are any: adds to the shared slot. */
void thread_count_shared(const struct thread_totals *delta);

/* Marks this thread as inside the agent's own work; false when it is there already. A mark that a
 * siglongjmp out of a signal handler has left behind does not stay. */
bool thread_enter(void);
void thread_leave(void);

/* The sum over all threads, dead ones too. */
void thread_sum(struct thread_totals *out);

#endif
