/* SPDX-License-Identifier: MIT */
#include "agent/java/perfdata.h"

#include <string.h>

/* Offsets in the prologue and in an entry; numbers are of four bytes, in the machine's byte order, but for
 * the magic, which is big endian, and single bytes. */
enum {
    PROLOGUE_BYTE_ORDER = 4, /* u8 */
    PROLOGUE_MAJOR = 5,      /* u8 */
    PROLOGUE_ACCESSIBLE = 7, /* u8 */
    PROLOGUE_USED = 8,
    PROLOGUE_ENTRY_OFFSET = 24,
    PROLOGUE_ENTRIES = 28,
    PROLOGUE_BYTES = 32,

    ENTRY_LENGTH = 0, /* of all of it */
    ENTRY_NAME_OFFSET = 4,
    ENTRY_VECTOR_LENGTH = 8, /* 0: one value */
    ENTRY_DATA_TYPE = 12,    /* u8 */
    ENTRY_DATA_OFFSET = 16,
    ENTRY_BYTES = 20,
};

#define MAJOR_VERSION    2
#define LITTLE_ENDIAN_ID 1
#define ALIGNMENT        8
#define TYPE_LONG        'J'
#define TYPE_BYTES       'B'

static const uint8_t magic[4] = {0xca, 0xfe, 0xc0, 0xc0};

/* Each is read once: what was checked is what is used. */
static uint8_t byte_at(const uint8_t *at)
{
    return *(const volatile uint8_t *)at;
}

static uint32_t number_at(const uint8_t *at)
{
    return *(const volatile uint32_t *)(const void *)at;
}

static bool is_perfdata(const uint8_t *memory, size_t size)
{
    return size >= PROLOGUE_BYTES && memcmp(memory, magic, sizeof(magic)) == 0 &&
           byte_at(memory + PROLOGUE_BYTE_ORDER) == LITTLE_ENDIAN_ID &&
           byte_at(memory + PROLOGUE_MAJOR) == MAJOR_VERSION;
}

/* What a name must have behind its last character is looked at first: most have another length. */
static bool is_named(const char *name, size_t room, const struct perfdata_entry *wanted)
{
    return wanted->name_len < room && name[wanted->name_len] == '\0' &&
           memcmp(name, wanted->name, wanted->name_len) == 0;
}

static void note_value(const uint8_t *entry, uint32_t length, struct perfdata_entry *out)
{
    uint32_t offset = number_at(entry + ENTRY_DATA_OFFSET);
    uint32_t bytes = number_at(entry + ENTRY_VECTOR_LENGTH);
    uint8_t type = byte_at(entry + ENTRY_DATA_TYPE);

    if (out->type == PERFDATA_NUMBER) {
        if (type != TYPE_LONG || bytes != 0 || offset % ALIGNMENT != 0)
            return;
        bytes = sizeof(uint64_t);
    } else if (type != TYPE_BYTES || bytes == 0) {
        return;
    }
    if (offset < ENTRY_BYTES || offset > length || bytes > length - offset)
        return;
    out->value = entry + offset;
    out->value_bytes = bytes;
}

static void match(const uint8_t *entry, uint32_t length, struct perfdata_entry *entries, size_t count)
{
    uint32_t offset = number_at(entry + ENTRY_NAME_OFFSET);
    const char *name;

    if (offset < ENTRY_BYTES || offset >= length)
        return;
    name = (const char *)entry + offset;
    for (size_t i = 0; i < count; i++) {
        if (is_named(name, length - offset, &entries[i]) && !entries[i].value) {
            note_value(entry, length, &entries[i]);
            return;
        }
    }
}

bool perfdata_find(const void *memory, size_t size, struct perfdata_entry *entries, size_t count)
{
    const uint8_t *bytes = memory;
    size_t used, at;
    uint32_t left;

    for (size_t i = 0; i < count; i++) {
        entries[i].name_len = strlen(entries[i].name);
        entries[i].value = NULL;
    }
    if (!is_perfdata(bytes, size))
        return false;
    used = number_at(bytes + PROLOGUE_USED);
    used = used < size ? used : size;
    at = number_at(bytes + PROLOGUE_ENTRY_OFFSET);
    for (left = number_at(bytes + PROLOGUE_ENTRIES); left > 0; left--) {
        uint32_t length;

        if (at % ALIGNMENT != 0 || at < PROLOGUE_BYTES || at > used || used - at < ENTRY_BYTES)
            break;
        length = number_at(bytes + at + ENTRY_LENGTH);
        if (length < ENTRY_BYTES || length > used - at) /* not written yet */
            break;
        match(bytes + at, length, entries, count);
        at += length;
    }
    return true;
}

bool perfdata_is_complete(const void *memory, size_t size)
{
    return is_perfdata(memory, size) && byte_at((const uint8_t *)memory + PROLOGUE_ACCESSIBLE) != 0;
}

uint64_t perfdata_number(const struct perfdata_entry *entry)
{
    return entry->value ? *(const volatile uint64_t *)entry->value : 0;
}

size_t perfdata_text(const struct perfdata_entry *entry, char *out, size_t size)
{
    const volatile char *text = entry->value;
    size_t len = 0;

    while (text && len < entry->value_bytes && len < size - 1) {
        char c = text[len];

        if (c == '\0')
            break;
        out[len++] = c;
    }
    out[len] = '\0';
    return len;
}
