/* SPDX-License-Identifier: MIT */
#include "agent/python/buffer.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "agent/core/core.h"
#include "agent/core/module.h"
#include "agent/core/site.h"
#include "agent/python/unwindtab.h"

/* Between the function and malloc there is pymalloc, in one to three frames. */
#define FRAMES_LOOKED_AT 6

/* Exported by every CPython, static builds too, so that they are found without its symbol table. */
static struct buffer_source {
    const char *function;
    const char *type;
    uint32_t module_id; /* WIRE_MODULE_UNKNOWN: the interpreter has no such function */
    uint64_t start;     /* ELF virtual addresses */
    uint64_t end;
} sources[] = {
    {.function = "PyByteArray_Resize", .type = "bytearray"},
    {.function = "PyByteArray_FromStringAndSize", .type = "bytearray"},
};

#define SOURCES (sizeof(sources) / sizeof(sources[0]))

#define ENDBR_BYTES 4 /* endbr64, where the build marks what may be jumped to */
#define JUMP_BYTES  5 /* jmp rel32 */

/* From 3.14 the function may be a mere jump to one without a name, which others call, too. 0: it is
 * none. */
static uintptr_t jump_target(const uint8_t *code, size_t len)
{
    static const uint8_t endbr[ENDBR_BYTES] = {0xf3, 0x0f, 0x1e, 0xfa};
    int32_t distance;

    if (len == ENDBR_BYTES + JUMP_BYTES && memcmp(code, endbr, ENDBR_BYTES) == 0)
        code += ENDBR_BYTES;
    else if (len != JUMP_BYTES)
        return 0;
    if (code[0] != 0xe9)
        return 0;
    memcpy(&distance, code + 1, sizeof(distance));
    return (uintptr_t)code + JUMP_BYTES + (uintptr_t)(intptr_t)distance;
}

static size_t bytes_by_unwind_table(uintptr_t function)
{
    struct unwindtab_range range;
    struct unwindtab table;

    return unwindtab_open(function, &table) && unwindtab_find(&table, function, &range) &&
                   range.start == function
               ? range.end - range.start
               : 0;
}

static void locate(struct buffer_source *source)
{
    void *address = dlsym(RTLD_DEFAULT, source->function);
    const ElfW(Sym) *symbol;
    uintptr_t function;
    void *extra = NULL;
    Dl_info info;
    size_t bytes;

    if (!address || !dladdr1(address, &info, &extra, RTLD_DL_SYMENT) || !extra)
        return;
    symbol = extra;
    bytes = symbol->st_size;
    function = jump_target(address, bytes);
    if (function)
        bytes = bytes_by_unwind_table(function);
    else
        function = (uintptr_t)address;
    source->module_id = module_of(function, &source->start);
    source->end = source->start + bytes;
}

void buffer_init(void)
{
    for (size_t i = 0; i < SOURCES; i++)
        locate(&sources[i]);
}

/* A return address may be the first byte behind a call that ends the function. */
static bool is_from(const struct wire_stack_frame *frame, const struct buffer_source *source)
{
    return source->module_id != WIRE_MODULE_UNKNOWN && frame->module_id == source->module_id &&
           frame->offset > source->start && frame->offset <= source->end;
}

uint32_t buffer_owner(uint32_t site_id)
{
    static struct wire_site site; /* too large for the stacks we may find ourselves on */

    if (site_id == WIRE_SITE_OTHER)
        return CORE_TYPE_UNKNOWN;
    site_describe(site_id, &site);
    for (size_t i = 0; i < site.frame_count && i < FRAMES_LOOKED_AT; i++) {
        if (site.frames[i].kind != WIRE_FRAME_NATIVE)
            break;
        for (size_t j = 0; j < SOURCES; j++) {
            if (is_from(&site.frames[i], &sources[j]))
                return core_intern(sources[j].type, strlen(sources[j].type)) | CORE_TYPE_PART;
        }
    }
    return CORE_TYPE_UNKNOWN;
}
