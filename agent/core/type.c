/* SPDX-License-Identifier: MIT */
#include "agent/core/type.h"

#include <stdatomic.h>

#include "agent/core/bits.h"
#include "agent/core/core.h"
#include "agent/core/sampler.h"

#define PROBES_MAX   32
#define TYPE_OTHER   0
#define TYPE_SEGMENT (TYPE_PLACES - 1)

/* live_bytes and so on may dip below zero for a moment, when a free overtakes the naming. */
struct totals {
    _Atomic uint32_t name_id; /* 0 = free */
    _Atomic int32_t live_samples;
    _Atomic int64_t live_bytes;
    _Atomic int64_t live_count_q16;
};

static struct totals *types;
static _Atomic uint64_t changed[BITS_WORDS(TYPE_PLACES)];
static _Atomic uint32_t types_used;

size_t type_memory_bytes(void)
{
    return TYPE_PLACES * sizeof(struct totals);
}

void type_init(void *memory)
{
    types = memory;
    atomic_store(&types_used, 0);
}

static bool take_place(struct totals *place, uint32_t type_id)
{
    uint32_t free_id = 0;

    if (atomic_fetch_add(&types_used, 1) < WIRE_TYPES_MAX &&
        atomic_compare_exchange_strong(&place->name_id, &free_id, type_id))
        return true;
    atomic_fetch_sub(&types_used, 1);
    return free_id == type_id; /* another thread has just taken it for the same type */
}

static struct totals *totals_of(uint32_t type_id)
{
    for (uint32_t probe = 0; probe < PROBES_MAX; probe++) {
        struct totals *place = &types[1 + (type_id * 2654435761u + probe) % TYPE_SEGMENT];
        uint32_t found = atomic_load_explicit(&place->name_id, memory_order_acquire);

        if (found == type_id || (found == 0 && take_place(place, type_id)))
            return place;
    }
    return &types[TYPE_OTHER];
}

static void count(uint32_t type_id, const struct live_sample *sample, int64_t sign)
{
    struct totals *totals = totals_of(type_id & ~CORE_TYPE_PART);
    int64_t count_q16 = 0;

    if (!(type_id & CORE_TYPE_PART))
        count_q16 = (int64_t)sampler_count_q16(sample->weight_bytes, sample->size_bytes);
    atomic_fetch_add(&totals->live_bytes, sign * (int64_t)sample->weight_bytes);
    atomic_fetch_add(&totals->live_count_q16, sign * count_q16);
    atomic_fetch_add(&totals->live_samples, (int32_t)sign);
    type_mark_changed((uint32_t)(totals - types));
}

void type_add(uint32_t type_id, const struct live_sample *sample)
{
    count(type_id, sample, 1);
}

void type_remove(uint32_t type_id, const struct live_sample *sample)
{
    count(type_id, sample, -1);
}

uint32_t type_next_changed(uint32_t from)
{
    return bits_next(changed, from, TYPE_PLACES);
}

bool type_take_changed(uint32_t place)
{
    return bits_take(changed, place);
}

void type_mark_changed(uint32_t place)
{
    bits_add(changed, place);
}

void type_mark_all_changed(void)
{
    if (atomic_load(&types_used) == 0)
        return; /* 26 pages that nobody has touched yet */
    for (uint32_t place = 0; place < TYPE_PLACES; place++) {
        if (atomic_load(&types[place].name_id) != 0 || atomic_load(&types[place].live_samples) != 0)
            type_mark_changed(place);
    }
}

void type_read(uint32_t place, struct wire_type_totals *out)
{
    int64_t live_bytes = atomic_load(&types[place].live_bytes);
    int64_t live_count = atomic_load(&types[place].live_count_q16);
    int32_t live_samples = atomic_load(&types[place].live_samples);

    out->name_id = atomic_load(&types[place].name_id);
    out->live_bytes = live_bytes > 0 ? (uint64_t)live_bytes : 0;
    out->live_count = live_count > 0 ? ((uint64_t)live_count + 0x8000) >> 16 : 0;
    out->live_samples = live_samples > 0 ? (uint32_t)live_samples : 0;
}
