/* SPDX-License-Identifier: MIT */
/* The only door to cJSON. struct json_tree is a cJSON by another name. */
#include "daemon/base/json.h"

#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

static const cJSON *node(const struct json_tree *tree)
{
    return (const cJSON *)(const void *)tree;
}

static const struct json_tree *tree_of(const cJSON *item)
{
    return (const struct json_tree *)(const void *)item;
}

/* cJSON recurses: brackets outside of strings are counted before it sees the text. */
static bool too_deep(const char *text, size_t len)
{
    unsigned depth = 0;
    bool in_string = false;

    for (size_t i = 0; i < len; i++) {
        if (in_string && text[i] == '\\')
            i++;
        else if (text[i] == '"')
            in_string = !in_string;
        else if (!in_string && (text[i] == '[' || text[i] == '{') && ++depth > JSON_READ_DEPTH_MAX)
            return true;
        else if (!in_string && (text[i] == ']' || text[i] == '}') && depth > 0)
            depth--;
    }
    return false;
}

struct json_tree *json_parse(const char *text, size_t len, char *error, size_t error_size)
{
    const char *end = NULL;
    cJSON *item;

    if (len > JSON_READ_BYTES_MAX) {
        snprintf(error, error_size, "JSON of %zu bytes is longer than %u", len,
                 JSON_READ_BYTES_MAX);
        return NULL;
    }
    if (too_deep(text, len)) {
        snprintf(error, error_size, "JSON is nested deeper than %d levels", JSON_READ_DEPTH_MAX);
        return NULL;
    }
    item = cJSON_ParseWithLengthOpts(text, len, &end, 0);
    if (!item)
        snprintf(error, error_size, "no JSON from byte %zu on", end ? (size_t)(end - text) : 0);
    return (struct json_tree *)(void *)item;
}

void json_tree_free(struct json_tree *tree)
{
    cJSON_Delete((cJSON *)(void *)tree);
}

const struct json_tree *json_get(const struct json_tree *object, const char *key)
{
    return tree_of(cJSON_GetObjectItemCaseSensitive(node(object), key));
}

const struct json_tree *json_at(const struct json_tree *array, size_t index)
{
    return tree_of(cJSON_GetArrayItem(node(array), (int)index));
}

size_t json_len(const struct json_tree *array_or_object)
{
    return (size_t)cJSON_GetArraySize(node(array_or_object));
}

const char *json_text(const struct json_tree *value, const char *otherwise)
{
    return cJSON_IsString(node(value)) ? node(value)->valuestring : otherwise;
}

double json_number(const struct json_tree *value, double otherwise)
{
    return cJSON_IsNumber(node(value)) ? node(value)->valuedouble : otherwise;
}

const char *json_get_str(const struct json_tree *object, const char *key, const char *otherwise)
{
    return json_text(json_get(object, key), otherwise);
}

double json_get_double(const struct json_tree *object, const char *key, double otherwise)
{
    return json_number(json_get(object, key), otherwise);
}

bool json_get_bool(const struct json_tree *object, const char *key, bool otherwise)
{
    const cJSON *item = node(json_get(object, key));

    return cJSON_IsBool(item) ? cJSON_IsTrue(item) : otherwise;
}

bool json_is_null(const struct json_tree *value)
{
    return !value || cJSON_IsNull(node(value));
}

bool json_is_object(const struct json_tree *value)
{
    return cJSON_IsObject(node(value));
}
