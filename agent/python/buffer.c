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

static void locate(struct buffer_source *source)
{
    void *address = dlsym(RTLD_DEFAULT, source->function);
    const ElfW(Sym) *symbol;
    void *extra = NULL;
    Dl_info info;

    if (!address || !dladdr1(address, &info, &extra, RTLD_DL_SYMENT) || !extra)
        return;
    symbol = extra;
    source->module_id = module_of((uintptr_t)address, &source->start);
    source->end = source->start + symbol->st_size;
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
