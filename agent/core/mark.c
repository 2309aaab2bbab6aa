/* SPDX-License-Identifier: MIT */
#include "agent/core/mark.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#include "agent/core/clock.h"

#define WORDS ((WIRE_MARK_BYTES_MAX + 7) / 8)

/* Whoever writes has made `state` odd by a compare-and-swap: one at a time. A reader that finds the
 * same even state before and after has read one mark. A writer that never comes back (a siglongjmp out
 * of a signal handler) costs its slot and blocks nobody. */
static struct slot {
    _Atomic uint32_t state; /* number of the mark * 2, + 1 while it is written; 0 = empty */
    _Atomic uint32_t sent;  /* number of the mark that was last sent */
    _Atomic uint32_t len;
    _Atomic uint32_t kind;
    _Atomic uint64_t time_ms;
    _Atomic uint64_t text[WORDS];
} slots[MARKS_MAX];

static _Atomic uint32_t numbers; /* marks ever put; the number of the last one */
static _Atomic uint64_t dropped;

/* Bytes of text that fit, without the beginning of a character that does not. */
static size_t fitting_len(const char *text)
{
    size_t len = strnlen(text, WIRE_MARK_BYTES_MAX + 1);

    if (len <= WIRE_MARK_BYTES_MAX)
        return len;
    len = WIRE_MARK_BYTES_MAX;
    while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80)
        len--;
    return len;
}

static void write_slot(struct slot *slot, enum wire_mark_kind kind, const char *text, size_t len)
{
    uint64_t words[WORDS] = {0};

    memcpy(words, text, len);
    atomic_store_explicit(&slot->len, (uint32_t)len, memory_order_relaxed);
    atomic_store_explicit(&slot->kind, kind, memory_order_relaxed);
    atomic_store_explicit(&slot->time_ms, clock_coarse_ms(), memory_order_relaxed);
    for (size_t i = 0; i < WORDS; i++)
        atomic_store_explicit(&slot->text[i], words[i], memory_order_relaxed);
}

void mark_put(enum wire_mark_kind kind, const char *text)
{
    uint32_t number, state;
    struct slot *slot;

    if (!text || !text[0])
        return;
    number = (atomic_fetch_add(&numbers, 1) + 1) & (UINT32_MAX >> 1);
    slot = &slots[number % MARKS_MAX];
    state = atomic_load_explicit(&slot->state, memory_order_relaxed);
    if (state % 2 != 0 || !atomic_compare_exchange_strong(&slot->state, &state, number * 2 + 1)) {
        atomic_fetch_add(&dropped, 1); /* sixteen others came while one was written */
        return;
    }
    if (state != 0 && atomic_load(&slot->sent) != state / 2)
        atomic_fetch_add(&dropped, 1);
    atomic_thread_fence(memory_order_release);
    write_slot(slot, kind, text, fitting_len(text));
    atomic_store_explicit(&slot->state, number * 2, memory_order_release);
}

/* Copies a mark; its number, 0 when there is none or it changes under the reader. */
static uint32_t read_slot(const struct slot *slot, struct wire_mark *out)
{
    static uint64_t words[WORDS];
    uint32_t state = atomic_load_explicit(&slot->state, memory_order_acquire);

    for (size_t i = 0; i < WORDS; i++)
        words[i] = atomic_load_explicit(&slot->text[i], memory_order_relaxed);
    out->text.data = (const char *)words;
    out->text.len = atomic_load_explicit(&slot->len, memory_order_relaxed);
    out->kind = (uint8_t)atomic_load_explicit(&slot->kind, memory_order_relaxed);
    out->time_ms = atomic_load_explicit(&slot->time_ms, memory_order_relaxed);
    atomic_thread_fence(memory_order_acquire);
    if (state % 2 != 0 || atomic_load_explicit(&slot->state, memory_order_relaxed) != state)
        return 0;
    return state / 2;
}

/* Most programs never say a mark: their slots' pages stay untouched. */
static bool is_unused(void)
{
    return atomic_load_explicit(&numbers, memory_order_relaxed) == 0;
}

uint32_t mark_next_unsent(struct wire_mark *out)
{
    uint32_t oldest = atomic_load(&numbers) + 1;

    if (is_unused())
        return 0;
    for (uint32_t i = 0; i < MARKS_MAX; i++) {
        struct slot *slot = &slots[(oldest + i) % MARKS_MAX];
        uint32_t number = atomic_load_explicit(&slot->state, memory_order_relaxed) / 2;

        if (number == 0 || number == atomic_load(&slot->sent))
            continue;
        number = read_slot(slot, out);
        if (number != 0)
            return number;
    }
    return 0;
}

void mark_sent(uint32_t number)
{
    atomic_store(&slots[number % MARKS_MAX].sent, number);
}

void mark_all_unsent(void)
{
    if (is_unused())
        return;
    for (size_t i = 0; i < MARKS_MAX; i++)
        atomic_store(&slots[i].sent, 0);
}

uint64_t mark_dropped(void)
{
    return atomic_load(&dropped);
}

void mark_forked(void)
{
    if (is_unused())
        return;
    for (size_t i = 0; i < MARKS_MAX; i++)
        atomic_store(&slots[i].state, 0);
    atomic_store(&dropped, 0);
}
