/* SPDX-License-Identifier: MIT */
#include "daemon/http/headers.h"

static const struct {
    const char *name;
    const char *value;
} security[] = {
    {"Content-Security-Policy",
     "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
     "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"},
    {"X-Content-Type-Options", "nosniff"},
    {"Referrer-Policy", "no-referrer"},
    {"Cross-Origin-Opener-Policy", "same-origin"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
};

static const char *cache_text(enum reply_cache cache)
{
    switch (cache) {
    case REPLY_IMMUTABLE:
        return "private, max-age=31536000, immutable";
    case REPLY_REVALIDATE:
        return "no-cache";
    case REPLY_NO_STORE:
        break;
    }
    return "no-store";
}

void headers_each(const struct http_reply *reply,
                  void (*add)(void *arg, const char *name, const char *value), void *arg)
{
    for (size_t i = 0; i < sizeof(security) / sizeof(security[0]); i++)
        add(arg, security[i].name, security[i].value);
    add(arg, "Cache-Control", cache_text(reply->cache));
    if (reply->status != 304)
        add(arg, "Content-Type", reply->content_type);
    if (reply->etag[0])
        add(arg, "ETag", reply->etag);
    if (reply->is_gzip)
        add(arg, "Content-Encoding", "gzip");
    if (reply->varies)
        add(arg, "Vary", "Accept-Encoding");
    if (reply->link[0])
        add(arg, "Link", reply->link);
    if (reply->allow)
        add(arg, "Allow", reply->allow);
    if (reply->status == 503)
        add(arg, "Retry-After", "5");
}
