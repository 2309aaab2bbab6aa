/* SPDX-License-Identifier: MIT */
/* gzip, both ways; gzip.c is the only door to zlib. Both append to out, whose ceiling holds. */
#ifndef LEAKD_BASE_GZIP_H
#define LEAKD_BASE_GZIP_H

#include <stddef.h>

struct buf;

/* 0, -ENOMEM (also: beyond out's ceiling), -EBADMSG: data is not one whole gzip member. */
int gzip_inflate(const void *data, size_t len, struct buf *out);
int gzip_deflate(const void *data, size_t len, struct buf *out);

#endif
