/* SPDX-License-Identifier: MIT */
#include "daemon/symbol/dwarf_symbol.h"

#include <stdbool.h>
#include <stddef.h>

#include <gelf.h>

struct best {
    const char *name;
    uint64_t start;
    bool sized; /* the symbol's size says that it covers the address */
};

static bool is_function_symbol(const GElf_Sym *symbol)
{
    int type = GELF_ST_TYPE(symbol->st_info);

    return symbol->st_shndx != SHN_UNDEF &&
           (type == STT_FUNC || type == STT_GNU_IFUNC || type == STT_NOTYPE);
}

/* A symbol that covers the address beats one of unknown size before it; then the nearest wins. */
static void consider(const GElf_Sym *symbol, const char *name, uint64_t address, struct best *best)
{
    bool sized = symbol->st_size > 0 && address - symbol->st_value < symbol->st_size;

    if (!name || !name[0] || symbol->st_value > address || !is_function_symbol(symbol) ||
        (!sized && symbol->st_size > 0))
        return;
    if (best->name && (best->sized > sized ||
                       (best->sized == sized && best->start >= symbol->st_value)))
        return;
    *best = (struct best){.name = name, .start = symbol->st_value, .sized = sized};
}

static void search_symbols(Elf *elf, Elf_Scn *section, const GElf_Shdr *header, uint64_t address,
                           struct best *best)
{
    Elf_Data *data = elf_getdata(section, NULL);
    size_t count = data && header->sh_entsize ? data->d_size / header->sh_entsize : 0;

    for (size_t i = 0; i < count && i < INT32_MAX; i++) {
        GElf_Sym symbol;

        if (!gelf_getsym(data, (int)i, &symbol))
            return;
        if (symbol.st_value <= address)
            consider(&symbol, elf_strptr(elf, header->sh_link, symbol.st_name), address, best);
    }
}

static void search_tables(Elf *elf, GElf_Word type, uint64_t address, struct best *best)
{
    Elf_Scn *section = NULL;
    GElf_Shdr header;

    while ((section = elf_nextscn(elf, section))) {
        if (gelf_getshdr(section, &header) && header.sh_type == type)
            search_symbols(elf, section, &header, address, best);
    }
}

/* Symbols without a size (assembly, _start) are believed only inside an executable segment. */
static bool is_executable(Elf *elf, uint64_t address)
{
    size_t count;
    GElf_Phdr header;

    if (elf_getphdrnum(elf, &count) != 0)
        return false;
    for (size_t i = 0; i < count && i < UINT16_MAX; i++) {
        if (gelf_getphdr(elf, (int)i, &header) && header.p_type == PT_LOAD &&
            (header.p_flags & PF_X) && address >= header.p_vaddr &&
            address - header.p_vaddr < header.p_memsz)
            return true;
    }
    return false;
}

const char *dwarf_symbol_at(struct Elf *elf, uint64_t address)
{
    struct best best = {.name = NULL};

    if (!is_executable(elf, address))
        return NULL;
    search_tables(elf, SHT_SYMTAB, address, &best);
    if (!best.name || !best.sized)
        search_tables(elf, SHT_DYNSYM, address, &best);
    return best.name;
}
