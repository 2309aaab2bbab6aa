/* SPDX-License-Identifier: MIT */
#include "agent/preload/classes.h"

#include <stdbool.h>

#include "agent/core/tally.h"
#include "agent/preload/next.h"
#include "agent/preload/slabs.h"

/* jemalloc's manual: nallocx returns the real size of the block that an allocation would give.
 * tcmalloc has such a function, too, but no mallctl; the blocks that its profiler samples are
 * larger than it says. The loader binds these when it loads us. */
#define WEAK_SYMBOL __attribute__((weak, visibility("default")))
extern size_t nallocx(size_t size, int flags) WEAK_SYMBOL;
extern int mallctl(const char *name, void *old, size_t *old_len, void *new,
                   size_t new_len) WEAK_SYMBOL;

uint64_t classes_measures[CLASSES_STEPS + 1];

static bool is_promised(void)
{
    return nallocx && mallctl && next_is_beside_malloc((uintptr_t)nallocx) &&
           next_is_beside_malloc((uintptr_t)mallctl);
}

static bool is_kept(size_t size)
{
    void *block = next.malloc(size);
    bool kept = block && next.malloc_usable_size(block) == nallocx(size, 0);

    next.free(block);
    return kept;
}

/* Left to be asked for are sizes that are no whole granules, steps with two sizes in them, and
 * those for which the answer cannot be: 0 is nallocx's word for a request that would fail. */
static void fill(void)
{
    for (size_t step = 1; step <= CLASSES_STEPS; step++) {
        size_t most = step * CLASSES_STEP_BYTES;
        size_t size = nallocx(most, 0);

        if (size >= most && size % TALLY_GRANULE == 0 &&
            nallocx(most - CLASSES_STEP_BYTES + 1, 0) == size)
            classes_measures[step] = tally_measure(size);
    }
}

void classes_probe(void)
{
    /* jemalloc makes a thread's cache full of blocks of each class that is used, which the program
     * sees in its statistics: few, and of small blocks. */
    static const size_t sizes[] = {8, 100, 1000};
    bool kept = is_promised();

    for (size_t i = 0; kept && i < sizeof(sizes) / sizeof(sizes[0]); i++)
        kept = is_kept(sizes[i]);
    if (kept)
        fill();
    slabs_are_kept = kept;
}
