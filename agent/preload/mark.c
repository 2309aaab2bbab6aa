/* SPDX-License-Identifier: MIT */
/*
 * What a program may tell: it declares these functions itself, weak, or looks them up
 * (agent/README.md). They return at once, print nothing and keep errno.
 */
#include "agent/core/mark.h"

#include "agent/core/attr.h"
#include "agent/preload/slow.h"
#include "agent/preload/state.h"

void leakd_mark(const char *text);
void leakd_phase(const char *text);

static void tell(enum wire_mark_kind kind, const char *text)
{
    if (!preload_attach())
        return;
    mark_put(kind, text);
    slow_poll(); /* a program that allocates little is heard sooner */
}

ATTR_EXPORT void leakd_mark(const char *text)
{
    tell(WIRE_MARK_EVENT, text);
}

ATTR_EXPORT void leakd_phase(const char *text)
{
    tell(WIRE_MARK_PHASE, text);
}
