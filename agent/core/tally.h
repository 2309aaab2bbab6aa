/* SPDX-License-Identifier: MIT */
/*
 * Blocks and their bytes, counted down in one word by one instruction, whose sign tells that a limit has
 * been passed.
 *
 * What a block takes from a tally is its measure: its granules of 16 bytes above 20 bits that are all
 * ones. That is one granule more and one less than that, so that n blocks of together g granules take
 * (g + n) * 2^20 - n. The lower 20 bits tell n as long as it is less than 2^19 in either direction, and
 * then the upper bits g. Differences of tallies are read in the same way: blocks and bytes below zero.
 * All blocks of one reading have less than 128 TiB, which is an address space.
 */
#ifndef LEAKD_AGENT_CORE_TALLY_H
#define LEAKD_AGENT_CORE_TALLY_H

#include <stddef.h>
#include <stdint.h>

#define TALLY_COUNT_BITS   20
#define TALLY_ONES         ((UINT64_C(1) << TALLY_COUNT_BITS) - 1)
#define TALLY_GRANULE_BITS 4
#define TALLY_GRANULE      (UINT64_C(1) << TALLY_GRANULE_BITS)

/* What lies between a size in bytes and its place in a measure. */
#define TALLY_SIZE_SHIFT (TALLY_COUNT_BITS - TALLY_GRANULE_BITS)

/* Of a size whose lowest four bits do not count. */
static inline uint64_t tally_measure(size_t size_bytes)
{
    return (uint64_t)size_bytes << TALLY_SIZE_SHIFT | TALLY_ONES;
}

/* The tally that is below zero when blocks of more than so many bytes, a granule for each block not
 * counted, have been taken from it. */
static inline uint64_t tally_limit(uint64_t bytes)
{
    return bytes >> TALLY_GRANULE_BITS << TALLY_COUNT_BITS;
}

/* How many blocks were taken; two's complement, as the bytes. */
static inline uint64_t tally_blocks(uint64_t taken)
{
    return (uint64_t)((int64_t)(-taken << (64 - TALLY_COUNT_BITS)) >> (64 - TALLY_COUNT_BITS));
}

static inline uint64_t tally_bytes(uint64_t taken)
{
    uint64_t blocks = tally_blocks(taken);
    uint64_t granules = (uint64_t)((int64_t)(taken + blocks) >> TALLY_COUNT_BITS) - blocks;

    return granules << TALLY_GRANULE_BITS;
}

#endif
