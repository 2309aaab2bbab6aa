/* SPDX-License-Identifier: MIT */
/*
 * Types and sizes of objects in a snapshot's copy of the process. Reads are plain: nothing changes
 * there any more, a bad pointer ends the copy alone, and a system call for each of some million
 * objects would keep it alive ten times as long.
 */
#ifndef LEAKD_AGENT_PYTHON_SNAPSHOT_OBJECT_H
#define LEAKD_AGENT_PYTHON_SNAPSHOT_OBJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct interp;

/* What a type is to a path; OTHER are instances of classes and all else. */
enum object_kind {
    OBJECT_OTHER,
    OBJECT_DICT,
    OBJECT_LIST,
    OBJECT_TUPLE,
    OBJECT_SET,
    OBJECT_DEQUE,
    OBJECT_STR,
    OBJECT_LONG,
    OBJECT_BYTEARRAY,
    OBJECT_TYPE,
    OBJECT_MODULE,
    OBJECT_FUNCTION,
    OBJECT_CODE,
    OBJECT_CELL,
    OBJECT_FRAME,
    OBJECT_GENERATOR, /* and coroutines, asynchronous generators */
    OBJECT_LRU_CACHE,
    OBJECT_LRU_LINK,
    OBJECT_THREAD_LOCAL,
    OBJECT_CONTEXT,
    OBJECT_HAMT,   /* the tree inside a context */
    OBJECT_MEMBER, /* of a class with __slots__, or of C code */
};

typedef int (*object_visit)(void *object, void *arg);
typedef int (*object_traverse)(void *object, object_visit visit, void *arg);

struct object_type {
    uintptr_t addr;
    uint64_t flags;
    int64_t basic_bytes;
    int64_t item_bytes;
    object_traverse traverse; /* NULL: holds no objects that the collector knows */
    enum object_kind kind;
    uint8_t wanted; /* number of the wanted type it is, from 1; 0 = none */
    uint64_t count;
    uint64_t bytes;
};

#define OBJECT_TYPES_MAX 8192

/* The types that were met. Those that found no room are one, at index 0, with address 0. */
struct object_types {
    const struct interp *interp;
    struct object_type list[OBJECT_TYPES_MAX];
    uint32_t count;
    uint16_t slots[2 * OBJECT_TYPES_MAX];
};

static inline uintptr_t object_word(uintptr_t addr)
{
    uintptr_t word;

    memcpy(&word, (const void *)addr, sizeof(word));
    return word;
}

static inline uint32_t object_half(uintptr_t addr)
{
    uint32_t half;

    memcpy(&half, (const void *)addr, sizeof(half));
    return half;
}

#define OBJECT_TYPE_AT 8
#define OBJECT_SIZE_AT 16 /* of those with a variable size */

#define OBJECT_FLAG_MANAGED_DICT  (1ul << 4) /* of a type, from 3.11 */
#define OBJECT_FLAG_INLINE_VALUES (1ul << 2) /* from 3.13 */

void object_types_init(struct object_types *types, const struct interp *interp);

/* The type of the object at addr. */
struct object_type *object_type_of(struct object_types *types, uintptr_t object);

/* Counts the object. */
void object_count(struct object_types *types, uintptr_t object);

/* Calls visit for each object that this one refers to. */
void object_each(const struct object_type *type, uintptr_t object, object_visit visit, void *arg);

/* The object's own memory with its header and the tables that are its alone. */
uint64_t object_bytes(const struct interp *interp, const struct object_type *type,
                      uintptr_t object);

/* True for a place that can be read and looks like an object of a ready type. */
bool object_is_plausible(const struct interp *interp, uintptr_t object);

#endif
