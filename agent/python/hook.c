/* SPDX-License-Identifier: MIT */
#include "agent/python/hook.h"

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/core/attr.h"
#include "agent/core/clock.h"
#include "agent/core/core.h"
#include "agent/core/sampler.h"
#include "agent/python/interp.h"
#include "agent/core/peek.h"
#include "agent/python/pool.h"
#include "agent/python/turn.h"

#define REQUEST_MAX 512 /* of pymalloc */
#define REDIRECT    513 /* the smallest request that pymalloc passes on to libc */

static const struct interp *python;
/* pymalloc, as the program was built. Constant from hook_init on: the hooks must find it even when
 * somebody calls them long after they were taken out. */
static struct interp_allocator original[INTERP_DOMAINS];
static struct interp_allocator hooks[INTERP_DOMAINS];

/* In a turn that is missed the MEM domain stays hooked: lists and dicts in the making tell that time
 * passes, where a program calls malloc rarely. */
enum state {
    STATE_OUT,
    STATE_MISSING,   /* MEM is hooked */
    STATE_ATTENDING, /* MEM and OBJ are */
};

static void (*on_sample)(void);
static void (*on_passage)(void);
static atomic_bool wanted;
static _Atomic enum state state; /* put in by us and not taken out by us */
static _Atomic int blocked;      /* enum hook_block */

/* Bytes until the next sample on this thread; a thread begins with a draw, not with a sample. */
static ATTR_TLS int64_t left_bytes;
static ATTR_TLS bool drawn;

/* Between two looks at whether samples are wanted, while the hooks are only passed through. */
#define INTERVAL_IDLE 65536

/* Bytes of the MEM domain between two looks at the clock, on this thread. */
#define PASSAGE_BYTES 8192
static ATTR_TLS int64_t passage_bytes;

static bool same(const struct interp_allocator *a, const struct interp_allocator *b)
{
    return a->ctx == b->ctx && a->malloc == b->malloc && a->calloc == b->calloc &&
           a->realloc == b->realloc && a->free == b->free;
}

/* A sample must sit at the very address that libc's free will see: not so below somebody's hooks
 * on the RAW domain, which may put a header in front. */
static bool reaches_libc(void)
{
    struct interp_allocator raw;

    python->get_allocator(INTERP_RAW, &raw);
    return same(&raw, &original[INTERP_RAW]);
}

/* Renews the countdown. How many turns a sample of this very allocation stands for; 0: it is none. The
 * countdown goes on in turns that are missed, so that the next attended one begins amid an interval. */
static unsigned draw(size_t size)
{
    bool was_drawn = drawn;

    drawn = atomic_load_explicit(&wanted, memory_order_relaxed);
    if (!drawn) {
        left_bytes = INTERVAL_IDLE;
        return 0;
    }
    left_bytes = (int64_t)core_next_interval_bytes();
    if (!was_drawn || !turn_is_attended())
        return 0;
    turn_note((uint64_t)left_bytes);
    if (size == 0 || size > REQUEST_MAX || !reaches_libc())
        return 0; /* what is larger comes from libc and is sampled there */
    return turn_share(clock_coarse_ms());
}

/*
 * Makes a sample of a redirected block, then drives the agent: a program that makes nothing but
 * small objects passes through malloc here only. The block was allocated outside of core_enter,
 * so that malloc's own slow path had its turn; a native sample of it is replaced by ours.
 */
static void record(void *block, size_t size, unsigned share)
{
    int saved_errno = errno;
    uint64_t weight_bytes;

    if (!block || !core_enter())
        return;
    weight_bytes = sampler_weight(size, core_sample_period_bytes()) * pool_class_bytes(size) / size;
    core_sample(WIRE_DOMAIN_PYTHON, block, size, weight_bytes * share);
    on_sample();
    core_leave();
    errno = saved_errno;
}

static ATTR_COLD void *sample_malloc(int domain, void *ctx, size_t size)
{
    unsigned share = draw(size);
    void *block;

    if (share == 0)
        return original[domain].malloc(ctx, size);
    block = original[domain].malloc(ctx, REDIRECT);
    record(block, size, share);
    return block;
}

static ATTR_COLD void *sample_calloc(int domain, void *ctx, size_t count, size_t each)
{
    size_t size;
    unsigned share = __builtin_mul_overflow(count, each, &size) ? 0 : draw(size);
    void *block;

    if (share == 0)
        return original[domain].calloc(ctx, count, each);
    block = original[domain].calloc(ctx, 1, REDIRECT);
    record(block, size, share);
    return block;
}

/* Grown blocks live by realloc: a list would be missed if only its first allocation counted. The
 * old block's sample, if any, goes when libc's realloc or free sees it. */
static ATTR_COLD void *sample_realloc(int domain, void *ctx, void *old, size_t size)
{
    unsigned share = draw(size);
    void *block;

    if (share == 0)
        return original[domain].realloc(ctx, old, size);
    block = original[domain].realloc(ctx, old, REDIRECT);
    record(block, size, share);
    return block;
}

static ATTR_COLD void look_at_clock(void)
{
    passage_bytes = PASSAGE_BYTES;
    on_passage();
}

static inline void pass_obj(size_t size)
{
    (void)size;
}

static inline void pass_mem(size_t size)
{
    passage_bytes -= (int64_t)size;
    if (unlikely(passage_bytes < 0))
        look_at_clock();
}

#define DEFINE_HOOKS(name, domain)                                                                 \
    static void *name##_malloc(void *ctx, size_t size)                                             \
    {                                                                                              \
        pass_##name(size);                                                                         \
        left_bytes -= (int64_t)size;                                                               \
        if (likely(left_bytes >= 0))                                                               \
            return original[domain].malloc(ctx, size);                                             \
        return sample_malloc(domain, ctx, size);                                                   \
    }                                                                                              \
    static void *name##_calloc(void *ctx, size_t count, size_t each)                               \
    {                                                                                              \
        size_t all = count * each;                                                                 \
                                                                                                   \
        pass_##name(all);                                                                          \
        left_bytes -= (int64_t)all;                                                                \
        if (likely(left_bytes >= 0))                                                               \
            return original[domain].calloc(ctx, count, each);                                      \
        return sample_calloc(domain, ctx, count, each);                                            \
    }                                                                                              \
    static void *name##_realloc(void *ctx, void *old, size_t size)                                 \
    {                                                                                              \
        pass_##name(size);                                                                         \
        left_bytes -= (int64_t)size;                                                               \
        if (likely(left_bytes >= 0))                                                               \
            return original[domain].realloc(ctx, old, size);                                       \
        return sample_realloc(domain, ctx, old, size);                                             \
    }

DEFINE_HOOKS(obj, INTERP_OBJ)
DEFINE_HOOKS(mem, INTERP_MEM)

enum present {
    PRESENT_ORIGINAL,
    PRESENT_OURS,
    PRESENT_ABOVE,   /* somebody's hooks that call ours */
    PRESENT_FOREIGN, /* somebody's that do not */
};

#define CONTEXT_WORDS 8

/* A hook of CPython's own making (tracemalloc, the debug hooks) keeps the allocator below it at
 * the head of its context. */
static bool calls_ours(const struct interp_allocator *allocator)
{
    for (size_t i = 0; i < CONTEXT_WORDS && allocator->ctx; i++) {
        uintptr_t word = peek_word((uintptr_t)allocator->ctx + i * sizeof(word));

        if (word == (uintptr_t)obj_malloc || word == (uintptr_t)mem_malloc)
            return true;
    }
    return false;
}

/* Whose allocators the program uses now; the two domains and RAW are looked at together. *in: which of
 * ours, if it is ours. */
static enum present look(enum state *in)
{
    struct interp_allocator now[INTERP_DOMAINS];
    bool is_obj_original;

    for (int domain = INTERP_RAW; domain < INTERP_DOMAINS; domain++)
        python->get_allocator(domain, &now[domain]);
    is_obj_original = same(&now[INTERP_OBJ], &original[INTERP_OBJ]);
    *in = is_obj_original ? STATE_MISSING : STATE_ATTENDING;
    if (same(&now[INTERP_RAW], &original[INTERP_RAW]) &&
        same(&now[INTERP_MEM], &original[INTERP_MEM]) && is_obj_original)
        return PRESENT_ORIGINAL;
    if (same(&now[INTERP_MEM], &hooks[INTERP_MEM]) &&
        (is_obj_original || same(&now[INTERP_OBJ], &hooks[INTERP_OBJ])))
        return PRESENT_OURS;
    return calls_ours(&now[INTERP_MEM]) || calls_ours(&now[INTERP_OBJ]) ? PRESENT_ABOVE
                                                                         : PRESENT_FOREIGN;
}

static enum state state_due(void)
{
    if (!atomic_load_explicit(&wanted, memory_order_relaxed))
        return STATE_OUT;
    return turn_is_attended() ? STATE_ATTENDING : STATE_MISSING;
}

static void put(enum state due)
{
    enum state now = atomic_load(&state);

    if ((now == STATE_OUT) != (due == STATE_OUT))
        python->set_allocator(INTERP_MEM,
                              due == STATE_OUT ? &original[INTERP_MEM] : &hooks[INTERP_MEM]);
    if ((now == STATE_ATTENDING) != (due == STATE_ATTENDING))
        python->set_allocator(INTERP_OBJ, due == STATE_ATTENDING ? &hooks[INTERP_OBJ]
                                                                  : &original[INTERP_OBJ]);
    atomic_store(&state, due);
}

void hook_init(const struct interp *interp, void (*sampled)(void), void (*passed)(void))
{
    python = interp;
    on_sample = sampled;
    on_passage = passed;
    for (int domain = INTERP_RAW; domain < INTERP_DOMAINS; domain++) {
        interp->get_allocator(domain, &original[domain]);
        hooks[domain] = original[domain];
    }
    hooks[INTERP_OBJ].malloc = obj_malloc;
    hooks[INTERP_OBJ].calloc = obj_calloc;
    hooks[INTERP_OBJ].realloc = obj_realloc;
    hooks[INTERP_MEM].malloc = mem_malloc;
    hooks[INTERP_MEM].calloc = mem_calloc;
    hooks[INTERP_MEM].realloc = mem_realloc;
}

void hook_install_early(void)
{
    hook_want(true);
    put(STATE_ATTENDING);
}

void hook_want(bool want)
{
    if (want && !atomic_load(&wanted))
        turn_restart(clock_coarse_ms());
    atomic_store(&wanted, want);
}

bool hook_is_wanted(void)
{
    return atomic_load_explicit(&wanted, memory_order_relaxed);
}

bool hook_is_due(void)
{
    return state_due() != atomic_load_explicit(&state, memory_order_relaxed);
}

bool hook_is_attributing(void)
{
    return atomic_load(&wanted) && atomic_load(&state) != STATE_OUT &&
           atomic_load(&blocked) != HOOK_SEVERAL;
}

enum hook_block hook_blocked(void)
{
    return (enum hook_block)atomic_load(&blocked);
}

/* Allocators are copied field by field: only one interpreter may run while they change. */
static bool may_swap(void)
{
    return interp_is_single(python) && !interp_is_ending(python);
}

/* Those that are in may be changed beside other interpreters too where all share one lock, which we hold. */
static bool may_change(void)
{
    return may_swap() || (python->layout.minor < INTERP_MINOR_OWN_LOCKS && !interp_is_ending(python));
}

void hook_toggle(void)
{
    enum state due = state_due();
    enum state in;
    bool is_half;

    switch (look(&in)) {
    case PRESENT_ORIGINAL: /* perhaps because somebody put back what he had found before us */
        atomic_store(&state, STATE_OUT);
        atomic_store(&blocked, interp_is_single(python) ? HOOK_FREE : HOOK_SEVERAL);
        if (due != STATE_OUT && may_swap()) {
            put(due);
            atomic_store(&blocked, HOOK_FREE);
        }
        break;
    case PRESENT_OURS:
        atomic_store(&state, in);
        if (due != in && may_change())
            put(due);
        /* Another interpreter has come in a turn that was missed: OBJ cannot go in. */
        is_half = due == STATE_ATTENDING && atomic_load(&state) != due && !interp_is_single(python);
        atomic_store(&blocked, is_half ? HOOK_SEVERAL : HOOK_FREE);
        break;
    case PRESENT_ABOVE: /* nothing to swap; they will put ours back when they go */
        atomic_store(&blocked, HOOK_FOREIGN);
        break;
    case PRESENT_FOREIGN:
        atomic_store(&state, STATE_OUT);
        atomic_store(&blocked, HOOK_FOREIGN);
        break;
    }
}
