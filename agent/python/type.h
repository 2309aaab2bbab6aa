/* SPDX-License-Identifier: MIT */
/*
 * What a block of memory is, if it is a Python object: never a guess, UNKNOWN when in doubt. All
 * reads are by peek, so that the block and what it points at may vanish meanwhile.
 */
#ifndef LEAKD_AGENT_PYTHON_TYPE_H
#define LEAKD_AGENT_PYTHON_TYPE_H

#include <stddef.h>
#include <stdint.h>

struct interp;

/* The core_intern id of "module.Class", "dict" and the like; CORE_TYPE_UNKNOWN otherwise. */
uint32_t type_of_block(const struct interp *interp, uintptr_t addr, size_t size_bytes);

#endif
