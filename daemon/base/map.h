/* SPDX-License-Identifier: MIT */
/*
 * A map from a key (a string, or a number) to a pointer that the map does not own. map.c is the
 * only door to uthash.
 */
#ifndef LEAKD_BASE_MAP_H
#define LEAKD_BASE_MAP_H

#include <stddef.h>
#include <stdint.h>

struct map; /* NULL is the empty map */

/* 0, or -ENOMEM. The key is copied. An older value under the key is replaced. */
int map_put(struct map **map, const void *key, size_t key_len, void *value);
void *map_get(const struct map *map, const void *key, size_t key_len); /* NULL: not there */
void *map_take(struct map **map, const void *key, size_t key_len);     /* removes and returns */
size_t map_count(const struct map *map);
void map_free(struct map **map); /* the values stay */

int map_put_u64(struct map **map, uint64_t key, void *value);
void *map_get_u64(const struct map *map, uint64_t key);
void *map_take_u64(struct map **map, uint64_t key);

int map_put_str(struct map **map, const char *key, void *value);
void *map_get_str(const struct map *map, const char *key);
void *map_take_str(struct map **map, const char *key);

#endif
