/* SPDX-License-Identifier: MIT */
#include "agent/python/text.h"

#include <string.h>

#include "agent/core/core.h"
#include "agent/python/layout.h"

/* PyASCIIObject: header, length at 16, hash, state at 32 (bits: interned 2, kind 3, compact,
 * ascii); the same from 3.8 to 3.14. */
#define TEXT_LENGTH_AT 16
#define TEXT_STATE_AT  32

bool text_head_read(const uint8_t *object, struct text_head *out)
{
    uint64_t length;
    uint32_t state;
    unsigned kind;

    memcpy(&length, object + TEXT_LENGTH_AT, sizeof(length));
    memcpy(&state, object + TEXT_STATE_AT, sizeof(state));
    kind = state >> 2 & 7;
    if (length > INT32_MAX || !(state >> 5 & 1) || (kind != 1 && kind != 2 && kind != 4))
        return false;
    out->length = (size_t)length;
    out->width = (uint8_t)kind;
    out->ascii = state >> 6 & 1;
    return !out->ascii || kind == 1;
}

size_t text_data_offset(const struct layout *layout, const struct text_head *head)
{
    return head->ascii ? layout->ascii_data : layout->compact_data;
}

static uint32_t character(const void *data, uint8_t width, size_t index)
{
    const uint8_t *at = (const uint8_t *)data + index * width;
    uint32_t wide = 0;

    memcpy(&wide, at, width); /* little endian, and the field may be unaligned in a copy */
    if ((wide >= 0xd800 && wide <= 0xdfff) || wide > 0x10ffff)
        return 0xfffd;
    return wide;
}

static size_t put_character(uint32_t c, char *out, size_t cap)
{
    static const uint8_t lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    size_t len = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

    if (len > cap)
        return 0;
    for (size_t i = len; i-- > 1; c >>= 6)
        out[i] = (char)(0x80 | (c & 0x3f));
    out[0] = (char)(lead[len == 1 ? 0 : len] | c);
    return len;
}

size_t text_encode(const void *data, uint8_t width, size_t length, char *out, size_t cap)
{
    size_t used = 0;

    for (size_t i = 0; i < length; i++) {
        size_t len = put_character(character(data, width, i), out + used, cap - used);

        if (len == 0)
            break;
        used += len;
    }
    return used;
}

uint32_t text_intern(const struct layout *layout, const uint8_t *object)
{
    char buf[TEXT_BYTES_MAX];
    struct text_head head;
    const uint8_t *data;

    if (!object || !text_head_read(object, &head))
        return WIRE_NAME_OTHER;
    data = object + text_data_offset(layout, &head);
    if (head.ascii)
        return core_intern((const char *)data,
                           head.length < TEXT_BYTES_MAX ? head.length : TEXT_BYTES_MAX);
    return core_intern(buf, text_encode(data, head.width, head.length, buf, sizeof(buf)));
}
