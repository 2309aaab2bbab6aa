/* SPDX-License-Identifier: MIT */
#include "agent/core/thread.h"

#include <stdatomic.h>

/* The index: address of thread-local storage (a multiple of 64) and number of the slot plus one. */
#define INDEX_SIZE     8192
#define INDEX_PROBES   64
#define INDEX_ID_BITS  13
#define ADDRESS_SHIFT  6
#define ADDRESS_MAX    (UINT64_C(1) << 48)

#define REFUSALS_MAX 64 /* in a row, until a mark is taken for stale */
#define READ_TRIES   64
#define NESTED_MAX   64 /* fillings inside another one, until that is taken for given up */

ATTR_TLS _Alignas(64) struct thread thread_self = {.slot = &thread_nobody};

struct thread_slot thread_nobody = {.alloc_left = -1, .free_left = -1};

static struct thread_slot *slots;
static _Atomic uint64_t *slot_index;
static _Atomic uint32_t slots_used;
static struct thread_totals shared; /* of threads without a slot */

size_t thread_memory_bytes(void)
{
    return THREAD_SLOTS_MAX * sizeof(struct thread_slot) + INDEX_SIZE * sizeof(uint64_t);
}

void thread_init(void *memory)
{
    slots = memory;
    slot_index = (void *)((uint8_t *)memory + THREAD_SLOTS_MAX * sizeof(struct thread_slot));
    atomic_store(&slots_used, 0);
}

static uint32_t take_slot(void)
{
    uint32_t used = atomic_load(&slots_used);

    do {
        if (used == THREAD_SLOTS_MAX)
            return 0;
    } while (!atomic_compare_exchange_weak(&slots_used, &used, used + 1));
    return used + 1;
}

/* The number (from 1) of the slot under this address: a dead thread's or a new one; 0 = none. */
static uint32_t slot_for(uintptr_t address)
{
    uint64_t key = (uint64_t)address >> ADDRESS_SHIFT << INDEX_ID_BITS;
    uint32_t at = (uint32_t)(key * UINT64_C(0x9e3779b97f4a7c15) >> 51);
    uint32_t id = 0;

    for (int probe = 0; probe < INDEX_PROBES; probe++) {
        _Atomic uint64_t *place = &slot_index[(at + (uint32_t)probe) % INDEX_SIZE];
        uint64_t found = atomic_load(place);

        if (found == 0) {
            if (id == 0)
                id = take_slot();
            if (id == 0 || atomic_compare_exchange_strong(place, &found, key | id))
                return id;
        }
        if (found >> INDEX_ID_BITS << INDEX_ID_BITS == key)
            return (uint32_t)(found & ((1u << INDEX_ID_BITS) - 1));
    }
    return id; /* outside of the index: the next thread at this address takes another slot */
}

/* Of what the dead threads of this address have done, too: else each of a row of short threads would
 * draw the same distance to its first sample, and perhaps none would ever come so far. */
static uint64_t seed(const struct thread *self, uint64_t done)
{
    return (uintptr_t)self ^ done * UINT64_C(0xff51afd7ed558ccd);
}

/* A signal handler that fills in between is ended, too. */
static void end_fillings(struct thread_slot *slot)
{
    uint64_t begun;

    do {
        begun = counter_read(&slot->begun);
        __atomic_store_n(&slot->ended, begun, __ATOMIC_RELEASE);
    } while (counter_read(&slot->begun) != begun);
}

void thread_attach(void)
{
    struct thread *self = &thread_self;
    uint32_t id = (uintptr_t)self < ADDRESS_MAX ? slot_for((uintptr_t)self) : 0;

    self->is_slotless = id == 0;
    self->period_bytes = 0;
    if (id == 0) {
        self->random = seed(self, counter_read(&shared.alloc_bytes));
        return;
    }
    self->slot = &slots[id - 1];
    end_fillings(self->slot); /* of a dead thread */
    self->random = seed(self, thread_alloc_bytes(self->slot) + thread_operations(self->slot));
    thread_alloc_due_in(self->slot, 0); /* the slow path goes on by this thread's state */
    thread_free_due_in(self->slot, 0);
}

void thread_reseed(uint64_t seed)
{
    thread_self.random ^= seed * UINT64_C(0xff51afd7ed558ccd);
    thread_self.period_bytes = 0; /* draws the next sample anew: what has no memory is not biased */
    if (thread_has_slot())
        thread_alloc_due_in(thread_self.slot, 0);
}

void thread_count_shared(const struct thread_totals *delta)
{
    counter_add_shared(&shared.alloc_bytes, delta->alloc_bytes);
    counter_add_shared(&shared.alloc_count, delta->alloc_count);
    counter_add_shared(&shared.free_bytes, delta->free_bytes);
    counter_add_shared(&shared.free_count, delta->free_count);
}

/*
 * Fills a tally so that it is `wanted` now, and adds to the totals what it stood for, as much as it is now
 * more. A signal handler that allocates in between loses nothing, not even if it comes here itself: all
 * are additions, each of one instruction.
 *
 * A reader in another thread takes a reading for whole if no filling was under way. Only the outermost
 * ends, and ends all inside it. One that a siglongjmp has left for ever looks like that, too, and its
 * reading is never whole until NESTED_MAX others have come and gone; what it had added to one side only
 * stays wrong, by no more than HOT_POLL_BYTES_MAX. The same is true of another thread's in a forked child,
 * until a thread takes over the slot. A signal handler that fills more often than that inside a
 * filling makes it look whole.
 */
static void fill(struct thread_slot *slot, int64_t *left, uint64_t wanted, uint64_t *bytes, uint64_t *count)
{
    uint64_t more = wanted - counter_read((uint64_t *)left);
    uint64_t open = counter_read(&slot->begun) - counter_read(&slot->ended);

    counter_add(&slot->begun, 1);
    atomic_thread_fence(memory_order_release);
    counter_add(bytes, tally_bytes(more));
    counter_add(count, tally_blocks(more));
    counter_add((uint64_t *)left, more);
    if (open == 0 || open > NESTED_MAX)
        end_fillings(slot);
}

void thread_alloc_due_in(struct thread_slot *slot, uint64_t bytes)
{
    fill(slot, &slot->alloc_left, tally_limit(bytes), &slot->totals.alloc_bytes, &slot->totals.alloc_count);
}

void thread_free_due_in(struct thread_slot *slot, uint64_t bytes)
{
    fill(slot, &slot->free_left, tally_limit(bytes), &slot->totals.free_bytes, &slot->totals.free_count);
}

void thread_refill_nobody(void)
{
    __atomic_store_n(&thread_nobody.alloc_left, -1, __ATOMIC_RELAXED);
    __atomic_store_n(&thread_nobody.free_left, -1, __ATOMIC_RELAXED);
}

bool thread_enter(void)
{
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);

    /* Whoever is really called from inside stands deeper. A mark left behind by a siglongjmp can
     * look like that too when the program goes on deeper than it was; so it holds for a few
     * refusals only. That is safe: what is done inside waits for nobody. */
    if (thread_self.inside > here && ++thread_self.refusals < REFUSALS_MAX)
        return false;
    thread_self.inside = here;
    thread_self.refusals = 0;
    return true;
}

void thread_leave(void)
{
    thread_self.inside = 0;
    thread_self.refusals = 0;
}

/* What a tally and its totals tell, of one moment. A thread that is stopped while it fills one is not
 * waited for: it is by no more than HOT_POLL_BYTES_MAX wrong then. */
static void read_side(const struct thread_slot *slot, const int64_t *left, const uint64_t *total_bytes,
                      const uint64_t *total_count, uint64_t *bytes, uint64_t *count)
{
    for (int tries = 0; tries < READ_TRIES; tries++) {
        uint64_t ended = __atomic_load_n(&slot->ended, __ATOMIC_ACQUIRE);
        uint64_t taken = -counter_read((const uint64_t *)left);

        *bytes = counter_read(total_bytes) + tally_bytes(taken);
        *count = counter_read(total_count) + tally_blocks(taken);
        atomic_thread_fence(memory_order_acquire);
        if (counter_read(&slot->begun) == ended)
            break;
    }
}

static void add_frees(const struct thread_slot *slot, struct thread_totals *sum)
{
    const struct thread_totals *totals = &slot->totals;
    uint64_t bytes = 0, count = 0;

    read_side(slot, &slot->free_left, &totals->free_bytes, &totals->free_count, &bytes, &count);
    sum->free_bytes += bytes;
    sum->free_count += count;
}

static void add_allocations(const struct thread_slot *slot, struct thread_totals *sum)
{
    const struct thread_totals *totals = &slot->totals;
    uint64_t bytes = 0, count = 0;

    read_side(slot, &slot->alloc_left, &totals->alloc_bytes, &totals->alloc_count, &bytes, &count);
    sum->alloc_bytes += bytes;
    sum->alloc_count += count;
}

void thread_sum(struct thread_totals *out)
{
    struct thread_totals sum;
    uint32_t used = atomic_load(&slots_used);

    /* All frees before all allocations: what goes on meanwhile never makes the frees win. */
    sum.free_bytes = counter_read(&shared.free_bytes);
    sum.free_count = counter_read(&shared.free_count);
    for (uint32_t i = 0; i < used; i++)
        add_frees(&slots[i], &sum);
    sum.alloc_bytes = counter_read(&shared.alloc_bytes);
    sum.alloc_count = counter_read(&shared.alloc_count);
    for (uint32_t i = 0; i < used; i++)
        add_allocations(&slots[i], &sum);
    *out = sum;
}
