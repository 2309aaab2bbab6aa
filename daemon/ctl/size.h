/* SPDX-License-Identifier: MIT */
/* Sizes as people type them. */
#ifndef LEAKD_CTL_SIZE_H
#define LEAKD_CTL_SIZE_H

#include <stdint.h>

/* "65536", "64KiB", "64k", "5MB", "1.5 GiB": k, KB are powers of 1000, Ki, KiB of 1024; the case
 * of the letters is no matter. 0, -EINVAL, or -ERANGE beyond 2^63. */
int size_parse(const char *text, uint64_t *out);

#endif
