/* SPDX-License-Identifier: MIT */
/*
 * Reads of the own address space that cannot fault: by process_vm_readv on ourselves, one system
 * call each. Not for the hot path. Where the kernel refuses the call every read fails.
 */
#ifndef LEAKD_AGENT_CORE_PEEK_H
#define LEAKD_AGENT_CORE_PEEK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

/* All of len bytes, or false. errno is left alone. */
bool peek(uintptr_t addr, void *out, size_t len);

/* Up to IOV_MAX pieces, read in their order, one behind the other into out: all len bytes of them, or false. */
bool peek_pieces(const struct iovec *pieces, size_t count, void *out, size_t len);

/* The word at addr, 0 when it cannot be read. */
uintptr_t peek_word(uintptr_t addr);

/* A NUL-terminated string of fewer than cap bytes; its length, 0 when it cannot be read. */
size_t peek_string(uintptr_t addr, char *out, size_t cap);

/* True for a value that may be the address of an object: aligned, not null, user half. */
bool peek_plausible(uintptr_t addr);

#endif
