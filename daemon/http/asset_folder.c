/* SPDX-License-Identifier: MIT */
#include "daemon/http/asset_folder.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

static const char *type_of(const char *path)
{
    static const char *const types[][2] = {{".html", "text/html; charset=utf-8"},
                                           {".js", "text/javascript; charset=utf-8"},
                                           {".css", "text/css; charset=utf-8"},
                                           {".svg", "image/svg+xml"}};
    const char *dot = strrchr(path, '.');

    for (size_t i = 0; dot && i < sizeof(types) / sizeof(types[0]); i++) {
        if (strcmp(dot, types[i][0]) == 0)
            return types[i][1];
    }
    return "text/plain; charset=utf-8";
}

/* Names of a built page are plain: no path that leaves the folder can be written with these. */
static bool is_plain(const char *path)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                  "/-_.";

    return path[strspn(path, allowed)] == '\0' && !strstr(path, "..");
}

void asset_folder_reply(const char *root, const char *path, struct http_reply *reply)
{
    char full[PATH_MAX];
    char chunk[16384];
    size_t got;
    FILE *file;

    snprintf(full, sizeof(full), "%s%s", root, path);
    file = is_plain(path) ? fopen(full, "re") : NULL;
    if (!file) {
        reply_problem(reply, 404, "there is nothing at this path in LEAKD_WEB_ROOT");
        return;
    }
    while ((got = fread(chunk, 1, sizeof(chunk), file)) > 0)
        buf_put(&reply->body, chunk, got);
    reply->content_type = type_of(path);
    if (ferror(file))
        reply_problem(reply, 500, "a file of LEAKD_WEB_ROOT cannot be read");
    fclose(file);
}
