/* SPDX-License-Identifier: MIT */
#include "agent/core/mapping.h"

#include <sys/auxv.h>

#include "agent/core/clock.h"
#include "agent/core/core.h"
#include "agent/core/counter.h"
#include "agent/core/hot.h"
#include "agent/core/pages.h"
#include "agent/core/sampler.h"
#include "agent/core/site.h"

typedef unsigned __int128 wide;

/* No program has addresses above: x86-64 with five levels of tables has 56 bits, arm64 52. */
#define USER_SPACE_END (UINT64_C(1) << 56)

_Static_assert(MAPPING_PAGE_BYTES == PAGES_BYTES, "a page is a page");

_Atomic bool mapping_open_;

static struct totals {
    uint64_t alloc_bytes;
    uint64_t alloc_count;
    uint64_t free_bytes;
    uint64_t free_count;
} totals;

static struct totals inherited; /* what had gone before the fork */

/* One sampler for all threads: mappings are rare. Bytes to the next sample, and for which period.
 */
static _Atomic int64_t sample_in;
static _Atomic uint64_t drawn_for;
static _Atomic uint64_t random_state;

size_t mapping_memory_bytes(void)
{
    return pages_memory_bytes();
}

void mapping_init(void *memory)
{
    pages_init(memory);
}

void mapping_open(void)
{
    if (getauxval(AT_PAGESZ) != PAGES_BYTES)
        return;
    atomic_store(&random_state, clock_fine_ns() ^ (uintptr_t)&random_state);
    atomic_store(&mapping_open_, true);
}

void mapping_close(void)
{
    atomic_store(&mapping_open_, false);
}

bool mapping_is_counted(uintptr_t addr)
{
    return pages_is_counted(addr);
}

uint64_t mapping_dropped(void)
{
    return pages_dropped();
}

static size_t whole_pages(size_t bytes)
{
    return (bytes + PAGES_BYTES - 1) & ~(size_t)(PAGES_BYTES - 1);
}

/* Whether the kernel could find the range right. */
static bool is_range(uintptr_t start, size_t bytes)
{
    return bytes != 0 && start % PAGES_BYTES == 0 && start < USER_SPACE_END &&
           bytes <= USER_SPACE_END - start;
}

/* ---- samples -------------------------------------------------------------------------------- */

/* Takes the sample of a piece out of the table, by who has taken its mark. */
static bool take_sample(uintptr_t first, struct live_sample *out)
{
    if (!core_take(first, out))
        return false;
    if (out->domain == WIRE_DOMAIN_MMAP)
        return true;
    if (!live_put(first, out)) /* a block's, since the mapping went away behind our back */
        core_account_free(out);
    return false;
}

static void forget_sample(uintptr_t first, void *unused)
{
    struct live_sample sample;

    (void)unused;
    if (take_sample(first, &sample))
        core_account_free(&sample);
}

/* What a part of a sampled piece weighs. */
static struct live_sample part_of(const struct live_sample *whole, size_t bytes)
{
    struct live_sample part = *whole;

    part.size_bytes = bytes;
    part.weight_bytes = (uint64_t)((wide)whole->weight_bytes * bytes / whole->size_bytes);
    return part;
}

/* Puts a sample under the first page of its piece; false when there is no room or the piece is
 * gone. */
static bool settle(uintptr_t first, const struct live_sample *sample)
{
    struct live_sample again;

    if (!live_put(first, sample))
        return false;
    if (pages_set_sampled(first))
        return true;
    return !take_sample(first, &again);
}

/* The sample goes on with `bytes` of its piece, which begin at first. */
static void shrink(const struct live_sample *sample, uintptr_t first, size_t bytes)
{
    struct live_sample part = part_of(sample, bytes);

    if (settle(first, &part))
        site_shrink(sample->site_id, sample->weight_bytes - part.weight_bytes);
    else
        core_account_free(sample);
}

/* Bytes of a sampled piece behind a place. */
static size_t bytes_behind(uintptr_t first, const struct live_sample *sample, uintptr_t end)
{
    uintptr_t last = first + sample->size_bytes;

    return last > end ? last - end : 0;
}

static uint64_t draw(uint64_t period_bytes)
{
    uint64_t state = atomic_fetch_add(&random_state, UINT64_C(0x9e3779b97f4a7c15));

    return sampler_interval(period_bytes, &state);
}

/* Whether a mapping holds the place that was drawn; then the next one is drawn behind it. */
static bool takes_hit(size_t bytes, uint64_t period_bytes)
{
    int64_t left, next;

    if (atomic_load_explicit(&drawn_for, memory_order_relaxed) != period_bytes &&
        atomic_exchange(&drawn_for, period_bytes) != period_bytes)
        atomic_store(&sample_in, (int64_t)draw(period_bytes));
    left = atomic_load(&sample_in);
    do {
        next = left - (int64_t)bytes;
        if (next <= 0)
            next = (int64_t)draw(period_bytes);
    } while (!atomic_compare_exchange_weak(&sample_in, &left, next));
    return left <= (int64_t)bytes;
}

static void sample_mapping(uintptr_t start, size_t bytes)
{
    uint64_t period_bytes = core_sample_period_bytes();

    if (period_bytes == 0 || !core_enter())
        return;
    if (takes_hit(bytes, period_bytes) &&
        core_sample(WIRE_DOMAIN_MMAP, (void *)start, bytes, sampler_weight(bytes, period_bytes)) &&
        !pages_set_sampled(start))
        forget_sample(start, NULL);
    core_leave();
}

/* ---- the books ------------------------------------------------------------------------------ */

static void note_come(uint64_t pages, uint64_t pieces)
{
    counter_add_shared(&totals.alloc_bytes, pages * PAGES_BYTES);
    counter_add_shared(&totals.alloc_count, pieces);
}

static void note_gone(uint64_t pages, uint64_t pieces)
{
    if (pages == 0 && pieces == 0)
        return;
    counter_add_shared(&totals.free_bytes, pages * PAGES_BYTES);
    counter_add_shared(&totals.free_count, pieces);
}

void mapping_add(uintptr_t start, size_t bytes)
{
    struct pages_sum sum;

    if (!is_range(start, bytes))
        return;
    bytes = whole_pages(bytes);
    sum = pages_change(PAGES_PUT, start, bytes, forget_sample, NULL);
    note_come(sum.come_pages, sum.come_pieces);
    note_gone(sum.gone_pages, sum.gone_pieces);
    sample_mapping(start, bytes);
}

void mapping_replace(uintptr_t start, size_t bytes)
{
    struct pages_sum sum;

    if (!is_range(start, bytes))
        return;
    sum = pages_change(PAGES_CLEAR, start, whole_pages(bytes), forget_sample, NULL);
    note_gone(sum.gone_pages, sum.gone_pieces);
}

/*
 * Keeps the first three and the very last, which may reach beyond the range and goes on there then.
 * Of a range with more samples than that the others count as freed at once, also if nothing goes
 * in the end: the sites have too little then, the totals stay exact.
 */
static void keep_sample(uintptr_t first, void *arg)
{
    struct mapping_leaving *leaving = arg;
    unsigned at = leaving->kept;

    if (at == MAPPING_KEPT_MAX) {
        core_account_free(&leaving->samples[--at]);
        leaving->kept--;
    }
    if (!take_sample(first, &leaving->samples[at]))
        return;
    leaving->addrs[at] = first;
    leaving->kept++;
}

/* What is left behind the range is a piece of its own from now on: once the range is unmapped it
 * may be a part of somebody's, and nobody could tell any more what is behind it. */
void mapping_leave(struct mapping_leaving *leaving, uintptr_t start, size_t bytes)
{
    struct pages_sum sum;

    leaving->pages = 0;
    leaving->kept = 0;
    if (!is_range(start, bytes))
        return;
    leaving->start = start;
    leaving->bytes = whole_pages(bytes);
    sum = pages_change(PAGES_LEAVE, start, leaving->bytes, keep_sample, leaving);
    leaving->pages = sum.come_pages;
    leaving->has_front = sum.goes_on;
    leaving->has_rest = sum.come_pages > 0 && pages_begin_piece(start + leaving->bytes);
    note_gone(sum.gone_pages, sum.gone_pieces);
}

/*
 * Whose marks they are the pages do not tell. A range that fails although it reaches into one that
 * another thread is just unmapping, which no program does that knows what is its own, takes those
 * away, too: what that thread unmaps stays in the books until its place is taken.
 */
void mapping_stay(const struct mapping_leaving *leaving)
{
    if (leaving->pages == 0)
        return;
    pages_change(PAGES_STAY, leaving->start, leaving->bytes, forget_sample, NULL);
    if (leaving->has_rest && !pages_join_piece(leaving->start + leaving->bytes))
        note_come(0, 1); /* gone meanwhile, as a piece */
    for (unsigned i = 0; i < leaving->kept; i++) {
        if (!settle(leaving->addrs[i], &leaving->samples[i]))
            core_account_free(&leaving->samples[i]);
    }
}

/* The piece in front of the range has lost its end or its middle, and its sample as much. */
static void shrink_front(const struct mapping_leaving *leaving)
{
    uintptr_t first = pages_first_of(leaving->start - PAGES_BYTES);
    uintptr_t end = leaving->start + leaving->bytes;
    struct live_sample sample, rest;

    if (first == 0 || !pages_take_sampled(first) || !take_sample(first, &sample))
        return;
    if (leaving->has_rest && bytes_behind(first, &sample, end) > 0) {
        rest = part_of(&sample, bytes_behind(first, &sample, end));
        if (settle(end, &rest))
            site_add(&rest);
    }
    if (sample.size_bytes > leaving->start - first)
        shrink(&sample, first, leaving->start - first);
    else if (!settle(first, &sample))
        core_account_free(&sample);
}

void mapping_gone(const struct mapping_leaving *leaving)
{
    uintptr_t end = leaving->start + leaving->bytes;
    struct pages_sum sum;

    if (leaving->pages == 0)
        return;
    sum = pages_change(PAGES_GO, leaving->start, leaving->bytes, forget_sample, NULL);
    if (leaving->has_rest && sum.gone_pieces > 0)
        sum.gone_pieces--; /* its beginning is gone, it is not */
    else if (leaving->has_rest)
        note_come(0, 1); /* a hole makes two of one */
    note_gone(sum.gone_pages, sum.gone_pieces);
    for (unsigned i = 0; i < leaving->kept; i++) {
        const struct live_sample *sample = &leaving->samples[i];
        size_t rest = bytes_behind(leaving->addrs[i], sample, end);

        if (leaving->has_rest && rest > 0)
            shrink(sample, end, rest);
        else
            core_account_free(sample);
    }
    if (leaving->has_front)
        shrink_front(leaving);
}

/* ---- reports -------------------------------------------------------------------------------- */

static uint64_t difference(uint64_t all, uint64_t part)
{
    return all > part ? all - part : 0;
}

void mapping_forked(void)
{
    inherited.free_bytes = counter_read(&totals.free_bytes);
    inherited.free_count = counter_read(&totals.free_count);
    atomic_store(&drawn_for, 0);
    atomic_fetch_add(&random_state, clock_fine_ns());
}

/* Since the fork. A child that was forked amid a mapping's entry may know of its end alone. */
static uint64_t come_since(uint64_t come, uint64_t gone, uint64_t inherited_gone)
{
    return (come > gone ? come : gone) - inherited_gone;
}

void mapping_read_totals(struct wire_domain_totals *out)
{
    /* All that has gone before all that has come: what goes on meanwhile never makes the gone win.
     */
    uint64_t free_bytes = counter_read(&totals.free_bytes);
    uint64_t free_count = counter_read(&totals.free_count);
    uint64_t alloc_bytes = counter_read(&totals.alloc_bytes);
    uint64_t alloc_count = counter_read(&totals.alloc_count);

    *out = (struct wire_domain_totals){
        .domain = WIRE_DOMAIN_MMAP,
        .method = mapping_is_open() ? WIRE_METHOD_EXACT : WIRE_METHOD_NONE,
        .live_bytes = difference(alloc_bytes, free_bytes),
        .live_count = difference(alloc_count, free_count),
        .alloc_bytes = come_since(alloc_bytes, free_bytes, inherited.free_bytes),
        .free_bytes = free_bytes - inherited.free_bytes,
        .alloc_count = come_since(alloc_count, free_count, inherited.free_count),
        .free_count = free_count - inherited.free_count,
        .mapped_bytes = difference(alloc_bytes, free_bytes),
    };
}
