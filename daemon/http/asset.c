/* SPDX-License-Identifier: MIT */
#include "daemon/http/asset.h"

#include <stdio.h>
#include <string.h>

#include "daemon/base/gzip.h"

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
    } else if (gzip_inflate(asset->data, asset->len, &reply->body) < 0) {
        reply_problem(reply, 500, "%s cannot be unpacked; ask for it with gzip", asset->path);
    }
}
