/* SPDX-License-Identifier: MIT */
#include "daemon/symbol/resolver.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/symbol/demangle.h"
#include "daemon/symbol/dwarf.h"
#include "daemon/symbol/locate.h"
#include "daemon/symbol/source_path.h"

#define ENTRIES_MAX      16
#define KEPT_BYTES_MAX   ((uint64_t)64 << 20) /* of open files between two batches */
#define PATH_BYTES_MAX   4096
#define BUILD_ID_MAX     64
#define BUILD_ID_MIN     2 /* the folder's name and at least a byte more */
#define NAME_BYTES_MAX   4096

/* A file that was asked for. */
struct entry {
    char *path;
    uint8_t build_id[BUILD_ID_MAX];
    size_t build_id_len;
    pid_t pid;
    struct dwarf_file *image; /* NULL: not found */
    struct dwarf_file *debug; /* separate debug file, NULL: none */
    uint64_t used;
};

struct resolver {
    char *debug_path;
    struct entry entries[ENTRIES_MAX];
    size_t count;
    uint64_t clock; /* counts requests */
};

int resolver_new(const char *debug_path, struct resolver **out)
{
    struct resolver *resolver = calloc(1, sizeof(*resolver));

    if (!resolver)
        return -ENOMEM;
    resolver->debug_path = strdup(debug_path ? debug_path : "");
    if (!resolver->debug_path) {
        free(resolver);
        return -ENOMEM;
    }
    *out = resolver;
    return 0;
}

static void entry_done(struct entry *entry)
{
    dwarf_file_close(entry->image);
    dwarf_file_close(entry->debug);
    free(entry->path);
}

static void drop_entry(struct resolver *resolver, size_t index)
{
    entry_done(&resolver->entries[index]);
    resolver->entries[index] = resolver->entries[--resolver->count];
}

void resolver_free(struct resolver *resolver)
{
    if (!resolver)
        return;
    while (resolver->count > 0)
        drop_entry(resolver, resolver->count - 1);
    free(resolver->debug_path);
    free(resolver);
}

/* ---- finding files -------------------------------------------------------------------------- */

static bool has_build_id(const struct dwarf_file *file, const uint8_t *id, size_t len)
{
    struct dwarf_id own = dwarf_file_build_id(file);

    return own.len == len && (len == 0 || memcmp(own.data, id, len) == 0);
}

/* Opens path if it is an ELF file with that build-id; NULL: it is not. */
static struct dwarf_file *open_with_id(int root, const char *path, const uint8_t *id, size_t len)
{
    struct dwarf_file *file;
    int fd = locate_open(root, path);

    if (fd < 0)
        return NULL;
    if (dwarf_file_open(fd, &file) < 0) {
        close(fd);
        return NULL;
    }
    if (!has_build_id(file, id, len)) {
        dwarf_file_close(file);
        return NULL;
    }
    return file;
}

/* The folders of debug_path one after the other; false at the end. */
static bool next_folder(const char **list, char *out, size_t size)
{
    while (**list) {
        size_t len = strcspn(*list, ":");
        int written = snprintf(out, size, "%.*s", (int)len, *list);

        *list += len + ((*list)[len] == ':');
        if (len > 0 && written > 0 && (size_t)written < size)
            return true;
    }
    return false;
}

static bool put_id_path(char *out, size_t size, const char *folder, const uint8_t *id, size_t len)
{
    int at = snprintf(out, size, "%s/.build-id/%02x/", folder, id[0]);

    for (size_t i = 1; i < len && at > 0 && (size_t)at < size; i++)
        at += snprintf(out + at, size - (size_t)at, "%02x", id[i]);
    if (at > 0 && (size_t)at < size)
        at += snprintf(out + at, size - (size_t)at, ".debug");
    return at > 0 && (size_t)at < size;
}

static struct dwarf_file *find_by_id(struct resolver *resolver, int root, const uint8_t *id,
                                     size_t len)
{
    const char *list = resolver->debug_path;
    char folder[PATH_BYTES_MAX], path[PATH_BYTES_MAX];
    struct dwarf_file *file = NULL;

    if (len < BUILD_ID_MIN || len > BUILD_ID_MAX)
        return NULL;
    while (!file && next_folder(&list, folder, sizeof(folder))) {
        if (put_id_path(path, sizeof(path), folder, id, len))
            file = open_with_id(root, path, id, len);
    }
    return file;
}

/* Our root first, then the process's. */
static struct dwarf_file *find_by_id_in(struct resolver *resolver, int root, const uint8_t *id,
                                        size_t len)
{
    struct dwarf_file *file = find_by_id(resolver, LOCATE_OUR_ROOT, id, len);

    return file || root < 0 ? file : find_by_id(resolver, root, id, len);
}

/* The file that .gnu_debuglink names, proved by build-id, or by checksum where there is none. */
static struct dwarf_file *open_linked(int root, const char *path, struct dwarf_id id, uint32_t crc)
{
    uint32_t own_crc;
    int fd;
    bool same;

    if (id.len > 0)
        return open_with_id(root, path, id.data, id.len);
    fd = locate_open(root, path);
    if (fd < 0)
        return NULL;
    same = locate_crc32(fd, &own_crc) == 0 && own_crc == crc;
    close(fd);
    return same ? open_with_id(root, path, NULL, 0) : NULL;
}

static struct dwarf_file *find_linked(struct resolver *resolver, int root, const char *path,
                                      const struct dwarf_file *image)
{
    static const char *const beside[] = {"%.*s/%s", "%.*s/.debug/%s"};
    struct dwarf_id id = dwarf_file_build_id(image);
    const char *slash = strrchr(path, '/'), *list = resolver->debug_path;
    char folder[PATH_BYTES_MAX], candidate[2 * PATH_BYTES_MAX];
    struct dwarf_file *file = NULL;
    uint32_t crc = 0;
    const char *name = dwarf_file_debuglink(image, &crc);
    int folder_len = slash ? (int)(slash - path) : 0;

    if (!name || !slash || strchr(name, '/') || strlen(name) > NAME_MAX)
        return NULL;
    for (size_t i = 0; !file && i < 2; i++) {
        snprintf(candidate, sizeof(candidate), beside[i], folder_len, path, name);
        if (strcmp(candidate, path) != 0)
            file = open_linked(root, candidate, id, crc);
    }
    while (!file && next_folder(&list, folder, sizeof(folder))) {
        snprintf(candidate, sizeof(candidate), "%s%.*s/%s", folder, folder_len, path, name);
        file = open_linked(root, candidate, id, crc);
    }
    return file;
}

/* ---- opening -------------------------------------------------------------------------------- */

/* Reads the DWARF and, where parts of it were moved to a shared file, finds that. */
static bool load(struct resolver *resolver, int root, struct dwarf_file *file)
{
    struct dwarf_file *shared;
    struct dwarf_id id;

    if (dwarf_file_load(file) < 0)
        return false;
    id = dwarf_file_shared_id(file);
    if (id.len == 0)
        return true;
    shared = find_by_id_in(resolver, root, id.data, id.len);
    if (shared && dwarf_file_load(shared) == 0)
        dwarf_file_set_shared(file, shared);
    else
        dwarf_file_close(shared);
    return true;
}

static void open_debug(struct resolver *resolver, struct entry *entry, int root, int image_root)
{
    if (entry->image && dwarf_file_has_debug_info(entry->image) &&
        load(resolver, root, entry->image))
        return;
    entry->debug = find_by_id_in(resolver, root, entry->build_id, entry->build_id_len);
    if (!entry->debug && entry->image)
        entry->debug = find_linked(resolver, image_root, entry->path, entry->image);
    if (entry->debug)
        load(resolver, root, entry->debug);
}

static void open_files(struct resolver *resolver, struct entry *entry)
{
    int root = entry->pid > 0 ? locate_root_of(entry->pid) : LOCATE_OUR_ROOT;
    int image_root = LOCATE_OUR_ROOT;

    if (root < 0)
        root = LOCATE_OUR_ROOT;
    entry->image = open_with_id(LOCATE_OUR_ROOT, entry->path, entry->build_id, entry->build_id_len);
    if (!entry->image && root != LOCATE_OUR_ROOT) {
        image_root = root;
        entry->image = open_with_id(root, entry->path, entry->build_id, entry->build_id_len);
    }
    open_debug(resolver, entry, root, image_root);
    if (root != LOCATE_OUR_ROOT)
        close(root);
}

/* ---- the files last used -------------------------------------------------------------------- */

/* A file is the same for everybody when its build-id proves it. */
static bool is_for(const struct entry *entry, const struct symbol_request *request)
{
    return entry->build_id_len == request->build_id_len &&
           (entry->build_id_len == 0 ||
            memcmp(entry->build_id, request->build_id, entry->build_id_len) == 0) &&
           strcmp(entry->path, request->path) == 0 &&
           (entry->pid == request->pid || (entry->image && entry->build_id_len > 0));
}

static uint64_t entry_bytes(const struct entry *entry)
{
    return (entry->image ? dwarf_file_bytes(entry->image) : 0) +
           (entry->debug ? dwarf_file_bytes(entry->debug) : 0);
}

static size_t oldest(const struct resolver *resolver)
{
    size_t index = 0;

    for (size_t i = 1; i < resolver->count; i++) {
        if (resolver->entries[i].used < resolver->entries[index].used)
            index = i;
    }
    return index;
}

static uint64_t kept_bytes(const struct resolver *resolver)
{
    uint64_t bytes = 0;

    for (size_t i = 0; i < resolver->count; i++)
        bytes += entry_bytes(&resolver->entries[i]);
    return bytes;
}

static struct entry *add_entry(struct resolver *resolver, const struct symbol_request *request)
{
    struct entry *entry;
    char *path = strdup(request->path);

    if (!path)
        return NULL;
    while (resolver->count == ENTRIES_MAX ||
           (resolver->count > 0 && kept_bytes(resolver) > KEPT_BYTES_MAX))
        drop_entry(resolver, oldest(resolver));
    entry = &resolver->entries[resolver->count++];
    *entry = (struct entry){.path = path, .pid = request->pid};
    entry->build_id_len = request->build_id_len;
    if (entry->build_id_len > 0)
        memcpy(entry->build_id, request->build_id, entry->build_id_len);
    open_files(resolver, entry);
    return entry;
}

static struct entry *find_entry(struct resolver *resolver, const struct symbol_request *request)
{
    struct entry *entry = NULL;

    for (size_t i = 0; !entry && i < resolver->count; i++) {
        if (is_for(&resolver->entries[i], request))
            entry = &resolver->entries[i];
    }
    if (!entry)
        entry = add_entry(resolver, request);
    if (entry)
        entry->used = ++resolver->clock;
    return entry;
}

void resolver_rest(struct resolver *resolver)
{
    for (size_t i = resolver->count; i-- > 0;) {
        const struct entry *entry = &resolver->entries[i];

        if ((!entry->image && !entry->debug) || entry->build_id_len == 0)
            drop_entry(resolver, i);
    }
    while (resolver->count > 0 && kept_bytes(resolver) > KEPT_BYTES_MAX)
        drop_entry(resolver, oldest(resolver));
}

/* ---- frames --------------------------------------------------------------------------------- */

static char *copy_name(const char *name)
{
    return name && name[0] ? strndup(name, NAME_BYTES_MAX) : NULL;
}

/* The most telling name: with namespaces, else as in the source, else as it is. */
static char *choose_name(const char *linkage_name, const char *name)
{
    char *readable = linkage_name ? demangle(linkage_name) : NULL;

    if (readable && strlen(readable) > NAME_BYTES_MAX)
        readable[NAME_BYTES_MAX] = 0;
    if (readable)
        return readable;
    return copy_name(name && name[0] ? name : linkage_name);
}

static char *join_file(const struct dwarf_frame *frame)
{
    if (!frame->file || !frame->file[0] || strlen(frame->file) > NAME_BYTES_MAX ||
        (frame->folder && strlen(frame->folder) > NAME_BYTES_MAX))
        return NULL;
    return source_path_join(frame->folder, frame->file);
}

static const char *symbol_at(const struct entry *entry, uint64_t address)
{
    const char *name = entry->debug ? dwarf_file_symbol(entry->debug, address) : NULL;

    return name || !entry->image ? name : dwarf_file_symbol(entry->image, address);
}

static size_t frames_at(const struct entry *entry, uint64_t address, struct dwarf_frame *frames)
{
    size_t count = 0;

    if (entry->debug)
        count = dwarf_file_frames(entry->debug, address, frames, SYMBOL_FRAMES_MAX);
    if (count == 0 && entry->image)
        count = dwarf_file_frames(entry->image, address, frames, SYMBOL_FRAMES_MAX);
    return count;
}

static void resolve_in(const struct entry *entry, uint64_t address, struct symbol_answer *answer)
{
    struct dwarf_frame frames[SYMBOL_FRAMES_MAX];
    size_t count = frames_at(entry, address, frames);
    size_t outermost = count > 0 ? count - 1 : 0;
    const char *symbol = NULL;

    if (count == 0 || (!frames[outermost].name && !frames[outermost].linkage_name))
        symbol = symbol_at(entry, address);
    if (count == 0 && !symbol)
        return;
    if (count == 0)
        frames[count++] = (struct dwarf_frame){.name = NULL};
    if (symbol)
        frames[outermost].linkage_name = symbol;
    for (size_t i = 0; i < count; i++) {
        answer->frames[i] = (struct symbol_frame){
            .function = choose_name(frames[i].linkage_name, frames[i].name),
            .file = join_file(&frames[i]),
            .line = frames[i].line,
            .inlined = frames[i].inlined,
        };
    }
    answer->count = count;
}

void resolver_resolve(struct resolver *resolver, const struct symbol_request *request,
                      struct symbol_answer *answer)
{
    const struct entry *entry;

    *answer = (struct symbol_answer){.key = request->key};
    if (!request->path || strlen(request->path) >= PATH_BYTES_MAX ||
        request->build_id_len > BUILD_ID_MAX || (request->build_id_len > 0 && !request->build_id))
        return;
    entry = find_entry(resolver, request);
    if (entry)
        resolve_in(entry, request->offset, answer);
}

void symbol_answer_done(struct symbol_answer *answer)
{
    for (size_t i = 0; i < answer->count; i++) {
        free((char *)(uintptr_t)answer->frames[i].function);
        free((char *)(uintptr_t)answer->frames[i].file);
    }
    answer->count = 0;
}
