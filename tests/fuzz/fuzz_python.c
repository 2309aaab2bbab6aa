/* SPDX-License-Identifier: MIT */
/*
 * What agent/python reads out of the interpreter's memory: line tables, strings and the table of
 * offsets. Compiled in here, because the agent's rooms are built without sanitizers.
 *
 * Input: u8 which reader | i8 first line | u16 where | the table.
 */
#include "agent/python/layout.c"
#include "agent/python/line.c"
#include "agent/python/text.c"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

uint32_t core_intern(const char *data, size_t len)
{
    uint32_t sum = 1;

    for (size_t i = 0; i < len; i++) /* every byte is readable */
        sum += (uint8_t)data[i];
    return sum;
}

static void read_text(const uint8_t *table, size_t len)
{
    struct text_head head;
    char out[64];

    if (len < TEXT_HEAD_BYTES || !text_head_read(table, &head))
        return;
    table += TEXT_HEAD_BYTES;
    len -= TEXT_HEAD_BYTES;
    if (head.length > len / head.width)
        head.length = len / head.width;
    if (text_encode(table, head.width, head.length, out, sizeof(out)) > sizeof(out))
        abort();
}

static void read_version(const uint8_t *table, size_t len)
{
    struct layout_version version;
    char *text = calloc(1, len + 1);

    if (!text)
        abort();
    memcpy(text, table, len);
    layout_parse_version(text, &version);
    free(text);
}

static void read_offsets(const uint8_t *table, size_t len, uint8_t minor)
{
    struct layout layout = *layout_find(3, minor);
    uint8_t offsets[LAYOUT_OFFSETS_BYTES] = "xdebugpy\0\0\x0d\x03";

    offsets[10] = minor;
    if (len > sizeof(offsets) - 16)
        len = sizeof(offsets) - 16;
    memcpy(offsets + 16, table, len);
    layout_apply_offsets(&layout, offsets, sizeof(offsets));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int first_line;
    int64_t at;

    if (size < 4)
        return 0;
    first_line = (int8_t)data[1];
    at = (int16_t)(data[2] | data[3] << 8);
    switch (data[0] % 6) {
    case 0:
        line_by_lnotab(data + 4, size - 4, first_line, at);
        break;
    case 1:
        line_by_linetable(data + 4, size - 4, first_line, at);
        break;
    case 2:
        line_by_locations(data + 4, size - 4, first_line, at);
        break;
    case 3:
        read_text(data + 4, size - 4);
        break;
    case 4:
        read_version(data + 4, size - 4);
        break;
    default:
        read_offsets(data + 4, size - 4, data[1] & 1 ? 14 : 13);
    }
    return 0;
}
