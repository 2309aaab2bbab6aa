/* SPDX-License-Identifier: MIT */
#include "daemon/store/intern.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define FIRST_BUCKETS 256u

struct item {
    struct item *next;
    uint32_t hash;
    uint32_t references;
    uint32_t len;
    char data[];
};

struct intern {
    struct item **buckets;
    size_t bucket_count; /* a power of two */
    size_t count;
    size_t bytes;
    uint64_t seed; /* names come from strangers: they must not be able to choose their bucket */
};

struct intern *intern_new(void)
{
    struct intern *intern = calloc(1, sizeof(*intern));

    if (!intern)
        return NULL;
    intern->buckets = calloc(FIRST_BUCKETS, sizeof(*intern->buckets));
    if (!intern->buckets) {
        free(intern);
        return NULL;
    }
    intern->bucket_count = FIRST_BUCKETS;
    if (getrandom(&intern->seed, sizeof(intern->seed), GRND_NONBLOCK) < 0)
        intern->seed = (uintptr_t)intern;
    return intern;
}

void intern_free(struct intern *intern)
{
    if (!intern)
        return;
    for (size_t i = 0; i < intern->bucket_count; i++) {
        struct item *next;

        for (struct item *item = intern->buckets[i]; item; item = next) {
            next = item->next;
            free(item);
        }
    }
    free(intern->buckets);
    free(intern);
}

static uint32_t hash_bytes(const struct intern *intern, const void *data, size_t len)
{
    const uint8_t *bytes = data;
    uint64_t hash = intern->seed ^ len;

    for (size_t i = 0; i < len; i++)
        hash = (hash ^ bytes[i]) * 0x100000001b3u;
    hash ^= hash >> 33; /* the mixing of the low bits alone would let a sender choose buckets */
    hash *= 0xff51afd7ed558ccdu;
    hash ^= hash >> 33;
    return (uint32_t)hash;
}

static struct item **bucket_of(const struct intern *intern, uint32_t hash)
{
    return &intern->buckets[hash & (intern->bucket_count - 1)];
}

/* Without memory the table stays as it is: slower, not wrong. */
static void widen(struct intern *intern)
{
    struct intern wider = *intern;

    wider.bucket_count *= 2;
    wider.buckets = calloc(wider.bucket_count, sizeof(*wider.buckets));
    if (!wider.buckets)
        return;
    for (size_t i = 0; i < intern->bucket_count; i++) {
        struct item *next;

        for (struct item *item = intern->buckets[i]; item; item = next) {
            struct item **bucket = bucket_of(&wider, item->hash);

            next = item->next;
            item->next = *bucket;
            *bucket = item;
        }
    }
    free(intern->buckets);
    *intern = wider;
}

static struct item *item_new(const void *data, size_t len, uint32_t hash)
{
    struct item *item = malloc(sizeof(*item) + len + 1);

    if (!item)
        return NULL;
    item->hash = hash;
    item->references = 1;
    item->len = (uint32_t)len;
    if (len > 0)
        memcpy(item->data, data, len);
    item->data[len] = '\0';
    return item;
}

const void *intern_take(struct intern *intern, const void *data, size_t len)
{
    uint32_t hash = hash_bytes(intern, data, len);
    struct item **bucket = bucket_of(intern, hash);
    struct item *item;

    for (item = *bucket; item; item = item->next) {
        if (item->hash == hash && item->len == len && memcmp(item->data, data, len) == 0) {
            item->references++;
            return item->data;
        }
    }
    item = item_new(data, len, hash);
    if (!item)
        return NULL;
    item->next = *bucket;
    *bucket = item;
    intern->count++;
    intern->bytes += sizeof(*item) + len + 1;
    if (intern->count > intern->bucket_count)
        widen(intern);
    return item->data;
}

void intern_drop(struct intern *intern, const void *shared)
{
    const struct item *item;
    struct item **link;

    if (!shared)
        return;
    item = (const struct item *)((const char *)shared - offsetof(struct item, data));
    link = bucket_of(intern, item->hash);
    while (*link != item)
        link = &(*link)->next;
    if (--(*link)->references > 0)
        return;
    intern->count--;
    intern->bytes -= sizeof(*item) + item->len + 1;
    {
        struct item *dead = *link;

        *link = dead->next;
        free(dead);
    }
}

size_t intern_bytes(const struct intern *intern)
{
    return intern->bytes + intern->bucket_count * sizeof(*intern->buckets);
}
