/* SPDX-License-Identifier: MIT */
/* The exports that are text: collapsed stacks and speedscope's JSON. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/base/map.h"
#include "daemon/http/export.h"
#include "daemon/http/view.h"
#include "leakd_version.h"

#define NAME_SIZE 640

/* "remember (shop.py:38)": with the line, because a leak is a line and not a function. */
static void frame_name(const struct frame *frame, char *out, size_t size)
{
    char function[384];

    view_place_name(frame, function, sizeof(function));
    if (frame->file && frame->line)
        snprintf(out, size, "%s (%.200s:%u)", function, basename(frame->file), frame->line);
    else
        snprintf(out, size, "%s", function);
}

/* ";" parts frames and a line ends a stack; names are what programs say they are. */
static void put_collapsed_name(struct buf *out, const struct frame *frame)
{
    char name[NAME_SIZE];

    frame_name(frame, name, sizeof(name));
    for (char *c = name; *c; c++) {
        if (*c == ';')
            *c = ':';
        else if ((unsigned char)*c < 0x20)
            *c = ' ';
    }
    buf_puts(out, name);
}

int export_collapsed(const struct store *store, const struct process *process, struct buf *out)
{
    struct frame frames[VIEW_FRAMES_MAX];

    for (size_t i = 0; i < process->site_count; i++) {
        uint64_t live_bytes = site_live_bytes(&process->sites[i]);
        size_t count;

        if (live_bytes == 0)
            continue;
        count = query_frames(store, process, &process->sites[i], frames, VIEW_FRAMES_MAX);
        if (count == 0)
            buf_puts(out, "unknown");
        for (size_t j = count; j-- > 0;) {
            put_collapsed_name(out, &frames[j]);
            if (j > 0)
                buf_putc(out, ';');
        }
        buf_printf(out, " %llu\n", (unsigned long long)live_bytes);
    }
    return out->failed ? -ENOMEM : 0;
}

/* Names get their numbers in the first pass and are looked up in the second. */
struct frame_table {
    struct map *numbers; /* name -> number + 1 */
    size_t count;
};

static size_t frame_number(const struct frame_table *table, const struct frame *frame)
{
    char name[NAME_SIZE];

    frame_name(frame, name, sizeof(name));
    return (size_t)(uintptr_t)map_get_str(table->numbers, name) - 1;
}

static int put_new_frame(struct json *json, struct frame_table *table, const struct frame *frame)
{
    char name[NAME_SIZE];

    frame_name(frame, name, sizeof(name));
    if (map_get_str(table->numbers, name))
        return 0;
    /* a number is kept as a pointer, the map asks nothing of it */
    if (map_put_str(&table->numbers, name, (void *)(uintptr_t)(table->count + 1)) < 0)
        return -ENOMEM;
    table->count++;
    json_object(json, NULL);
    json_str(json, "name", name);
    if (frame->file)
        json_str(json, "file", frame->file);
    if (frame->line)
        json_u64(json, "line", frame->line);
    json_object_end(json);
    return 0;
}

static int put_frames(struct json *json, struct frame_table *table, const struct store *store,
                      const struct process *process)
{
    struct frame frames[VIEW_FRAMES_MAX];
    int rc = 0;

    json_object(json, "shared");
    json_array(json, "frames");
    for (size_t i = 0; i < process->site_count && rc == 0; i++) {
        size_t count = query_frames(store, process, &process->sites[i], frames, VIEW_FRAMES_MAX);

        for (size_t j = 0; j < count && rc == 0; j++)
            rc = put_new_frame(json, table, &frames[j]);
    }
    json_array_end(json);
    json_object_end(json);
    return rc;
}

static uint64_t site_bytes(const struct site *site, bool is_live)
{
    return is_live ? site_live_bytes(site) : site->alloc_bytes;
}

static void put_stack(struct json *json, const struct frame_table *table, const struct store *store,
                      const struct process *process, const struct site *site)
{
    struct frame frames[VIEW_FRAMES_MAX];
    size_t count = query_frames(store, process, site, frames, VIEW_FRAMES_MAX);

    json_array(json, NULL);
    while (count-- > 0)
        json_u64(json, NULL, frame_number(table, &frames[count]));
    json_array_end(json);
}

static void put_profile(struct json *json, const struct frame_table *table,
                        const struct store *store, const struct process *process, bool is_live)
{
    uint64_t total = 0;

    json_object(json, NULL);
    json_str(json, "type", "sampled");
    json_str(json, "name", is_live ? "live bytes" : "bytes allocated since the start");
    json_str(json, "unit", "bytes");
    json_u64(json, "startValue", 0);
    json_array(json, "samples");
    for (size_t i = 0; i < process->site_count; i++) {
        if (site_bytes(&process->sites[i], is_live) > 0)
            put_stack(json, table, store, process, &process->sites[i]);
    }
    json_array_end(json);
    json_array(json, "weights");
    for (size_t i = 0; i < process->site_count; i++) {
        uint64_t bytes = site_bytes(&process->sites[i], is_live);

        if (bytes > 0)
            json_u64(json, NULL, bytes);
        total += bytes;
    }
    json_array_end(json);
    json_u64(json, "endValue", total);
    json_object_end(json);
}

int export_speedscope(const struct store *store, const struct process *process, struct buf *out)
{
    struct frame_table table = {0};
    struct json json;
    int rc;

    json_init(&json, out);
    json_object(&json, NULL);
    json_str(&json, "$schema", "https://www.speedscope.app/file-format-schema.json");
    json_str(&json, "exporter", "leakd " LEAKD_VERSION);
    json_str(&json, "name", process->name);
    rc = put_frames(&json, &table, store, process);
    json_array(&json, "profiles");
    if (rc == 0) {
        put_profile(&json, &table, store, process, true);
        put_profile(&json, &table, store, process, false);
    }
    json_array_end(&json);
    json_object_end(&json);
    map_free(&table.numbers);
    return out->failed ? -ENOMEM : rc;
}
