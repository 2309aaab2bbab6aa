/* SPDX-License-Identifier: MIT */
/* What the pool headers of a pymalloc arena say: blocks in use and their bytes. Pure. */
#ifndef LEAKD_AGENT_PYTHON_POOL_H
#define LEAKD_AGENT_PYTHON_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pool_sum {
    uint32_t live_bytes; /* whole blocks of their size class */
    uint32_t live_count;
    bool roomy; /* not all blocks are in use: more can come without a new arena */
};

/* Sums the pools of the arena at base. The interpreter may write meanwhile: each header is read
 * once, a half-made one counts as empty. Pages it has not used yet stay untouched. */
struct pool_sum pool_walk(uintptr_t base, size_t arena_bytes, size_t pool_bytes);

/* Bytes of the block that a request gets, 1 to 512; the request itself beyond. */
size_t pool_class_bytes(size_t request);

#endif
