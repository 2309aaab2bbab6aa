/* SPDX-License-Identifier: MIT */
#include "agent/python/python.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "agent/core/clock.h"
#include "agent/core/core.h"
#include "agent/python/arena.h"
#include "agent/python/buffer.h"
#include "agent/python/frame.h"
#include "agent/python/hook.h"
#include "agent/python/interp.h"
#include "agent/python/loop.h"
#include "agent/python/snapshot.h"
#include "agent/python/turn.h"
#include "agent/python/type.h"

#define WALK_BUDGET_NS     50000 /* of a flush */
#define TYPES_LOCKED       128   /* a flush: a fraction of a microsecond each */
#define TYPES_PEEKED       24    /* two or more system calls each */
#define NATIVE_TYPES_EVERY 4    /* flushes */
#define TYPE_AGE_MIN_MS    100   /* younger objects may still be under construction */
#define BLOCKED_RETRY_MS   500

static struct interp interp;
static struct loop loop;

/* Whether the layout reads right in the running interpreter: 0 not known yet, 1 or -1. */
static _Atomic int layout_checked;
static _Atomic uint64_t retry_at_ms;
static bool found_late;
static void (*driven)(void);
static void (*on_end)(void);

static bool layout_is_right(const uint8_t *thread)
{
    int checked = atomic_load_explicit(&layout_checked, memory_order_relaxed);

    if (checked == 0) {
        checked = interp_check(&interp, thread);
        atomic_store(&layout_checked, checked);
    }
    return checked > 0;
}

static size_t runtime_frames(struct core_frame *out, size_t max)
{
    const uint8_t *thread = interp_thread_for_frames(&interp);

    if (!thread || !layout_is_right(thread))
        return 0;
    return frame_walk(&interp, thread, out, max);
}

static bool runtime_owns_pc(uintptr_t pc)
{
    return loop_owns(&loop, pc);
}

/* Another thread's turn comes when this one does not hold the interpreter's lock. */
static void take_snapshot(void)
{
    const uint8_t *thread = interp_thread(&interp);

    if (thread && layout_is_right(thread))
        snapshot_take(&interp, thread);
}

/* Toggles if this thread may, and takes a rest after a refusal. */
static void toggle(void)
{
    uint64_t now;

    if (snapshot_is_due())
        take_snapshot();
    if (!hook_is_due())
        return;
    now = clock_coarse_ms();
    if (now < atomic_load_explicit(&retry_at_ms, memory_order_relaxed) || !interp_thread(&interp))
        return;
    hook_toggle();
    if (hook_is_due())
        atomic_store(&retry_at_ms, now + BLOCKED_RETRY_MS);
}

/* Not at samples: a turn ends by what happens in turns that are missed, too. With several interpreters
 * none is missed, since the hooks could not be changed. */
static void pass_turn(void)
{
    uint64_t now_ms;

    if (!hook_is_wanted())
        return;
    now_ms = clock_coarse_ms();
    if (!turn_is_over(now_ms) || !interp_thread(&interp))
        return;
    if (interp_is_single(&interp))
        turn_next(now_ms, core_sample_period_bytes(), core_random_bits());
    else
        turn_restart(now_ms);
}

static _Atomic bool end_is_seen;

/* It begins to end, or another one has begun. */
static bool is_end_to_be_seen(void)
{
    return interp_is_ending(&interp) != atomic_load_explicit(&end_is_seen, memory_order_relaxed);
}

/* Only the thread that ends the interpreter holds its lock then. */
static void look_for_end(void)
{
    if (!is_end_to_be_seen())
        return;
    if (!interp_is_ending(&interp))
        atomic_store(&end_is_seen, false);
    else if (interp_thread(&interp) && !atomic_exchange(&end_is_seen, true) && on_end)
        on_end();
}

static void runtime_poll(void)
{
    look_for_end();
    pass_turn();
    toggle();
}

static void on_sample(void)
{
    toggle();
    if (driven)
        driven();
}

/* From inside pymalloc: once for each arena, and for some KiB of the MEM domain while it is hooked. */
static void on_passage(void)
{
    int saved_errno = errno;

    if (core_enter()) {
        runtime_poll();
        if (driven)
            driven();
        core_leave();
    }
    errno = saved_errno;
}

/* From inside pymalloc, when it gives back an arena. */
static void on_release(void)
{
    int saved_errno = errno;

    if (is_end_to_be_seen() && core_enter()) {
        look_for_end();
        core_leave();
    }
    errno = saved_errno;
}

static void runtime_attribute(bool wanted)
{
    hook_want(wanted);
    atomic_store(&retry_at_ms, 0);
    runtime_poll();
}

/* What the daemon should know; a constant string, so that a change is seen by its address. */
static const char *reason_now(void)
{
    if (atomic_load(&layout_checked) < 0)
        return "python: layout does not read back, native only";
    if (hook_blocked() == HOOK_FOREIGN)
        return "python: another allocator is in place (PYTHONMALLOC, tracemalloc), no attribution";
    if (hook_blocked() == HOOK_SEVERAL)
        return "python: several interpreters, no attribution";
    if (found_late)
        return "python: found late, size of its heap not known";
    return "";
}

static void describe(void)
{
    static _Atomic(const char *) described;
    const char *reason = reason_now();

    if (atomic_exchange(&described, reason) != reason)
        core_describe_runtime(interp.name, reason);
}

/* One round of naming the types of samples. */
struct naming {
    uint64_t now_ms;
    bool steady; /* the blocks cannot be freed meanwhile */
};

static void name_type(const struct core_live *live, void *arg)
{
    const struct naming *naming = arg;
    uint32_t type_id;

    if (live->birth_ms + TYPE_AGE_MIN_MS > naming->now_ms)
        return;
    type_id = type_of_block(&interp, live->addr, live->size_bytes, naming->steady);
    if (type_id == CORE_TYPE_UNKNOWN)
        type_id = buffer_owner(live->site_id);
    core_live_set_type(live, type_id);
}

/* Small objects at each flush; those of the native domain, which are large ones or none, more
 * rarely, since each look goes over the whole table of samples. locked: this thread holds the
 * interpreter's lock, so no small object goes away. */
static void name_types(bool locked)
{
    static unsigned turn;
    struct naming naming = {.now_ms = clock_coarse_ms(), .steady = locked};

    core_live_each_untyped(WIRE_DOMAIN_PYTHON, locked ? TYPES_LOCKED : TYPES_PEEKED, name_type,
                           &naming);
    if (turn++ % NATIVE_TYPES_EVERY == 0) {
        naming.steady = false;
        core_live_each_untyped(WIRE_DOMAIN_NATIVE, TYPES_PEEKED, name_type, &naming);
    }
}

static _Atomic uint64_t pause_ns_total;

void python_add_pause(uint64_t pause_ns)
{
    atomic_fetch_add_explicit(&pause_ns_total, pause_ns, memory_order_relaxed);
}

static void fill_gc(struct wire_gc *gc)
{
    static uint64_t stats[WIRE_GC_GENERATIONS][3]; /* collections, collected, uncollectable */
    uint64_t now[WIRE_GC_GENERATIONS][3];

    /* The interpreter's own figures begin anew when it ends, before the process does. */
    if (interp_read_gc(&interp, now, sizeof(now)) && now[0][0] >= stats[0][0])
        memcpy(stats, now, sizeof(stats));
    for (size_t i = 0; i < WIRE_GC_GENERATIONS; i++) {
        gc->generations[i].collections = stats[i][0];
        gc->generations[i].collected = stats[i][1];
        gc->generations[i].uncollectable = stats[i][2];
    }
    gc->pause_ns_total = atomic_load_explicit(&pause_ns_total, memory_order_relaxed);
}

static void fill_totals(struct wire_domain_totals *totals)
{
    struct arena_totals sums;

    memset(totals, 0, sizeof(*totals));
    totals->domain = WIRE_DOMAIN_PYTHON;
    totals->method = WIRE_METHOD_NONE;
    arena_walk(WALK_BUDGET_NS);
    if (!arena_totals(&sums) || !sums.complete)
        return;
    totals->method = WIRE_METHOD_EXACT;
    totals->live_bytes = sums.live_bytes;
    totals->live_count = sums.live_count;
    totals->mapped_bytes = sums.mapped_bytes;
}

/* The first one is part of a round that connects, and all of it is cold: the heap waits for the next. */
static void runtime_flush(struct wire_domain_totals *python, struct wire_gc *gc)
{
    static bool is_warm;
    const uint8_t *thread = interp_thread(&interp);

    if (thread && layout_is_right(thread))
        hook_toggle(); /* also to notice that somebody took them out */
    fill_gc(gc);
    if (!is_warm) {
        is_warm = true;
        describe();
        return;
    }
    fill_totals(python);
    if (thread || !interp_is_ending(&interp)) /* else there are no types any more */
        name_types(thread != NULL);
    describe();
}

static const struct core_runtime runtime = {
    .frames = runtime_frames,
    .owns_pc = runtime_owns_pc,
    .poll = runtime_poll,
    .is_urgent = is_end_to_be_seen,
    .flush = runtime_flush,
    .attribute = runtime_attribute,
    .attributing = hook_is_attributing,
    .snapshot = snapshot_order,
    .snapshot_state = snapshot_state,
};

static void start(bool always)
{
    found_late = interp.is_initialized() != 0;
    loop_find(interp.eval_loop, &loop);
    buffer_init();
    hook_init(&interp, on_sample, on_passage);
    if (always && !found_late)
        hook_install_early();
    else
        hook_want(always);
    arena_init(&interp, on_passage, on_release);
    describe();
    core_set_runtime(&runtime);
}

void python_drive(void (*tick)(void))
{
    driven = tick;
}

void python_on_end(void (*end)(void))
{
    on_end = end;
}

void python_allow_snapshot_in_sandbox(void)
{
    snapshot_allow_in_sandbox();
}

bool python_init(bool always)
{
    static atomic_flag busy = ATOMIC_FLAG_INIT;
    static atomic_bool settled;
    const char *reason = "";

    if (atomic_load(&settled))
        return true;
    if (atomic_flag_test_and_set(&busy))
        return false;
    switch (interp_find(&interp, &reason)) {
    case INTERP_ABSENT:
        break;
    case INTERP_REFUSED:
        core_describe_runtime(interp.name, reason);
        atomic_store(&settled, true);
        break;
    case INTERP_KNOWN:
        start(always);
        atomic_store(&settled, true);
        break;
    }
    atomic_flag_clear(&busy);
    return atomic_load(&settled);
}
