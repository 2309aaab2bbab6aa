/* SPDX-License-Identifier: MIT */
/*
 * CPython's compact strings as UTF-8. text_encode is pure; text_intern reads a str object of the
 * calling thread's interpreter, whose lock must be held.
 */
#ifndef LEAKD_AGENT_PYTHON_TEXT_H
#define LEAKD_AGENT_PYTHON_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct layout;

/* What the head of a str object says. */
struct text_head {
    size_t length; /* characters */
    uint8_t width; /* bytes a character: 1, 2 or 4 */
    bool ascii;
};

#define TEXT_HEAD_BYTES 40 /* of the object, enough for text_head_read */

/* False when the bytes are not the head of a compact, ready string. */
bool text_head_read(const uint8_t *object, struct text_head *out);

/* Where the characters of such a string begin, from the start of the object. */
size_t text_data_offset(const struct layout *layout, const struct text_head *head);

/*
 * Encodes characters into at most cap bytes, cutting at a character. A lone surrogate becomes
 * U+FFFD. Returns the bytes written.
 */
size_t text_encode(const void *data, uint8_t width, size_t length, char *out, size_t cap);

/* A string of at most this many bytes of UTF-8 is shown; the rest is cut. */
#define TEXT_BYTES_MAX 1024

/* core_intern of a str object; WIRE_NAME_OTHER when it is none that can be read. */
uint32_t text_intern(const struct layout *layout, const uint8_t *object);

/* A str object that may go away meanwhile, or be none: at most cap bytes of UTF-8 of its first
 * TEXT_PEEK_BYTES; their number. Read by peek. */
#define TEXT_PEEK_BYTES 256
size_t text_peek(const struct layout *layout, uintptr_t object, char *out, size_t cap);

#endif
