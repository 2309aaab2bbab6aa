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

/* What decides the order: known growth before unknown, then the figures one after the other; equal
 * ones by id, so that a list does not jump. */
struct rank {
    bool known;
    double first;
    double second;
    uint64_t live_bytes;
    uint32_t id;
};

static bool rank_before(const struct rank *a, const struct rank *b)
{
    if (a->known != b->known)
        return a->known;
    if (a->first != b->first)
        return a->first > b->first;
    if (a->second != b->second)
        return a->second > b->second;
    if (a->live_bytes != b->live_bytes)
        return a->live_bytes > b->live_bytes;
    return a->id < b->id;
}

static struct rank rank_of(enum query_order order, const struct growth *growth, uint64_t live_bytes,
                           uint64_t alloc_bytes, uint32_t id)
{
    struct rank rank = {.live_bytes = live_bytes, .id = id};

    if (order == ORDER_GROWTH) {
        /* What surely grows comes first, by how much it does at least; of the rest, an uncertain
         * large growth says more than a certain zero. */
        rank.known = growth->known;
        rank.first = growth->known && growth->lower > 0 ? growth->lower : 0;
        rank.second = growth->known ? growth->estimate : 0;
    } else if (order == ORDER_RATE) {
        rank.first = (double)alloc_bytes;
    }
    return rank;
}

static struct rank site_rank(const void *item, enum query_order order)
{
    const struct site *site = item;

    return rank_of(order, &site->growth, site_live_bytes(site), site->alloc_bytes, site->id);
}

/* A type has no allocation total: its rate order is that of the live bytes. */
static struct rank type_rank(const void *item, enum query_order order)
{
    const struct type *type = item;

    return rank_of(order, &type->growth, type->live_bytes, 0, type->name_id);
}

/* The best max of many items: a heap with the worst kept one on top. */
struct selection {
    struct rank (*rank)(const void *item, enum query_order order);
    enum query_order order;
    const void **items;
    size_t count;
    size_t max;
};

static bool before(const struct selection *selection, const void *a, const void *b)
{
    struct rank rank_a = selection->rank(a, selection->order);
    struct rank rank_b = selection->rank(b, selection->order);

    return rank_before(&rank_a, &rank_b);
}

static void sift_down(struct selection *selection, size_t at)
{
    const void **items = selection->items;

    for (;;) {
        size_t worst = at, child = 2 * at + 1;

        for (size_t i = child; i < child + 2 && i < selection->count; i++) {
            if (before(selection, items[worst], items[i]))
                worst = i;
        }
        if (worst == at)
            return;
        const void *item = items[at];
        items[at] = items[worst];
        items[worst] = item;
        at = worst;
    }
}

static void sift_up(struct selection *selection, size_t at)
{
    const void **items = selection->items;

    while (at > 0 && before(selection, items[(at - 1) / 2], items[at])) {
        const void *item = items[at];

        items[at] = items[(at - 1) / 2];
        items[(at - 1) / 2] = item;
        at = (at - 1) / 2;
    }
}

static void offer(struct selection *selection, const void *item)
{
    if (selection->count < selection->max) {
        selection->items[selection->count++] = item;
        sift_up(selection, selection->count - 1);
    } else if (selection->max > 0 && before(selection, item, selection->items[0])) {
        selection->items[0] = item;
        sift_down(selection, 0);
    }
}

/* Takes the worst off the top again and again: best first in the end. */
static size_t finish(struct selection *selection)
{
    size_t count = selection->count;

    while (selection->count > 1) {
        const void *worst = selection->items[0];

        selection->items[0] = selection->items[--selection->count];
        selection->items[selection->count] = worst;
        sift_down(selection, 0);
    }
    return count;
}

size_t query_sites(const struct process *process, enum query_order order, const struct site **out,
                   size_t max)
{
    struct selection selection = {site_rank, order, (const void **)out, 0, max};

    for (size_t i = 0; i < process->site_count; i++)
        offer(&selection, &process->sites[i]);
    return finish(&selection);
}

size_t query_types(const struct process *process, enum query_order order, const struct type **out,
                   size_t max)
{
    struct selection selection = {type_rank, order, (const void **)out, 0, max};

    for (size_t i = 0; i < process->type_count; i++)
        offer(&selection, &process->types[i]);
    return finish(&selection);
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

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

static size_t name_native(const struct store *store, const struct entry *entry,
                          const struct wire_stack_frame *wire, struct frame *out, size_t max)
{
    const struct process_module *module = entry_find_module(entry, wire->module_id);
    struct frame frame = {.kind = WIRE_FRAME_NATIVE, .offset = wire->offset};
    const struct address *address = NULL;
    size_t count = 0;

    if (module) {
        frame.module = *module->module.path ? base_name(module->module.path) : "[vdso]";
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

static size_t entry_bytes(const struct entry *entry)
{
    size_t bytes = sizeof(*entry);

    bytes += entry->module_count * (sizeof(*entry->modules) + 64);
    bytes += entry->name_cap * sizeof(*entry->names);
    bytes += entry->site_slot_count * sizeof(*entry->site_slots);
    bytes += entry->site_cap * sizeof(struct site) + entry->type_cap * sizeof(struct type);
    bytes += series_bytes(entry->process.live_series) + series_bytes(entry->process.rss_series);
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
