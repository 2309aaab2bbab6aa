/* SPDX-License-Identifier: MIT */
/*
 * The allocator behind the agent: whatever the loader finds next. The agent never allocates for the
 * program, it always passes on.
 */
#ifndef LEAKD_AGENT_PRELOAD_NEXT_H
#define LEAKD_AGENT_PRELOAD_NEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>

#include "agent/core/attr.h"
#include "agent/core/tally.h"

/* The malloc family: name, result, parameters. Everything about the family comes from here. */
#define NEXT_MALLOC_FAMILY(X)                                                                      \
    X(malloc, void *, (size_t size))                                                               \
    X(calloc, void *, (size_t count, size_t size))                                                 \
    X(realloc, void *, (void *block, size_t size))                                                 \
    X(free, void, (void *block))                                                                   \
    X(memalign, void *, (size_t alignment, size_t size))                                           \
    X(aligned_alloc, void *, (size_t alignment, size_t size))                                      \
    X(posix_memalign, int, (void **out, size_t alignment, size_t size))                            \
    X(valloc, void *, (size_t size))                                                               \
    X(pvalloc, void *, (size_t size))                                                              \
    X(malloc_usable_size, size_t, (void *block))

/* Other functions that the agent stands in front of (exit.c), with all their parameters. */
#define NEXT_EXITS(X)                                                                              \
    X(_exit, void, (int status))                                                                   \
    X(syscall, long, (long number, long a, long b, long c, long d, long e, long f))                \
    X(prctl, int, (int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d))

/* Memory by the page (mmap.c). NULL until it is known: whoever maps then may be the loader itself.
 */
#define NEXT_MAPS(X)                                                                               \
    X(mmap, void *, (void *addr, size_t len, int prot, int flags, int fd, off_t offset))           \
    X(mmap64, void *, (void *addr, size_t len, int prot, int flags, int fd, off_t offset))         \
    X(munmap, int, (void *addr, size_t len))                                                       \
    X(mremap, void *, (void *old, size_t old_len, size_t new_len, int flags, ...))

struct next {
#define X(name, result, parameters) result(*name) parameters;
    NEXT_MALLOC_FAMILY(X)
    NEXT_EXITS(X)
    NEXT_MAPS(X)
#undef X
    bool is_exact; /* glibc, with the block's size in the word before it */
};

/* At first all of the family are the functions of early.c. */
extern ATTR_HIDDEN struct next next;

#define X(name, result, parameters) result early_##name parameters;
NEXT_MALLOC_FAMILY(X)
#undef X

/* Fills `next`; false when a function is missing, and all stays as it was. Calls dlsym, which may
 * allocate. */
bool next_resolve(void);

/* Whether the next malloc and its kin are glibc's own. */
bool next_is_glibc(void);

/* Decides is_exact by trying: allocates and frees a few blocks. */
void next_probe(void);

/* Whether a function is of the library that the next malloc is of. Takes the loader's lock. */
bool next_is_beside_malloc(uintptr_t function);

/* Whether C++'s operators allocate inside the next allocator's library, past its malloc and so past us. */
bool next_has_own_operators(void);

/* What glibc takes for a block, its header included. Only if is_exact. */
static inline size_t next_exact_bytes(const void *block)
{
    return ((const size_t *)block)[-1] & ~(size_t)7;
}

/*
 * The same as a measure. The size in the header is a multiple of a granule with flags below: read
 * two bytes in front of the header, it stands where a measure has it, and all that is below are
 * ones then.
 */
static inline uint64_t next_exact_measure(const void *block)
{
    uint64_t word;

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ && UINTPTR_MAX == UINT64_MAX
    _Static_assert(TALLY_SIZE_SHIFT == 16, "two bytes");
    memcpy(&word, (const char *)block - sizeof(size_t) - TALLY_SIZE_SHIFT / 8, sizeof(word));
#else
    word = (uint64_t)((const size_t *)block)[-1] << TALLY_SIZE_SHIFT;
#endif
    return word | TALLY_ONES;
}

/* The size, or what the allocator says may be used of it. */
static inline size_t next_block_bytes(void *block)
{
    return next.is_exact ? next_exact_bytes(block) : next.malloc_usable_size(block);
}

#endif
