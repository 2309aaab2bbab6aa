/* SPDX-License-Identifier: MIT */
/* What a receiver of each type needs and takes, whom its patterns mean, and how its address is
 * shown. */
#include <ctype.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "daemon/base/buf.h"
#include "daemon/base/conf.h"
#include "daemon/base/conf_table.h"

#define BASE64 "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

/* 24 to 64 bytes in base64, with or without the prefix. */
static bool is_signing_key(const char *text)
{
    size_t len, padding;

    if (!strncmp(text, "whsec_", 6))
        text += 6;
    len = strspn(text, BASE64);
    padding = strspn(text + len, "=");
    return text[len + padding] == '\0' && padding <= 2 && (len + padding) % 4 == 0 && len >= 32 &&
           len <= 88;
}

static bool is_printable(const char *text)
{
    while (isgraph((unsigned char)*text))
        text++;
    return *text == '\0';
}

static bool is_address(const char *text)
{
    return is_printable(text) &&
           (!strncasecmp(text, "https://", 8) || !strncasecmp(text, "http://", 7));
}

static bool is_routing_key(const char *text)
{
    size_t len = 0;

    while (isalnum((unsigned char)text[len]))
        len++;
    return text[len] == '\0' && len >= 16 && len <= 64;
}

static bool is_login(const char *text)
{
    return text[0] && is_printable(text);
}

/* needs and takes are keys with blanks between them; what is needed is taken. */
static const struct type {
    const char *name;
    const char *needs;
    const char *takes;
    bool (*is_secret)(const char *text);
    const char *secret_is;
} types[] = {
    {"webhook", "url", "socket ca_file secret secret_old", is_signing_key,
     "24 to 64 random bytes in base64, like the output of: head -c 32 /dev/urandom | base64"},
    {"alertmanager", "url", "socket ca_file secret", is_login,
     "USER:PASSWORD or a bearer token, without blanks"},
    {"slack", "secret", "socket ca_file", is_address,
     "the whole address that Slack gave, https://hooks.slack.com/services/..."},
    {"pagerduty", "secret", "url socket ca_file", is_routing_key,
     "the integration key of an Events API v2 integration, 32 letters and digits"},
    {"command", "command", "", NULL, ""},
};

static const struct type *type_find(const char *name)
{
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (!strcmp(types[i].name, name))
            return &types[i];
    }
    return NULL;
}

bool conf_secret_fits(const char *type, const char *text, const char **why)
{
    const struct type *row = type_find(type);

    *why = row ? row->secret_is : "";
    return row && row->is_secret && row->is_secret(text);
}

static bool has_word(const char *words, const char *word)
{
    size_t len = strlen(word);

    for (const char *at = words; (at = strstr(at, word)); at += len) {
        if ((at == words || at[-1] == ' ') && (at[len] == ' ' || at[len] == '\0'))
            return true;
    }
    return false;
}

static int check_key(const struct type *type, const struct conf_key *key, bool is_given, char *why,
                     size_t size)
{
    static const char *const own[] = {"url",    "socket",     "ca_file",
                                      "secret", "secret_old", "command"};
    bool is_own = false;

    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
        is_own |= strcmp(own[i], key->name) == 0;
    if (!is_own)
        return 0;
    if (!is_given && has_word(type->needs, key->name)) {
        snprintf(why, size, "has no %s, which type = %s needs", key->name, type->name);
        return -EINVAL;
    }
    if (is_given && !has_word(type->needs, key->name) && !has_word(type->takes, key->name)) {
        snprintf(why, size, "has a key that type = %s does not take: %s%s", type->name, key->name,
                 !strcmp(type->name, "slack") && !strcmp(key->name, "url")
                     ? "; the address is the secret: write it into a file of mode 0600 and name "
                       "that with secret"
                     : "");
        return -EINVAL;
    }
    return 0;
}

int conf_receiver_check(const struct conf_receiver *receiver, char *why, size_t size)
{
    const struct type *type = type_find(receiver->type);
    char value[sizeof(receiver->url)];
    int rc = type ? 0 : -EINVAL;

    for (size_t i = 0; i < conf_key_count && rc == 0; i++) {
        if (strcmp(conf_keys[i].section, CONF_RECEIVER_SECTION) != 0)
            continue;
        conf_key_get(&conf_keys[i], receiver, value, sizeof(value));
        rc = check_key(type, &conf_keys[i], value[0] != '\0', why, size);
    }
    if (rc == 0 && strpbrk(receiver->url, " ,") && strcmp(type->name, "alertmanager") != 0) {
        snprintf(why, size, "has several addresses; only type = alertmanager takes them");
        rc = -EINVAL;
    }
    if (rc == 0 && receiver->secret_old[0] && !receiver->secret[0]) {
        snprintf(why, size, "has secret_old but no secret; the new key is missing");
        rc = -EINVAL;
    }
    return rc;
}

bool conf_matches(const char *patterns, const char *text)
{
    char pattern[512];

    if (!patterns[strspn(patterns, " ,")])
        return true;
    for (const char *at = patterns; *at;) {
        size_t len;

        at += strspn(at, " ,");
        len = strcspn(at, ",");
        while (len > 0 && at[len - 1] == ' ')
            len--;
        snprintf(pattern, sizeof(pattern), "%.*s", (int)len, at);
        if (len > 0 && fnmatch(pattern, text ? text : "", 0) == 0)
            return true;
        at += strcspn(at, ",");
    }
    return false;
}

static void mask_one(const char *url, size_t len, struct buf *out)
{
    const char *end = url + len;
    const char *host = memmem(url, len, "://", 3);
    const char *path, *at, *query;

    host = host ? host + 3 : url;
    for (path = host; path < end && !strchr("/?#", *path); path++)
        ;
    at = memrchr(host, '@', (size_t)(path - host));
    buf_put(out, url, (size_t)(host - url));
    if (at) {
        buf_puts(out, "***");
        host = at;
    }
    for (query = host; query < end && !strchr("?#", *query); query++)
        ;
    buf_put(out, host, (size_t)(query - host));
    if (query < end)
        buf_puts(out, "?***");
}

void conf_mask_url(const char *url, struct buf *out)
{
    while (*url) {
        size_t gap = strspn(url, " ,");
        size_t len = strcspn(url + gap, " ,");

        buf_put(out, url, gap);
        mask_one(url + gap, len, out);
        url += gap + len;
    }
}
