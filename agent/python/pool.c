/* SPDX-License-Identifier: MIT */
#include "agent/python/pool.h"

/* struct pool_header, unchanged from 3.8 to 3.14: used count at 0, size class index at 36,
 * highest offset of a block at 44, 48 bytes in all. Classes step by 16 bytes up to 512. */
struct pool_header {
    uint32_t used;
    uint32_t padding;
    uintptr_t free_block;
    uintptr_t next;
    uintptr_t previous;
    uint32_t arena_index;
    uint32_t class_index;
    uint32_t next_offset;
    uint32_t max_next_offset;
};

#define CLASS_STEP    16
#define CLASSES       32
#define REQUEST_MAX   512

_Static_assert(sizeof(struct pool_header) == 48, "the header of a pool");

size_t pool_class_bytes(size_t request)
{
    if (request == 0)
        return CLASS_STEP;
    return request > REQUEST_MAX ? request : (request + CLASS_STEP - 1) / CLASS_STEP * CLASS_STEP;
}

static void add_pool(const struct pool_header *pool, size_t pool_bytes, struct pool_sum *sum)
{
    uint32_t used = __atomic_load_n(&pool->used, __ATOMIC_RELAXED);
    uint32_t index = __atomic_load_n(&pool->class_index, __ATOMIC_RELAXED);
    size_t block = ((size_t)index + 1) * CLASS_STEP;
    size_t capacity;

    if (index >= CLASSES)
        return;
    capacity = (pool_bytes - sizeof(*pool)) / block;
    if (used > capacity)
        return;
    sum->live_bytes += (uint32_t)(used * block);
    sum->live_count += used;
    if (used < capacity)
        sum->roomy = true;
}

struct pool_sum pool_walk(uintptr_t base, size_t arena_bytes, size_t pool_bytes)
{
    struct pool_sum sum = {0};
    uintptr_t at = (base + pool_bytes - 1) / pool_bytes * pool_bytes;

    for (; at + pool_bytes <= base + arena_bytes; at += pool_bytes) {
        const struct pool_header *pool = (const struct pool_header *)at;

        /* Pools are carved off in order from zeroed memory. */
        if (__atomic_load_n(&pool->max_next_offset, __ATOMIC_RELAXED) == 0) {
            sum.roomy = true;
            break;
        }
        __builtin_prefetch((const void *)(at + pool_bytes));
        add_pool(pool, pool_bytes, &sum);
    }
    return sum;
}
