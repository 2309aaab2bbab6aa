/* SPDX-License-Identifier: MIT */
#include "agent/python/interp.h"

#include <dlfcn.h>
#include <pthread.h>
#include <string.h>

#include "agent/core/peek.h"
#include "agent/python/text.h"

#define OB_TYPE_AT 8 /* ob_type, behind the reference count */

/* dlsym's void * as a function pointer or an address, without a cast that ISO C forbids. */
static bool resolve(const char *name, void *out)
{
    void *symbol = dlsym(RTLD_DEFAULT, name);

    memcpy(out, &symbol, sizeof(symbol));
    return symbol != NULL;
}

static bool resolve_all(struct interp *interp)
{
    return resolve("_PyRuntime", &interp->runtime) && resolve("PyCode_Type", &interp->code_type) &&
           resolve("PyType_Type", &interp->type_type) &&
           resolve("_PyEval_EvalFrameDefault", &interp->eval_loop) &&
           resolve("PyMem_GetAllocator", &interp->get_allocator) &&
           resolve("PyMem_SetAllocator", &interp->set_allocator) &&
           resolve("PyObject_GetArenaAllocator", &interp->get_arena_allocator) &&
           resolve("PyObject_SetArenaAllocator", &interp->set_arena_allocator) &&
           resolve("PyGILState_GetThisThreadState", &interp->gilstate_thread) &&
           resolve("Py_IsInitialized", &interp->is_initialized) &&
           (resolve("PyThreadState_GetUnchecked", &interp->current_thread) ||
            resolve("_PyThreadState_UncheckedGet", &interp->current_thread));
}

static char *put_number(char *at, unsigned number)
{
    char digits[12];
    size_t len = 0;

    do {
        digits[len++] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    while (len > 0)
        *at++ = digits[--len];
    return at;
}

static void put_name(const struct layout_version *version, char *out)
{
    const char *kind = version->pypy ? "pypy " : "cpython ";
    char *at = stpcpy(out, kind);

    at = put_number(at, version->major % 1000);
    *at++ = '.';
    at = put_number(at, version->minor % 1000);
    *at++ = '.';
    at = put_number(at, version->micro % 1000);
    *at = '\0';
}

/* Why an interpreter of this version and build is left alone; NULL: it is not. */
static const char *refusal(const struct layout_version *version)
{
    void *debug_build;

    if (version->pypy)
        return "python: PyPy keeps its own heap";
    if (version->free_threaded)
        return "python: free-threaded build";
    if (resolve("_Py_NegativeRefcount", &debug_build)) /* only where references are counted */
        return "python: debug build";
    if (!version->final)
        return "python: pre-release";
    if (!layout_find(version->major, version->minor))
        return "python: unknown version";
    return NULL;
}

#define MINOR_WITH_OFFSETS 13

enum interp_found interp_find(struct interp *out, const char **reason)
{
    const char *(*get_version)(void);
    struct layout_version version;
    void *set_allocator;

    memset(out, 0, sizeof(*out));
    if (!resolve("PyMem_SetAllocator", &set_allocator) || !resolve("Py_GetVersion", &get_version))
        return INTERP_ABSENT;
    *reason = "python: version not understood";
    if (!layout_parse_version(get_version(), &version))
        return INTERP_REFUSED;
    put_name(&version, out->name);
    *reason = refusal(&version);
    if (*reason)
        return INTERP_REFUSED;
    *reason = "python: symbols missing";
    if (!resolve_all(out))
        return INTERP_REFUSED;
    out->layout = *layout_find(version.major, version.minor);
    *reason = "python: unknown table of offsets";
    if (version.minor >= MINOR_WITH_OFFSETS &&
        !layout_apply_offsets(&out->layout, out->runtime, LAYOUT_OFFSETS_BYTES))
        return INTERP_REFUSED;
    *reason = "";
    return INTERP_KNOWN;
}

/* Fields of our own thread's objects: plain reads. */
static const uint8_t *field(const uint8_t *object, size_t offset)
{
    const uint8_t *value;

    memcpy(&value, object + offset, sizeof(value));
    return value;
}

static bool owns(const struct interp *interp, const uint8_t *thread)
{
    pthread_t owner;

    memcpy(&owner, thread + interp->layout.thread_id, sizeof(owner));
    return pthread_equal(owner, pthread_self()) != 0;
}

#define MINOR_WITH_THREAD_LOCAL_STATE 12

const uint8_t *interp_thread(const struct interp *interp)
{
    const uint8_t *current = interp->current_thread();

    if (!current)
        return NULL;
    /* Up to 3.11 the current state is the lock holder's, whoever asks: it is ours only if it is
     * the one this thread made, and only then may it be read. */
    if (interp->layout.minor < MINOR_WITH_THREAD_LOCAL_STATE)
        return interp->gilstate_thread() == current ? current : NULL;
    return owns(interp, current) ? current : NULL;
}

static bool is_main_thread(const struct interp *interp)
{
    pthread_t main_thread;

    memcpy(&main_thread, interp->runtime + interp->layout.runtime_main_thread, sizeof(main_thread));
    return pthread_equal(main_thread, pthread_self()) != 0;
}

const uint8_t *interp_thread_for_frames(const struct interp *interp)
{
    const uint8_t *thread = interp_thread(interp);

    if (thread || !is_main_thread(interp) || interp_is_ending(interp))
        return thread;
    thread = interp->gilstate_thread();
    return thread && owns(interp, thread) ? thread : NULL;
}

const uint8_t *interp_top_frame(const struct interp *interp, const uint8_t *thread)
{
    const uint8_t *frame = field(thread, interp->layout.thread_frame);

    if (interp->layout.cframe_current != LAYOUT_NONE && frame)
        frame = field(frame, interp->layout.cframe_current);
    return frame;
}

static uintptr_t main_interpreter(const struct interp *interp)
{
    return (uintptr_t)field(interp->runtime, interp->layout.runtime_interp_main);
}

bool interp_is_single(const struct interp *interp)
{
    uintptr_t head = (uintptr_t)field(interp->runtime, interp->layout.runtime_interp_head);

    return head != 0 && head == main_interpreter(interp) &&
           field((const uint8_t *)head, interp->layout.interp_next) == NULL;
}

bool interp_is_ending(const struct interp *interp)
{
    return field(interp->runtime, interp->layout.runtime_finalizing) != NULL;
}

#define MINOR_WITH_STATIC_INTERPRETER 11

bool interp_read_gc(const struct interp *interp, void *stats, size_t len)
{
    uintptr_t base = (uintptr_t)interp->runtime;

    if (!interp->layout.gc_stats_in_runtime)
        base = main_interpreter(interp);
    if (base == 0)
        return false;
    /* Before 3.11 the main interpreter is a heap block that goes away at the end. */
    if (interp->layout.minor < MINOR_WITH_STATIC_INTERPRETER)
        return peek(base + interp->layout.gc_stats, stats, len);
    memcpy(stats, (const void *)(base + interp->layout.gc_stats), len);
    return true;
}

static bool is_string(uintptr_t object)
{
    uint8_t head[TEXT_HEAD_BYTES];
    struct text_head text;

    return peek_plausible(object) && peek(object, head, sizeof(head)) &&
           text_head_read(head, &text);
}

bool interp_is_mark(const struct layout *layout, uintptr_t frame)
{
    uint8_t owner;

    return layout->frame_owner != LAYOUT_NONE &&
           peek(frame + layout->frame_owner, &owner, 1) && owner >= LAYOUT_OWNER_MARK;
}

#define LINE_TABLE_MAX (1u << 28) /* of 60,000 lines it is 2.6 MB */

/* A table of lines that can be read up to its end. */
static bool is_line_table(uintptr_t object)
{
    uintptr_t len;
    uint8_t last;

    if (!peek_plausible(object) || !peek_plausible(peek_word(object + OB_TYPE_AT)))
        return false;
    len = peek_word(object + LAYOUT_BYTES_SIZE_AT);
    return len < LINE_TABLE_MAX && peek(object + LAYOUT_BYTES_DATA_AT + len, &last, 1);
}

int interp_check(const struct interp *interp, const uint8_t *thread)
{
    const struct layout *layout = &interp->layout;
    uintptr_t frame = peek_word((uintptr_t)thread + layout->thread_frame);
    uintptr_t code;

    if (peek_word((uintptr_t)thread + layout->thread_id) != (uintptr_t)pthread_self())
        return -1;
    if (!peek_plausible(peek_word((uintptr_t)thread + layout->thread_interp)))
        return -1;
    if (layout->cframe_current != LAYOUT_NONE && frame)
        frame = peek_word(frame + layout->cframe_current);
    if (frame && interp_is_mark(layout, frame))
        frame = peek_word(frame + layout->frame_back);
    if (!frame)
        return 0;
    code = layout_reference(layout, peek_word(frame + layout->frame_code));
    return peek_plausible(code) && peek_word(code + OB_TYPE_AT) == interp->code_type &&
                   is_string(peek_word(code + layout->code_name)) &&
                   is_string(peek_word(code + layout->code_file)) &&
                   is_line_table(peek_word(code + layout->code_lines))
               ? 1
               : -1;
}
