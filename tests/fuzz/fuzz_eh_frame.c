/* SPDX-License-Identifier: MIT */
/*
 * The .eh_frame reader over this program's own tables with bytes changed. The tables are copied to
 * the heap, so that the sanitizer sees every read outside. The parser is compiled in here, because
 * the agent's rooms are built without sanitizers.
 *
 * Input: u16 which function | u8 how far into it | then 4 bytes a change: where (header, the
 * function's record, its CIE, anywhere), u16 offset there, new value.
 */
#include "agent/core/eh_frame.c"
#include "agent/core/eh_frame_cfa.c"
#include "agent/wire/wire.c"

#include <link.h>
#include <stdlib.h>

#define CHANGES_MAX 64
#define PAIRS_AT    12 /* in the header, with the encodings that linkers write */

static struct {
    uint8_t *bytes; /* the copy of the segment */
    size_t size;
} tables;

static int copy_tables(struct dl_phdr_info *info, size_t size, void *arg)
{
    uintptr_t hdr = 0;

    (void)size;
    (void)arg;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        if (info->dlpi_phdr[i].p_type == PT_GNU_EH_FRAME)
            hdr = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
    }
    for (int i = 0; i < info->dlpi_phnum; i++) {
        uintptr_t start = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
        uintptr_t end = start + info->dlpi_phdr[i].p_memsz;

        if (info->dlpi_phdr[i].p_type != PT_LOAD || hdr < start || hdr >= end)
            continue;
        tables.size = end - hdr; /* .eh_frame follows its header */
        tables.bytes = malloc(tables.size);
        if (!tables.bytes)
            abort();
        memcpy(tables.bytes, (const void *)hdr, tables.size);
    }
    return 1; /* the first object is the program */
}

struct change {
    size_t at;
    uint8_t old;
};

static uint32_t word_at(size_t at)
{
    uint32_t word = 0;

    if (at <= tables.size && tables.size - at >= sizeof(word))
        memcpy(&word, tables.bytes + at, sizeof(word));
    return word;
}

/* Offset of the changed byte, from the four bytes of a change. */
static size_t place_of(const uint8_t *bytes, size_t fde)
{
    size_t offset = (size_t)bytes[1] | (size_t)bytes[2] << 8;
    size_t cie = fde + 4 - word_at(fde + 4);

    switch (bytes[0] % 4) {
    case 0:
        return offset % 64;
    case 1:
        return (fde + offset % 64) % tables.size;
    case 2:
        return (cie + offset % 32) % tables.size;
    default:
        return (offset * 16 + bytes[0]) % tables.size;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct change changes[CHANGES_MAX];
    struct eh_frame_span span;
    struct unwind_rule rule;
    size_t count = 0, pair, fde;
    uintptr_t pc;

    if (!tables.bytes)
        dl_iterate_phdr(copy_tables, NULL);
    if (size < 3)
        return 0;
    pair = PAIRS_AT + 8 * (((size_t)data[0] | (size_t)data[1] << 8) % word_at(8));
    pc = (uintptr_t)tables.bytes + (uintptr_t)(int32_t)word_at(pair) + data[2];
    fde = word_at(pair + 4);
    for (data += 3, size -= 3; size >= 4 && count < CHANGES_MAX; data += 4, size -= 4) {
        changes[count].at = place_of(data, fde);
        changes[count].old = tables.bytes[changes[count].at];
        tables.bytes[changes[count].at] = data[3];
        count++;
    }
    span.start = span.hdr = (uintptr_t)tables.bytes;
    span.end = span.start + tables.size;
    if (!eh_frame_find_rule(&span, pc, &rule) && count == 0 && data[-1] == 0)
        abort(); /* every function's first byte has a rule */
    while (count-- > 0)
        tables.bytes[changes[count].at] = changes[count].old;
    return 0;
}
