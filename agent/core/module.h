/* SPDX-License-Identifier: MIT */
/*
 * The ELF files of the address space, found from a return address through _dl_find_object and
 * numbered in order of first use. Lock-free, fixed table, entries are never removed: a library
 * loaded again at another place gets another id.
 */
#ifndef LEAKD_AGENT_CORE_MODULE_H
#define LEAKD_AGENT_CORE_MODULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/wire/record.h"

struct image;

/* Outside of any allocator hook, before the others. Notes the program's path and the folder that
 * relative paths of libraries are taken to mean. */
void module_init(void);

/* The addresses of a file, or of one that is unknown: pc alone. What is taken from an address to get its ELF
 * virtual address. */
struct module_span {
    uintptr_t start;
    uintptr_t end;
    uintptr_t bias;
    uint32_t id;
};

/* The file at pc; valid while a frame of it is on the calling thread's stack. Any thread, inside malloc(). */
void module_find(uintptr_t pc, struct module_span *out);

/* Module id of pc and its ELF virtual address; WIRE_MODULE_UNKNOWN and pc itself when no file is
 * there (JIT code) or the table is full. Any thread, inside malloc(). */
uint32_t module_of(uintptr_t pc, uint64_t *offset);

/* Modules known so far: ids 1..count. */
uint32_t module_count(void);

/*
 * From now on met is called with every file of that base name whenever one of its addresses is looked up for a
 * stack. What is mapped of the file may be read then: a frame of it is on the calling thread's stack. In any
 * thread, in several at once, inside malloc(). One name at a time, borrowed for ever, before any file is met;
 * NULL: no more calls begin.
 */
void module_watch(const char *base_name, void (*met)(const struct image *image));

/* How often a file found no room in the table: its frames are bare addresses. */
uint64_t module_dropped(void);

/* Describes module id for the wire, as it was when it was first met; strings stay valid for ever.
 * Any thread. False only for an id that was never given. */
bool module_describe(uint32_t id, struct wire_module *out);

#endif
