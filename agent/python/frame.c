/* SPDX-License-Identifier: MIT */
#include "agent/python/frame.h"

#include <stdbool.h>
#include <string.h>

#include "agent/core/core.h"
#include "agent/python/interp.h"
#include "agent/python/linecache.h"
#include "agent/python/text.h"

#define OB_TYPE_AT 8
#define UNIT_BYTES 2 /* a code unit: opcode and argument */

/* Frames looked at for one sample, also those left out. */
#define WALK_MAX 1024

static const uint8_t *pointer(const uint8_t *object, size_t offset)
{
    const uint8_t *value;

    memcpy(&value, object + offset, sizeof(value));
    return value;
}

static int32_t integer(const uint8_t *object, size_t offset)
{
    int32_t value;

    memcpy(&value, object + offset, sizeof(value));
    return value;
}

static uint8_t owner_of(const struct layout *layout, const uint8_t *frame)
{
    return layout->frame_owner == LAYOUT_NONE ? 0 : frame[layout->frame_owner];
}

static bool is_mark(const struct layout *layout, const uint8_t *frame)
{
    return owner_of(layout, frame) >= LAYOUT_OWNER_MARK;
}

/* The frame's code object, NULL for what is none. */
static const uint8_t *code_of(const struct interp *interp, const uint8_t *frame)
{
    uintptr_t word = (uintptr_t)pointer(frame, interp->layout.frame_code);
    const uint8_t *code = (const uint8_t *)layout_reference(&interp->layout, word);

    if (!code || (uintptr_t)pointer(code, OB_TYPE_AT) != interp->code_type)
        return NULL;
    return code;
}

/* Code units from the start of the code to the instruction that runs; -1: none yet. */
static int64_t units_at(const struct layout *layout, const uint8_t *frame, const uint8_t *code)
{
    const uint8_t *at = pointer(frame, layout->frame_at);

    return (at - (code + layout->code_units)) / UNIT_BYTES;
}

/* The same as the version's line table counts it. */
static int64_t position_of(const struct layout *layout, const uint8_t *frame, const uint8_t *code)
{
    switch (layout->lines) {
    case LAYOUT_LINES_LNOTAB:
        return integer(frame, layout->frame_at);
    case LAYOUT_LINES_LINETABLE:
        return (int64_t)integer(frame, layout->frame_at) * UNIT_BYTES;
    default:
        return units_at(layout, frame, code);
    }
}

static uint32_t line_of(const struct layout *layout, const uint8_t *frame, const uint8_t *code,
                        size_t *budget)
{
    const uint8_t *lines = pointer(code, layout->code_lines);

    if (!lines)
        return 0;
    return linecache_find((enum layout_lines)layout->lines, lines + LAYOUT_BYTES_DATA_AT,
                          (size_t)pointer(lines, LAYOUT_BYTES_SIZE_AT),
                          integer(code, layout->code_first_line),
                          position_of(layout, frame, code), budget);
}

/* Its function's arguments are still being sorted: CPython shows the caller instead. */
static bool has_begun(const struct layout *layout, const uint8_t *frame, const uint8_t *code)
{
    if (layout->code_first_traceable == LAYOUT_NONE ||
        owner_of(layout, frame) == LAYOUT_OWNER_GENERATOR)
        return true;
    return units_at(layout, frame, code) >= integer(code, layout->code_first_traceable);
}

static struct core_frame describe(const struct layout *layout, const uint8_t *frame,
                                  const uint8_t *code, size_t *budget)
{
    return (struct core_frame){
        .kind = WIRE_FRAME_PYTHON,
        .line = line_of(layout, frame, code, budget),
        .function_id = text_intern(layout, pointer(code, layout->code_name)),
        .file_id = text_intern(layout, pointer(code, layout->code_file)),
    };
}

/* What is known of the present run of the interpreter loop while its frames go by. */
struct run {
    struct core_frame *last;  /* outermost frame written, NULL before the first */
    const uint8_t *left_out;  /* outermost frame left out, when none was written */
    size_t line_budget;       /* of all runs of the sample */
};

static bool ends_run(const struct layout *layout, const uint8_t *frame)
{
    if (layout->frame_owner == LAYOUT_NONE)
        return true; /* up to 3.10 every frame has a loop of its own */
    if (layout->frame_entry != LAYOUT_NONE)
        return frame[layout->frame_entry] != 0;
    return is_mark(layout, frame);
}

static void put(const struct interp *interp, const uint8_t *frame, struct run *run,
                struct core_frame *out, size_t *used)
{
    const uint8_t *code = code_of(interp, frame);

    if (!code)
        return;
    out[*used] = describe(&interp->layout, frame, code, &run->line_budget);
    run->last = &out[(*used)++];
}

static void end_run(const struct interp *interp, struct run *run, struct core_frame *out,
                    size_t *used)
{
    if (!run->last && run->left_out)
        put(interp, run->left_out, run, out, used);
    if (run->last)
        run->last->entry = true;
    *run = (struct run){.line_budget = run->line_budget};
}

size_t frame_walk(const struct interp *interp, const uint8_t *thread, struct core_frame *out,
                  size_t max)
{
    const struct layout *layout = &interp->layout;
    const uint8_t *frame = interp_top_frame(interp, thread);
    struct run run = {.line_budget = LINECACHE_BUDGET_BYTES};
    size_t used = 0;

    for (size_t i = 0; frame && used < max && i < WALK_MAX; i++) {
        const uint8_t *code = NULL;

        if (!is_mark(layout, frame)) {
            code = code_of(interp, frame);
            if (!code)
                break; /* not a frame as we know it: what is below is not to be trusted */
        }
        if (code && has_begun(layout, frame, code))
            put(interp, frame, &run, out, &used);
        else if (code && !run.last)
            run.left_out = frame;
        if (ends_run(layout, frame))
            end_run(interp, &run, out, &used);
        frame = pointer(frame, layout->frame_back);
    }
    return used;
}
