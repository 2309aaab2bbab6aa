/* SPDX-License-Identifier: MIT */
#include "agent/core/core.h"

#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent/core/clock.h"
#include "agent/core/hot.h"
#include "agent/core/mapping.h"
#include "agent/core/mark.h"
#include "agent/core/module.h"
#include "agent/core/own.h"
#include "agent/core/period.h"
#include "agent/core/pool.h"
#include "agent/core/report.h"
#include "agent/core/sampler.h"
#include "agent/core/site.h"
#include "agent/core/type.h"

#define NAMES_MAX         8192 /* functions, files and types of sampled stacks: thousands at most */
#define NAME_ARENA_BYTES  (320u * 1024)
#define POLL_COUNT_MIN    256 /* operations between two readings of the clock, */
#define POLL_COUNT_WANTED 512 /* and between two visits of the slow path */
#define TIMED_SAMPLES     16  /* one sample of so many is timed, and each of the first so many */
#define DESCRIPTION_BYTES 256

static struct pool name_pool;
static enum wire_method native_method;
static _Atomic bool is_sampling;
static const struct core_runtime *_Atomic the_runtime;
static const struct core_heap *_Atomic the_heap;

static struct {
    uint64_t samples;
    uint64_t reentrant;
    uint64_t sample_ns;
} health;

/* What had been freed before the fork: alloc totals of a child start with what is alive. */
static struct thread_totals inherited;

static struct {
    char runtime[DESCRIPTION_BYTES];
    char native_reason[DESCRIPTION_BYTES / 2];
    char reason[DESCRIPTION_BYTES];
    _Atomic unsigned version;
} description;

/* ---- tables ------------------------------------------------------------------------------- */

static size_t align_up(size_t bytes)
{
    return (bytes + 63) & ~(size_t)63;
}

static size_t name_memory_bytes(void)
{
    return pool_memory_bytes(NAMES_MAX, NAME_ARENA_BYTES);
}

static void name_init(void *memory)
{
    pool_init(&name_pool, NAMES_MAX, NAME_ARENA_BYTES, memory);
}

static const struct {
    size_t (*count_bytes)(void);
    void (*init)(void *memory);
} tables[] = {
    {.count_bytes = thread_memory_bytes, .init = thread_init},
    {.count_bytes = live_memory_bytes, .init = live_init},
    {.count_bytes = site_memory_bytes, .init = site_init},
    {.count_bytes = type_memory_bytes, .init = type_init},
    {.count_bytes = mapping_memory_bytes, .init = mapping_init},
    {.count_bytes = name_memory_bytes, .init = name_init},
};

#define TABLES (sizeof(tables) / sizeof(tables[0]))

size_t core_memory_bytes(void)
{
    size_t total = 0;

    for (size_t i = 0; i < TABLES; i++)
        total += align_up(tables[i].count_bytes());
    return total;
}

bool core_start(void)
{
    size_t total = core_memory_bytes();
    uint8_t *memory = own_map(total, MAP_NORESERVE);

    if (!memory)
        return false;
    madvise(memory, total, MADV_DONTDUMP); /* the program's core dumps stay as small as they were */
    madvise(memory, total,
            MADV_NOHUGEPAGE); /* what is not used is not touched, nor is its neighbour */
    for (size_t i = 0; i < TABLES; i++) {
        tables[i].init(memory);
        memory += align_up(tables[i].count_bytes());
    }
    return true;
}

/* ---- the sampler -------------------------------------------------------------------------- */

void core_start_sampling(uint64_t period_bytes)
{
    core_set_period(period_bytes);
    atomic_store(&is_sampling, true);
    if (thread_has_slot())
        thread_alloc_due_in(thread_self.slot, 0); /* not only behind what it was to allocate unseen */
}

void core_set_period(uint64_t period_bytes)
{
    period_order(period_bytes);
}

uint64_t core_sample_period_bytes(void)
{
    return period_in_force_bytes();
}

uint64_t core_ordered_period_bytes(void)
{
    return period_ordered_bytes();
}

uint64_t core_next_interval_bytes(void)
{
    return sampler_interval(core_sample_period_bytes(), &thread_self.random);
}

uint64_t core_random_bits(void)
{
    return sampler_random(&thread_self.random);
}

void core_relax_period(void)
{
    if (live_count() < LIVE_SAMPLES_MAX / 4)
        period_relax();
}

bool core_enter(void)
{
    return thread_enter();
}

void core_leave(void)
{
    thread_leave();
}

static bool sample(enum wire_domain domain, void *addr, size_t size_bytes, uint64_t weight_bytes,
                   const struct unwind_registers *from)
{
    struct stack stack;
    struct live_sample taken = {
        .size_bytes = size_bytes,
        .weight_bytes = weight_bytes,
        .birth_ms = clock_coarse_ms(),
        .domain = (uint8_t)domain,
    };

    counter_add_shared(&health.samples, 1);
    period_note_sample(taken.birth_ms);
    core_forget((uintptr_t)addr); /* its free went past us */
    stack_capture(core_runtime(), from, &stack);
    taken.site_id = site_of(domain, &stack);
    if (!live_put((uintptr_t)addr, &taken)) {
        period_note_drop();
        return false;
    }
    site_add(&taken);
    return true;
}

void core_maps_are_counted(bool elsewhere)
{
    thread_self.maps_elsewhere = elsewhere;
}

bool core_maps_are_counted_elsewhere(void)
{
    return thread_self.maps_elsewhere;
}

bool core_sample(enum wire_domain domain, void *addr, size_t size_bytes, uint64_t weight_bytes)
{
    return sample(domain, addr, size_bytes, weight_bytes, NULL);
}

static void sample_native(void *addr, size_t size_bytes, uint64_t period_bytes,
                          const struct unwind_registers *from)
{
    uint64_t weight = sampler_weight(size_bytes, period_bytes);
    uint64_t before = counter_read(&health.samples);
    bool timed = before < TIMED_SAMPLES || before % TIMED_SAMPLES == 0;
    unsigned stands_for = before < TIMED_SAMPLES ? 1 : TIMED_SAMPLES; /* the first are cold, and dear */
    uint64_t start_ns = timed ? clock_fine_ns() : 0;

    sample(WIRE_DOMAIN_NATIVE, addr, size_bytes, weight, from);
    if (timed)
        counter_add_shared(&health.sample_ns, (clock_fine_ns() - start_ns) * stands_for);
}

/* Draws the place of the next hit behind `from`. */
static void draw_next(struct thread *self, uint64_t from, uint64_t period_bytes)
{
    self->period_bytes = period_bytes;
    self->sample_at_bytes = from + sampler_interval(period_bytes, &self->random);
}

static bool poll_is_due(struct thread *self, uint64_t operations, bool sampled)
{
    if (!sampled && operations - self->polled_count < POLL_COUNT_MIN)
        return false;
    self->polled_count = operations;
    return true;
}

/* Bytes until the slow path looks again: by how many operations it were this time. */
static uint64_t next_poll_bytes(struct thread *self, uint64_t operations)
{
    uint64_t bytes = self->poll_bytes;

    if (operations < POLL_COUNT_WANTED)
        bytes *= 2;
    else if (operations > 2 * POLL_COUNT_WANTED)
        bytes /= 2;
    if (bytes < HOT_POLL_BYTES_MIN)
        bytes = HOT_POLL_BYTES_MIN;
    if (bytes > HOT_POLL_BYTES_MAX)
        bytes = HOT_POLL_BYTES_MAX;
    self->poll_bytes = bytes;
    return bytes;
}

static struct thread_slot *events_of(struct thread *self)
{
    return thread_has_slot() ? self->slot : &self->own;
}

bool core_alloc_event(void *addr, size_t size_bytes, const struct unwind_registers *from)
{
    struct thread *self = &thread_self;
    struct thread_slot *slot = events_of(self);
    uint64_t period_bytes = core_sample_period_bytes();
    uint64_t now = thread_alloc_bytes(slot);
    uint64_t operations = thread_operations(slot);
    uint64_t due_in = next_poll_bytes(self, operations - self->polled_count);
    bool hit = false;

    if (atomic_load_explicit(&is_sampling, memory_order_relaxed)) {
        if (self->period_bytes != period_bytes) /* drawing anew is no bias: no memory */
            draw_next(self, now - size_bytes, period_bytes);
        hit = now >= self->sample_at_bytes;
        if (hit) {
            sample_native(addr, size_bytes, period_bytes, from);
            draw_next(self, now, period_bytes);
        }
        if (self->sample_at_bytes - now < due_in)
            due_in = self->sample_at_bytes - now;
    }
    thread_alloc_due_in(slot, due_in);
    return poll_is_due(self, operations, hit);
}

bool core_free_event(void)
{
    struct thread *self = &thread_self;
    struct thread_slot *slot = events_of(self);
    uint64_t due_in = self->poll_bytes;

    thread_free_due_in(slot, due_in > HOT_POLL_BYTES_MIN ? due_in : HOT_POLL_BYTES_MIN);
    return poll_is_due(self, thread_operations(slot), false);
}

void core_put_off_events(void)
{
    counter_add_shared(&health.reentrant,
                       1); /* nothing is left: the next operation comes here too */
}

void core_account_free(const struct live_sample *sample)
{
    site_remove(sample);
    if (sample->type_id != 0 && sample->type_id != CORE_TYPE_UNKNOWN)
        type_remove(sample->type_id, sample);
}

bool core_take(uintptr_t addr, struct live_sample *out)
{
    return live_maybe(addr) && live_take(addr, out);
}

void core_forget(uintptr_t addr)
{
    struct live_sample sample;

    if (core_take(addr, &sample))
        core_account_free(&sample);
}

/* ---- names, the runtime ------------------------------------------------------------------- */

uint32_t core_intern(const char *data, size_t len)
{
    if (len > WIRE_STRING_BYTES_MAX)
        len = WIRE_STRING_BYTES_MAX;
    return pool_intern(&name_pool, data, len);
}

uint32_t core_name_count(void)
{
    return pool_count(&name_pool);
}

void core_name(uint32_t id, struct wire_str *out)
{
    out->data = (const char *)pool_bytes(&name_pool, id, &out->len);
}

void core_set_runtime(const struct core_runtime *runtime)
{
    atomic_store(&the_runtime, runtime);
}

const struct core_runtime *core_runtime(void)
{
    return atomic_load_explicit(&the_runtime, memory_order_acquire);
}

void core_set_heap(const struct core_heap *heap)
{
    atomic_store(&the_heap, heap);
}

const struct core_heap *core_heap(void)
{
    return atomic_load_explicit(&the_heap, memory_order_acquire);
}

/* Returns the length; cut at size - 1. */
static size_t copy_text(char *to, size_t size, const char *from)
{
    size_t len = strlen(from);

    if (len > size - 1)
        len = size - 1;
    memcpy(to, from, len);
    to[len] = '\0';
    return len;
}

void core_describe_native(const char *reason)
{
    copy_text(description.native_reason, sizeof(description.native_reason), reason);
    core_describe_runtime("", "");
}

void core_describe_runtime(const char *runtime, const char *reason)
{
    const char *native = description.native_reason;
    size_t len = copy_text(description.reason, DESCRIPTION_BYTES, native);

    if (len > 0 && reason[0])
        len += copy_text(description.reason + len, DESCRIPTION_BYTES - len, "; ");
    copy_text(description.reason + len, DESCRIPTION_BYTES - len, reason);
    copy_text(description.runtime, DESCRIPTION_BYTES, runtime);
    atomic_fetch_add(&description.version, 1);
}

void core_describe_other_runtime(const char *runtime, const char *reason)
{
    if (!description.runtime[0])
        core_describe_runtime(runtime, reason);
}

unsigned core_runtime_description(struct wire_str *runtime, struct wire_str *reason)
{
    unsigned version = atomic_load(&description.version);

    runtime->data = description.runtime[0] ? description.runtime : "native";
    runtime->len = strnlen(runtime->data, DESCRIPTION_BYTES - 1);
    reason->data = description.reason;
    reason->len = strnlen(reason->data, DESCRIPTION_BYTES - 1);
    return version;
}

/* ---- live samples without a type ---------------------------------------------------------- */

static bool show_untyped(uint32_t index, enum wire_domain domain,
                         void (*fn)(const struct core_live *live, void *arg), void *arg)
{
    struct core_live live = {.index = index};
    struct live_sample sample;

    if (!live_read(index, &live.addr, &sample) || sample.type_id != 0 || sample.domain != domain)
        return false;
    live.site_id = sample.site_id;
    live.domain = sample.domain;
    live.size_bytes = sample.size_bytes;
    live.weight_bytes = sample.weight_bytes;
    live.birth_ms = sample.birth_ms;
    fn(&live, arg);
    return true;
}

size_t core_live_each_untyped(enum wire_domain domain, size_t max,
                              void (*fn)(const struct core_live *live, void *arg), void *arg)
{
    static uint32_t cursors[WIRE_DOMAINS];
    uint32_t *cursor = &cursors[domain];
    size_t calls = 0;

    for (int turn = 0; turn < 2; turn++) {
        uint32_t end = turn == 0 ? LIVE_SAMPLES_MAX : *cursor;
        uint32_t at = live_next_untyped(domain, turn == 0 ? *cursor : 0);

        for (; at < end && calls < max; at = live_next_untyped(domain, at + 1))
            calls += show_untyped(at, domain, fn, arg);
        if (calls == max) {
            *cursor = at;
            break;
        }
    }
    return calls;
}

void core_live_set_type(const struct core_live *live, uint32_t type_id)
{
    struct live_sample sample = {
        .size_bytes = live->size_bytes,
        .weight_bytes = live->weight_bytes,
    };

    if (live_set_type(live->index, live->addr, live->birth_ms, type_id) &&
        type_id != CORE_TYPE_UNKNOWN)
        type_add(type_id, &sample);
}

/* ---- reports ------------------------------------------------------------------------------ */

void core_set_native_method(enum wire_method method)
{
    native_method = method;
}

enum wire_method core_native_method(void)
{
    return native_method;
}

void core_read_native_totals(struct wire_domain_totals *out)
{
    struct thread_totals sum;

    thread_sum(&sum);
    *out = (struct wire_domain_totals){
        .domain = WIRE_DOMAIN_NATIVE,
        .method = (uint8_t)native_method,
        .alloc_bytes = sum.alloc_bytes - inherited.free_bytes,
        .free_bytes = sum.free_bytes - inherited.free_bytes,
        .alloc_count = sum.alloc_count - inherited.free_count,
        .free_count = sum.free_count - inherited.free_count,
    };
    /* More freed than allocated: blocks from before the agent, or from another allocator. */
    if (sum.alloc_bytes > sum.free_bytes)
        out->live_bytes = sum.alloc_bytes - sum.free_bytes;
    if (sum.alloc_count > sum.free_count)
        out->live_count = sum.alloc_count - sum.free_count;
}

void core_read_health(struct wire_health *out)
{
    const struct core_runtime *runtime = core_runtime();

    *out = (struct wire_health){
        .samples = counter_read(&health.samples),
        .dropped_samples = period_drops(),
        .dropped_sites = site_dropped(),
        .dropped_names = atomic_load(&name_pool.dropped),
        .reentrant = counter_read(&health.reentrant),
        .sample_ns_total = counter_read(&health.sample_ns),
        .sample_period_bytes = core_sample_period_bytes(),
        .python_attributing = runtime && runtime->attributing && runtime->attributing(),
        .dropped_modules = module_dropped(),
        .dropped_marks = mark_dropped(),
        .dropped_maps = mapping_dropped(),
    };
}

void core_mark_all_changed(void)
{
    site_mark_all_changed();
    type_mark_all_changed();
}

void core_forked(void)
{
    thread_sum(&inherited);
    mapping_forked();
    mark_forked();
    if (core_heap())
        core_heap()->forked();
    thread_reseed((uint64_t)getpid() ^ clock_fine_ns());
}
