/* SPDX-License-Identifier: MIT */
#include "agent/core/unwind_cache.h"

#include <stdatomic.h>
#include <stddef.h>

#define CACHE_BITS    12 /* 64 KiB: some thousand call sites on the way to malloc */
#define CACHE_ENTRIES ((size_t)1 << CACHE_BITS)
#define MIX           0x9e3779b97f4a7c15u /* odd, bits well spread */

static struct {
    _Atomic uint64_t sealed; /* key ^ rule * MIX */
    _Atomic uint64_t rule;   /* packed; never 0 */
} cache[CACHE_ENTRIES];

/* valid 1 | end 1 | signal 1 | deref 1 | base 2 | ra place 2, fp 2, bx 2 | ra 8, fp 8, bx 8 words |
 * cfa words 24 in the upper end, where a shift brings the sign back. */
static uint64_t pack(const struct unwind_rule *rule)
{
    return 1u | (uint64_t)rule->is_end << 1 | (uint64_t)rule->is_signal << 2 |
           (uint64_t)rule->cfa_deref << 3 | (uint64_t)rule->cfa_base << 4 |
           (uint64_t)rule->ra_place << 6 | (uint64_t)rule->fp_place << 8 |
           (uint64_t)rule->bx_place << 10 | (uint64_t)(uint8_t)rule->ra_words << 12 |
           (uint64_t)(uint8_t)rule->fp_words << 20 | (uint64_t)(uint8_t)rule->bx_words << 28 |
           (uint64_t)(uint32_t)rule->cfa_words << 40;
}

static void unpack(uint64_t bits, struct unwind_rule *out)
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

static size_t slot_of(uint64_t key)
{
    return (size_t)(key * MIX >> (64 - CACHE_BITS));
}

bool unwind_cache_get(uint64_t key, struct unwind_rule *out)
{
    size_t slot = slot_of(key);
    uint64_t bits = atomic_load_explicit(&cache[slot].rule, memory_order_relaxed);
    uint64_t sealed = atomic_load_explicit(&cache[slot].sealed, memory_order_relaxed);

    if (bits == 0 || (sealed ^ bits * MIX) != key)
        return false;
    unpack(bits, out);
    return true;
}

void unwind_cache_put(uint64_t key, const struct unwind_rule *rule)
{
    size_t slot = slot_of(key);
    uint64_t bits = pack(rule);

    atomic_store_explicit(&cache[slot].rule, bits, memory_order_relaxed);
    atomic_store_explicit(&cache[slot].sealed, key ^ bits * MIX, memory_order_relaxed);
}
