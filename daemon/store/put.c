/* SPDX-License-Identifier: MIT */
/* What the agents' records change in a process. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/store/private.h"

#define NAMES_STEP 256u
/* Repeated totals count as fresh for so long: a tick is 1 s and may come a little early. */
#define TOTALS_FRESH_MS 900u

static size_t module_position(const struct entry *entry, uint32_t id)
{
    size_t low = 0, high = entry->module_count;

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (entry->modules[middle].module.id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const struct process_module *entry_find_module(const struct entry *entry, uint32_t id)
{
    size_t at = module_position(entry, id);

    if (at < entry->module_count && entry->modules[at].module.id == id)
        return &entry->modules[at];
    return NULL;
}

static int module_init(struct store *store, pid_t pid, const struct wire_module *wire,
                       struct process_module *out)
{
    struct process_module made = {
        .module = {wire->id, wire->start, wire->end, wire->load_bias, NULL, {0}, 0}};

    made.module.path = strndup(wire->path.data, wire->path.len);
    if (!made.module.path)
        return -ENOMEM;
    made.module.build_id_len = wire->build_id_len;
    if (wire->build_id_len > 0)
        memcpy(made.module.build_id, wire->build_id, wire->build_id_len);
    made.image = image_take(store->addresses, wire, pid);
    if (!made.image) {
        free(made.module.path);
        return -ENOMEM;
    }
    *out = made;
    return 0;
}

int store_put_module(struct store *store, struct process *process, const struct wire_module *module)
{
    struct entry *entry = entry_of(process);
    size_t at = module_position(entry, module->id);
    struct process_module made, *modules;
    int rc;

    if (entry_find_module(entry, module->id)) /* said again after a reconnect */
        return 0;
    if (entry->module_count >= WIRE_MODULES_MAX)
        return -ENOSPC;
    modules = realloc(entry->modules, (entry->module_count + 1) * sizeof(*modules));
    if (!modules)
        return -ENOMEM;
    entry->modules = modules;
    rc = module_init(store, process->identity.pid, module, &made);
    if (rc < 0)
        return rc;
    memmove(&modules[at + 1], &modules[at], (entry->module_count - at) * sizeof(*modules));
    modules[at] = made;
    entry->module_count++;
    store->names_revision++;
    return 0;
}

static int grow_names(struct entry *entry, uint32_t id)
{
    size_t cap = (id / NAMES_STEP + 1) * NAMES_STEP;
    const char **names;

    if (id < entry->name_cap)
        return 0;
    names = realloc(entry->names, cap * sizeof(*names));
    if (!names)
        return -ENOMEM;
    memset(&names[entry->name_cap], 0, (cap - entry->name_cap) * sizeof(*names));
    entry->names = names;
    entry->name_cap = cap;
    return 0;
}

int store_put_name(struct store *store, struct process *process, const struct wire_name *name)
{
    struct entry *entry = entry_of(process);
    int rc;

    rc = grow_names(entry, name->id);
    if (rc < 0)
        return rc;
    if (entry->names[name->id])
        return 0;
    if (entry->name_bytes + name->text.len > PROCESS_NAME_BYTES_MAX)
        return -ENOSPC;
    entry->names[name->id] = intern_take(store->texts, name->text.data, name->text.len);
    if (!entry->names[name->id])
        return -ENOMEM;
    entry->name_bytes += name->text.len;
    if (entry->unnamed_sites > 0) /* one of them may have waited for it */
        store->names_revision++;
    return 0;
}

struct site *entry_find_site(const struct entry *entry, uint32_t id)
{
    uint16_t slot = id < entry->site_slot_count ? entry->site_slots[id] : 0;

    return slot > 0 ? &entry->process.sites[slot - 1] : NULL;
}

static int grow_site_slots(struct entry *entry, uint32_t id)
{
    size_t count = ((size_t)id / 64 + 1) * 64;
    uint16_t *slots;

    if (id < entry->site_slot_count)
        return 0;
    slots = realloc(entry->site_slots, count * sizeof(*slots));
    if (!slots)
        return -ENOMEM;
    memset(&slots[entry->site_slot_count], 0, (count - entry->site_slot_count) * sizeof(*slots));
    entry->site_slots = slots;
    entry->site_slot_count = count;
    return 0;
}

/* By a quarter: a million sites must not reserve a second million. */
static int grow_sites(struct entry *entry)
{
    size_t cap = entry->site_cap + entry->site_cap / 4 + 16;
    struct site *sites;

    if (entry->process.site_count < entry->site_cap)
        return 0;
    sites = realloc(entry->process.sites, cap * sizeof(*sites));
    if (!sites)
        return -ENOMEM;
    entry->process.sites = sites;
    entry->site_cap = cap;
    return 0;
}

/* Finds or makes the site. -ENOSPC: the store is full of sites. */
static int take_site(struct store *store, struct entry *entry, uint32_t id, struct site **out)
{
    struct process *process = &entry->process;
    struct site *site = entry_find_site(entry, id);
    int rc;

    if (!site) {
        if (store->site_count >= STORE_SITES_MAX) {
            store->refused_sites++;
            return -ENOSPC;
        }
        rc = grow_site_slots(entry, id);
        if (rc == 0)
            rc = grow_sites(entry);
        if (rc < 0)
            return rc;
        site = &process->sites[process->site_count++];
        memset(site, 0, sizeof(*site));
        site->id = id;
        entry->site_slots[id] = (uint16_t)process->site_count;
        store->site_count++;
    }
    *out = site;
    return 0;
}

int store_put_site(struct store *store, struct process *process, const struct wire_site *wire)
{
    struct entry *entry = entry_of(process);
    uint8_t packed[STACK_BYTES_MAX];
    size_t len = stack_pack(wire->frames, wire->frame_count, packed);
    struct site *site;
    int rc;

    rc = take_site(store, entry, wire->id, &site);
    if (rc < 0)
        return rc == -ENOSPC ? 0 : rc; /* no fault of the sender */
    if (site->stack)                   /* said again after a reconnect */
        return 0;
    site->stack = intern_take(store->stacks, packed, len);
    if (!site->stack)
        return -ENOMEM;
    site->domain = wire->domain;
    site->flags = wire->flags;
    site->frame_count = wire->frame_count;
    entry->unnamed_sites++;
    site_settle(store, entry, site);
    store_touch(process);
    return 0;
}

static uint64_t at_most(uint64_t value, uint64_t max)
{
    return value < max ? value : max;
}

int store_put_site_totals(struct store *store, struct process *process,
                          const struct wire_site_totals *totals, uint64_t now_mono_ms)
{
    struct site *site;
    int rc;

    rc = take_site(store, entry_of(process), totals->site_id, &site);
    if (rc < 0)
        return rc == -ENOSPC ? 0 : rc;
    site->alloc_bytes = totals->alloc_bytes;
    site->free_bytes = at_most(totals->free_bytes, totals->alloc_bytes);
    site->alloc_count = totals->alloc_count;
    site->free_count = at_most(totals->free_count, totals->alloc_count);
    site->live_samples = totals->live_samples;
    site->oldest_age_ms = totals->oldest_age_ms;
    site->updated_mono_ms = now_mono_ms;
    process->last_frame_mono_ms = now_mono_ms;
    store_touch(process);
    return 0;
}

static size_t type_position(const struct process *process, uint32_t name_id)
{
    size_t low = 0, high = process->type_count;

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (process->types[middle].name_id < name_id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static int insert_type(struct store *store, struct entry *entry, size_t at, uint32_t name_id)
{
    struct process *process = &entry->process;
    struct type *types = process->types;
    size_t cap = entry->type_cap + entry->type_cap / 4 + 16;

    if (process->type_count > WIRE_TYPES_MAX) /* one more than agents may have: the other ones */
        return -ENOSPC;
    if (process->type_count == entry->type_cap) {
        types = realloc(types, cap * sizeof(*types));
        if (!types)
            return -ENOMEM;
        process->types = types;
        entry->type_cap = cap;
    }
    memmove(&types[at + 1], &types[at], (process->type_count - at) * sizeof(*types));
    memset(&types[at], 0, sizeof(*types));
    types[at].name_id = name_id;
    process->type_count++;
    store->type_count++;
    return 0;
}

int store_put_type_totals(struct store *store, struct process *process,
                          const struct wire_type_totals *totals, uint64_t now_mono_ms)
{
    size_t at = type_position(process, totals->name_id);
    struct type *type;
    int rc;

    if (at == process->type_count || process->types[at].name_id != totals->name_id) {
        rc = insert_type(store, entry_of(process), at, totals->name_id);
        if (rc < 0)
            return rc == -ENOSPC ? 0 : rc;
    }
    type = &process->types[at];
    type->live_bytes = totals->live_bytes;
    type->live_count = totals->live_count;
    type->live_samples = totals->live_samples;
    type->updated_mono_ms = now_mono_ms;
    process->last_frame_mono_ms = now_mono_ms;
    store_touch(process);
    return 0;
}

/* Strangers' numbers may be anything; a sum that wraps would look like a fall. */
static uint64_t add(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

/* The memory mapped for a collected heap is in its domain whether it is used or not: what counts as
 * live is what the last collection left of it. */
static uint64_t live_of_held(const struct process *process)
{
    const struct wire_domain_totals *maps = &process->domains[WIRE_DOMAIN_MMAP];
    uint64_t mapped = maps->method == WIRE_METHOD_NONE ? 0 : maps->live_bytes;
    const struct wire_heap *heap;

    if (!process->heap)
        return process->held_bytes;
    heap = &process->heap->totals;
    if (heap->committed_bytes < mapped)
        mapped = heap->committed_bytes;
    return add(process->held_bytes - mapped, heap->used_bytes);
}

static void sum_domains(struct process *process)
{
    process->held_bytes = process->live_count = 0;
    process->alloc_bytes = process->free_bytes = 0;
    process->alloc_count = process->free_count = 0;
    for (int i = 0; i < WIRE_DOMAINS; i++) {
        const struct wire_domain_totals *domain = &process->domains[i];

        if (domain->method == WIRE_METHOD_NONE)
            continue;
        process->held_bytes = add(process->held_bytes, domain->live_bytes);
        process->live_count = add(process->live_count, domain->live_count);
        process->alloc_bytes = add(process->alloc_bytes, domain->alloc_bytes);
        process->free_bytes = add(process->free_bytes, domain->free_bytes);
        process->alloc_count = add(process->alloc_count, domain->alloc_count);
        process->free_count = add(process->free_count, domain->free_count);
    }
    process->live_bytes = live_of_held(process);
}

/* What Python holds of the live bytes; without memory for it the page draws one kind less. */
static void put_python_point(struct process *process, uint64_t now_wall_ms)
{
    const struct wire_domain_totals *python = &process->domains[WIRE_DOMAIN_PYTHON];

    if (python->method == WIRE_METHOD_NONE)
        return;
    if (!process->python_series)
        process->python_series = series_new();
    if (process->python_series)
        series_put(process->python_series, now_wall_ms, (double)python->live_bytes);
}

static void put_live_point(struct entry *entry, uint64_t now_mono_ms, uint64_t now_wall_ms)
{
    entry->totals_mono_ms = now_mono_ms;
    series_put(entry->process.live_series, now_wall_ms, (double)entry->process.live_bytes);
    put_python_point(&entry->process, now_wall_ms);
}

int store_put_totals(struct store *store, struct process *process, const struct wire_totals *totals,
                     uint64_t now_mono_ms, uint64_t now_wall_ms)
{
    (void)store;
    for (unsigned i = 0; i < totals->domain_count; i++)
        process->domains[totals->domains[i].domain] = totals->domains[i];
    sum_domains(process);
    process->has_totals = true;
    process->last_frame_mono_ms = now_mono_ms;
    put_live_point(entry_of(process), now_mono_ms, now_wall_ms);
    store_touch(process);
    return 0;
}

bool store_repeat_totals(struct store *store, struct process *process, uint64_t now_mono_ms,
                         uint64_t now_wall_ms)
{
    struct entry *entry = entry_of(process);

    (void)store;
    if (!process->has_totals || now_mono_ms - entry->totals_mono_ms < TOTALS_FRESH_MS)
        return false;
    put_live_point(entry, now_mono_ms, now_wall_ms);
    return true;
}

void store_put_rss(struct store *store, struct process *process, uint64_t rss_bytes,
                   uint64_t now_mono_ms, uint64_t now_wall_ms)
{
    (void)store;
    (void)now_mono_ms;
    if (!process->has_rss || process->rss_bytes != rss_bytes)
        store_touch(process);
    process->has_rss = true;
    process->rss_bytes = rss_bytes;
    series_put(process->rss_series, now_wall_ms, (double)rss_bytes);
}

void store_put_limit(struct store *store, struct process *process, uint64_t limit_bytes,
                     const char *source)
{
    (void)store;
    if (process->limit_bytes != limit_bytes)
        store_touch(process);
    process->limit_bytes = limit_bytes;
    process->limit_source = source;
}

void store_put_smaps(struct store *store, struct process *process, const struct wire_smaps *smaps,
                     uint64_t now_mono_ms, uint64_t now_wall_ms)
{
    process->pss_bytes = smaps->pss_bytes;
    if (process->identity.pid == 0)
        store_put_rss(store, process, smaps->rss_bytes, now_mono_ms, now_wall_ms);
    store_touch(process);
}

void store_put_gc(struct store *store, struct process *process, const struct wire_gc *gc)
{
    (void)store;
    process->gc = *gc;
    process->has_gc = true;
    store_touch(process);
}

int store_put_heap(struct store *store, struct process *process, const struct wire_heap *heap)
{
    (void)store;
    if (!process->heap) {
        process->heap = calloc(1, sizeof(*process->heap));
        if (!process->heap)
            return -ENOMEM;
        detector_init(&process->heap->detector, process->profile, DETECT_STEP_MS, 1);
        process->heap->full_seen = heap->full_collections; /* what was before tells nothing */
        process->heap->pauses_seen = heap->cycle_pauses;
    }
    process->heap->totals = *heap;
    store_touch(process);
    return 0;
}

void store_put_health(struct store *store, struct process *process,
                      const struct wire_health *health)
{
    (void)store;
    process->health = *health;
    process->attributing = health->python_attributing != 0;
    if (health->sample_period_bytes > 0)
        process->sample_period_bytes = health->sample_period_bytes;
    store_touch(process);
}

void store_put_unit(struct store *store, struct process *process, const char *unit)
{
    char *copy = unit && *unit ? strdup(unit) : NULL;

    (void)store;
    free(process->unit);
    process->unit = copy;
    store_touch(process);
}

void store_put_ending(struct process *process, int end_signal, int end_status)
{
    process->end_signal = end_signal;
    process->end_status = end_status;
}

void store_put_started(struct store *store, struct process *process, uint64_t started_wall_ms)
{
    (void)store;
    process->started_wall_ms = started_wall_ms;
    store_touch(process);
}
