/* SPDX-License-Identifier: MIT */
/*
 * What a program may tell: it declares these functions itself, weak, or looks them up
 * (agent/README.md). They return at once, print nothing and keep errno.
 */
#include "agent/core/mark.h"

#include <string.h>

#include "agent/core/attr.h"
#include "agent/preload/slow.h"
#include "agent/preload/state.h"
#include "agent/python/python.h"

void leakd_mark(const char *text);
void leakd_phase(const char *text);
void leakd_label(const char *key, const char *value);
void leakd_snapshot(void);
void leakd_collected(uint64_t pause_ns);

static void tell(enum wire_mark_kind kind, const char *text)
{
    if (!preload_attach())
        return;
    mark_put(kind, text);
    slow_send(); /* a program that allocates little is heard sooner */
}

ATTR_EXPORT void leakd_mark(const char *text)
{
    tell(WIRE_MARK_EVENT, text);
}

ATTR_EXPORT void leakd_phase(const char *text)
{
    tell(WIRE_MARK_PHASE, text);
}

/* "key=value"; a key that could be read as more than a key is none. */
ATTR_EXPORT void leakd_label(const char *key, const char *value)
{
    char text[WIRE_MARK_BYTES_MAX + 1];
    size_t key_len = key ? strnlen(key, sizeof(text)) : 0;
    size_t value_len = value ? strnlen(value, sizeof(text)) : 0;

    if (key_len == 0 || key_len + 1 + value_len >= sizeof(text) || memchr(key, '=', key_len))
        return;
    memcpy(text, key, key_len);
    text[key_len] = '=';
    if (value_len > 0)
        memcpy(text + key_len + 1, value, value_len);
    text[key_len + 1 + value_len] = '\0';
    tell(WIRE_MARK_LABEL, text);
}

ATTR_EXPORT void leakd_snapshot(void)
{
    tell(WIRE_MARK_SNAPSHOT, "asked for by the program");
}

ATTR_EXPORT void leakd_collected(uint64_t pause_ns)
{
    python_add_pause(pause_ns);
}
