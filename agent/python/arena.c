/* SPDX-License-Identifier: MIT */
#include "agent/python/arena.h"

#include <stdatomic.h>
#include <sys/mman.h>

#include "agent/core/clock.h"
#include "agent/core/core.h"
#include "agent/core/own.h"
#include "agent/python/interp.h"
#include "agent/python/pool.h"

#define ARENAS_MAX     65536 /* 64 GiB of arenas of 1 MiB */
#define ARENA_MIN      (256U << 10) /* from 3.11 the same allocator serves 16 KiB frame stacks */
#define PROBES_MAX     512
#define READ_MIN       40 /* arenas a round: 50 us */
#define FRESH_FACTOR   20 /* times the budget for arenas that have never been read */
#define WORD_BITS      64
#define WORDS          (ARENAS_MAX / WORD_BITS)

/* Values of base that are no address. */
#define BASE_FREE      0
#define BASE_CLAIMED   1 /* being filled in or given back */

/* One place of the hash table; the hash is the address, so that neighbours share pages. Figures are
 * written by the walker only, taken out by whoever removes the arena. */
struct arena {
    _Atomic uintptr_t base;
    uintptr_t address; /* stays while base says CLAIMED */
    uint32_t size_bytes;
    _Atomic uint32_t live_count;
    _Atomic uint32_t live_bytes;
};

static struct {
    struct arena slots[ARENAS_MAX];
    _Atomic uint64_t used[WORDS];  /* slots that hold an arena */
    _Atomic uint64_t fresh[WORDS]; /* of these, the ones not read yet */
    _Atomic uint64_t roomy[WORDS]; /* the ones that had free blocks when last read */
} *table;

/*
 * What the walker reads now: slot + 1, and DOOMED when the interpreter gave the arena back
 * meanwhile. In a page that the kernel wipes at fork: the child has no walker.
 */
#define DOOMED ((uint64_t)1 << 32)
static _Atomic uint64_t *reading;

static const struct interp *python;
static struct interp_arena_allocator original;
static arena_on_change grown;
static arena_on_change released;
static size_t pool_bytes;
static bool started_late;

static _Atomic uint64_t mapped_total;
static _Atomic uint64_t live_bytes_total;
static _Atomic uint64_t live_count_total;
static _Atomic uint64_t arena_count;
static _Atomic bool overflowed;

static size_t home_of(uintptr_t base)
{
    return (base >> 18) % ARENAS_MAX;
}

static void set_bit(_Atomic uint64_t *words, size_t slot, bool on)
{
    uint64_t bit = (uint64_t)1 << slot % WORD_BITS;

    if (on)
        atomic_fetch_or(&words[slot / WORD_BITS], bit);
    else
        atomic_fetch_and(&words[slot / WORD_BITS], ~bit);
}

static void remember(uintptr_t base, size_t size)
{
    for (size_t i = 0; i < PROBES_MAX; i++) {
        size_t slot = (home_of(base) + i) % ARENAS_MAX;
        struct arena *arena = &table->slots[slot];
        uintptr_t expected = BASE_FREE;

        if (!atomic_compare_exchange_strong(&arena->base, &expected, BASE_CLAIMED))
            continue;
        arena->address = base;
        arena->size_bytes = (uint32_t)size;
        atomic_store(&arena->live_bytes, 0);
        atomic_store(&arena->live_count, 0);
        atomic_store(&arena->base, base);
        atomic_fetch_add(&mapped_total, size);
        atomic_fetch_add(&arena_count, 1);
        set_bit(table->fresh, slot, true);
        set_bit(table->used, slot, true);
        return;
    }
    atomic_store(&overflowed, true);
}

/* Replaces an arena's figures in the sums. */
static void settle(struct arena *arena, uint32_t bytes, uint32_t count)
{
    uint32_t old_bytes = atomic_exchange(&arena->live_bytes, bytes);
    uint32_t old_count = atomic_exchange(&arena->live_count, count);

    atomic_fetch_add(&live_bytes_total, (uint64_t)bytes - old_bytes);
    atomic_fetch_add(&live_count_total, (uint64_t)count - old_count);
}

/* True when the memory may be unmapped now, false when the walker will do it. */
static bool release(size_t slot)
{
    uint64_t expected = slot + 1;

    return !atomic_compare_exchange_strong(reading, &expected, expected | DOOMED);
}

static void drop(size_t slot)
{
    struct arena *arena = &table->slots[slot];

    set_bit(table->used, slot, false);
    set_bit(table->fresh, slot, false);
    set_bit(table->roomy, slot, false);
    settle(arena, 0, 0);
    atomic_fetch_sub(&mapped_total, arena->size_bytes);
    atomic_fetch_sub(&arena_count, 1);
    atomic_store(&arena->base, BASE_FREE);
}

static size_t find(uintptr_t base)
{
    /* Places are given up without a mark, so a probe cannot stop at a free one. */
    for (size_t i = 0; i < PROBES_MAX; i++) {
        size_t slot = (home_of(base) + i) % ARENAS_MAX;

        if (atomic_load(&table->slots[slot].base) == base)
            return slot;
    }
    return ARENAS_MAX;
}

static void *hook_alloc(void *ctx, size_t size)
{
    bool is_arena = size >= ARENA_MIN && size <= UINT32_MAX;
    void *base;

    core_maps_are_counted(is_arena && !started_late);
    base = original.alloc(ctx, size);
    core_maps_are_counted(false);
    if (base && is_arena) {
        remember((uintptr_t)base, size);
        if (grown)
            grown();
    }
    return base;
}

static void hook_free(void *ctx, void *ptr, size_t size)
{
    size_t slot = size >= ARENA_MIN ? find((uintptr_t)ptr) : ARENAS_MAX;

    if (slot == ARENAS_MAX) {
        original.free(ctx, ptr, size);
        return;
    }
    if (released)
        released();
    /* Taken out of sight first: a walker that comes later finds the place claimed. */
    atomic_store(&table->slots[slot].base, BASE_CLAIMED);
    if (release(slot)) {
        drop(slot);
        original.free(ctx, ptr, size);
    }
}

static void read_slot(size_t slot)
{
    struct arena *arena = &table->slots[slot];
    struct pool_sum sum;
    uintptr_t base;

    atomic_store(reading, slot + 1);
    base = atomic_load(&arena->base);
    if (base > BASE_CLAIMED) {
        sum = pool_walk(base, arena->size_bytes, pool_bytes);
        settle(arena, sum.live_bytes, sum.live_count);
        set_bit(table->roomy, slot, sum.roomy);
        set_bit(table->fresh, slot, false);
    }
    if (atomic_exchange(reading, 0) & DOOMED) {
        void *address = (void *)arena->address;
        size_t size = arena->size_bytes;

        drop(slot);
        original.free(original.ctx, address, size);
    }
}

/* How long a round may last: on a busy machine the clock runs while we wait for the processor, so
 * some arenas are read whatever it says. */
struct limit {
    uint64_t until_ns;
    unsigned count_min;
};

static bool is_over(struct limit *limit)
{
    if (limit->count_min > 0) {
        limit->count_min--;
        return false;
    }
    return clock_fine_ns() >= limit->until_ns;
}

/* The arenas with a bit in one map and, if given, none in another; where to go on in them. */
struct arena_set {
    _Atomic uint64_t *in;
    _Atomic uint64_t *not_in;
    size_t next;
};

/* The slots of one word that a round is after, from slot `from` on. */
static uint64_t bits_from(const struct arena_set *set, size_t from)
{
    size_t word = from / WORD_BITS;
    uint64_t bits = atomic_load_explicit(&set->in[word], memory_order_relaxed);

    if (set->not_in && bits)
        bits &= ~atomic_load_explicit(&set->not_in[word], memory_order_relaxed);
    return bits & UINT64_MAX << from % WORD_BITS;
}

/* Reads the slots of a set; a round goes on where the last one was cut off, and ends after all. */
static void read_round(struct arena_set *set, uint64_t budget_ns)
{
    struct limit limit = {clock_fine_ns() + budget_ns, READ_MIN};
    size_t slot = set->next;

    for (size_t words = 0; words <= WORDS; words++) {
        uint64_t bits = bits_from(set, slot);

        for (; bits != 0; bits &= bits - 1) {
            set->next = slot / WORD_BITS * WORD_BITS + (size_t)__builtin_ctzll(bits);
            if (is_over(&limit))
                return;
            read_slot(set->next);
        }
        slot = (slot / WORD_BITS + 1) * WORD_BITS % ARENAS_MAX;
    }
    set->next = slot;
}

static bool is_ours(void)
{
    struct interp_arena_allocator now;

    python->get_arena_allocator(&now);
    return now.alloc == hook_alloc && now.free == hook_free;
}

void arena_walk(uint64_t budget_ns)
{
    static struct arena_set fresh, roomy, others;

    /* Without our hook an arena may vanish under the reader. */
    if (!table || !is_ours())
        return;
    fresh.in = table->fresh;
    roomy.in = table->roomy;
    others.in = table->used;
    others.not_in = table->roomy;
    read_round(&fresh, FRESH_FACTOR * budget_ns);
    read_round(&roomy, budget_ns / 2);
    read_round(&others, budget_ns / 2);
}

bool arena_totals(struct arena_totals *out)
{
    if (!table || !is_ours() || atomic_load(&arena_count) == 0)
        return false;
    out->live_bytes = atomic_load(&live_bytes_total);
    out->live_count = atomic_load(&live_count_total);
    out->mapped_bytes = atomic_load(&mapped_total);
    out->complete = !started_late && !atomic_load(&overflowed);
    return true;
}

bool arena_init(const struct interp *interp, arena_on_change on_growth, arena_on_change on_release)
{
    struct interp_arena_allocator hook;
    void *page = own_map(sizeof(*reading), 0);

    table = own_map(sizeof(*table), MAP_NORESERVE);
    reading = page;
    if (!table || !page || madvise(page, sizeof(*reading), MADV_WIPEONFORK) != 0)
        return false;
    python = interp;
    grown = on_growth;
    released = on_release;
    pool_bytes = interp->layout.pool_bytes;
    started_late = interp->is_initialized() != 0;
    interp->get_arena_allocator(&original);
    hook = (struct interp_arena_allocator){original.ctx, hook_alloc, hook_free};
    interp->set_arena_allocator(&hook);
    return true;
}
