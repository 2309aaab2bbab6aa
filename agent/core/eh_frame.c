/* SPDX-License-Identifier: MIT */
#include "agent/core/eh_frame.h"

#include <stddef.h>
#include <string.h>

#include "agent/core/eh_frame_cfa.h"

/*
 * .eh_frame_hdr: version 1 | encodings of the three that follow | pointer to .eh_frame | count |
 * count pairs (function start, FDE), sorted, both relative to the header's address.
 * .eh_frame: records `u32 length | u32 back to the CIE, 0 in a CIE | ...`.
 */
#define HDR_COUNT_ENCODING 0x03u /* udata4 */
#define HDR_TABLE_ENCODING 0x3bu /* datarel, sdata4: the only one linkers write */
#define HDR_PAIR_BYTES     8

#define DWARF_RA 16 /* x86_64's column of the return address */

struct cie {
    uint64_t code_align;
    int64_t data_align;
    uint8_t pointer_encoding;
    bool has_augmentation;
    bool is_signal;
    struct wire_rd instructions;
};

static bool read_at(const struct eh_frame_span *span, uintptr_t at, struct wire_rd *rd)
{
    if (at < span->start || at >= span->end)
        return false;
    wire_rd_init(rd, (const void *)at, span->end - at);
    return true;
}

static int32_t read_s32(uintptr_t at)
{
    int32_t value;

    memcpy(&value, (const void *)at, sizeof(value));
    return value;
}

/* The FDE of the last function that starts at or before pc; 0 when there is none. */
static uintptr_t search_table(uintptr_t hdr, uintptr_t table, size_t count, uintptr_t pc)
{
    size_t low = 0;

    while (count > 0) {
        size_t half = count / 2;
        uintptr_t start = hdr + (uintptr_t)read_s32(table + (low + half) * HDR_PAIR_BYTES);

        if (start <= pc) {
            low += half + 1;
            count -= half + 1;
        } else {
            count = half;
        }
    }
    if (low == 0)
        return 0;
    return hdr + (uintptr_t)read_s32(table + (low - 1) * HDR_PAIR_BYTES + sizeof(int32_t));
}

static uintptr_t find_fde(const struct eh_frame_span *span, uintptr_t pc)
{
    struct wire_rd rd;
    uint8_t version, pointer_encoding, count_encoding, table_encoding;
    uint32_t count;

    if (!read_at(span, span->hdr, &rd))
        return 0;
    version = wire_rd_u8(&rd);
    pointer_encoding = wire_rd_u8(&rd);
    count_encoding = wire_rd_u8(&rd);
    table_encoding = wire_rd_u8(&rd);
    eh_rd_pointer(&rd, pointer_encoding, span->hdr);
    count = wire_rd_u32(&rd);
    if (rd.failed || version != 1 || count_encoding != HDR_COUNT_ENCODING ||
        table_encoding != HDR_TABLE_ENCODING || count > wire_rd_left(&rd) / HDR_PAIR_BYTES)
        return 0;
    return search_table(span->hdr, (uintptr_t)rd.pos, count, pc);
}

/* A record's body behind its length; the cursor ends where the record does. */
static bool open_record(const struct eh_frame_span *span, uintptr_t at, struct wire_rd *rd)
{
    struct wire_rd all;
    const uint8_t *body;
    uint32_t len;

    if (!read_at(span, at, &all))
        return false;
    len = wire_rd_u32(&all);
    body = wire_rd_bytes(&all, len); /* the escape to 64 bits, 0xffffffff, does not fit either */
    if (all.failed || len == 0)
        return false;
    wire_rd_init(rd, body, len);
    return true;
}

/* The part of a CIE that its augmentation string describes. */
static bool read_augmentation(struct wire_rd *rd, const char *letters, struct cie *cie)
{
    uint64_t len = eh_rd_uleb(rd);
    const uint8_t *data = len <= wire_rd_left(rd) ? wire_rd_bytes(rd, (size_t)len) : NULL;
    struct wire_rd part;

    if (!data)
        return false;
    wire_rd_init(&part, data, (size_t)len);
    for (; *letters; letters++) {
        if (*letters == 'R')
            cie->pointer_encoding = wire_rd_u8(&part);
        else if (*letters == 'L')
            wire_rd_u8(&part);
        else if (*letters == 'P')
            eh_rd_pointer(&part, wire_rd_u8(&part) & (uint8_t)~EH_PE_INDIRECT, 0);
        else if (*letters == 'S')
            cie->is_signal = true;
        else
            return false;
    }
    return !part.failed;
}

#define AUGMENTATION_BYTES_MAX 8

static bool read_letters(struct wire_rd *rd, char letters[AUGMENTATION_BYTES_MAX])
{
    for (size_t i = 0; i < AUGMENTATION_BYTES_MAX; i++) {
        letters[i] = (char)wire_rd_u8(rd);
        if (letters[i] == 0)
            return !rd->failed;
    }
    return false;
}

static bool read_cie(const struct eh_frame_span *span, uintptr_t at, struct cie *cie)
{
    struct wire_rd rd;
    char letters[AUGMENTATION_BYTES_MAX];
    uint32_t id;
    uint64_t ra_register;
    uint8_t version;

    memset(cie, 0, sizeof(*cie));
    if (!open_record(span, at, &rd))
        return false;
    id = wire_rd_u32(&rd);
    version = wire_rd_u8(&rd);
    if (rd.failed || id != 0 || (version != 1 && version != 3) || !read_letters(&rd, letters))
        return false;
    cie->code_align = eh_rd_uleb(&rd);
    cie->data_align = eh_rd_sleb(&rd);
    ra_register = version == 1 ? wire_rd_u8(&rd) : eh_rd_uleb(&rd);
    if (rd.failed || ra_register != DWARF_RA)
        return false;
    cie->has_augmentation = letters[0] == 'z';
    if (cie->has_augmentation && !read_augmentation(&rd, letters + 1, cie))
        return false;
    if (!cie->has_augmentation && letters[0] != 0)
        return false;
    cie->instructions = rd;
    return true;
}

static bool skip_augmentation(struct wire_rd *rd)
{
    uint64_t len = eh_rd_uleb(rd);

    return len <= wire_rd_left(rd) && wire_rd_bytes(rd, (size_t)len) != NULL;
}

/* Opens the FDE at `at`: its CIE, the first address it covers, and its instructions. */
static bool read_fde(const struct eh_frame_span *span, uintptr_t at, uintptr_t pc, struct cie *cie,
                     uintptr_t *begin, struct wire_rd *rd)
{
    uintptr_t field, range;
    uint32_t back;

    if (!open_record(span, at, rd))
        return false;
    field = (uintptr_t)rd->pos;
    back = wire_rd_u32(rd);
    if (rd->failed || back == 0 || !read_cie(span, field - back, cie))
        return false;
    *begin = eh_rd_pointer(rd, cie->pointer_encoding, span->hdr);
    range = eh_rd_pointer(rd, cie->pointer_encoding & EH_PE_FORMAT, span->hdr);
    if (rd->failed || pc - *begin >= range)
        return false;
    return !cie->has_augmentation || skip_augmentation(rd);
}

static bool fits_words(int64_t offset, int64_t max)
{
    return offset % 8 == 0 && offset / 8 <= max && offset / 8 >= -max;
}

/* A register's place as the rule says it; false: the rule has no word for it. */
static bool put_place(const struct cfa_row *row, enum cfa_register which, uint8_t *place,
                      int8_t *words)
{
    if (row->at[which].place >= CFA_PLACE_UNDEFINED || !fits_words(row->at[which].offset, INT8_MAX))
        return false;
    *place = row->at[which].place;
    *words = (int8_t)(row->at[which].offset / 8);
    return true;
}

static bool make_rule(const struct cfa_row *row, bool is_signal, struct unwind_rule *out)
{
    struct unwind_rule rule = {.is_signal = is_signal};

    rule.is_end = row->at[CFA_REGISTER_RA].place == CFA_PLACE_UNDEFINED;
    if (rule.is_end) {
        *out = rule;
        return true;
    }
    if (!row->known || !fits_words(row->cfa_offset, UNWIND_CFA_WORDS_MAX) ||
        row->at[CFA_REGISTER_RA].place == CFA_PLACE_SAME)
        return false;
    rule.cfa_base = row->cfa_base;
    rule.cfa_deref = row->cfa_deref;
    rule.cfa_words = (int32_t)(row->cfa_offset / 8);
    if (!put_place(row, CFA_REGISTER_RA, &rule.ra_place, &rule.ra_words) ||
        !put_place(row, CFA_REGISTER_FP, &rule.fp_place, &rule.fp_words))
        return false;
    /* Hardly any frame is found by rbx: not knowing it is no reason to stop. */
    if (!put_place(row, CFA_REGISTER_BX, &rule.bx_place, &rule.bx_words))
        rule.bx_place = UNWIND_PLACE_SAME;
    *out = rule;
    return true;
}

bool eh_frame_find_rule(const struct eh_frame_span *span, uintptr_t pc, struct unwind_rule *out)
{
    struct cfa_program program = {.pc = pc};
    struct wire_rd instructions;
    struct cie cie;
    uintptr_t fde = find_fde(span, pc);

    if (fde == 0 || !read_fde(span, fde, pc, &cie, &program.pc_now, &instructions))
        return false;
    program.code_align = cie.code_align;
    program.data_align = cie.data_align;
    program.pointer_encoding = cie.pointer_encoding;
    if (!cfa_run(&program, cie.instructions))
        return false;
    program.initial = program.row;
    if (!cfa_run(&program, instructions))
        return false;
    return make_rule(&program.row, cie.is_signal, out);
}
