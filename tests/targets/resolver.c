/* SPDX-License-Identifier: MIT */
/*
 * A library that maps memory while the loader relocates it: in the resolver of an indirect
 * function, before any constructor, and before libraries that stand in front of it are relocated;
 * one of its calls fails. Built as a shared object that is bound at once and calls without a PLT:
 * the loader fills that one's table after the resolver has run.
 */
#include <stdio.h>
#include <sys/mman.h>

#define EXPORTED __attribute__((visibility("default")))

EXPORTED int resolver_answer(void);

static int mapped(void)
{
    return 1;
}

static int not_mapped(void)
{
    return 0;
}

static __attribute__((used)) int (*choose(void))(void)
{
    void *at = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return at != MAP_FAILED && munmap(at, 1 << 19) == 0 && munmap((char *)at + 1, 1) == -1
               ? mapped
               : not_mapped;
}

int resolver_answer(void) __attribute__((ifunc("choose")));

__attribute__((constructor)) static void tell(void)
{
    printf("resolver: %d\n", resolver_answer());
    fflush(stdout);
}
