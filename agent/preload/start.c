/* SPDX-License-Identifier: MIT */
#include "agent/preload/start.h"

#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/single_threaded.h>

#include "agent/core/clock.h"
#include "agent/core/core.h"
#include "agent/core/hot.h"
#include "agent/core/mapping.h"
#include "agent/core/module.h"
#include "agent/core/report.h"
#include "agent/core/unwind.h"
#include "agent/java/java.h"
#include "agent/link/link.h"
#include "agent/preload/environment.h"
#include "agent/preload/next.h"
#include "agent/preload/slow.h"
#include "agent/preload/state.h"
#include "agent/python/python.h"

#define LOOK_AGAIN_MS 1000

static enum environment_python python_wish;
static _Atomic bool python_settled = true; /* until the constructor has asked */
static _Atomic uint64_t look_at_ms;

static void forked(void)
{
    core_forked();
    link_forked();
}

static void look_for_python(void)
{
    atomic_store(&look_at_ms, clock_coarse_ms() + LOOK_AGAIN_MS);
    atomic_store(&python_settled, python_init(python_wish == ENVIRONMENT_PYTHON_ALWAYS));
}

static int is_python(struct dl_phdr_info *info, size_t size, void *unused)
{
    const char *slash = strrchr(info->dlpi_name, '/');
    const char *name = slash ? slash + 1 : info->dlpi_name;

    (void)size;
    (void)unused;
    return strncmp(name, "libpython", 9) == 0 || strncmp(name, "libpypy", 7) == 0;
}

/*
 * dlsym takes the loader's lock, which a thread inside dlopen may hold while it waits for us. A
 * process of one thread cannot deadlock with itself: that lock is recursive. And a dlsym that finds
 * nothing overwrites what dlerror is going to tell the program: only with an interpreter's library
 * in sight is it tried.
 */
void start_look_for_python(void)
{
    if (atomic_load_explicit(&python_settled, memory_order_relaxed) || !__libc_single_threaded ||
        clock_coarse_ms() < atomic_load(&look_at_ms))
        return;
    atomic_store(&look_at_ms, clock_coarse_ms() + LOOK_AGAIN_MS);
    if (dl_iterate_phdr(is_python, NULL))
        look_for_python();
}

/* With another allocator in front of us, or one in the program itself, nothing ever arrives here. A
 * block of our own, asked for as the program asks, tells. */
static void check_that_we_are_asked(void)
{
    struct wire_domain_totals before, after;
    bool entered = core_enter(); /* counted, not sampled */
    void *block;

    core_read_native_totals(&before);
    block = malloc(1);
    core_read_native_totals(&after);
    free(block);
    if (entered)
        core_leave();
    if (after.alloc_count != before.alloc_count)
        return;
    core_set_native_method(WIRE_METHOD_NONE);
    mapping_close();
    core_describe_native("native: malloc is another library's or the program's own, not seen; "
                         "libleakagent.so must come first in LD_PRELOAD");
}

/* Where the books of mapped memory are shut. Another allocator is called by names of its own, too, and
 * brings C++'s operators or leaves them to libstdc++'s, which call malloc. */
static const char *what_passes_us(void)
{
    if (next_has_own_operators())
        return "native: C++'s operators and the allocator's own functions are not seen; "
               "mmap: it maps for itself, not counted";
    if (!next_is_glibc())
        return "native: the allocator's own functions are not seen; mmap: it maps for itself, not counted";
    return "mmap: the next allocator maps for itself, not counted";
}

__attribute__((constructor)) static void start(void)
{
    if (!preload_attach())
        return;
    if (!mapping_is_open())
        core_describe_native(what_passes_us());
    module_init();
    unwind_init();
    if (environment_java())
        java_init();
    /* A server that forks its workers and then allocates nothing would never be heard otherwise. */
    pthread_atfork(NULL, slow_send, forked);
    link_init();
    python_drive(link_poll);
    python_on_end(link_prepare_exit);
    python_wish = environment_python();
    if (environment_snapshot_in_sandbox())
        python_allow_snapshot_in_sandbox();
    if (python_wish != ENVIRONMENT_PYTHON_OFF)
        look_for_python();
    dlerror(); /* what we have not found is nothing to the program */
    core_start_sampling(environment_period_bytes());
    check_that_we_are_asked();
    environment_spare_children();
    link_poll(); /* with LEAKD_DELAY_MS=0 */
}

__attribute__((destructor)) static void end(void)
{
    link_exit();
}
