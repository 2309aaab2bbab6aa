/* SPDX-License-Identifier: MIT */
/*
 * A running total with one writing thread and any number of readers. The addition is a single
 * instruction on x86-64, so that a signal handler that allocates in the middle of another
 * allocation of its thread loses nothing.
 */
#ifndef LEAKD_AGENT_CORE_COUNTER_H
#define LEAKD_AGENT_CORE_COUNTER_H

#include <stdbool.h>
#include <stdint.h>

static inline void counter_add(uint64_t *counter, uint64_t n)
{
#if defined(__x86_64__)
    __asm__ volatile("addq %1, %0" : "+m"(*counter) : "er"(n) : "cc");
#else
    __atomic_fetch_add(counter, n, __ATOMIC_RELAXED);
#endif
}

/* Takes n from what is left; true when that is less than nothing now. One instruction and its sign. */
static inline bool counter_take(int64_t *left, uint64_t n)
{
#if defined(__x86_64__)
    bool below;

    __asm__ volatile("subq %2, %0" : "+m"(*left), "=@ccs"(below) : "er"(n));
    return below;
#else
    return __atomic_sub_fetch(left, (int64_t)n, __ATOMIC_RELAXED) < 0;
#endif
}

/* For a total that several threads write. */
static inline void counter_add_shared(uint64_t *counter, uint64_t n)
{
    __atomic_fetch_add(counter, n, __ATOMIC_RELAXED);
}

static inline uint64_t counter_read(const uint64_t *counter)
{
    return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

#endif
