/* SPDX-License-Identifier: MIT */
#include "daemon/ctl/agentlib.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/ctl/target.h"
#include "leakd_version.h"

#define LIBRARY    "libleakagent.so"
#define SEPARATORS " :" /* of LD_PRELOAD: a path with one of them cannot be named there */

static int check(const char *path, const char **why)
{
    int rc = target_check_agent(path);

    if (rc == -ENOEXEC)
        *why = "it is no 64-bit shared object";
    else if (rc < 0)
        *why = strerror(-rc);
    if (rc == 0 && strpbrk(path, SEPARATORS)) {
        *why = "its path has a space or a colon, which LD_PRELOAD cannot hold";
        rc = -EINVAL;
    }
    return rc;
}

static bool beside_leakctl(char path[PATH_MAX])
{
    char self[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", self, sizeof(self));
    const char *slash = len > 0 ? memrchr(self, '/', (size_t)len) : NULL;

    return slash && snprintf(path, PATH_MAX, "%.*s/" LIBRARY, (int)(slash - self), self) < PATH_MAX;
}

int agentlib_find(char path[PATH_MAX], const char **why)
{
    const char *given = getenv("LEAKD_AGENT");

    if (given && *given) {
        if (!realpath(given, path)) {
            snprintf(path, PATH_MAX, "%s", given);
            *why = strerror(errno);
            return -errno;
        }
        return check(path, why);
    }
    if (beside_leakctl(path) && access(path, F_OK) == 0)
        return check(path, why);
    snprintf(path, PATH_MAX, LEAKD_LIBDIR "/" LIBRARY);
    return check(path, why);
}

static bool is_sanitizer(const char *path, size_t len)
{
    const char *slash = memrchr(path, '/', len);
    const char *name = slash ? slash + 1 : path;
    size_t left = len - (size_t)(name - path);

    return left > 7 && (strncmp(name, "libasan", 7) == 0 || strncmp(name, "libtsan", 7) == 0);
}

int agentlib_preload(const char *path, const char *existing, char *out, size_t size)
{
    size_t first = existing ? strspn(existing, SEPARATORS) : 0;
    size_t len;
    int used;

    if (!existing || !existing[first]) {
        used = snprintf(out, size, "%s", path);
    } else {
        existing += first;
        len = strcspn(existing, SEPARATORS);
        if (is_sanitizer(existing, len))
            used = snprintf(out, size, "%.*s:%s%s%s", (int)len, existing, path,
                            existing[len] ? ":" : "", existing[len] ? existing + len + 1 : "");
        else
            used = snprintf(out, size, "%s:%s", path, existing);
    }
    return used < 0 || (size_t)used >= size ? -ENAMETOOLONG : 0;
}
