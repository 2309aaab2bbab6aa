/* SPDX-License-Identifier: MIT */
/*
 * From address to rule, shared by all threads without a lock: an entry is two words, one of them
 * the key mixed with the other, so that a torn read looks like a miss. The key holds what
 * identifies the image, so that another library at the same place does not find the old rules.
 */
#ifndef LEAKD_AGENT_CORE_UNWIND_CACHE_H
#define LEAKD_AGENT_CORE_UNWIND_CACHE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/core/eh_frame.h"

#define UNWIND_CACHE_SET_BITS 10 /* 64 KiB: some thousand call sites on the way to malloc */
#define UNWIND_CACHE_WAYS     4  /* a cache line; room for so many frames of a stack in one set */
#define UNWIND_CACHE_MIX      0x9e3779b97f4a7c15u /* odd, bits well spread */

struct unwind_cache_entry {
    _Atomic uint64_t sealed; /* key ^ rule * UNWIND_CACHE_MIX */
    _Atomic uint64_t rule;   /* packed; never 0 */
};

struct unwind_cache_set {
    _Alignas(64) struct unwind_cache_entry ways[UNWIND_CACHE_WAYS];
};

extern struct unwind_cache_set unwind_cache[(size_t)1 << UNWIND_CACHE_SET_BITS];

/*
 * The packed rule: valid 1 bit | end 1 | signal 1 | deref 1 | base 2 | ra place 2, fp 2, bx 2 |
 * ra 8, fp 8, bx 8 words | 4 free | cfa words 24, in the upper end, where a shift brings the sign
 * back.
 */
static inline void unwind_rule_unpack(uint64_t bits, struct unwind_rule *out)
{
    out->is_end = bits >> 1 & 1;
    out->is_signal = bits >> 2 & 1;
    out->cfa_deref = bits >> 3 & 1;
    out->cfa_base = bits >> 4 & 3;
    out->ra_place = bits >> 6 & 3;
    out->fp_place = bits >> 8 & 3;
    out->bx_place = bits >> 10 & 3;
    out->ra_words = (int8_t)(uint8_t)(bits >> 12);
    out->fp_words = (int8_t)(uint8_t)(bits >> 20);
    out->bx_words = (int8_t)(uint8_t)(bits >> 28);
    out->cfa_words = (int32_t)((int64_t)bits >> 40);
}

static inline struct unwind_cache_set *unwind_cache_set_of(uint64_t key)
{
    return &unwind_cache[key * UNWIND_CACHE_MIX >> (64 - UNWIND_CACHE_SET_BITS)];
}

static inline bool unwind_cache_get(uint64_t key, struct unwind_rule *out)
{
    struct unwind_cache_set *set = unwind_cache_set_of(key);

    for (size_t i = 0; i < UNWIND_CACHE_WAYS; i++) {
        struct unwind_cache_entry *entry = &set->ways[i];
        uint64_t bits = atomic_load_explicit(&entry->rule, memory_order_relaxed);
        uint64_t sealed = atomic_load_explicit(&entry->sealed, memory_order_relaxed);

        if (bits == 0) /* they are filled in order */
            return false;
        if ((sealed ^ bits * UNWIND_CACHE_MIX) == key) {
            unwind_rule_unpack(bits, out);
            return true;
        }
    }
    return false;
}

/* Of a full set a way leaves that neither the key nor its age decides, so that frames which drive
 * each other out do so for a few samples only. Any thread, a signal handler too. */
void unwind_cache_put(uint64_t key, const struct unwind_rule *rule);

#endif
