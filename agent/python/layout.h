/* SPDX-License-Identifier: MIT */
/*
 * Where the fields are that we read, per version of CPython, as byte offsets. Release builds for
 * x86-64 and other LP64 targets without Py_TRACE_REFS and with a GIL. Pure: reads nothing but its
 * arguments.
 */
#ifndef LEAKD_AGENT_PYTHON_LAYOUT_H
#define LEAKD_AGENT_PYTHON_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LAYOUT_NONE UINT16_MAX /* the version has no such field */

/* Owners of a frame. A mark is no Python code but the place where the loop was entered (from 3.12);
 * 3.14 has two kinds of them. */
#define LAYOUT_OWNER_GENERATOR 1
#define LAYOUT_OWNER_MARK      3 /* and above */

/* PyBytesObject, the same in all versions. */
#define LAYOUT_BYTES_SIZE_AT 16
#define LAYOUT_BYTES_DATA_AT 32

/* How a frame says where it is, and how its code maps that to a line. */
enum layout_lines {
    LAYOUT_LINES_LNOTAB,    /* up to 3.9: co_lnotab, f_lasti counts bytes */
    LAYOUT_LINES_LINETABLE, /* 3.10: co_linetable of ranges, f_lasti counts code units */
    LAYOUT_LINES_LOCATIONS, /* from 3.11: location table, an instruction pointer */
};

struct layout {
    uint8_t minor;
    uint8_t lines; /* enum layout_lines */
    /* PyThreadState */
    uint16_t thread_interp;
    uint16_t thread_id;
    uint16_t thread_frame;  /* the frame itself, or the _PyCFrame that holds it */
    uint16_t cframe_current; /* in _PyCFrame; NONE: thread_frame is the frame */
    /* the frame: PyFrameObject up to 3.10, _PyInterpreterFrame from 3.11 */
    uint16_t frame_back;
    uint16_t frame_code;
    uint16_t frame_at;    /* f_lasti (int), prev_instr or instr_ptr (pointer) */
    uint16_t frame_entry; /* bool is_entry, 3.11 only */
    uint16_t frame_owner; /* char; from 3.11 */
    uint8_t frame_tags;   /* bits of a frame's references that are no address; from 3.14 */
    /* PyCodeObject */
    uint16_t code_name; /* co_qualname from 3.11 */
    uint16_t code_file;
    uint16_t code_first_line;
    uint16_t code_lines;           /* bytes object of the line table */
    uint16_t code_first_traceable; /* from 3.11 */
    uint16_t code_units;           /* co_code_adaptive, from 3.11 */
    /* PyUnicodeObject: where the characters of a compact string begin */
    uint16_t ascii_data;
    uint16_t compact_data;
    uint16_t tuple_items;
    /* the runtime and its interpreters */
    uint16_t runtime_finalizing;
    uint16_t runtime_interp_head;
    uint16_t runtime_interp_main;
    uint16_t runtime_main_thread; /* of the thread that made the interpreter, or forked */
    uint16_t interp_next;
    uint16_t gc_stats;        /* in PyInterpreterState; 3.8: in _PyRuntime */
    bool gc_stats_in_runtime;
    uint8_t gc_lists_before; /* the generations begin so far in front of gc_stats */
    /* PyHeapTypeObject */
    uint16_t type_qualname;
    /* pymalloc */
    uint32_t pool_bytes;
    /* bits of tp_flags that put two words in front of the gc header */
    uint64_t type_preheader_flags;
};

/* A version as Py_GetVersion() writes it. */
struct layout_version {
    unsigned major;
    unsigned minor;
    unsigned micro;
    bool final;         /* not an alpha, beta or release candidate */
    bool free_threaded; /* built without a GIL */
    bool pypy;
};

/* False when text does not begin with a version number. */
bool layout_parse_version(const char *text, struct layout_version *out);

/* NULL: unknown version. */
const struct layout *layout_find(unsigned major, unsigned minor);

/* Bytes of _Py_DebugOffsets that layout_apply_offsets wants to see; older ones are shorter, and
 * more of _PyRuntime follows. */
#define LAYOUT_OFFSETS_BYTES 664

/*
 * Lets the interpreter's own table of offsets (first thing in _PyRuntime from 3.13 on) correct
 * layout. False when the table is not one we understand, is for a free-threaded build or holds
 * offsets out of reason; layout is then unchanged.
 */
bool layout_apply_offsets(struct layout *layout, const uint8_t *table, size_t len);

/* The object that a word of a frame refers to; 0 for none, and for a small number in its place. */
uintptr_t layout_reference(const struct layout *layout, uintptr_t word);

#endif
