/* SPDX-License-Identifier: MIT */
/*
 * Byte strings numbered by content, append-only, in fixed memory: the table behind names and
 * sites. Lock-free: an insertion that is abandoned half way (a siglongjmp out of a signal handler,
 * a fork in another thread) costs the bytes it had taken and blocks nobody. Two threads that
 * insert the same content at once may both be given a number; later look-ups agree on one.
 */
#ifndef LEAKD_AGENT_CORE_POOL_H
#define LEAKD_AGENT_CORE_POOL_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct pool {
    _Atomic uint32_t count; /* ids 1..count are taken */
    _Atomic uint32_t used_bytes;
    _Atomic uint64_t dropped; /* contents that found no room */
    uint32_t count_max;
    uint32_t arena_bytes;
    uint32_t index_mask;
    _Atomic uint64_t *entries; /* by id: where the bytes are; 0 = free */
    _Atomic uint32_t *index;   /* by hash: id; 0 = free */
    uint8_t *arena;
};

/* Bytes of zeroed memory that pool_init wants, aligned to 8. */
size_t pool_memory_bytes(uint32_t count_max, uint32_t arena_bytes);
void pool_init(struct pool *pool, uint32_t count_max, uint32_t arena_bytes, void *memory);

/* The id of data, inserted when new; 0 when there is no room. */
uint32_t pool_intern(struct pool *pool, const void *data, size_t len);

/* Ids 1..pool_count can be read. */
uint32_t pool_count(const struct pool *pool);

/* The bytes of an id, aligned to 8, valid for ever. */
const uint8_t *pool_bytes(const struct pool *pool, uint32_t id, size_t *len);

#endif
