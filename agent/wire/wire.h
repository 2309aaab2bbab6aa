/* SPDX-License-Identifier: MIT */
/*
 * The wire between agent and daemon: limits, record types and a bounds-checked cursor.
 * The one room that both sides include. No I/O, no allocation, no state; every function
 * may be called from any thread and inside malloc().
 *
 * A frame is `u32 body length | u16 type | u16 flags | body`, little endian, without
 * padding. agent/README.md is the specification.
 */
#ifndef LEAKD_AGENT_WIRE_WIRE_H
#define LEAKD_AGENT_WIRE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WIRE_PROTOCOL         1     /* this build speaks it; readers accept N-2..N */
#define WIRE_HEADER_BYTES     8
#define WIRE_BODY_BYTES_MAX   65528 /* a frame never exceeds 64 KiB with its header */
#define WIRE_STRING_BYTES_MAX 4096  /* longer names are cut by the writer, refused by the reader */
#define WIRE_STACK_FRAMES_MAX 64    /* frames of a site, leaf first */
#define WIRE_SITES_MAX        4096  /* sites a process; later ones go into WIRE_SITE_OTHER */
#define WIRE_TYPES_MAX        1024  /* types a process; later ones go into name id WIRE_NAME_OTHER */
#define WIRE_NAMES_MAX        65536 /* interned strings a process */
#define WIRE_MODULES_MAX      4096  /* ELF files a process ever mapped */
#define WIRE_BUILD_ID_MAX     32    /* bytes; GNU ld writes 20 */
#define WIRE_SNAPSHOT_ASKED_MAX 8   /* types a snapshot is asked about */
#define WIRE_SNAPSHOT_STEPS_MAX 16  /* steps of a path from a root to an object */

/* Ids are counted from 1 in order of first use; 0 has a meaning of its own. */
#define WIRE_SITE_OTHER     0 /* the sum of all sites that found no room in the table */
#define WIRE_NAME_OTHER     0
#define WIRE_MODULE_UNKNOWN 0 /* the frame's offset is then the absolute address */

/* Record types. Agent to daemon below 64, daemon to agent from 64. */
#define WIRE_TYPES(X)                                                                              \
    X(HELLO, 1)                                                                                    \
    X(MODULE, 2)                                                                                   \
    X(NAME, 3)                                                                                     \
    X(SITE, 4)                                                                                     \
    X(TOTALS, 5)                                                                                   \
    X(SITES, 6)                                                                                    \
    X(TYPES, 7)                                                                                    \
    X(GC, 8)                                                                                       \
    X(SMAPS, 9)                                                                                    \
    X(MARK, 10)                                                                                    \
    X(SNAPSHOT, 11)                                                                                \
    X(BYE, 12)                                                                                     \
    X(HEALTH, 13)                                                                                  \
    X(HEAP, 14)                                                                                    \
    X(WELCOME, 64)                                                                                 \
    X(ZOOM, 65)                                                                                    \
    X(SNAPSHOT_ORDER, 66)                                                                          \
    X(PAUSE, 67)

enum wire_type {
#define X(name, value) WIRE_##name = value,
    WIRE_TYPES(X)
#undef X
};

/* "HELLO" and so on, or "unknown". */
const char *wire_type_name(unsigned type);

/* Bytes with a length, borrowed from the buffer they were read from; not NUL-terminated. */
struct wire_str {
    const char *data;
    size_t len;
};

/*
 * Reading. A cursor that has once read past its end stays failed and yields zeros, so that a
 * reader may read all fields of a record and check `failed` once.
 */
struct wire_rd {
    const uint8_t *pos;
    const uint8_t *end;
    bool failed;
};

void wire_rd_init(struct wire_rd *rd, const void *data, size_t len);
uint8_t wire_rd_u8(struct wire_rd *rd);
uint16_t wire_rd_u16(struct wire_rd *rd);
uint32_t wire_rd_u32(struct wire_rd *rd);
uint64_t wire_rd_u64(struct wire_rd *rd);
/* u16 length, then bytes. Longer than WIRE_STRING_BYTES_MAX fails the cursor. */
struct wire_str wire_rd_str(struct wire_rd *rd);
/* Exactly len bytes; NULL when they are not there. */
const uint8_t *wire_rd_bytes(struct wire_rd *rd, size_t len);
size_t wire_rd_left(const struct wire_rd *rd);

/*
 * Writing into a fixed buffer. What does not fit sets `failed`; wire_frame_end then takes the
 * half-written frame back, so that a buffer always holds whole frames.
 */
struct wire_wr {
    uint8_t *start;
    uint8_t *pos;
    uint8_t *end;
    uint8_t *frame; /* header of the open frame, NULL between frames */
    bool failed;
};

void wire_wr_init(struct wire_wr *wr, void *data, size_t len);
void wire_wr_u8(struct wire_wr *wr, uint8_t value);
void wire_wr_u16(struct wire_wr *wr, uint16_t value);
void wire_wr_u32(struct wire_wr *wr, uint32_t value);
void wire_wr_u64(struct wire_wr *wr, uint64_t value);
/* Cuts the string at WIRE_STRING_BYTES_MAX. */
void wire_wr_str(struct wire_wr *wr, const char *data, size_t len);
void wire_wr_bytes(struct wire_wr *wr, const void *data, size_t len);
size_t wire_wr_len(const struct wire_wr *wr);
void wire_frame_begin(struct wire_wr *wr, enum wire_type type);
/* True when the frame is whole. Else the frame is gone, `failed` is cleared, all before it stays. */
bool wire_frame_end(struct wire_wr *wr);

/* The header of a frame. */
struct wire_frame {
    uint16_t type; /* not necessarily one of enum wire_type */
    uint16_t flags;
    const uint8_t *body;
    size_t body_len;
};

/*
 * Takes the first frame off data. Returns its length with header, 0 when more bytes are needed,
 * -EMSGSIZE when the length field exceeds WIRE_BODY_BYTES_MAX (known from the first 4 bytes).
 */
long wire_frame_take(const void *data, size_t len, struct wire_frame *out);

#endif
