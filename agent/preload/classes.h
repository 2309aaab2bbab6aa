/* SPDX-License-Identifier: MIT */
/*
 * What a block takes by what was asked for, where the next allocator promises that it depends on nothing
 * else: jemalloc does, by nallocx. It spares malloc the question.
 */
#ifndef LEAKD_AGENT_PRELOAD_CLASSES_H
#define LEAKD_AGENT_PRELOAD_CLASSES_H

#include <stddef.h>
#include <stdint.h>

#include "agent/core/attr.h"

#define CLASSES_STEP_BYTES 8
#define CLASSES_STEPS      512 /* up to 4 KiB */

/* Measures (tally.h) of blocks for so many steps, rounded up; 0: unknown. */
extern ATTR_HIDDEN uint64_t classes_measures[CLASSES_STEPS + 1];

/* Fills the table if `next` keeps the promise, and says so to slabs_are_kept; once. Allocates and frees
 * a few blocks. */
void classes_probe(void);

/* The measure of a block that malloc has given for this request; 0: the block must be asked. */
static inline uint64_t classes_measure(size_t request_bytes)
{
    size_t step = (request_bytes + CLASSES_STEP_BYTES - 1) / CLASSES_STEP_BYTES; /* 0 when it wraps */

    return likely(step <= CLASSES_STEPS) ? classes_measures[step] : 0;
}

#endif
