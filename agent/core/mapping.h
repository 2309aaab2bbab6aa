/* SPDX-License-Identifier: MIT */
/*
 * The books of memory that the program maps for itself: domain mmap. Exact, by pages: any part of
 * any mapping may go. What is counted was anonymous and writable when it was mapped; what becomes
 * of it by mprotect or madvise is not looked at. Sampled by bytes as allocations are: a sample
 * stands under the first address of its piece and shrinks with it.
 *
 * Order matters: a range that the kernel may hand to another thread must leave before it is
 * unmapped, and is gone or stays afterwards. Everything here is safe in any thread, in a signal
 * handler, and in a vfork child, which maps and unmaps in the memory that it shares.
 */
#ifndef LEAKD_AGENT_CORE_MAPPING_H
#define LEAKD_AGENT_CORE_MAPPING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/core/attr.h"
#include "agent/core/live.h"
#include "agent/wire/record.h"

#define MAPPING_PAGE_BYTES 4096
#define MAPPING_KEPT_MAX   4

/* Between leaving and what came of it, on the caller's stack. */
struct mapping_leaving {
    uintptr_t start;
    size_t bytes;
    uint64_t pages; /* that are counted */
    bool has_front; /* a piece that has begun before it reaches into it */
    bool has_rest;  /* one goes on behind it, as a piece of its own */
    unsigned kept;  /* samples taken out, the first ones of the range and the last: */
    uintptr_t addrs[MAPPING_KEPT_MAX];
    struct live_sample samples[MAPPING_KEPT_MAX];
};

extern ATTR_HIDDEN _Atomic bool mapping_open_;

/* False: nothing is counted. No relocation, no thread-local storage: at any time. */
static inline bool mapping_is_open(void)
{
    return atomic_load_explicit(&mapping_open_, memory_order_relaxed);
}

size_t mapping_memory_bytes(void);
void mapping_init(void *memory); /* zeroed, aligned to 64 */

/* Once malloc is known to be glibc's, whose own maps are not seen; closed for good when it is not.
 * Stays closed where pages are larger. */
void mapping_open(void);
void mapping_close(void);

/* A new mapping, before the program knows of it. bytes as asked for: rounded up to pages. */
void mapping_add(uintptr_t start, size_t bytes);

/* Something else has been mapped there: what the books still hold of it was unmapped behind our
 * back. */
void mapping_replace(uintptr_t start, size_t bytes);

void mapping_leave(struct mapping_leaving *leaving, uintptr_t start, size_t bytes);
void mapping_gone(const struct mapping_leaving *leaving);
void mapping_stay(const struct mapping_leaving *leaving);

bool mapping_is_counted(uintptr_t addr);

/* How often something has found no room in the books. */
uint64_t mapping_dropped(void);

/* In a forked child: what was freed so far was the parent's. */
void mapping_forked(void);

/* For the flush: method NONE while closed. */
void mapping_read_totals(struct wire_domain_totals *out);

#endif
