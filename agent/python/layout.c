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
        .ascii_data = 48, .compact_data = 72,
        .runtime_finalizing = 16, .runtime_interp_head = 32, .runtime_interp_main = 40,
        .runtime_main_thread = 72, .interp_next = 0, .gc_stats = 472, .gc_stats_in_runtime = true,
        .type_qualname = 864, .pool_bytes = 4096, .type_preheader_flags = 0,
    },
    {
        .minor = 9, .lines = LAYOUT_LINES_LNOTAB,
        .thread_interp = 16, .thread_id = 176, .thread_frame = 24, .cframe_current = N,
        .frame_back = 24, .frame_code = 32, .frame_at = 104, .frame_entry = N, .frame_owner = N,
        .code_name = 112, .code_file = 104, .code_first_line = 40, .code_lines = 120,
        .code_first_traceable = N, .code_units = N,
        .ascii_data = 48, .compact_data = 72,
        .runtime_finalizing = 16, .runtime_interp_head = 32, .runtime_interp_main = 40,
        .runtime_main_thread = 72, .interp_next = 0, .gc_stats = 744,
        .type_qualname = 856, .pool_bytes = 4096, .type_preheader_flags = 0,
    },
    {
        .minor = 10, .lines = LAYOUT_LINES_LINETABLE,
        .thread_interp = 16, .thread_id = 176, .thread_frame = 24, .cframe_current = N,
        .frame_back = 24, .frame_code = 32, .frame_at = 96, .frame_entry = N, .frame_owner = N,
        .code_name = 112, .code_file = 104, .code_first_line = 40, .code_lines = 120,
        .code_first_traceable = N, .code_units = N,
        .ascii_data = 48, .compact_data = 72,
        .runtime_finalizing = 16, .runtime_interp_head = 32, .runtime_interp_main = 40,
        .runtime_main_thread = 72, .interp_next = 0, .gc_stats = 744,
        .type_qualname = 864, .pool_bytes = 16384, .type_preheader_flags = 0,
    },
    {
        .minor = 11, .lines = LAYOUT_LINES_LOCATIONS,
        .thread_interp = 16, .thread_id = 152, .thread_frame = 56, .cframe_current = 8,
        .frame_back = 48, .frame_code = 32, .frame_at = 56, .frame_entry = 68, .frame_owner = 69,
        .code_name = 128, .code_file = 112, .code_first_line = 72, .code_lines = 136,
        .code_first_traceable = 168, .code_units = 184,
        .ascii_data = 48, .compact_data = 72,
        .runtime_finalizing = 24, .runtime_interp_head = 40, .runtime_interp_main = 48,
        .runtime_main_thread = 80, .interp_next = 0, .gc_stats = 776,
        .type_qualname = 864, .pool_bytes = 16384,
        .type_preheader_flags = 1U << 4, /* managed dict */
    },
    {
        .minor = 12, .lines = LAYOUT_LINES_LOCATIONS,
        .thread_interp = 16, .thread_id = 136, .thread_frame = 56, .cframe_current = 0,
        .frame_back = 8, .frame_code = 0, .frame_at = 56, .frame_entry = N, .frame_owner = 70,
        .code_name = 128, .code_file = 112, .code_first_line = 68, .code_lines = 136,
        .code_first_traceable = 176, .code_units = 192,
        .ascii_data = 40, .compact_data = 56,
        .runtime_finalizing = 24, .runtime_interp_head = 40, .runtime_interp_main = 48,
        .runtime_main_thread = 64, .interp_next = 0, .gc_stats = 240,
        .type_qualname = 872, .pool_bytes = 16384,
        .type_preheader_flags = 1U << 3 | 1U << 4, /* managed weakref or dict */
    },
    {
        .minor = 13, .lines = LAYOUT_LINES_LOCATIONS,
        .thread_interp = 16, .thread_id = 152, .thread_frame = 72, .cframe_current = N,
        .frame_back = 8, .frame_code = 0, .frame_at = 56, .frame_entry = N, .frame_owner = 70,
        .code_name = 128, .code_file = 112, .code_first_line = 68, .code_lines = 136,
        .code_first_traceable = 184, .code_units = 200,
        .ascii_data = 40, .compact_data = 56,
        .runtime_finalizing = 608, .runtime_interp_head = 632, .runtime_interp_main = 640,
        .runtime_main_thread = 656, .interp_next = 7264, .gc_stats = 7528,
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

/* Places of the fields in _Py_DebugOffsets of 3.13, in bytes. */
enum offsets_place {
    OFFSETS_COOKIE = 0,
    OFFSETS_VERSION = 8,
    OFFSETS_FREE_THREADED = 16,
    OFFSETS_RUNTIME_FINALIZING = 32,
    OFFSETS_RUNTIME_INTERP_HEAD = 40,
    OFFSETS_INTERP_NEXT = 64,
    OFFSETS_INTERP_GC = 80,
    OFFSETS_THREAD_INTERP = 176,
    OFFSETS_THREAD_FRAME = 184,
    OFFSETS_THREAD_ID = 192,
    OFFSETS_FRAME_BACK = 232,
    OFFSETS_FRAME_CODE = 240,
    OFFSETS_FRAME_AT = 248,
    OFFSETS_FRAME_OWNER = 264,
    OFFSETS_CODE_FILE = 280,
    OFFSETS_CODE_QUALNAME = 296,
    OFFSETS_CODE_LINES = 304,
    OFFSETS_CODE_FIRST_LINE = 312,
    OFFSETS_CODE_UNITS = 344,
    OFFSETS_UNICODE_ASCII_BYTES = 560,
};

/* In 3.13 the statistics follow at this distance in struct _gc_runtime_state, and the index of
 * the first traceable instruction lies this far in front of the code units. */
#define GC_STATS_IN_GC          128
#define TRACEABLE_BEFORE_UNITS  16

static bool take(const uint8_t *table, size_t place, uint16_t *out)
{
    uint64_t value;

    memcpy(&value, table + place, sizeof(value));
    if (value >= LAYOUT_NONE)
        return false;
    *out = (uint16_t)value;
    return true;
}

bool layout_apply_offsets(struct layout *layout, const uint8_t *table, size_t len)
{
    struct layout next = *layout;
    uint64_t version;
    uint64_t free_threaded;
    uint16_t gc;
    bool taken;

    if (len < LAYOUT_OFFSETS_BYTES || memcmp(table + OFFSETS_COOKIE, "xdebugpy", 8) != 0)
        return false;
    memcpy(&version, table + OFFSETS_VERSION, sizeof(version));
    memcpy(&free_threaded, table + OFFSETS_FREE_THREADED, sizeof(free_threaded));
    if (version >> 16 != (3U << 8 | layout->minor) || free_threaded != 0)
        return false;
    taken = take(table, OFFSETS_RUNTIME_FINALIZING, &next.runtime_finalizing) &&
            take(table, OFFSETS_RUNTIME_INTERP_HEAD, &next.runtime_interp_head) &&
            take(table, OFFSETS_INTERP_NEXT, &next.interp_next) &&
            take(table, OFFSETS_INTERP_GC, &gc) &&
            take(table, OFFSETS_THREAD_INTERP, &next.thread_interp) &&
            take(table, OFFSETS_THREAD_FRAME, &next.thread_frame) &&
            take(table, OFFSETS_THREAD_ID, &next.thread_id) &&
            take(table, OFFSETS_FRAME_BACK, &next.frame_back) &&
            take(table, OFFSETS_FRAME_CODE, &next.frame_code) &&
            take(table, OFFSETS_FRAME_AT, &next.frame_at) &&
            take(table, OFFSETS_FRAME_OWNER, &next.frame_owner) &&
            take(table, OFFSETS_CODE_FILE, &next.code_file) &&
            take(table, OFFSETS_CODE_QUALNAME, &next.code_name) &&
            take(table, OFFSETS_CODE_LINES, &next.code_lines) &&
            take(table, OFFSETS_CODE_FIRST_LINE, &next.code_first_line) &&
            take(table, OFFSETS_CODE_UNITS, &next.code_units) &&
            take(table, OFFSETS_UNICODE_ASCII_BYTES, &next.ascii_data);
    if (!taken || next.code_units < TRACEABLE_BEFORE_UNITS)
        return false;
    next.gc_stats = (uint16_t)(gc + GC_STATS_IN_GC);
    next.code_first_traceable = (uint16_t)(next.code_units - TRACEABLE_BEFORE_UNITS);
    next.runtime_interp_main = (uint16_t)(next.runtime_interp_head + 8);
    next.runtime_main_thread = (uint16_t)(next.runtime_interp_head + 24);
    next.compact_data = (uint16_t)(next.ascii_data + 16);
    *layout = next;
    return true;
}
