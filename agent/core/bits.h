/* SPDX-License-Identifier: MIT */
/* A set of small numbers that any thread adds to and takes from, and one thread looks through: what a
 * flush has to do is then what has changed, not what there could be. */
#ifndef LEAKD_AGENT_CORE_BITS_H
#define LEAKD_AGENT_CORE_BITS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define BITS_WORDS(count) (((count) + 63) / 64)

static inline void bits_add(_Atomic uint64_t *bits, uint32_t number)
{
    atomic_fetch_or_explicit(&bits[number / 64], UINT64_C(1) << number % 64, memory_order_release);
}

/* True when it was there. What was written before it was added is seen then. */
static inline bool bits_take(_Atomic uint64_t *bits, uint32_t number)
{
    uint64_t bit = UINT64_C(1) << number % 64;

    return atomic_fetch_and_explicit(&bits[number / 64], ~bit, memory_order_acquire) & bit;
}

/* The first number of the set in [from, count), or count. */
static inline uint32_t bits_next(const _Atomic uint64_t *bits, uint32_t from, uint32_t count)
{
    while (from < count) {
        uint64_t word = atomic_load_explicit(&bits[from / 64], memory_order_relaxed) >> from % 64;

        if (word != 0) {
            from += (uint32_t)__builtin_ctzll(word);
            break;
        }
        from = (from / 64 + 1) * 64;
    }
    return from < count ? from : count;
}

#endif
