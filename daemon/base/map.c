/* SPDX-License-Identifier: MIT */
#include "daemon/base/map.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Lets uthash report a failed allocation instead of calling exit(). */
#define HASH_NONFATAL_OOM           1
#define uthash_nonfatal_oom(item)   (out_of_memory = true)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#include <uthash.h>

struct map {
    UT_hash_handle hh;
    void *value;
    size_t key_len;
    char key[];
};

static struct map *find(const struct map *map, const void *key, size_t key_len)
{
    struct map *head = (struct map *)(uintptr_t)map;
    struct map *item = NULL;

    HASH_FIND(hh, head, key, key_len, item);
    return item;
}

int map_put(struct map **map, const void *key, size_t key_len, void *value)
{
    struct map *item = find(*map, key, key_len);
    bool out_of_memory = false;

    if (item) {
        item->value = value;
        return 0;
    }
    item = malloc(sizeof(*item) + key_len);
    if (!item)
        return -ENOMEM;
    item->value = value;
    item->key_len = key_len;
    memcpy(item->key, key, key_len);
    HASH_ADD_KEYPTR(hh, *map, item->key, key_len, item);
    if (out_of_memory) {
        free(item);
        return -ENOMEM;
    }
    return 0;
}

void *map_get(const struct map *map, const void *key, size_t key_len)
{
    struct map *item = find(map, key, key_len);

    return item ? item->value : NULL;
}

void *map_take(struct map **map, const void *key, size_t key_len)
{
    struct map *item = find(*map, key, key_len);
    void *value;

    if (!item)
        return NULL;
    value = item->value;
    HASH_DELETE(hh, *map, item);
    free(item);
    return value;
}

size_t map_count(const struct map *map)
{
    return HASH_COUNT(map);
}

void map_free(struct map **map)
{
    struct map *item, *next;

    HASH_ITER (hh, *map, item, next) {
        HASH_DELETE(hh, *map, item);
        free(item);
    }
    *map = NULL;
}
#pragma GCC diagnostic pop

int map_put_u64(struct map **map, uint64_t key, void *value)
{
    return map_put(map, &key, sizeof(key), value);
}

void *map_get_u64(const struct map *map, uint64_t key)
{
    return map_get(map, &key, sizeof(key));
}

void *map_take_u64(struct map **map, uint64_t key)
{
    return map_take(map, &key, sizeof(key));
}

int map_put_str(struct map **map, const char *key, void *value)
{
    return map_put(map, key, strlen(key), value);
}

void *map_get_str(const struct map *map, const char *key)
{
    return map_get(map, key, strlen(key));
}

void *map_take_str(struct map **map, const char *key)
{
    return map_take(map, key, strlen(key));
}
