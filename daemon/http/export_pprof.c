/* SPDX-License-Identifier: MIT */
/*
 * profile.proto of https://github.com/google/pprof, written by hand: a dozen fields of varints and
 * strings need no generator. Numbers in comments are the fields of its messages.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/base/gzip.h"
#include "daemon/base/map.h"
#include "daemon/http/export.h"
#include "daemon/http/view.h"

#define PROFILE_BYTES_MAX (64u << 20) /* before gzip */
#define MESSAGE_BYTES_MAX (1u << 20)

enum { WIRE_VARINT = 0, WIRE_BYTES = 2 };

struct profile {
    struct buf out;     /* the message so far, its strings go last */
    struct buf strings; /* string_table, as fields */
    struct buf scratch; /* a message inside the message */
    struct buf packed;
    struct map *string_numbers;   /* text -> number + 1 */
    struct map *function_numbers; /* name and file -> number */
    struct map *location_numbers; /* function and line -> number */
    uint64_t string_count;
    uint64_t function_count;
    uint64_t location_count;
    int rc;
};

static void put_varint(struct buf *out, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        buf_putc(out, (char)(value | 0x80));
    buf_putc(out, (char)value);
}

static void put_number(struct buf *out, unsigned field, uint64_t value)
{
    put_varint(out, field << 3 | WIRE_VARINT);
    put_varint(out, value);
}

static void put_bytes(struct buf *out, unsigned field, const void *data, size_t len)
{
    put_varint(out, field << 3 | WIRE_BYTES);
    put_varint(out, len);
    buf_put(out, data, len);
}

static void put_message(struct profile *profile, unsigned field)
{
    put_bytes(&profile->out, field, profile->scratch.data ? profile->scratch.data : "",
              profile->scratch.len);
    buf_clear(&profile->scratch);
}

/* The number kept under key, or 0 and next is kept. */
static uint64_t number_or_put(struct profile *profile, struct map **map, const void *key,
                              size_t len, uint64_t next)
{
    uint64_t known = (uint64_t)(uintptr_t)map_get(*map, key, len);

    if (!known && map_put(map, key, len, (void *)(uintptr_t)next) < 0)
        profile->rc = -ENOMEM;
    return known;
}

static uint64_t string_number(struct profile *profile, const char *text)
{
    size_t len = strlen(text);
    uint64_t known =
        number_or_put(profile, &profile->string_numbers, text, len, profile->string_count + 1);

    if (known)
        return known - 1;
    put_bytes(&profile->strings, 6, text, len); /* Profile.string_table */
    return profile->string_count++;
}

static void put_value_type(struct profile *profile, unsigned field, const char *type,
                           const char *unit)
{
    uint64_t type_number = string_number(profile, type), unit_number = string_number(profile, unit);

    put_number(&profile->scratch, 1, type_number); /* ValueType.type */
    put_number(&profile->scratch, 2, unit_number); /* .unit */
    put_message(profile, field);
}

static uint64_t function_number(struct profile *profile, const struct frame *frame)
{
    char name[384];
    uint64_t key[2], known;

    view_place_name(frame, name, sizeof(name));
    key[0] = string_number(profile, name);
    key[1] = string_number(profile, frame->file ? frame->file : frame->module ? frame->module : "");
    known = number_or_put(profile, &profile->function_numbers, key, sizeof(key),
                          profile->function_count + 1);
    if (known)
        return known;
    profile->function_count++;
    put_number(&profile->scratch, 1, profile->function_count); /* Function.id */
    put_number(&profile->scratch, 2, key[0]);                  /* .name */
    put_number(&profile->scratch, 3, key[0]);                  /* .system_name */
    put_number(&profile->scratch, 4, key[1]);                  /* .filename */
    put_message(profile, 5);
    return profile->function_count;
}

static uint64_t location_number(struct profile *profile, const struct frame *frame)
{
    uint64_t key[2] = {function_number(profile, frame), frame->line};
    struct buf line;
    uint64_t known = number_or_put(profile, &profile->location_numbers, key, sizeof(key),
                                   profile->location_count + 1);

    if (known)
        return known;
    profile->location_count++;
    buf_init(&line, MESSAGE_BYTES_MAX);
    put_number(&line, 1, key[0]);                                          /* Line.function_id */
    put_number(&line, 2, key[1]);                                          /* .line */
    put_number(&profile->scratch, 1, profile->location_count);             /* Location.id */
    put_bytes(&profile->scratch, 4, line.data ? line.data : "", line.len); /* .line */
    profile->scratch.failed |= line.failed;
    buf_done(&line);
    put_message(profile, 4);
    return profile->location_count;
}

static void put_packed(struct profile *profile, unsigned field)
{
    put_bytes(&profile->scratch, field, profile->packed.data ? profile->packed.data : "",
              profile->packed.len);
    buf_clear(&profile->packed);
}

static void put_sample(struct profile *profile, const struct store *store,
                       const struct process *process, const struct site *site)
{
    struct frame frames[VIEW_FRAMES_MAX];
    size_t count = query_frames(store, process, site, frames, VIEW_FRAMES_MAX);

    for (size_t i = 0; i < count; i++)
        put_varint(&profile->packed, location_number(profile, &frames[i]));
    put_packed(profile, 1); /* Sample.location_id, leaf first */
    put_varint(&profile->packed, site->alloc_count);
    put_varint(&profile->packed, site->alloc_bytes);
    put_varint(&profile->packed, site_live_count(site));
    put_varint(&profile->packed, site_live_bytes(site));
    put_packed(profile, 2); /* .value, in the order of sample_type */
    put_message(profile, 2);
}

static void put_head(struct profile *profile, const struct process *process, uint64_t now_wall_ms)
{
    string_number(profile, "");                           /* string 0, by the format */
    put_value_type(profile, 1, "alloc_objects", "count"); /* Profile.sample_type */
    put_value_type(profile, 1, "alloc_space", "bytes");
    put_value_type(profile, 1, "inuse_objects", "count");
    put_value_type(profile, 1, "inuse_space", "bytes");
    put_number(&profile->out, 9, now_wall_ms * 1000000); /* .time_nanos */
    put_value_type(profile, 11, "space", "bytes");       /* .period_type */
    put_number(&profile->out, 12, process->sample_period_bytes);
    put_number(&profile->out, 14, string_number(profile, "inuse_space")); /* .default_sample_type */
}

static int finish(struct profile *profile, struct buf *out)
{
    if (profile->strings.data)
        buf_put(&profile->out, profile->strings.data, profile->strings.len);
    if (profile->rc < 0 || profile->out.failed || profile->strings.failed ||
        profile->scratch.failed || profile->packed.failed)
        return -ENOMEM;
    return gzip_deflate(profile->out.data, profile->out.len, out);
}

int export_pprof(const struct store *store, const struct process *process, uint64_t now_wall_ms,
                 struct buf *out)
{
    struct profile profile = {0};
    int rc;

    buf_init(&profile.out, PROFILE_BYTES_MAX);
    buf_init(&profile.strings, PROFILE_BYTES_MAX);
    buf_init(&profile.scratch, MESSAGE_BYTES_MAX);
    buf_init(&profile.packed, MESSAGE_BYTES_MAX);
    put_head(&profile, process, now_wall_ms);
    for (size_t i = 0; i < process->site_count; i++) {
        if (process->sites[i].alloc_bytes > 0)
            put_sample(&profile, store, process, &process->sites[i]);
    }
    rc = finish(&profile, out);
    buf_done(&profile.out);
    buf_done(&profile.strings);
    buf_done(&profile.scratch);
    buf_done(&profile.packed);
    map_free(&profile.string_numbers);
    map_free(&profile.function_numbers);
    map_free(&profile.location_numbers);
    return rc;
}
