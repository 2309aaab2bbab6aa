/* SPDX-License-Identifier: MIT */
/* The table of keys that a dict keeps apart from itself. Read by peek only. */
#ifndef LEAKD_AGENT_PYTHON_DICTKEYS_H
#define LEAKD_AGENT_PYTHON_DICTKEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dictkeys {
    uintptr_t entries;
    size_t entry_bytes;
    size_t key_at; /* in an entry; the value follows */
    size_t count;  /* entries in use, with deleted ones */
    size_t table_bytes;
};

#define DICTKEYS_LOOKED_AT 8 /* entries worth reading for a name that a class body sets early */

/* The table of the dict object at dict. False when it does not look like one. */
bool dictkeys_open(unsigned minor, uintptr_t dict, struct dictkeys *out);

/* Key and value of entry index, 0 when there is none. */
uintptr_t dictkeys_entry(const struct dictkeys *keys, size_t index, uintptr_t *value);

#define DICTKEYS_HEAD_BYTES 40

/* The table whose first DICTKEYS_HEAD_BYTES are at bytes; entries counts from there. Pure. */
bool dictkeys_read(unsigned minor, const uint8_t *bytes, struct dictkeys *out);

/* True when a block of size_bytes is such a table by everything that its first bytes say: counts
 * that add up and a size that is exactly the block's. Pure. */
bool dictkeys_is_table(unsigned minor, const uint8_t *bytes, size_t size_bytes);

#endif
