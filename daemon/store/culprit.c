/* SPDX-License-Identifier: MIT */
/*
 * Which frame of a stack people should look at, and what makes two stacks the same leak.
 *
 * The culprit. In a stack with Python frames, leaf first: the first Python frame of the program's
 * own files; else the first of an installed package; else the first Python frame. Native frames
 * above it do not count: people fix the line that called into the C library.
 * In a native stack: the first frame that is neither an allocator nor a runtime that allocates for
 * others (malloc and its kin, operator new, g_malloc, strdup, the std:: containers, all of libc,
 * libstdc++, libgcc). So the culprit is the function that asked for the memory, in whatever library
 * it lives: of main() -> load() -> lib_open() -> lib_grow() -> malloc() it is lib_grow().
 *
 * The fingerprint: FNV-1a, 64 bits, over the names from the culprit towards the root, at most
 * FINGERPRINT_FRAMES, the same frame in a row counted once (recursion). A Python frame counts with
 * its function and its file's base name, a native one with its function and its module's name up to
 * ".so". Neither lines, addresses, folders nor versions: a rebuilt program has the same leaks.
 */
#include <stdio.h>
#include <string.h>

#include "daemon/store/private.h"

/* Deep enough to tell two callers of one helper apart, short enough that a truncated stack, a
 * different event loop or another libc start-up does not make a new leak of an old one. */
#define FINGERPRINT_FRAMES 8

static bool starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static bool contains(const char *text, const char *part)
{
    return strstr(text, part) != NULL;
}

enum python_owner { OWNER_PROGRAM, OWNER_PACKAGE, OWNER_STDLIB };

/* "/usr/lib/python3.11/json/decoder.py": digits behind "/python3" or "/python3." */
static bool is_in_python_lib(const char *file)
{
    const char *at = file;

    while ((at = strstr(at, "lib/python3")) != NULL) {
        at += strlen("lib/python3");
        at += strspn(at, ".0123456789t");
        if (*at == '/')
            return true;
    }
    return contains(file, "/lib64/python3");
}

static enum python_owner python_owner(const char *file)
{
    if (!file)
        return OWNER_STDLIB;
    if (contains(file, "/site-packages/") || contains(file, "/dist-packages/"))
        return OWNER_PACKAGE;
    if (starts_with(file, "<frozen ") || is_in_python_lib(file))
        return OWNER_STDLIB;
    return OWNER_PROGRAM;
}

static const struct frame *python_culprit(const struct frame *frames, size_t count)
{
    const struct frame *best = NULL;
    enum python_owner best_owner = OWNER_STDLIB;

    for (size_t i = 0; i < count; i++) {
        enum python_owner owner;

        if (frames[i].kind != WIRE_FRAME_PYTHON)
            continue;
        owner = python_owner(frames[i].file);
        if (!best || owner < best_owner) {
            best = &frames[i];
            best_owner = owner;
        }
    }
    return best;
}

static bool is_runtime_module(const char *module)
{
    static const char *const prefixes[] = {
        "libc.so",     "libc-2.",     "libstdc++.so", "libc++.so",  "libc++abi.so",
        "libgcc_s.so", "ld-linux",    "ld-musl",      "libpthread", "libleakagent",
        "libjemalloc", "libtcmalloc", "libmimalloc",
    };

    for (size_t i = 0; module && i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
        if (starts_with(module, prefixes[i]))
            return true;
    }
    return false;
}

static bool is_allocator_name(const char *function)
{
    static const char *const names[] = {
        "malloc",
        "calloc",
        "realloc",
        "reallocarray",
        "memalign",
        "valloc",
        "pvalloc",
        "aligned_alloc",
        "posix_memalign",
        "strdup",
        "strndup",
        "asprintf",
        "vasprintf",
        "xmalloc",
        "xcalloc",
        "xrealloc",
        "xstrdup",
        "xstrndup",
        "xzalloc",
        "xnmalloc",
        "xreallocarray",
        "xmemdup",
        "mmap",
        "mmap64",
        "mremap",
        "PyMem_Malloc",
        "PyMem_Calloc",
        "PyMem_Realloc",
        "PyMem_RawMalloc",
        "PyMem_RawCalloc",
        "PyMem_RawRealloc",
        "PyObject_Malloc",
        "PyObject_Calloc",
        "PyObject_Realloc",
    };
    static const char *const prefixes[] = {
        "__libc_",          "_int_malloc",
        "_int_realloc",     "__interceptor_",
        "operator new",     "g_malloc",
        "g_realloc",        "g_try_malloc",
        "g_try_realloc",    "g_slice_",
        "g_strdup",         "g_strndup",
        "g_memdup",         "je_",
        "mi_malloc",        "mi_calloc",
        "mi_realloc",       "tc_malloc",
        "_PyMem_",          "_PyObject_Malloc",
        "_PyObject_Calloc", "_PyObject_Realloc",
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(function, names[i]) == 0)
            return true;
    }
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
        if (starts_with(function, prefixes[i]))
            return true;
    }
    return false;
}

/* A function of the C++ library compiled into somebody's module, as templates are. Demangled
 * templates carry their result in front: "void std::vector<int>::_M_realloc_insert<int>(...)". */
static bool is_std_name(const char *function)
{
    size_t head = strcspn(function, "<(");
    const char *space = memrchr(function, ' ', head);

    if (space)
        function = space + 1;
    return starts_with(function, "std::") || starts_with(function, "__gnu_cxx::");
}

static bool is_runtime(const struct frame *frame)
{
    if (is_runtime_module(frame->module))
        return true;
    return frame->function && (is_allocator_name(frame->function) || is_std_name(frame->function));
}

static const struct frame *native_culprit(const struct frame *frames, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!is_runtime(&frames[i]))
            return &frames[i];
    }
    return count > 0 ? &frames[0] : NULL;
}

const struct frame *query_culprit(const struct frame *frames, size_t count)
{
    const struct frame *python = python_culprit(frames, count);

    return python ? python : native_culprit(frames, count);
}

static uint64_t hash_text(uint64_t hash, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ (uint8_t)text[i]) * 0x100000001b3u;
    return (hash ^ 0xff) * 0x100000001b3u; /* no UTF-8 text has this byte: ends the word */
}

static uint64_t hash_frame(uint64_t hash, const struct frame *frame)
{
    const char *function = frame->function ? frame->function : "?";
    const char *place = frame->kind == WIRE_FRAME_PYTHON ? frame->file : frame->module;
    const char *end;

    place = place ? basename(place) : "?";
    end = frame->kind == WIRE_FRAME_PYTHON ? NULL : strstr(place, ".so");
    hash = hash_text(hash, function, strlen(function));
    return hash_text(hash, place, end ? (size_t)(end - place) : strlen(place));
}

void fingerprint_of(const struct frame *frames, size_t count, char out[17])
{
    const struct frame *culprit = query_culprit(frames, count);
    bool python = culprit && culprit->kind == WIRE_FRAME_PYTHON;
    uint64_t hash = 0xcbf29ce484222325u, last = 0;
    int used = 0;

    for (const struct frame *f = culprit; f && f < frames + count && used < FINGERPRINT_FRAMES;
         f++) {
        uint64_t one = hash_frame(0xcbf29ce484222325u, f);

        /* The interpreter's own C functions between Python frames change with its version. */
        if (one == last || (python && f->kind != WIRE_FRAME_PYTHON))
            continue;
        hash = hash_frame(hash, f);
        last = one;
        used++;
    }
    snprintf(out, 17, "%016llx", (unsigned long long)hash);
}
