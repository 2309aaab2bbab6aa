/* SPDX-License-Identifier: MIT */
/*
 * What a call of malloc must leave as it was: errno, the rounding and masks of both floating-point
 * units, and values that the compiler keeps in registers and in aligned vectors around it.
 * Usage: registers COUNT.
 */
#include <errno.h>
#include <fenv.h>
#include <immintrin.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static int check(const char *what, int is_same)
{
    if (!is_same)
        printf("changed: %s\n", what);
    return !is_same;
}

static uint16_t x87_control(void)
{
    uint16_t word;

    __asm__ volatile("fnstcw %0" : "=m"(word));
    return word;
}

int main(int argc, char **argv)
{
    long count = argc > 1 ? atol(argv[1]) : 1000;
    long bad = 0;
    _Alignas(64) volatile float vector[16];
    unsigned mxcsr;
    uint16_t control;
    double sum = 0, plain = 0;

    fesetround(FE_UPWARD);
    _mm_setcsr(_mm_getcsr() | 0x8040); /* flush to zero, denormals are zero */
    mxcsr = _mm_getcsr() & ~0x3fu;     /* without the sticky flags */
    control = x87_control();
    for (long i = 0; i < count && bad == 0; i++) {
        void *volatile block;

        vector[i % 16] = (float)i;
        sum += 0.1;
        errno = 4711;
        block = malloc((size_t)(i % 3000));
        free(block);
        plain += 0.1;
        bad += check("errno", errno == 4711);
        bad += check("MXCSR", (_mm_getcsr() & ~0x3fu) == mxcsr);
        bad += check("x87 control word", x87_control() == control);
        bad += check("vector", vector[i % 16] == (float)i && (uintptr_t)vector % 64 == 0);
        bad += check("sum", sum == plain);
    }
    puts(bad ? "changed" : "all as it was");
    return bad != 0;
}
