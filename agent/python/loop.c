/* SPDX-License-Identifier: MIT */
#include "agent/python/loop.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <stddef.h>
#include <string.h>

#include "agent/python/unwindtab.h"

bool loop_owns(const struct loop *loop, uintptr_t pc)
{
    /* A return address may be the first byte behind a call that ends the function. */
    return (pc > loop->start && pc <= loop->end) || (pc > loop->cold_start && pc <= loop->cold_end);
}

/*
 * The cold part is reached only by jumps from the function: each jump that leaves it votes for
 * the function entry of the unwind table that it lands in. Bytes that only look like a jump
 * scatter; the cold part collects hundreds.
 */
#define CANDIDATES 16
#define VOTES_MIN  8

struct vote {
    struct unwindtab_range range;
    unsigned count;
};

static void cast_vote(struct vote *votes, size_t *used, const struct unwindtab_range *range)
{
    size_t weakest = 0;

    for (size_t i = 0; i < *used; i++) {
        if (votes[i].range.start == range->start) {
            votes[i].count++;
            return;
        }
        if (votes[i].count < votes[weakest].count)
            weakest = i;
    }
    if (*used < CANDIDATES)
        weakest = (*used)++;
    else if (votes[weakest].count-- > 1) /* a newcomer wears the weakest one down first */
        return;
    votes[weakest] = (struct vote){.range = *range, .count = 1};
}

/* The target of a near jump (jmp rel32, jcc rel32) at `at`, 0 when there is none. */
static uintptr_t jump_target(const uint8_t *at)
{
    int32_t distance;

    if (at[0] == 0xe9) {
        memcpy(&distance, at + 1, sizeof(distance));
        return (uintptr_t)at + 5 + (uintptr_t)(intptr_t)distance;
    }
    if (at[0] == 0x0f && (at[1] & 0xf0) == 0x80) {
        memcpy(&distance, at + 2, sizeof(distance));
        return (uintptr_t)at + 6 + (uintptr_t)(intptr_t)distance;
    }
    return 0;
}

static void find_cold(struct loop *loop, const struct unwindtab *table)
{
    struct vote votes[CANDIDATES];
    size_t used = 0;
    size_t best = 0;

    for (uintptr_t at = loop->start; at + 6 <= loop->end; at++) {
        uintptr_t target = jump_target((const uint8_t *)at);
        struct unwindtab_range range;

        if (target == 0 || (target >= loop->start && target < loop->end))
            continue;
        /* Jumps into the middle only: one to an entry is a call in tail position. */
        if (unwindtab_find(table, target, &range) && target != range.start)
            cast_vote(votes, &used, &range);
    }
    for (size_t i = 1; i < used; i++) {
        if (votes[i].count > votes[best].count)
            best = i;
    }
    if (used > 0 && votes[best].count >= VOTES_MIN) {
        loop->cold_start = votes[best].range.start;
        loop->cold_end = votes[best].range.end;
    }
}

bool loop_find(uintptr_t function, struct loop *out)
{
    struct loop loop = {.start = function};
    struct unwindtab table;
    const ElfW(Sym) *symbol;
    void *extra = NULL;
    Dl_info info;

    if (!dladdr1((const void *)function, &info, &extra, RTLD_DL_SYMENT) || !extra)
        return false;
    symbol = extra;
    if (symbol->st_size == 0)
        return false;
    loop.end = function + symbol->st_size;
    if (unwindtab_open(function, &table))
        find_cold(&loop, &table);
    *out = loop;
    return true;
}
