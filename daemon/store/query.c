/* SPDX-License-Identifier: MIT */
#include "daemon/store/query.h"

#include <string.h>

#include "daemon/base/map.h"
#include "daemon/store/private.h"

size_t query_process_count(const struct store *store)
{
    return store->count;
}

const struct process *query_process_at(const struct store *store, size_t index)
{
    return index < store->count ? &store->entries[index]->process : NULL;
}

const struct process *query_process(const struct store *store, const char *id)
{
    const struct entry *entry = map_get_str(store->by_id, id);

    return entry ? &entry->process : NULL;
}

size_t query_incident_count(const struct store *store)
{
    return store->incident_count;
}

const struct incident *query_incident_at(const struct store *store, size_t index)
{
    if (index >= store->incident_count)
        return NULL;
    return store->incidents[store->incident_count - 1 - index];
}

const struct incident *query_incident(const struct store *store, const char *id)
{
    for (size_t i = 0; i < store->incident_count; i++) {
        if (strcmp(store->incidents[i]->id, id) == 0)
            return store->incidents[i];
    }
    return NULL;
}

uint64_t site_live_bytes(const struct site *site)
{
    return site->alloc_bytes > site->free_bytes ? site->alloc_bytes - site->free_bytes : 0;
}

uint64_t site_live_count(const struct site *site)
{
    return site->alloc_count > site->free_count ? site->alloc_count - site->free_count : 0;
}

const char *query_name(const struct process *process, uint32_t name_id)
{
    const struct entry *entry = entry_of(process);
    const char *name = name_id < entry->name_cap ? entry->names[name_id] : NULL;

    return name ? name : "";
}

static const char *name_or_null(const struct process *process, uint32_t name_id)
{
    const char *name = query_name(process, name_id);

    return *name ? name : NULL;
}

static size_t name_native(const struct store *store, const struct entry *entry,
                          const struct wire_stack_frame *wire, struct frame *out, size_t max)
{
    const struct process_module *module = entry_find_module(entry, wire->module_id);
    struct frame frame = {.kind = WIRE_FRAME_NATIVE, .offset = wire->offset};
    const struct address *address = NULL;
    size_t count = 0;

    if (module) {
        frame.module = *module->module.path ? basename(module->module.path) : "[vdso]";
        address = address_find(store->addresses, module->image, wire->offset);
    }
    for (; address && count < address->line_count && count < max; count++) {
        const struct address_line *line = &address->lines[count];

        out[count] = frame;
        out[count].function = line->function;
        out[count].file = line->file;
        out[count].line = line->line;
        out[count].inlined = line->inlined;
    }
    if (count == 0 && max > 0)
        out[count++] = frame;
    return count;
}

size_t query_frames(const struct store *store, const struct process *process,
                    const struct site *site, struct frame *out, size_t max)
{
    const uint8_t *packed = site->stack;
    size_t count = 0;

    for (unsigned i = 0; i < site->frame_count && count < max; i++) {
        struct wire_stack_frame wire;

        packed = stack_unpack(packed, &wire);
        if (wire.kind == WIRE_FRAME_PYTHON) {
            out[count++] = (struct frame){
                .kind = WIRE_FRAME_PYTHON,
                .function = name_or_null(process, wire.function_id),
                .file = name_or_null(process, wire.file_id),
                .line = wire.line,
            };
        } else {
            count += name_native(store, entry_of(process), &wire, &out[count], max - count);
        }
    }
    return count;
}

const char *query_site_kind(const struct site *site)
{
    const uint8_t *packed = site->stack;
    unsigned python = 0;

    for (unsigned i = 0; i < site->frame_count; i++) {
        struct wire_stack_frame frame;

        packed = stack_unpack(packed, &frame);
        python += frame.kind == WIRE_FRAME_PYTHON;
    }
    if (python == 0)
        return "native";
    return python == site->frame_count ? "python" : "mixed";
}

size_t query_tests(const struct process *process, struct detect_check out[QUERY_TESTS_MAX])
{
    size_t count;

    if (process->fit_is_rss)
        return detect_explain_tests(&process->rss_detector, out);
    count = process->heap && process->growth_in == GROWTH_IN_JAVA_HEAP
                ? detect_explain_tests(&process->heap->detector, out)
                : load_explain_tests(&process->live_detector, out);
    for (size_t i = 0; i < process->objection_count; i++)
        out[count++] = process->objections[i];
    return count;
}

uint64_t query_limit(const struct process *process, const char **source)
{
    *source = process->ends_in_heap ? QUERY_LIMIT_HEAP : process->limit_source;
    return process->ends_in_heap ? process->heap->totals.max_bytes : process->limit_bytes;
}

static size_t entry_bytes(const struct entry *entry)
{
    size_t bytes = sizeof(*entry);

    bytes += entry->module_count * (sizeof(*entry->modules) + 64);
    bytes += entry->name_cap * sizeof(*entry->names);
    bytes += entry->site_slot_count * sizeof(*entry->site_slots);
    bytes += entry->site_cap * sizeof(struct site) + entry->type_cap * sizeof(struct type);
    bytes += shots_bytes(entry->shots);
    bytes += series_bytes(entry->process.live_series) + series_bytes(entry->process.rss_series);
    if (entry->process.python_series)
        bytes += series_bytes(entry->process.python_series);
    if (entry->process.heap)
        bytes += sizeof(*entry->process.heap);
    return bytes;
}

void query_stats(const struct store *store, struct store_stats *out)
{
    struct store_stats stats = {.processes = store->count, .sites = store->site_count};

    for (size_t i = 0; i < store->count; i++) {
        const struct entry *entry = store->entries[i];

        stats.processes_watching += entry->process.state == PROCESS_WATCHING;
        stats.bytes += entry_bytes(entry);
    }
    for (size_t i = 0; i < store->incident_count; i++)
        stats.incidents_open += store->incidents[i]->state != INCIDENT_RESOLVED;
    stats.bytes += intern_bytes(store->texts) + intern_bytes(store->stacks);
    stats.bytes += addresses_bytes(store->addresses);
    stats.bytes += store->incident_count * sizeof(struct incident);
    *out = stats;
}
