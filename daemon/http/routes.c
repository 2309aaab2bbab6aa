/* SPDX-License-Identifier: MIT */
#include "daemon/http/routes.h"

#include <string.h>

#include "daemon/http/asset.h"
#include "daemon/http/asset_folder.h"
#include "daemon/http/handlers.h"

#define ROUTES(X)                                                                                  \
    X("/api/v1/status", handle_status)                                                             \
    X("/api/v1/processes", handle_processes)                                                       \
    X("/api/v1/processes/{id}", handle_process)                                                    \
    X("/api/v1/processes/{id}/series", handle_series)                                              \
    X("/api/v1/processes/{id}/sites", handle_sites)                                                \
    X("/api/v1/processes/{id}/types", handle_types)                                                \
    X("/api/v1/processes/{id}/maps", handle_maps)                                                  \
    X("/api/v1/processes/{id}/flamegraph", handle_flamegraph)                                      \
    X("/api/v1/processes/{id}/export", handle_export)                                              \
    X("/debug/pprof/heap", handle_pprof_heap)                                                      \
    X("/api/v1/incidents", handle_incidents)                                                       \
    X("/api/v1/incidents/{id}", handle_incident)                                                   \
    X("/api/v1/events", handle_events)                                                             \
    X("/api/v1/openapi.json", handle_openapi)                                                      \
    X("/livez", handle_livez)                                                                      \
    X("/readyz", handle_readyz)                                                                    \
    X("/version", handle_version)                                                                  \
    X("/metrics", handle_metrics)

const struct route routes[] = {
#define X(pattern, handler) {pattern, handler},
    ROUTES(X)
#undef X
};
const size_t route_count = sizeof(routes) / sizeof(routes[0]);

static const char *const labels[] = {
#define X(pattern, handler) pattern,
    ROUTES(X)
#undef X
        "asset",
    "page",
    "none",
};
#define LABEL_ASSET (sizeof(labels) / sizeof(labels[0]) - 3)
#define LABEL_PAGE  (LABEL_ASSET + 1)
#define LABEL_NONE  (LABEL_ASSET + 2)

const char *const *routes_labels(size_t *count)
{
    *count = sizeof(labels) / sizeof(labels[0]);
    return labels;
}

size_t routes_none(void)
{
    return LABEL_NONE;
}

/* id gets the segment that stands at {id}. */
static bool matches(const char *pattern, const char *path, char *id, size_t id_size)
{
    const char *hole = strstr(pattern, "{id}");
    size_t before, len;

    if (!hole)
        return strcmp(pattern, path) == 0;
    before = (size_t)(hole - pattern);
    if (strncmp(pattern, path, before) != 0)
        return false;
    len = strcspn(path + before, "/");
    if (len == 0 || len >= id_size || strcmp(hole + strlen("{id}"), path + before + len) != 0)
        return false;
    memcpy(id, path + before, len);
    id[len] = '\0';
    return true;
}

static const struct route *find_route(struct http_request *request)
{
    for (size_t i = 0; i < route_count; i++) {
        if (matches(routes[i].pattern, request->target->path, request->id, sizeof(request->id)))
            return &routes[i];
    }
    return NULL;
}

static bool is_reading(const struct http_request *request)
{
    return strcmp(request->method, "GET") == 0 || strcmp(request->method, "HEAD") == 0;
}

static void refuse_method(const struct http_request *request, struct http_reply *reply)
{
    reply->allow = "GET, HEAD";
    reply_problem(reply, 405, "%.32s is not possible here; GET and HEAD are", request->method);
}

static void answer_from_folder(const char *root, const char *path,
                               const struct http_request *request, struct http_reply *reply)
{
    if (is_reading(request))
        asset_folder_reply(root, path, reply);
    else
        refuse_method(request, reply);
}

static size_t answer_file(struct http_context *context, const struct http_request *request,
                          struct http_reply *reply)
{
    bool is_page = asset_is_page(request->target->path);
    const char *path = is_page ? "/index.html" : request->target->path;
    const struct http_asset *asset = asset_find(&context->source, path);

    if (context->source.asset_root && strncmp(path, "/api/", 5) != 0) {
        answer_from_folder(context->source.asset_root, path, request, reply);
        return is_page ? LABEL_PAGE : LABEL_ASSET;
    }
    if (!asset && is_page)
        reply_problem(reply, 404,
                      "this leakd was built without the dashboard; its API is at "
                      "/api/v1/openapi.json");
    else if (!asset)
        reply_problem(reply, 404, "there is nothing at this path");
    else if (!is_reading(request))
        refuse_method(request, reply);
    else
        asset_reply(asset, request, reply);
    return !asset ? LABEL_NONE : is_page ? LABEL_PAGE : LABEL_ASSET;
}

size_t routes_answer(struct http_context *context, struct http_request *request,
                     struct http_reply *reply)
{
    const struct route *route = find_route(request);

    if (!route)
        return answer_file(context, request, reply);
    if (!is_reading(request))
        refuse_method(request, reply);
    else
        route->handle(context, request, reply);
    if (reply->body.failed)
        reply_problem(reply, 500,
                      "the answer is larger than leakd sends; ask with a smaller limit");
    return (size_t)(route - routes);
}
