/* SPDX-License-Identifier: MIT */
/* The families that have a sample for each living process. */
#include "daemon/http/metrics_process.h"

#include <math.h>
#include <stdbool.h>

#include "daemon/http/exposition.h"
#include "daemon/http/slots.h"
#include "daemon/store/query.h"

static void begin_process(struct exposition *e, const struct slot *slot)
{
    exposition_begin(e, "");
    exposition_label(e, "unit", slot->label);
    exposition_label_u64(e, "worker", slot->worker);
}

#define EACH_SLOT(slots, slot)                                                                     \
    for (size_t slot_index = 0; ((slot) = slots_at((slots), slot_index)) != NULL; slot_index++)

static void write_info(struct exposition *e, const struct slots *slots)
{
    const struct slot *slot;

    exposition_family(e, "leakd_process", METRIC_INFO, "A process that leakd watches.");
    EACH_SLOT(slots, slot)
    {
        begin_process(e, slot);
        exposition_label_u64(e, "pid", (uint64_t)slot->process->identity.pid);
        exposition_label(e, "exe", slot->process->exe);
        exposition_label(e, "runtime", slot->process->runtime);
        exposition_u64(e, 1);
    }
}

/* One figure of each process that has it. */
struct figure {
    const char *name;
    enum metric_kind kind;
    const char *help;
    bool (*read)(const struct process *process, double *out);
};

static bool read_resident(const struct process *p, double *out)
{
    *out = (double)p->rss_bytes;
    return p->has_rss;
}

static bool read_pss(const struct process *p, double *out)
{
    *out = (double)p->pss_bytes;
    return p->pss_bytes > 0;
}

static bool read_allocated(const struct process *p, double *out)
{
    *out = (double)p->alloc_bytes;
    return p->has_totals;
}

static bool read_freed(const struct process *p, double *out)
{
    *out = (double)p->free_bytes;
    return p->has_totals;
}

static bool read_allocations(const struct process *p, double *out)
{
    *out = (double)p->alloc_count;
    return p->has_totals;
}

static bool read_frees(const struct process *p, double *out)
{
    *out = (double)p->free_count;
    return p->has_totals;
}

static bool read_growth(const struct process *p, double *out)
{
    *out = p->growth.estimate;
    return p->growth.known;
}

static bool read_growth_lower(const struct process *p, double *out)
{
    *out = p->growth.lower;
    return p->growth.known;
}

static bool read_growth_upper(const struct process *p, double *out)
{
    *out = p->growth.upper;
    return p->growth.known;
}

static bool read_time_to_limit(const struct process *p, double *out)
{
    *out = p->time_to_limit.known ? p->time_to_limit.estimate_s : (double)INFINITY;
    return true;
}

static bool read_leaking(const struct process *p, double *out)
{
    *out = verdict_is_alarm(p->verdict);
    return true;
}

static bool read_gc_pause(const struct process *p, double *out)
{
    *out = (double)p->gc.pause_ns_total / 1e9;
    return p->has_gc;
}

static bool read_java_used(const struct process *p, double *out)
{
    *out = p->heap ? (double)p->heap->totals.used_bytes : 0;
    return p->heap != NULL;
}

static bool read_java_max(const struct process *p, double *out)
{
    *out = p->heap ? (double)p->heap->totals.max_bytes : 0;
    return *out > 0;
}

static bool read_java_full(const struct process *p, double *out)
{
    *out = p->heap ? (double)p->heap->totals.full_collections : 0;
    return p->heap != NULL;
}

static bool read_java_pause(const struct process *p, double *out)
{
    *out = p->heap ? (double)p->heap->totals.pause_ns_total / 1e9 : 0;
    return p->heap != NULL;
}

static bool read_overhead(const struct process *p, double *out)
{
    *out = (double)(p->health.flush_ns_total + p->health.sample_ns_total) / 1e9;
    return true;
}

static const struct figure figures[] = {
    {"leakd_process_resident_bytes", METRIC_GAUGE, "Resident memory.", read_resident},
    {"leakd_process_pss_bytes", METRIC_GAUGE, "Proportional share of resident memory.", read_pss},
    {"leakd_process_allocated_bytes", METRIC_COUNTER, "Bytes ever allocated.", read_allocated},
    {"leakd_process_freed_bytes", METRIC_COUNTER, "Bytes ever freed.", read_freed},
    {"leakd_process_allocations", METRIC_COUNTER, "Blocks ever allocated.", read_allocations},
    {"leakd_process_frees", METRIC_COUNTER, "Blocks ever freed.", read_frees},
    {"leakd_process_leaking", METRIC_GAUGE, "1 while the verdict is leak or fragmentation.",
     read_leaking},
    {"leakd_growth_bytes_per_second", METRIC_GAUGE, "Steady growth, estimate.", read_growth},
    {"leakd_growth_lower_bytes_per_second", METRIC_GAUGE,
     "Steady growth, lower end of the 95 % interval.", read_growth_lower},
    {"leakd_growth_upper_bytes_per_second", METRIC_GAUGE,
     "Steady growth, upper end of the 95 % interval.", read_growth_upper},
    {"leakd_time_to_limit_seconds", METRIC_GAUGE,
     "Time until the memory limit at this growth; +Inf without limit or growth.",
     read_time_to_limit},
    {"leakd_python_gc_pause_seconds", METRIC_COUNTER, "Time spent in garbage collections.",
     read_gc_pause},
    {"leakd_java_heap_used_bytes", METRIC_GAUGE, "What the last collection left in a Java heap.",
     read_java_used},
    {"leakd_java_heap_max_bytes", METRIC_GAUGE, "The most a Java heap may become.", read_java_max},
    {"leakd_java_full_collections", METRIC_COUNTER, "Full collections of a Java heap.",
     read_java_full},
    {"leakd_java_gc_pause_seconds", METRIC_COUNTER, "Time a Java program stood still for them all.",
     read_java_pause},
    {"leakd_agent_overhead_seconds", METRIC_COUNTER, "Time the agent spent in its slow path.",
     read_overhead},
};

static void write_figure(struct exposition *e, const struct slots *slots,
                         const struct figure *figure)
{
    const struct slot *slot;
    double value;

    exposition_family(e, figure->name, figure->kind, figure->help);
    EACH_SLOT(slots, slot)
    {
        if (figure->read(slot->process, &value)) {
            begin_process(e, slot);
            exposition_double(e, value);
        }
    }
}

static void write_heap(struct exposition *e, const struct slots *slots)
{
    static const char *const names[WIRE_DOMAINS] = {"native", "python", "mmap"};
    const struct slot *slot;

    exposition_family(e, "leakd_process_heap_live_bytes", METRIC_GAUGE,
                      "Bytes allocated and not freed.");
    EACH_SLOT(slots, slot)
    {
        for (size_t i = 0; i < WIRE_DOMAINS; i++) {
            if (!slot->process->has_totals || slot->process->domains[i].method == WIRE_METHOD_NONE)
                continue;
            begin_process(e, slot);
            exposition_label(e, "domain", names[i]);
            exposition_u64(e, slot->process->domains[i].live_bytes);
        }
    }
}

static void write_limits(struct exposition *e, const struct slots *slots)
{
    const struct slot *slot;

    exposition_family(e, "leakd_memory_limit_bytes", METRIC_GAUGE,
                      "The nearest memory limit above the process.");
    EACH_SLOT(slots, slot)
    {
        if (slot->process->limit_bytes == 0)
            continue;
        begin_process(e, slot);
        exposition_label(e, "source",
                         slot->process->limit_source ? slot->process->limit_source : "unknown");
        exposition_u64(e, slot->process->limit_bytes);
    }
}

static void write_generations(struct exposition *e, const struct slots *slots, const char *name,
                              const char *help, bool collections)
{
    const struct slot *slot;

    exposition_family(e, name, METRIC_COUNTER, help);
    EACH_SLOT(slots, slot)
    {
        for (size_t i = 0; slot->process->has_gc && i < WIRE_GC_GENERATIONS; i++) {
            begin_process(e, slot);
            exposition_label_u64(e, "generation", i);
            exposition_u64(e, collections ? slot->process->gc.generations[i].collections
                                          : slot->process->gc.generations[i].uncollectable);
        }
    }
}

static void write_agent_drops(struct exposition *e, const struct slots *slots)
{
    const struct slot *slot;

    exposition_family(e, "leakd_agent_dropped", METRIC_COUNTER,
                      "What the agent could not keep or send: a table or the socket was full.");
    EACH_SLOT(slots, slot)
    {
        const struct wire_health *health = &slot->process->health;
        const struct {
            const char *reason;
            uint64_t value;
        } drops[] = {{"live_table", health->dropped_samples},
                     {"site_table", health->dropped_sites},
                     {"name_table", health->dropped_names},
                     {"socket", health->skipped_flushes}};

        for (size_t i = 0; i < sizeof(drops) / sizeof(drops[0]); i++) {
            begin_process(e, slot);
            exposition_label(e, "reason", drops[i].reason);
            exposition_u64(e, drops[i].value);
        }
    }
}

void metrics_write_processes(struct exposition *e, const struct slots *slots)
{
    write_info(e, slots);
    for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++)
        write_figure(e, slots, &figures[i]);
    write_heap(e, slots);
    write_limits(e, slots);
    write_generations(e, slots, "leakd_python_gc_collections", "Garbage collections.", true);
    write_generations(e, slots, "leakd_python_gc_uncollectable_objects",
                      "Objects that the garbage collector could not free.", false);
    write_agent_drops(e, slots);
}
