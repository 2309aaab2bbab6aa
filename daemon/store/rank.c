/* SPDX-License-Identifier: MIT */
/* The order of sites and types: which of them people should look at first. */
#include <math.h>

#include "daemon/store/query.h"

#define POINTS_MIN 8u
/* In the last third of its points a site must still gain at this part of its whole rate: what
 * filled up and stopped is a cache. */
#define STILL_GROWING 0.35

static double gain(const struct points *points, uint64_t live_bytes)
{
    return points && points->count > 0 ? (double)live_bytes - (double)points->values[0] : 0;
}

double site_gain_bytes(const struct site *site)
{
    return gain(site->recent, site_live_bytes(site));
}

double type_gain_bytes(const struct type *type)
{
    return gain(type->recent, type->live_bytes);
}

bool points_still_gain(const struct points *points)
{
    size_t n = points ? points->count : 0, third = n / 3;
    double whole, late;

    if (n < POINTS_MIN)
        return false;
    whole = (double)points->values[n - 1] - (double)points->values[0];
    late = (double)points->values[n - 1] - (double)points->values[n - 1 - third];
    return whole > 0 && late >= STILL_GROWING * whole * (double)third / (double)(n - 1);
}

/* What decides the order: what still grows before what does not, then the figures one after the
 * other; equal ones by id, so that a list does not jump. */
struct rank {
    bool grows;
    double first;
    uint64_t live_bytes;
    uint32_t id;
};

static bool rank_before(const struct rank *a, const struct rank *b)
{
    if (a->grows != b->grows)
        return a->grows;
    if (a->first != b->first)
        return a->first > b->first;
    if (a->live_bytes != b->live_bytes)
        return a->live_bytes > b->live_bytes;
    return a->id < b->id;
}

/*
 * By what was gained at least: a gain of G bytes is G / P surviving samples, whose number is
 * Poisson's, so two standard deviations are 2 sqrt(P G). That is sharper than the regression's
 * interval, in which the samples' walk looks like autocorrelation: a verdict needs the latter, the
 * order must not put a small certain growth before a large one.
 */
static void rank_growth(struct rank *rank, const struct process *process,
                        const struct points *points, double gained)
{
    double period_bytes = (double)process->sample_period_bytes;
    double least = gained - 2 * sqrt(period_bytes * fmax(0, gained));

    rank->grows = least > 0 && points_still_gain(points);
    rank->first = rank->grows ? least : gained;
}

static struct rank site_rank(const struct process *process, const void *item,
                             enum query_order order)
{
    const struct site *site = item;
    struct rank rank = {.live_bytes = site_live_bytes(site), .id = site->id};

    if (order == ORDER_GROWTH)
        rank_growth(&rank, process, site->recent, site_gain_bytes(site));
    else if (order == ORDER_RATE)
        rank.first = (double)site->alloc_bytes;
    return rank;
}

/* A type has no allocation total: its rate order is that of the live bytes. */
static struct rank type_rank(const struct process *process, const void *item,
                             enum query_order order)
{
    const struct type *type = item;
    struct rank rank = {.live_bytes = type->live_bytes, .id = type->name_id};

    if (order == ORDER_GROWTH)
        rank_growth(&rank, process, type->recent, type_gain_bytes(type));
    return rank;
}

/* The best max of many items: a heap with the worst kept one on top. */
struct selection {
    const struct process *process;
    struct rank (*rank)(const struct process *process, const void *item, enum query_order order);
    enum query_order order;
    const void **items;
    size_t count;
    size_t max;
};

static bool before(const struct selection *selection, const void *a, const void *b)
{
    struct rank rank_a = selection->rank(selection->process, a, selection->order);
    struct rank rank_b = selection->rank(selection->process, b, selection->order);

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
    struct selection selection = {process, site_rank, order, (const void **)out, 0, max};

    for (size_t i = 0; i < process->site_count; i++)
        offer(&selection, &process->sites[i]);
    return finish(&selection);
}

size_t query_types(const struct process *process, enum query_order order, const struct type **out,
                   size_t max)
{
    struct selection selection = {process, type_rank, order, (const void **)out, 0, max};

    for (size_t i = 0; i < process->type_count; i++)
        offer(&selection, &process->types[i]);
    return finish(&selection);
}
