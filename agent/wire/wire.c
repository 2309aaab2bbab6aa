/* SPDX-License-Identifier: MIT */
#include "agent/wire/wire.h"

#include <errno.h>
#include <string.h>

const char *wire_type_name(unsigned type)
{
    switch (type) {
#define X(name, value)                                                                             \
    case value:                                                                                    \
        return #name;
        WIRE_TYPES(X)
#undef X
    default:
        return "unknown";
    }
}

void wire_rd_init(struct wire_rd *rd, const void *data, size_t len)
{
    rd->pos = data;
    rd->end = rd->pos + len;
    rd->failed = false;
}

const uint8_t *wire_rd_bytes(struct wire_rd *rd, size_t len)
{
    const uint8_t *bytes = rd->pos;

    if (rd->failed || len > (size_t)(rd->end - rd->pos)) {
        rd->failed = true;
        return NULL;
    }
    rd->pos += len;
    return bytes;
}

static uint64_t read_little_endian(struct wire_rd *rd, size_t len)
{
    const uint8_t *bytes = wire_rd_bytes(rd, len);
    uint64_t value = 0;

    for (size_t i = len; bytes && i-- > 0;)
        value = value << 8 | bytes[i];
    return value;
}

uint8_t wire_rd_u8(struct wire_rd *rd)
{
    return (uint8_t)read_little_endian(rd, 1);
}

uint16_t wire_rd_u16(struct wire_rd *rd)
{
    return (uint16_t)read_little_endian(rd, 2);
}

uint32_t wire_rd_u32(struct wire_rd *rd)
{
    return (uint32_t)read_little_endian(rd, 4);
}

uint64_t wire_rd_u64(struct wire_rd *rd)
{
    return read_little_endian(rd, 8);
}

struct wire_str wire_rd_str(struct wire_rd *rd)
{
    struct wire_str str = {"", 0};
    size_t len = wire_rd_u16(rd);
    const uint8_t *bytes;

    if (len > WIRE_STRING_BYTES_MAX)
        rd->failed = true;
    bytes = wire_rd_bytes(rd, len);
    if (bytes) {
        str.data = (const char *)bytes;
        str.len = len;
    }
    return str;
}

size_t wire_rd_left(const struct wire_rd *rd)
{
    return rd->failed ? 0 : (size_t)(rd->end - rd->pos);
}

void wire_wr_init(struct wire_wr *wr, void *data, size_t len)
{
    wr->start = data;
    wr->pos = wr->start;
    wr->end = wr->start + len;
    wr->frame = NULL;
    wr->failed = false;
}

void wire_wr_bytes(struct wire_wr *wr, const void *data, size_t len)
{
    if (wr->failed || len > (size_t)(wr->end - wr->pos)) {
        wr->failed = true;
        return;
    }
    if (len > 0)
        memcpy(wr->pos, data, len);
    wr->pos += len;
}

static void write_little_endian(struct wire_wr *wr, uint64_t value, size_t len)
{
    uint8_t bytes[8];

    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)(value >> (8 * i));
    wire_wr_bytes(wr, bytes, len);
}

void wire_wr_u8(struct wire_wr *wr, uint8_t value)
{
    write_little_endian(wr, value, 1);
}

void wire_wr_u16(struct wire_wr *wr, uint16_t value)
{
    write_little_endian(wr, value, 2);
}

void wire_wr_u32(struct wire_wr *wr, uint32_t value)
{
    write_little_endian(wr, value, 4);
}

void wire_wr_u64(struct wire_wr *wr, uint64_t value)
{
    write_little_endian(wr, value, 8);
}

void wire_wr_str(struct wire_wr *wr, const char *data, size_t len)
{
    if (len > WIRE_STRING_BYTES_MAX)
        len = WIRE_STRING_BYTES_MAX;
    wire_wr_u16(wr, (uint16_t)len);
    wire_wr_bytes(wr, data, len);
}

size_t wire_wr_len(const struct wire_wr *wr)
{
    return (size_t)(wr->pos - wr->start);
}

void wire_frame_begin(struct wire_wr *wr, enum wire_type type)
{
    wr->frame = wr->pos;
    wire_wr_u32(wr, 0); /* the length, known at wire_frame_end */
    wire_wr_u16(wr, (uint16_t)type);
    wire_wr_u16(wr, 0);
}

bool wire_frame_end(struct wire_wr *wr)
{
    uint8_t *frame = wr->frame;
    size_t body_len = (size_t)(wr->pos - frame) - WIRE_HEADER_BYTES;
    struct wire_wr header;

    wr->frame = NULL;
    if (wr->failed || body_len > WIRE_BODY_BYTES_MAX) {
        wr->pos = frame;
        wr->failed = false;
        return false;
    }
    wire_wr_init(&header, frame, 4);
    wire_wr_u32(&header, (uint32_t)body_len);
    return true;
}

long wire_frame_take(const void *data, size_t len, struct wire_frame *out)
{
    struct wire_rd rd;
    uint32_t body_len;

    wire_rd_init(&rd, data, len);
    body_len = wire_rd_u32(&rd);
    if (rd.failed)
        return 0;
    if (body_len > WIRE_BODY_BYTES_MAX)
        return -EMSGSIZE;
    if (len < WIRE_HEADER_BYTES + (size_t)body_len)
        return 0;
    out->type = wire_rd_u16(&rd);
    out->flags = wire_rd_u16(&rd);
    out->body = wire_rd_bytes(&rd, body_len);
    out->body_len = body_len;
    return (long)(WIRE_HEADER_BYTES + body_len);
}
