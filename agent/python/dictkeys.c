/* SPDX-License-Identifier: MIT */
#include "agent/python/dictkeys.h"

#include "agent/python/peek.h"

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

static bool read_old(uintptr_t table, struct dictkeys *out, bool *whole)
{
    struct old_head head;
    size_t index_bytes;

    if (!peek(table, &head, sizeof(head)) || head.size < SIZE_MIN ||
        head.size > (int64_t)1 << LOG2_MAX || (head.size & (head.size - 1)) != 0 || head.used < 0)
        return false;
    index_bytes = (size_t)head.size * (head.size <= 0xff ? 1U : head.size <= 0xffff ? 2U
                                       : head.size <= 0xffffffff ? 4U : 8U);
    out->entries = table + sizeof(head) + index_bytes;
    out->entry_bytes = 24; /* hash, key, value */
    out->key_at = 8;
    out->count = (size_t)head.used;
    out->table_bytes = sizeof(head) + index_bytes + (size_t)capacity(head.size) * out->entry_bytes;
    *whole = adds_up(head.refcount, head.size, head.usable, head.used) &&
             peek_plausible(head.lookup & ~(uintptr_t)7);
    return true;
}

static bool read_new(uintptr_t table, struct dictkeys *out, bool *whole)
{
    struct new_head head;
    int64_t size;

    if (!peek(table, &head, sizeof(head)) || head.log2_size < 3 || head.log2_size > LOG2_MAX ||
        head.log2_index_bytes < head.log2_size || head.log2_index_bytes > head.log2_size + 3 ||
        head.kind >= KINDS || head.used < 0)
        return false;
    size = (int64_t)1 << head.log2_size;
    out->entries = table + sizeof(head) + ((size_t)1 << head.log2_index_bytes);
    out->entry_bytes = head.kind == KIND_GENERAL ? 24 : 16; /* without hash when all are str */
    out->key_at = head.kind == KIND_GENERAL ? 8 : 0;
    out->count = (size_t)head.used;
    out->table_bytes = sizeof(head) + ((size_t)1 << head.log2_index_bytes) +
                       (size_t)capacity(size) * out->entry_bytes;
    *whole = adds_up(head.refcount, size, head.usable, head.used);
    return true;
}

static bool read_table(unsigned minor, uintptr_t table, struct dictkeys *out, bool *whole)
{
    if (!peek_plausible(table))
        return false;
    return minor < 11 ? read_old(table, out, whole) : read_new(table, out, whole);
}

bool dictkeys_open(unsigned minor, uintptr_t dict, struct dictkeys *out)
{
    bool whole;

    return peek_plausible(dict) && read_table(minor, peek_word(dict + DICT_KEYS_AT), out, &whole);
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

bool dictkeys_is_table(unsigned minor, uintptr_t block, size_t size_bytes)
{
    struct dictkeys keys;
    bool whole;

    return read_table(minor, block, &keys, &whole) && whole && keys.table_bytes == size_bytes;
}
