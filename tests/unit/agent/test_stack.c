/* SPDX-License-Identifier: MIT */
/* The merge of native and Python frames, with an interpreter whose loop lies at 0x1000..0x1fff. No
 * file is mapped there, so native frames keep their absolute address. */
#include "tests/unit/suite.h"

#include "agent/core/stack.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/core/frame.h"

static bool owns_pc(uintptr_t pc)
{
    return pc >= 0x1000 && pc < 0x2000;
}

static const struct core_runtime interpreter = {.owns_pc = owns_pc};

static struct core_frame python(uint32_t function_id, bool entry)
{
    return (struct core_frame){
        .kind = WIRE_FRAME_PYTHON, .function_id = function_id, .entry = entry, .line = 1};
}

/* The stack as text: native addresses in hex, Python functions as pN. */
static const char *shown(const struct stack *stack)
{
    static char text[1024];
    size_t at = 0;

    text[0] = '\0';
    for (size_t i = 0; i < stack->count; i++) {
        struct wire_stack_frame frame;

        frame_unpack(stack->frames[i], &frame);
        at += (size_t)snprintf(text + at, sizeof(text) - at,
                               frame.kind == WIRE_FRAME_PYTHON ? "%sp%lu" : "%s%lx", i ? " " : "",
                               frame.kind == WIRE_FRAME_PYTHON ? (unsigned long)frame.function_id
                                                               : (unsigned long)frame.offset);
    }
    return text;
}

static const char *merged(const uintptr_t *pcs, size_t pc_count, const struct core_frame *frames,
                          size_t frame_count)
{
    static struct stack stack;

    memset(&stack, 0, sizeof(stack));
    stack_merge(pcs, pc_count, frames, frame_count, frame_count ? &interpreter : NULL, &stack);
    return shown(&stack);
}

START_TEST(native_stack_stays_as_it_is)
{
    const uintptr_t pcs[] = {0x10, 0x20, 0x1030};

    ck_assert_str_eq(merged(pcs, 3, NULL, 0), "10 20 1030");
}
END_TEST

START_TEST(run_of_the_loop_becomes_python_frames_up_to_the_entry)
{
    const uintptr_t pcs[] = {0x10, 0x1100, 0x1200, 0x20};
    const struct core_frame frames[] = {python(1, false), python(2, true)};

    ck_assert_str_eq(merged(pcs, 4, frames, 2), "10 p1 p2 20");
}
END_TEST

START_TEST(native_frames_between_two_runs_stay_between)
{
    const uintptr_t pcs[] = {0x10, 0x1100, 0x20, 0x21, 0x1100, 0x30};
    const struct core_frame frames[] = {python(1, true), python(2, false), python(3, true)};

    ck_assert_str_eq(merged(pcs, 6, frames, 3), "10 p1 20 21 p2 p3 30");
}
END_TEST

START_TEST(python_frames_are_kept_when_the_native_walk_ends_early)
{
    const uintptr_t pcs[] = {0x10};
    const struct core_frame frames[] = {python(1, true), python(2, true)};

    ck_assert_str_eq(merged(pcs, 1, frames, 2), "10 p1 p2");
    ck_assert_str_eq(merged(NULL, 0, frames, 2), "p1 p2");
}
END_TEST

START_TEST(run_without_python_frames_left_stays_native)
{
    const uintptr_t pcs[] = {0x1100, 0x20, 0x1200, 0x1300, 0x30};
    const struct core_frame frames[] = {python(1, true)};

    ck_assert_str_eq(merged(pcs, 5, frames, 1), "p1 20 1200 1300 30");
}
END_TEST

START_TEST(stack_deeper_than_a_site_keeps_its_leaf_and_says_so)
{
    uintptr_t pcs[STACK_PCS_MAX];
    struct stack stack = {.count = 0};
    struct wire_stack_frame frame;

    for (size_t i = 0; i < STACK_PCS_MAX; i++)
        pcs[i] = 0x100 + i;
    stack_merge(pcs, STACK_PCS_MAX, NULL, 0, NULL, &stack);
    ck_assert_uint_eq(stack.count, WIRE_STACK_FRAMES_MAX);
    ck_assert(stack.truncated);
    frame_unpack(stack.frames[0], &frame);
    ck_assert_uint_eq(frame.offset, 0x100);
}
END_TEST

START_TEST(packed_frames_come_back)
{
    struct wire_stack_frame frame;

    frame_unpack(frame_pack_native(4096, 0xffffffffffff), &frame);
    ck_assert_uint_eq(frame.kind, WIRE_FRAME_NATIVE);
    ck_assert_uint_eq(frame.module_id, 4096);
    ck_assert_uint_eq(frame.offset, 0xffffffffffff);
    frame_unpack(frame_pack_python(65536, 65535, 123456), &frame);
    ck_assert_uint_eq(frame.kind, WIRE_FRAME_PYTHON);
    ck_assert_uint_eq(frame.function_id, 65536);
    ck_assert_uint_eq(frame.file_id, 65535);
    ck_assert_uint_eq(frame.line, 123456);
}
END_TEST

SUITE_MAIN("stack", native_stack_stays_as_it_is,
           run_of_the_loop_becomes_python_frames_up_to_the_entry,
           native_frames_between_two_runs_stay_between,
           python_frames_are_kept_when_the_native_walk_ends_early,
           run_without_python_frames_left_stays_native,
           stack_deeper_than_a_site_keeps_its_leaf_and_says_so, packed_frames_come_back)
