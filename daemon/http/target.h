/* SPDX-License-Identifier: MIT */
/*
 * The target of a request ("/api/v1/processes?limit=5"), read from bytes that anybody may send.
 * Split first, decoded after, so that an encoded slash never makes a new segment. Pure.
 */
#ifndef LEAKD_HTTP_TARGET_H
#define LEAKD_HTTP_TARGET_H

#include <stddef.h>

#define TARGET_BYTES_MAX  4096
#define TARGET_PARAMS_MAX 16

struct target_param {
    const char *name;
    const char *value;
};

/* The strings point into text: a target is not copied. */
struct target {
    const char *path; /* decoded; "%2F" stays as it came */
    size_t param_count;
    struct target_param params[TARGET_PARAMS_MAX];
    char text[TARGET_BYTES_MAX + 2];
};

/* 0, or -EINVAL, -E2BIG with a sentence in *why. out is only good after 0. */
int target_parse(const char *raw, size_t len, struct target *out, const char **why);

/* NULL: the parameter is not there. */
const char *target_param(const struct target *target, const char *name);

#endif
