/* SPDX-License-Identifier: MIT */
#include "agent/python/snapshot_walk.h"

#include "agent/core/clock.h"
#include "agent/python/interp.h"
#include "agent/core/peek.h"
#include "agent/python/snapshot_frame.h"
#include "agent/python/type.h"

/* struct _gc_runtime_state around its generations and its statistics, the same from 3.8 to 3.14;
 * 3.14.0 to 3.14.4 call the generations young and two halves of old. */
#define GENERATION_BYTES   24
#define GENERATIONS        3
#define PERMANENT_BEFORE   24
#define COLLECTING_BEHIND  72
#define ENABLED_BEFORE     12 /* where the generations begin, or would but for their alignment */
#define LISTS_EARLIER      4  /* in later 3.13, which aligns heads of lists to 4 bytes only */
#define GC_HEAD_BYTES      16
#define GC_PREV_FLAGS      3ul /* low bits of the link backwards */
#define GC_NEXT_FLAGS      1ul

/* Names in modules are what people look for; a local variable is often just a borrower, and the
 * interpreter's own fields say little. So these begin that many steps later. */
#define FRAMES_AT_LEVEL 4
#define STATES_AT_LEVEL 7

#define THREADS_MAX        4096
#define FRAMES_MAX         2000 /* of a thread */
#define LOOK_AT_CLOCK_EVERY  1024
#define MINOR_WITH_IMMORTALS 12

/* Words of a thread's state that are looked through for references; those of 3.14 hold the script of
 * a debugger, and the running loop and task of asyncio behind it. */
#define THREAD_STATE_WORDS     45
#define THREAD_STATE_WORDS_MAX 117
#define MINOR_WITH_LONG_STATE  14

static uintptr_t stats_of(const struct interp *interp, uintptr_t interpreter)
{
    uintptr_t base = interp->layout.gc_stats_in_runtime ? (uintptr_t)interp->runtime : interpreter;

    return base + interp->layout.gc_stats;
}

static uintptr_t first_interpreter(const struct interp *interp)
{
    return peek_word((uintptr_t)interp->runtime + interp->layout.runtime_interp_head);
}

/* A head whose neighbours know it is the head of a list. */
static bool is_list(uintptr_t list)
{
    uintptr_t next = peek_word(list) & ~GC_NEXT_FLAGS;
    uintptr_t before = peek_word(list + sizeof(uintptr_t)) & ~GC_PREV_FLAGS;

    return (peek_word(next + sizeof(uintptr_t)) & ~GC_PREV_FLAGS) == list &&
           (peek_word(before) & ~GC_NEXT_FLAGS) == list;
}

static bool are_lists(uintptr_t lists)
{
    for (size_t i = 0; i < GENERATIONS; i++) {
        if (!is_list(lists + i * GENERATION_BYTES))
            return false;
    }
    return true;
}

/* The generations; 0 when they are not where they should be. */
static uintptr_t lists_of(const struct interp *interp, uintptr_t stats)
{
    uintptr_t lists = stats - interp->layout.gc_lists_before;

    if (!is_list(stats - PERMANENT_BEFORE))
        return 0;
    if (!are_lists(lists))
        lists -= LISTS_EARLIER;
    return are_lists(lists) ? lists : 0;
}

const char *walk_obstacle(const struct interp *interp)
{
    for (uintptr_t each = first_interpreter(interp); each;
         each = peek_word(each + interp->layout.interp_next)) {
        uintptr_t stats = stats_of(interp, each);
        int collecting;

        if (!peek(stats + COLLECTING_BEHIND, &collecting, sizeof(collecting)) || collecting)
            return "the collector runs";
        if (lists_of(interp, stats) == 0)
            return "the collector's lists are not where this agent looks for them";
    }
    return NULL;
}

/* ---- what the collector knows --------------------------------------------------------------- */

static void enumerate(struct walk *walk, uintptr_t list)
{
    uintptr_t head = object_word(list) & ~GC_NEXT_FLAGS;
    uintptr_t before = list;

    while (head != list && !walk->heap.is_full) {
        uintptr_t object = head + GC_HEAD_BYTES;
        bool is_new;

        if ((object_word(head + sizeof(uintptr_t)) & ~GC_PREV_FLAGS) != before) {
            walk->is_late = true; /* a broken list ends here */
            return;
        }
        heap_add(&walk->heap, object, &is_new);
        if (is_new)
            object_count(&walk->types, object);
        before = head;
        head = object_word(head) & ~GC_NEXT_FLAGS;
    }
}

static void enumerate_interpreter(struct walk *walk, uintptr_t interpreter)
{
    uintptr_t stats = stats_of(walk->interp, interpreter);
    uintptr_t lists = lists_of(walk->interp, stats);

    for (size_t i = 0; lists && i < GENERATIONS; i++)
        enumerate(walk, lists + i * GENERATION_BYTES);
    enumerate(walk, stats - PERMANENT_BEFORE);
    if (object_half(stats - walk->interp->layout.gc_lists_before - ENABLED_BEFORE) == 0)
        walk->collector_is_off = true;
}

static void enumerate_all(struct walk *walk)
{
    uintptr_t each = first_interpreter(walk->interp);

    for (; each && !(walk->interp->layout.gc_stats_in_runtime && walk->heap.count);
         each = object_word(each + walk->interp->layout.interp_next))
        enumerate_interpreter(walk, each);
    walk->tracked = walk->heap.count;
}

/* ---- outwards ------------------------------------------------------------------------------- */

static int visit(void *object, void *arg)
{
    struct walk *walk = arg;
    bool is_new;
    uint32_t index = heap_add(&walk->heap, (uintptr_t)object, &is_new);

    if (index == 0)
        return 0;
    if (is_new)
        object_count(&walk->types, (uintptr_t)object);
    if (walk->heap.objects[index].parent == 0)
        heap_reach(&walk->heap, index, walk->at);
    return 0;
}

static bool is_time_left(struct walk *walk, uint32_t turn)
{
    if (turn % LOOK_AT_CLOCK_EVERY == 0 && clock_fine_ns() > walk->deadline_ns)
        walk->is_late = true;
    return !walk->is_late;
}

static void look_into(struct walk *walk, uint32_t index, object_visit visitor)
{
    uintptr_t object = walk->heap.objects[index].addr;

    walk->at = index;
    object_each(object_type_of(&walk->types, object), object, visitor, walk);
}

/* All that is queued, and what they lead to; before: only what was queued before that many. */
static void spread(struct walk *walk, uint32_t before)
{
    uint32_t index;

    while (walk->heap.queue_start < before && is_time_left(walk, walk->heap.queue_start) &&
           (index = heap_next(&walk->heap)) != 0)
        look_into(walk, index, visit);
}

static uint32_t add_root(struct walk *walk, enum walk_root_kind kind, uintptr_t addr)
{
    if (walk->root_count == WALK_ROOTS_MAX)
        return HEAP_ROOT | (walk->root_count - 1);
    walk->roots[walk->root_count] = (struct walk_root){.kind = kind, .addr = addr};
    return HEAP_ROOT | walk->root_count++;
}

/* What a root holds. Places that may hold anything count only if it is an object. */
static void reach_from(struct walk *walk, uint32_t root, uintptr_t object)
{
    bool is_new;
    uint32_t index = heap_find(&walk->heap, object);

    if (index == 0) {
        if (!object_is_plausible(walk->interp, object))
            return;
        index = heap_add(&walk->heap, object, &is_new);
        if (index == 0)
            return;
        object_count(&walk->types, object);
    }
    if (walk->heap.objects[index].parent == 0)
        heap_reach(&walk->heap, index, root);
}

/* A word that may be anything is a reference if it is the address of something the collector knows;
 * 0 when it is none, or to what was reached already. */
static uint32_t find_tracked(const struct walk *walk, uintptr_t word)
{
    uint32_t index = heap_find(&walk->heap, word);

    return index <= walk->tracked && walk->heap.objects[index].parent == 0 ? index : 0;
}

/* The youngest first: those of the program are made after those that it imports. */
static void reach_modules(struct walk *walk)
{
    for (uint32_t i = walk->tracked; i > 0; i--) {
        uintptr_t object = walk->heap.objects[i].addr;

        if (object_type_of(&walk->types, object)->kind == OBJECT_MODULE)
            reach_from(walk, add_root(walk, WALK_MODULE, object), object);
    }
}

/* ---- threads -------------------------------------------------------------------------------- */

#define THREAD_PREV_AT 0
#define THREAD_NEXT_AT 8

static void each_frame(struct walk *walk, uintptr_t thread,
                       void (*reach)(struct walk *walk, uintptr_t frame,
                                     const struct frame_locals *locals))
{
    const struct layout *layout = &walk->interp->layout;
    uintptr_t frame = frame_top(layout, thread);

    for (int i = 0; frame && i < FRAMES_MAX; i++, frame = object_word(frame + layout->frame_back)) {
        struct frame_locals locals;

        if (frame_read_locals(layout, frame, &locals))
            reach(walk, frame, &locals);
    }
}

static void reach_locals(struct walk *walk, uintptr_t frame, const struct frame_locals *locals)
{
    const struct layout *layout = &walk->interp->layout;
    uint32_t root = add_root(walk, WALK_FRAME, frame);

    if (layout->frame_owner == LAYOUT_NONE) /* an object, with its stack and more */
        reach_from(walk, root, frame);
    for (uint32_t at = 0; at < locals->count; at++)
        reach_from(walk, root, frame_local(layout, locals, at));
}

static void reach_locals_of(struct walk *walk, uintptr_t thread)
{
    each_frame(walk, thread, reach_locals);
}

static void reach_operands(struct walk *walk, uintptr_t frame, const struct frame_locals *locals)
{
    uint32_t root = 0;

    for (uint32_t at = locals->count; at < locals->count + locals->stack_count; at++) {
        uint32_t index = find_tracked(walk, frame_local(&walk->interp->layout, locals, at));

        if (index != 0 && root == 0)
            root = add_root(walk, WALK_FRAME, frame);
        if (index != 0)
            heap_reach(&walk->heap, index, root);
    }
}

static void reach_operands_of(struct walk *walk, uintptr_t thread)
{
    each_frame(walk, thread, reach_operands);
}

static void reach_state_of(struct walk *walk, uintptr_t thread)
{
    uint32_t root = add_root(walk, WALK_THREAD, thread);
    uintptr_t words[THREAD_STATE_WORDS_MAX];
    size_t count = walk->interp->layout.minor < MINOR_WITH_LONG_STATE ? THREAD_STATE_WORDS
                                                                       : THREAD_STATE_WORDS_MAX;

    if (!peek(thread, words, count * sizeof(words[0])))
        return;
    for (size_t i = 0; i < count; i++) {
        uint32_t index = find_tracked(walk, words[i]);

        if (index != 0)
            heap_reach(&walk->heap, index, root);
    }
}

static void each_thread(struct walk *walk, void (*reach)(struct walk *walk, uintptr_t thread))
{
    uintptr_t own = (uintptr_t)walk->thread;
    uintptr_t each = own;
    int count = 0;

    for (; each && count < THREADS_MAX; count++, each = object_word(each + THREAD_NEXT_AT))
        reach(walk, each);
    each = object_word(own + THREAD_PREV_AT);
    for (; each && count < THREADS_MAX; count++, each = object_word(each + THREAD_PREV_AT))
        reach(walk, each);
}

static void spread_from_roots(struct walk *walk)
{
    reach_modules(walk);
    for (int level = 0; walk->heap.queue_start < walk->heap.queue_end || level <= STATES_AT_LEVEL;
         level++) {
        if (level == FRAMES_AT_LEVEL)
            each_thread(walk, reach_locals_of);
        if (level == STATES_AT_LEVEL)
            each_thread(walk, reach_state_of);
        if (walk->is_late)
            return;
        spread(walk, walk->heap.queue_end);
    }
    /* How many operands a frame that runs has is known to the processor alone. Behind them lies what
     * earlier ones left, where another object may live by now: only what nobody else holds is theirs. */
    each_thread(walk, reach_operands_of);
    spread(walk, UINT32_MAX);
}

/* ---- what no root reaches ------------------------------------------------------------------- */

static int count_reference(void *object, void *arg)
{
    struct walk *walk = arg;
    uint32_t index = heap_find(&walk->heap, (uintptr_t)object);

    if (index != 0)
        walk->heap.objects[index].refs++;
    return 0;
}

static void count_references(struct walk *walk)
{
    for (uint32_t i = 1; i <= walk->tracked && is_time_left(walk, i); i++) {
        if (walk->heap.objects[i].parent == 0)
            look_into(walk, i, count_reference);
    }
}

static bool has_extra_references(const struct walk *walk, uint32_t index)
{
    uintptr_t count = object_word(walk->heap.objects[index].addr);

    if (walk->interp->layout.minor >= MINOR_WITH_IMMORTALS)
        count = (uint32_t)count;
    return count > walk->heap.objects[index].refs;
}

static void spread_from_extra_references(struct walk *walk)
{
    uint32_t root;

    count_references(walk);
    if (walk->is_late)
        return;
    root = add_root(walk, WALK_EXTRA, 0);
    for (uint32_t i = 1; i <= walk->tracked; i++) {
        if (walk->heap.objects[i].parent == 0 && has_extra_references(walk, i))
            heap_reach(&walk->heap, i, root);
    }
    spread(walk, UINT32_MAX);
}

static bool is_wanted(const struct walk *walk, const char *name, size_t len)
{
    for (uint32_t i = 0; i < walk->wanted_count; i++) {
        if (strlen(walk->wanted[i]) == len && memcmp(walk->wanted[i], name, len) == 0)
            return true;
    }
    return false;
}

static void mark_wanted(struct walk *walk)
{
    char name[TYPE_NAME_BYTES_MAX];

    for (uint32_t i = 1; i < walk->types.count && walk->wanted_count > 0; i++) {
        struct object_type *type = &walk->types.list[i];
        size_t len = type_name(walk->interp, type->addr, name, sizeof(name));

        type->wanted = is_wanted(walk, name, len);
    }
}

/* The way back to the beginning of a cycle. */
static int visit_cycle(void *object, void *arg)
{
    struct walk *walk = arg;
    uint32_t index = heap_find(&walk->heap, (uintptr_t)object);
    uint32_t parent = index ? walk->heap.objects[index].parent : 0;
    struct walk_root *root = parent & HEAP_ROOT ? &walk->roots[parent & ~HEAP_ROOT] : NULL;

    if (root && root->kind == WALK_CYCLE && root->addr == (uintptr_t)object && root->back == 0)
        root->back = walk->at;
    return visit(object, arg);
}

static void spread_from_cycle(struct walk *walk, uint32_t index)
{
    uint32_t queued;

    heap_reach(&walk->heap, index, add_root(walk, WALK_CYCLE, walk->heap.objects[index].addr));
    while (is_time_left(walk, walk->heap.queue_start) && (queued = heap_next(&walk->heap)) != 0)
        look_into(walk, queued, visit_cycle);
}

/* A cycle is told from an object of a wanted type, if it has one, and round to it again. */
static void spread_from_cycles(struct walk *walk)
{
    for (int pass = 0; pass < 2; pass++) {
        for (uint32_t i = 1; i <= walk->tracked && !walk->is_late; i++) {
            if (walk->heap.objects[i].parent == 0 &&
                (pass == 1 || object_type_of(&walk->types, walk->heap.objects[i].addr)->wanted))
                spread_from_cycle(walk, i);
        }
    }
}

void walk_all(struct walk *walk)
{
    object_types_init(&walk->types, walk->interp);
    walk->root_count = 1; /* 0 would be no parent */
    enumerate_all(walk);
    spread_from_roots(walk);
    if (!walk->is_late)
        spread_from_extra_references(walk);
    mark_wanted(walk);
    if (!walk->is_late)
        spread_from_cycles(walk);
}
