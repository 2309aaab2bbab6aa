/* SPDX-License-Identifier: MIT */
/*
 * A library that looks as libjvm.so does from outside: the table of its variables, and the variables that say
 * where its counters are. The rest, and what is in that memory, is the test's (tests/unit/agent/test_java.c).
 */
#include <stddef.h>
#include <stdint.h>

#define EXPORT __attribute__((visibility("default")))

struct entry {
    const char *type_name;
    const char *field_name;
    const char *type_text;
    int32_t is_static;
    uint64_t offset;
    void *address;
};

EXPORT char *jvm_start;
EXPORT char *jvm_end;
EXPORT int32_t jvm_initialized;
EXPORT uint64_t jvm_memory[1024];

EXPORT struct entry jvm_entries[] = {
    {"Array", "_start", "int", 0, 8, NULL},
    {"Array", "_end", "int", 1, 0, &jvm_memory[1]},
    {"PerfMemory", "_top", "char*", 1, 0, &jvm_memory[2]},
    {"PerfMemory", "_start", "char*", 1, 0, (void *)&jvm_start},
    {"PerfMemory", "_end", "char*", 1, 0, (void *)&jvm_end},
    {"PerfMemory", "_initialized", "jint", 1, 0, &jvm_initialized},
    {"PerfMemoryX", "_start", "char*", 1, 0, &jvm_memory[3]},
    {NULL, NULL, NULL, 0, 0, NULL},
};

EXPORT const struct entry *gHotSpotVMStructs = jvm_entries;
EXPORT uint64_t gHotSpotVMStructEntryArrayStride = sizeof(struct entry);
EXPORT uint64_t gHotSpotVMStructEntryTypeNameOffset = offsetof(struct entry, type_name);
EXPORT uint64_t gHotSpotVMStructEntryFieldNameOffset = offsetof(struct entry, field_name);
EXPORT uint64_t gHotSpotVMStructEntryIsStaticOffset = offsetof(struct entry, is_static);
EXPORT uint64_t gHotSpotVMStructEntryAddressOffset = offsetof(struct entry, address);
