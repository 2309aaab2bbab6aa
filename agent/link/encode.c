/* SPDX-License-Identifier: MIT */
#include "agent/link/encode.h"

#include <string.h>

#include "agent/core/core.h"
#include "agent/core/live.h"
#include "agent/core/mark.h"
#include "agent/core/module.h"
#include "agent/core/report.h"
#include "agent/core/site.h"
#include "agent/core/type.h"

#define AGES_EVERY        4    /* many samples are looked through only every so many flushes */
#define AGES_FEW_SAMPLES  4096

/* How far this connection's daemon knows our numbers. */
static struct {
    uint32_t modules;
    uint32_t names;
    uint32_t sites;
} announced;

static unsigned ages_turn;
static struct wire_site site; /* too large for the stacks we may find ourselves on */

void encode_start_anew(void)
{
    memset(&announced, 0, sizeof(announced));
    ages_turn = 0;
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

    return announce_modules(wr, modules) && announce_names(wr, names) && announce_sites(wr, sites);
}

static void put_totals(struct wire_wr *wr, uint64_t now_ms)
{
    const struct core_runtime *runtime = core_runtime();
    struct wire_domain_totals python = {.domain = WIRE_DOMAIN_PYTHON};
    struct wire_totals totals = {.time_ms = now_ms, .domain_count = 1};
    struct wire_gc gc = {.time_ms = now_ms};

    if (runtime && runtime->flush) {
        runtime->flush(&python, &gc);
        wire_put_gc(wr, &gc);
    }
    core_read_native_totals(&totals.domains[0]);
    if (python.method != WIRE_METHOD_NONE)
        totals.domains[totals.domain_count++] = python;
    wire_put_totals(wr, &totals);
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

static void look_at_ages(void)
{
    if (live_count() < AGES_FEW_SAMPLES || ages_turn % AGES_EVERY == 0)
        site_look_at_ages();
    ages_turn++;
}

/* Ends a list, or takes it back when nothing is in it. */
static void end_list(struct wire_list *list)
{
    if (list->count == 0)
        list->wr->failed = true;
    wire_list_end(list);
}

/* One frame with the next changed sites from *next on. False when there is no room for all. */
static bool put_site_frame(struct wire_wr *wr, uint64_t now_ms, uint32_t *next)
{
    struct wire_site_totals totals;
    struct wire_list list;
    bool fits = true;

    wire_list_begin(wr, WIRE_SITES, now_ms, &list);
    for (; *next <= announced.sites; ++*next) {
        if (!site_take_changed(*next))
            continue;
        site_read(*next, now_ms, &totals);
        fits = wire_list_add_site(&list, &totals);
        if (!fits) {
            site_mark_changed(*next);
            break;
        }
    }
    end_list(&list);
    return fits;
}

static bool put_sites(struct wire_wr *wr, uint64_t now_ms)
{
    uint32_t next = WIRE_SITE_OTHER;

    look_at_ages();
    return put_site_frame(wr, now_ms, &next) || put_site_frame(wr, now_ms, &next);
}

static bool put_types(struct wire_wr *wr, uint64_t now_ms)
{
    struct wire_type_totals totals;
    struct wire_list list;
    bool all = true;

    wire_list_begin(wr, WIRE_TYPES, now_ms, &list);
    for (uint32_t place = 0; place < type_places(); place++) {
        if (!type_take_changed(place))
            continue;
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
}

bool encode_changes(struct wire_wr *wr, uint64_t now_ms)
{
    bool all = put_marks(wr, now_ms);

    all = announce(wr) && all; /* before what refers to it */
    all = put_sites(wr, now_ms) && all;
    return put_types(wr, now_ms) && all;
}
