/* SPDX-License-Identifier: MIT */
#include "agent/core/module.h"

#include <link.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "agent/core/attr.h"
#include "agent/core/image.h"

/*
 * How it holds together without a lock: an entry is filled in a drawer of its own, then its number
 * is put into `order` at the first free place. So ids are dense, whatever is in `order` is whole,
 * and a thread that finds its file already there throws its drawer away. The index is only a
 * shortcut from an image's start to an id; a miss falls back to walking `order`.
 */
#define DRAWERS       (WIRE_MODULES_MAX + 256u) /* some are thrown away in races */
#define INDEX_BITS    13
#define INDEX_ENTRIES (1u << INDEX_BITS)
#define INDEX_PROBES  8u
#define NAMES_BYTES   (512u * 1024u)
#define SIGN_BYTES    16u /* of .eh_frame_hdr, for files without a build-id */

struct module {
    struct image image;
    uintptr_t load_bias;
    uintptr_t dynamic; /* l_ld */
    const uint8_t *build_id_at;
    uint8_t build_id[WIRE_BUILD_ID_MAX];
    uint8_t build_id_len;
    uint8_t sign[SIGN_BYTES];
    uint16_t path_len;
    const char *path;
};

static struct module drawers[DRAWERS];
static _Atomic uint32_t drawers_taken;
static _Atomic uint64_t dropped; /* look-ups of files that found no room */
static _Atomic uint16_t order[WIRE_MODULES_MAX + 1]; /* [id]: drawer + 1; 0 = none yet */
static _Atomic uint16_t order_index[INDEX_ENTRIES];  /* ids */
static _Atomic uint32_t ids_seen;                    /* all up to here are there */

static char names[NAMES_BYTES];
static _Atomic uint32_t names_taken;

static char program_path[WIRE_STRING_BYTES_MAX];
static size_t program_path_len;
static char start_folder[WIRE_STRING_BYTES_MAX]; /* of relative paths given to dlopen */
static uintptr_t vdso;

void module_init(void)
{
    ssize_t len = readlink("/proc/self/exe", program_path, sizeof(program_path));
    const char *told = (const char *)(uintptr_t)getauxval(AT_EXECFN);

    if (len > 0) {
        program_path_len = (size_t)len;
    } else if (told) {
        program_path_len = strnlen(told, sizeof(program_path));
        memcpy(program_path, told, program_path_len);
    }
    if (!getcwd(start_folder, sizeof(start_folder)))
        start_folder[0] = 0;
    vdso = (uintptr_t)getauxval(AT_SYSINFO_EHDR);
    image_init();
}

/* ---- is it the same file? ------------------------------------------------------------------- */

static void read_sign(const struct image *image, uint8_t sign[SIGN_BYTES])
{
    uintptr_t hdr = image->eh_frame_hdr;

    memset(sign, 0, SIGN_BYTES);
    if (hdr >= image->start && hdr <= image->end && image->end - hdr >= SIGN_BYTES)
        memcpy(sign, (const void *)hdr, SIGN_BYTES);
}

/*
 * A file with a build-id is the same when it is loaded again in the same place. Without one the
 * loader's entry counts too. What is still not told apart: two files without build-id, one loaded
 * after the other was closed, in the same place, described by the same link_map address, with
 * dynamic section and tables of the same place and size.
 */
static bool is_same(const struct module *module, const struct image *image)
{
    uint8_t sign[SIGN_BYTES];

    if (module->image.start != image->start || module->image.end != image->end ||
        module->image.eh_frame_hdr != image->eh_frame_hdr ||
        module->load_bias != image->map->l_addr ||
        module->dynamic != (uintptr_t)image->map->l_ld)
        return false;
    if (module->build_id_len > 0)
        return memcmp(module->build_id_at, module->build_id, module->build_id_len) == 0;
    read_sign(image, sign);
    return module->image.map == image->map && memcmp(sign, module->sign, SIGN_BYTES) == 0;
}

static const struct module *module_at(uint32_t id)
{
    uint16_t drawer = atomic_load_explicit(&order[id], memory_order_acquire);

    return drawer ? &drawers[drawer - 1] : NULL;
}

/* ---- a new one ------------------------------------------------------------------------------ */

static char *take_name(size_t len)
{
    uint32_t at = atomic_load_explicit(&names_taken, memory_order_relaxed);

    do {
        if (len > NAMES_BYTES - at)
            return NULL;
    } while (!atomic_compare_exchange_weak_explicit(&names_taken, &at, at + (uint32_t)len,
                                                    memory_order_relaxed, memory_order_relaxed));
    return names + at;
}

/* The link_map and its name go with dlclose: the path must be copied now. */
static void copy_path(struct module *module, const char *name)
{
    size_t len = strnlen(name, WIRE_STRING_BYTES_MAX);
    size_t folder_len = name[0] == '/' ? 0 : strnlen(start_folder, sizeof(start_folder));
    size_t between = folder_len > 0 ? 1 : 0;
    char *path;

    if (folder_len + between + len > WIRE_STRING_BYTES_MAX)
        folder_len = between = 0; /* the name alone says more than nothing */
    path = take_name(folder_len + between + len);
    if (!path) {
        module->path = "?";
        module->path_len = 1;
        return;
    }
    memcpy(path, start_folder, folder_len);
    if (between)
        path[folder_len] = '/';
    memcpy(path + folder_len + between, name, len);
    module->path = path;
    module->path_len = (uint16_t)(folder_len + between + len);
}

static void put_path(struct module *module)
{
    const char *name = module->image.map->l_name;

    if (vdso >= module->image.start && vdso < module->image.end) {
        module->path = "";
    } else if (name && name[0]) {
        copy_path(module, name);
    } else {
        module->path = program_path;
        module->path_len = (uint16_t)program_path_len;
    }
}

/* A path that finds no room is left out: its drawer is not spent in vain, and not once more for every
 * stack through the file. The build-id still names it. */
static void fill(struct module *module, const struct image *image)
{
    size_t len = 0;

    module->image = *image;
    module->load_bias = image->map->l_addr;
    module->dynamic = (uintptr_t)image->map->l_ld;
    module->build_id_at = image_build_id(image, &len);
    if (module->build_id_at && len <= WIRE_BUILD_ID_MAX) {
        module->build_id_len = (uint8_t)len;
        memcpy(module->build_id, module->build_id_at, len);
    }
    read_sign(image, module->sign);
    put_path(module);
}

/* Drawer + 1; 0: full. */
static uint16_t take_drawer(const struct image *image)
{
    uint32_t drawer;

    /* Looked at first, so that the counter never wraps around. */
    if (atomic_load_explicit(&drawers_taken, memory_order_relaxed) >= DRAWERS)
        return 0;
    drawer = atomic_fetch_add_explicit(&drawers_taken, 1, memory_order_relaxed);
    if (drawer >= DRAWERS)
        return 0;
    fill(&drawers[drawer], image);
    return (uint16_t)(drawer + 1);
}

/* Finds image in the order, newest last, or appends it. */
static uint32_t find_or_append(const struct image *image)
{
    uint16_t drawer = 0;

    for (uint32_t id = 1; id <= WIRE_MODULES_MAX; id++) {
        const struct module *module = module_at(id);
        uint16_t none = 0;

        if (!module) {
            if (!drawer)
                drawer = take_drawer(image);
            if (!drawer)
                return WIRE_MODULE_UNKNOWN;
            if (atomic_compare_exchange_strong_explicit(&order[id], &none, drawer,
                                                        memory_order_release, memory_order_acquire))
                return id;
            module = &drawers[none - 1];
        }
        if (is_same(module, image))
            return id;
    }
    return WIRE_MODULE_UNKNOWN;
}

/* ---- the index ------------------------------------------------------------------------------ */

static uint32_t index_slot(uintptr_t start, uint32_t probe)
{
    uint64_t mixed = (uint64_t)(start >> 12) * 0x9e3779b97f4a7c15u;

    return ((uint32_t)(mixed >> (64 - INDEX_BITS)) + probe) % INDEX_ENTRIES;
}

static void index_put(uintptr_t start, uint32_t id)
{
    for (uint32_t probe = 0; probe < INDEX_PROBES; probe++) {
        uint16_t none = 0;

        if (atomic_compare_exchange_strong_explicit(&order_index[index_slot(start, probe)], &none,
                                                    (uint16_t)id, memory_order_release,
                                                    memory_order_relaxed))
            return;
    }
}

static uint32_t index_get(const struct image *image)
{
    for (uint32_t probe = 0; probe < INDEX_PROBES; probe++) {
        uint32_t id = atomic_load_explicit(&order_index[index_slot(image->start, probe)],
                                           memory_order_acquire);

        if (id == 0)
            return 0;
        if (is_same(module_at(id), image))
            return id;
    }
    return 0;
}

/* ---- a file that somebody waits for ---------------------------------------------------------- */

static const char *watched_name;
static void (*_Atomic watcher)(const struct image *image);
/* No id, so that neither is WIRE_MODULE_UNKNOWN of a file that found no room. */
#define NOT_MET UINT32_MAX
static _Atomic uint32_t watched_id = NOT_MET;

void module_watch(const char *base_name, void (*met)(const struct image *image))
{
    if (!base_name) {
        atomic_store(&watcher, NULL);
        atomic_store(&watched_id, NOT_MET);
        return;
    }
    watched_name = base_name;
    atomic_store(&watcher, met);
}

static bool is_watched(const struct module *module)
{
    const char *slash = memrchr(module->path, '/', module->path_len);
    const char *base = slash ? slash + 1 : module->path;
    size_t len = (size_t)(module->path + module->path_len - base);

    return strlen(watched_name) == len && memcmp(base, watched_name, len) == 0;
}

static void tell_watcher(const struct image *image)
{
    void (*met)(const struct image *) = atomic_load(&watcher);

    if (met)
        met(image);
}

static ATTR_COLD uint32_t module_learn(const struct image *image)
{
    uint32_t id = find_or_append(image);

    if (id == WIRE_MODULE_UNKNOWN) {
        atomic_fetch_add_explicit(&dropped, 1, memory_order_relaxed);
        return id;
    }
    index_put(image->start, id);
    if (atomic_load(&watcher) && is_watched(module_at(id)))
        atomic_store(&watched_id, id);
    return id;
}

uint64_t module_dropped(void)
{
    return atomic_load_explicit(&dropped, memory_order_relaxed);
}

void module_find(uintptr_t pc, struct module_span *out)
{
    struct image image;

    *out = (struct module_span){.start = pc, .end = pc + 1, .id = WIRE_MODULE_UNKNOWN};
    if (!image_find(pc, &image))
        return;
    out->id = index_get(&image);
    if (out->id == 0)
        out->id = module_learn(&image);
    if (out->id == WIRE_MODULE_UNKNOWN)
        return;
    out->start = image.start;
    out->end = image.end;
    out->bias = image.map->l_addr;
    if (unlikely(out->id == atomic_load_explicit(&watched_id, memory_order_relaxed)))
        tell_watcher(&image);
}

uint32_t module_of(uintptr_t pc, uint64_t *offset)
{
    struct module_span span;

    module_find(pc, &span);
    *offset = pc - span.bias;
    return span.id;
}

uint32_t module_count(void)
{
    uint32_t count = atomic_load_explicit(&ids_seen, memory_order_relaxed);

    while (count < WIRE_MODULES_MAX && module_at(count + 1))
        count++;
    atomic_store_explicit(&ids_seen, count, memory_order_relaxed);
    return count;
}

bool module_describe(uint32_t id, struct wire_module *out)
{
    const struct module *module = id >= 1 && id <= WIRE_MODULES_MAX ? module_at(id) : NULL;

    if (!module)
        return false;
    *out = (struct wire_module){
        .id = id,
        .start = module->image.start,
        .end = module->image.end,
        .load_bias = module->load_bias,
        .path = {.data = module->path, .len = module->path_len},
        .build_id_len = module->build_id_len,
        .build_id = module->build_id,
    };
    return true;
}
