/* SPDX-License-Identifier: MIT */
#include "agent/java/counters.h"

#include <stdlib.h>
#include <string.h>

#include "agent/core/peek.h"

#define COLLECTORS     3 /* young; full; pauses of concurrent cycles: of G1, not in release 8 */
#define SPACES         3
#define NAME_BYTES     32
#define READS_MAX      3 /* a collection begins or ends meanwhile: again */
#define NS_PER_S       UINT64_C(1000000000)
#define CAPACITY_GRAIN UINT64_C(4096) /* capacities are pages; older releases add 8 bytes a space */

/* From here on the old generation of the parallel collector may become all of the heap, too. */
#define RELEASE_OF_ELASTIC_PARALLEL 28

/* What a collector tells of itself. */
enum { INVOCATIONS, TIME, ENTRY, EXIT, COLLECTOR_COUNTERS };

enum {
    POLICY,
    VM_NAME,
    VERSION,
    RELEASE, /* "17"; "1.8" */
    TICKS_PER_S,
    CAPACITY,                     /* of both generations: young, old */
    CAPACITY_MAX = CAPACITY + 2,  /* likewise */
    USED = CAPACITY_MAX + 2,      /* old; both survivor spaces */
    COLLECTOR = USED + SPACES,    /* COLLECTOR_COUNTERS of each */
    ENTRIES = COLLECTOR + COLLECTORS * COLLECTOR_COUNTERS,
};

_Static_assert(ENTRIES <= COUNTERS_MAX, "room for each");

#define PIECES_MAX (2 * ENTRIES)

static const char *const names[ENTRIES] = {
    [POLICY] = "sun.gc.policy.name",
    [VM_NAME] = "java.property.java.vm.name",
    [VERSION] = "java.property.java.version",
    [RELEASE] = "java.property.java.vm.specification.version",
    [TICKS_PER_S] = "sun.os.hrt.frequency",
    [CAPACITY] = "sun.gc.generation.0.capacity",
    [CAPACITY + 1] = "sun.gc.generation.1.capacity",
    [CAPACITY_MAX] = "sun.gc.generation.0.maxCapacity",
    [CAPACITY_MAX + 1] = "sun.gc.generation.1.maxCapacity",
    [USED] = "sun.gc.generation.1.space.0.used",
    [USED + 1] = "sun.gc.generation.0.space.1.used",
    [USED + 2] = "sun.gc.generation.0.space.2.used",
#define COLLECTOR_NAMES(n)                                                                         \
    [COLLECTOR + (n) * COLLECTOR_COUNTERS + INVOCATIONS] = "sun.gc.collector." #n ".invocations",  \
    [COLLECTOR + (n) * COLLECTOR_COUNTERS + TIME] = "sun.gc.collector." #n ".time",                \
    [COLLECTOR + (n) * COLLECTOR_COUNTERS + ENTRY] = "sun.gc.collector." #n ".lastEntryTime",      \
    [COLLECTOR + (n) * COLLECTOR_COUNTERS + EXIT] = "sun.gc.collector." #n ".lastExitTime",
    COLLECTOR_NAMES(0) COLLECTOR_NAMES(1) COLLECTOR_NAMES(2)
#undef COLLECTOR_NAMES
};

/* ---- finding ------------------------------------------------------------------------------------ */

static bool is_optional(size_t i)
{
    return i == VM_NAME || i == VERSION || i == RELEASE || i >= COLLECTOR + 2 * COLLECTOR_COUNTERS;
}

static bool has_all(const struct counters *counters)
{
    for (size_t i = 0; i < ENTRIES; i++) {
        if (!counters->entries[i].value && !is_optional(i))
            return false;
    }
    return perfdata_number(&counters->entries[TICKS_PER_S]) > 0;
}

static bool may_old_become_all(const struct counters *counters, const char *policy)
{
    char release[NAME_BYTES];

    perfdata_text(&counters->entries[RELEASE], release, sizeof(release));
    return strcmp(policy, "GarbageFirst") == 0 ||
           (strcmp(policy, "ParScav:MSC") == 0 && strtoul(release, NULL, 10) >= RELEASE_OF_ELASTIC_PARALLEL);
}

/* The names of the serial and the parallel collector say how they were put together long ago. */
static bool is_known(struct counters *counters)
{
    char policy[NAME_BYTES];

    perfdata_text(&counters->entries[POLICY], policy, sizeof(policy));
    counters->is_old_all = may_old_become_all(counters, policy);
    return strcmp(policy, "GarbageFirst") == 0 || strcmp(policy, "Copy:MSC") == 0 ||
           strcmp(policy, "ParScav:MSC") == 0;
}

enum counters_found counters_find(struct counters *counters, const void *copy, size_t size, uintptr_t origin)
{
    counters->origin = origin - (uintptr_t)copy;
    for (size_t i = 0; i < ENTRIES; i++)
        counters->entries[i] = (struct perfdata_entry){
            .name = names[i],
            .type = i <= RELEASE ? PERFDATA_TEXT : PERFDATA_NUMBER,
        };
    if (!perfdata_is_complete(copy, size) || !perfdata_find(copy, size, counters->entries, ENTRIES))
        return COUNTERS_SOME;
    return has_all(counters) && is_known(counters) ? COUNTERS_ALL : COUNTERS_NEVER;
}

/* ---- what the machine is ------------------------------------------------------------------------- */

static bool is_release_char(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (c != '\0' && strchr("._+-", c));
}

bool counters_describe(const struct counters *counters, char *out, size_t size)
{
    char name[NAME_BYTES];
    char version[NAME_BYTES];
    size_t len = 0;

    perfdata_text(&counters->entries[VM_NAME], name, sizeof(name));
    perfdata_text(&counters->entries[VERSION], version, sizeof(version));
    while (is_release_char(version[len]))
        len++;
    if (!name[0] || len == 0 || version[len] != '\0')
        return false;
    strcpy(name, strncmp(name, "OpenJDK", 7) == 0 ? "openjdk " : "hotspot ");
    if (strlen(name) + len >= size)
        return false;
    strcpy(out, name);
    strcat(out, version);
    return true;
}

/* ---- reading ------------------------------------------------------------------------------------- */

/* Numbers by their place among the names; 0 of one that is not there. */
struct numbers {
    uint64_t of[ENTRIES];
};

static uint64_t of_collector(const struct numbers *numbers, size_t collector, size_t what)
{
    return numbers->of[COLLECTOR + collector * COLLECTOR_COUNTERS + what];
}

static uint64_t sum(const struct numbers *numbers, size_t what)
{
    uint64_t total = 0;

    for (size_t i = 0; i < COLLECTORS; i++)
        total += of_collector(numbers, i, what);
    return total;
}

/* A collection is counted when it begins. */
struct moment {
    uint64_t begun[COLLECTORS];
    bool is_under_way[COLLECTORS];
};

static void look(const struct numbers *numbers, struct moment *out)
{
    memset(out, 0, sizeof(*out));
    for (size_t i = 0; i < COLLECTORS; i++) {
        out->begun[i] = of_collector(numbers, i, INVOCATIONS);
        out->is_under_way[i] = of_collector(numbers, i, ENTRY) > of_collector(numbers, i, EXIT);
    }
}

static uint64_t ended(const struct moment *moment, size_t collector)
{
    return moment->begun[collector] - (moment->is_under_way[collector] && moment->begun[collector] > 0);
}

static uint64_t in_pages(uint64_t capacity)
{
    return capacity / CAPACITY_GRAIN * CAPACITY_GRAIN;
}

static uint64_t in_ns(uint64_t ticks, uint64_t ticks_per_s)
{
    return ticks / ticks_per_s * NS_PER_S + ticks % ticks_per_s * NS_PER_S / ticks_per_s;
}

static uint64_t max_bytes(const struct numbers *numbers, bool is_old_all)
{
    uint64_t young = in_pages(numbers->of[CAPACITY_MAX]);
    uint64_t old = in_pages(numbers->of[CAPACITY_MAX + 1]);

    return is_old_all ? old : young + old;
}

static void tell(const struct numbers *numbers, const struct moment *moment, uint64_t ticks_per_s,
                 struct wire_heap *out)
{
    out->used_bytes = numbers->of[USED] + numbers->of[USED + 1] + numbers->of[USED + 2];
    out->committed_bytes = in_pages(numbers->of[CAPACITY]) + in_pages(numbers->of[CAPACITY + 1]);
    out->young_collections = ended(moment, 0);
    out->full_collections = ended(moment, 1);
    out->cycle_pauses = ended(moment, 2);
    out->pause_ns_total = in_ns(sum(numbers, TIME), ticks_per_s);
}

/* What is read, in this order. */
struct plan {
    struct iovec pieces[PIECES_MAX];
    uint64_t *into[PIECES_MAX];
    size_t count;
};

static void plan_one(const struct counters *counters, size_t i, struct numbers *numbers, struct plan *plan)
{
    uintptr_t at = (uintptr_t)counters->entries[i].value;

    numbers->of[i] = 0;
    if (at == 0)
        return;
    plan->into[plan->count] = &numbers->of[i];
    plan->pieces[plan->count++] =
        (struct iovec){.iov_base = (void *)(at + counters->origin), .iov_len = sizeof(uint64_t)};
}

static void plan_moment(const struct counters *counters, struct numbers *numbers, struct plan *plan)
{
    for (size_t i = COLLECTOR; i < ENTRIES; i++) {
        if ((i - COLLECTOR) % COLLECTOR_COUNTERS != TIME)
            plan_one(counters, i, numbers, plan);
    }
}

/* What says whether a collection began or ended is read in front of the rest and behind it. */
static bool fetch(const struct counters *counters, struct numbers *before, struct numbers *after)
{
    uint64_t got[PIECES_MAX];
    struct plan plan;

    plan.count = 0;
    plan_moment(counters, before, &plan);
    for (size_t i = CAPACITY; i < COLLECTOR; i++)
        plan_one(counters, i, before, &plan);
    for (size_t i = 0; i < COLLECTORS; i++)
        plan_one(counters, COLLECTOR + i * COLLECTOR_COUNTERS + TIME, before, &plan);
    plan_moment(counters, after, &plan);
    if (!peek_pieces(plan.pieces, plan.count, got, plan.count * sizeof(got[0])))
        return false;
    for (size_t i = 0; i < plan.count; i++)
        *plan.into[i] = got[i];
    return true;
}

/*
 * What is left is written last: by the serial collector up to release 21 some 10 us after the end, which nothing
 * tells from the rest. These releases also write what is used, of the serial and the parallel collector, every
 * 50 ms, amid a collection, too.
 */
enum counters_had counters_read(const struct counters *counters, struct wire_heap *out)
{
    struct numbers numbers, again;
    struct moment before, after;

    for (unsigned i = 0; i < READS_MAX; i++) {
        if (!fetch(counters, &numbers, &again))
            return COUNTERS_GONE;
        look(&numbers, &before);
        look(&again, &after);
        if (memcmp(&before, &after, sizeof(before)) == 0) {
            tell(&numbers, &before, perfdata_number(&counters->entries[TICKS_PER_S]), out);
            out->max_bytes = max_bytes(&numbers, counters->is_old_all);
            return COUNTERS_READ;
        }
    }
    return COUNTERS_NOT_NOW;
}
