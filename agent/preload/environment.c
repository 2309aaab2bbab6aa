/* SPDX-License-Identifier: MIT */
#include "agent/preload/environment.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PERIOD_BYTES_DEFAULT (UINT64_C(512) * 1024)

uint64_t environment_period_bytes(void)
{
    const char *text = getenv("LEAKD_PERIOD");
    uint64_t period = 0;

    for (; text && *text >= '0' && *text <= '9' && period < UINT32_MAX; text++)
        period = period * 10 + (uint64_t)(*text - '0');
    if (!text || *text != '\0' || period == 0)
        return PERIOD_BYTES_DEFAULT;
    return period;
}

enum environment_python environment_python(void)
{
    const char *text = getenv("LEAKD_PYTHON");

    if (text && strcmp(text, "always") == 0)
        return ENVIRONMENT_PYTHON_ALWAYS;
    if (text && strcmp(text, "off") == 0)
        return ENVIRONMENT_PYTHON_OFF;
    return ENVIRONMENT_PYTHON_AUTO;
}

bool environment_java(void)
{
    const char *text = getenv("LEAKD_JAVA");

    return !text || strcmp(text, "off") != 0;
}

bool environment_snapshot_in_sandbox(void)
{
    const char *text = getenv("LEAKD_SNAPSHOT_SECCOMP");

    return text && strcmp(text, "1") == 0;
}

static const char *base_name(const char *path, size_t len)
{
    const char *slash = memrchr(path, '/', len);

    return slash ? slash + 1 : path;
}

/* Whether the entry of LD_PRELOAD names the file that this code came from. */
static bool is_own(const char *entry, size_t len, const char *own_path)
{
    const char *base = base_name(entry, len);
    const char *own_base = base_name(own_path, strlen(own_path));
    size_t base_len = len - (size_t)(base - entry);

    return strlen(own_base) == base_len && memcmp(base, own_base, base_len) == 0;
}

/* Removes our entries from the list, in place. True when nothing is left. */
static bool remove_own(char *list, const char *own_path)
{
    char *to = list;

    for (const char *from = list; *from;) {
        size_t separators = strspn(from, ": ");
        size_t len = strcspn(from + separators, ": ");

        if (len > 0 && !is_own(from + separators, len, own_path)) {
            if (to > list)
                *to++ = ':';
            memmove(to, from + separators, len);
            to += len;
        }
        from += separators + len;
    }
    *to = '\0';
    return to == list;
}

void environment_spare_children(void)
{
    static const char name[] = "LD_PRELOAD=";
    const char *wish = getenv("LEAKD_CHILDREN");
    Dl_info own;

    if (!wish || strcmp(wish, "0") != 0 || !environ ||
        !dladdr((const void *)name, &own) || !own.dli_fname)
        return;
    for (char **variable = environ; *variable;) {
        if (strncmp(*variable, name, sizeof(name) - 1) == 0 &&
            remove_own(*variable + sizeof(name) - 1, own.dli_fname)) {
            for (char **rest = variable; *rest; rest++)
                rest[0] = rest[1];
            continue;
        }
        variable++;
    }
}
