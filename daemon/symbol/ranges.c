/* SPDX-License-Identifier: MIT */
#include "daemon/symbol/ranges.h"

#include <stdlib.h>

#define SEEN_MAX 1000000u
#define BACK_MAX 16 /* overlapping ranges looked at */

bool ranges_add(struct ranges *ranges, struct range range)
{
    if (ranges->seen++ >= SEEN_MAX)
        return false;
    if (range.start >= range.end)
        return true;
    if (ranges->count == ranges->room) {
        size_t room = ranges->room ? ranges->room * 2 : 256;
        struct range *more = reallocarray(ranges->items, room, sizeof(*more));

        if (!more)
            return false;
        ranges->items = more;
        ranges->room = room;
    }
    ranges->items[ranges->count++] = range;
    return true;
}

static int compare(const void *a, const void *b)
{
    const struct range *x = a, *y = b;

    if (x->start != y->start)
        return x->start < y->start ? -1 : 1;
    return (x->end > y->end) - (x->end < y->end);
}

void ranges_sort(struct ranges *ranges)
{
    if (ranges->count > 1)
        qsort(ranges->items, ranges->count, sizeof(*ranges->items), compare);
}

/* How many begin at or before address. */
static size_t count_before(const struct ranges *ranges, uint64_t address)
{
    size_t low = 0, high = ranges->count;

    while (low < high) {
        size_t half = low + (high - low) / 2;

        if (ranges->items[half].start <= address)
            low = half + 1;
        else
            high = half;
    }
    return low;
}

bool ranges_find(const struct ranges *ranges, uint64_t address, uint64_t *unit)
{
    size_t before = count_before(ranges, address);

    for (size_t back = 0; back < BACK_MAX && before > back; back++) {
        const struct range *range = &ranges->items[before - 1 - back];

        if (address < range->end) {
            *unit = range->unit;
            return true;
        }
    }
    return false;
}

void ranges_done(struct ranges *ranges)
{
    free(ranges->items);
}
