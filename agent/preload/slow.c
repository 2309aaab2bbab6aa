/* SPDX-License-Identifier: MIT */
#include "agent/preload/slow.h"

#include <errno.h>

#include "agent/core/attr.h"
#include "agent/core/core.h"
#include "agent/core/hot.h"
#include "agent/link/link.h"
#include "agent/preload/start.h"

static void poll(void)
{
    const struct core_runtime *runtime = core_runtime();

    if (runtime && runtime->poll)
        runtime->poll();
    else if (!runtime)
        start_look_for_python();
    link_poll();
}

static bool is_urgent(void)
{
    const struct core_runtime *runtime = core_runtime();

    return runtime && runtime->is_urgent && runtime->is_urgent();
}

ATTR_COLD void *slow_alloc(void *block, size_t size_bytes, const struct unwind_registers *from)
{
    int saved_errno = errno;

    if (!core_enter()) {
        core_put_off_events();
        return block;
    }
    if (core_alloc_event(block, size_bytes, from) || is_urgent())
        poll();
    core_leave();
    errno = saved_errno;
    return block;
}

ATTR_COLD void slow_free(void)
{
    int saved_errno = errno;

    if (!core_enter()) {
        core_put_off_events();
        return;
    }
    if (core_free_event() || is_urgent())
        poll();
    core_leave();
    errno = saved_errno;
}

void slow_send(void)
{
    int saved_errno = errno;

    if (core_enter()) {
        link_poll();
        core_leave();
    }
    errno = saved_errno;
}

/* Where this thread's events are kept; what it counts is everybody's when it has no slot. */
static struct thread_slot *events(void)
{
    return thread_has_slot() ? thread_self.slot : &thread_self.own;
}

void slow_count_alloc(void *block, size_t size_bytes, const struct unwind_registers *from)
{
    if (unlikely(!thread_has_slot())) {
        thread_count_shared(&(struct thread_totals){.alloc_bytes = size_bytes, .alloc_count = 1});
        thread_refill_nobody();
    }
    if (hot_alloc(events(), size_bytes))
        slow_alloc(block, size_bytes, from);
}

void slow_count_free(size_t size_bytes)
{
    if (unlikely(!thread_has_slot())) {
        thread_count_shared(&(struct thread_totals){.free_bytes = size_bytes, .free_count = 1});
        thread_refill_nobody();
    }
    if (hot_free(events(), size_bytes))
        slow_free();
}
