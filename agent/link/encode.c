/* SPDX-License-Identifier: MIT */
#include "agent/link/encode.h"

#include <string.h>

#include "agent/core/core.h"
#include "agent/core/mapping.h"
#include "agent/core/mark.h"
#include "agent/core/module.h"
#include "agent/core/report.h"
#include "agent/core/site.h"
#include "agent/core/type.h"

/* What one flush does at most, so that it is short: the rest goes out a moment later. */
#define ANNOUNCE_BYTES    (16u * 1024)
#define SITES_PER_FLUSH   256

/* How far this connection's daemon knows our numbers. */
static struct {
    uint32_t modules;
    uint32_t names;
    uint32_t sites;
} announced;

static uint32_t next_site; /* where the last flush left off */
static struct wire_site site; /* too large for the stacks we may find ourselves on */

void encode_start_anew(void)
{
    memset(&announced, 0, sizeof(announced));
    next_site = 0;
    core_mark_all_changed();
    mark_all_unsent();
}

static bool announce_modules(struct wire_wr *wr, uint32_t count)
{
    while (announced.modules < count) {
        struct wire_module module;

        /* What cannot be described is passed over: its frames stay bare numbers. */
        if (module_describe(announced.modules + 1, &module) && !wire_put_module(wr, &module))
            return false;
        announced.modules++;
    }
    return true;
}

static bool announce_names(struct wire_wr *wr, uint32_t count)
{
    while (announced.names < count) {
        struct wire_name name = {.id = announced.names + 1};

        core_name(name.id, &name.text);
        if (!wire_put_name(wr, &name))
            return false;
        announced.names++;
    }
    return true;
}

static bool announce_sites(struct wire_wr *wr, uint32_t count)
{
    while (announced.sites < count) {
        site_describe(announced.sites + 1, &site);
        if (!wire_put_site(wr, &site))
            return false;
        announced.sites++;
    }
    return true;
}

/* A site's modules and names have smaller numbers than what is there after the site was: so the
 * sites are counted first and sent last. */
static bool announce(struct wire_wr *wr)
{
    uint32_t sites = site_count();
    uint32_t names = core_name_count();
    uint32_t modules = module_count();
    size_t room = (size_t)(wr->end - wr->pos);
    struct wire_wr part;
    bool all;

    wire_wr_init(&part, wr->pos, room < ANNOUNCE_BYTES ? room : ANNOUNCE_BYTES);
    all = announce_modules(&part, modules) && announce_names(&part, names) &&
          announce_sites(&part, sites);
    wr->pos = part.pos;
    return all;
}

/* Before the totals: who reads these knows what of the mapped bytes is such a heap. */
static void put_heap(struct wire_wr *wr, uint64_t now_ms)
{
    struct wire_heap heap = {0};

    if (!core_heap() || !core_heap()->read(&heap))
        return;
    heap.time_ms = now_ms;
    wire_put_heap(wr, &heap);
}

static void put_totals(struct wire_wr *wr, uint64_t now_ms)
{
    const struct core_runtime *runtime = core_runtime();
    struct wire_domain_totals python = {.domain = WIRE_DOMAIN_PYTHON};
    struct wire_domain_totals mapped;
    struct wire_totals totals = {.time_ms = now_ms, .domain_count = 1};
    struct wire_gc gc = {.time_ms = now_ms};

    if (runtime && runtime->flush) {
        runtime->flush(&python, &gc);
        wire_put_gc(wr, &gc);
    }
    put_heap(wr, now_ms);
    core_read_native_totals(&totals.domains[0]);
    if (python.method != WIRE_METHOD_NONE)
        totals.domains[totals.domain_count++] = python;
    mapping_read_totals(&mapped);
    if (mapped.method != WIRE_METHOD_NONE && mapped.alloc_count > 0)
        totals.domains[totals.domain_count++] = mapped;
    wire_put_totals(wr, &totals);
}

static void put_snapshot(struct wire_wr *wr)
{
    const struct core_runtime *runtime = core_runtime();
    struct wire_snapshot_state state;

    if (!runtime || !runtime->snapshot_state)
        return;
    /* All of it: else orders that are refused in every round would hide how the first one goes on. */
    while (runtime->snapshot_state(&state))
        wire_put_snapshot_state(wr, &state);
}

static void put_health(struct wire_wr *wr, const struct encode_extra *extra)
{
    struct wire_health health;

    core_read_health(&health);
    health.skipped_flushes = extra->skipped_flushes;
    health.flush_ns_total = extra->flush_ns_total;
    wire_put_health(wr, &health);
}

static bool put_marks(struct wire_wr *wr, uint64_t now_ms)
{
    struct wire_mark mark;
    uint32_t number;

    while ((number = mark_next_unsent(&mark)) != 0) {
        uint64_t age_ms = now_ms > mark.time_ms ? now_ms - mark.time_ms : 0;

        mark.age_ms = age_ms > UINT32_MAX ? UINT32_MAX : (uint32_t)age_ms;
        if (!wire_put_mark(wr, &mark))
            return false;
        mark_sent(number);
    }
    return true;
}

/* Ends a list, or takes it back when nothing is in it. */
static void end_list(struct wire_list *list)
{
    if (list->count == 0)
        list->wr->failed = true;
    wire_list_end(list);
}

/* Adds changed sites in [from, end) to the list; where it stopped, or end. */
static uint32_t add_sites(struct wire_list *list, uint32_t from, uint32_t end)
{
    struct wire_site_totals totals;

    for (; (from = site_next_changed(from)) < end; from++) {
        if (list->count == SITES_PER_FLUSH)
            return from;
        site_take_changed(from);
        site_read(from, list->time_ms, &totals);
        if (!wire_list_add_site(list, &totals)) {
            site_mark_changed(from);
            return from;
        }
    }
    return end;
}

/* Goes on where the last flush left off, so that no site waits for ever. */
static bool put_sites(struct wire_wr *wr, uint64_t now_ms)
{
    const uint32_t end = announced.sites + 1;
    const uint32_t start = next_site < end ? next_site : 0;
    struct wire_list list;

    site_look_at_ages();
    wire_list_begin(wr, WIRE_SITES, now_ms, &list);
    next_site = add_sites(&list, start, end);
    if (next_site == end)
        next_site = add_sites(&list, 0, start);
    end_list(&list);
    return site_next_changed(0) >= end;
}

static bool put_types(struct wire_wr *wr, uint64_t now_ms)
{
    struct wire_type_totals totals;
    struct wire_list list;
    bool all = true;
    uint32_t place = 0;

    wire_list_begin(wr, WIRE_TYPES, now_ms, &list);
    for (; (place = type_next_changed(place)) < TYPE_PLACES; place++) {
        type_take_changed(place);
        type_read(place, &totals);
        if (totals.name_id > announced.names || !wire_list_add_type(&list, &totals)) {
            type_mark_changed(place);
            all = false;
        }
    }
    end_list(&list);
    return all;
}

void encode_totals(struct wire_wr *wr, uint64_t now_ms, const struct encode_extra *extra)
{
    put_totals(wr, now_ms);
    put_health(wr, extra);
    put_snapshot(wr);
}

enum encode_left encode_changes(struct wire_wr *wr, uint64_t now_ms)
{
    bool is_told = put_marks(wr, now_ms);
    bool is_known = announce(wr); /* before what refers to it */
    bool is_current = put_sites(wr, now_ms);

    is_current = put_types(wr, now_ms) && is_current;
    if (!is_told || !is_known)
        return ENCODE_NEWS_LEFT;
    return is_current ? ENCODE_NOTHING_LEFT : ENCODE_CHANGES_LEFT;
}
