/* SPDX-License-Identifier: MIT */
#include "agent/python/type.h"

#include <stdbool.h>
#include <string.h>

#include "agent/core/core.h"
#include "agent/python/dictkeys.h"
#include "agent/python/interp.h"
#include "agent/core/peek.h"
#include "agent/python/text.h"

/* PyTypeObject up to tp_flags, the same from 3.8 to 3.14. */
struct type_head {
    uint64_t refcount;
    uintptr_t type;
    int64_t var_size;
    uintptr_t name; /* const char * */
    int64_t basic_size;
    int64_t item_size;
    uint8_t slots[168 - 48];
    uint64_t flags;
};

#define TYPE_DICT_AT 264

_Static_assert(offsetof(struct type_head, flags) == 168, "tp_flags of PyTypeObject");

/* Bits of tp_flags. */
#define TYPE_IS_HEAP   (1U << 9)
#define TYPE_READY     (1U << 12)
#define TYPE_HAS_GC    (1U << 14)
#define TYPE_IS_STR    (1U << 28)
#define TYPE_IS_TYPE   (1U << 31)

#define GC_HEAD_BYTES   16
#define PREHEADER_BYTES 16
#define METATYPES_MAX   4 /* a class, its metaclass, that one's metaclass */
#define NAME_BYTES_MAX  ((TYPE_NAME_BYTES_MAX - 2) / 2)

/* An object's first words. From 3.14 the upper half of the count holds flags. */
struct object_head {
    uint64_t refcount;
    uintptr_t type;
};

static bool is_type(const struct interp *interp, uintptr_t addr, const struct type_head *head)
{
    uintptr_t type = head->type;

    if (!(head->flags & TYPE_READY) || head->basic_size < (int64_t)sizeof(struct object_head))
        return false;
    for (int i = 0; i < METATYPES_MAX; i++) {
        if (type == interp->type_type)
            return true;
        if (!peek_plausible(type) || type == addr)
            return false;
        type = peek_word(type + offsetof(struct object_head, type));
    }
    return false;
}

/* How far behind the start of its block an object of this type lies. */
static size_t header_bytes(const struct interp *interp, uint64_t flags)
{
    size_t bytes = 0;

    if (flags & TYPE_HAS_GC)
        bytes += GC_HEAD_BYTES;
    if (flags & interp->layout.type_preheader_flags)
        bytes += PREHEADER_BYTES;
    return bytes;
}

static bool fits(const struct interp *interp, const struct type_head *type, size_t offset,
                 size_t size_bytes)
{
    if (header_bytes(interp, type->flags) != offset)
        return false;
    if (type->flags & TYPE_IS_STR) /* compact strings are shorter than the basic size */
        return offset + interp->layout.ascii_data < size_bytes;
    return offset + (size_t)type->basic_size <= size_bytes;
}

/* The class's __module__, which is one of the first names its body sets. */
static size_t read_module(const struct interp *interp, uintptr_t type, char *out, size_t cap)
{
    static const char wanted[] = "__module__";
    struct dictkeys keys;

    if (!dictkeys_open(interp->layout.minor, peek_word(type + TYPE_DICT_AT), &keys))
        return 0;
    for (size_t i = 0; i < DICTKEYS_LOOKED_AT; i++) {
        char name[sizeof(wanted) + 1];
        uintptr_t value;
        uintptr_t key = dictkeys_entry(&keys, i, &value);

        if (key && text_peek(&interp->layout, key, name, sizeof(name)) == sizeof(wanted) - 1 &&
            memcmp(name, wanted, sizeof(wanted) - 1) == 0)
            return text_peek(&interp->layout, value, out, cap);
    }
    return 0;
}

static bool is_builtins(const char *module, size_t len)
{
    return len == 8 && memcmp(module, "builtins", 8) == 0;
}

/* "module.Outer.Inner" of a class made by a class statement. */
static size_t name_class(const struct interp *interp, uintptr_t type, char *out, size_t cap)
{
    char qualname[NAME_BYTES_MAX];
    size_t used = read_module(interp, type, out, cap - NAME_BYTES_MAX - 1);
    size_t len = text_peek(&interp->layout, peek_word(type + interp->layout.type_qualname), qualname,
                           sizeof(qualname));

    if (len == 0)
        return 0;
    if (is_builtins(out, used))
        used = 0;
    if (used > 0)
        out[used++] = '.';
    memcpy(out + used, qualname, len);
    return used + len;
}

size_t type_name(const struct interp *interp, uintptr_t type, char *out, size_t cap)
{
    char own[TYPE_NAME_BYTES_MAX];
    struct type_head head;
    size_t len = 0;

    if (cap < TYPE_NAME_BYTES_MAX || !peek(type, &head, sizeof(head)))
        return 0;
    if (head.flags & TYPE_IS_HEAP)
        len = name_class(interp, type, out, cap);
    /* A class of C code may have no __module__ where we look: its own name has it. */
    if (len == 0 || !memchr(out, '.', len)) {
        size_t own_len = peek_string(head.name, own, sizeof(own));

        if (own_len > len) {
            memcpy(out, own, own_len);
            len = own_len;
        }
    }
    return len;
}

bool type_is_type(const struct interp *interp, uintptr_t addr)
{
    struct type_head head;

    return peek(addr, &head, sizeof(head)) && is_type(interp, addr, &head);
}

static uint32_t intern_type(const struct interp *interp, uintptr_t addr)
{
    char name[TYPE_NAME_BYTES_MAX];
    size_t len = type_name(interp, addr, name, sizeof(name));

    return len > 0 ? core_intern(name, len) : CORE_TYPE_UNKNOWN;
}

/*
 * Types met before. A static type stays where it is for ever; the place of a class may hold
 * another one by now, so its head and the beginning of its name are compared again. Flushing
 * thread only.
 */
#define KNOWN_TYPES 512
#define NAME_PREFIX 16

static struct known_type {
    uintptr_t addr;
    uint32_t name_id;
    struct type_head head;
    char prefix[NAME_PREFIX];
} known_types[KNOWN_TYPES];

static struct known_type *known_place(uintptr_t addr)
{
    return &known_types[addr / 16 % KNOWN_TYPES];
}

static bool is_static(const struct type_head *head)
{
    return !(head->flags & TYPE_IS_HEAP);
}

static bool read_prefix(const struct type_head *head, char *prefix)
{
    memset(prefix, 0, NAME_PREFIX);
    return peek(head->name, prefix, NAME_PREFIX) || peek_string(head->name, prefix, NAME_PREFIX);
}

static bool is_still(const struct known_type *known)
{
    struct type_head head;
    char prefix[NAME_PREFIX];

    return peek(known->addr, &head, sizeof(head)) && head.type == known->head.type &&
           head.name == known->head.name && head.basic_size == known->head.basic_size &&
           head.flags == known->head.flags && read_prefix(&head, prefix) &&
           memcmp(prefix, known->prefix, NAME_PREFIX) == 0;
}

/* The type object at addr, remembered; NULL when there is none. */
static const struct known_type *recognise(const struct interp *interp, uintptr_t addr)
{
    struct known_type *known = known_place(addr);

    if (known->addr == addr && (is_static(&known->head) || is_still(known)))
        return known;
    known->addr = 0;
    if (!peek(addr, &known->head, sizeof(known->head)) || !is_type(interp, addr, &known->head) ||
        !read_prefix(&known->head, known->prefix))
        return NULL;
    known->name_id = intern_type(interp, addr);
    known->addr = addr;
    return known;
}

#define MINOR_WITH_FLAGS 14
#define OVERFLOW_BITS    16 /* between the count and the flags; 0 in all that lives on the heap */
#define FLAGS_MAX        7

static bool is_count(const struct interp *interp, uint64_t refcount)
{
    uint64_t upper = refcount >> 32;

    if ((uint32_t)refcount == 0)
        return false;
    return upper == 0 || (interp->layout.minor >= MINOR_WITH_FLAGS &&
                          (upper & UINT16_MAX) == 0 && upper >> OVERFLOW_BITS <= FLAGS_MAX);
}

static uint32_t type_at(const struct interp *interp, const uint8_t *block, size_t offset,
                        size_t size_bytes)
{
    const struct known_type *known;
    struct object_head object;

    memcpy(&object, block + offset, sizeof(object));
    if (!is_count(interp, object.refcount) || !peek_plausible(object.type))
        return CORE_TYPE_UNKNOWN;
    known = recognise(interp, object.type);
    return known && fits(interp, &known->head, offset, size_bytes) ? known->name_id
                                                                    : CORE_TYPE_UNKNOWN;
}

uint32_t type_of_block(const struct interp *interp, uintptr_t addr, size_t size_bytes, bool steady)
{
    static const char dict_name[] = "dict";
    _Static_assert(DICTKEYS_HEAD_BYTES <= GC_HEAD_BYTES + PREHEADER_BYTES + 16, "what is read");
    uint8_t block[GC_HEAD_BYTES + PREHEADER_BYTES + sizeof(struct object_head)] = {0};
    size_t seen = size_bytes < sizeof(block) ? size_bytes : sizeof(block);

    if (seen < sizeof(struct object_head))
        return CORE_TYPE_UNKNOWN;
    if (steady)
        memcpy(block, (const void *)addr, seen);
    else if (!peek(addr, block, seen))
        return CORE_TYPE_UNKNOWN;
    for (size_t offset = 0; offset + sizeof(struct object_head) <= seen; offset += GC_HEAD_BYTES) {
        uint32_t id = type_at(interp, block, offset, size_bytes);

        if (id != CORE_TYPE_UNKNOWN)
            return id;
    }
    if (dictkeys_is_table(interp->layout.minor, block, size_bytes))
        return core_intern(dict_name, sizeof(dict_name) - 1) | CORE_TYPE_PART;
    return CORE_TYPE_UNKNOWN;
}
