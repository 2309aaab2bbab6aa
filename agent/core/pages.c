/* SPDX-License-Identifier: MIT */
#include "agent/core/pages.h"

#include <stdatomic.h>

#include "agent/core/attr.h"

/* Of a page, and of each of the sixteen pages of a word. */
#define COUNTED UINT64_C(1)
#define FIRST   UINT64_C(2)
#define SAMPLED UINT64_C(4)
#define LEAVING UINT64_C(8)
#define CODE    UINT64_C(15)
#define EVERY   UINT64_C(0x1111111111111111)

#define CODE_BITS    4
#define WORD_PAGES   16
#define REGION_PAGES 2048u
#define REGION_WORDS (REGION_PAGES / WORD_PAGES)
#define REGION_BYTES ((uint64_t)REGION_PAGES * PAGES_BYTES)

#define REGIONS_MAX 16384u /* 128 GiB that are or have been in the books */
#define PROBES_MAX  64u
#define LEAVES_MAX  2048u /* 16 GiB of small pieces */
#define LOOK_BACK   4096u /* regions: 32 GiB */

/*
 * A region's word: its number plus one, so that it is never 0, what it says, and how: the number of
 * a leaf, or the code of its first page when all others are like it, but for what belongs to a
 * first page.
 */
#define IS_LEAF      UINT64_C(1)
#define SAYS_SHIFT   1
#define SAYS_MASK    UINT64_C(0xfff)
#define KEY_SHIFT    16
#define KEY_OF(word) ((word) >> KEY_SHIFT << KEY_SHIFT)

struct leaf {
    _Atomic uint64_t words[REGION_WORDS];
};

static _Atomic uint64_t *regions;
static struct leaf *leaves;
static _Atomic uint32_t leaves_used;
static _Atomic uint32_t spare_leaf; /* number plus one of a leaf that was taken and not needed */
static _Atomic uint64_t dropped;

size_t pages_memory_bytes(void)
{
    return REGIONS_MAX * sizeof(uint64_t) + LEAVES_MAX * sizeof(struct leaf);
}

void pages_init(void *memory)
{
    regions = memory;
    leaves = (void *)((uint8_t *)memory + REGIONS_MAX * sizeof(uint64_t));
    atomic_store(&leaves_used, 0);
    atomic_store(&spare_leaf, 0);
    atomic_store(&dropped, 0);
}

uint64_t pages_dropped(void)
{
    return atomic_load(&dropped);
}

/* ---- regions -------------------------------------------------------------------------------- */

/* Where the region's word is; NULL when there is none, or no room for one. Words stay where they
 * are. */
static _Atomic uint64_t *find_region(uint64_t number, bool insert)
{
    const uint64_t key = (number + 1) << KEY_SHIFT;

    for (uint64_t probe = 0; probe < PROBES_MAX; probe++) {
        _Atomic uint64_t *place = &regions[(number + probe) % REGIONS_MAX];
        uint64_t found = atomic_load_explicit(place, memory_order_acquire);

        if (found == 0 && (!insert || atomic_compare_exchange_strong(place, &found, key)))
            return insert ? place : NULL;
        if (KEY_OF(found) == key)
            return place;
    }
    return NULL;
}

static uint64_t number_of(uint64_t region_word)
{
    return (region_word >> KEY_SHIFT) - 1;
}

static uint64_t says(uint64_t region_word)
{
    return region_word >> SAYS_SHIFT & SAYS_MASK;
}

static struct leaf *leaf_of(uint64_t region_word)
{
    return &leaves[says(region_word)];
}

/* The word of sixteen pages of a region without a leaf: the first one, or any other. */
static uint64_t uniform_word(uint64_t region_word, bool is_first)
{
    uint64_t code = says(region_word);
    uint64_t others = (code & (COUNTED | LEAVING)) * EVERY;

    return is_first ? (others & ~CODE) | code : others;
}

static bool take_leaf(uint32_t *out)
{
    uint32_t spare = atomic_exchange(&spare_leaf, 0);
    uint32_t used = atomic_load(&leaves_used);

    if (spare != 0) {
        *out = spare - 1;
        return true;
    }
    do {
        if (used == LEAVES_MAX)
            return false;
    } while (!atomic_compare_exchange_weak(&leaves_used, &used, used + 1));
    *out = used;
    return true;
}

/* Gives a region its leaf, for good; *word is what it says then. False when none is left. */
static ATTR_NOINLINE bool grow_leaf(_Atomic uint64_t *region, uint64_t *word)
{
    uint32_t leaf;

    if (!take_leaf(&leaf))
        return (*word = atomic_load(region)) & IS_LEAF;
    do {
        uint64_t grown = KEY_OF(*word) | (uint64_t)leaf << SAYS_SHIFT | IS_LEAF;

        for (unsigned i = 0; i < REGION_WORDS; i++)
            atomic_store_explicit(&leaves[leaf].words[i], uniform_word(*word, i == 0),
                                  memory_order_relaxed);
        if (atomic_compare_exchange_strong(region, word, grown)) {
            *word = grown;
            return true;
        }
    } while (!(*word & IS_LEAF));
    atomic_store(&spare_leaf, leaf + 1); /* another thread was quicker */
    return true;
}

/* ---- changes -------------------------------------------------------------------------------- */

struct work {
    enum pages_change change;
    uint64_t first_page; /* of the range */
    pages_on_sample on_sample;
    void *arg;
    struct pages_sum sum;
};

/* first: the FIRST bit of the page where a piece begins, if it is in this word. */
static uint64_t changed(enum pages_change change, uint64_t old, uint64_t mask, uint64_t first)
{
    uint64_t going;

    switch (change) {
    case PAGES_PUT:
        return (old & ~mask) | (mask & COUNTED * EVERY) | first;
    case PAGES_CLEAR:
        return old & ~mask;
    case PAGES_LEAVE:
        going = old & mask & COUNTED * EVERY;
        return (old | going * LEAVING) & ~(going * SAMPLED);
    case PAGES_STAY:
        return old & ~(mask & LEAVING * EVERY);
    case PAGES_GO:
        going = (old & mask & LEAVING * EVERY) / LEAVING;
        return old & ~(going * CODE);
    }
    return old;
}

/* In how many pages of a word the bit is set. Without a call: there is no instruction for it
 * everywhere. */
static uint64_t count(uint64_t word, uint64_t bit)
{
    const uint64_t of_bytes = UINT64_C(0x0101010101010101);
    uint64_t set = (word / bit) & EVERY;

    return (((set & of_bytes) + (set >> CODE_BITS & of_bytes)) * of_bytes) >> 56;
}

static ATTR_NOINLINE void add_up_gone(struct work *work, uint64_t gone, uint64_t page,
                                      uint64_t times)
{
    uint64_t samples = gone & SAMPLED * EVERY;

    work->sum.gone_pages += count(gone, COUNTED) * times;
    work->sum.gone_pieces += count(gone, FIRST) * times;
    for (; samples != 0; samples &= samples - 1)
        work->on_sample((page + (unsigned)__builtin_ctzll(samples) / CODE_BITS) * PAGES_BYTES,
                        work->arg);
}

/* Notes what the first page of the range is, if it is in this word. */
static void note_front(struct work *work, uint64_t old, uint64_t page)
{
    uint64_t at = work->first_page - page;

    if (at < WORD_PAGES && (old >> CODE_BITS * at & (COUNTED | FIRST)) == COUNTED)
        work->sum.goes_on = true;
}

/* Sums up `times` words that have been changed alike; their pages begin at `page`. */
static void add_up(struct work *work, uint64_t old, uint64_t new, uint64_t mask, uint64_t page,
                   uint64_t times)
{
    uint64_t gone = work->change == PAGES_PUT ? old & mask : old & ~new;

    if (gone != 0)
        add_up_gone(work, gone, page, times);
    if (work->change == PAGES_PUT) {
        work->sum.come_pages += count(mask & new, COUNTED) * times;
        work->sum.come_pieces += count(mask & new, FIRST) * times;
    } else if (work->change == PAGES_LEAVE) {
        work->sum.come_pages += count(mask & new, LEAVING) * times;
        note_front(work, old, page);
    }
}

/* The FIRST bit of the page where the piece begins, in the word of the sixteen from `page` on. */
static uint64_t first_bit(const struct work *work, uint64_t page)
{
    if (work->change != PAGES_PUT || work->first_page - page >= WORD_PAGES)
        return 0;
    return FIRST << CODE_BITS * (work->first_page - page);
}

static void change_word(struct work *work, _Atomic uint64_t *word, uint64_t page, uint64_t mask)
{
    uint64_t first = first_bit(work, page);
    uint64_t old = atomic_load_explicit(word, memory_order_relaxed);
    uint64_t new;

    do
        new = changed(work->change, old, mask, first);
    while (new != old && !atomic_compare_exchange_weak(word, &old, new));
    add_up(work, old, new, mask, page, 1);
}

/* The codes of the pages [from, to) of a word. */
static uint64_t mask_of(unsigned from, unsigned to)
{
    uint64_t mask = UINT64_MAX << CODE_BITS * from;

    return to < WORD_PAGES ? mask & ~(UINT64_MAX << CODE_BITS * to) : mask;
}

/*
 * Whole words behind the first one of a range, for as long as they are alike, which nearly all are.
 * No other thread has pages in them, but for one that takes away what was its own and has been
 * given to us meanwhile: leaving. So a word where nothing is leaving is ours to store. Returns
 * where it stopped.
 */
static unsigned change_alike(struct work *work, struct leaf *leaf, unsigned at, unsigned end)
{
    static const struct {
        uint64_t old;
        uint64_t new;
    } alike[] = {
        [PAGES_PUT] = {0, EVERY},
        [PAGES_CLEAR] = {EVERY, 0},
        [PAGES_LEAVE] = {EVERY, EVERY * (COUNTED | LEAVING)},
        [PAGES_STAY] = {EVERY * (COUNTED | LEAVING), EVERY},
        [PAGES_GO] = {EVERY * (COUNTED | LEAVING), 0},
    };
    const uint64_t old = alike[work->change].old, new = alike[work->change].new;
    const bool is_leaving = old > EVERY;
    const unsigned first = at;

    for (; at < end; at++) {
        uint64_t found = atomic_load_explicit(&leaf->words[at], memory_order_relaxed);

        if (found != old ||
            (is_leaving && !atomic_compare_exchange_strong(&leaf->words[at], &found, new)))
            break;
        if (!is_leaving)
            atomic_store_explicit(&leaf->words[at], new, memory_order_release);
    }
    if (new == 0)
        work->sum.gone_pages += (at - first) * WORD_PAGES;
    else if (work->change != PAGES_STAY)
        work->sum.come_pages += (at - first) * WORD_PAGES;
    return at;
}

static void change_leaf(struct work *work, struct leaf *leaf, uint64_t base, unsigned from,
                        unsigned to)
{
    unsigned at = from / WORD_PAGES;
    unsigned page = from;

    while (page < to) {
        unsigned end = (at + 1) * WORD_PAGES < to ? (at + 1) * WORD_PAGES : to;

        change_word(work, &leaf->words[at], base + at * WORD_PAGES,
                    mask_of(page - at * WORD_PAGES, end - at * WORD_PAGES));
        at = change_alike(work, leaf, at + 1, to / WORD_PAGES);
        page = at * WORD_PAGES;
    }
}

/* A whole region without a leaf: what all its words become is uniform again. False: it has changed.
 */
static bool change_uniform(struct work *work, _Atomic uint64_t *region, uint64_t *word,
                           uint64_t base)
{
    const uint64_t all = UINT64_MAX;
    uint64_t old = uniform_word(*word, true);
    uint64_t others = uniform_word(*word, false);
    uint64_t new = changed(work->change, old, all, first_bit(work, base));
    uint64_t new_others = changed(work->change, others, all, 0);

    if (!atomic_compare_exchange_strong(region, word, KEY_OF(*word) | (new &CODE) << SAYS_SHIFT))
        return false;
    add_up(work, old, new, all, base, 1);
    add_up(work, others, new_others, all, base + WORD_PAGES, REGION_WORDS - 1);
    return true;
}

/* No leaf is left for a region that is all counted and no longer uniform: it goes as a whole. */
static ATTR_COLD bool lose_uniform(struct work *work, _Atomic uint64_t *region, uint64_t *word,
                                   uint64_t base)
{
    struct work losing = *work;
    bool lost;

    atomic_fetch_add(&dropped, 1);
    if (work->change == PAGES_PUT)
        return true;
    losing.change = PAGES_CLEAR;
    lost = change_uniform(&losing, region, word, base);
    if (lost)
        work->sum = losing.sum;
    return lost;
}

/* The pages [from, to) of a region whose word is known. */
static void change_region(struct work *work, _Atomic uint64_t *region, unsigned from, unsigned to)
{
    uint64_t word = atomic_load_explicit(region, memory_order_acquire);
    const uint64_t base = number_of(word) * REGION_PAGES;

    while (!(word & IS_LEAF)) {
        if (says(word) == 0 && work->change != PAGES_PUT)
            return;
        if (to - from == REGION_PAGES) {
            if (change_uniform(work, region, &word, base))
                return;
        } else if (!grow_leaf(region, &word)) {
            if (lose_uniform(work, region, &word, base))
                return;
        }
    }
    change_leaf(work, leaf_of(word), base, from, to);
}

/* What of [page, end) lies in the region. */
static void change_part(struct work *work, _Atomic uint64_t *region, uint64_t number, uint64_t page,
                        uint64_t end)
{
    const uint64_t base = number * REGION_PAGES;
    uint64_t from = page > base ? page - base : 0;
    uint64_t to = end < base + REGION_PAGES ? end - base : REGION_PAGES;

    change_region(work, region, (unsigned)from, (unsigned)to);
}

/* More regions than there are words for: only those that have one are visited. */
static ATTR_COLD void change_known(struct work *work, uint64_t page, uint64_t end)
{
    for (unsigned i = 0; i < REGIONS_MAX; i++) {
        uint64_t word = atomic_load_explicit(&regions[i], memory_order_acquire);

        if (word != 0 && number_of(word) >= page / REGION_PAGES &&
            number_of(word) <= (end - 1) / REGION_PAGES)
            change_part(work, &regions[i], number_of(word), page, end);
    }
}

static void change_each(struct work *work, uint64_t page, uint64_t end)
{
    const bool insert = work->change == PAGES_PUT;

    for (uint64_t number = page / REGION_PAGES; number <= (end - 1) / REGION_PAGES; number++) {
        _Atomic uint64_t *region = find_region(number, insert);

        if (region) {
            change_part(work, region, number, page, end);
        } else if (insert) {
            atomic_fetch_add(&dropped, 1);
            return;
        }
    }
}

struct pages_sum pages_change(enum pages_change change, uintptr_t start, size_t bytes,
                              pages_on_sample on_sample, void *arg)
{
    const uint64_t page = start / PAGES_BYTES;
    const uint64_t end = page + bytes / PAGES_BYTES;
    struct work work = {change, page, on_sample, arg, {0}};

    if (end == page)
        return work.sum;
    if (change != PAGES_PUT && bytes / REGION_BYTES >= REGIONS_MAX)
        change_known(&work, page, end);
    else
        change_each(&work, page, end);
    return work.sum;
}

/* ---- one page ------------------------------------------------------------------------------- */

/* The codes of the sixteen pages around page `at` of a region. */
static uint64_t codes_in(uint64_t region_word, unsigned at)
{
    if (region_word & IS_LEAF)
        return atomic_load(&leaf_of(region_word)->words[at / WORD_PAGES]);
    return uniform_word(region_word, at < WORD_PAGES);
}

bool pages_is_counted(uintptr_t addr)
{
    const uint64_t page = addr / PAGES_BYTES;
    _Atomic uint64_t *region = find_region(page / REGION_PAGES, false);
    uint64_t word = region ? atomic_load_explicit(region, memory_order_acquire) : 0;

    return codes_in(word, page % REGION_PAGES) >> CODE_BITS * (page % WORD_PAGES) & COUNTED;
}

/* Flips a bit of the page's code; false when all of `has` is not set there, or one of `lacks` is.
 */
static bool flip(uintptr_t addr, uint64_t has, uint64_t lacks, uint64_t bit)
{
    const uint64_t page = addr / PAGES_BYTES;
    const unsigned at = page % REGION_PAGES, shift = CODE_BITS * (at % WORD_PAGES);
    _Atomic uint64_t *region = find_region(page / REGION_PAGES, false);
    uint64_t word = region ? atomic_load_explicit(region, memory_order_acquire) : 0;
    uint64_t old = codes_in(word, at);

    while ((old >> shift & (has | lacks)) == has) {
        if (!(word & IS_LEAF) && !grow_leaf(region, &word))
            return false;
        if (atomic_compare_exchange_weak(&leaf_of(word)->words[at / WORD_PAGES], &old,
                                         old ^ bit << shift))
            return true;
    }
    return false;
}

bool pages_begin_piece(uintptr_t addr)
{
    return flip(addr, COUNTED, FIRST, FIRST);
}

bool pages_join_piece(uintptr_t addr)
{
    return flip(addr, COUNTED | FIRST, SAMPLED, FIRST);
}

bool pages_set_sampled(uintptr_t first)
{
    return flip(first, COUNTED | FIRST, SAMPLED, SAMPLED);
}

bool pages_take_sampled(uintptr_t first)
{
    return flip(first, SAMPLED, 0, SAMPLED);
}

/* ---- the beginning of a piece --------------------------------------------------------------- */

/* The highest of the pages [0, at] of these sixteen that is a first one, or none that is counted
 * before that; WORD_PAGES when all of them go on from the word before. */
static unsigned beginning_in(uint64_t word, unsigned at, bool *is_gap)
{
    const uint64_t mask = mask_of(0, at + 1);
    uint64_t gaps = ~word & mask & COUNTED * EVERY;
    uint64_t firsts = (word & mask & FIRST * EVERY) / FIRST;

    if ((gaps | firsts) == 0)
        return WORD_PAGES;
    *is_gap = gaps > firsts;
    return (63 - (unsigned)__builtin_clzll(gaps | firsts)) / CODE_BITS;
}

uintptr_t pages_first_of(uintptr_t addr)
{
    uint64_t page = addr / PAGES_BYTES;
    const uint64_t stop = page > LOOK_BACK * REGION_PAGES ? page - LOOK_BACK * REGION_PAGES : 0;
    bool is_gap = false;

    while (page > stop) {
        _Atomic uint64_t *region = find_region(page / REGION_PAGES, false);
        uint64_t word = region ? atomic_load_explicit(region, memory_order_acquire) : 0;
        unsigned at = page % REGION_PAGES;
        unsigned begins;

        if (!(word & IS_LEAF) && (at >= WORD_PAGES) && (says(word) & COUNTED)) {
            page -= at / WORD_PAGES * WORD_PAGES;
            continue;
        }
        begins = beginning_in(codes_in(word, at), at % WORD_PAGES, &is_gap);
        page -= at % WORD_PAGES;
        if (begins < WORD_PAGES)
            return is_gap ? 0 : (page + begins) * PAGES_BYTES;
        page--;
    }
    return 0;
}
