/* SPDX-License-Identifier: MIT */
/*
 * JSON. Writing goes straight into a buf: integers stay exact beyond 2^53, output is never held as
 * a tree, and every string leaves safe for a page: control characters, < > & and U+2028/9 are
 * escaped, invalid UTF-8 becomes U+FFFD. Reading is cJSON's (json_read.c is its only door), behind
 * a limit on size and depth.
 */
#ifndef LEAKD_BASE_JSON_H
#define LEAKD_BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

/* A key is NULL inside an array and at the top. Nesting may be as deep as it likes. */
struct json {
    struct buf *out;
    bool comma_due; /* the last thing written was a value, not an opening bracket */
};

void json_init(struct json *json, struct buf *out);
void json_object(struct json *json, const char *key);
void json_object_end(struct json *json);
void json_array(struct json *json, const char *key);
void json_array_end(struct json *json);
void json_str(struct json *json, const char *key, const char *value); /* NULL value: null */
void json_strn(struct json *json, const char *key, const char *value, size_t len);
void json_u64(struct json *json, const char *key, uint64_t value);
void json_i64(struct json *json, const char *key, int64_t value);
void json_double(struct json *json, const char *key, double value); /* not finite: null */
void json_bool(struct json *json, const char *key, bool value);
void json_null(struct json *json, const char *key);
/* text is JSON already. */
void json_raw(struct json *json, const char *key, const char *text, size_t len);

#define JSON_READ_BYTES_MAX (8u << 20)
/* A flame graph is as deep as two brackets a frame. */
#define JSON_READ_DEPTH_MAX 512

/* A parsed value; opaque. Freed as a whole by json_tree_free on what json_parse gave. */
struct json_tree;

/* NULL and a message in error (which names the offset) when text is no JSON, too long or too deep.
 */
struct json_tree *json_parse(const char *text, size_t len, char *error, size_t error_size);
void json_tree_free(struct json_tree *tree);

/* All accept NULL and wrong types: NULL, the default, 0. */
const struct json_tree *json_get(const struct json_tree *object, const char *key);
const struct json_tree *json_at(const struct json_tree *array, size_t index);
size_t json_len(const struct json_tree *array_or_object);
const char *json_get_str(const struct json_tree *object, const char *key, const char *otherwise);
double json_get_double(const struct json_tree *object, const char *key, double otherwise);
bool json_get_bool(const struct json_tree *object, const char *key, bool otherwise);
bool json_is_null(const struct json_tree *value); /* also for NULL */
bool json_is_object(const struct json_tree *value);
const char *json_text(const struct json_tree *value, const char *otherwise);
double json_number(const struct json_tree *value, double otherwise);

#endif
