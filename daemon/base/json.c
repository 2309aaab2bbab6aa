/* SPDX-License-Identifier: MIT */
#include "daemon/base/json.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "daemon/base/buf.h"

void json_init(struct json *json, struct buf *out)
{
    *json = (struct json){.out = out};
}

/*
 * Reads one code point of UTF-8. Returns its length in bytes; -1 with *bad_len bytes to replace
 * when they are no UTF-8 (overlong, surrogate, beyond U+10FFFF or cut).
 */
static int utf8_take(const unsigned char *s, size_t len, uint32_t *code)
{
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    int need = s[0] < 0x80 ? 1 : s[0] >> 5 == 6 ? 2 : s[0] >> 4 == 14 ? 3 : s[0] >> 3 == 30 ? 4 : 0;
    uint32_t value;

    if (need == 0 || (size_t)need > len)
        return -1;
    value = need == 1 ? s[0] : s[0] & (0x7fu >> need);
    for (int i = 1; i < need; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return -1;
        value = value << 6 | (s[i] & 0x3fu);
    }
    if (value < least[need] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))
        return -1;
    *code = value;
    return need;
}

static void put_char(struct buf *out, const char *bytes, int len, uint32_t code)
{
    if (code == '"' || code == '\\')
        buf_printf(out, "\\%c", (char)code);
    else if (code == '\n')
        buf_puts(out, "\\n");
    else if (code < 0x20 || code == 0x7f || code == '<' || code == '>' || code == '&' ||
             code == 0x2028 || code == 0x2029)
        buf_printf(out, "\\u%04" PRIx32, code);
    else
        buf_put(out, bytes, (size_t)len);
}

static void put_string(struct buf *out, const char *text, size_t len)
{
    buf_putc(out, '"');
    for (size_t i = 0; i < len;) {
        uint32_t code;
        int taken = utf8_take((const unsigned char *)text + i, len - i, &code);

        if (taken < 0) {
            buf_puts(out, "\\ufffd");
            i++;
        } else {
            put_char(out, text + i, taken, code);
            i += (size_t)taken;
        }
    }
    buf_putc(out, '"');
}

static void begin_value(struct json *json, const char *key)
{
    if (json->comma_due)
        buf_putc(json->out, ',');
    json->comma_due = true;
    if (key) {
        put_string(json->out, key, strlen(key));
        buf_putc(json->out, ':');
    }
}

static void open_level(struct json *json, const char *key, char bracket)
{
    begin_value(json, key);
    buf_putc(json->out, bracket);
    json->comma_due = false;
}

static void close_level(struct json *json, char bracket)
{
    buf_putc(json->out, bracket);
    json->comma_due = true;
}

void json_object(struct json *json, const char *key)
{
    open_level(json, key, '{');
}

void json_object_end(struct json *json)
{
    close_level(json, '}');
}

void json_array(struct json *json, const char *key)
{
    open_level(json, key, '[');
}

void json_array_end(struct json *json)
{
    close_level(json, ']');
}

void json_str(struct json *json, const char *key, const char *value)
{
    if (value)
        json_strn(json, key, value, strlen(value));
    else
        json_null(json, key);
}

void json_strn(struct json *json, const char *key, const char *value, size_t len)
{
    begin_value(json, key);
    put_string(json->out, value, len);
}

void json_u64(struct json *json, const char *key, uint64_t value)
{
    begin_value(json, key);
    buf_printf(json->out, "%" PRIu64, value);
}

void json_i64(struct json *json, const char *key, int64_t value)
{
    begin_value(json, key);
    buf_printf(json->out, "%" PRId64, value);
}

void json_double(struct json *json, const char *key, double value)
{
    begin_value(json, key);
    if (!isfinite(value))
        buf_puts(json->out, "null");
    else if (value == floor(value) && fabs(value) < 1e15)
        buf_printf(json->out, "%.0f", value);
    else
        buf_printf(json->out, "%.10g", value);
}

void json_bool(struct json *json, const char *key, bool value)
{
    begin_value(json, key);
    buf_puts(json->out, value ? "true" : "false");
}

void json_null(struct json *json, const char *key)
{
    begin_value(json, key);
    buf_puts(json->out, "null");
}

void json_raw(struct json *json, const char *key, const char *text, size_t len)
{
    begin_value(json, key);
    buf_put(json->out, text, len);
}
