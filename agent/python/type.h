/* SPDX-License-Identifier: MIT */
/*
 * What a block of memory is, if it is a Python object: never a guess, UNKNOWN when in doubt. What
 * may vanish meanwhile is read by peek.
 */
#ifndef LEAKD_AGENT_PYTHON_TYPE_H
#define LEAKD_AGENT_PYTHON_TYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct interp;

/* The core_intern id of "module.Class", "dict" and the like; CORE_TYPE_UNKNOWN otherwise. steady:
 * the block cannot be freed meanwhile. One thread at a time. */
uint32_t type_of_block(const struct interp *interp, uintptr_t addr, size_t size_bytes,
                       bool steady);

/* "module.Class" of a type object, "dict" and the like, into cap >= TYPE_NAME_BYTES_MAX bytes; its
 * length, 0 when it cannot be read. */
#define TYPE_NAME_BYTES_MAX 514
size_t type_name(const struct interp *interp, uintptr_t type, char *out, size_t cap);

/* True for the address of a type object. */
bool type_is_type(const struct interp *interp, uintptr_t addr);

#endif
