/* SPDX-License-Identifier: MIT */
#include "agent/java/vmstructs.h"

#include <string.h>

#include "agent/core/image.h"
#include "agent/core/image_symbol.h"

#define ENTRIES_MAX       65536 /* releases have 2000 to 4000 */
#define STRIDE_MAX        256
#define WORD_BYTES        sizeof(uintptr_t)

struct table {
    const struct image *image;
    uintptr_t at;
    uintptr_t end; /* of the segment that it lies in */
    uint64_t stride;
    uint64_t type_name;
    uint64_t field_name;
    uint64_t is_static;
    uint64_t address;
};

static bool read_number(const struct image *image, const char *name, uint64_t *out)
{
    uintptr_t at = image_symbol_variable(image, name, sizeof(*out));

    if (at == 0 || at % sizeof(*out) != 0)
        return false;
    *out = *(const volatile uint64_t *)at;
    return true;
}

static bool is_offset(uint64_t offset, size_t alignment, uint64_t stride)
{
    return offset % alignment == 0 && offset <= stride - WORD_BYTES;
}

static bool find_table(const struct image *image, struct table *out)
{
    uint64_t start;
    uintptr_t segment;

    if (!read_number(image, "gHotSpotVMStructs", &start) ||
        !read_number(image, "gHotSpotVMStructEntryArrayStride", &out->stride) ||
        !read_number(image, "gHotSpotVMStructEntryTypeNameOffset", &out->type_name) ||
        !read_number(image, "gHotSpotVMStructEntryFieldNameOffset", &out->field_name) ||
        !read_number(image, "gHotSpotVMStructEntryIsStaticOffset", &out->is_static) ||
        !read_number(image, "gHotSpotVMStructEntryAddressOffset", &out->address))
        return false;
    out->image = image;
    out->at = (uintptr_t)start;
    return out->at % WORD_BYTES == 0 && out->stride % WORD_BYTES == 0 && out->stride >= WORD_BYTES &&
           out->stride <= STRIDE_MAX && is_offset(out->type_name, WORD_BYTES, out->stride) &&
           is_offset(out->field_name, WORD_BYTES, out->stride) &&
           is_offset(out->is_static, sizeof(int32_t), out->stride) &&
           is_offset(out->address, WORD_BYTES, out->stride) && image_segment(image, out->at, &segment, &out->end);
}

static bool is_text(const struct image *image, uintptr_t at, const char *text)
{
    size_t size = strlen(text) + 1;
    uintptr_t start, end;

    return image_segment(image, at, &start, &end) && end - at >= size &&
           memcmp((const void *)at, text, size) == 0;
}

static uintptr_t word_at(uintptr_t at)
{
    return *(const volatile uintptr_t *)at;
}

/* The variables that say where the counters are. */
struct variables {
    uintptr_t start;
    uintptr_t end;
    uintptr_t initialized; /* an int */
};

static uintptr_t *variable_named(const struct image *image, uintptr_t name, struct variables *out)
{
    if (is_text(image, name, "_start"))
        return &out->start;
    if (is_text(image, name, "_end"))
        return &out->end;
    return is_text(image, name, "_initialized") ? &out->initialized : NULL;
}

static void note_entry(const struct table *table, uintptr_t entry, struct variables *out)
{
    uintptr_t *variable = variable_named(table->image, word_at(entry + table->field_name), out);
    uintptr_t address = word_at(entry + table->address);
    size_t size = variable == &out->initialized ? sizeof(int32_t) : WORD_BYTES;
    uintptr_t start, end;

    if (variable && *(const volatile int32_t *)(entry + table->is_static) != 0 && address % size == 0 &&
        image_segment(table->image, address, &start, &end) && end - address >= size)
        *variable = address;
}

/* The variables of class PerfMemory stand in a row, but nobody has promised that. */
static bool find_variables(const struct table *table, struct variables *out)
{
    uintptr_t last_other = 0; /* a type's fields share its name: looked at once */

    memset(out, 0, sizeof(*out));
    for (size_t i = 0; i < ENTRIES_MAX; i++) {
        uintptr_t entry = table->at + i * table->stride;
        uintptr_t type;

        if (entry > table->end || table->end - entry < table->stride)
            return false;
        type = word_at(entry + table->type_name);
        if (type == 0)
            return false;
        if (type == last_other)
            continue;
        if (!is_text(table->image, type, "PerfMemory")) {
            last_other = type;
            continue;
        }
        note_entry(table, entry, out);
        if (out->start && out->end && out->initialized)
            return true;
    }
    return false;
}

bool vmstructs_find_counters(const struct image *image, struct vmstructs_counters *out)
{
    struct variables variables;
    struct table table;
    uintptr_t start, end;

    if (!find_table(image, &table) || !find_variables(&table, &variables))
        return false;
    /* Set when everything else is. */
    if (__atomic_load_n((const int32_t *)variables.initialized, __ATOMIC_ACQUIRE) == 0)
        return false;
    start = word_at(variables.start);
    end = word_at(variables.end);
    if (start == 0 || start % WORD_BYTES != 0 || end <= start || end - start > VMSTRUCTS_COUNTERS_BYTES_MAX)
        return false;
    if (start < image->end && end > image->start) /* would go with the file */
        return false;
    out->memory = (const void *)start;
    out->size = end - start;
    return true;
}
