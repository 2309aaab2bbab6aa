/* SPDX-License-Identifier: MIT */
/*
 * A stack frame packed into eight bytes, as sites store it.
 * Native: 0 | module 13 bits from bit 48 | offset 48 bits.
 * Python: 1 in bit 63 | function 17 bits from bit 41 | file 17 bits from bit 24 | line 24 bits.
 */
#ifndef LEAKD_AGENT_CORE_FRAME_H
#define LEAKD_AGENT_CORE_FRAME_H

#include <stdint.h>

#include "agent/wire/record.h"

#define FRAME_PYTHON      (UINT64_C(1) << 63)
#define FRAME_OFFSET_MASK ((UINT64_C(1) << 48) - 1)
#define FRAME_ID_MASK     ((1u << 17) - 1)
#define FRAME_LINE_MASK   ((1u << 24) - 1)

static inline uint64_t frame_pack_native(uint32_t module_id, uint64_t offset)
{
    return (uint64_t)module_id << 48 | (offset & FRAME_OFFSET_MASK);
}

static inline uint64_t frame_pack_python(uint32_t function_id, uint32_t file_id, uint32_t line)
{
    return FRAME_PYTHON | (uint64_t)(function_id & FRAME_ID_MASK) << 41 |
           (uint64_t)(file_id & FRAME_ID_MASK) << 24 |
           (line > FRAME_LINE_MASK ? 0 : line);
}

static inline void frame_unpack(uint64_t packed, struct wire_stack_frame *out)
{
    *out = (struct wire_stack_frame){0};
    if (packed & FRAME_PYTHON) {
        out->kind = WIRE_FRAME_PYTHON;
        out->function_id = (uint32_t)(packed >> 41) & FRAME_ID_MASK;
        out->file_id = (uint32_t)(packed >> 24) & FRAME_ID_MASK;
        out->line = (uint32_t)packed & FRAME_LINE_MASK;
    } else {
        out->kind = WIRE_FRAME_NATIVE;
        out->module_id = (uint32_t)(packed >> 48);
        out->offset = packed & FRAME_OFFSET_MASK;
    }
}

#endif
