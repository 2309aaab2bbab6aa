/* SPDX-License-Identifier: MIT */
/*
 * Bytes kept once, however many processes have them: names and packed stacks. Workers of one
 * service send the same thousand of each. Counted references; no locks.
 */
#ifndef LEAKD_STORE_INTERN_H
#define LEAKD_STORE_INTERN_H

#include <stddef.h>
#include <stdint.h>

struct intern;

struct intern *intern_new(void); /* NULL: no memory */
void intern_free(struct intern *intern);
/* A reference to the shared copy, with a NUL behind it; NULL: no memory. */
const void *intern_take(struct intern *intern, const void *data, size_t len);
void intern_drop(struct intern *intern, const void *shared); /* NULL is allowed */
size_t intern_bytes(const struct intern *intern);            /* memory held */

#endif
