/* SPDX-License-Identifier: MIT */
/*
 * What agent/java reads out of the memory of a virtual machine's counters. Compiled in here, because the agent's
 * rooms are built without sanitizers.
 *
 * Input: u8 how the memory begins (its lowest bit: with a good prologue) | the memory.
 */
#include "agent/core/peek.c"
#include "agent/java/counters.c"
#include "agent/java/perfdata.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void make_prologue(uint8_t *memory, size_t size)
{
    static const uint8_t good[] = {0xca, 0xfe, 0xc0, 0xc0, LITTLE_ENDIAN_ID, MAJOR_VERSION, 0, 1};

    memcpy(memory, good, size < sizeof(good) ? size : sizeof(good));
}

/* Every byte that may be read is inside. */
static void check(const struct counters *counters, const uint8_t *memory, size_t size)
{
    for (size_t i = 0; i < ENTRIES; i++) {
        const struct perfdata_entry *entry = &counters->entries[i];
        uintptr_t at = (uintptr_t)entry->value;

        if (at != 0 && (at < (uintptr_t)memory || at + entry->value_bytes > (uintptr_t)memory + size ||
                        (entry->type == PERFDATA_NUMBER && at % ALIGNMENT != 0)))
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char release[COUNTERS_RELEASE_BYTES];
    struct counters counters;
    struct wire_heap heap;
    uint8_t *memory;

    if (size < 2)
        return 0;
    memory = malloc(size - 1); /* aligned, and a byte behind it is an error */
    if (!memory)
        abort();
    memcpy(memory, data + 1, size - 1);
    if (data[0] & 1)
        make_prologue(memory, size - 1);
    if (counters_find(&counters, memory, size - 1, (uintptr_t)memory) == COUNTERS_ALL &&
        counters_read(&counters, &heap) == COUNTERS_GONE)
        abort();
    check(&counters, memory, size - 1);
    if (counters_describe(&counters, release, sizeof(release)) && strlen(release) < 9)
        abort();
    free(memory);
    return 0;
}
