/* SPDX-License-Identifier: MIT */
#include "daemon/symbol/source_path.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool begins_with_folder(const char *path, const char *folder)
{
    size_t len = strlen(folder);

    return strncmp(path, folder, len) == 0 && path[len] == '/';
}

static bool is_part(const char *part, size_t len, const char *text)
{
    return len == strlen(text) && memcmp(part, text, len) == 0;
}

/* Where the last part of the path out..end begins; NULL: there is none that ".." could take back. */
static char *last_part(char *out, char *end)
{
    char *start = end;

    while (start > out && start[-1] != '/')
        start--;
    return start == end || is_part(start, (size_t)(end - start), "..") ? NULL : start;
}

/* In place: what is written never gets ahead of what is read. */
static void tidy(char *path)
{
    bool absolute = path[0] == '/';
    char *out = path + absolute, *end = out;
    const char *part = path;

    while (*part) {
        size_t len = strcspn(part, "/");
        char *last = last_part(out, end);

        if (is_part(part, len, "..") && (last || absolute)) {
            end = last && last > out ? last - 1 : out;
        } else if (len > 0 && !is_part(part, len, ".")) {
            if (end > out)
                *end++ = '/';
            memmove(end, part, len);
            end += len;
        }
        part += len;
        part += strspn(part, "/");
    }
    *end = 0;
}

char *source_path_join(const char *folder, const char *path)
{
    bool below = folder && folder[0] && path[0] != '/' && !begins_with_folder(path, folder);
    char *joined = NULL;

    if (asprintf(&joined, "%s%s%s", below ? folder : "", below ? "/" : "", path) < 0)
        return NULL;
    tidy(joined);
    return joined;
}
