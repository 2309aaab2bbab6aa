/* SPDX-License-Identifier: MIT */
#include "agent/python/line.h"

static uint32_t line_or_zero(int64_t line)
{
    return line > 0 && line <= INT32_MAX ? (uint32_t)line : 0;
}

uint32_t line_by_lnotab(const uint8_t *table, size_t len, int first_line, int64_t at_bytes)
{
    int64_t line = first_line;
    int64_t address = 0;

    for (size_t i = 0; i + 1 < len; i += 2) {
        address += table[i];
        if (address > at_bytes)
            break;
        line += (int8_t)table[i + 1];
    }
    return line_or_zero(line);
}

#define LINETABLE_NO_LINE (-128)

uint32_t line_by_linetable(const uint8_t *table, size_t len, int first_line, int64_t at_bytes)
{
    int64_t line = first_line;
    int64_t end = 0;

    if (at_bytes < 0)
        return line_or_zero(line);
    for (size_t i = 0; i + 1 < len; i += 2) {
        int delta = (int8_t)table[i + 1];

        end += table[i];
        if (delta != LINETABLE_NO_LINE)
            line += delta;
        if (at_bytes < end)
            return delta == LINETABLE_NO_LINE ? 0 : line_or_zero(line);
    }
    return 0;
}

/* Kinds of location entries, bits 3..6 of the first byte; 0..9 are the short form. */
enum location_kind {
    LOCATION_ONE_LINE_0 = 10, /* the line moves by kind - 10 */
    LOCATION_ONE_LINE_2 = 12,
    LOCATION_NO_COLUMNS = 13, /* signed varint of lines follows */
    LOCATION_LONG = 14,       /* the same, then three varints */
    LOCATION_NONE = 15,
};

/* Six bits a byte, lowest first, bit 6 means more; bit 0 of the value is the sign. */
static int64_t read_signed(const uint8_t *table, size_t len, size_t at)
{
    uint64_t value = 0;

    for (unsigned shift = 0; at < len && shift <= 30; shift += 6, at++) {
        value |= (uint64_t)(table[at] & 63) << shift;
        if (!(table[at] & 64))
            break;
    }
    return value & 1 ? -(int64_t)(value >> 1) : (int64_t)(value >> 1);
}

uint32_t line_by_locations(const uint8_t *table, size_t len, int first_line, int64_t at_units)
{
    int64_t line = first_line;
    int64_t end = 0;
    size_t i = 0;

    if (at_units < 0)
        return line_or_zero(line);
    while (i < len) {
        unsigned kind = table[i] >> 3 & 15;

        end += (table[i] & 7) + 1;
        i++;
        if (kind == LOCATION_NO_COLUMNS || kind == LOCATION_LONG)
            line += read_signed(table, len, i);
        else if (kind >= LOCATION_ONE_LINE_0 && kind <= LOCATION_ONE_LINE_2)
            line += kind - LOCATION_ONE_LINE_0;
        if (at_units < end)
            return kind == LOCATION_NONE ? 0 : line_or_zero(line);
        while (i < len && !(table[i] & 128)) /* only first bytes carry bit 7 */
            i++;
    }
    return 0;
}
