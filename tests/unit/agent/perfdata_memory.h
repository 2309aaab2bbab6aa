/* SPDX-License-Identifier: MIT */
/* A memory of counters as a Java virtual machine makes it: begin, then add. */
#ifndef LEAKD_TESTS_PERFDATA_MEMORY_H
#define LEAKD_TESTS_PERFDATA_MEMORY_H

#include <stdint.h>
#include <string.h>

enum { MEMORY_ACCESSIBLE = 7, MEMORY_USED = 8, MEMORY_FIRST = 24, MEMORY_COUNT = 28 };

static inline void memory_put(uint8_t *memory, size_t at, uint32_t value)
{
    memcpy(memory + at, &value, sizeof(value));
}

static inline uint32_t memory_get(const uint8_t *memory, size_t at)
{
    uint32_t value;

    memcpy(&value, memory + at, sizeof(value));
    return value;
}

static inline void memory_begin(uint8_t *memory, size_t size)
{
    static const uint8_t head[] = {0xca, 0xfe, 0xc0, 0xc0, 1, 2, 0, 0};

    memset(memory, 0, size);
    memcpy(memory, head, sizeof(head));
    memory_put(memory, MEMORY_USED, 32);
    memory_put(memory, MEMORY_FIRST, 32);
}

/* Where the entry begins. vector: elements, 0 = one number. */
static inline size_t memory_add(uint8_t *memory, const char *name, char type, uint32_t vector,
                                const void *value, size_t size)
{
    size_t at = memory_get(memory, MEMORY_USED);
    size_t data = (20 + strlen(name) + 1 + 7) / 8 * 8;
    size_t length = (data + size + 7) / 8 * 8;

    memory_put(memory, at, (uint32_t)length);
    memory_put(memory, at + 4, 20);
    memory_put(memory, at + 8, vector);
    memory[at + 12] = (uint8_t)type;
    memory_put(memory, at + 16, (uint32_t)data);
    memcpy(memory + at + 20, name, strlen(name) + 1);
    memcpy(memory + at + data, value, size);
    memory_put(memory, MEMORY_USED, (uint32_t)(at + length));
    memory_put(memory, MEMORY_COUNT, memory_get(memory, MEMORY_COUNT) + 1);
    return at;
}

static inline size_t memory_add_number(uint8_t *memory, const char *name, uint64_t value)
{
    return memory_add(memory, name, 'J', 0, &value, sizeof(value));
}

/* room: at most 64 bytes. */
static inline size_t memory_add_text(uint8_t *memory, const char *name, const char *text, uint32_t room)
{
    char value[64] = "";

    memcpy(value, text, strlen(text));
    return memory_add(memory, name, 'B', room, value, room);
}

#endif
