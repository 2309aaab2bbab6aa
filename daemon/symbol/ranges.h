/* SPDX-License-Identifier: MIT */
/* Address ranges of compilation units, to find the unit of an address. Bounded; knows no DWARF. */
#ifndef LEAKD_SYMBOL_RANGES_H
#define LEAKD_SYMBOL_RANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct range {
    uint64_t start;
    uint64_t end; /* behind the last address */
    uint64_t unit;
};

struct ranges {
    struct range *items;
    size_t count;
    size_t room;
    uint64_t seen; /* empty ones too: in a hostile file they may be shared by all units */
};

/* False when enough were seen, or memory is out: the caller goes on with what is there. */
bool ranges_add(struct ranges *ranges, struct range range);
/* After the last add, before the first find. */
void ranges_sort(struct ranges *ranges);
/* Units may overlap: the range with the highest start wins. */
bool ranges_find(const struct ranges *ranges, uint64_t address, uint64_t *unit);
void ranges_done(struct ranges *ranges);

#endif
