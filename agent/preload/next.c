/* SPDX-License-Identifier: MIT */
#include "agent/preload/next.h"

#include <dlfcn.h>
#include <string.h>

struct next next = {
#define X(name, result, parameters) .name = early_##name,
    NEXT_MALLOC_FAMILY(X)
#undef X
};

/* glibc's second names of its functions: they tell whether the next allocator is glibc's own. */
extern void *__libc_malloc(size_t size) __attribute__((weak));
extern void *__libc_calloc(size_t count, size_t size) __attribute__((weak));
extern void *__libc_realloc(void *block, size_t size) __attribute__((weak));
extern void *__libc_memalign(size_t alignment, size_t size) __attribute__((weak));
extern void __libc_free(void *block) __attribute__((weak));

extern void *operator_new(size_t size) __asm__("_Znwm") __attribute__((weak, visibility("default")));

static bool resolve(const char *name, void *function)
{
    void *address = dlsym(RTLD_NEXT, name);

    memcpy(function, &address, sizeof(address));
    return address != NULL;
}

bool next_resolve(void)
{
    struct next found = {0}; /* as a whole: dlsym itself allocates and frees meanwhile */
    bool all = true;

#define X(name, result, parameters) all = resolve(#name, &found.name) && all;
    NEXT_MALLOC_FAMILY(X)
    NEXT_EXITS(X)
    NEXT_MAPS(X)
#undef X
    if (all)
        next = found;
    return all;
}

bool next_is_glibc(void)
{
    return next.malloc == __libc_malloc && next.calloc == __libc_calloc &&
           next.realloc == __libc_realloc && next.memalign == __libc_memalign &&
           next.free == __libc_free;
}

/* In glibc the size of a block, header included, stands in front of it, with flags in the lowest
 * three bits and a fourth that is never set; of the header's two words the first one belongs to the block
 * before. */
static bool has_glibc_layout(size_t size)
{
    void *block = next.malloc(size);
    size_t word;
    bool fits;

    if (!block)
        return false;
    word = ((const size_t *)block)[-1];
    fits = (word & 14) == 0 && (word & ~(size_t)7) == next.malloc_usable_size(block) + sizeof(word);
    next.free(block);
    return fits;
}

void next_probe(void)
{
    /* All below the limit from which blocks are mapped: freeing a mapped block raises it. */
    static const size_t sizes[] = {1, 24, 25, 100, 1000, 5000, 40000};
    bool fits = next_is_glibc();

    for (size_t i = 0; fits && i < sizeof(sizes) / sizeof(sizes[0]); i++)
        fits = has_glibc_layout(sizes[i]);
    next.is_exact = fits;
}

static const void *library_of(uintptr_t function)
{
    Dl_info info;

    return dladdr((void *)function, &info) ? info.dli_fbase : NULL;
}

bool next_is_beside_malloc(uintptr_t function)
{
    const void *library = library_of((uintptr_t)next.malloc);

    return library && library_of(function) == library;
}

bool next_has_own_operators(void)
{
    return operator_new && next_is_beside_malloc((uintptr_t)operator_new);
}
