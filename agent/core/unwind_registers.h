/* SPDX-License-Identifier: MIT */
/* The registers that a walk starts from. Always inlined: they are those of the function it is in. */
#ifndef LEAKD_AGENT_CORE_UNWIND_REGISTERS_H
#define LEAKD_AGENT_CORE_UNWIND_REGISTERS_H

#include <stdint.h>

struct unwind_registers {
    uintptr_t pc;
    uintptr_t sp;
    uintptr_t fp;
    uintptr_t bx;
};

#if defined(__x86_64__)

#define UNWIND_SUPPORTED 1
#define UNWIND_BY_TABLES 1

static inline __attribute__((always_inline)) void
unwind_registers_here(struct unwind_registers *out)
{
    __asm__ volatile("leaq 0(%%rip), %%rax\n\t"
                     "movq %%rax, 0(%0)\n\t"
                     "movq %%rsp, 8(%0)\n\t"
                     "movq %%rbp, 16(%0)\n\t"
                     "movq %%rbx, 24(%0)\n\t"
                     :
                     : "D"(out)
                     : "rax", "memory");
}

#elif defined(__aarch64__)

/* By frame records only: x29 points at the caller's x29 and the return address. */
#define UNWIND_SUPPORTED 1
#define UNWIND_BY_TABLES 0

static inline __attribute__((always_inline)) void
unwind_registers_here(struct unwind_registers *out)
{
    out->bx = 0;
    __asm__ volatile("adr x9, .\n\t"
                     "mov x10, sp\n\t"
                     "stp x9, x10, [%0]\n\t"
                     "str x29, [%0, #16]\n\t"
                     :
                     : "r"(out)
                     : "x9", "x10", "memory");
}

#else

#define UNWIND_SUPPORTED 0
#define UNWIND_BY_TABLES 0

static inline void unwind_registers_here(struct unwind_registers *out)
{
    (void)out;
}

#endif

#endif
