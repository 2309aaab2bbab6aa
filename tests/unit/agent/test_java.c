/* SPDX-License-Identifier: MIT */
#include "tests/unit/suite.h"

#include "agent/core/core.h"
#include "agent/core/module.h"
#include "agent/core/report.h"
#include "agent/java/java.h"
#include "tests/unit/agent/perfdata_memory.h"

#include <dlfcn.h>
#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define MIB ((uint64_t)1 << 20)

/* A library that looks like a virtual machine's from outside (tests/targets/jvm.c). */
static struct {
    void *handle;
    char **start;
    char **end;
    int32_t *initialized;
    uint8_t *memory;
    uint8_t *inside; /* of the library */
} jvm;

static _Alignas(8) uint8_t outside[8192];

static void *symbol(const char *name)
{
    void *found = dlsym(jvm.handle, name);

    ck_assert_msg(found != NULL, "%s", name);
    return found;
}

static void load(void)
{
    char exe[4096], path[4200];
    ssize_t len = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

    ck_assert_int_gt(len, 0);
    exe[len] = '\0';
    snprintf(path, sizeof(path), "%s/../targets/libjvm.so", dirname(exe));
    jvm.handle = dlopen(path, RTLD_NOW);
    ck_assert_msg(jvm.handle != NULL, "%s", dlerror());
    jvm.start = symbol("jvm_start");
    jvm.end = symbol("jvm_end");
    jvm.initialized = symbol("jvm_initialized");
    jvm.memory = outside;
    jvm.inside = symbol("jvm_memory");
}

static void set_up(void)
{
    module_init();
    java_init();
    load();
}

static void add_collector(int number, uint64_t invocations, uint64_t time)
{
    static const char *const names[] = {"invocations", "time", "lastEntryTime", "lastExitTime"};
    const uint64_t values[] = {invocations, time, 5, 5};
    char name[64];

    for (size_t i = 0; i < 4; i++) {
        snprintf(name, sizeof(name), "sun.gc.collector.%d.%s", number, names[i]);
        memory_add_number(jvm.memory, name, values[i]);
    }
}

static void write_counters(const char *policy)
{
    memory_begin(jvm.memory, 8192);
    memory_add_text(jvm.memory, "java.property.java.vm.name", "OpenJDK 64-Bit Server VM", 24);
    memory_add_text(jvm.memory, "java.property.java.version", "17.0.15", 8);
    memory_add_number(jvm.memory, "sun.os.hrt.frequency", 1000);
    memory_add_text(jvm.memory, "sun.gc.policy.name", policy, 20);
    add_collector(0, 11, 1500);
    add_collector(1, 3, 200);
    memory_add_number(jvm.memory, "sun.gc.generation.0.capacity", 10 * MIB + 24);
    memory_add_number(jvm.memory, "sun.gc.generation.0.maxCapacity", 100 * MIB + 24);
    memory_add_number(jvm.memory, "sun.gc.generation.0.space.0.used", 1000000);
    memory_add_number(jvm.memory, "sun.gc.generation.0.space.1.used", 10);
    memory_add_number(jvm.memory, "sun.gc.generation.0.space.2.used", 100);
    memory_add_number(jvm.memory, "sun.gc.generation.1.capacity", 30 * MIB + 8);
    memory_add_number(jvm.memory, "sun.gc.generation.1.maxCapacity", 300 * MIB + 8);
    memory_add_number(jvm.memory, "sun.gc.generation.1.space.0.used", 5000);
    jvm.memory[MEMORY_ACCESSIBLE] = 1;
}

/* As at the start of a machine, which then has counters. */
static void publish(void)
{
    *jvm.start = (char *)jvm.memory;
    *jvm.end = (char *)jvm.memory + 8192;
    *jvm.initialized = 1;
}

/* Its code is on the stack of a sample. */
static void meet(void)
{
    struct module_span span;

    module_find((uintptr_t)jvm.inside, &span);
    ck_assert_uint_ne(span.id, WIRE_MODULE_UNKNOWN);
}

static bool read_heap(struct wire_heap *out)
{
    *out = (struct wire_heap){0};
    return core_heap()->read(out);
}

static void ck_not_read(void)
{
    struct wire_heap heap;

    ck_assert(!read_heap(&heap));
}

static void ck_runtime(const char *expected, bool is_read)
{
    struct wire_str runtime, reason;

    core_runtime_description(&runtime, &reason);
    ck_assert_uint_eq(runtime.len, strlen(expected));
    ck_assert_mem_eq(runtime.data, expected, runtime.len);
    ck_assert(is_read == (reason.len == 0));
    ck_assert(is_read || memcmp(reason.data, "java: ", 6) == 0);
}

/* A counter's value, to be changed. */
static uint64_t *counter(const char *name)
{
    size_t at = 32;

    while (strcmp((char *)jvm.memory + at + 20, name) != 0) {
        ck_assert_uint_lt(at, memory_get(jvm.memory, MEMORY_USED));
        at += memory_get(jvm.memory, at);
    }
    return (uint64_t *)(void *)(jvm.memory + at + memory_get(jvm.memory, at + 16));
}

START_TEST(what_a_generational_collector_left_is_the_old_and_the_survivors)
{
    static const char *const policies[] = {"Copy:MSC", "ParScav:MSC"};
    struct wire_heap heap;

    write_counters(policies[_i]);
    publish();
    meet();
    ck_assert(read_heap(&heap));
    ck_assert_uint_eq(heap.used_bytes, 5110);
    ck_assert_uint_eq(heap.committed_bytes, 40 * MIB);
    ck_assert_uint_eq(heap.max_bytes, 400 * MIB);
    ck_assert_uint_eq(heap.young_collections, 11);
    ck_assert_uint_eq(heap.full_collections, 3);
    ck_assert_uint_eq(heap.cycle_pauses, 0);
    ck_assert_uint_eq(heap.pause_ns_total, UINT64_C(1700000000));
    *counter("sun.gc.generation.1.space.0.used") = 6000;
    ck_assert(read_heap(&heap));
    ck_assert_uint_eq(heap.used_bytes, 6110);
}
END_TEST

START_TEST(either_generation_of_g1_may_become_all_of_the_heap)
{
    struct wire_heap heap;

    write_counters("GarbageFirst");
    add_collector(2, 7, 1);
    publish();
    meet();
    ck_assert(read_heap(&heap));
    ck_assert_uint_eq(heap.max_bytes, 300 * MIB);
    ck_assert_uint_eq(heap.cycle_pauses, 7);
    ck_assert_uint_eq(heap.pause_ns_total, UINT64_C(1701000000));
}
END_TEST

START_TEST(other_collectors_are_not_read_and_the_release_is_told_all_the_same)
{
    static const char *const policies[] = {"", "ParNew:CMS", "Shenandoah", "Z", "Copy:MSC2"};

    write_counters(policies[_i]);
    publish();
    meet();
    ck_not_read();
    ck_runtime("openjdk 17.0.15", false);
    memcpy(counter("sun.gc.policy.name"), "Copy:MSC", 9);
    ck_not_read(); /* not looked at again */
}
END_TEST

START_TEST(a_collection_counts_when_it_has_ended)
{
    struct wire_heap heap;

    write_counters("Copy:MSC");
    publish();
    meet();
    *counter("sun.gc.collector.1.invocations") = 4;
    *counter("sun.gc.collector.1.lastEntryTime") = 6;
    ck_assert(read_heap(&heap));
    ck_assert_uint_eq(heap.full_collections, 3);
    ck_assert_uint_eq(heap.young_collections, 11);
    *counter("sun.gc.collector.1.lastExitTime") = 9;
    ck_assert(read_heap(&heap));
    ck_assert_uint_eq(heap.full_collections, 4);
}
END_TEST

START_TEST(a_machine_that_starts_later_is_found_later)
{
    const struct timespec a_while = {.tv_nsec = 1000000};
    struct wire_heap heap;

    meet();
    ck_not_read();
    write_counters("GarbageFirst");
    jvm.memory[MEMORY_ACCESSIBLE] = 0;
    publish();
    meet(); /* too soon after the last look */
    for (ck_not_read(); !read_heap(&heap); meet()) {
        jvm.memory[MEMORY_ACCESSIBLE] = 1;
        nanosleep(&a_while, NULL);
    }
    ck_assert_uint_eq(heap.used_bytes, 5110);
    ck_runtime("openjdk 17.0.15", true);
}
END_TEST

START_TEST(while_the_machine_starts_its_counters_are_waited_for)
{
    struct wire_heap heap;

    write_counters("GarbageFirst");
    jvm.memory[MEMORY_ACCESSIBLE] = 0;
    publish();
    meet();
    ck_not_read();
    ck_not_read();
    jvm.memory[MEMORY_ACCESSIBLE] = 1;
    ck_assert(read_heap(&heap));
}
END_TEST

START_TEST(a_counter_that_is_missing_in_a_machine_that_has_started_does_not_come)
{
    write_counters("GarbageFirst");
    jvm.memory[MEMORY_COUNT]--;
    publish();
    meet();
    ck_not_read();
    jvm.memory[MEMORY_COUNT]++;
    ck_not_read();
}
END_TEST

START_TEST(another_runtime_that_is_there_keeps_its_name)
{
    struct wire_heap heap;

    core_describe_runtime("cpython 3.11.2", "");
    write_counters("GarbageFirst");
    publish();
    meet();
    ck_assert(read_heap(&heap));
    ck_runtime("cpython 3.11.2", true);
}
END_TEST

START_TEST(a_child_does_not_tell_of_its_parents_heap)
{
    struct wire_heap heap;

    write_counters("GarbageFirst");
    publish();
    meet();
    ck_assert(read_heap(&heap));
    core_heap()->forked();
    ck_not_read();
    meet();
    ck_not_read();
}
END_TEST

START_TEST(a_child_of_a_process_without_a_machine_may_start_one)
{
    struct wire_heap heap;

    core_heap()->forked();
    write_counters("GarbageFirst");
    publish();
    meet();
    ck_assert(read_heap(&heap));
}
END_TEST

/* A machine of another maker, or a file that only has the name. */
START_TEST(a_table_that_leads_outside_of_the_file_is_not_followed)
{
    static const char *const names[] = {
        "gHotSpotVMStructs", "gHotSpotVMStructEntryArrayStride", "gHotSpotVMStructEntryTypeNameOffset",
        "gHotSpotVMStructEntryFieldNameOffset", "gHotSpotVMStructEntryAddressOffset"};
    static const uint64_t values[] = {0, 1, 16, 4096, UINT64_MAX, UINT64_MAX - 7, UINT64_MAX / 2 + 1};
    uint64_t *word = symbol(names[_i / 7]);
    uint64_t before = *word;

    *word = values[_i % 7];
    write_counters("GarbageFirst");
    publish();
    meet();
    ck_assert(*word == before || !core_heap()->read(&(struct wire_heap){0}));
}
END_TEST

START_TEST(counters_at_a_place_that_cannot_be_are_not_read)
{
    char *const starts[] = {NULL, (char *)1, (char *)jvm.memory, (char *)jvm.memory + 8};
    char *const ends[] = {NULL, (char *)jvm.memory, (char *)UINTPTR_MAX, (char *)jvm.memory + 16};

    write_counters("GarbageFirst");
    *jvm.start = starts[_i / 4];
    *jvm.end = ends[_i % 4];
    *jvm.initialized = 1;
    meet();
    ck_not_read();
}
END_TEST

START_TEST(counters_inside_the_library_are_not_read)
{
    write_counters("GarbageFirst");
    memcpy(jvm.inside, jvm.memory, sizeof(outside));
    jvm.memory = jvm.inside;
    publish();
    meet();
    ck_not_read();
}
END_TEST

/* As when the file behind them is cut. */
START_TEST(counters_that_can_no_longer_be_read_are_given_up)
{
    struct wire_heap heap;

    jvm.memory = mmap(NULL, sizeof(outside), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(jvm.memory, MAP_FAILED);
    write_counters("GarbageFirst");
    publish();
    meet();
    if (_i == 0)
        ck_assert(read_heap(&heap));
    ck_assert_int_eq(mprotect(jvm.memory, sizeof(outside), PROT_NONE), 0);
    errno = 5;
    ck_not_read();
    ck_assert_int_eq(errno, 5);
    ck_assert_int_eq(mprotect(jvm.memory, sizeof(outside), PROT_READ), 0);
    ck_not_read();
}
END_TEST

START_TEST(a_child_of_a_process_that_was_about_to_start_one_does_not_look)
{
    meet();
    core_heap()->forked();
    write_counters("GarbageFirst");
    publish();
    meet();
    ck_not_read();
}
END_TEST

static void add_loop(TCase *tcase, const TTest *test, int count)
{
    tcase_add_loop_test(tcase, test, 0, count);
}

int main(void)
{
    Suite *suite = suite_create("java");
    TCase *tcase = tcase_create("java");

    tcase_add_checked_fixture(tcase, set_up, NULL);
    tcase_set_timeout(tcase, 30);
    add_loop(tcase, what_a_generational_collector_left_is_the_old_and_the_survivors, 2);
    tcase_add_test(tcase, either_generation_of_g1_may_become_all_of_the_heap);
    add_loop(tcase, other_collectors_are_not_read_and_the_release_is_told_all_the_same, 5);
    tcase_add_test(tcase, a_collection_counts_when_it_has_ended);
    tcase_add_test(tcase, a_machine_that_starts_later_is_found_later);
    tcase_add_test(tcase, while_the_machine_starts_its_counters_are_waited_for);
    tcase_add_test(tcase, a_counter_that_is_missing_in_a_machine_that_has_started_does_not_come);
    tcase_add_test(tcase, another_runtime_that_is_there_keeps_its_name);
    tcase_add_test(tcase, a_child_does_not_tell_of_its_parents_heap);
    tcase_add_test(tcase, a_child_of_a_process_without_a_machine_may_start_one);
    add_loop(tcase, a_table_that_leads_outside_of_the_file_is_not_followed, 35);
    add_loop(tcase, counters_at_a_place_that_cannot_be_are_not_read, 16);
    tcase_add_test(tcase, counters_inside_the_library_are_not_read);
    add_loop(tcase, counters_that_can_no_longer_be_read_are_given_up, 2);
    tcase_add_test(tcase, a_child_of_a_process_that_was_about_to_start_one_does_not_look);
    suite_add_tcase(suite, tcase);
    return suite_end(suite);
}
