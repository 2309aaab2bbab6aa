/* SPDX-License-Identifier: MIT */
/*
 * One ELF file and what its symbol table and DWARF say; dwarf*.c are the only door to elfutils. The
 * file may be hostile: nothing here maps it (a file cut short while mapped would kill the daemon),
 * recurses by its contents, opens a file that it names, or works on one address for longer than
 * DWARF_LOOKUP_MS. Blocking; used by one thread at a time. Knows no debuginfod.
 */
#ifndef LEAKD_SYMBOL_DWARF_H
#define LEAKD_SYMBOL_DWARF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DWARF_FILE_BYTES_MAX  ((uint64_t)1 << 30)
#define DWARF_DEBUG_BYTES_MAX ((uint64_t)256 << 20) /* of debug sections, unpacked; more: not read */
#define DWARF_LOOKUP_MS       1000

struct dwarf_file;

struct dwarf_id {
    const uint8_t *data; /* borrowed from the file */
    size_t len;
};

/* A frame as the DWARF has it. Strings are borrowed from the file. */
struct dwarf_frame {
    const char *name;         /* as written in the source; NULL when unknown */
    const char *linkage_name; /* mangled; NULL when there is none */
    const char *file;         /* may be relative to folder */
    const char *folder;       /* of compilation; NULL when unknown */
    uint32_t line;
    bool inlined;
};

/* Takes fd on success. -ENOEXEC: no ELF program or library. */
int dwarf_file_open(int fd, struct dwarf_file **out);
void dwarf_file_close(struct dwarf_file *file);

struct dwarf_id dwarf_file_build_id(const struct dwarf_file *file); /* len 0: none */
/* Name in .gnu_debuglink and the CRC-32 of the file meant; NULL: none. */
const char *dwarf_file_debuglink(const struct dwarf_file *file, uint32_t *crc);
bool dwarf_file_has_debug_info(const struct dwarf_file *file);

/* Reads the debug sections. -ENODATA: none, or too large. Again is 0. */
int dwarf_file_load(struct dwarf_file *file);
/* The build-id of the file that shared parts were moved to (dwz). Until that file, loaded, is
 * given to dwarf_file_set_shared, a file that needs one has no frames. */
struct dwarf_id dwarf_file_shared_id(const struct dwarf_file *file);
void dwarf_file_set_shared(struct dwarf_file *file, struct dwarf_file *take_shared);

/* Memory that the file holds, about. */
uint64_t dwarf_file_bytes(const struct dwarf_file *file);

/* Functions at an ELF virtual address, innermost first. 0: nothing is known. */
size_t dwarf_file_frames(struct dwarf_file *file, uint64_t address, struct dwarf_frame *frames,
                         size_t max);

/* Mangled name of the function symbol around address, from .symtab, else .dynsym; NULL: none. */
const char *dwarf_file_symbol(struct dwarf_file *file, uint64_t address);

#endif
