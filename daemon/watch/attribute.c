/* SPDX-License-Identifier: MIT */
/*
 * Where a growing process grows. Sites and types are sampled figures: one sample stands for a
 * period of P bytes, so a gain of G bytes has a variance of P * G from sampling alone, and below
 * some 25 surviving samples nothing can be said for certain. What leaks stays, so the error of one
 * step stays too: growth is the drift of a walk. Hundreds of sites are tested at once, so the bar
 * rises with their number.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/watch/private.h"

/* z of a single test. Lower than a process's 5: that it leaks is known by now, the question is
 * only where. */
#define LEAK_Z      4.0
#define SUSPECT_Z   2.5
#define SAMPLES_MIN 25.0
#define POINTS_MIN  8u
#define STEP_MS     1000u
/* Objects that live for less than half of that are requests. */
#define AGES_MS_MIN 60000u

/* A site or a type, seen alike. */
struct grower {
    struct points *points;
    enum verdict *verdict;
    struct growth *growth;
    double gain_bytes;
};

static struct grower grower_of_site(struct site *site)
{
    return (struct grower){site->recent, &site->verdict, &site->growth, site_gain_bytes(site)};
}

static struct grower grower_of_type(struct type *type)
{
    return (struct grower){type->recent, &type->verdict, &type->growth, type_gain_bytes(type)};
}

static void note(struct points **points, uint64_t now_mono_ms, double live_bytes, bool from_start)
{
    if (!*points) {
        if (live_bytes <= 0)
            return;
        *points = malloc(sizeof(**points));
        if (!*points)
            return;
        points_init(*points, from_start ? now_mono_ms - STEP_MS : now_mono_ms, STEP_MS);
        if (from_start)
            points_put(*points, now_mono_ms - STEP_MS, 0);
    }
    points_put(*points, now_mono_ms, live_bytes);
}

void attribute_note(struct process *process, uint64_t now_mono_ms, bool from_start)
{
    for (size_t i = 0; i < process->site_count; i++) {
        struct site *site = &process->sites[i];

        note(&site->recent, now_mono_ms, (double)site_live_bytes(site), from_start);
    }
    for (size_t i = 0; i < process->type_count; i++) {
        struct type *type = &process->types[i];

        note(&type->recent, now_mono_ms, (double)type->live_bytes, from_start);
    }
}

/*
 * A site that does less of the process's growth is not what is to be mended first, and may be quite
 * innocent: CPython recycles freed dicts, floats and lists through free lists without asking the
 * allocator, so that an object which leaks may carry the stack of one that was given back.
 */
#define BLAME_SHARE 0.1

static bool is_small_part(const struct process *process, const struct growth *growth)
{
    return process->growth.known && growth->estimate < BLAME_SHARE * process->growth.estimate;
}

static void test(const struct process *process, bool is_leak, const struct grower *grower,
                 double extra)
{
    double period_bytes = (double)process->sample_period_bytes;

    double y[POINTS_MAX];
    struct trend trend;
    double per_s, step_bytes;

    *grower->verdict = VERDICT_LEARNING;
    grower->growth->known = false;
    if (!grower->points || grower->points->count < POINTS_MIN)
        return;
    for (uint32_t i = 0; i < grower->points->count; i++)
        y[i] = (double)grower->points->values[i];
    step_bytes = fabs(grower->gain_bytes) / grower->points->count;
    if (!drift_fit(y, grower->points->count, period_bytes * step_bytes, &trend))
        return;
    per_s = 1000.0 / grower->points->step_ms;
    grower->growth->known = true;
    grower->growth->estimate = trend.slope_per_step * per_s;
    grower->growth->lower = (trend.slope_per_step - trend.t_quantile * trend.se_per_step) * per_s;
    grower->growth->upper = (trend.slope_per_step + trend.t_quantile * trend.se_per_step) * per_s;
    *grower->verdict = VERDICT_OK;
    if (trend.slope_per_step <= 0 || !points_still_gain(grower->points))
        return;
    if (grower->gain_bytes < SAMPLES_MIN * period_bytes)
        *grower->verdict = trend.z >= SUSPECT_Z ? VERDICT_SUSPECT : VERDICT_LEARNING;
    else if (trend.z >= sqrt(LEAK_Z * LEAK_Z + extra) && is_leak &&
             !is_small_part(process, grower->growth))
        *grower->verdict = VERDICT_LEAK;
    else if (trend.z >= SUSPECT_Z)
        *grower->verdict = VERDICT_SUSPECT;
}

static double multiplicity(size_t count)
{
    return count > 1 ? 2 * log((double)count) : 0;
}

void attribute_test(struct process *process, bool is_leak)
{
    for (size_t i = 0; i < process->site_count; i++) {
        struct grower grower = grower_of_site(&process->sites[i]);

        test(process, is_leak, &grower, multiplicity(process->site_count));
    }
    for (size_t i = 0; i < process->type_count; i++) {
        struct grower grower = grower_of_type(&process->types[i]);

        test(process, is_leak, &grower, multiplicity(process->type_count));
    }
}

/* How far back the site's objects have been sampled: Python's only since it is attributed. */
static uint64_t sampled_ms(const struct process *process, const struct site *site,
                           uint64_t now_mono_ms)
{
    uint64_t since =
        site->domain == WIRE_DOMAIN_PYTHON ? site->recent->first_mono_ms : process->first_seen_mono_ms;

    return now_mono_ms > since ? now_mono_ms - since : 0;
}

/* Nothing of what was sampled in the first half of the growth, or of the time in which the site was
 * sampled, lives. A site is told of when it changes: until then its oldest object lives on. */
static bool oldest_died(const struct process *process, const struct site *site, uint64_t lasted_ms,
                        uint64_t now_mono_ms)
{
    uint64_t oldest_ms = site->oldest_age_ms + (now_mono_ms - site->updated_mono_ms);
    uint64_t seen_ms = sampled_ms(process, site, now_mono_ms);

    if (seen_ms > lasted_ms)
        seen_ms = lasted_ms;
    return site->oldest_age_ms > 0 && seen_ms >= AGES_MS_MIN && oldest_ms < seen_ms / 2;
}

bool attribute_dying_share(const struct process *process, uint64_t lasted_ms, uint64_t now_mono_ms,
                           double *share)
{
    double gained = 0, dying = 0;

    for (size_t i = 0; i < process->site_count; i++) {
        const struct site *site = &process->sites[i];
        double gain = site->recent ? fmax(0, site_gain_bytes(site)) : 0;

        gained += gain;
        if (gain > 0 && oldest_died(process, site, lasted_ms, now_mono_ms))
            dying += gain;
    }
    if (gained < SAMPLES_MIN * (double)process->sample_period_bytes)
        return false;
    *share = dying / gained;
    return true;
}

static void forget(struct grower grower)
{
    *grower.verdict = VERDICT_LEARNING;
    grower.growth->known = false;
    free(grower.points);
}

void attribute_forget(struct process *process)
{
    for (size_t i = 0; i < process->site_count; i++) {
        forget(grower_of_site(&process->sites[i]));
        process->sites[i].recent = NULL;
    }
    for (size_t i = 0; i < process->type_count; i++) {
        forget(grower_of_type(&process->types[i]));
        process->types[i].recent = NULL;
    }
}

/* ---- the first ones -------------------------------------------------------------------------- */

size_t attribute_top_sites(const struct process *process, const struct site **out, size_t max)
{
    size_t count = query_sites(process, ORDER_GROWTH, out, max), kept = 0;

    for (size_t i = 0; i < count; i++) {
        if (site_gain_bytes(out[i]) > 0 && out[i]->id != WIRE_SITE_OTHER)
            out[kept++] = out[i];
    }
    return kept;
}

size_t attribute_top_types(const struct process *process, const struct type **out, size_t max)
{
    size_t count = query_types(process, ORDER_GROWTH, out, max), kept = 0;

    for (size_t i = 0; i < count; i++) {
        if (type_gain_bytes(out[i]) > 0 && out[i]->name_id != WIRE_NAME_OTHER)
            out[kept++] = out[i];
    }
    return kept;
}

/* ---- blame ----------------------------------------------------------------------------------- */

#define BLAME_FRAMES 96

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_place(const struct frame *a, const struct frame *b)
{
    if (a->kind != b->kind || !same_text(a->function, b->function))
        return false;
    if (a->kind == WIRE_FRAME_PYTHON)
        return same_text(a->file, b->file);
    return same_text(a->module, b->module) && (a->function || a->offset == b->offset);
}

static bool culprit_of(const struct store *store, const struct grown *grown, struct frame *out)
{
    struct frame frames[BLAME_FRAMES];
    size_t count = query_frames(store, grown->process, grown->site, frames, BLAME_FRAMES);
    const struct frame *culprit = query_culprit(frames, count);

    if (culprit)
        *out = *culprit;
    return culprit != NULL;
}

/* The first type when it has at least half of what the first ones gained. */
static const char *blame_type(const struct store *store, const struct process *process)
{
    struct grown types[GROWN_MAX];
    size_t count = grown_types(store, process, types, GROWN_MAX);
    double total = 0;

    for (size_t i = 0; i < count; i++)
        total += types[i].gain_bytes;
    if (count == 0 || types[0].gain_bytes < 0.5 * total)
        return NULL;
    return query_name(types[0].process, types[0].type->name_id);
}

/* Of the process's growth where both rates are known; sites that only swing then count for nothing.
 * Else of all that any site gained. */
static double blame_share(const struct store *store, const struct process *process, double rate,
                          double gained)
{
    double total = grown_total_bytes(store, process);

    if (rate > 0 && process->growth.known && process->growth.estimate > 0)
        return fmin(1, rate / process->growth.estimate);
    return total > 0 ? fmin(1, gained / total) : 0;
}

void attribute_blame(const struct store *store, const struct process *process, struct blame *out)
{
    struct grown sites[GROWN_MAX];
    size_t count = grown_sites(store, process, sites, GROWN_MAX);
    double gained = 0, rate = 0;
    struct frame culprit;

    memset(out, 0, sizeof(*out));
    if (count == 0 || !culprit_of(store, &sites[0], &out->culprit))
        return;
    for (size_t i = 0; i < count; i++) {
        if (!culprit_of(store, &sites[i], &culprit) || !same_place(&culprit, &out->culprit))
            continue;
        gained += sites[i].gain_bytes;
        if (sites[i].growth.known)
            rate += sites[i].growth.estimate;
    }
    out->known = true;
    out->share = blame_share(store, process, rate, gained);
    if (out->culprit.kind == WIRE_FRAME_PYTHON)
        out->type_name = blame_type(store, process);
}
