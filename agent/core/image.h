/* SPDX-License-Identifier: MIT */
/*
 * An ELF file as it is mapped: the one door to _dl_find_object (glibc 2.35 and later), which takes
 * no lock and no memory. An image is valid while a frame of it is on the calling thread's stack:
 * the loader may not unload it before. Any thread, inside malloc(), inside a signal handler.
 */
#ifndef LEAKD_AGENT_CORE_IMAGE_H
#define LEAKD_AGENT_CORE_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct link_map;

struct image {
    uintptr_t start; /* of the whole file; between its segments may be holes */
    uintptr_t end;
    uintptr_t eh_frame_hdr; /* 0: has none */
    const struct link_map *map;
};

/* Resolves _dl_find_object. Outside of any allocator hook; false: image_find will find nothing. */
bool image_init(void);

bool image_find(uintptr_t pc, struct image *out);

/* The readable segment of the image around addr, by its program headers. */
bool image_segment(const struct image *image, uintptr_t addr, uintptr_t *start, uintptr_t *end);

/* The GNU build-id in the image's memory; NULL when it has none. */
const uint8_t *image_build_id(const struct image *image, size_t *len);

#endif
