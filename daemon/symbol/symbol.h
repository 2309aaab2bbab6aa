/* SPDX-License-Identifier: MIT */
/*
 * From module and offset to function, file, line and inlined functions, by elfutils in libuv's
 * worker threads: the loop never waits for a file. Files are other people's: anything may be wrong
 * with them, and the answer is then "unknown". dwarf*.c are the only door to elfutils. Never asks a
 * debuginfod server.
 */
#ifndef LEAKD_SYMBOL_SYMBOL_H
#define LEAKD_SYMBOL_SYMBOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <uv.h>

struct symbol_request {
    const char *path;
    const uint8_t *build_id;
    uint8_t build_id_len;
    pid_t pid;       /* 0, or where /proc/PID/root/path may be tried when path itself does not fit */
    uint64_t offset; /* ELF virtual address of the instruction: a return address minus one */
    uint64_t key;    /* comes back */
};

struct symbol_frame {
    const char *function; /* demangled; NULL = unknown */
    const char *file;
    uint32_t line;
    bool inlined;
};

#define SYMBOL_FRAMES_MAX 16

/* Innermost first. Strings are valid during the call. count 0: nothing is known. */
typedef void (*symbol_on_found)(void *arg, uint64_t key, const struct symbol_frame *frames,
                                size_t count);

struct symbolizer;

/* debug_path: folders with separate debug files, colon-separated. */
int symbolizer_new(uv_loop_t *loop, const char *debug_path, symbol_on_found on_found, void *arg,
                   struct symbolizer **out);
/* Answers each request exactly once, on the loop thread, never from within this call. Requests are
 * copied. -EBUSY when one batch is still under way: keep them and come again. */
int symbolizer_ask(struct symbolizer *symbolizer, const struct symbol_request *requests,
                   size_t count);
bool symbolizer_is_busy(const struct symbolizer *symbolizer);
/* Nothing is answered any more. on_closed comes from the loop, when a batch under way has come to the
 * end of its present address; it may be NULL. */
void symbolizer_close(struct symbolizer *symbolizer, void (*on_closed)(void *arg), void *arg);

#endif
