/* SPDX-License-Identifier: MIT */
/* Function symbols of an ELF file, without DWARF. For dwarf.c only. */
#ifndef LEAKD_SYMBOL_DWARF_SYMBOL_H
#define LEAKD_SYMBOL_DWARF_SYMBOL_H

#include <stdint.h>

struct Elf;

/* Name, borrowed, of the function symbol around address, from .symtab, else .dynsym; NULL: none. */
const char *dwarf_symbol_at(struct Elf *elf, uint64_t address);

#endif
