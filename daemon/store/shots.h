/* SPDX-License-Identifier: MIT */
/*
 * What the sites of one process held at past moments, so that two times can be compared. A shot is
 * taken every minute, every 10 s while the process is looked at closely, and holds the sites with
 * live bytes, the largest SHOT_SITES_MAX of them. When the memory is used up, shots are dropped
 * where they stand closest for their age: the last minutes stay fine, the first hour stays there.
 */
#ifndef LEAKD_STORE_SHOTS_H
#define LEAKD_STORE_SHOTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct process;
struct shots; /* NULL is the empty one */

#define SHOT_SITES_MAX 512u

/* Takes one when it is due. A shot there is no memory for is left out. */
void shots_take(struct shots **shots, const struct process *process, bool closely,
                uint64_t now_wall_ms);
void shots_free(struct shots *shots);
size_t shots_count(const struct shots *shots);
size_t shots_bytes(const struct shots *shots);
uint64_t shots_wall_ms(const struct shots *shots, size_t index); /* index below the count */

/* Adds what shot number index has of each site to live and alloc, which are indexed as
 * process.sites and have room for site_count. */
void shots_add(const struct shots *shots, size_t index, double *live, double *alloc,
               size_t site_count);

#endif
