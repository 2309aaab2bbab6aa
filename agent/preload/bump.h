/* SPDX-License-Identifier: MIT */
/* Memory for those who allocate before the next allocator is known: dlsym itself, mostly. Blocks are
 * never given back. Any thread. */
#ifndef LEAKD_AGENT_PRELOAD_BUMP_H
#define LEAKD_AGENT_PRELOAD_BUMP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/core/attr.h"

#define BUMP_BYTES (64 * 1024)

extern ATTR_HIDDEN uint8_t bump_arena[BUMP_BYTES];
extern ATTR_HIDDEN _Atomic size_t bump_used; /* 0 in most programs: then no block is ours */

/* Zeroed. NULL with errno when the arena is used up. */
void *bump_alloc(size_t alignment, size_t size);

static inline bool bump_owns(const void *block)
{
    return unlikely(atomic_load_explicit(&bump_used, memory_order_relaxed) != 0) &&
           (uintptr_t)block - (uintptr_t)bump_arena < BUMP_BYTES;
}

/* Bytes from block that may be read, at least what was asked for. */
size_t bump_readable_bytes(const void *block);

#endif
