/* SPDX-License-Identifier: MIT */
#include "daemon/store/shots.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/store/query.h"

#define STEP_MS         60000u
#define STEP_CLOSELY_MS 10000u
/* 60 sites, which most programs stay below, are 720 bytes: 20 shots of a calm process, 180 of one
 * that is looked at. A thousand calm processes are 16 MiB. */
#define BYTES_CALM    (16u << 10)
#define BYTES_CLOSELY (128u << 10)

/* float: 24 bits of a figure that is an estimate from samples anyway. */
struct shot_site {
    float live_bytes;
    float alloc_bytes;
    uint32_t index;
};

struct shot {
    uint64_t wall_ms;
    size_t count;
    struct shot_site sites[];
};

struct shots {
    size_t count;
    size_t cap;
    size_t bytes;
    struct shot **list; /* oldest first */
};

static size_t shot_bytes(const struct shot *shot)
{
    return sizeof(*shot) + shot->count * sizeof(shot->sites[0]);
}

static void drop_at(struct shots *shots, size_t index)
{
    shots->bytes -= shot_bytes(shots->list[index]);
    free(shots->list[index]);
    shots->count--;
    memmove(&shots->list[index], &shots->list[index + 1],
            (shots->count - index) * sizeof(struct shot *));
}

void shots_free(struct shots *shots)
{
    if (!shots)
        return;
    while (shots->count > 0)
        drop_at(shots, shots->count - 1);
    free(shots->list);
    free(shots);
}

size_t shots_count(const struct shots *shots)
{
    return shots ? shots->count : 0;
}

size_t shots_bytes(const struct shots *shots)
{
    return shots ? sizeof(*shots) + shots->cap * sizeof(struct shot *) + shots->bytes : 0;
}

uint64_t shots_wall_ms(const struct shots *shots, size_t index)
{
    return shots->list[index]->wall_ms;
}

void shots_add(const struct shots *shots, size_t index, double *live, double *alloc,
               size_t site_count)
{
    const struct shot *shot = shots->list[index];

    for (size_t i = 0; i < shot->count; i++) {
        const struct shot_site *site = &shot->sites[i];

        if (site->index >= site_count)
            continue;
        live[site->index] += (double)site->live_bytes;
        alloc[site->index] += (double)site->alloc_bytes;
    }
}

static int larger_first(const void *a, const void *b)
{
    const struct shot_site *x = a, *y = b;

    return (x->live_bytes < y->live_bytes) - (x->live_bytes > y->live_bytes);
}

/* NULL: no memory. */
static struct shot *shoot(const struct process *process, uint64_t now_wall_ms)
{
    struct shot *shot = malloc(sizeof(*shot) + process->site_count * sizeof(shot->sites[0])),
                *fitting;

    if (!shot)
        return NULL;
    shot->wall_ms = now_wall_ms;
    shot->count = 0;
    for (size_t i = 0; i < process->site_count; i++) {
        uint64_t live_bytes = site_live_bytes(&process->sites[i]);

        if (live_bytes > 0)
            shot->sites[shot->count++] = (struct shot_site){
                (float)live_bytes, (float)process->sites[i].alloc_bytes, (uint32_t)i};
    }
    if (shot->count > SHOT_SITES_MAX) {
        qsort(shot->sites, shot->count, sizeof(shot->sites[0]), larger_first);
        shot->count = SHOT_SITES_MAX;
    }
    fitting = realloc(shot, shot_bytes(shot));
    return fitting ? fitting : shot;
}

/* The gap that its loss would leave, measured by its age: what is old may stand far apart. */
static double gap(const struct shots *shots, size_t index, uint64_t now_wall_ms)
{
    uint64_t before_ms = shots->list[index - 1]->wall_ms;
    uint64_t after_ms = shots->list[index + 1]->wall_ms;
    uint64_t age_ms = now_wall_ms - shots->list[index]->wall_ms;

    return (double)(after_ms - before_ms) / (double)(age_ms + STEP_MS);
}

/* The first and the last stay. */
static void thin(struct shots *shots, size_t bytes_max, uint64_t now_wall_ms)
{
    while (shots->bytes > bytes_max && shots->count > 2) {
        size_t best = 1;

        for (size_t i = 2; i + 1 < shots->count; i++) {
            if (gap(shots, i, now_wall_ms) < gap(shots, best, now_wall_ms))
                best = i;
        }
        drop_at(shots, best);
    }
}

static bool make_room(struct shots *shots)
{
    size_t cap = shots->cap ? shots->cap * 2 : 8;
    struct shot **list;

    if (shots->count < shots->cap)
        return true;
    list = realloc(shots->list, cap * sizeof(struct shot *));
    if (!list)
        return false;
    shots->list = list;
    shots->cap = cap;
    return true;
}

/* A clock that was set back makes shots of the future; they would never be due again. */
static void forget_future(struct shots *shots, uint64_t now_wall_ms)
{
    while (shots->count > 0 && shots->list[shots->count - 1]->wall_ms > now_wall_ms)
        drop_at(shots, shots->count - 1);
}

static bool is_due(const struct shots *shots, bool closely, uint64_t now_wall_ms)
{
    uint64_t step_ms = closely ? STEP_CLOSELY_MS : STEP_MS;

    return shots->count == 0 || now_wall_ms - shots->list[shots->count - 1]->wall_ms >= step_ms;
}

void shots_take(struct shots **shots, const struct process *process, bool closely,
                uint64_t now_wall_ms)
{
    struct shots *kept = *shots ? *shots : calloc(1, sizeof(*kept));
    struct shot *shot;

    if (!kept)
        return;
    *shots = kept;
    forget_future(kept, now_wall_ms);
    if (!is_due(kept, closely, now_wall_ms) || !make_room(kept))
        return;
    shot = shoot(process, now_wall_ms);
    if (!shot)
        return;
    kept->list[kept->count++] = shot;
    kept->bytes += shot_bytes(shot);
    thin(kept, closely ? BYTES_CLOSELY : BYTES_CALM, now_wall_ms);
}
