/* SPDX-License-Identifier: MIT */
/*
 * The call frame programs of .eh_frame: one row of the table they describe, run up to an address.
 * Inside eh_frame.c and eh_frame_cfa.c only.
 */
#ifndef LEAKD_AGENT_CORE_EH_FRAME_CFA_H
#define LEAKD_AGENT_CORE_EH_FRAME_CFA_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/core/eh_frame.h"
#include "agent/wire/wire.h"

/* Pointer encodings: the low half is the format, the high half what it is relative to. */
#define EH_PE_OMIT     0xffu
#define EH_PE_FORMAT   0x0fu
#define EH_PE_PCREL    0x10u
#define EH_PE_DATAREL  0x30u
#define EH_PE_INDIRECT 0x80u

enum cfa_register { CFA_REGISTER_RA, CFA_REGISTER_FP, CFA_REGISTER_BX, CFA_REGISTERS };

enum cfa_place {
    CFA_PLACE_SAME = UNWIND_PLACE_SAME,
    CFA_PLACE_CFA = UNWIND_PLACE_CFA,
    CFA_PLACE_SP = UNWIND_PLACE_SP,
    CFA_PLACE_FP = UNWIND_PLACE_FP,
    CFA_PLACE_UNDEFINED,
    CFA_PLACE_STRANGE, /* something a rule cannot say */
};

struct cfa_row {
    bool known; /* the CFA can be expressed */
    bool cfa_deref;
    uint8_t cfa_base;
    int64_t cfa_offset;
    struct {
        uint8_t place; /* enum cfa_place */
        int64_t offset;
    } at[CFA_REGISTERS];
};

struct cfa_program {
    uint64_t code_align;
    int64_t data_align;
    uint8_t pointer_encoding;
    uintptr_t pc;     /* the row wanted */
    uintptr_t pc_now; /* the row the program has come to */
    struct cfa_row row;
    struct cfa_row initial; /* what the CIE set: for DW_CFA_restore */
};

/* Cursor functions beyond wire.h's. Readers of numbers that do not fit fail the cursor. */
uint64_t eh_rd_uleb(struct wire_rd *rd);
int64_t eh_rd_sleb(struct wire_rd *rd);
/* hdr is what EH_PE_DATAREL is relative to. */
uintptr_t eh_rd_pointer(struct wire_rd *rd, uint8_t encoding, uintptr_t hdr);

/* Runs the instructions until they pass program->pc. False when they make no sense. */
bool cfa_run(struct cfa_program *program, struct wire_rd instructions);

#endif
