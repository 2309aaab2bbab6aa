/* SPDX-License-Identifier: MIT */
#include "agent/core/stack.h"

#include "agent/core/attr.h"
#include "agent/core/frame.h"
#include "agent/core/module.h"
#include "agent/core/unwind.h"

static void push(struct stack *stack, uint64_t packed)
{
    if (stack->count < WIRE_STACK_FRAMES_MAX)
        stack->frames[stack->count++] = packed;
    else
        stack->truncated = true;
}

/* The file of the frame before is asked for first: most frames lie in the same one. */
static void push_native(struct stack *stack, struct module_span *last, uintptr_t pc)
{
    if (pc - last->start >= last->end - last->start)
        module_find(pc, last);
    push(stack, frame_pack_native(last->id, pc - last->bias));
}

static void push_runtime(struct stack *stack, struct module_span *last, const struct core_frame *frame)
{
    if (frame->kind == WIRE_FRAME_PYTHON)
        push(stack, frame_pack_python(frame->function_id, frame->file_id, frame->line));
    else
        push_native(stack, last, frame->pc);
}

/* Pushes frames[at..] up to and including the next entry; returns the place behind it. */
static size_t push_until_entry(struct stack *stack, struct module_span *last,
                               const struct core_frame *frames, size_t count, size_t at)
{
    while (at < count) {
        push_runtime(stack, last, &frames[at]);
        if (frames[at++].entry)
            break;
    }
    return at;
}

void stack_merge(const uintptr_t *pcs, size_t pc_count, const struct core_frame *frames,
                 size_t frame_count, const struct core_runtime *runtime, struct stack *out)
{
    struct module_span last = {0};
    bool in_loop = false; /* the last native frame was of the interpreter loop */
    size_t next = 0;

    for (size_t i = 0; i < pc_count; i++) {
        bool owned = frame_count > 0 && runtime->owns_pc && runtime->owns_pc(pcs[i]);

        /* A run that the runtime has no frames for any more stays native. */
        if (!owned || (!in_loop && next == frame_count)) {
            push_native(out, &last, pcs[i]);
            owned = false;
        } else if (!in_loop) {
            next = push_until_entry(out, &last, frames, frame_count, next);
        }
        in_loop = owned;
    }
    for (; next < frame_count; next++)
        push_runtime(out, &last, &frames[next]);
}

/* Apart from stack_capture, so that programs without a runtime do not pay for this on stacks that
 * may be small. */
static ATTR_NOINLINE void capture_merged(const uintptr_t *pcs, size_t pc_count,
                                         const struct core_runtime *runtime, struct stack *out)
{
    struct core_frame frames[WIRE_STACK_FRAMES_MAX];
    size_t count = runtime->frames(frames, WIRE_STACK_FRAMES_MAX);

    stack_merge(pcs, pc_count, frames, count, runtime, out);
}

void stack_capture(const struct core_runtime *runtime, const struct unwind_registers *from,
                   struct stack *out)
{
    uintptr_t pcs[STACK_PCS_MAX];
    bool truncated = false;
    size_t count = from ? unwind_stack_from(from, pcs, STACK_PCS_MAX, &truncated)
                        : unwind_stack(pcs, STACK_PCS_MAX, &truncated);

    out->count = 0;
    out->truncated = truncated;
    if (runtime && runtime->frames)
        capture_merged(pcs, count, runtime, out);
    else
        stack_merge(pcs, count, NULL, 0, NULL, out);
}
