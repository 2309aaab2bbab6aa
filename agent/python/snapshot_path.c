/* SPDX-License-Identifier: MIT */
#include "agent/python/snapshot_path.h"

#include "agent/python/interp.h"
#include "agent/python/snapshot_field.h"
#include "agent/python/snapshot_frame.h"
#include "agent/python/text.h"
#include "agent/python/type.h"

/* Of a longer chain, as of a linked list, the part near the root is told. */
#define CHAIN_MAX     2048
#define CHAIN_LONGEST 1000000

#define MODULE_DICT_AT 16
#define MODULE_NAME_AT 48
#define TYPE_DICT_AT   264
#define DICT_USED_AT   16
#define DICT_NAMED_MAX 64 /* the keys of a larger dict are data and no names */
#define NAME_BYTES     96

/* From the root to the object. Static: the copy has one thread and a small stack. */
static struct chain {
    struct walk *walk;
    struct path *path;
    uint32_t count;
    uint32_t at;
    uint32_t root;
    uintptr_t objects[CHAIN_MAX];
} chain;

/* ---- text ----------------------------------------------------------------------------------- */

struct text {
    char bytes[PATH_STEP_BYTES];
    size_t len;
};

/* Whatever a program calls its things, a step is one line. */
static void put_bytes(struct text *text, const char *bytes, size_t len)
{
    for (size_t i = 0; i < len && text->len < sizeof(text->bytes); i++) {
        bool is_control = (unsigned char)bytes[i] < 0x20 || bytes[i] == 0x7f;

        text->bytes[text->len++] = is_control ? '?' : bytes[i];
    }
}

static void put(struct text *text, const char *plain)
{
    put_bytes(text, plain, strlen(plain));
}

static void put_object(struct text *text, uintptr_t str)
{
    char name[NAME_BYTES];
    size_t len = text_peek(&chain.walk->interp->layout, str, name, sizeof(name));

    put_bytes(text, len ? name : "?", len ? len : 1);
}

static void put_type_name(struct text *text, uintptr_t type)
{
    char name[TYPE_NAME_BYTES_MAX];
    size_t len = type_name(chain.walk->interp, type, name, sizeof(name));

    put_bytes(text, len ? name : "?", len ? len : 1);
}

/* A character that the end of the room has cut in two. */
static size_t whole_characters(const struct text *text)
{
    size_t len = text->len;

    if (len < sizeof(text->bytes))
        return len;
    while (len > 0 && ((unsigned char)text->bytes[len - 1] & 0xc0) == 0x80)
        len--;
    return len > 0 && (unsigned char)text->bytes[len - 1] >= 0xc0 ? len - 1 : text->len;
}

static bool is_same(const struct path_step *step, const struct text *text)
{
    return step->len == text->len && memcmp(step->text, text->bytes, text->len) == 0;
}

/* Equal neighbours, as in a linked list, are one step; the last place is the object's own. */
static void add_step(const struct text *text, bool is_last)
{
    struct path *path = chain.path;
    struct path_step *step = path->count ? &path->steps[path->count - 1] : NULL;

    if (step && !is_last && is_same(step, text)) {
        step->is_repeated = true;
        return;
    }
    if (path->count == WIRE_SNAPSHOT_STEPS_MAX - 1 && !is_last) {
        path->is_cut = true;
        return;
    }
    step = &path->steps[path->count++];
    step->len = (uint8_t)whole_characters(text);
    step->is_repeated = false;
    memcpy(step->text, text->bytes, step->len);
}

static void add_plain(const char *plain)
{
    struct text text = {.len = 0};

    put(&text, plain);
    add_step(&text, false);
}

static void add_name(const char *before, uintptr_t str, const char *behind)
{
    struct text text = {.len = 0};

    put(&text, before);
    put_object(&text, str);
    put(&text, behind);
    add_step(&text, false);
}

/* ---- steps: each handles the object at chain.at, and moves on ----------------------------------
 */

static uintptr_t object_at(uint32_t ahead)
{
    return chain.at + ahead < chain.count ? chain.objects[chain.at + ahead] : 0;
}

static enum object_kind kind_at(uint32_t ahead)
{
    uintptr_t object = object_at(ahead);

    return object ? object_type_of(&chain.walk->types, object)->kind : OBJECT_OTHER;
}

/* ".key" of the second object ahead in the dict that is the first. */
static void put_attribute(struct text *text)
{
    uintptr_t key = field_key(chain.walk->interp, object_at(1), object_at(2));

    put(text, ".");
    if (key)
        put_object(text, key);
    else
        put(text, "?");
}

static void tell_module(void)
{
    struct text attribute = {.len = 0};

    add_name("module ", object_word(object_at(0) + MODULE_NAME_AT), "");
    if (object_word(object_at(0) + MODULE_DICT_AT) != object_at(1) || !object_at(2)) {
        chain.at++;
        return;
    }
    put_attribute(&attribute);
    add_step(&attribute, false);
    chain.at += 2;
}

static void tell_dict(void)
{
    const struct object_type *type = object_type_of(&chain.walk->types, object_at(0));
    struct text text = {.len = 0};
    uintptr_t key = 0;

    put_type_name(&text, type->addr);
    if (object_word(object_at(0) + DICT_USED_AT) <= DICT_NAMED_MAX)
        key = field_key(chain.walk->interp, object_at(0), object_at(1));
    if (key && object_type_of(&chain.walk->types, key)->kind == OBJECT_STR) {
        put(&text, "['");
        put_object(&text, key);
        put(&text, "']");
    } else {
        put(&text, "[...]");
    }
    add_step(&text, false);
    chain.at++;
}

static void tell_container(void)
{
    struct text text = {.len = 0};

    put_type_name(&text, object_word(object_at(0) + OBJECT_TYPE_AT));
    put(&text, "[...]");
    add_step(&text, false);
    chain.at++;
}

/* Which variable of the closure the cell is. */
static void put_closure_variable(struct text *text, uintptr_t code, uintptr_t closure,
                                 uintptr_t cell)
{
    uintptr_t items = closure + chain.walk->interp->layout.tuple_items;
    uintptr_t size = object_word(closure + OBJECT_SIZE_AT);
    struct frame_locals locals;
    char name[NAME_BYTES];
    uint32_t index = 0;
    size_t len;

    locals.code = code;
    locals.count = frame_count_locals(&chain.walk->interp->layout, code);
    while (index < size && object_word(items + index * sizeof(uintptr_t)) != cell)
        index++;
    if (size > locals.count || index >= size)
        return;
    /* The free variables are the last ones. */
    len = frame_local_name(&chain.walk->interp->layout, &locals,
                           locals.count - (uint32_t)size + index, name, sizeof(name));
    if (len > 0) {
        put(text, ".");
        put_bytes(text, name, len);
    }
}

static void tell_function(void)
{
    const struct field_function *field = field_function(chain.walk->interp);
    uintptr_t function = object_at(0);
    uintptr_t next = object_at(1);
    struct text text = {.len = 0};

    if (next == object_word(function + field->closure) && object_at(2)) {
        put(&text, "closure of ");
        put_object(&text, object_word(function + field->qualname));
        put_closure_variable(&text, object_word(function + field->code), next, object_at(2));
        chain.at += 2;
    } else {
        bool is_globals = next == object_word(function + field->globals);

        put(&text, is_globals ? "globals of " : "function ");
        put_object(&text, object_word(function + field->qualname));
        if ((is_globals || next == object_word(function + field->dict)) && object_at(2)) {
            put_attribute(&text);
            chain.at++;
        }
        chain.at++;
    }
    add_step(&text, false);
}

static const char *base_name(const char *path, size_t len, size_t *base_len)
{
    const char *slash = memrchr(path, '/', len);

    *base_len = slash ? len - (size_t)(slash + 1 - path) : len;
    return slash ? slash + 1 : path;
}

/* "frame handle() shop.py" */
static void add_frame(uintptr_t code)
{
    const struct layout *layout = &chain.walk->interp->layout;
    char file[TEXT_PEEK_BYTES * 4];
    size_t len = text_peek(layout, object_word(code + layout->code_file), file, sizeof(file));
    struct text text = {.len = 0};
    const char *base;
    size_t base_len;

    base = base_name(file, len, &base_len);
    put(&text, "frame ");
    put_object(&text, object_word(code + layout->code_name));
    put(&text, "() ");
    put_bytes(&text, base, base_len);
    add_step(&text, false);
}

/* Which of the locals the value is. */
static void add_local(uintptr_t frame, uintptr_t value)
{
    const struct layout *layout = &chain.walk->interp->layout;
    struct text text = {.len = 0};
    struct frame_locals locals;
    char name[NAME_BYTES];

    if (!frame || !frame_read_locals(layout, frame, &locals))
        return;
    for (uint32_t i = 0; i < locals.count; i++) {
        size_t len;

        if (frame_local(layout, &locals, i) != value)
            continue;
        len = frame_local_name(layout, &locals, i, name, sizeof(name));
        if (len == 0)
            return;
        put(&text, "local ");
        put_bytes(&text, name, len);
        add_step(&text, false);
        return;
    }
}

static void tell_frame(void)
{
    uintptr_t frame = frame_of_object(&chain.walk->interp->layout, object_at(0));
    struct frame_locals locals;

    if (frame && frame_read_locals(&chain.walk->interp->layout, frame, &locals))
        add_frame(locals.code);
    add_local(frame, object_at(1));
    chain.at++;
}

static void tell_generator(void)
{
    const struct layout *layout = &chain.walk->interp->layout;
    uintptr_t frame = frame_of_generator(layout, object_at(0));
    struct text text = {.len = 0};

    put_type_name(&text, object_word(object_at(0) + OBJECT_TYPE_AT));
    put(&text, " ");
    put_object(&text, generator_name(layout, object_at(0)));
    put(&text, "()");
    add_step(&text, false);
    if (frame == object_at(1) && object_at(2)) /* up to 3.10 the frame is an object of its own */
        chain.at++;
    add_local(frame, object_at(1));
    chain.at++;
}

static void tell_lru_cache(void)
{
    add_plain("lru_cache");
    chain.at++;
    if (kind_at(0) == OBJECT_DICT && object_at(1))
        chain.at++;
    while (kind_at(0) == OBJECT_LRU_LINK && object_at(1))
        chain.at++;
}

/* A thread-local object has a dict of all threads, that has a dict for each. */
static void tell_thread_local(void)
{
    struct text text = {.len = 0};

    put(&text, "thread-local");
    if (kind_at(1) == OBJECT_DICT && kind_at(2) == OBJECT_DICT && object_at(3)) {
        chain.at++;
        put_attribute(&text);
        chain.at++;
    }
    add_step(&text, false);
    chain.at++;
}

static void tell_context(void)
{
    struct text text = {.len = 0};
    char name[NAME_BYTES];
    size_t len = 0;

    chain.at++;
    while (kind_at(0) == OBJECT_HAMT && object_at(1)) {
        if (kind_at(1) != OBJECT_HAMT)
            len = field_context_variable(chain.walk->interp, object_at(0), object_at(1), name,
                                         sizeof(name));
        chain.at++;
    }
    put(&text, "context variable ");
    put_bytes(&text, len ? name : "?", len ? len : 1);
    add_step(&text, false);
}

static void tell_class(void)
{
    struct text text = {.len = 0};

    put(&text, "class ");
    put_type_name(&text, object_at(0));
    if (object_word(object_at(0) + TYPE_DICT_AT) == object_at(1) && object_at(2)) {
        put_attribute(&text);
        chain.at++;
    }
    add_step(&text, false);
    chain.at++;
}

static void tell_instance(void)
{
    const struct object_type *type = object_type_of(&chain.walk->types, object_at(0));
    struct text text = {.len = 0};
    char name[NAME_BYTES];

    put_type_name(&text, type->addr);
    if (kind_at(1) == OBJECT_DICT && object_at(2) &&
        field_is_attributes(type, object_at(0), object_at(1))) {
        put_attribute(&text);
        chain.at++;
    } else {
        size_t len = field_attribute(&chain.walk->types, type, object_at(0), object_at(1), name,
                                     sizeof(name));

        if (len > 0) {
            put(&text, ".");
            put_bytes(&text, name, len);
        }
    }
    add_step(&text, false);
    chain.at++;
}

static void pass_over(void)
{
    chain.at++;
}

static void tell_next(void)
{
    static void (*const tellers[])(void) = {
        [OBJECT_OTHER] = tell_instance,
        [OBJECT_DICT] = tell_dict,
        [OBJECT_LIST] = tell_container,
        [OBJECT_TUPLE] = tell_container,
        [OBJECT_SET] = tell_container,
        [OBJECT_DEQUE] = tell_container,
        [OBJECT_TYPE] = tell_class,
        [OBJECT_MODULE] = tell_module,
        [OBJECT_FUNCTION] = tell_function,
        [OBJECT_CELL] = pass_over,
        [OBJECT_FRAME] = tell_frame,
        [OBJECT_GENERATOR] = tell_generator,
        [OBJECT_LRU_CACHE] = tell_lru_cache,
        [OBJECT_LRU_LINK] = pass_over,
        [OBJECT_THREAD_LOCAL] = tell_thread_local,
        [OBJECT_CONTEXT] = tell_context,
        [OBJECT_HAMT] = pass_over,
        [OBJECT_MEMBER] = tell_instance,
    };
    enum object_kind kind = kind_at(0);

    if (kind < sizeof(tellers) / sizeof(tellers[0]) && tellers[kind])
        tellers[kind]();
    else
        tell_instance();
}

/* ---- the whole ------------------------------------------------------------------------------ */

/* From the object up to its root. Of a chain that is too long the object and the part near the root
 * stay. */
static void climb(uint32_t index)
{
    const struct heap *heap = &chain.walk->heap;
    uint32_t depth = 0, skip;

    for (uint32_t at = index; depth < CHAIN_LONGEST; depth++) {
        chain.root = heap->objects[at].parent;
        if (chain.root == 0 || chain.root & HEAP_ROOT)
            break;
        at = chain.root;
    }
    skip = depth + 1 > CHAIN_MAX ? depth + 1 - CHAIN_MAX : 0;
    chain.count = 0;
    for (uint32_t i = 0; i <= depth && chain.count < CHAIN_MAX; i++) {
        if (i == 0 || i > skip)
            chain.objects[chain.count++] = heap->objects[index].addr;
        index = heap->objects[index].parent;
    }
}

static void turn_round(void)
{
    for (uint32_t i = 0; i < chain.count / 2; i++) {
        uintptr_t object = chain.objects[i];

        chain.objects[i] = chain.objects[chain.count - 1 - i];
        chain.objects[chain.count - 1 - i] = object;
    }
}

static void tell_frame_root(const struct walk_root *root)
{
    struct frame_locals locals;

    if (frame_read_locals(&chain.walk->interp->layout, root->addr, &locals))
        add_frame(locals.code);
    add_local(root->addr, object_at(0));
}

static void tell_root(const struct walk_root *root)
{
    switch (root->kind) {
    case WALK_MODULE:
        break; /* it is the first object */
    case WALK_FRAME:
        tell_frame_root(root);
        break;
    case WALK_THREAD:
        add_plain("thread");
        break;
    case WALK_EXTRA:
        add_plain("held by a C extension or an extra reference");
        break;
    case WALK_CYCLE:
        add_plain(chain.walk->collector_is_off ? "reference cycle, the collector is off"
                                               : "reference cycle, not collected yet");
        break;
    }
}

/* The beginning of a cycle is told with the way round to itself. */
static void climb_round(uint32_t index)
{
    const struct walk_root *root;
    uintptr_t object = chain.walk->heap.objects[index].addr;

    climb(index);
    if (!(chain.root & HEAP_ROOT) || chain.count > 1)
        return;
    root = &chain.walk->roots[chain.root & ~HEAP_ROOT];
    if (root->kind != WALK_CYCLE || root->back == 0)
        return;
    climb(root->back);
    if (chain.count == CHAIN_MAX)
        chain.count--;
    memmove(&chain.objects[1], &chain.objects[0], chain.count * sizeof(uintptr_t));
    chain.objects[0] = object;
    chain.count++;
}

void path_tell(struct walk *walk, uint32_t index, struct path *out)
{
    struct text name = {.len = 0};

    chain.walk = walk;
    chain.path = out;
    chain.at = 0;
    out->count = 0;
    out->is_cut = false;
    climb_round(index);
    turn_round();
    if (chain.root & HEAP_ROOT)
        tell_root(&walk->roots[chain.root & ~HEAP_ROOT]);
    else
        add_plain("not reached in the time there was");
    while (chain.at + 1 < chain.count)
        tell_next();
    put_type_name(&name, object_word(walk->heap.objects[index].addr + OBJECT_TYPE_AT));
    add_step(&name, true);
}
