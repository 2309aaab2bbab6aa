/* SPDX-License-Identifier: MIT */
#include "agent/core/site.h"

#include <stdatomic.h>
#include <string.h>

#include "agent/core/bits.h"
#include "agent/core/frame.h"
#include "agent/core/pool.h"
#include "agent/core/sampler.h"

#define SITE_ARENA_BYTES (512u * 1024) /* 15 frames a site at 4096 sites, 30 at 2000 */

struct totals {
    _Atomic uint64_t alloc_bytes;
    _Atomic uint64_t free_bytes;
    _Atomic uint64_t alloc_count_q16;
    _Atomic uint64_t free_count_q16;
    _Atomic uint32_t live_samples;
};

#define AGES_PER_FLUSH 512 /* samples that one flush looks at: some 20 us */

/* Births of live samples as site_look_at_ages saw them; 0 = none. */
struct ages {
    uint64_t oldest_birth_ms;
    uint64_t newest_birth_ms;
};

/* What the pool keeps of a site. */
struct site_bytes {
    uint8_t domain;
    uint8_t flags;
    uint8_t frame_count;
    uint8_t zero[5];
    uint64_t frames[WIRE_STACK_FRAMES_MAX];
};

static struct pool site_pool;
static struct totals *site_totals; /* by id, WIRE_SITE_OTHER too */
static _Atomic uint64_t changed[BITS_WORDS(WIRE_SITES_MAX + 1)];
static struct ages *site_ages; /* of the last round through all samples */
static struct ages *next_ages; /* of the round that is under way */
static uint32_t round_at;      /* the place in the table of samples where it goes on */

size_t site_memory_bytes(void)
{
    return (WIRE_SITES_MAX + 1) * (sizeof(struct totals) + 2 * sizeof(struct ages)) +
           pool_memory_bytes(WIRE_SITES_MAX, SITE_ARENA_BYTES);
}

void site_init(void *memory)
{
    uint8_t *at = memory;

    site_totals = (void *)at;
    at += (WIRE_SITES_MAX + 1) * sizeof(struct totals);
    site_ages = (void *)at;
    at += (WIRE_SITES_MAX + 1) * sizeof(struct ages);
    next_ages = (void *)at;
    at += (WIRE_SITES_MAX + 1) * sizeof(struct ages);
    pool_init(&site_pool, WIRE_SITES_MAX, SITE_ARENA_BYTES, at);
}

uint16_t site_of(enum wire_domain domain, const struct stack *stack)
{
    struct site_bytes bytes = {
        .domain = (uint8_t)domain,
        .flags = stack->truncated ? WIRE_SITE_TRUNCATED : 0,
        .frame_count = (uint8_t)stack->count,
    };
    size_t frames_bytes = stack->count * sizeof(bytes.frames[0]);

    memcpy(bytes.frames, stack->frames, frames_bytes);
    return (uint16_t)pool_intern(&site_pool, &bytes,
                                 offsetof(struct site_bytes, frames) + frames_bytes);
}

static void add(_Atomic uint64_t *total, uint64_t n)
{
    atomic_fetch_add_explicit(total, n, memory_order_relaxed);
}

void site_add(const struct live_sample *sample)
{
    struct totals *totals = &site_totals[sample->site_id];

    add(&totals->alloc_bytes, sample->weight_bytes);
    add(&totals->alloc_count_q16, sampler_count_q16(sample->weight_bytes, sample->size_bytes));
    atomic_fetch_add_explicit(&totals->live_samples, 1, memory_order_relaxed);
    site_mark_changed(sample->site_id);
}

void site_remove(const struct live_sample *sample)
{
    struct totals *totals = &site_totals[sample->site_id];

    add(&totals->free_bytes, sample->weight_bytes);
    add(&totals->free_count_q16, sampler_count_q16(sample->weight_bytes, sample->size_bytes));
    atomic_fetch_sub_explicit(&totals->live_samples, 1, memory_order_relaxed);
    site_mark_changed(sample->site_id);
}

void site_shrink(uint16_t site_id, uint64_t gone_bytes)
{
    add(&site_totals[site_id].free_bytes, gone_bytes);
    site_mark_changed(site_id);
}

uint64_t site_dropped(void)
{
    return atomic_load(&site_pool.dropped);
}

uint32_t site_count(void)
{
    return pool_count(&site_pool);
}

void site_describe(uint32_t id, struct wire_site *out)
{
    size_t len;
    const struct site_bytes *bytes = (const void *)pool_bytes(&site_pool, id, &len);

    out->id = id;
    out->domain = bytes->domain;
    out->flags = bytes->flags;
    out->frame_count = bytes->frame_count;
    for (unsigned i = 0; i < bytes->frame_count; i++)
        frame_unpack(bytes->frames[i], &out->frames[i]);
}

static void note_birth(struct ages *all, uint32_t index)
{
    uint16_t site_id;
    uint64_t birth_ms = live_birth_ms(index, &site_id);
    struct ages *ages = &all[site_id];

    if (ages->oldest_birth_ms == 0 || birth_ms < ages->oldest_birth_ms)
        ages->oldest_birth_ms = birth_ms;
    if (birth_ms > ages->newest_birth_ms)
        ages->newest_birth_ms = birth_ms;
}

static void end_round(void)
{
    struct ages *ended = next_ages;

    next_ages = site_ages;
    site_ages = ended;
    memset(next_ages, 0, (site_count() + 1) * sizeof(*next_ages));
    round_at = 0;
}

void site_look_at_ages(void)
{
    for (unsigned looked = 0; looked < AGES_PER_FLUSH; looked++) {
        uint32_t index = live_next(round_at);

        if (index == LIVE_SAMPLES_MAX) {
            end_round();
            return;
        }
        note_birth(next_ages, index);
        round_at = index + 1;
    }
}

uint32_t site_next_changed(uint32_t from)
{
    return bits_next(changed, from, WIRE_SITES_MAX + 1);
}

bool site_take_changed(uint32_t id)
{
    return bits_take(changed, id);
}

void site_mark_changed(uint32_t id)
{
    bits_add(changed, id);
}

void site_mark_all_changed(void)
{
    if (atomic_load(&site_totals[WIRE_SITE_OTHER].alloc_bytes) > 0)
        site_mark_changed(WIRE_SITE_OTHER);
    for (uint32_t id = 1; id <= site_count(); id++)
        site_mark_changed(id);
}

static uint32_t age_ms(uint64_t now_ms, uint64_t birth_ms)
{
    uint64_t age = now_ms > birth_ms ? now_ms - birth_ms : 0;

    if (birth_ms == 0)
        return 0;
    return age > UINT32_MAX ? UINT32_MAX : (uint32_t)age;
}

void site_read(uint32_t id, uint64_t now_ms, struct wire_site_totals *out)
{
    struct totals *totals = &site_totals[id];

    /* Frees first: a block that is born and freed meanwhile must not make the frees win. */
    out->free_bytes = atomic_load(&totals->free_bytes);
    out->free_count = atomic_load(&totals->free_count_q16);
    out->alloc_bytes = atomic_load(&totals->alloc_bytes);
    out->alloc_count = atomic_load(&totals->alloc_count_q16);
    /* A child that was forked in the middle of a sample may know of its free alone. */
    if (out->alloc_bytes < out->free_bytes)
        out->alloc_bytes = out->free_bytes;
    if (out->alloc_count < out->free_count)
        out->alloc_count = out->free_count;
    /* Rounded so that nothing alive reads as no count. */
    out->alloc_count = (out->alloc_count + 0x8000) >> 16;
    out->free_count = (out->free_count + 0x8000) >> 16;
    out->site_id = id;
    out->live_samples = atomic_load(&totals->live_samples);
    out->oldest_age_ms = age_ms(now_ms, site_ages[id].oldest_birth_ms);
    out->newest_age_ms = age_ms(now_ms, site_ages[id].newest_birth_ms);
}

void site_rebase(void)
{
    for (uint32_t id = 0; id <= site_count(); id++) {
        struct totals *totals = &site_totals[id];

        atomic_fetch_sub(&totals->alloc_bytes, atomic_exchange(&totals->free_bytes, 0));
        atomic_fetch_sub(&totals->alloc_count_q16, atomic_exchange(&totals->free_count_q16, 0));
    }
}
