/* SPDX-License-Identifier: MIT */
#include "daemon/ctl/size.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* What stands behind the number; 0 when it is no unit. */
static double unit(const char *text)
{
    static const char letters[] = "kmgt";
    const char *letter;
    double base = 1000;
    double factor = 1;

    if (!*text || strcasecmp(text, "b") == 0)
        return 1;
    letter = strchr(letters, tolower((unsigned char)*text));
    if (!letter)
        return 0;
    text++;
    if (tolower((unsigned char)*text) == 'i') {
        base = 1024;
        text++;
    }
    if (*text && strcasecmp(text, "b") != 0)
        return 0;
    for (const char *at = letters; at <= letter; at++)
        factor *= base;
    return factor;
}

int size_parse(const char *text, uint64_t *out)
{
    size_t digits = strspn(text, "0123456789.");
    char *end;
    double value;

    if (digits == 0)
        return -EINVAL;
    value = strtod(text, &end);
    if (end != text + digits)
        return -EINVAL;
    while (*end == ' ')
        end++;
    if (unit(end) <= 0)
        return -EINVAL;
    value *= unit(end);
    if (value >= 9223372036854775808.0)
        return -ERANGE;
    *out = (uint64_t)(value + 0.5);
    return 0;
}
