/* SPDX-License-Identifier: MIT */
#include "agent/core/thread.h"

#include <stdatomic.h>

#include "agent/core/counter.h"

/* The index: address of thread-local storage (a multiple of 64) and number of the slot plus one. */
#define INDEX_SIZE     8192
#define INDEX_PROBES   64
#define INDEX_ID_BITS  13
#define ADDRESS_SHIFT  6
#define ADDRESS_MAX    (UINT64_C(1) << 48)

#define REFUSALS_MAX 64 /* in a row, until a mark is taken for stale */

ATTR_TLS _Alignas(64) struct thread thread_self;

static struct thread_slot *slots;
static _Atomic uint64_t *slot_index;
static _Atomic uint32_t slots_used;
static struct thread_slot shared_slot;

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
static uint64_t seed(const struct thread *self, const struct thread_slot *slot)
{
    uint64_t done = counter_read(&slot->alloc_bytes) + counter_read(&slot->alloc_count);

    return (uintptr_t)self ^ done * UINT64_C(0xff51afd7ed558ccd);
}

void thread_attach(bool may_be_fast)
{
    struct thread *self = &thread_self;
    uint32_t id = (uintptr_t)self < ADDRESS_MAX ? slot_for((uintptr_t)self) : 0;

    self->is_slotless = id == 0;
    self->period_bytes = 0;
    self->random = seed(self, id == 0 ? &shared_slot : &slots[id - 1]);
    if (id == 0)
        return;
    slots[id - 1].alloc_event = 0; /* the slow path sets them by this thread's state */
    slots[id - 1].free_event = 0;
    self->slot = &slots[id - 1];
    self->fast = may_be_fast ? self->slot : NULL;
}

void thread_count_shared(const struct thread_totals *delta)
{
    counter_add_shared(&shared_slot.alloc_bytes, delta->alloc_bytes);
    counter_add_shared(&shared_slot.alloc_count, delta->alloc_count);
    counter_add_shared(&shared_slot.free_bytes, delta->free_bytes);
    counter_add_shared(&shared_slot.free_count, delta->free_count);
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

/* Slot 0 is the shared one. */
static const struct thread_slot *slot_at(uint32_t number)
{
    return number == 0 ? &shared_slot : &slots[number - 1];
}

void thread_sum(struct thread_totals *out)
{
    struct thread_totals sum = {0};
    uint32_t used = atomic_load(&slots_used);

    /* All frees before all allocations: what goes on meanwhile never makes the frees win. */
    for (uint32_t i = 0; i <= used; i++) {
        sum.free_bytes += counter_read(&slot_at(i)->free_bytes);
        sum.free_count += counter_read(&slot_at(i)->free_count);
    }
    for (uint32_t i = 0; i <= used; i++) {
        sum.alloc_bytes += counter_read(&slot_at(i)->alloc_bytes);
        sum.alloc_count += counter_read(&slot_at(i)->alloc_count);
    }
    *out = sum;
}
