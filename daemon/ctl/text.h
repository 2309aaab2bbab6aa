/* SPDX-License-Identifier: MIT */
/* Text of others made safe for a terminal: a program's name must not move the cursor. */
#ifndef LEAKD_CTL_TEXT_H
#define LEAKD_CTL_TEXT_H

#include <stddef.h>

struct buf;

/* Control characters, C1 ones and those that turn the writing direction become \xNN or \u{NNNN},
 * bytes that are no UTF-8 \xNN. NULL gives "-". */
void text_put_safe(struct buf *out, const char *text);

/* Columns that text takes: code points, which is right for all but wide scripts. */
size_t text_width(const char *text, size_t len);

#endif
