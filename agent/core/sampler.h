/* SPDX-License-Identifier: MIT */
/*
 * The arithmetic of Poisson sampling by bytes, in integers only: the hooks must leave the
 * program's floating-point state alone. Pure: no state but what is passed in.
 */
#ifndef LEAKD_AGENT_CORE_SAMPLER_H
#define LEAKD_AGENT_CORE_SAMPLER_H

#include <stdint.h>

/* Advances the state and returns 64 uniform bits. Any state will do as a seed. */
uint64_t sampler_random(uint64_t *state);

/* Exponential with mean period_bytes, rounded up, at least 1: the byte that is hit. */
uint64_t sampler_interval(uint64_t period_bytes, uint64_t *state);

/* What a block of size_bytes stands for once it is hit: size / (1 - exp(-size / period)), which
 * makes sums of weights unbiased. A period of 0 or 1 means that every block is taken. */
uint64_t sampler_weight(uint64_t size_bytes, uint64_t period_bytes);

/* weight / size, the number of blocks a sample stands for, in units of 1/65536. */
uint64_t sampler_count_q16(uint64_t weight_bytes, uint64_t size_bytes);

#endif
