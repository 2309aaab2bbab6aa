/* SPDX-License-Identifier: MIT */
#include "daemon/ctl/text.h"

#include <stdbool.h>
#include <stdint.h>

#include "daemon/base/buf.h"

/* Length of the character at p and its code point; 0 when it is no UTF-8. */
static size_t decode(const unsigned char *p, uint32_t *code)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t len = *p < 0x80 ? 1 : *p >= 0xf0 ? 4 : *p >= 0xe0 ? 3 : 2;

    if (len == 1) {
        *code = *p;
        return 1;
    }
    if (*p < 0xc2 || *p > 0xf4)
        return 0;
    *code = *p & (0x7fu >> len);
    for (size_t i = 1; i < len; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        *code = *code << 6 | (p[i] & 0x3fu);
    }
    if (*code < least[len] || *code > 0x10ffff || (*code >= 0xd800 && *code < 0xe000))
        return 0;
    return len;
}

static bool is_harmful(uint32_t code)
{
    return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x061c ||
           (code >= 0x200b && code <= 0x200f) || (code >= 0x2028 && code <= 0x202e) ||
           (code >= 0x2060 && code <= 0x206f) || code == 0xfeff;
}

void text_put_safe(struct buf *out, const char *text)
{
    const unsigned char *p = (const unsigned char *)text;

    if (!text) {
        buf_putc(out, '-');
        return;
    }
    while (*p) {
        uint32_t code;
        size_t len = decode(p, &code);

        if (len == 0 || (len == 1 && is_harmful(code)))
            buf_printf(out, "\\x%02x", *p);
        else if (is_harmful(code))
            buf_printf(out, "\\u{%x}", code);
        else
            buf_put(out, p, len);
        p += len ? len : 1;
    }
}

size_t text_width(const char *text, size_t len)
{
    size_t width = 0;

    for (size_t i = 0; i < len; i++)
        width += ((unsigned char)text[i] & 0xc0) != 0x80;
    return width;
}
