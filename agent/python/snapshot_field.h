/* SPDX-License-Identifier: MIT */
/*
 * By which name one object refers to another, in a snapshot's copy of the process. Each function
 * gives the length of what it wrote, 0 when no name is known. Plain reads.
 */
#ifndef LEAKD_AGENT_PYTHON_SNAPSHOT_FIELD_H
#define LEAKD_AGENT_PYTHON_SNAPSHOT_FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/python/snapshot_object.h"

/* Offsets in functions, per version. */
struct field_function {
    uint16_t globals;
    uint16_t code;
    uint16_t closure;
    uint16_t dict;
    uint16_t qualname;
};
const struct field_function *field_function(const struct interp *interp);

/* The key object under which a dict holds value; 0: none, or the dict is too large to look. */
uintptr_t field_key(const struct interp *interp, uintptr_t dict, uintptr_t value);

/* True when dict is where the instance keeps its attributes. */
bool field_is_attributes(const struct object_type *type, uintptr_t instance, uintptr_t dict);

/* An attribute that is kept in the instance itself: a slot, or without a dict from 3.11 on. */
size_t field_attribute(struct object_types *types, const struct object_type *type,
                       uintptr_t instance, uintptr_t value, char *out, size_t cap);

/* The context variable whose value this node of a context's tree holds. */
size_t field_context_variable(const struct interp *interp, uintptr_t node, uintptr_t value,
                              char *out, size_t cap);

#endif
