/* SPDX-License-Identifier: MIT */
/*
 * The mean sampling interval: what was ordered, and what is in force. That is more when a program
 * allocates so fast that its samples would be felt, or when the table of samples is full; every
 * sample carries the weight of the interval it was drawn with, so sums stay right. Any thread.
 */
#ifndef LEAKD_AGENT_CORE_PERIOD_H
#define LEAKD_AGENT_CORE_PERIOD_H

#include <stdint.h>

/* Allocations of a process that are sampled as ordered; what is above them is sampled as if it were no
 * more. With the usual 512 KiB these are 8192 samples a second, one per cent of a core. */
#define PERIOD_SAMPLED_BYTES_PER_S (UINT64_C(1) << 32)

/* At most 1 GiB. It is in force at once. */
void period_order(uint64_t bytes);

uint64_t period_ordered_bytes(void);
uint64_t period_in_force_bytes(void);

/* A sample is taken now, on the coarse monotonic clock: raises the period when they have come too fast
 * for 16 ms. */
void period_note_sample(uint64_t now_ms);

/* The table is full: half the samples, twice the weight of each, after some hundred losses. */
void period_note_drop(void);
uint64_t period_drops(void);

/* Once a second, when there is room in the table: lets a raised period fall by half. */
void period_relax(void);

#endif
