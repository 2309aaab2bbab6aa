/* SPDX-License-Identifier: MIT */
#include "daemon/http/admit.h"

#include <string.h>
#include <strings.h>

#include "daemon/http/listen.h"

bool admit_host(const char *host, unsigned count, unsigned port, const char *external_url,
                struct http_reply *reply)
{
    if (count > 1) {
        reply_problem(reply, 400, "the request has more than one Host header");
        return false;
    }
    if (host && listen_host_is_ours(host, port, external_url))
        return true;
    reply_problem(reply, 421,
                  "leakd answers as 127.0.0.1:%u, [::1]:%u and localhost:%u only; set external_url "
                  "in its configuration to the address that people use",
                  port, port, port);
    return false;
}

/* Browsers name the page's origin in every POST, and newer ones its relation to us. */
static bool is_from_elsewhere(const struct http_request *request)
{
    const char *site = request->fetch_site;

    return request->has_foreign_origin ||
           (site[0] && strcmp(site, "same-origin") != 0 && strcmp(site, "none") != 0);
}

/* "application/json; charset=utf-8" too. A form cannot send it without asking us first. */
static bool is_json(const char *content_type)
{
    static const char wanted[] = "application/json";
    size_t len = strcspn(content_type, "; \t");

    return len == sizeof(wanted) - 1 && strncasecmp(content_type, wanted, len) == 0;
}

bool admit_change(const struct http_request *request, struct http_reply *reply)
{
    if (is_from_elsewhere(request)) {
        reply_problem(reply, 403, "a page of another origin may not change anything here");
        return false;
    }
    if (!is_json(request->content_type)) {
        reply_problem(reply, 415, "say Content-Type: application/json, also without a body");
        return false;
    }
    return true;
}
