/* SPDX-License-Identifier: MIT */
#include "agent/core/unwind_cache.h"

struct unwind_cache_entry unwind_cache[(size_t)1 << UNWIND_CACHE_BITS];

static uint64_t pack(const struct unwind_rule *rule)
{
    return 1u | (uint64_t)rule->is_end << 1 | (uint64_t)rule->is_signal << 2 |
           (uint64_t)rule->cfa_deref << 3 | (uint64_t)rule->cfa_base << 4 |
           (uint64_t)rule->ra_place << 6 | (uint64_t)rule->fp_place << 8 |
           (uint64_t)rule->bx_place << 10 | (uint64_t)(uint8_t)rule->ra_words << 12 |
           (uint64_t)(uint8_t)rule->fp_words << 20 | (uint64_t)(uint8_t)rule->bx_words << 28 |
           (uint64_t)(uint32_t)rule->cfa_words << 40;
}

void unwind_cache_put(uint64_t key, const struct unwind_rule *rule)
{
    size_t slot = unwind_cache_slot(key);
    uint64_t bits = pack(rule);

    atomic_store_explicit(&unwind_cache[slot].rule, bits, memory_order_relaxed);
    atomic_store_explicit(&unwind_cache[slot].sealed, key ^ bits * UNWIND_CACHE_MIX, memory_order_relaxed);
}
