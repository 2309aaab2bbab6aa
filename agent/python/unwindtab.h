/* SPDX-License-Identifier: MIT */
/*
 * The sorted function table of an ELF file in memory (.eh_frame_hdr), asked for the bounds of
 * the function around an address. Reads only what the headers bound.
 */
#ifndef LEAKD_AGENT_PYTHON_UNWINDTAB_H
#define LEAKD_AGENT_PYTHON_UNWINDTAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct unwindtab {
    const uint8_t *header;
    const uint8_t *entries; /* pairs of int32, relative to header */
    size_t count;
};

struct unwindtab_range {
    uintptr_t start;
    uintptr_t end;
};

/* The table of the file mapped around pc. False when it has none or of another form. */
bool unwindtab_open(uintptr_t pc, struct unwindtab *out);

/* The function around pc; for a split function the part around pc. */
bool unwindtab_find(const struct unwindtab *table, uintptr_t pc, struct unwindtab_range *out);

#endif
