/* SPDX-License-Identifier: MIT */
#include "agent/core/eh_frame_cfa.h"

#include <stddef.h>
#include <string.h>

#define LEB_BITS_MAX   63
#define REMEMBERED_MAX 8
#define EXPRESSION_MAX 8 /* depth of an expression's stack */

/* DWARF's numbers of x86_64's registers. */
enum { DWARF_RBX = 3, DWARF_RBP = 6, DWARF_RSP = 7, DWARF_RIP = 16 };

enum cfa_op {
    CFA_ADVANCE = 0x40, /* in the two upper bits, with an operand below */
    CFA_OFFSET = 0x80,
    CFA_RESTORE = 0xc0,
    CFA_NOP = 0x00,
    CFA_SET_LOC = 0x01,
    CFA_ADVANCE1 = 0x02,
    CFA_ADVANCE2 = 0x03,
    CFA_ADVANCE4 = 0x04,
    CFA_OFFSET_EXTENDED = 0x05,
    CFA_RESTORE_EXTENDED = 0x06,
    CFA_UNDEFINED = 0x07,
    CFA_SAME_VALUE = 0x08,
    CFA_REGISTER = 0x09,
    CFA_REMEMBER_STATE = 0x0a,
    CFA_RESTORE_STATE = 0x0b,
    CFA_DEF_CFA = 0x0c,
    CFA_DEF_CFA_REGISTER = 0x0d,
    CFA_DEF_CFA_OFFSET = 0x0e,
    CFA_DEF_CFA_EXPRESSION = 0x0f,
    CFA_EXPRESSION = 0x10,
    CFA_OFFSET_EXTENDED_SF = 0x11,
    CFA_DEF_CFA_SF = 0x12,
    CFA_DEF_CFA_OFFSET_SF = 0x13,
    CFA_VAL_OFFSET = 0x14,
    CFA_VAL_OFFSET_SF = 0x15,
    CFA_VAL_EXPRESSION = 0x16,
    CFA_GNU_ARGS_SIZE = 0x2e,
};

enum expression_op {
    OP_DEREF = 0x06,
    OP_CONST1U = 0x08,
    OP_CONST1S = 0x09,
    OP_CONST2U = 0x0a,
    OP_CONST2S = 0x0b,
    OP_CONST4U = 0x0c,
    OP_CONST4S = 0x0d,
    OP_CONSTU = 0x10,
    OP_CONSTS = 0x11,
    OP_AND = 0x1a,
    OP_MINUS = 0x1c,
    OP_PLUS = 0x22,
    OP_PLUS_UCONST = 0x23,
    OP_SHL = 0x24,
    OP_GE = 0x2a,
    OP_LIT0 = 0x30,
    OP_LIT31 = 0x4f,
    OP_BREG0 = 0x70,
    OP_BREG31 = 0x8f,
};

/* A value of an expression, as far as it can be known without registers: one of them plus an
 * offset, or the word there. */
enum term_base { TERM_SP, TERM_FP, TERM_BX, TERM_CFA, TERM_NONE };

struct term {
    uint8_t base; /* enum term_base; the first three are enum unwind_base */
    bool deref;
    uint64_t offset;
};

struct remembered {
    struct cfa_row rows[REMEMBERED_MAX];
    size_t count;
};

uint64_t eh_rd_uleb(struct wire_rd *rd)
{
    uint64_t value = 0;

    for (unsigned shift = 0; shift < LEB_BITS_MAX; shift += 7) {
        uint8_t byte = wire_rd_u8(rd);

        value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return value;
    }
    rd->failed = true;
    return 0;
}

int64_t eh_rd_sleb(struct wire_rd *rd)
{
    uint64_t value = 0;

    for (unsigned shift = 0; shift < LEB_BITS_MAX; shift += 7) {
        uint8_t byte = wire_rd_u8(rd);

        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte & 0x80)
            continue;
        if (byte & 0x40)
            value |= ~(uint64_t)0 << (shift + 7);
        return (int64_t)value;
    }
    rd->failed = true;
    return 0;
}

static uintptr_t read_format(struct wire_rd *rd, uint8_t format)
{
    switch (format) {
    case 0x00: /* absptr */
    case 0x04: /* udata8 */
    case 0x0c: /* sdata8 */
        return wire_rd_u64(rd);
    case 0x01:
        return eh_rd_uleb(rd);
    case 0x02:
        return wire_rd_u16(rd);
    case 0x03:
        return wire_rd_u32(rd);
    case 0x09:
        return (uintptr_t)eh_rd_sleb(rd);
    case 0x0a:
        return (uintptr_t)(int16_t)wire_rd_u16(rd);
    case 0x0b:
        return (uintptr_t)(int32_t)wire_rd_u32(rd);
    default:
        rd->failed = true;
        return 0;
    }
}

uintptr_t eh_rd_pointer(struct wire_rd *rd, uint8_t encoding, uintptr_t hdr)
{
    uintptr_t field = (uintptr_t)rd->pos;
    uintptr_t value;

    if (encoding == EH_PE_OMIT)
        return 0;
    value = read_format(rd, encoding & EH_PE_FORMAT);
    switch (encoding & (uint8_t)~EH_PE_FORMAT) {
    case 0:
        return value;
    case EH_PE_PCREL:
        return field + value;
    case EH_PE_DATAREL:
        return hdr + value;
    default: /* among them indirect ones, which would be a read elsewhere */
        rd->failed = true;
        return 0;
    }
}

/* ---- expressions ---------------------------------------------------------------------------- */

static struct term term_constant(uint64_t value)
{
    return (struct term){.base = TERM_NONE, .offset = value};
}

static bool term_register(uint64_t number, int64_t offset, uintptr_t pc, struct term *out)
{
    *out = (struct term){.offset = (uint64_t)offset};
    switch (number) {
    case DWARF_RSP:
        out->base = TERM_SP;
        return true;
    case DWARF_RBP:
        out->base = TERM_FP;
        return true;
    case DWARF_RBX:
        out->base = TERM_BX;
        return true;
    case DWARF_RIP: /* known: the rule is for this address */
        *out = term_constant(pc + (uint64_t)offset);
        return true;
    default:
        return false;
    }
}

/* Operators of two terms. Only a sum may have a register in it. */
static bool term_combine(uint8_t op, struct term *a, struct term b)
{
    if (a->deref || b.deref)
        return false;
    if (op == OP_PLUS && (a->base == TERM_NONE || b.base == TERM_NONE)) {
        a->base = a->base == TERM_NONE ? b.base : a->base;
        a->offset += b.offset;
        return true;
    }
    if (op == OP_MINUS && b.base == TERM_NONE) {
        a->offset -= b.offset;
        return true;
    }
    if (a->base != TERM_NONE || b.base != TERM_NONE)
        return false;
    if (op == OP_AND)
        a->offset &= b.offset;
    else if (op == OP_GE)
        a->offset = (int64_t)a->offset >= (int64_t)b.offset;
    else if (op == OP_SHL)
        a->offset = b.offset < 64 ? a->offset << b.offset : 0;
    else
        return false;
    return true;
}

/* Operators that push one term. */
static bool term_read(uint8_t op, struct wire_rd *rd, uintptr_t pc, struct term *out)
{
    if (op >= OP_LIT0 && op <= OP_LIT31) {
        *out = term_constant((uint64_t)(op - OP_LIT0));
        return true;
    }
    if (op >= OP_BREG0 && op <= OP_BREG31)
        return term_register((uint64_t)(op - OP_BREG0), eh_rd_sleb(rd), pc, out);
    switch (op) {
    case OP_CONST1U:
        *out = term_constant(wire_rd_u8(rd));
        return true;
    case OP_CONST1S:
        *out = term_constant((uint64_t)(int8_t)wire_rd_u8(rd));
        return true;
    case OP_CONST2U:
        *out = term_constant(wire_rd_u16(rd));
        return true;
    case OP_CONST2S:
        *out = term_constant((uint64_t)(int16_t)wire_rd_u16(rd));
        return true;
    case OP_CONST4U:
        *out = term_constant(wire_rd_u32(rd));
        return true;
    case OP_CONST4S:
        *out = term_constant((uint64_t)(int32_t)wire_rd_u32(rd));
        return true;
    case OP_CONSTU:
        *out = term_constant(eh_rd_uleb(rd));
        return true;
    case OP_CONSTS:
        *out = term_constant((uint64_t)eh_rd_sleb(rd));
        return true;
    default:
        return false;
    }
}

static bool evaluate(struct wire_rd *rd, uintptr_t pc, bool cfa_pushed, struct term *out)
{
    struct term stack[EXPRESSION_MAX] = {{.base = TERM_CFA}};
    size_t count = cfa_pushed ? 1 : 0;

    while (wire_rd_left(rd) > 0) {
        uint8_t op = wire_rd_u8(rd);

        if (op == OP_DEREF || op == OP_PLUS_UCONST) {
            if (count == 0 || stack[count - 1].deref)
                return false;
            if (op == OP_DEREF)
                stack[count - 1].deref = true;
            else
                stack[count - 1].offset += eh_rd_uleb(rd);
        } else if (op == OP_PLUS || op == OP_MINUS || op == OP_AND || op == OP_SHL || op == OP_GE) {
            if (count < 2 || !term_combine(op, &stack[count - 2], stack[count - 1]))
                return false;
            count--;
        } else if (count == EXPRESSION_MAX || !term_read(op, rd, pc, &stack[count++])) {
            return false;
        }
    }
    if (rd->failed || count == 0)
        return false;
    *out = stack[count - 1];
    return true;
}

static void read_block(struct wire_rd *rd, struct wire_rd *block)
{
    uint64_t len = eh_rd_uleb(rd);
    const uint8_t *data = len <= wire_rd_left(rd) ? wire_rd_bytes(rd, (size_t)len) : NULL;

    if (!data)
        rd->failed = true;
    wire_rd_init(block, data ? data : rd->pos, data ? (size_t)len : 0);
}

static void define_cfa_by_expression(struct cfa_program *program, struct wire_rd *rd)
{
    struct wire_rd block;
    struct term term;

    read_block(rd, &block);
    program->row.known = evaluate(&block, program->pc, false, &term) && term.base <= TERM_BX;
    if (!program->row.known)
        return;
    program->row.cfa_base = term.base;
    program->row.cfa_deref = term.deref;
    program->row.cfa_offset = (int64_t)term.offset;
}

/* ---- rows ----------------------------------------------------------------------------------- */

/* CFA_REGISTERS for the many registers that no frame is found by. */
static enum cfa_register register_of(uint64_t number)
{
    switch (number) {
    case DWARF_RIP:
        return CFA_REGISTER_RA;
    case DWARF_RBP:
        return CFA_REGISTER_FP;
    case DWARF_RBX:
        return CFA_REGISTER_BX;
    default:
        return CFA_REGISTERS;
    }
}

static void put_at(struct cfa_program *program, uint64_t number, enum cfa_place place,
                   int64_t offset)
{
    enum cfa_register which = register_of(number);

    if (which == CFA_REGISTERS)
        return;
    program->row.at[which].place = (uint8_t)place;
    program->row.at[which].offset = offset;
}

static void put_offset(struct cfa_program *program, uint64_t number, uint64_t factored)
{
    put_at(program, number, CFA_PLACE_CFA, (int64_t)(factored * (uint64_t)program->data_align));
}

static void put_expression(struct cfa_program *program, uint64_t number, struct wire_rd *rd)
{
    static const uint8_t places[] = {
        [TERM_SP] = CFA_PLACE_SP,       [TERM_FP] = CFA_PLACE_FP,     [TERM_BX] = CFA_PLACE_STRANGE,
        [TERM_CFA] = CFA_PLACE_CFA,     [TERM_NONE] = CFA_PLACE_STRANGE,
    };
    struct wire_rd block;
    struct term term;

    read_block(rd, &block);
    if (evaluate(&block, program->pc, true, &term) && !term.deref)
        put_at(program, number, places[term.base], (int64_t)term.offset);
    else
        put_at(program, number, CFA_PLACE_STRANGE, 0);
}

static void restore(struct cfa_program *program, uint64_t number)
{
    enum cfa_register which = register_of(number);

    if (which != CFA_REGISTERS)
        program->row.at[which] = program->initial.at[which];
}

static void define_cfa_register(struct cfa_program *program, uint64_t number)
{
    struct term term;

    program->row.known = number != DWARF_RIP && term_register(number, 0, 0, &term);
    program->row.cfa_deref = false;
    if (program->row.known)
        program->row.cfa_base = term.base;
}

static void advance(struct cfa_program *program, uint64_t delta)
{
    uintptr_t next = program->pc_now + delta * program->code_align;

    /* A program that goes backwards would never pass pc. */
    program->pc_now = next >= program->pc_now ? next : UINTPTR_MAX;
}

/* ---- instructions --------------------------------------------------------------------------- */

/* Those that move the address. False: op is none of them. */
static bool run_move(struct cfa_program *program, uint8_t op, struct wire_rd *rd)
{
    switch (op) {
    case CFA_SET_LOC:
        program->pc_now = eh_rd_pointer(rd, program->pointer_encoding, 0);
        return true;
    case CFA_ADVANCE1:
        advance(program, wire_rd_u8(rd));
        return true;
    case CFA_ADVANCE2:
        advance(program, wire_rd_u16(rd));
        return true;
    case CFA_ADVANCE4:
        advance(program, wire_rd_u32(rd));
        return true;
    default:
        return false;
    }
}

static bool run_cfa(struct cfa_program *program, uint8_t op, struct wire_rd *rd)
{
    switch (op) {
    case CFA_DEF_CFA:
        define_cfa_register(program, eh_rd_uleb(rd));
        program->row.cfa_offset = (int64_t)eh_rd_uleb(rd);
        return true;
    case CFA_DEF_CFA_SF:
        define_cfa_register(program, eh_rd_uleb(rd));
        program->row.cfa_offset = (int64_t)((uint64_t)eh_rd_sleb(rd) * (uint64_t)program->data_align);
        return true;
    case CFA_DEF_CFA_REGISTER:
        define_cfa_register(program, eh_rd_uleb(rd));
        return true;
    case CFA_DEF_CFA_OFFSET:
        program->row.cfa_offset = (int64_t)eh_rd_uleb(rd);
        return true;
    case CFA_DEF_CFA_OFFSET_SF:
        program->row.cfa_offset = (int64_t)((uint64_t)eh_rd_sleb(rd) * (uint64_t)program->data_align);
        return true;
    case CFA_DEF_CFA_EXPRESSION:
        define_cfa_by_expression(program, rd);
        return true;
    default:
        return false;
    }
}

static bool run_register(struct cfa_program *program, uint8_t op, struct wire_rd *rd)
{
    uint64_t number = eh_rd_uleb(rd);
    struct wire_rd block;

    switch (op) {
    case CFA_OFFSET_EXTENDED:
        put_offset(program, number, eh_rd_uleb(rd));
        return true;
    case CFA_OFFSET_EXTENDED_SF:
        put_offset(program, number, (uint64_t)eh_rd_sleb(rd));
        return true;
    case CFA_RESTORE_EXTENDED:
        restore(program, number);
        return true;
    case CFA_UNDEFINED:
        put_at(program, number, CFA_PLACE_UNDEFINED, 0);
        return true;
    case CFA_SAME_VALUE:
        put_at(program, number, CFA_PLACE_SAME, 0);
        return true;
    case CFA_EXPRESSION:
        put_expression(program, number, rd);
        return true;
    case CFA_REGISTER:
    case CFA_VAL_OFFSET:
    case CFA_VAL_OFFSET_SF:
        eh_rd_uleb(rd); /* skipping a signed number is the same */
        put_at(program, number, CFA_PLACE_STRANGE, 0);
        return true;
    case CFA_VAL_EXPRESSION:
        read_block(rd, &block);
        put_at(program, number, CFA_PLACE_STRANGE, 0);
        return true;
    default:
        return false;
    }
}

static bool run_state(struct cfa_program *program, uint8_t op, struct remembered *remembered)
{
    if (op == CFA_REMEMBER_STATE && remembered->count < REMEMBERED_MAX) {
        remembered->rows[remembered->count++] = program->row;
        return true;
    }
    if (op == CFA_RESTORE_STATE && remembered->count > 0) {
        program->row = remembered->rows[--remembered->count];
        return true;
    }
    return false;
}

static bool run_one(struct cfa_program *program, struct wire_rd *rd, struct remembered *remembered)
{
    uint8_t op = wire_rd_u8(rd);
    uint8_t operand = op & 0x3f;

    switch (op & 0xc0) {
    case CFA_ADVANCE:
        advance(program, operand);
        return true;
    case CFA_OFFSET:
        put_offset(program, operand, eh_rd_uleb(rd));
        return true;
    case CFA_RESTORE:
        restore(program, operand);
        return true;
    default:
        break;
    }
    if (op == CFA_NOP)
        return true;
    if (op == CFA_GNU_ARGS_SIZE) {
        eh_rd_uleb(rd);
        return true;
    }
    if (op == CFA_REMEMBER_STATE || op == CFA_RESTORE_STATE)
        return run_state(program, op, remembered);
    return run_move(program, op, rd) || run_cfa(program, op, rd) || run_register(program, op, rd);
}

bool cfa_run(struct cfa_program *program, struct wire_rd instructions)
{
    struct remembered remembered;

    remembered.count = 0;
    while (program->pc_now <= program->pc && wire_rd_left(&instructions) > 0) {
        if (!run_one(program, &instructions, &remembered) || instructions.failed)
            return false;
    }
    return true;
}
