/* SPDX-License-Identifier: MIT */
/*
 * Variables that a mapped ELF file exports, by its own hash table: without dlsym, which takes the loader's
 * lock and overwrites what dlerror is going to tell the program. Valid as long as the image is.
 */
#ifndef LEAKD_AGENT_CORE_IMAGE_SYMBOL_H
#define LEAKD_AGENT_CORE_IMAGE_SYMBOL_H

#include <stddef.h>
#include <stdint.h>

struct image;

/*
 * The address of the variable of that name, of any version, that the image itself defines with at least size
 * bytes, all of them in one of its readable segments; 0: there is none. Any thread, inside malloc().
 */
uintptr_t image_symbol_variable(const struct image *image, const char *name, size_t size);

#endif
