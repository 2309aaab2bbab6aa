/* SPDX-License-Identifier: MIT */
#include "agent/core/pool.h"

#include <string.h>

/* An entry: a set bit, so that it is never 0, then the place in the arena and the length. */
#define ENTRY_TAKEN    (UINT64_C(1) << 63)
#define ENTRY_LEN_BITS 24
#define ENTRY_LEN_MAX  ((1u << ENTRY_LEN_BITS) - 1)

static uint32_t index_size(uint32_t count_max)
{
    uint32_t size = 64;

    while (size < 2 * count_max)
        size *= 2;
    return size;
}

size_t pool_memory_bytes(uint32_t count_max, uint32_t arena_bytes)
{
    return ((size_t)count_max + 1) * sizeof(uint64_t) +
           (size_t)index_size(count_max) * sizeof(uint32_t) + arena_bytes;
}

void pool_init(struct pool *pool, uint32_t count_max, uint32_t arena_bytes, void *memory)
{
    uint8_t *at = memory;

    memset(pool, 0, sizeof(*pool));
    pool->count_max = count_max;
    pool->arena_bytes = arena_bytes;
    pool->index_mask = index_size(count_max) - 1;
    pool->entries = (void *)at;
    at += ((size_t)count_max + 1) * sizeof(uint64_t);
    pool->index = (void *)at;
    at += ((size_t)pool->index_mask + 1) * sizeof(uint32_t);
    pool->arena = at;
}

static uint32_t hash_bytes(const uint8_t *data, size_t len)
{
    uint64_t hash = len * UINT64_C(0x9e3779b97f4a7c15);
    uint64_t word;

    for (; len >= 8; data += 8, len -= 8) {
        memcpy(&word, data, 8);
        hash = (hash ^ word) * UINT64_C(0xff51afd7ed558ccd);
        hash ^= hash >> 32;
    }
    word = 0;
    memcpy(&word, data, len);
    hash = (hash ^ word) * UINT64_C(0xff51afd7ed558ccd);
    return (uint32_t)(hash >> 32);
}

uint32_t pool_count(const struct pool *pool)
{
    return atomic_load_explicit(&pool->count, memory_order_acquire);
}

const uint8_t *pool_bytes(const struct pool *pool, uint32_t id, size_t *len)
{
    uint64_t entry = atomic_load_explicit(&pool->entries[id], memory_order_acquire);

    *len = entry & ENTRY_LEN_MAX;
    return pool->arena + ((entry & ~ENTRY_TAKEN) >> ENTRY_LEN_BITS);
}

static int is_content(const struct pool *pool, uint32_t id, const void *data, size_t len)
{
    size_t stored_len;
    const uint8_t *stored = pool_bytes(pool, id, &stored_len);

    return stored_len == len && memcmp(stored, data, len) == 0;
}

/* Takes len bytes of the arena; -1 when it is full. */
static int64_t take_bytes(struct pool *pool, size_t len)
{
    uint32_t rounded = ((uint32_t)len + 7) & ~7u;
    uint32_t used = atomic_load_explicit(&pool->used_bytes, memory_order_relaxed);

    do {
        if (rounded > pool->arena_bytes - used)
            return -1;
    } while (!atomic_compare_exchange_weak(&pool->used_bytes, &used, used + rounded));
    return used;
}

/* Gives the entry the next number. Whoever comes between another thread's two steps does the
 * second one for it, so that the count never waits for a thread. */
static uint32_t append_entry(struct pool *pool, uint64_t entry)
{
    for (;;) {
        uint32_t count = atomic_load(&pool->count);
        uint64_t free_entry = 0;
        int appended;

        if (count >= pool->count_max)
            return 0;
        appended = atomic_compare_exchange_strong(&pool->entries[count + 1], &free_entry, entry);
        atomic_compare_exchange_strong(&pool->count, &(uint32_t){count}, count + 1);
        if (appended)
            return count + 1;
    }
}

static uint32_t append_bytes(struct pool *pool, const void *data, size_t len)
{
    int64_t at = -1;
    uint32_t id = 0;

    if (len <= ENTRY_LEN_MAX && pool_count(pool) < pool->count_max)
        at = take_bytes(pool, len);
    if (at >= 0) {
        memcpy(pool->arena + at, data, len);
        id = append_entry(pool, ENTRY_TAKEN | (uint64_t)at << ENTRY_LEN_BITS | len);
    }
    if (id == 0)
        atomic_fetch_add_explicit(&pool->dropped, 1, memory_order_relaxed);
    return id;
}

uint32_t pool_intern(struct pool *pool, const void *data, size_t len)
{
    uint32_t at = hash_bytes(data, len);
    uint32_t id = 0;

    /* The index is at most half full, so that the probe always meets a free place. */
    for (uint32_t probes = 0; probes <= pool->index_mask; at++) {
        _Atomic uint32_t *place = &pool->index[at & pool->index_mask];
        uint32_t found = atomic_load_explicit(place, memory_order_acquire);

        if (found == 0 && id == 0)
            id = append_bytes(pool, data, len);
        if (found == 0 && (id == 0 || atomic_compare_exchange_strong(place, &found, id)))
            return id;
        if (is_content(pool, found, data, len))
            return found;
        probes++;
    }
    return 0;
}
