/* SPDX-License-Identifier: MIT */
/* Files of the dashboard: in the binary, found by exact name. There is no file system here. */
#ifndef LEAKD_HTTP_ASSET_H
#define LEAKD_HTTP_ASSET_H

#include "daemon/http/http.h"
#include "daemon/http/reply.h"

const struct http_asset *asset_find(const struct http_source *source, const char *path);

/* True for the addresses that the page draws by itself. */
bool asset_is_page(const char *path);

/* As gzip, or inflated for a client that refuses gzip; 304 when it has it already. */
void asset_reply(const struct http_asset *asset, const struct http_request *request,
                 struct http_reply *reply);

#endif
