/* SPDX-License-Identifier: MIT */
#include "agent/core/period.h"

#include <stdatomic.h>

#define PERIOD_BYTES_MAX  (UINT64_C(1) << 30)
#define DROPS_BEFORE_RISE 256
#define WINDOW_MS         16 /* some ticks of the coarse clock */

static _Atomic uint64_t ordered;
static _Atomic uint64_t in_force;
static _Atomic uint64_t drops;

/* The window in which samples are counted, all of them by all threads. */
static struct {
    _Atomic uint64_t start_ms;
    _Atomic uint64_t samples;
} window;

void period_order(uint64_t bytes)
{
    if (bytes > PERIOD_BYTES_MAX)
        bytes = PERIOD_BYTES_MAX;
    atomic_store(&ordered, bytes);
    atomic_store(&in_force, bytes);
}

uint64_t period_ordered_bytes(void)
{
    return atomic_load_explicit(&ordered, memory_order_relaxed);
}

uint64_t period_in_force_bytes(void)
{
    return atomic_load_explicit(&in_force, memory_order_relaxed);
}

static void rise(void)
{
    uint64_t period = period_in_force_bytes();

    if (period < PERIOD_BYTES_MAX)
        atomic_compare_exchange_strong(&in_force, &period, period * 2 + (period == 0));
}

void period_note_sample(uint64_t now_ms)
{
    uint64_t start_ms = atomic_load_explicit(&window.start_ms, memory_order_relaxed);
    uint64_t samples = atomic_fetch_add_explicit(&window.samples, 1, memory_order_relaxed) + 1;
    uint64_t elapsed_ms = now_ms - start_ms;

    if (elapsed_ms < WINDOW_MS || !atomic_compare_exchange_strong(&window.start_ms, &start_ms, now_ms))
        return;
    atomic_fetch_sub_explicit(&window.samples, samples, memory_order_relaxed);
    if (samples * period_ordered_bytes() / elapsed_ms > PERIOD_SAMPLED_BYTES_PER_S / 1000)
        rise();
}

void period_note_drop(void)
{
    if ((atomic_fetch_add_explicit(&drops, 1, memory_order_relaxed) + 1) % DROPS_BEFORE_RISE == 0)
        rise();
}

uint64_t period_drops(void)
{
    return atomic_load_explicit(&drops, memory_order_relaxed);
}

void period_relax(void)
{
    uint64_t period = period_in_force_bytes();
    uint64_t least = period_ordered_bytes();

    if (period > least)
        atomic_compare_exchange_strong(&in_force, &period, period / 2 > least ? period / 2 : least);
}
