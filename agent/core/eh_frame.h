/* SPDX-License-Identifier: MIT */
/*
 * From the .eh_frame tables of an image to the rule that finds the caller's registers at one
 * address. Pure: reads nothing outside the span handed in, whatever the tables say, and knows
 * x86_64's registers. What it cannot express in a rule it refuses.
 */
#ifndef LEAKD_AGENT_CORE_EH_FRAME_H
#define LEAKD_AGENT_CORE_EH_FRAME_H

#include <stdbool.h>
#include <stdint.h>

/* The registers that frames of real programs are found by. */
enum unwind_base {
    UNWIND_BASE_SP,
    UNWIND_BASE_FP, /* rbp */
    UNWIND_BASE_BX, /* rbx: glibc's lazy binding keeps its frame by it */
};

/* Where a register of the caller is to be read. */
enum unwind_place {
    UNWIND_PLACE_SAME, /* it was not touched */
    UNWIND_PLACE_CFA,  /* at CFA + offset */
    UNWIND_PLACE_SP,   /* at rsp + offset: a signal's frame */
    UNWIND_PLACE_FP,   /* at rbp + offset: a realigned stack */
};

/* Offsets in words of 8 bytes. CFA is the caller's stack pointer behind the return address. */
struct unwind_rule {
    uint8_t cfa_base; /* enum unwind_base */
    bool cfa_deref;   /* the CFA is the word at base + offset */
    bool is_end;      /* the outermost frame: no return address */
    bool is_signal;   /* the caller was interrupted, its pc is no return address */
    int32_t cfa_words;
    uint8_t ra_place; /* enum unwind_place, never SAME unless is_end */
    uint8_t fp_place;
    uint8_t bx_place;
    int8_t ra_words;
    int8_t fp_words;
    int8_t bx_words;
};

#define UNWIND_CFA_WORDS_MAX ((1 << 23) - 1) /* 64 MiB: what a packed rule holds */

/* Memory that may be read, with the .eh_frame_hdr in it. */
struct eh_frame_span {
    uintptr_t start;
    uintptr_t end;
    uintptr_t hdr;
};

/* The rule at pc, which is inside an instruction (a return address minus one). */
bool eh_frame_find_rule(const struct eh_frame_span *span, uintptr_t pc, struct unwind_rule *out);

#endif
