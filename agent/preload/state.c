/* SPDX-License-Identifier: MIT */
#include "agent/preload/state.h"

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/auxv.h>

#include "agent/core/attr.h"
#include "agent/core/hot.h"
#include "agent/core/mapping.h"
#include "agent/preload/classes.h"
#include "agent/preload/next.h"

static _Atomic enum preload_state state;

/* Who also replaces malloc, and watches more closely than two can at once. The loader binds these
 * when it loads us; no look-up, no message left in dlerror. */
#define WEAK_SYMBOL __attribute__((weak, visibility("default")))
extern void __asan_init(void) WEAK_SYMBOL;
extern void __hwasan_init(void) WEAK_SYMBOL;
extern void __lsan_init(void) WEAK_SYMBOL;
extern void __msan_init(void) WEAK_SYMBOL;
extern void __tsan_init(void) WEAK_SYMBOL;
extern void _vgr10010ZU_libcZdsoZa_malloc(void) WEAK_SYMBOL; /* valgrind's tools that replace it */

static bool must_be_inert(void)
{
    return getauxval(AT_SECURE) != 0 || __asan_init || __hwasan_init || __lsan_init ||
           __msan_init || __tsan_init || _vgr10010ZU_libcZdsoZa_malloc;
}

static ATTR_COLD void begin(void)
{
    if (!next_resolve()) {
        atomic_store(&state, PRELOAD_INERT);
        return;
    }
    atomic_store(&state, PRELOAD_PASSING);
    if (must_be_inert() || !core_start()) {
        atomic_store(&state, PRELOAD_INERT);
        return;
    }
    next_probe();
    core_set_native_method(next.is_exact ? WIRE_METHOD_EXACT : WIRE_METHOD_USABLE);
    atomic_store(&state, PRELOAD_COUNTING);
    if (next.is_exact)
        mapping_open();
    if (!thread_self.slot)
        return;
    if (next.is_exact) {
        hot_open();
    } else {
        classes_probe();
        hot_open_asking();
    }
}

enum preload_state preload_begin(void)
{
    enum preload_state found = atomic_load_explicit(&state, memory_order_acquire);
    int saved_errno = errno;

    if (found == PRELOAD_UNKNOWN &&
        atomic_compare_exchange_strong(&state, &found, PRELOAD_RESOLVING)) {
        begin();
        found = atomic_load(&state);
    }
    errno = saved_errno;
    return found;
}

bool preload_attach(void)
{
    if (preload_begin() != PRELOAD_COUNTING)
        return false;
    if (!thread_has_slot() && !thread_self.is_slotless)
        thread_attach();
    return true;
}
