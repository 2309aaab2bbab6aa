/* SPDX-License-Identifier: MIT */
#include "agent/python/snapshot_field.h"

#include "agent/python/dictkeys.h"
#include "agent/python/interp.h"
#include "agent/core/peek.h"
#include "agent/python/text.h"

#define DICT_KEYS_AT     32
#define DICT_VALUES_AT   40
#define ENTRIES_MAX      8192 /* a larger dict is data: its keys say nothing about who holds it */
#define VALUES_HEAD      8    /* in front of split values, from 3.13 */
#define TYPE_BASE_AT     256
#define TYPE_DICT_AT     264
#define TYPE_DICT_OFFSET 288
#define BASES_MAX        64
#define MEMBER_AT        40 /* of a member descriptor: name at 0, offset at 16 */
#define MEMBER_OFFSET_AT 16
#define CONTEXT_VAR_NAME 16
#define HAMT_ITEMS_AT    32
#define HAMT_ITEMS_MAX   64

const struct field_function *field_function(const struct interp *interp)
{
    static const struct field_function old = {24, 16, 48, 72, 104};
    static const struct field_function since_10 = {16, 48, 72, 88, 40};

    return interp->layout.minor < 10 ? &old : &since_10;
}

/* A table of keys and, where instances share it, the values apart. */
struct entries {
    struct dictkeys keys;
    uintptr_t table;
    uintptr_t values; /* 0: they are in the table */
};

static bool open_entries(const struct interp *interp, uintptr_t table, uintptr_t values,
                         struct entries *out)
{
    if (!peek_plausible(table) ||
        !dictkeys_read(interp->layout.minor, (const uint8_t *)table, &out->keys) ||
        out->keys.count > ENTRIES_MAX)
        return false;
    out->table = table;
    out->values = values;
    if (values && interp->layout.minor >= 13)
        out->values += VALUES_HEAD;
    return true;
}

static uintptr_t entry_key(const struct entries *entries, size_t index, uintptr_t *value)
{
    uintptr_t at = entries->table + entries->keys.entries + index * entries->keys.entry_bytes +
                   entries->keys.key_at;

    *value = entries->values ? object_word(entries->values + index * sizeof(uintptr_t))
                             : object_word(at + sizeof(uintptr_t));
    return object_word(at);
}

static uintptr_t find_key(const struct entries *entries, uintptr_t wanted)
{
    for (size_t i = 0; i < entries->keys.count; i++) {
        uintptr_t value;
        uintptr_t key = entry_key(entries, i, &value);

        if (key && value == wanted)
            return key;
    }
    return 0;
}

uintptr_t field_key(const struct interp *interp, uintptr_t dict, uintptr_t value)
{
    struct entries entries;

    return open_entries(interp, object_word(dict + DICT_KEYS_AT),
                        object_word(dict + DICT_VALUES_AT), &entries)
               ? find_key(&entries, value)
               : 0;
}

bool field_is_attributes(const struct object_type *type, uintptr_t instance, uintptr_t dict)
{
    int64_t offset = (int64_t)object_word(type->addr + TYPE_DICT_OFFSET);

    if (type->flags & OBJECT_FLAG_MANAGED_DICT)
        return object_word(instance - 3 * sizeof(uintptr_t)) == dict;
    if (offset < 0) /* counted from the end of a variable size: no other dict is there */
        return true;
    return offset > 0 && object_word(instance + (uintptr_t)offset) == dict;
}

/* Values without a dict; 0 when the instance has a dict, or none of both. */
static uintptr_t inline_values(unsigned minor, const struct object_type *type, uintptr_t instance)
{
    uintptr_t word;

    if (!(type->flags & OBJECT_FLAG_MANAGED_DICT))
        return 0;
    if (minor == 11)
        return object_word(instance - 4 * sizeof(uintptr_t));
    if (minor == 12) {
        word = object_word(instance - 3 * sizeof(uintptr_t));
        return word & 1 ? word + 1 : 0;
    }
    return type->flags & OBJECT_FLAG_INLINE_VALUES ? instance + (uintptr_t)type->basic_bytes : 0;
}

static uintptr_t inline_key(const struct interp *interp, const struct object_type *type,
                            uintptr_t instance, uintptr_t value)
{
    uintptr_t values = inline_values(interp->layout.minor, type, instance);
    uintptr_t keys = type->addr + interp->layout.type_qualname + sizeof(uintptr_t);
    struct entries entries;

    return values && open_entries(interp, object_word(keys), values, &entries)
               ? find_key(&entries, value)
               : 0;
}

static size_t member_at(struct object_types *types, uintptr_t type, uintptr_t offset, char *out,
                        size_t cap)
{
    uintptr_t dict = object_word(type + TYPE_DICT_AT);
    struct entries entries;

    if (!peek_plausible(dict) ||
        !open_entries(types->interp, object_word(dict + DICT_KEYS_AT), 0, &entries))
        return 0;
    for (size_t i = 0; i < entries.keys.count; i++) {
        uintptr_t descriptor, member;

        if (!entry_key(&entries, i, &descriptor) || !descriptor ||
            object_type_of(types, descriptor)->kind != OBJECT_MEMBER)
            continue;
        member = object_word(descriptor + MEMBER_AT);
        if (object_word(member + MEMBER_OFFSET_AT) == offset)
            return peek_string(object_word(member), out, cap);
    }
    return 0;
}

static size_t slot_name(struct object_types *types, const struct object_type *type,
                        uintptr_t instance, uintptr_t value, char *out, size_t cap)
{
    uintptr_t offset = 2 * sizeof(uintptr_t);
    uintptr_t end = (uintptr_t)type->basic_bytes;
    size_t len = 0;

    while (offset < end && object_word(instance + offset) != value)
        offset += sizeof(uintptr_t);
    if (offset >= end)
        return 0;
    for (uintptr_t base = type->addr, i = 0; base && i < BASES_MAX && len == 0;
         base = object_word(base + TYPE_BASE_AT), i++)
        len = member_at(types, base, offset, out, cap);
    return len;
}

size_t field_attribute(struct object_types *types, const struct object_type *type,
                       uintptr_t instance, uintptr_t value, char *out, size_t cap)
{
    uintptr_t key = inline_key(types->interp, type, instance, value);

    return key ? text_peek(&types->interp->layout, key, out, cap)
               : slot_name(types, type, instance, value, out, cap);
}

/* Keys and values take turns in the nodes that hold values. */
size_t field_context_variable(const struct interp *interp, uintptr_t node, uintptr_t value,
                              char *out, size_t cap)
{
    uintptr_t count = object_word(node + OBJECT_SIZE_AT);

    for (uintptr_t i = 1; i < count && i < HAMT_ITEMS_MAX; i += 2) {
        uintptr_t at = node + HAMT_ITEMS_AT + i * sizeof(uintptr_t);
        uintptr_t variable = object_word(at - sizeof(uintptr_t));

        if (object_word(at) == value && variable)
            return text_peek(&interp->layout, object_word(variable + CONTEXT_VAR_NAME), out, cap);
    }
    return 0;
}
