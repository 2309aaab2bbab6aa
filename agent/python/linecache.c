/* SPDX-License-Identifier: MIT */
#include "agent/python/linecache.h"

#include <stdatomic.h>
#include <string.h>

#include "agent/python/line.h"

/* A place is one word, so that two threads may meet there: the upper bits of the hash, made odd to
 * differ from an empty place, and a line. */
#define PLACES    2048
#define LINE_BITS 24
#define LINE_MAX  ((1u << LINE_BITS) - 1)

static _Atomic uint64_t places[PLACES];

static uint64_t mix(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ hash >> 32;
}

static uint64_t word_at(const uint8_t *table, size_t offset)
{
    uint64_t word;

    memcpy(&word, table + offset, sizeof(word));
    return word;
}

/* A short table is known by all it says. A long one by where it lies, and by words that stand evenly from
 * its first to its last: to read all of it would cost more than to walk to the instruction. */
#define WORDS_READ  16
#define SHORT_BYTES (WORDS_READ * sizeof(uint64_t))

static uint64_t hash_of(const uint8_t *table, size_t len, int first_line, int64_t at)
{
    uint64_t hash = mix(mix(len, (uint64_t)at), (uint64_t)first_line);
    uint8_t all[SHORT_BYTES] = {0};
    size_t stride = sizeof(uint64_t);

    if (len <= SHORT_BYTES) {
        memcpy(all, table, len);
        table = all;
    } else {
        hash = mix(hash, (uintptr_t)table);
        stride = (len - sizeof(uint64_t)) / (WORDS_READ - 1);
        hash = mix(hash, word_at(table, len - sizeof(uint64_t)));
    }
    for (size_t i = 0; i < WORDS_READ; i++)
        hash = mix(hash, word_at(table, i * stride));
    return hash;
}

static uint32_t look_up(enum layout_lines format, const uint8_t *table, size_t len, int first_line,
                        int64_t at)
{
    switch (format) {
    case LAYOUT_LINES_LNOTAB:
        return line_by_lnotab(table, len, first_line, at);
    case LAYOUT_LINES_LINETABLE:
        return line_by_linetable(table, len, first_line, at);
    default:
        return line_by_locations(table, len, first_line, at);
    }
}

uint32_t linecache_find(enum layout_lines format, const uint8_t *table, size_t len, int first_line,
                        int64_t at, size_t *budget)
{
    uint64_t hash = hash_of(table, len, first_line, at);
    uint64_t tag = hash >> LINE_BITS | 1;
    _Atomic uint64_t *place = &places[hash % PLACES];
    uint64_t found = atomic_load_explicit(place, memory_order_relaxed);
    size_t walked = len < LINECACHE_BUDGET_BYTES ? len : LINECACHE_BUDGET_BYTES;
    uint32_t line;

    if (found >> LINE_BITS == tag)
        return found & LINE_MAX;
    if (walked > *budget)
        return 0;
    *budget -= walked;
    if (walked < len && format == LAYOUT_LINES_LNOTAB)
        line = 0; /* one that ends early does not say so */
    else
        line = look_up(format, table, walked, first_line, at);
    if (line <= LINE_MAX)
        atomic_store_explicit(place, tag << LINE_BITS | line, memory_order_relaxed);
    return line;
}
