/* SPDX-License-Identifier: MIT */
/*
 * A load, or a figure of a test, in 16 bits, for there are many of them: 6 of exponent and 10 of
 * mantissa, so 0.05 % at most are lost from 2^-24 to 2^40: no requests, sessions or allocations a
 * second are beyond. Less is 0, more is the most. What stands still does so packed.
 */
#ifndef LEAKD_DETECT_PACKED_H
#define LEAKD_DETECT_PACKED_H

#include <stdint.h>
#include <string.h>

/* Bits of a float's mantissa that are left out, and what its exponent begins at. */
#define PACKED_SHIFT 13
#define PACKED_LEAST ((127u - 24) << 10)

static inline uint16_t packed_of(float value)
{
    uint32_t bits;

    if (!(value > 0))
        return 0;
    memcpy(&bits, &value, sizeof(bits));
    bits = (bits + (1u << (PACKED_SHIFT - 1))) >> PACKED_SHIFT;
    if (bits <= PACKED_LEAST)
        return 0;
    bits -= PACKED_LEAST;
    return (uint16_t)(bits < UINT16_MAX ? bits : UINT16_MAX);
}

static inline float packed_value(uint16_t packed)
{
    uint32_t bits = packed > 0 ? (packed + PACKED_LEAST) << PACKED_SHIFT : 0;
    float value;

    memcpy(&value, &bits, sizeof(value));
    return value;
}

#endif
