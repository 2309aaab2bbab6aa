/* SPDX-License-Identifier: MIT */
#include "agent/python/dictkeys.h"

#include <string.h>

#include "agent/core/peek.h"

#define DICT_KEYS_AT 32 /* ma_keys of PyDictObject */

/* Up to 3.10: reference count, size, lookup function, usable, used, indices. */
struct old_head {
    int64_t refcount;
    int64_t size;
    uintptr_t lookup;
    int64_t usable;
    int64_t used;
};

/* From 3.11. */
struct new_head {
    int64_t refcount;
    uint8_t log2_size;
    uint8_t log2_index_bytes;
    uint8_t kind;
    uint8_t padding;
    uint32_t version;
    int64_t usable;
    int64_t used;
};

_Static_assert(sizeof(struct old_head) == DICTKEYS_HEAD_BYTES &&
                   sizeof(struct new_head) <= DICTKEYS_HEAD_BYTES,
               "the heads of tables of keys");

#define KIND_GENERAL 0
#define KINDS        3
#define SIZE_MIN     8
#define LOG2_MAX     40

/* Entries that a table of this size may hold. */
static int64_t capacity(int64_t size)
{
    return size * 2 / 3;
}

static bool adds_up(int64_t refcount, int64_t size, int64_t usable, int64_t used)
{
    return refcount == 1 && used >= 0 && usable >= 0 && usable + used == capacity(size);
}

static bool is_power_of_two(int64_t size)
{
    return (size & (size - 1)) == 0;
}

static size_t old_index_bytes(int64_t size)
{
    size_t each = size <= 0xff ? 1 : size <= 0xffff ? 2 : size <= 0xffffffff ? 4 : 8;

    return (size_t)size * each;
}

static bool read_old(const uint8_t *bytes, struct dictkeys *out, bool *whole)
{
    struct old_head head;
    size_t entries_at;

    memcpy(&head, bytes, sizeof(head));
    if (head.size < SIZE_MIN || head.size > (int64_t)1 << LOG2_MAX || !is_power_of_two(head.size) ||
        head.used < 0)
        return false;
    entries_at = sizeof(head) + old_index_bytes(head.size);
    out->entries = entries_at;
    out->entry_bytes = 24; /* hash, key, value */
    out->key_at = 8;
    out->count = (size_t)head.used;
    out->table_bytes = entries_at + (size_t)capacity(head.size) * out->entry_bytes;
    *whole = adds_up(head.refcount, head.size, head.usable, head.used) && head.lookup > UINT16_MAX;
    return true;
}

static bool read_new(const uint8_t *bytes, struct dictkeys *out, bool *whole)
{
    struct new_head head;
    size_t entries_at;
    int64_t size;

    memcpy(&head, bytes, sizeof(head));
    if (head.log2_size < 3 || head.log2_size > LOG2_MAX ||
        head.log2_index_bytes < head.log2_size || head.log2_index_bytes > head.log2_size + 3 ||
        head.kind >= KINDS || head.used < 0)
        return false;
    size = (int64_t)1 << head.log2_size;
    entries_at = sizeof(head) + ((size_t)1 << head.log2_index_bytes);
    out->entries = entries_at;
    out->entry_bytes = head.kind == KIND_GENERAL ? 24 : 16; /* without hash when all are str */
    out->key_at = head.kind == KIND_GENERAL ? 8 : 0;
    out->count = (size_t)head.used;
    out->table_bytes = entries_at + (size_t)capacity(size) * out->entry_bytes;
    *whole = adds_up(head.refcount, size, head.usable, head.used);
    return true;
}

static bool read_head(unsigned minor, const uint8_t *bytes, struct dictkeys *out, bool *whole)
{
    return minor < 11 ? read_old(bytes, out, whole) : read_new(bytes, out, whole);
}

bool dictkeys_read(unsigned minor, const uint8_t *bytes, struct dictkeys *out)
{
    bool whole;

    return read_head(minor, bytes, out, &whole);
}

bool dictkeys_open(unsigned minor, uintptr_t dict, struct dictkeys *out)
{
    uint8_t bytes[DICTKEYS_HEAD_BYTES];
    uintptr_t table;
    bool whole;

    if (!peek_plausible(dict))
        return false;
    table = peek_word(dict + DICT_KEYS_AT);
    if (!peek_plausible(table) || !peek(table, bytes, sizeof(bytes)) ||
        !read_head(minor, bytes, out, &whole))
        return false;
    out->entries += table;
    return true;
}

uintptr_t dictkeys_entry(const struct dictkeys *keys, size_t index, uintptr_t *value)
{
    uintptr_t pair[2];

    if (index >= keys->count ||
        !peek(keys->entries + index * keys->entry_bytes + keys->key_at, pair, sizeof(pair)))
        return 0;
    *value = pair[1];
    return pair[0];
}

bool dictkeys_is_table(unsigned minor, const uint8_t *bytes, size_t size_bytes)
{
    struct dictkeys keys;
    bool whole;

    return size_bytes >= DICTKEYS_HEAD_BYTES && read_head(minor, bytes, &keys, &whole) && whole &&
           keys.table_bytes == size_bytes;
}
