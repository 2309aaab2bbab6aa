/* SPDX-License-Identifier: MIT */
#include "agent/core/live.h"

#include <stdatomic.h>

#include "agent/core/bits.h"
#include "agent/wire/record.h"

/*
 * Addresses stand in buckets of one cache line; each address has two buckets it may be in, and two
 * more behind them. There are no chains and no tombstones. The first places are few, so that what
 * a program with some hundred samples touches stays in the cache; a look-up reads four lines at most.
 */
#define BUCKET_SIZE   8
#define FRONT_BUCKETS 64
#define FRONT_PLACES  (FRONT_BUCKETS * BUCKET_SIZE)
#define BACK_BUCKETS  ((LIVE_SAMPLES_MAX - FRONT_PLACES) / BUCKET_SIZE)
#define KEY_FREE     0
#define KEY_BUSY     1 /* taken by a thread that has not finished writing; no block lies there */

#define FILTER_STUCK UINT8_MAX /* a counter that has once been full is never counted down */

struct entry {
    _Atomic uint64_t size_bytes;
    _Atomic uint64_t weight_bytes;
    _Atomic uint64_t birth_and_site; /* birth_ms << 16 | domain << 13 | site_id */
    _Atomic uint64_t tag;            /* generation << 32 | type_id */
};

#define SITE_BITS   13
#define DOMAIN_BITS 3

uint8_t live_filter[LIVE_FILTER_SIZE];

static _Atomic uintptr_t *live_keys;
static struct entry *live_entries;
static _Atomic uint32_t live_used;
static _Atomic bool is_overflowed; /* something has been put behind the first places, once */

/* Places that are taken, and those of samples whose type has not been looked at. */
static _Atomic uint64_t taken[BITS_WORDS(LIVE_SAMPLES_MAX)];
static _Atomic uint64_t untyped[WIRE_DOMAINS][BITS_WORDS(LIVE_SAMPLES_MAX)];

size_t live_memory_bytes(void)
{
    return LIVE_SAMPLES_MAX * (sizeof(uintptr_t) + sizeof(struct entry));
}

void live_init(void *memory)
{
    live_keys = memory;
    live_entries = (void *)((uint8_t *)memory + LIVE_SAMPLES_MAX * sizeof(uintptr_t));
    atomic_store(&live_used, 0);
    atomic_store(&is_overflowed, false);
    for (size_t i = 0; i < BITS_WORDS(LIVE_SAMPLES_MAX); i++) {
        atomic_store(&taken[i], 0);
        for (size_t domain = 0; domain < WIRE_DOMAINS; domain++)
            atomic_store(&untyped[domain][i], 0);
    }
    live_mark_range(0, 1); /* free(NULL) is asked for there */
}

static void filter_add(uintptr_t addr)
{
    uint8_t *cell = &live_filter[live_filter_place(addr)];
    uint8_t old = __atomic_load_n(cell, __ATOMIC_RELAXED);

    while (old != FILTER_STUCK && !__atomic_compare_exchange_n(cell, &old, (uint8_t)(old + 1), false,
                                                               __ATOMIC_RELEASE, __ATOMIC_RELAXED))
        continue;
}

static void filter_remove(uintptr_t addr)
{
    uint8_t *cell = &live_filter[live_filter_place(addr)];
    uint8_t old = __atomic_load_n(cell, __ATOMIC_RELAXED);

    while (old != FILTER_STUCK && old != 0 &&
           !__atomic_compare_exchange_n(cell, &old, (uint8_t)(old - 1), false, __ATOMIC_RELEASE,
                                        __ATOMIC_RELAXED))
        continue;
}

void live_mark_range(uintptr_t start, size_t len)
{
    const uintptr_t step = (uintptr_t)1 << LIVE_FILTER_SHIFT;

    for (uintptr_t addr = start & ~(step - 1); addr < start + len; addr += step)
        __atomic_store_n(&live_filter[live_filter_place(addr)], FILTER_STUCK, __ATOMIC_RELEASE);
}

/* The first places of the two buckets of an address. */
struct buckets {
    uint32_t first[2];
};

static uint64_t hash_of(uintptr_t addr)
{
    return ((uint64_t)addr >> 4) * UINT64_C(0xff51afd7ed558ccd);
}

static struct buckets front_buckets(uintptr_t addr)
{
    uint64_t hash = hash_of(addr) >> 20;

    return (struct buckets){{(uint32_t)(hash & (FRONT_BUCKETS - 1)) * BUCKET_SIZE,
                             (uint32_t)(hash >> 8 & (FRONT_BUCKETS - 1)) * BUCKET_SIZE}};
}

static struct buckets back_buckets(uintptr_t addr)
{
    uint64_t hash = hash_of(addr);

    return (struct buckets){{FRONT_PLACES + (uint32_t)(hash >> 48 & (BACK_BUCKETS - 1)) * BUCKET_SIZE,
                             FRONT_PLACES + (uint32_t)(hash >> 32 & (BACK_BUCKETS - 1)) * BUCKET_SIZE}};
}

static int64_t claim_in(uint32_t first)
{
    for (uint32_t i = first; i < first + BUCKET_SIZE; i++) {
        uintptr_t free_key = KEY_FREE;

        if (atomic_load_explicit(&live_keys[i], memory_order_relaxed) == KEY_FREE &&
            atomic_compare_exchange_strong(&live_keys[i], &free_key, KEY_BUSY))
            return i;
    }
    return -1;
}

static uint32_t used_in(uint32_t first)
{
    uint32_t used = 0;

    for (uint32_t i = first; i < first + BUCKET_SIZE; i++)
        used += atomic_load_explicit(&live_keys[i], memory_order_relaxed) != KEY_FREE;
    return used;
}

/* The emptier bucket of the two: that fills the table to four fifths and more before one overflows. */
static int64_t claim_among(struct buckets buckets)
{
    bool turn = used_in(buckets.first[1]) < used_in(buckets.first[0]);
    int64_t at = claim_in(buckets.first[turn]);

    return at >= 0 ? at : claim_in(buckets.first[!turn]);
}

static int64_t claim(uintptr_t addr)
{
    int64_t at = claim_among(front_buckets(addr));

    if (at >= 0)
        return at;
    if (!atomic_load_explicit(&is_overflowed, memory_order_relaxed))
        atomic_store(&is_overflowed, true);
    return claim_among(back_buckets(addr));
}

static void write_entry(struct entry *entry, const struct live_sample *sample)
{
    uint64_t tag = atomic_load_explicit(&entry->tag, memory_order_relaxed);

    /* A reader that sees one of these values also sees that the generation has changed. */
    atomic_thread_fence(memory_order_release);
    atomic_store_explicit(&entry->size_bytes, sample->size_bytes, memory_order_relaxed);
    atomic_store_explicit(&entry->weight_bytes, sample->weight_bytes, memory_order_relaxed);
    atomic_store_explicit(&entry->birth_and_site,
                          sample->birth_ms << (SITE_BITS + DOMAIN_BITS) |
                              (uint64_t)sample->domain << SITE_BITS | sample->site_id,
                          memory_order_relaxed);
    atomic_store_explicit(&entry->tag, ((tag >> 32) + 1) << 32 | sample->type_id,
                          memory_order_relaxed);
}

bool live_put(uintptr_t addr, const struct live_sample *sample)
{
    int64_t at = claim(addr);

    if (at < 0)
        return false;
    write_entry(&live_entries[at], sample);
    atomic_fetch_add_explicit(&live_used, 1, memory_order_relaxed);
    filter_add(addr);
    atomic_store_explicit(&live_keys[at], addr, memory_order_release);
    bits_add(taken, (uint32_t)at);
    if (sample->type_id == 0)
        bits_add(untyped[sample->domain], (uint32_t)at);
    return true;
}

static int64_t find_in(uint32_t first, uintptr_t addr)
{
    for (uint32_t i = first; i < first + BUCKET_SIZE; i++) {
        if (atomic_load_explicit(&live_keys[i], memory_order_acquire) == addr)
            return i;
    }
    return -1;
}

static int64_t find_among(struct buckets buckets, uintptr_t addr)
{
    int64_t at = find_in(buckets.first[0], addr);

    return at >= 0 ? at : find_in(buckets.first[1], addr);
}

static int64_t find(uintptr_t addr)
{
    int64_t at = find_among(front_buckets(addr), addr);

    if (at >= 0 || !atomic_load_explicit(&is_overflowed, memory_order_relaxed))
        return at;
    return find_among(back_buckets(addr), addr);
}

static void copy_entry(const struct entry *entry, uint64_t tag, struct live_sample *out)
{
    uint64_t birth_and_site = atomic_load_explicit(&entry->birth_and_site, memory_order_relaxed);

    out->size_bytes = atomic_load_explicit(&entry->size_bytes, memory_order_relaxed);
    out->weight_bytes = atomic_load_explicit(&entry->weight_bytes, memory_order_relaxed);
    out->birth_ms = birth_and_site >> (SITE_BITS + DOMAIN_BITS);
    out->domain = birth_and_site >> SITE_BITS & ((1u << DOMAIN_BITS) - 1);
    out->site_id = birth_and_site & ((1u << SITE_BITS) - 1);
    out->type_id = (uint32_t)tag;
}

bool live_take(uintptr_t addr, struct live_sample *out)
{
    int64_t at = addr > KEY_BUSY ? find(addr) : -1;
    struct entry *entry;
    uint64_t tag;

    if (at < 0)
        return false;
    entry = &live_entries[at];
    /* A new generation: who has read this sample can no longer give it a type. */
    tag = atomic_load_explicit(&entry->tag, memory_order_relaxed);
    while (!atomic_compare_exchange_weak(&entry->tag, &tag, ((tag >> 32) + 1) << 32))
        continue;
    copy_entry(entry, tag, out);
    bits_take(taken, (uint32_t)at);
    bits_take(untyped[out->domain], (uint32_t)at);
    atomic_store_explicit(&live_keys[at], KEY_FREE, memory_order_release);
    atomic_fetch_sub_explicit(&live_used, 1, memory_order_relaxed);
    filter_remove(addr);
    return true;
}

uint32_t live_count(void)
{
    return atomic_load_explicit(&live_used, memory_order_relaxed);
}

bool live_read(uint32_t index, uintptr_t *addr, struct live_sample *out)
{
    const struct entry *entry = &live_entries[index];
    uintptr_t key = atomic_load_explicit(&live_keys[index], memory_order_acquire);
    uint64_t tag;

    if (key <= KEY_BUSY)
        return false;
    tag = atomic_load_explicit(&entry->tag, memory_order_acquire);
    copy_entry(entry, tag, out);
    atomic_thread_fence(memory_order_acquire);
    /* The key first: where the same address has come back meanwhile, it shows the new generation, too. */
    if (atomic_load_explicit(&live_keys[index], memory_order_acquire) != key ||
        atomic_load_explicit(&entry->tag, memory_order_relaxed) >> 32 != tag >> 32)
        return false;
    *addr = key;
    return true;
}

uint32_t live_next(uint32_t from)
{
    return bits_next(taken, from, LIVE_SAMPLES_MAX);
}

uint32_t live_next_untyped(unsigned domain, uint32_t from)
{
    return bits_next(untyped[domain], from, LIVE_SAMPLES_MAX);
}

uint64_t live_birth_ms(uint32_t index, uint16_t *site_id)
{
    uint64_t birth_and_site =
        atomic_load_explicit(&live_entries[index].birth_and_site, memory_order_relaxed);

    *site_id = birth_and_site & ((1u << SITE_BITS) - 1);
    return birth_and_site >> (SITE_BITS + DOMAIN_BITS);
}

bool live_set_type(uint32_t index, uintptr_t addr, uint64_t birth_ms, uint32_t type_id)
{
    struct entry *entry = &live_entries[index];
    struct live_sample now;
    uint64_t tag = atomic_load_explicit(&entry->tag, memory_order_acquire);
    uintptr_t key;

    if ((uint32_t)tag != 0 || !live_read(index, &key, &now) || key != addr ||
        now.birth_ms != birth_ms)
        return false;
    bits_take(untyped[now.domain], index); /* before, so that a new sample's is not taken */
    if (atomic_compare_exchange_strong(&entry->tag, &tag, (tag & ~(uint64_t)UINT32_MAX) | type_id))
        return true;
    bits_add(untyped[now.domain], index);
    return false;
}
