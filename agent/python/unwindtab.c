/* SPDX-License-Identifier: MIT */
#include "agent/python/unwindtab.h"

#include <dlfcn.h>
#include <link.h>
#include <string.h>

/* .eh_frame_hdr: version, three encodings, eh_frame pointer, entry count, entries. The encodings
 * that every linker for Linux writes. */
#define ENCODING_PCREL_SDATA4   0x1b
#define ENCODING_UDATA4         0x03
#define ENCODING_DATAREL_SDATA4 0x3b
#define HEADER_COUNT_AT         8
#define HEADER_ENTRIES_AT       12
#define ENTRY_BYTES             8

bool unwindtab_open(uintptr_t pc, struct unwindtab *out)
{
    struct dl_find_object object;
    const uint8_t *header;
    uint32_t count;

    if (_dl_find_object((void *)pc, &object) != 0 || !object.dlfo_eh_frame)
        return false;
    header = object.dlfo_eh_frame;
    if (header[0] != 1 || header[1] != ENCODING_PCREL_SDATA4 || header[2] != ENCODING_UDATA4 ||
        header[3] != ENCODING_DATAREL_SDATA4)
        return false;
    memcpy(&count, header + HEADER_COUNT_AT, sizeof(count));
    out->header = header;
    out->entries = header + HEADER_ENTRIES_AT;
    out->count = count;
    return count > 0;
}

static uintptr_t relative(const struct unwindtab *table, size_t index, size_t word)
{
    int32_t value;

    memcpy(&value, table->entries + index * ENTRY_BYTES + word * sizeof(value), sizeof(value));
    return (uintptr_t)table->header + (uintptr_t)(intptr_t)value;
}

/* A description entry: length, distance to its common part, start relative to itself, length of
 * the code. Where the start does not read back, the file uses another encoding. */
static bool read_range(uintptr_t entry, uintptr_t start, struct unwindtab_range *out)
{
    const uint8_t *at = (const uint8_t *)entry;
    int32_t distance;
    uint32_t length;

    memcpy(&distance, at + 8, sizeof(distance));
    memcpy(&length, at + 12, sizeof(length));
    if (entry + 8 + (uintptr_t)(intptr_t)distance != start || length == 0)
        return false;
    out->start = start;
    out->end = start + length;
    return true;
}

bool unwindtab_find(const struct unwindtab *table, uintptr_t pc, struct unwindtab_range *out)
{
    struct unwindtab_range range;
    size_t low = 0;
    size_t high = table->count;

    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;

        if (relative(table, middle, 0) <= pc)
            low = middle;
        else
            high = middle;
    }
    if (!read_range(relative(table, low, 1), relative(table, low, 0), &range))
        return false;
    if (pc < range.start || pc >= range.end)
        return false;
    *out = range;
    return true;
}
