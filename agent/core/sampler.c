/* SPDX-License-Identifier: MIT */
#include "agent/core/sampler.h"

typedef unsigned __int128 wide;

#define LN2_Q32 UINT64_C(2977044472) /* ln 2 in units of 2^-32 */
#define ONE_Q62 (UINT64_C(1) << 62)

uint64_t sampler_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* -log2(u / 2^64) in units of 2^-32: squaring the mantissa yields one bit after the other. */
static uint64_t negative_log2_q32(uint64_t u)
{
    unsigned zeros = (unsigned)__builtin_clzll(u);
    uint64_t mantissa = u << zeros;
    uint64_t fraction = 0;

    for (int bit = 31; bit >= 0; bit--) {
        wide square = (wide)mantissa * mantissa;

        if (square >> 127) {
            fraction |= UINT64_C(1) << bit;
            mantissa = (uint64_t)(square >> 64);
        } else {
            mantissa = (uint64_t)(square >> 63);
        }
    }
    return ((uint64_t)(zeros + 1) << 32) - fraction;
}

uint64_t sampler_interval(uint64_t period_bytes, uint64_t *state)
{
    uint64_t u = sampler_random(state) | 1;
    wide nats_q32 = (wide)negative_log2_q32(u) * LN2_Q32 >> 32;
    wide interval = (nats_q32 * period_bytes + UINT32_MAX) >> 32;

    if (period_bytes <= 1 || interval == 0)
        return 1;
    return interval > INT64_MAX ? INT64_MAX : (uint64_t)interval;
}

static uint64_t multiply_q62(uint64_t a, uint64_t b)
{
    return (uint64_t)((wide)a * b >> 62);
}

/* exp(-x) for x in [0, 1/16], both in units of 2^-62: the series to the sixth term. */
static uint64_t exp_small_q62(uint64_t x)
{
    uint64_t sum = ONE_Q62;

    for (unsigned n = 6; n > 0; n--)
        sum = ONE_Q62 - multiply_q62(x, sum) / n;
    return sum;
}

uint64_t sampler_weight(uint64_t size_bytes, uint64_t period_bytes)
{
    unsigned halvings = 0;
    uint64_t x;
    uint64_t missed;

    if (period_bytes <= 1 || size_bytes / 32 >= period_bytes)
        return size_bytes; /* exp(-32) of it is nothing */
    if (size_bytes == 0)
        return 0;
    /* x = size / period is divided by 2^halvings to fit the series, then squared back. */
    while (size_bytes >> halvings > period_bytes / 16 && halvings < 9)
        halvings++;
    x = (uint64_t)(((wide)size_bytes << (62 - halvings)) / period_bytes);
    missed = exp_small_q62(x);
    while (halvings-- > 0)
        missed = multiply_q62(missed, missed);
    return (uint64_t)((((wide)size_bytes << 62) + (ONE_Q62 - missed) / 2) / (ONE_Q62 - missed));
}

uint64_t sampler_count_q16(uint64_t weight_bytes, uint64_t size_bytes)
{
    if (size_bytes == 0)
        return 0;
    return (uint64_t)((((wide)weight_bytes << 16) + size_bytes / 2) / size_bytes);
}
