/* SPDX-License-Identifier: MIT */
#include "agent/python/snapshot_object.h"

#include "agent/python/dictkeys.h"
#include "agent/python/interp.h"
#include "agent/core/peek.h"
#include "agent/python/text.h"
#include "agent/python/type.h"

/* PyTypeObject, the same from 3.8 to 3.14. */
#define TYPE_NAME_AT     24
#define TYPE_BASIC_AT    32
#define TYPE_ITEM_AT     40
#define TYPE_FLAGS_AT    168
#define TYPE_TRAVERSE_AT 184

/* Bits of tp_flags. */
#define TYPE_IS_HEAP  (1ul << 9)
#define TYPE_READY    (1ul << 12)
#define TYPE_HAS_GC   (1ul << 14)
#define TYPE_IS_LONG  (1ul << 24)
#define TYPE_IS_LIST  (1ul << 25)
#define TYPE_IS_TUPLE (1ul << 26)
#define TYPE_IS_STR   (1ul << 28)
#define TYPE_IS_DICT  (1ul << 29)
#define TYPE_IS_TYPE  (1ul << 31)

#define DICT_KEYS_AT          32
#define LIST_ALLOCATED_AT     32
#define SET_MASK_AT           32
#define SET_TABLE_AT          40
#define SET_SMALL_TABLE_AT    64
#define SET_ENTRY_BYTES       16
#define BYTEARRAY_ALLOC_AT    24
#define GC_HEAD_BYTES         16
#define PREHEADER_BYTES       16
#define DIGIT_BYTES           4
#define LONG_TAG_SHIFT        3 /* from 3.12: the number of digits, above three bits */
#define MINOR_WITH_LONG_TAG   12
#define MINOR_WITH_OWN_FRAMES 11

static enum object_kind kind_by_flags(uint64_t flags)
{
    static const struct {
        uint64_t flag;
        enum object_kind kind;
    } kinds[] = {{TYPE_IS_DICT, OBJECT_DICT},   {TYPE_IS_LIST, OBJECT_LIST},
                 {TYPE_IS_TUPLE, OBJECT_TUPLE}, {TYPE_IS_STR, OBJECT_STR},
                 {TYPE_IS_LONG, OBJECT_LONG},   {TYPE_IS_TYPE, OBJECT_TYPE}};

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (flags & kinds[i].flag)
            return kinds[i].kind;
    }
    return OBJECT_OTHER;
}

/* Types of C code by the name that they were compiled with. A class that is made by a class
 * statement has no dot in there, and is none of these. */
static enum object_kind kind_by_name(const char *name)
{
    static const struct {
        const char *name;
        enum object_kind kind;
    } kinds[] = {
        {"set", OBJECT_SET},
        {"frozenset", OBJECT_SET},
        {"collections.deque", OBJECT_DEQUE},
        {"bytearray", OBJECT_BYTEARRAY},
        {"module", OBJECT_MODULE},
        {"function", OBJECT_FUNCTION},
        {"code", OBJECT_CODE},
        {"cell", OBJECT_CELL},
        {"frame", OBJECT_FRAME},
        {"generator", OBJECT_GENERATOR},
        {"coroutine", OBJECT_GENERATOR},
        {"async_generator", OBJECT_GENERATOR},
        {"functools._lru_cache_wrapper", OBJECT_LRU_CACHE},
        {"functools._lru_list_elem", OBJECT_LRU_LINK},
        {"_thread._local", OBJECT_THREAD_LOCAL},
        {"Context", OBJECT_CONTEXT},
        {"_contextvars.Context", OBJECT_CONTEXT},
        {"member_descriptor", OBJECT_MEMBER},
        {"hamt", OBJECT_HAMT},
        {"hamt_bitmap_node", OBJECT_HAMT},
        {"hamt_array_node", OBJECT_HAMT},
        {"hamt_collision_node", OBJECT_HAMT},
    };

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (strcmp(name, kinds[i].name) == 0)
            return kinds[i].kind;
    }
    return OBJECT_OTHER;
}

static enum object_kind kind_of(uintptr_t type, uint64_t flags)
{
    enum object_kind kind = kind_by_flags(flags);
    char name[64];

    if (kind != OBJECT_OTHER ||
        peek_string(object_word(type + TYPE_NAME_AT), name, sizeof(name)) == 0)
        return kind;
    return !(flags & TYPE_IS_HEAP) || strchr(name, '.') ? kind_by_name(name) : OBJECT_OTHER;
}

static void describe(struct object_type *type, uintptr_t addr)
{
    uintptr_t traverse = object_word(addr + TYPE_TRAVERSE_AT);

    type->addr = addr;
    type->flags = object_word(addr + TYPE_FLAGS_AT);
    type->basic_bytes = (int64_t)object_word(addr + TYPE_BASIC_AT);
    type->item_bytes = (int64_t)object_word(addr + TYPE_ITEM_AT);
    type->kind = kind_of(addr, type->flags);
    if (type->flags & TYPE_HAS_GC)
        memcpy(&type->traverse, &traverse, sizeof(traverse));
}

void object_types_init(struct object_types *types, const struct interp *interp)
{
    memset(types, 0, sizeof(*types));
    types->interp = interp;
    types->count = 1;
}

struct object_type *object_type_of(struct object_types *types, uintptr_t object)
{
    uintptr_t addr = object_word(object + OBJECT_TYPE_AT);
    uint32_t mask = sizeof(types->slots) / sizeof(types->slots[0]) - 1;
    uint32_t at = (uint32_t)((addr >> 4) * UINT64_C(0x9e3779b97f4a7c15) >> 32) & mask;

    while (types->slots[at] && types->list[types->slots[at]].addr != addr)
        at = (at + 1) & mask;
    if (!types->slots[at] && types->count < OBJECT_TYPES_MAX) {
        types->slots[at] = (uint16_t)types->count++;
        describe(&types->list[types->slots[at]], addr);
    }
    return &types->list[types->slots[at]];
}

/* A class of C code is no container to the collector, and its traverse function says so by ending
 * the process. */
static bool holds_objects(const struct object_type *type, uintptr_t object)
{
    return type->traverse &&
           (type->kind != OBJECT_TYPE || object_word(object + TYPE_FLAGS_AT) & TYPE_IS_HEAP);
}

void object_each(const struct object_type *type, uintptr_t object, object_visit visit, void *arg)
{
    if (holds_objects(type, object))
        type->traverse((void *)object, visit, arg);
}

static uint64_t long_bytes(const struct interp *interp, const struct object_type *type,
                           uintptr_t object)
{
    int64_t size = (int64_t)object_word(object + OBJECT_SIZE_AT);
    uint64_t digits = interp->layout.minor >= MINOR_WITH_LONG_TAG
                          ? (uint64_t)size >> LONG_TAG_SHIFT
                          : (uint64_t)(size < 0 ? -size : size);

    return (uint64_t)type->basic_bytes + digits * DIGIT_BYTES;
}

static uint64_t str_bytes(const struct interp *interp, const struct object_type *type,
                          uintptr_t object)
{
    struct text_head head;

    if (!text_head_read((const uint8_t *)object, &head))
        return (uint64_t)type->basic_bytes;
    return text_data_offset(&interp->layout, &head) + (head.length + 1) * head.width;
}

/* A table that instances share belongs to their class. */
static uint64_t dict_table_bytes(const struct interp *interp, uintptr_t object)
{
    uintptr_t table = object_word(object + DICT_KEYS_AT);
    struct dictkeys keys;

    if (object_word(table) != 1 ||
        !dictkeys_read(interp->layout.minor, (const uint8_t *)table, &keys))
        return 0;
    return keys.table_bytes;
}

static uint64_t table_bytes(const struct interp *interp, const struct object_type *type,
                            uintptr_t object)
{
    switch (type->kind) {
    case OBJECT_DICT:
        return dict_table_bytes(interp, object);
    case OBJECT_LIST:
        return object_word(object + LIST_ALLOCATED_AT) * sizeof(uintptr_t);
    case OBJECT_SET:
        if (object_word(object + SET_TABLE_AT) == object + SET_SMALL_TABLE_AT)
            return 0;
        return (object_word(object + SET_MASK_AT) + 1) * SET_ENTRY_BYTES;
    case OBJECT_BYTEARRAY:
        return object_word(object + BYTEARRAY_ALLOC_AT);
    default:
        return 0;
    }
}

/* From 3.11 a frame's length is in its code, and what lies where the size of others is is not. */
static bool has_own_frame(const struct interp *interp, const struct object_type *type)
{
    return interp->layout.minor >= MINOR_WITH_OWN_FRAMES &&
           (type->kind == OBJECT_FRAME || type->kind == OBJECT_GENERATOR);
}

static uint64_t body_bytes(const struct interp *interp, const struct object_type *type,
                           uintptr_t object)
{
    int64_t items = 0;

    if (type->kind == OBJECT_LONG)
        return long_bytes(interp, type, object);
    if (type->kind == OBJECT_STR)
        return str_bytes(interp, type, object);
    if (type->item_bytes > 0 && !has_own_frame(interp, type))
        items = (int64_t)object_word(object + OBJECT_SIZE_AT);
    if (items < 0)
        items = -items;
    return (uint64_t)type->basic_bytes + (uint64_t)items * (uint64_t)type->item_bytes;
}

uint64_t object_bytes(const struct interp *interp, const struct object_type *type, uintptr_t object)
{
    uint64_t bytes = body_bytes(interp, type, object) + table_bytes(interp, type, object);

    if (type->flags & TYPE_HAS_GC)
        bytes += GC_HEAD_BYTES;
    if (type->flags & interp->layout.type_preheader_flags)
        bytes += PREHEADER_BYTES;
    return bytes;
}

void object_count(struct object_types *types, uintptr_t object)
{
    struct object_type *type = object_type_of(types, object);

    type->count++;
    type->bytes += type->addr ? object_bytes(types->interp, type, object) : 0;
}

bool object_is_plausible(const struct interp *interp, uintptr_t object)
{
    uintptr_t head[2];
    uint64_t flags;

    return peek_plausible(object) && peek(object, head, sizeof(head)) && head[0] != 0 &&
           peek_plausible(head[1]) && peek(head[1] + TYPE_FLAGS_AT, &flags, sizeof(flags)) &&
           (flags & TYPE_READY) && type_is_type(interp, head[1]);
}
