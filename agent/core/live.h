/* SPDX-License-Identifier: MIT */
/*
 * The table of live samples: by address, fixed size, lock-free. In front of it stands a filter of
 * one counter for each KiB of addresses (and those 64 MiB apart), so that nearly every free() is one load
 * and one test.
 * An address is put before the program sees it and taken before the real free: operations on one
 * address never meet.
 */
#ifndef LEAKD_AGENT_CORE_LIVE_H
#define LEAKD_AGENT_CORE_LIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/core/attr.h"

#define LIVE_SAMPLES_MAX (512 + 16384)
#define LIVE_FILTER_SIZE 65536
#define LIVE_FILTER_SHIFT 10 /* neighbours share a counter: few cache lines for a heap in use */

struct live_sample {
    uint64_t size_bytes;
    uint64_t weight_bytes;
    uint64_t birth_ms;
    uint32_t type_id; /* 0 = not looked at */
    uint16_t site_id;
    uint8_t domain;
};

extern ATTR_HIDDEN uint8_t live_filter[LIVE_FILTER_SIZE];

static inline size_t live_filter_place(uintptr_t addr)
{
    return addr >> LIVE_FILTER_SHIFT & (LIVE_FILTER_SIZE - 1);
}

/* False: the address is certainly not in the table, and not NULL. */
static inline bool live_maybe(uintptr_t addr)
{
    return __atomic_load_n(&live_filter[live_filter_place(addr)], __ATOMIC_RELAXED) != 0;
}

/* Makes live_maybe true for ever for these addresses: whoever frees one is led to the slow path. */
void live_mark_range(uintptr_t start, size_t len);

size_t live_memory_bytes(void);
void live_init(void *memory); /* zeroed, aligned to 64 */

/* False when the table has no room there. */
bool live_put(uintptr_t addr, const struct live_sample *sample);
/* Takes the entry out; false when there is none. */
bool live_take(uintptr_t addr, struct live_sample *out);

uint32_t live_count(void);

/* The first place from `from` on that is taken, or LIVE_SAMPLES_MAX; of a sample of this domain whose type
 * is not set. It may be free again when it is read. */
uint32_t live_next(uint32_t from);
uint32_t live_next_untyped(unsigned domain, uint32_t from);

/* When the sample at a place was born and to which site it belongs, of one moment. */
uint64_t live_birth_ms(uint32_t index, uint16_t *site_id);

/* A copy of the entry at place `index`; false when it is free or changes under the
 * reader. */
bool live_read(uint32_t index, uintptr_t *addr, struct live_sample *out);

/* Sets the type of the sample at `index` if its address and birth are still these and no type is
 * set. */
bool live_set_type(uint32_t index, uintptr_t addr, uint64_t birth_ms, uint32_t type_id);

#endif
