/* SPDX-License-Identifier: MIT */
#include "daemon/http/asset.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ZLIB_CONST /* next_in is only read */
#include <zlib.h>

const struct http_asset *asset_find(const struct http_source *source, const char *path)
{
    for (size_t i = 0; i < source->asset_count; i++) {
        if (strcmp(source->assets[i].path, path) == 0)
            return &source->assets[i];
    }
    return NULL;
}

bool asset_is_page(const char *path)
{
    static const char *const pages[] = {"/", "/incidents", "/compare", "/health"};

    for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
        if (strcmp(path, pages[i]) == 0)
            return true;
    }
    return (strncmp(path, "/p/", 3) == 0 || strncmp(path, "/i/", 3) == 0) && path[3];
}

#define GZIP_WINDOW (15 + 16) /* zlib: 32 KiB, gzip header */

static int inflate_into(const struct http_asset *asset, struct buf *out)
{
    z_stream stream = {.next_in = asset->data, .avail_in = (uInt)asset->len};
    unsigned char chunk[16384];
    int rc;

    if (inflateInit2(&stream, GZIP_WINDOW) != Z_OK)
        return -ENOMEM;
    do {
        stream.next_out = chunk;
        stream.avail_out = sizeof(chunk);
        rc = inflate(&stream, Z_NO_FLUSH);
        buf_put(out, chunk, sizeof(chunk) - stream.avail_out);
    } while (rc == Z_OK && !out->failed);
    inflateEnd(&stream);
    return rc == Z_STREAM_END && !out->failed ? 0 : -EBADMSG;
}

/* Two encodings are two representations: each has an ETag of its own. */
static void set_etag(const struct http_asset *asset, struct http_reply *reply)
{
    const char *etag = asset->etag + (asset->etag[0] == '"');
    size_t len = strcspn(etag, "\"");

    snprintf(reply->etag, sizeof(reply->etag), "\"%.*s%s\"", (int)(len < 48 ? len : 48), etag,
             reply->is_gzip ? "" : "-plain");
}

void asset_reply(const struct http_asset *asset, const struct http_request *request,
                 struct http_reply *reply)
{
    reply->content_type = asset->content_type;
    reply->cache = asset->immutable ? REPLY_IMMUTABLE : REPLY_REVALIDATE;
    reply->varies = true;
    reply->is_gzip = header_accepts(request->accept_encoding, "gzip");
    set_etag(asset, reply);
    reply_check_match(reply, request);
    if (reply->status == 304)
        return;
    if (reply->is_gzip) {
        reply->fixed = asset->data;
        reply->fixed_len = asset->len;
    } else if (inflate_into(asset, &reply->body) < 0) {
        reply_problem(reply, 500, "%s cannot be unpacked; ask for it with gzip", asset->path);
    }
}
