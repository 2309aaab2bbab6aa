/* SPDX-License-Identifier: MIT */
/* The part of text.h that reads memory by itself. */
#include "agent/python/layout.h"
#include "agent/core/peek.h"
#include "agent/python/text.h"

size_t text_peek(const struct layout *layout, uintptr_t object, char *out, size_t cap)
{
    uint8_t bytes[TEXT_PEEK_BYTES];
    uint8_t head_bytes[TEXT_HEAD_BYTES];
    struct text_head head;
    size_t shown;

    if (!peek_plausible(object) || !peek(object, head_bytes, sizeof(head_bytes)) ||
        !text_head_read(head_bytes, &head))
        return 0;
    shown = sizeof(bytes) / head.width;
    if (shown > head.length)
        shown = head.length;
    if (!peek(object + text_data_offset(layout, &head), bytes, shown * head.width))
        return 0;
    return text_encode(bytes, head.width, shown, out, cap);
}
