/* SPDX-License-Identifier: MIT */
#include "daemon/symbol/demangle.h"

#include <ctype.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define NAME_BYTES_MAX 4096
#define HASH_DIGITS    16

/* A name may refer back to its own parts, so that it doubles again and again: with so few times
 * it stays below some megabytes. */
#define REFERENCES_MAX 24

typedef char *(*cxa_demangle_fn)(const char *mangled, char *buffer, size_t *len, int *status);

static cxa_demangle_fn cxa_demangle;
static pthread_once_t library_once = PTHREAD_ONCE_INIT;

static void open_library(void)
{
    void *library = dlopen("libstdc++.so.6", RTLD_NOW | RTLD_LOCAL);
    void *symbol = library ? dlsym(library, "__cxa_demangle") : NULL;

    memcpy(&cxa_demangle, &symbol, sizeof(cxa_demangle));
}

static bool is_reference(const char *at)
{
    return (at[0] == 'S' || at[0] == 'T') &&
           (at[1] == '_' || isdigit((unsigned char)at[1]) || isupper((unsigned char)at[1]));
}

static bool unfolds_sanely(const char *name)
{
    size_t references = 0, len = 0;

    for (; name[len]; len++) {
        if (len == NAME_BYTES_MAX)
            return false;
        references += is_reference(name + len);
    }
    return references <= REFERENCES_MAX;
}

/* ---- Rust's legacy names: C++ in form, with a hash as last part and escapes inside ----------- */

static const struct {
    const char *escape;
    char meaning;
} escapes[] = {
    {"$SP$", '@'}, {"$BP$", '*'},  {"$RF$", '&'},  {"$LT$", '<'},  {"$GT$", '>'},  {"$LP$", '('},
    {"$RP$", ')'}, {"$C$", ','},   {"$u20$", ' '}, {"$u27$", '\''}, {"$u5b$", '['}, {"$u5d$", ']'},
    {"$u7b$", '{'}, {"$u7d$", '}'}, {"$u3b$", ';'}, {"$u2b$", '+'}, {"$u22$", '"'},
};

/* Where the hash begins, with its "::"; NULL: it is no such name. */
static char *find_hash(char *readable)
{
    size_t len = strlen(readable);
    char *at = readable + len - (HASH_DIGITS + 3);

    if (len < HASH_DIGITS + 3 || strncmp(at, "::h", 3) != 0 ||
        strspn(at + 3, "0123456789abcdef") != HASH_DIGITS)
        return NULL;
    return at;
}

/* Copies one character or escape of *from to *to. */
static void copy_readable(const char **from, char **to)
{
    for (size_t i = 0; **from == '$' && i < sizeof(escapes) / sizeof(escapes[0]); i++) {
        size_t len = strlen(escapes[i].escape);

        if (strncmp(*from, escapes[i].escape, len) == 0) {
            *(*to)++ = escapes[i].meaning;
            *from += len;
            return;
        }
    }
    if (strncmp(*from, "..", 2) == 0) {
        *(*to)++ = ':';
        *(*to)++ = ':';
        *from += 2;
        return;
    }
    *(*to)++ = *(*from)++;
}

static void tidy_rust(char *readable)
{
    char *hash = find_hash(readable);
    const char *from = readable;
    char *to = readable;

    if (!hash)
        return;
    *hash = 0;
    while (*from) {
        /* A part that would begin with '$' is written with an underscore before it. */
        if (from[0] == '_' && from[1] == '$' && (from == readable || from[-1] == ':'))
            from++;
        copy_readable(&from, &to);
    }
    *to = 0;
}

char *demangle(const char *name)
{
    char *readable;
    int status = -1;

    if (name[0] != '_' || name[1] != 'Z' || !unfolds_sanely(name))
        return NULL;
    pthread_once(&library_once, open_library);
    if (!cxa_demangle)
        return NULL;
    readable = cxa_demangle(name, NULL, NULL, &status);
    if (status != 0) {
        free(readable);
        return NULL;
    }
    tidy_rust(readable);
    return readable;
}
