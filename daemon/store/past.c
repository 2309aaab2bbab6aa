/* SPDX-License-Identifier: MIT */
/* What sites held at past moments: the shots, and the present as the latest of them. */
#include <string.h>

#include "daemon/store/private.h"

void store_take_shot(struct store *store, struct process *process, bool closely,
                     uint64_t now_wall_ms)
{
    (void)store;
    if (process->site_count > 0)
        shots_take(&entry_of(process)->shots, process, closely, now_wall_ms);
}

uint64_t query_past_oldest_ms(const struct process *process)
{
    const struct shots *shots = entry_of(process)->shots;

    return shots_count(shots) > 0 ? shots_wall_ms(shots, 0) : 0;
}

static void add_present(const struct process *process, double *live, double *alloc)
{
    for (size_t i = 0; i < process->site_count; i++) {
        live[i] += (double)site_live_bytes(&process->sites[i]);
        alloc[i] += (double)process->sites[i].alloc_bytes;
    }
}

/* The moments of a process, oldest first: its shots, then the present. */
struct moments {
    const struct process *process;
    const struct shots *shots;
    size_t count;
    uint64_t present_ms;
};

static uint64_t moment_ms(const struct moments *moments, size_t index)
{
    return index + 1 < moments->count ? shots_wall_ms(moments->shots, index) : moments->present_ms;
}

static void add_moment(const struct moments *moments, size_t index, double *live, double *alloc)
{
    if (index + 1 < moments->count)
        shots_add(moments->shots, index, live, alloc, moments->process->site_count);
    else
        add_present(moments->process, live, alloc);
}

static uint64_t distance(uint64_t a, uint64_t b)
{
    return a > b ? a - b : b - a;
}

static size_t nearest(const struct moments *moments, uint64_t wall_ms)
{
    size_t best = 0;

    for (size_t i = 1; i < moments->count; i++) {
        if (distance(moment_ms(moments, i), wall_ms) <= distance(moment_ms(moments, best), wall_ms))
            best = i;
    }
    return best;
}

/* The moments in from..to, else the nearest to their middle. */
static void choose(const struct moments *moments, uint64_t from_ms, uint64_t to_ms, size_t *first,
                   size_t *last)
{
    size_t i = 0, end;

    while (i < moments->count && moment_ms(moments, i) < from_ms)
        i++;
    for (end = i; end < moments->count && moment_ms(moments, end) <= to_ms;)
        end++;
    if (i == end) {
        i = nearest(moments, from_ms + (to_ms - from_ms) / 2);
        end = i + 1;
    }
    *first = i;
    *last = end - 1;
}

static void divide(double *values, size_t count, double by)
{
    for (size_t i = 0; i < count; i++)
        values[i] /= by;
}

void query_past_sites(const struct process *process, uint64_t from_wall_ms, uint64_t to_wall_ms,
                      uint64_t now_wall_ms, double *live, double *alloc, uint64_t *used_from_ms,
                      uint64_t *used_to_ms)
{
    struct moments moments = {process, entry_of(process)->shots,
                              shots_count(entry_of(process)->shots) + 1,
                              process->ended_wall_ms ? process->ended_wall_ms : now_wall_ms};
    size_t first, last;

    memset(live, 0, process->site_count * sizeof(*live));
    memset(alloc, 0, process->site_count * sizeof(*alloc));
    *used_from_ms = *used_to_ms = 0;
    if (process->site_count == 0)
        return;
    choose(&moments, from_wall_ms, to_wall_ms, &first, &last);
    for (size_t i = first; i <= last; i++)
        add_moment(&moments, i, live, alloc);
    divide(live, process->site_count, (double)(last - first + 1));
    divide(alloc, process->site_count, (double)(last - first + 1));
    *used_from_ms = moment_ms(&moments, first);
    *used_to_ms = moment_ms(&moments, last);
}
