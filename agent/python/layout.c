/* SPDX-License-Identifier: MIT */
#include "agent/python/layout.h"

#include <string.h>

#define N LAYOUT_NONE

/* Offsets as the compiler lays out the headers of each release; stable within a minor version
 * since its first final release. */
static const struct layout layouts[] = {
    {
        .minor = 8, .lines = LAYOUT_LINES_LNOTAB,
        .thread_interp = 16, .thread_id = 176, .thread_frame = 24, .cframe_current = N,
        .frame_back = 24, .frame_code = 32, .frame_at = 104, .frame_entry = N, .frame_owner = N,
        .code_name = 112, .code_file = 104, .code_first_line = 40, .code_lines = 120,
        .code_first_traceable = N, .code_units = N,
        .ascii_data = 48, .compact_data = 72, .tuple_items = 24,
        .runtime_finalizing = 16, .runtime_interp_head = 32, .runtime_interp_main = 40,
        .runtime_main_thread = 72, .interp_next = 0, .gc_stats = 472, .gc_stats_in_runtime = true, .gc_lists_before = 104,
        .type_qualname = 864, .pool_bytes = 4096, .type_preheader_flags = 0,
    },
    {
        .minor = 9, .lines = LAYOUT_LINES_LNOTAB,
        .thread_interp = 16, .thread_id = 176, .thread_frame = 24, .cframe_current = N,
        .frame_back = 24, .frame_code = 32, .frame_at = 104, .frame_entry = N, .frame_owner = N,
        .code_name = 112, .code_file = 104, .code_first_line = 40, .code_lines = 120,
        .code_first_traceable = N, .code_units = N,
        .ascii_data = 48, .compact_data = 72, .tuple_items = 24,
        .runtime_finalizing = 16, .runtime_interp_head = 32, .runtime_interp_main = 40,
        .runtime_main_thread = 72, .interp_next = 0, .gc_stats = 744, .gc_lists_before = 104,
        .type_qualname = 856, .pool_bytes = 4096, .type_preheader_flags = 0,
    },
    {
        .minor = 10, .lines = LAYOUT_LINES_LINETABLE,
        .thread_interp = 16, .thread_id = 176, .thread_frame = 24, .cframe_current = N,
        .frame_back = 24, .frame_code = 32, .frame_at = 96, .frame_entry = N, .frame_owner = N,
        .code_name = 112, .code_file = 104, .code_first_line = 40, .code_lines = 120,
        .code_first_traceable = N, .code_units = N,
        .ascii_data = 48, .compact_data = 72, .tuple_items = 24,
        .runtime_finalizing = 16, .runtime_interp_head = 32, .runtime_interp_main = 40,
        .runtime_main_thread = 72, .interp_next = 0, .gc_stats = 744, .gc_lists_before = 104,
        .type_qualname = 864, .pool_bytes = 16384, .type_preheader_flags = 0,
    },
    {
        .minor = 11, .lines = LAYOUT_LINES_LOCATIONS,
        .thread_interp = 16, .thread_id = 152, .thread_frame = 56, .cframe_current = 8,
        .frame_back = 48, .frame_code = 32, .frame_at = 56, .frame_entry = 68, .frame_owner = 69,
        .code_name = 128, .code_file = 112, .code_first_line = 72, .code_lines = 136,
        .code_first_traceable = 168, .code_units = 184,
        .ascii_data = 48, .compact_data = 72, .tuple_items = 24,
        .runtime_finalizing = 24, .runtime_interp_head = 40, .runtime_interp_main = 48,
        .runtime_main_thread = 80, .interp_next = 0, .gc_stats = 776, .gc_lists_before = 104,
        .type_qualname = 864, .pool_bytes = 16384,
        .type_preheader_flags = 1U << 4, /* managed dict */
    },
    {
        .minor = 12, .lines = LAYOUT_LINES_LOCATIONS,
        .thread_interp = 16, .thread_id = 136, .thread_frame = 56, .cframe_current = 0,
        .frame_back = 8, .frame_code = 0, .frame_at = 56, .frame_entry = N, .frame_owner = 70,
        .code_name = 128, .code_file = 112, .code_first_line = 68, .code_lines = 136,
        .code_first_traceable = 176, .code_units = 192,
        .ascii_data = 40, .compact_data = 56, .tuple_items = 24,
        .runtime_finalizing = 24, .runtime_interp_head = 40, .runtime_interp_main = 48,
        .runtime_main_thread = 64, .interp_next = 0, .gc_stats = 240, .gc_lists_before = 104,
        .type_qualname = 872, .pool_bytes = 16384,
        .type_preheader_flags = 1U << 3 | 1U << 4, /* managed weakref or dict */
    },
    {
        .minor = 13, .lines = LAYOUT_LINES_LOCATIONS,
        .thread_interp = 16, .thread_id = 152, .thread_frame = 72, .cframe_current = N,
        .frame_back = 8, .frame_code = 0, .frame_at = 56, .frame_entry = N, .frame_owner = 70,
        .code_name = 128, .code_file = 112, .code_first_line = 68, .code_lines = 136,
        .code_first_traceable = 184, .code_units = 200,
        .ascii_data = 40, .compact_data = 56, .tuple_items = 24,
        .runtime_finalizing = 608, .runtime_interp_head = 632, .runtime_interp_main = 640,
        .runtime_main_thread = 656, .interp_next = 7264, .gc_stats = 7528, .gc_lists_before = 104,
        .type_qualname = 872, .pool_bytes = 16384,
        .type_preheader_flags = 1U << 3 | 1U << 4,
    },
    {
        .minor = 14, .lines = LAYOUT_LINES_LOCATIONS,
        .thread_interp = 16, .thread_id = 152, .thread_frame = 72, .cframe_current = N,
        .frame_back = 8, .frame_code = 0, .frame_at = 56, .frame_entry = N, .frame_owner = 74,
        .frame_tags = 3,
        .code_name = 128, .code_file = 112, .code_first_line = 68, .code_lines = 136,
        .code_first_traceable = 192, .code_units = 208,
        .ascii_data = 40, .compact_data = 56, .tuple_items = 32,
        .runtime_finalizing = 784, .runtime_interp_head = 808, .runtime_interp_main = 816,
        .runtime_main_thread = 832, .interp_next = 7272, .gc_stats = 7528, .gc_lists_before = 96,
        .type_qualname = 872, .pool_bytes = 16384,
        .type_preheader_flags = 1U << 3 | 1U << 4,
    },
};

const struct layout *layout_find(unsigned major, unsigned minor)
{
    if (major != 3)
        return NULL;
    for (size_t i = 0; i < sizeof(layouts) / sizeof(layouts[0]); i++) {
        if (layouts[i].minor == minor)
            return &layouts[i];
    }
    return NULL;
}

static bool parse_number(const char **at, unsigned *out)
{
    unsigned value = 0;
    const char *start = *at;

    while (**at >= '0' && **at <= '9' && value < 1000) {
        value = value * 10 + (unsigned)(**at - '0');
        (*at)++;
    }
    *out = value;
    return *at != start;
}

bool layout_parse_version(const char *text, struct layout_version *out)
{
    struct layout_version version = {0};
    const char *at = text;

    if (!parse_number(&at, &version.major) || *at++ != '.' || !parse_number(&at, &version.minor))
        return false;
    if (*at == '.') {
        at++;
        if (!parse_number(&at, &version.micro))
            return false;
    }
    /* "3.14.0rc1 (...)" is not final; "3.11.2+ (...)" is a build from behind the release. */
    version.final = *at == ' ' || *at == '+' || *at == '\0';
    version.free_threaded = strstr(text, "free-threading") != NULL;
    version.pypy = strstr(text, "PyPy") != NULL;
    *out = version;
    return true;
}

/* The head of _Py_DebugOffsets, the same in all versions, in bytes. */
enum offsets_head {
    OFFSETS_COOKIE = 0,
    OFFSETS_VERSION = 8,
    OFFSETS_FREE_THREADED = 16,
    OFFSETS_RUNTIME_FINALIZING = 32,
    OFFSETS_RUNTIME_INTERP_HEAD = 40,
    OFFSETS_INTERP_NEXT = 64,
};

/* Places of the other fields in it, in bytes. */
struct offsets_places {
    uint8_t minor;
    uint16_t interp_gc;
    uint16_t thread_interp;
    uint16_t thread_frame;
    uint16_t thread_id;
    uint16_t frame_back;
    uint16_t frame_code;
    uint16_t frame_at;
    uint16_t frame_owner;
    uint16_t code_file;
    uint16_t code_qualname;
    uint16_t code_lines;
    uint16_t code_first_line;
    uint16_t code_units;
    uint16_t tuple_items;
    uint16_t ascii_bytes; /* of PyASCIIObject */
    uint16_t gc_collecting;
};

static const struct offsets_places places[] = {
    {
        .minor = 13, .interp_gc = 80, .thread_interp = 176, .thread_frame = 184, .thread_id = 192,
        .frame_back = 232, .frame_code = 240, .frame_at = 248, .frame_owner = 264,
        .code_file = 280, .code_qualname = 296, .code_lines = 304, .code_first_line = 312,
        .code_units = 344, .tuple_items = 408, .ascii_bytes = 560, .gc_collecting = 576,
    },
    {
        .minor = 14, .interp_gc = 88, .thread_interp = 200, .thread_frame = 208, .thread_id = 216,
        .frame_back = 256, .frame_code = 264, .frame_at = 272, .frame_owner = 288,
        .code_file = 320, .code_qualname = 336, .code_lines = 344, .code_first_line = 352,
        .code_units = 384, .tuple_items = 456, .ascii_bytes = 640, .gc_collecting = 656,
    },
};

/* The collector's statistics end where `collecting` begins, and the index of the first traceable
 * instruction lies this far in front of the code units. */
#define GC_STATS_BYTES         72
#define TRACEABLE_BEFORE_UNITS 16

static bool take(const uint8_t *table, size_t place, uint16_t *out)
{
    uint64_t value;

    memcpy(&value, table + place, sizeof(value));
    if (value >= LAYOUT_NONE)
        return false;
    *out = (uint16_t)value;
    return true;
}

static bool take_all(const struct offsets_places *at, const uint8_t *table, struct layout *out)
{
    return take(table, OFFSETS_RUNTIME_FINALIZING, &out->runtime_finalizing) &&
           take(table, OFFSETS_RUNTIME_INTERP_HEAD, &out->runtime_interp_head) &&
           take(table, OFFSETS_INTERP_NEXT, &out->interp_next) &&
           take(table, at->thread_interp, &out->thread_interp) &&
           take(table, at->thread_frame, &out->thread_frame) &&
           take(table, at->thread_id, &out->thread_id) &&
           take(table, at->frame_back, &out->frame_back) &&
           take(table, at->frame_code, &out->frame_code) &&
           take(table, at->frame_at, &out->frame_at) &&
           take(table, at->frame_owner, &out->frame_owner) &&
           take(table, at->code_file, &out->code_file) &&
           take(table, at->code_qualname, &out->code_name) &&
           take(table, at->code_lines, &out->code_lines) &&
           take(table, at->code_first_line, &out->code_first_line) &&
           take(table, at->code_units, &out->code_units) &&
           take(table, at->tuple_items, &out->tuple_items) &&
           take(table, at->ascii_bytes, &out->ascii_data);
}

static const struct offsets_places *find_places(uint8_t minor)
{
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        if (places[i].minor == minor)
            return &places[i];
    }
    return NULL;
}

/* Whether the table is of this version, and of a build with a lock. */
static bool is_for(const struct layout *layout, const uint8_t *table)
{
    uint64_t version;
    uint64_t free_threaded;

    memcpy(&version, table + OFFSETS_VERSION, sizeof(version));
    memcpy(&free_threaded, table + OFFSETS_FREE_THREADED, sizeof(free_threaded));
    return memcmp(table + OFFSETS_COOKIE, "xdebugpy", 8) == 0 &&
           version >> 16 == (3U << 8 | layout->minor) && free_threaded == 0;
}

bool layout_apply_offsets(struct layout *layout, const uint8_t *table, size_t len)
{
    const struct offsets_places *at = find_places(layout->minor);
    struct layout next = *layout;
    uint16_t gc;
    uint16_t collecting;

    if (!at || len < LAYOUT_OFFSETS_BYTES || !is_for(layout, table))
        return false;
    if (!take_all(at, table, &next) || !take(table, at->interp_gc, &gc) ||
        !take(table, at->gc_collecting, &collecting))
        return false;
    if (next.code_units < TRACEABLE_BEFORE_UNITS ||
        collecting < GC_STATS_BYTES + next.gc_lists_before)
        return false;
    next.gc_stats = (uint16_t)(gc + collecting - GC_STATS_BYTES);
    next.code_first_traceable = (uint16_t)(next.code_units - TRACEABLE_BEFORE_UNITS);
    next.runtime_interp_main = (uint16_t)(next.runtime_interp_head + 8);
    next.runtime_main_thread = (uint16_t)(next.runtime_interp_head + 24);
    next.compact_data = (uint16_t)(next.ascii_data + 16);
    *layout = next;
    return true;
}

uintptr_t layout_reference(const struct layout *layout, uintptr_t word)
{
    uintptr_t tags = layout->frame_tags;

    return tags && (word & tags) == tags ? 0 : word & ~tags;
}
