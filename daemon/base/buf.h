/* SPDX-License-Identifier: MIT */
/* A growing byte buffer with a ceiling. A put that would pass the ceiling, or finds no memory, sets
 * `failed` and changes nothing; later puts do nothing either. */
#ifndef LEAKD_BASE_BUF_H
#define LEAKD_BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct buf {
    char *data; /* NUL behind data[len - 1] once anything was put; NULL before */
    size_t len;
    size_t cap;
    size_t max;
    bool failed;
};

void buf_init(struct buf *buf, size_t max_bytes);
void buf_done(struct buf *buf);
void buf_clear(struct buf *buf); /* keeps the memory */
void buf_put(struct buf *buf, const void *data, size_t len);
void buf_puts(struct buf *buf, const char *text);
void buf_putc(struct buf *buf, char c);
void buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buf_vprintf(struct buf *buf, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));
/* Drops the first len bytes. */
void buf_consume(struct buf *buf, size_t len);
/* Hands the memory to the caller (free()), NULL when empty or failed; buf is as after init. */
char *buf_take(struct buf *buf, size_t *len);

#endif
