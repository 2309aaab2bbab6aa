/* SPDX-License-Identifier: MIT */
/*
 * Marks: a word from the program about what it is doing ("loaded", "release 2.1"), kept in a ring
 * until the flush takes it along. Lock-free; when the ring is full the oldest one goes and is counted.
 */
#ifndef LEAKD_AGENT_CORE_MARK_H
#define LEAKD_AGENT_CORE_MARK_H

#include <stdint.h>

#include "agent/wire/record.h"

#define MARKS_MAX 16

/* Notes text, cut at WIRE_MARK_BYTES_MAX before a whole UTF-8 character. NULL and "" are no marks. Any
 * thread, signal handlers too. */
void mark_put(enum wire_mark_kind kind, const char *text);

/* The rest is for the flushing thread. */

/* The oldest mark that has not been sent; its number, or 0 when there is none. The text is valid until
 * the next call. */
uint32_t mark_next_unsent(struct wire_mark *out);
void mark_sent(uint32_t number);
void mark_all_unsent(void);  /* the daemon is a new one */
uint64_t mark_dropped(void); /* marks that nobody was told of */

/* In a forked child: the parent's marks are not its own. */
void mark_forked(void);

#endif
