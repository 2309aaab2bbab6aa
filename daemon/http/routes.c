/* SPDX-License-Identifier: MIT */
#include "daemon/http/routes.h"

#include <string.h>

#include "daemon/base/json.h"
#include "daemon/http/admit.h"
#include "daemon/http/asset.h"
#include "daemon/http/asset_folder.h"
#include "daemon/http/handlers.h"

/* pattern, what GET does, what POST does */
#define ROUTES(X)                                                                                  \
    X("/api/v1/status", handle_status, NULL)                                                       \
    X("/api/v1/processes", handle_processes, NULL)                                                 \
    X("/api/v1/processes/{id}", handle_process, NULL)                                              \
    X("/api/v1/processes/{id}/series", handle_series, NULL)                                        \
    X("/api/v1/processes/{id}/sites", handle_sites, NULL)                                          \
    X("/api/v1/processes/{id}/types", handle_types, NULL)                                          \
    X("/api/v1/processes/{id}/snapshots", handle_snapshots, handle_snapshot_take)                  \
    X("/api/v1/processes/{id}/snapshots/{sub}", handle_snapshot, NULL)                             \
    X("/api/v1/processes/{id}/maps", handle_maps, NULL)                                            \
    X("/api/v1/processes/{id}/flamegraph", handle_flamegraph, NULL)                                \
    X("/api/v1/processes/{id}/export", handle_export, NULL)                                        \
    X("/debug/pprof/heap", handle_pprof_heap, NULL)                                                \
    X("/api/v1/incidents", handle_incidents, NULL)                                                 \
    X("/api/v1/incidents/{id}", handle_incident, NULL)                                             \
    X("/api/v1/incidents/{id}/acknowledge", NULL, handle_acknowledge)                              \
    X("/api/v1/incidents/{id}/silence", NULL, handle_silence)                                      \
    X("/api/v1/incidents/{id}/resolve", NULL, handle_resolve)                                      \
    X("/api/v1/marks", handle_marks, handle_put_mark)                                              \
    X("/api/v1/receivers", handle_receivers, NULL)                                                 \
    X("/api/v1/receivers/{id}", handle_receiver, NULL)                                             \
    X("/api/v1/receivers/{id}/test", NULL, handle_receiver_test)                                   \
    X("/api/v1/receivers/{id}/redeliver", NULL, handle_receiver_redeliver)                         \
    X("/api/v1/events", handle_events, NULL)                                                       \
    X("/api/v1/openapi.json", handle_openapi, NULL)                                                \
    X("/livez", handle_livez, NULL)                                                                \
    X("/readyz", handle_readyz, NULL)                                                              \
    X("/version", handle_version, NULL)                                                            \
    X("/metrics", handle_metrics, NULL)

const struct route routes[] = {
#define X(pattern, read, change) {pattern, read, change},
    ROUTES(X)
#undef X
};
const size_t route_count = sizeof(routes) / sizeof(routes[0]);

static const char *const labels[] = {
#define X(pattern, read, change) pattern,
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

#define SEGMENT_MAX sizeof(((struct http_request *)NULL)->id)

/* Takes the segment that path begins with; its length, 0 when it is none that an id could be. */
static size_t take_segment(const char *path, char *out)
{
    size_t len = strcspn(path, "/");

    if (len == 0 || len >= SEGMENT_MAX)
        return 0;
    memcpy(out, path, len);
    out[len] = '\0';
    return len;
}

static bool matches(const char *pattern, const char *path, struct http_request *request)
{
    char *const holes[] = {request->id, request->sub};
    size_t hole = 0, len;

    while (*pattern && hole <= sizeof(holes) / sizeof(holes[0])) {
        size_t plain = strcspn(pattern, "{");

        if (strncmp(pattern, path, plain) != 0)
            return false;
        pattern += plain;
        path += plain;
        if (!*pattern)
            break;
        len = take_segment(path, holes[hole++]);
        if (len == 0)
            return false;
        pattern += strcspn(pattern, "}") + 1;
        path += len;
    }
    return !*path;
}

static const struct route *find_route(struct http_request *request)
{
    for (size_t i = 0; i < route_count; i++) {
        if (matches(routes[i].pattern, request->target->path, request))
            return &routes[i];
    }
    return NULL;
}

static bool is_reading(const struct http_request *request)
{
    return strcmp(request->method, "GET") == 0 || strcmp(request->method, "HEAD") == 0;
}

static void refuse_method(const struct http_request *request, const char *allow,
                          struct http_reply *reply)
{
    reply->allow = allow;
    reply_problem(reply, 405, "%.32s is not possible here; possible: %s", request->method, allow);
}

static const char *methods_of(const struct route *route)
{
    return !route->change ? "GET, HEAD" : !route->read ? "POST" : "GET, HEAD, POST";
}

/* The body of a POST is nothing or one object. */
static void change(const struct route *route, struct http_context *context,
                   struct http_request *request, struct http_reply *reply)
{
    struct json_tree *tree = NULL;
    char error[128];

    if (!admit_change(request, reply))
        return;
    if (request->body_len > 0) {
        tree = json_parse(request->body, request->body_len, error, sizeof(error));
        if (!tree || !json_is_object(tree)) {
            reply_problem(reply, 400, "the body is no JSON object%s%s", tree ? "" : ": ",
                          tree ? "" : error);
            json_tree_free(tree);
            return;
        }
    }
    request->json = tree;
    route->change(context, request, reply);
    request->json = NULL;
    json_tree_free(tree);
}

static void dispatch(const struct route *route, struct http_context *context,
                     struct http_request *request, struct http_reply *reply)
{
    if (route->read && is_reading(request))
        route->read(context, request, reply);
    else if (route->change && strcmp(request->method, "POST") == 0)
        change(route, context, request, reply);
    else
        refuse_method(request, methods_of(route), reply);
}

static void answer_from_folder(const char *root, const char *path,
                               const struct http_request *request, struct http_reply *reply)
{
    if (is_reading(request))
        asset_folder_reply(root, path, reply);
    else
        refuse_method(request, "GET, HEAD", reply);
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
        refuse_method(request, "GET, HEAD", reply);
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
    dispatch(route, context, request, reply);
    if (reply->body.failed)
        reply_problem(reply, 500,
                      "the answer is larger than leakd sends; ask with a smaller limit");
    return (size_t)(route - routes);
}
