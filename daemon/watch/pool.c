/* SPDX-License-Identifier: MIT */
/*
 * What grows, in a process or in a prefork server as a whole. A worker lives too briefly to gather
 * the samples that name a line; all of them together, with those that have ended, do: their sites
 * are added up by fingerprint, their types by name. What lives is that of the living.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/map.h"
#include "daemon/watch/private.h"

#define POOL_MAX    512u /* sites that gain; what comes later is not the first anyway */
#define SAMPLES_MIN 25.0 /* below, the figures of sampling are not certain */
#define SHARE_MIN   0.1  /* of all gains: less is not what is to be mended first */

/* One site or type of all processes. */
struct pooled {
    struct grown grown;
    double largest; /* gain of the process that stands for it */
};

struct pool {
    struct pooled *items;
    size_t count;
    struct map *by_key;
    double total_bytes;
    double period_bytes;
};

/* NULL: no room. */
static struct pooled *find(struct pool *pool, const char *key)
{
    struct pooled *item = map_get_str(pool->by_key, key);

    if (item || pool->count == POOL_MAX)
        return item;
    item = &pool->items[pool->count];
    if (map_put_str(&pool->by_key, key, item) < 0)
        return NULL;
    pool->count++;
    return item;
}

static void add(struct pool *pool, const char *key, const struct grown *grown)
{
    struct pooled *item;

    if (!key[0] || grown->gain_bytes < pool->period_bytes / 2)
        return;
    item = find(pool, key);
    if (!item)
        return;
    pool->total_bytes += grown->gain_bytes;
    if (grown->gain_bytes > item->largest) {
        item->largest = grown->gain_bytes;
        item->grown.process = grown->process;
        item->grown.site = grown->site;
        item->grown.type = grown->type;
    }
    item->grown.gain_bytes += grown->gain_bytes;
    item->grown.live_bytes += grown->live_bytes;
    item->grown.live_count += grown->live_count;
}

/* Since the first quarter of a life, in which a worker loads what it will hold. */
static double late_gain(const struct points *points, uint64_t live_bytes)
{
    if (!points || points->count == 0)
        return 0;
    return (double)live_bytes - (double)points->values[points->count / 4];
}

static bool is_living(const struct process *process)
{
    return process->ended_mono_ms == 0;
}

static void add_sites(struct pool *pool, const struct process *process)
{
    for (size_t i = 0; i < process->site_count; i++) {
        const struct site *site = &process->sites[i];
        struct grown grown = {.process = process,
                              .site = site,
                              .gain_bytes = late_gain(site->recent, site_live_bytes(site))};

        if (is_living(process)) {
            grown.live_bytes = site_live_bytes(site);
            grown.live_count = site_live_count(site);
        }
        if (site->id != WIRE_SITE_OTHER)
            add(pool, site->fingerprint, &grown);
    }
}

static void add_types(struct pool *pool, const struct process *process)
{
    for (size_t i = 0; i < process->type_count; i++) {
        const struct type *type = &process->types[i];
        struct grown grown = {.process = process,
                              .type = type,
                              .gain_bytes = late_gain(type->recent, type->live_bytes)};

        if (is_living(process)) {
            grown.live_bytes = type->live_bytes;
            grown.live_count = type->live_count;
        }
        if (type->name_id != WIRE_NAME_OTHER)
            add(pool, query_name(process, type->name_id), &grown);
    }
}

static int by_gain(const void *a, const void *b)
{
    double gain_a = ((const struct pooled *)a)->grown.gain_bytes;
    double gain_b = ((const struct pooled *)b)->grown.gain_bytes;

    return (gain_a < gain_b) - (gain_a > gain_b);
}

/* Its part of the whole group's growth. */
static void judge(const struct pool *pool, const struct process *first, struct grown *grown)
{
    double share = grown->gain_bytes / pool->total_bytes;
    bool certain = grown->gain_bytes >= SAMPLES_MIN * pool->period_bytes && share >= SHARE_MIN;

    grown->verdict =
        certain && first->verdict == VERDICT_LEAK ? VERDICT_LEAK : VERDICT_SUSPECT;
    grown->growth = first->growth;
    grown->growth.estimate *= share;
    grown->growth.lower *= share;
    grown->growth.upper *= share;
}

static size_t pool_top(const struct store *store, const struct process *first,
                       void (*add_all)(struct pool *pool, const struct process *process),
                       struct grown *out, size_t max)
{
    struct pool pool = {.items = calloc(POOL_MAX, sizeof(struct pooled)),
                        .period_bytes = (double)first->sample_period_bytes};
    size_t count = 0;

    if (!pool.items)
        return 0;
    for (size_t i = 0; i < query_process_count(store); i++) {
        const struct process *process = query_process_at(store, i);

        if (strcmp(process->group.id, first->id) == 0)
            add_all(&pool, process);
    }
    map_free(&pool.by_key);
    qsort(pool.items, pool.count, sizeof(struct pooled), by_gain);
    for (; count < pool.count && count < max; count++) {
        judge(&pool, first, &pool.items[count].grown);
        out[count] = pool.items[count].grown;
    }
    free(pool.items);
    return count;
}

static bool has_workers(const struct process *process)
{
    return process->group.members > 1 || process->group.ended > 0;
}

size_t grown_sites(const struct store *store, const struct process *process, struct grown *out,
                   size_t max)
{
    const struct site *sites[GROWN_MAX];
    size_t count;

    if (growth_has_no_site(process))
        return 0;
    if (has_workers(process))
        return pool_top(store, process, add_sites, out, max);
    count = attribute_top_sites(process, sites, max < GROWN_MAX ? max : GROWN_MAX);
    for (size_t i = 0; i < count; i++)
        out[i] = (struct grown){.process = process,
                                .site = sites[i],
                                .verdict = sites[i]->verdict,
                                .growth = sites[i]->growth,
                                .gain_bytes = site_gain_bytes(sites[i]),
                                .live_bytes = site_live_bytes(sites[i]),
                                .live_count = site_live_count(sites[i])};
    return count;
}

size_t grown_types(const struct store *store, const struct process *process, struct grown *out,
                   size_t max)
{
    const struct type *types[GROWN_MAX];
    size_t count;

    if (growth_has_no_site(process))
        return 0;
    if (has_workers(process))
        return pool_top(store, process, add_types, out, max);
    count = attribute_top_types(process, types, max < GROWN_MAX ? max : GROWN_MAX);
    for (size_t i = 0; i < count; i++)
        out[i] = (struct grown){.process = process,
                                .type = types[i],
                                .verdict = types[i]->verdict,
                                .growth = types[i]->growth,
                                .gain_bytes = type_gain_bytes(types[i]),
                                .live_bytes = types[i]->live_bytes,
                                .live_count = types[i]->live_count};
    return count;
}

double grown_total_bytes(const struct store *store, const struct process *process)
{
    double total = 0;

    for (size_t i = 0; i < query_process_count(store); i++) {
        const struct process *member = query_process_at(store, i);

        if (member != process &&
            (!has_workers(process) || strcmp(member->group.id, process->id) != 0))
            continue;
        for (size_t j = 0; j < member->site_count; j++)
            total += fmax(0, site_gain_bytes(&member->sites[j]));
    }
    return total;
}
