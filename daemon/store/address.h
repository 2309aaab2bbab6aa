/* SPDX-License-Identifier: MIT */
/*
 * Addresses in ELF files and their names, shared by all processes that run the same file. An image
 * is a file known by its build-id, or by its path where it has none. An address waits in a queue
 * until somebody took it off and answered.
 */
#ifndef LEAKD_STORE_ADDRESS_H
#define LEAKD_STORE_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "agent/wire/record.h"

/* All addresses of all images: about 150 bytes each. Beyond, images that no process has are
 * forgotten, and if that does not help new addresses stay unnamed. */
#define ADDRESSES_MAX 300000u

struct addresses;
struct intern;
struct store_address;
struct store_symbol_frame;

struct address_line {
    const char *function; /* NULL = unknown */
    const char *file;
    uint32_t line;
    bool inlined;
};

struct address {
    struct image *image;
    uint64_t offset;
    uint64_t key;
    struct address *next_of_image;
    struct address *next_waiting;
    bool answered;
    uint8_t line_count;
    struct address_line *lines; /* innermost first */
};

struct image {
    char *path;
    uint8_t build_id[WIRE_BUILD_ID_MAX];
    uint8_t build_id_len;
    pid_t pid; /* of the process that showed it last */
    uint32_t serial;
    uint32_t references; /* processes */
    struct address *first;
};

/* texts: where function and file names are interned; borrowed, outlives this. */
struct addresses *addresses_new(struct intern *texts);
void addresses_free(struct addresses *addresses);

/* A reference, given back by image_drop; NULL: no memory. */
struct image *image_take(struct addresses *addresses, const struct wire_module *module, pid_t pid);
void image_drop(struct addresses *addresses, struct image *image);

const struct address *address_find(const struct addresses *addresses, const struct image *image,
                                   uint64_t offset);
/* Makes and queues the address. NULL: no memory, or too many. */
const struct address *address_add(struct addresses *addresses, struct image *image,
                                  uint64_t offset);

size_t addresses_take_waiting(struct addresses *addresses, struct store_address *out, size_t max);
/* -ENOENT: nobody waits for key. */
int addresses_answer(struct addresses *addresses, uint64_t key,
                     const struct store_symbol_frame *frames, size_t count);

size_t addresses_bytes(const struct addresses *addresses);

#endif
