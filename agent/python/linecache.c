/* SPDX-License-Identifier: MIT */
#include "agent/python/linecache.h"

#include <stdatomic.h>
#include <string.h>

#include "agent/python/line.h"

/* A place is one word, so that two threads may meet there: the upper bits of the hash, made odd to
 * differ from an empty place, and a line. */
#define PLACES    512
#define LINE_BITS 24
#define LINE_MAX  ((1u << LINE_BITS) - 1)

static _Atomic uint64_t places[PLACES];

static uint64_t mix(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ hash >> 32;
}

static uint64_t hash_of(const uint8_t *table, size_t len, int first_line, int64_t at)
{
    uint64_t hash = mix(mix(len, (uint64_t)at), (uint64_t)first_line);
    uint64_t word = 0;

    for (; len >= sizeof(word); len -= sizeof(word), table += sizeof(word)) {
        memcpy(&word, table, sizeof(word));
        hash = mix(hash, word);
    }
    word = 0;
    memcpy(&word, table, len);
    return mix(hash, word);
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
                        int64_t at)
{
    uint64_t hash = hash_of(table, len, first_line, at);
    uint64_t tag = hash >> LINE_BITS | 1;
    _Atomic uint64_t *place = &places[hash % PLACES];
    uint64_t found = atomic_load_explicit(place, memory_order_relaxed);
    uint32_t line;

    if (found >> LINE_BITS == tag)
        return found & LINE_MAX;
    line = look_up(format, table, len, first_line, at);
    if (line <= LINE_MAX)
        atomic_store_explicit(place, tag << LINE_BITS | line, memory_order_relaxed);
    return line;
}
