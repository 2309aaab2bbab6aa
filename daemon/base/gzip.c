/* SPDX-License-Identifier: MIT */
#include "daemon/base/gzip.h"

#include <errno.h>
#include <limits.h>

#define ZLIB_CONST /* next_in is only read */
#include <zlib.h>

#include "daemon/base/buf.h"

#define GZIP_WINDOW  (15 + 16) /* zlib: 32 KiB, gzip header */
#define MEMORY_LEVEL 8         /* zlib's own default */

int gzip_inflate(const void *data, size_t len, struct buf *out)
{
    z_stream stream = {.next_in = data, .avail_in = (uInt)len};
    unsigned char chunk[16384];
    int rc;

    if (len > UINT_MAX || inflateInit2(&stream, GZIP_WINDOW) != Z_OK)
        return -ENOMEM;
    do {
        stream.next_out = chunk;
        stream.avail_out = sizeof(chunk);
        rc = inflate(&stream, Z_NO_FLUSH);
        buf_put(out, chunk, sizeof(chunk) - stream.avail_out);
    } while (rc == Z_OK && !out->failed);
    inflateEnd(&stream);
    if (out->failed || rc == Z_MEM_ERROR)
        return -ENOMEM;
    return rc == Z_STREAM_END ? 0 : -EBADMSG;
}

int gzip_deflate(const void *data, size_t len, struct buf *out)
{
    z_stream stream = {.next_in = data, .avail_in = (uInt)len};
    unsigned char chunk[16384];
    int rc;

    if (len > UINT_MAX || deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP_WINDOW,
                                       MEMORY_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK)
        return -ENOMEM;
    do {
        stream.next_out = chunk;
        stream.avail_out = sizeof(chunk);
        rc = deflate(&stream, Z_FINISH);
        buf_put(out, chunk, sizeof(chunk) - stream.avail_out);
    } while (rc == Z_OK && !out->failed);
    deflateEnd(&stream);
    return rc == Z_STREAM_END && !out->failed ? 0 : -ENOMEM;
}
