/* SPDX-License-Identifier: MIT */
/* A library for LD_AUDIT that only says yes: the loader then keeps a namespace for it, with a libc of its
 * own, and passes every binding by it. Built as a shared object. */
#include <link.h>

#define EXPORTED __attribute__((visibility("default")))

EXPORTED unsigned la_version(unsigned version);
EXPORTED unsigned la_objopen(struct link_map *map, Lmid_t space, uintptr_t *cookie);

unsigned la_version(unsigned version)
{
    return version;
}

unsigned la_objopen(struct link_map *map, Lmid_t space, uintptr_t *cookie)
{
    (void)map;
    (void)space;
    (void)cookie;
    return LA_FLG_BINDTO | LA_FLG_BINDFROM;
}
