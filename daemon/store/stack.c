/* SPDX-License-Identifier: MIT */
#include "daemon/store/stack.h"

static uint8_t *pack_number(uint8_t *out, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        *out++ = (uint8_t)(value | 0x80);
    *out++ = (uint8_t)value;
    return out;
}

static const uint8_t *unpack_number(const uint8_t *packed, uint64_t *out)
{
    uint64_t value = 0;

    for (unsigned shift = 0;; shift += 7) {
        value |= (uint64_t)(*packed & 0x7f) << shift;
        if (*packed++ < 0x80)
            break;
    }
    *out = value;
    return packed;
}

size_t stack_pack(const struct wire_stack_frame *frames, size_t count, uint8_t *out)
{
    uint8_t *pos = out;

    for (size_t i = 0; i < count; i++) {
        const struct wire_stack_frame *frame = &frames[i];

        *pos++ = frame->kind;
        if (frame->kind == WIRE_FRAME_PYTHON) {
            pos = pack_number(pos, frame->function_id);
            pos = pack_number(pos, frame->file_id);
            pos = pack_number(pos, frame->line);
        } else {
            pos = pack_number(pos, frame->module_id);
            pos = pack_number(pos, frame->offset);
        }
    }
    return (size_t)(pos - out);
}

const uint8_t *stack_unpack(const uint8_t *packed, struct wire_stack_frame *out)
{
    struct wire_stack_frame frame = {.kind = *packed++};
    uint64_t first, second, third = 0;

    packed = unpack_number(packed, &first);
    packed = unpack_number(packed, &second);
    if (frame.kind == WIRE_FRAME_PYTHON) {
        packed = unpack_number(packed, &third);
        frame.function_id = (uint32_t)first;
        frame.file_id = (uint32_t)second;
        frame.line = (uint32_t)third;
    } else {
        frame.module_id = (uint32_t)first;
        frame.offset = second;
    }
    *out = frame;
    return packed;
}
