/* SPDX-License-Identifier: MIT */
#include "agent/python/turn.h"

#include <stdatomic.h>

/* A hook costs 1 to 3 ns an object: with 32 MiB of small ones a second that is half a per cent of a core.
 * A sample costs up to 10 us, with what it drives out of the caches: at the intervals that are
 * ordered (64 KiB and more) as much again, at the most. */
#define BYTES_PER_MS     32768
#define PERIOD_ALL_BYTES 65536 /* who asks for smaller intervals wants to see everything */
#define MEMORY_MS        500   /* what lies further back counts half, and so on */
#define ELAPSED_MAX_MS   1000

static struct {
    _Atomic uint64_t start_ms;
    _Atomic unsigned share; /* 1: attended for certain */
    _Atomic bool is_missed;
    _Atomic bool is_group_void; /* attribution has begun anew */
    _Atomic uint64_t noted_bytes;
} turn = {.share = 1};

/* Of the turns that were attended lately. */
static struct {
    uint64_t bytes;
    uint64_t ms;
} pace;

/* Turns of one share; the interpreter's lock keeps this and the pace. */
static struct {
    unsigned left; /* turns that have not begun */
    unsigned lot;  /* so many are left when the one that is attended begins */
} group;

static void begin(uint64_t now_ms, bool is_missed)
{
    atomic_store_explicit(&turn.start_ms, now_ms, memory_order_relaxed);
    atomic_store_explicit(&turn.is_missed, is_missed, memory_order_relaxed);
}

void turn_restart(uint64_t now_ms)
{
    atomic_store_explicit(&turn.is_group_void, true, memory_order_relaxed);
    atomic_store_explicit(&turn.share, 1, memory_order_relaxed);
    begin(now_ms, false);
}

/* Another thread may have begun the turn since the caller's look at the clock. */
static uint64_t elapsed_at(uint64_t now_ms)
{
    uint64_t start_ms = atomic_load_explicit(&turn.start_ms, memory_order_relaxed);

    return now_ms > start_ms ? now_ms - start_ms : 0;
}

bool turn_is_over(uint64_t now_ms)
{
    return elapsed_at(now_ms) >= TURN_MS;
}

bool turn_is_attended(void)
{
    return !atomic_load_explicit(&turn.is_missed, memory_order_relaxed);
}

unsigned turn_share(uint64_t now_ms)
{
    return elapsed_at(now_ms) < TURN_STRAND_MS
               ? atomic_load_explicit(&turn.share, memory_order_relaxed)
               : 1;
}

void turn_note(uint64_t bytes)
{
    atomic_fetch_add_explicit(&turn.noted_bytes, bytes, memory_order_relaxed);
}

static void keep_pace(uint64_t elapsed_ms)
{
    pace.bytes += atomic_exchange_explicit(&turn.noted_bytes, 0, memory_order_relaxed);
    pace.ms += elapsed_ms < ELAPSED_MAX_MS ? elapsed_ms : ELAPSED_MAX_MS;
    if (pace.ms > MEMORY_MS) {
        pace.bytes /= 2;
        pace.ms /= 2;
    }
}

static unsigned share_of_pace(uint64_t period_bytes)
{
    uint64_t share = pace.bytes / (pace.ms + 1) / BYTES_PER_MS;

    if (share == 0 || period_bytes < PERIOD_ALL_BYTES)
        return 1;
    return share < TURN_SHARE_MAX ? (unsigned)share : TURN_SHARE_MAX;
}

static void begin_group(uint64_t elapsed_ms, uint64_t period_bytes, uint64_t lot)
{
    unsigned share = elapsed_ms < TURN_LONG_MS ? share_of_pace(period_bytes) : 1;

    group.left = share;
    group.lot = (unsigned)(lot % share) + 1;
    atomic_store_explicit(&turn.share, share, memory_order_relaxed);
}

void turn_next(uint64_t now_ms, uint64_t period_bytes, uint64_t lot)
{
    uint64_t elapsed_ms = elapsed_at(now_ms);

    if (turn_is_attended())
        keep_pace(elapsed_ms);
    if (atomic_exchange_explicit(&turn.is_group_void, false, memory_order_relaxed) ||
        group.left == 0 || elapsed_ms >= TURN_LONG_MS)
        begin_group(elapsed_ms, period_bytes, lot);
    begin(now_ms, group.left != group.lot);
    group.left--;
}
