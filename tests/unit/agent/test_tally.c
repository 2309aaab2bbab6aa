/* SPDX-License-Identifier: MIT */
/* Blocks and bytes in one word: read back exactly, and below zero in time. */
#include "tests/unit/suite.h"

#include "agent/core/tally.h"

#include <stdlib.h>

static uint64_t state = 88172645463325252u;

static uint64_t next_random(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

/* A size as glibc's headers have them: granules, and flags in the lowest bits. */
static size_t random_header(unsigned bits)
{
    return (size_t)((next_random() & ((UINT64_C(1) << bits) - 1)) << TALLY_GRANULE_BITS |
                    (next_random() & 7));
}

START_TEST(blocks_and_bytes_are_read_back_whatever_the_flags_say)
{
    for (unsigned bits = 1; bits <= 24; bits++) {
        uint64_t taken = 0, bytes = 0;
        unsigned count = (unsigned)(next_random() % 500000);

        for (unsigned i = 0; i < count; i++) {
            size_t header = random_header(bits);

            taken += tally_measure(header);
            bytes += header & ~(size_t)15;
        }
        ck_assert_uint_eq(tally_blocks(taken), count);
        ck_assert_uint_eq(tally_bytes(taken), bytes);
        ck_assert_uint_eq(tally_blocks(-taken), -(uint64_t)count);
        ck_assert_uint_eq(tally_bytes(-taken), -bytes);
    }
}
END_TEST

START_TEST(a_block_of_half_the_address_space_is_counted)
{
    const size_t largest = ((size_t)1 << 46) + 16;

    ck_assert_uint_eq(tally_bytes(tally_measure(largest)), largest);
    ck_assert_uint_eq(tally_blocks(tally_measure(largest)), 1);
    ck_assert_int_lt((int64_t)(tally_limit(1u << 18) - tally_measure(largest)), 0);
}
END_TEST

START_TEST(a_tally_is_below_zero_in_time_and_not_with_the_first_block_that_leaves_room)
{
    for (unsigned round = 0; round < 1000; round++) {
        uint64_t limit_bytes = next_random() % (1u << 18);
        int64_t left = (int64_t)tally_limit(limit_bytes);
        uint64_t bytes = 0, blocks = 0, late = 0;

        while (left >= 0) {
            size_t size = random_header(8) & ~(size_t)15;

            late += bytes >= limit_bytes && limit_bytes > 0;
            left -= (int64_t)tally_measure(size);
            bytes += size;
            blocks++;
        }
        ck_assert_uint_eq(late, 0);
        ck_assert_uint_ge(bytes + blocks * TALLY_GRANULE + TALLY_GRANULE, limit_bytes);
    }
}
END_TEST

SUITE_MAIN("tally", blocks_and_bytes_are_read_back_whatever_the_flags_say,
           a_block_of_half_the_address_space_is_counted,
           a_tally_is_below_zero_in_time_and_not_with_the_first_block_that_leaves_room)
