/* SPDX-License-Identifier: MIT */
#include "agent/preload/slabs.h"

uint64_t slabs[SLABS_PLACES];
bool slabs_are_kept;

void slabs_note_bytes(const void *block, size_t size_bytes)
{
    if (size_bytes % TALLY_GRANULE == 0 && size_bytes / TALLY_GRANULE < SLABS_PAGE_BYTES &&
        slabs_are_kept)
        slabs_note(block, tally_measure(size_bytes));
    else
        slabs_forget(block);
}
