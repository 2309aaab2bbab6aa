/* SPDX-License-Identifier: MIT */
#include "agent/core/unwind_cache.h"

struct unwind_cache_set unwind_cache[(size_t)1 << UNWIND_CACHE_SET_BITS];

static uint64_t pack(const struct unwind_rule *rule)
{
    return 1u | (uint64_t)rule->is_end << 1 | (uint64_t)rule->is_signal << 2 |
           (uint64_t)rule->cfa_deref << 3 | (uint64_t)rule->cfa_base << 4 |
           (uint64_t)rule->ra_place << 6 | (uint64_t)rule->fp_place << 8 |
           (uint64_t)rule->bx_place << 10 | (uint64_t)(uint8_t)rule->ra_words << 12 |
           (uint64_t)(uint8_t)rule->fp_words << 20 | (uint64_t)(uint8_t)rule->bx_words << 28 |
           (uint64_t)(uint32_t)rule->cfa_words << 40;
}

/* Which of a full set's ways goes next. Steps of the golden ratio: two newcomers in a row never
 * take the same way, and no number of others between them makes a rhythm of it for long. */
static _Atomic uint64_t turn;

static size_t next_victim(void)
{
    uint64_t now = atomic_fetch_add_explicit(&turn, UNWIND_CACHE_MIX, memory_order_relaxed);

    return now / (UINT64_MAX / UNWIND_CACHE_WAYS + 1);
}

/* The first free way; of a full set any, so that what nobody asks for any more leaves sometime. */
static struct unwind_cache_entry *place_for(uint64_t key)
{
    struct unwind_cache_set *set = unwind_cache_set_of(key);

    for (size_t i = 0; i < UNWIND_CACHE_WAYS; i++) {
        if (atomic_load_explicit(&set->ways[i].rule, memory_order_relaxed) == 0)
            return &set->ways[i];
    }
    return &set->ways[next_victim()];
}

void unwind_cache_put(uint64_t key, const struct unwind_rule *rule)
{
    struct unwind_cache_entry *entry = place_for(key);
    uint64_t bits = pack(rule);

    atomic_store_explicit(&entry->rule, bits, memory_order_relaxed);
    atomic_store_explicit(&entry->sealed, key ^ bits * UNWIND_CACHE_MIX, memory_order_relaxed);
}
