/* SPDX-License-Identifier: MIT */
/* Hooks in and out over fake allocators and a fake core. */
#include "tests/unit/suite.h"

#include <stdlib.h>
#include <string.h>

#include "agent/core/core.h"
#include "agent/python/hook.h"
#include "agent/core/clock.h"
#include "agent/python/interp.h"
#include "agent/python/turn.h"

static struct interp_allocator allocators[INTERP_DOMAINS];
static uint8_t runtime[64]; /* what _PyRuntime is to us: finalizing, head, main */
static uint8_t only_interp[16];
static size_t last_size;
static unsigned driven;
static unsigned passages;
static uint64_t interval = 1000;

static struct {
    unsigned count;
    void *addr;
    size_t size;
    uint64_t weight;
} sample;

/* ---- the core ---- */

bool core_enter(void)
{
    return true;
}

void core_leave(void)
{
}

uint64_t core_sample_period_bytes(void)
{
    return 1 << 20;
}

uint64_t core_next_interval_bytes(void)
{
    return interval;
}

bool core_sample(enum wire_domain domain, void *addr, size_t size_bytes, uint64_t weight_bytes)
{
    ck_assert_int_eq(domain, WIRE_DOMAIN_PYTHON);
    sample.count++;
    sample.addr = addr;
    sample.size = size_bytes;
    sample.weight = weight_bytes;
    return true;
}

uint32_t core_intern(const char *data, size_t len)
{
    (void)data;
    (void)len;
    return WIRE_NAME_OTHER;
}

/* ---- the interpreter ---- */

static void *fake_malloc(void *ctx, size_t size)
{
    (void)ctx;
    last_size = size;
    return malloc(size);
}

static void *fake_calloc(void *ctx, size_t count, size_t size)
{
    (void)ctx;
    last_size = count * size;
    return calloc(count, size);
}

static void *fake_realloc(void *ctx, void *ptr, size_t size)
{
    (void)ctx;
    last_size = size;
    return realloc(ptr, size);
}

static void fake_free(void *ctx, void *ptr)
{
    (void)ctx;
    free(ptr);
}

static void get_allocator(int domain, struct interp_allocator *out)
{
    *out = allocators[domain];
}

static void set_allocator(int domain, struct interp_allocator *allocator)
{
    allocators[domain] = *allocator;
}

static struct interp python = {
    .layout = {.runtime_finalizing = 0, .runtime_interp_head = 8, .runtime_interp_main = 16},
    .runtime = runtime,
    .get_allocator = get_allocator,
    .set_allocator = set_allocator,
};

static void on_sample(void)
{
    driven++;
}

static void on_passage(void)
{
    passages++;
}

static void set_word(uint8_t *at, uintptr_t word)
{
    memcpy(at, &word, sizeof(word));
}

static void setup(void)
{
    for (int domain = INTERP_RAW; domain < INTERP_DOMAINS; domain++)
        allocators[domain] =
            (struct interp_allocator){NULL, fake_malloc, fake_calloc, fake_realloc, fake_free};
    set_word(runtime + 8, (uintptr_t)only_interp);
    set_word(runtime + 16, (uintptr_t)only_interp);
    hook_init(&python, on_sample, on_passage);
}

static bool is_hooked(void)
{
    return allocators[INTERP_OBJ].malloc != fake_malloc;
}

static void want_and_toggle(bool wanted)
{
    hook_want(wanted);
    hook_toggle();
}

static void *object(size_t size)
{
    return allocators[INTERP_OBJ].malloc(allocators[INTERP_OBJ].ctx, size);
}

START_TEST(hooks_go_in_and_out_and_leave_what_was_there)
{
    ck_assert(!is_hooked());
    want_and_toggle(true);
    ck_assert(is_hooked());
    ck_assert(hook_is_attributing());
    ck_assert_ptr_null(allocators[INTERP_OBJ].ctx);
    ck_assert(allocators[INTERP_OBJ].free == fake_free);
    ck_assert(allocators[INTERP_RAW].malloc == fake_malloc);
    want_and_toggle(false);
    ck_assert(!is_hooked());
    ck_assert(allocators[INTERP_MEM].realloc == fake_realloc);
    ck_assert(!hook_is_attributing());
}
END_TEST

START_TEST(hooks_are_never_put_in_twice)
{
    struct interp_allocator first;

    want_and_toggle(true);
    first = allocators[INTERP_OBJ];
    want_and_toggle(true);
    ck_assert_mem_eq(&first, &allocators[INTERP_OBJ], sizeof(first));
    free(object(10)); /* would not return if our hook were below our hook */
}
END_TEST

START_TEST(sample_is_redirected_and_weighs_its_class)
{
    void *block;

    want_and_toggle(true);
    free(object(40)); /* the thread's first draw: 1000 bytes from here */
    for (int i = 0; i < 25; i++)
        free(object(40));
    ck_assert_uint_eq(sample.count, 0);
    ck_assert_uint_eq(last_size, 40);
    block = object(40);
    ck_assert_uint_eq(last_size, 513);
    ck_assert_uint_eq(sample.count, 1);
    ck_assert_ptr_eq(sample.addr, block);
    ck_assert_uint_eq(sample.size, 40);
    /* 48 bytes of 40: the period and a fifth, within the sampler's rounding */
    ck_assert_uint_ge(sample.weight, (1 << 20) * 6 / 5);
    ck_assert_uint_le(sample.weight, (1 << 20) * 6 / 5 + 100);
    ck_assert_uint_eq(driven, 1);
    free(block);
}
END_TEST

START_TEST(large_requests_are_left_to_malloc)
{
    want_and_toggle(true);
    free(object(1));
    free(object(2000));
    ck_assert_uint_eq(last_size, 2000);
    ck_assert_uint_eq(sample.count, 0);
}
END_TEST

START_TEST(calloc_and_realloc_are_sampled_too)
{
    struct interp_allocator *mem = &allocators[INTERP_MEM];
    uint8_t *block;

    interval = 1;
    want_and_toggle(true);
    free(object(8));
    block = mem->calloc(mem->ctx, 4, 10);
    ck_assert_uint_eq(sample.count, 1);
    ck_assert_uint_eq(sample.size, 40);
    ck_assert_uint_eq(block[39], 0);
    block = mem->realloc(mem->ctx, block, 100);
    ck_assert_uint_eq(sample.count, 2);
    ck_assert_uint_eq(sample.size, 100);
    ck_assert_uint_eq(last_size, 513);
    free(block);
}
END_TEST

START_TEST(below_other_hooks_on_raw_nothing_is_redirected)
{
    interval = 1;
    want_and_toggle(true);
    free(object(8));
    allocators[INTERP_RAW].ctx = &sample; /* a header before each block, perhaps */
    free(object(8));
    ck_assert_uint_eq(sample.count, 0);
    ck_assert_uint_eq(last_size, 8);
}
END_TEST

/* What tracemalloc does: its context begins with the allocator that it found. */
static struct interp_allocator below;

static void *above_malloc(void *ctx, size_t size)
{
    struct interp_allocator *next = ctx;

    return next->malloc(next->ctx, size);
}

static void put_above(void)
{
    below = allocators[INTERP_OBJ];
    allocators[INTERP_OBJ].ctx = &below;
    allocators[INTERP_OBJ].malloc = above_malloc;
}

START_TEST(somebody_above_our_hooks_is_left_alone)
{
    want_and_toggle(true);
    put_above();
    want_and_toggle(false);
    ck_assert(allocators[INTERP_OBJ].malloc == above_malloc);
    ck_assert_int_eq(hook_blocked(), HOOK_FOREIGN);
    free(object(10)); /* still passes through our hook */
    allocators[INTERP_OBJ] = below;
    hook_toggle();
    ck_assert(!is_hooked());
    ck_assert_int_eq(hook_blocked(), HOOK_FREE);
}
END_TEST

START_TEST(somebody_who_was_first_keeps_us_out_until_he_goes)
{
    put_above();
    want_and_toggle(true);
    ck_assert(allocators[INTERP_OBJ].malloc == above_malloc);
    ck_assert(allocators[INTERP_MEM].malloc == fake_malloc);
    ck_assert(!hook_is_attributing());
    ck_assert_int_eq(hook_blocked(), HOOK_FOREIGN);
    allocators[INTERP_OBJ] = below;
    ck_assert(hook_is_due());
    hook_toggle();
    ck_assert(is_hooked());
}
END_TEST

START_TEST(hooks_that_somebody_dropped_go_in_again)
{
    want_and_toggle(true);
    for (int domain = INTERP_MEM; domain < INTERP_DOMAINS; domain++)
        allocators[domain] = allocators[INTERP_RAW];
    hook_toggle();
    ck_assert(is_hooked());
}
END_TEST

static bool is_mem_hooked(void)
{
    return allocators[INTERP_MEM].malloc != fake_malloc;
}

/* Ends turns of very many objects until one is missed, or attended as one of four. */
static void pass_turns_until(bool attended)
{
    uint64_t now_ms = clock_coarse_ms();

    turn_restart(now_ms);
    do {
        if (turn_is_attended())
            turn_note(140000 * TURN_MS);
        now_ms += TURN_MS;
        turn_next(now_ms, 1 << 20, 3);
    } while (turn_is_attended() != attended || turn_share(now_ms) != 4);
}

START_TEST(in_a_missed_turn_only_mem_is_hooked_and_nothing_sampled)
{
    interval = 1;
    want_and_toggle(true);
    free(object(8));
    pass_turns_until(false);
    ck_assert(hook_is_due());
    free(object(8)); /* its hook is still in */
    ck_assert_uint_eq(sample.count, 0);
    hook_toggle();
    ck_assert(!is_hooked());
    ck_assert(is_mem_hooked());
    ck_assert(!hook_is_due());
    ck_assert(hook_is_attributing());
    free(allocators[INTERP_MEM].malloc(NULL, 8));
    ck_assert_uint_eq(sample.count, 0);
    want_and_toggle(false);
    ck_assert(!is_mem_hooked());
    ck_assert(!hook_is_attributing());
}
END_TEST

START_TEST(sample_stands_for_the_turns_of_its_group)
{
    interval = 1;
    want_and_toggle(true);
    pass_turns_until(true);
    free(object(40)); /* the thread's first draw */
    free(object(40));
    ck_assert_uint_eq(sample.count, 1);
    ck_assert_uint_ge(sample.weight, 4 * ((1 << 20) * 6 / 5));
    ck_assert_uint_le(sample.weight, 4 * ((1 << 20) * 6 / 5 + 100));
}
END_TEST

START_TEST(mem_tells_that_time_passes_in_any_turn)
{
    struct interp_allocator *mem = &allocators[INTERP_MEM];

    want_and_toggle(true);
    for (int missed = 0; missed < 2; missed++) {
        passages = 0;
        for (int i = 0; i < 1000; i++) {
            void *block = mem->calloc(mem->ctx, 10, 10);

            free(mem->realloc(mem->ctx, block, 100));
            free(mem->malloc(mem->ctx, 100));
        }
        ck_assert_uint_ge(passages, 300 * 1000 / 8192 - 1);
        ck_assert_uint_le(passages, 300 * 1000 / 8192 + 1);
        pass_turns_until(false);
        hook_toggle();
    }
}
END_TEST

START_TEST(somebody_who_came_in_a_missed_turn_is_left_alone)
{
    want_and_toggle(true);
    pass_turns_until(false);
    hook_toggle();
    put_above();
    below = allocators[INTERP_MEM];
    allocators[INTERP_MEM].ctx = &below;
    allocators[INTERP_MEM].malloc = above_malloc;
    pass_turns_until(true);
    hook_toggle();
    ck_assert_int_eq(hook_blocked(), HOOK_FOREIGN);
    ck_assert(allocators[INTERP_MEM].malloc == above_malloc);
    allocators[INTERP_MEM] = below;
    allocators[INTERP_OBJ] = allocators[INTERP_RAW];
    hook_toggle();
    ck_assert_int_eq(hook_blocked(), HOOK_FREE);
    ck_assert(is_hooked());
}
END_TEST

START_TEST(several_interpreters_are_refused)
{
    uint8_t second[16] = {0};

    set_word(second, (uintptr_t)only_interp);
    set_word(runtime + 8, (uintptr_t)second);
    want_and_toggle(true);
    ck_assert(!is_hooked());
    ck_assert_int_eq(hook_blocked(), HOOK_SEVERAL);
    set_word(runtime + 8, (uintptr_t)only_interp);
    hook_toggle();
    ck_assert(is_hooked());
}
END_TEST

START_TEST(an_interpreter_that_comes_in_a_missed_turn_does_not_keep_the_hooks_out_unsaid)
{
    uint8_t second[16] = {0};

    for (int minor = 11; minor < 13; minor++) {
        python.layout.minor = (uint8_t)minor;
        want_and_toggle(true);
        pass_turns_until(false);
        hook_toggle();
        set_word(second, (uintptr_t)only_interp);
        set_word(runtime + 8, (uintptr_t)second);
        turn_restart(clock_coarse_ms());
        hook_toggle();
        ck_assert_int_eq(is_hooked(), minor < 12); /* one lock for all */
        ck_assert_int_eq(hook_is_attributing(), minor < 12);
        ck_assert_int_eq(hook_blocked(), minor < 12 ? HOOK_FREE : HOOK_SEVERAL);
        set_word(runtime + 8, (uintptr_t)only_interp);
        hook_toggle();
        ck_assert(is_hooked());
        ck_assert(hook_is_attributing());
        want_and_toggle(false);
    }
}
END_TEST

START_TEST(attended_turn_samples_from_its_first_byte)
{
    struct interp_allocator *mem = &allocators[INTERP_MEM];

    interval = 1;
    want_and_toggle(true);
    free(object(8));
    pass_turns_until(false);
    hook_toggle();
    for (int i = 0; i < 100; i++)
        free(mem->malloc(mem->ctx, 100));
    ck_assert_uint_eq(sample.count, 0);
    pass_turns_until(true);
    hook_toggle();
    free(object(8));
    free(object(8));
    ck_assert_uint_ge(sample.count, 1);
}
END_TEST

START_TEST(interpreter_that_ends_is_left_alone)
{
    want_and_toggle(true);
    set_word(runtime, 1);
    want_and_toggle(false);
    ck_assert(is_hooked());
}
END_TEST

SUITE_MAIN_FIXTURE("python_hook", setup, NULL, hooks_go_in_and_out_and_leave_what_was_there,
                   hooks_are_never_put_in_twice, sample_is_redirected_and_weighs_its_class,
                   large_requests_are_left_to_malloc, calloc_and_realloc_are_sampled_too,
                   below_other_hooks_on_raw_nothing_is_redirected,
                   somebody_above_our_hooks_is_left_alone,
                   somebody_who_was_first_keeps_us_out_until_he_goes,
                   hooks_that_somebody_dropped_go_in_again,
                   in_a_missed_turn_only_mem_is_hooked_and_nothing_sampled,
                   sample_stands_for_the_turns_of_its_group, mem_tells_that_time_passes_in_any_turn,
                   somebody_who_came_in_a_missed_turn_is_left_alone, several_interpreters_are_refused,
                   an_interpreter_that_comes_in_a_missed_turn_does_not_keep_the_hooks_out_unsaid,
                   attended_turn_samples_from_its_first_byte, interpreter_that_ends_is_left_alone)
