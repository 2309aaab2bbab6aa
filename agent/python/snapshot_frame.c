/* SPDX-License-Identifier: MIT */
#include "agent/python/snapshot_frame.h"

#include "agent/python/interp.h"
#include "agent/python/layout.h"
#include "agent/core/peek.h"
#include "agent/python/snapshot_object.h"
#include "agent/python/text.h"

/* Fields that only this file reads, per version. */
struct local_layout {
    uint8_t minor;
    uint16_t frame_values;
    uint16_t code_stack;    /* co_stacksize */
    uint16_t code_count;    /* from 3.11: co_nlocalsplus */
    uint16_t code_names[3]; /* tuples of names, one after the other */
    uint16_t generator_frame;
    uint16_t generator_name;
};

#define NONE LAYOUT_NONE

static const struct local_layout layouts[] = {
    {8, 360, 32, NONE, {72, 88, 80}, 16, 56},   {9, 360, 32, NONE, {72, 88, 80}, 16, 56},
    {10, 352, 32, NONE, {72, 88, 80}, 16, 48},  {11, 72, 68, 76, {96, NONE, NONE}, 80, 40},
    {12, 72, 64, 72, {96, NONE, NONE}, 72, 32}, {13, 72, 64, 72, {96, NONE, NONE}, 72, 32},
    {14, 80, 64, 72, {96, NONE, NONE}, 72, 32},
};

#define MINOR_WITH_OWN_FRAMES 11
#define FRAME_OBJECT_FRAME_AT 24
#define LOCALS_MAX            4096

static const struct local_layout *find(const struct layout *layout)
{
    size_t last = sizeof(layouts) / sizeof(layouts[0]) - 1;

    for (size_t i = 0; i < last; i++) {
        if (layouts[i].minor == layout->minor)
            return &layouts[i];
    }
    return &layouts[last];
}

uintptr_t frame_top(const struct layout *layout, uintptr_t thread)
{
    uintptr_t frame = object_word(thread + layout->thread_frame);

    if (layout->cframe_current != LAYOUT_NONE && frame)
        frame = object_word(frame + layout->cframe_current);
    return frame;
}

static uint32_t tuple_size(uintptr_t tuple)
{
    uintptr_t size = peek_plausible(tuple) ? object_word(tuple + OBJECT_SIZE_AT) : 0;

    return size < LOCALS_MAX ? (uint32_t)size : 0;
}

uint32_t frame_count_locals(const struct layout *layout, uintptr_t code)
{
    const struct local_layout *own = find(layout);
    uint32_t count = 0;

    if (own->code_count != NONE) {
        count = object_half(code + own->code_count);
        return count < LOCALS_MAX ? count : 0;
    }
    for (size_t i = 0; i < sizeof(own->code_names) / sizeof(own->code_names[0]); i++)
        count += tuple_size(object_word(code + own->code_names[i]));
    return count;
}

bool frame_read_locals(const struct layout *layout, uintptr_t frame, struct frame_locals *out)
{
    const struct local_layout *own = find(layout);

    if (interp_is_mark(layout, frame)) /* has no code worth the name */
        return false;
    out->code = layout_reference(layout, object_word(frame + layout->frame_code));
    if (!peek_plausible(out->code))
        return false;
    out->values = frame + own->frame_values;
    out->count = frame_count_locals(layout, out->code);
    out->stack_count = object_half(out->code + own->code_stack);
    if (out->stack_count > LOCALS_MAX)
        out->stack_count = 0;
    return true;
}

uintptr_t frame_local(const struct layout *layout, const struct frame_locals *locals,
                      uint32_t index)
{
    return layout_reference(layout, object_word(locals->values + index * sizeof(uintptr_t)));
}

uintptr_t frame_of_object(const struct layout *layout, uintptr_t frame_object)
{
    return layout->minor < MINOR_WITH_OWN_FRAMES
               ? frame_object
               : object_word(frame_object + FRAME_OBJECT_FRAME_AT);
}

uintptr_t frame_of_generator(const struct layout *layout, uintptr_t generator)
{
    uintptr_t at = generator + find(layout)->generator_frame;

    return layout->minor < MINOR_WITH_OWN_FRAMES ? object_word(at) : at;
}

uintptr_t generator_name(const struct layout *layout, uintptr_t generator)
{
    return object_word(generator + find(layout)->generator_name);
}

size_t frame_local_name(const struct layout *layout, const struct frame_locals *locals,
                        uint32_t index, char *out, size_t cap)
{
    const struct local_layout *own = find(layout);

    for (size_t i = 0; i < sizeof(own->code_names) / sizeof(own->code_names[0]); i++) {
        uintptr_t names;
        uint32_t size;

        if (own->code_names[i] == NONE)
            return 0;
        names = object_word(locals->code + own->code_names[i]);
        size = tuple_size(names);
        if (index < size)
            return text_peek(
                layout, object_word(names + layout->tuple_items + index * sizeof(uintptr_t)), out, cap);
        index -= size;
    }
    return 0;
}
