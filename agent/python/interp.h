/* SPDX-License-Identifier: MIT */
/*
 * The interpreter in this process: its functions, found by dlsym, and its layout. Found once; the
 * struct never changes afterwards except for `trusted`.
 */
#ifndef LEAKD_AGENT_PYTHON_INTERP_H
#define LEAKD_AGENT_PYTHON_INTERP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/python/layout.h"

/* PyMemAllocatorEx and PyObjectArenaAllocator, the same in all versions since 3.5 and 3.4. */
struct interp_allocator {
    void *ctx;
    void *(*malloc)(void *ctx, size_t size);
    void *(*calloc)(void *ctx, size_t count, size_t size);
    void *(*realloc)(void *ctx, void *ptr, size_t size);
    void (*free)(void *ctx, void *ptr);
};

struct interp_arena_allocator {
    void *ctx;
    void *(*alloc)(void *ctx, size_t size);
    void (*free)(void *ctx, void *ptr, size_t size);
};

enum interp_domain { INTERP_RAW = 0, INTERP_MEM = 1, INTERP_OBJ = 2, INTERP_DOMAINS = 3 };

struct interp {
    struct layout layout;
    const uint8_t *runtime; /* _PyRuntime */
    uintptr_t code_type;    /* &PyCode_Type */
    uintptr_t type_type;    /* &PyType_Type */
    uintptr_t eval_loop;    /* _PyEval_EvalFrameDefault */
    void (*get_allocator)(int domain, struct interp_allocator *out);
    void (*set_allocator)(int domain, struct interp_allocator *allocator);
    void (*get_arena_allocator)(struct interp_arena_allocator *out);
    void (*set_arena_allocator)(struct interp_arena_allocator *allocator);
    void *(*current_thread)(void);  /* who holds the lock, checks nothing */
    void *(*gilstate_thread)(void); /* this thread's own first state */
    int (*is_initialized)(void);
    char name[48]; /* "cpython 3.11.2" */
};

enum interp_found {
    INTERP_ABSENT,  /* no CPython in the global scope, so far */
    INTERP_REFUSED, /* one we must not touch; *reason says why */
    INTERP_KNOWN,
};

/* Looks for it. Calls dlsym: outside of hooks only. Fills out->name also when refused. */
enum interp_found interp_find(struct interp *out, const char **reason);

/*
 * The calling thread's PyThreadState when this thread holds the interpreter's lock, else NULL.
 * Any thread, inside malloc(); never reads another thread's state.
 */
const uint8_t *interp_thread(const struct interp *interp);

/*
 * The same for frames, which may also be read while their own thread runs C code without the lock:
 * nobody changes them then. Only of Python's main thread, though, because it is the one that tears
 * the interpreter down; other threads' frames could be unmapped while they are read.
 */
const uint8_t *interp_thread_for_frames(const struct interp *interp);

/* Whether a frame is no Python code but the place where the loop was entered. The frame need not be
 * readable. */
bool interp_is_mark(const struct layout *layout, uintptr_t frame);

/* Checks the layout against what must be so in a running interpreter; thread as returned by
 * interp_thread. 1: it is right, 0: nothing runs yet, ask again, -1: it is wrong. */
int interp_check(const struct interp *interp, const uint8_t *thread);

/* The first minor version whose interpreters beside the main one may run at the same time. */
#define INTERP_MINOR_OWN_LOCKS 12

/* The main interpreter is there, is the only one, and is not being torn down. Lock held. */
bool interp_is_single(const struct interp *interp);
bool interp_is_ending(const struct interp *interp);

/* The first len bytes of the collector's statistics of the main interpreter. Any thread. */
bool interp_read_gc(const struct interp *interp, void *stats, size_t len);

/* The innermost frame of a thread; NULL when it runs no Python code. Lock held. */
const uint8_t *interp_top_frame(const struct interp *interp, const uint8_t *thread);

#endif
