/* SPDX-License-Identifier: MIT */
#include "daemon/store/address.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/map.h"
#include "daemon/store/intern.h"
#include "daemon/store/store.h"

#define LINES_MAX 16u
/* What one entry of a map takes beside its value: measured for base/map with 16 bytes of key. */
#define MAP_ENTRY_BYTES 96u

struct place {
    uint64_t image;
    uint64_t offset;
};

struct addresses {
    struct intern *texts;
    struct map *images;   /* by build-id or path */
    struct map *by_place; /* by struct place */
    struct map *by_key;   /* those not answered */
    struct image **list;  /* all images, for the sweep */
    size_t image_count;
    size_t image_cap;
    struct address *first_waiting;
    struct address *last_waiting;
    uint64_t last_key;
    uint32_t last_serial;
    size_t count;
    size_t line_count;
};

struct addresses *addresses_new(struct intern *texts)
{
    struct addresses *addresses = calloc(1, sizeof(*addresses));

    if (addresses)
        addresses->texts = texts;
    return addresses;
}

static void free_lines(struct addresses *addresses, struct address *address)
{
    for (unsigned i = 0; i < address->line_count; i++) {
        intern_drop(addresses->texts, address->lines[i].function);
        intern_drop(addresses->texts, address->lines[i].file);
    }
    addresses->line_count -= address->line_count;
    free(address->lines);
    address->lines = NULL;
    address->line_count = 0;
}

static size_t image_key(const struct wire_module *module, char out[WIRE_STRING_BYTES_MAX + 1])
{
    bool has_id = module->build_id_len > 0;
    /* The image keeps its path as a C string, and must be found again by it. */
    size_t len = has_id ? module->build_id_len : strnlen(module->path.data, module->path.len);

    out[0] = has_id ? 'b' : 'p';
    memcpy(out + 1, has_id ? (const void *)module->build_id : module->path.data, len);
    return len + 1;
}

static size_t own_key(const struct image *image, char out[WIRE_STRING_BYTES_MAX + 1])
{
    struct wire_module module = {
        .path = {image->path, strlen(image->path)},
        .build_id_len = image->build_id_len,
        .build_id = image->build_id,
    };

    return image_key(&module, out);
}

static void take_off_queue(struct addresses *addresses, const struct image *image)
{
    struct address **link = &addresses->first_waiting;
    struct address *last = NULL;

    while (*link) {
        if ((*link)->image == image) {
            *link = (*link)->next_waiting;
        } else {
            last = *link;
            link = &last->next_waiting;
        }
    }
    addresses->last_waiting = last;
}

static void image_free(struct addresses *addresses, struct image *image)
{
    char key[WIRE_STRING_BYTES_MAX + 1];
    struct address *next;

    take_off_queue(addresses, image);
    for (struct address *address = image->first; address; address = next) {
        struct place place = {image->serial, address->offset};

        next = address->next_of_image;
        map_take(&addresses->by_place, &place, sizeof(place));
        map_take_u64(&addresses->by_key, address->key);
        free_lines(addresses, address);
        free(address);
        addresses->count--;
    }
    map_take(&addresses->images, key, own_key(image, key));
    free(image->path);
    free(image);
}

void addresses_free(struct addresses *addresses)
{
    if (!addresses)
        return;
    for (size_t i = 0; i < addresses->image_count; i++)
        image_free(addresses, addresses->list[i]);
    free(addresses->list);
    free(addresses);
}

static bool list_image(struct addresses *addresses, struct image *image)
{
    if (addresses->image_count == addresses->image_cap) {
        size_t cap = addresses->image_cap ? addresses->image_cap * 2 : 64;
        struct image **list = realloc(addresses->list, cap * sizeof(struct image *));

        if (!list)
            return false;
        addresses->list = list;
        addresses->image_cap = cap;
    }
    addresses->list[addresses->image_count++] = image;
    return true;
}

static struct image *image_new(struct addresses *addresses, const struct wire_module *module)
{
    struct image *image = calloc(1, sizeof(*image));

    if (!image)
        return NULL;
    image->path = strndup(module->path.data, module->path.len);
    image->build_id_len = module->build_id_len;
    if (module->build_id_len > 0)
        memcpy(image->build_id, module->build_id, module->build_id_len);
    image->serial = ++addresses->last_serial;
    if (!image->path || !list_image(addresses, image)) {
        free(image->path);
        free(image);
        return NULL;
    }
    return image;
}

/* Forgets the images that no process has any more. */
static void sweep(struct addresses *addresses)
{
    size_t kept = 0;

    for (size_t i = 0; i < addresses->image_count; i++) {
        struct image *image = addresses->list[i];

        if (image->references == 0)
            image_free(addresses, image);
        else
            addresses->list[kept++] = image;
    }
    addresses->image_count = kept;
}

/* Images without processes are kept for the next start of the program, but not for ever. */
#define IMAGES_MAX 20000u

struct image *image_take(struct addresses *addresses, const struct wire_module *module, pid_t pid)
{
    char key[WIRE_STRING_BYTES_MAX + 1];
    size_t key_len = image_key(module, key);
    struct image *image = map_get(addresses->images, key, key_len);

    if (!image) {
        if (addresses->image_count >= IMAGES_MAX)
            sweep(addresses);
        image = image_new(addresses, module);
        if (!image)
            return NULL;
        if (map_put(&addresses->images, key, key_len, image) < 0) {
            addresses->image_count--;
            free(image->path);
            free(image);
            return NULL;
        }
    }
    image->references++;
    image->pid = pid;
    return image;
}

void image_drop(struct addresses *addresses, struct image *image)
{
    (void)addresses;
    if (image)
        image->references--;
}

const struct address *address_find(const struct addresses *addresses, const struct image *image,
                                   uint64_t offset)
{
    struct place place = {image->serial, offset};

    return map_get(addresses->by_place, &place, sizeof(place));
}

static void enqueue(struct addresses *addresses, struct address *address)
{
    if (addresses->last_waiting)
        addresses->last_waiting->next_waiting = address;
    else
        addresses->first_waiting = address;
    addresses->last_waiting = address;
}

const struct address *address_add(struct addresses *addresses, struct image *image, uint64_t offset)
{
    struct place place = {image->serial, offset};
    struct address *address;

    if (addresses->count >= ADDRESSES_MAX)
        sweep(addresses);
    if (addresses->count >= ADDRESSES_MAX)
        return NULL;
    address = calloc(1, sizeof(*address));
    if (!address)
        return NULL;
    address->image = image;
    address->offset = offset;
    address->key = ++addresses->last_key;
    if (map_put(&addresses->by_place, &place, sizeof(place), address) < 0)
        goto free_address;
    if (map_put_u64(&addresses->by_key, address->key, address) < 0)
        goto take_place;
    address->next_of_image = image->first;
    image->first = address;
    addresses->count++;
    enqueue(addresses, address);
    return address;

take_place:
    map_take(&addresses->by_place, &place, sizeof(place));
free_address:
    free(address);
    return NULL;
}

size_t addresses_take_waiting(struct addresses *addresses, struct store_address *out, size_t max)
{
    size_t count = 0;

    while (count < max && addresses->first_waiting) {
        struct address *address = addresses->first_waiting;

        addresses->first_waiting = address->next_waiting;
        if (!addresses->first_waiting)
            addresses->last_waiting = NULL;
        address->next_waiting = NULL;
        out[count].path = address->image->path;
        out[count].build_id = address->image->build_id;
        out[count].build_id_len = address->image->build_id_len;
        out[count].pid = address->image->pid;
        /* A frame is a return address; the call is the instruction before it. */
        out[count].offset = address->offset > 0 ? address->offset - 1 : 0;
        out[count].key = address->key;
        count++;
    }
    return count;
}

static const char *intern_name(struct intern *texts, const char *name)
{
    size_t len = name ? strlen(name) : 0;

    /* C++ names can be very long; what is cut is still a name. */
    return len > 0 ? intern_take(texts, name, len < 1024 ? len : 1024) : NULL;
}

static int copy_lines(struct addresses *addresses, struct address *address,
                      const struct store_symbol_frame *frames, size_t count)
{
    if (count > LINES_MAX)
        count = LINES_MAX;
    if (count == 0)
        return 0;
    address->lines = calloc(count, sizeof(*address->lines));
    if (!address->lines)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        address->lines[i].function = intern_name(addresses->texts, frames[i].function);
        address->lines[i].file = intern_name(addresses->texts, frames[i].file);
        address->lines[i].line = frames[i].line;
        address->lines[i].inlined = frames[i].inlined;
    }
    address->line_count = (uint8_t)count;
    addresses->line_count += count;
    return 0;
}

int addresses_answer(struct addresses *addresses, uint64_t key,
                     const struct store_symbol_frame *frames, size_t count)
{
    struct address *address = map_take_u64(&addresses->by_key, key);

    if (!address)
        return -ENOENT;
    address->answered = true;
    return copy_lines(addresses, address, frames, count);
}

size_t addresses_bytes(const struct addresses *addresses)
{
    return addresses->count * (sizeof(struct address) + MAP_ENTRY_BYTES) +
           addresses->line_count * sizeof(struct address_line) +
           addresses->image_count * (sizeof(struct image) + MAP_ENTRY_BYTES);
}
