/* SPDX-License-Identifier: MIT */
/*
 * Where the machine code of the interpreter loop lies: the function itself, and the cold part
 * that the compiler may have split off and moved elsewhere without a symbol.
 */
#ifndef LEAKD_AGENT_PYTHON_LOOP_H
#define LEAKD_AGENT_PYTHON_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct loop {
    uintptr_t start;
    uintptr_t end;
    uintptr_t cold_start; /* 0: none found */
    uintptr_t cold_end;
};

/* From the address of the loop's function. Takes the loader's lock: outside of hooks only. False
 * when not even the function's size is known. */
bool loop_find(uintptr_t function, struct loop *out);

/* True for a return address inside it. */
bool loop_owns(const struct loop *loop, uintptr_t pc);

#endif
