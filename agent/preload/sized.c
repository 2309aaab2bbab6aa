/* SPDX-License-Identifier: MIT */
/*
 * C23's sized frees, which newer C libraries and other allocators have, and which would go past us. By
 * the standard they may do what free does. In a file of its own, so that free is whichever the loader has
 * found first: with another allocator in front of us it is that one's block.
 */
#include <stdlib.h>

#include "agent/core/attr.h"

void free_sized(void *block, size_t size);
void free_aligned_sized(void *block, size_t alignment, size_t size);

ATTR_EXPORT void free_sized(void *block, size_t size)
{
    (void)size;
    free(block);
}

ATTR_EXPORT void free_aligned_sized(void *block, size_t alignment, size_t size)
{
    (void)alignment;
    (void)size;
    free(block);
}
