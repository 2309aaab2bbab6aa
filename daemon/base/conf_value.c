/* SPDX-License-Identifier: MIT */
/* Values of the configuration: text to field and back. */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/conf.h"
#include "daemon/base/conf_table.h"
#include "daemon/base/log.h"

static const struct {
    const char *suffix;
    uint64_t ms;
} duration_units[] = {{"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};

#define DURATION_UNITS (sizeof(duration_units) / sizeof(duration_units[0]))

static const struct {
    const char *suffix;
    unsigned shift;
} size_units[] = {{"TiB", 40}, {"GiB", 30}, {"MiB", 20}, {"KiB", 10}};

#define SIZE_UNITS (sizeof(size_units) / sizeof(size_units[0]))

static const struct {
    const char *name;
    int level;
} levels[] = {{"error", LOG_LEVEL_ERROR},
              {"warning", LOG_LEVEL_WARNING},
              {"info", LOG_LEVEL_INFO},
              {"debug", LOG_LEVEL_DEBUG}};

#define LEVELS (sizeof(levels) / sizeof(levels[0]))

const char *conf_severity_name(enum conf_severity severity)
{
    static const char *const names[] = {"info", "warning", "critical"};

    return names[severity];
}

/* Digits of the base and nothing else before *end. */
static bool read_digits(const char *text, int base, uint64_t *out, const char **end)
{
    char *stop;

    if (!isdigit((unsigned char)text[0]))
        return false;
    errno = 0;
    *out = strtoull(text, &stop, base);
    *end = stop;
    return errno == 0;
}

bool conf_read_duration(const char *text, uint64_t *out_ms)
{
    uint64_t count;
    const char *suffix;

    if (!read_digits(text, 10, &count, &suffix))
        return false;
    for (size_t i = 0; i < DURATION_UNITS; i++) {
        if (strcmp(suffix, duration_units[i].suffix) != 0)
            continue;
        if (count > UINT64_MAX / duration_units[i].ms)
            return false;
        *out_ms = count * duration_units[i].ms;
        return true;
    }
    return false;
}

bool conf_read_size(const char *text, uint64_t *out_bytes)
{
    uint64_t count;
    const char *suffix;

    if (!read_digits(text, 10, &count, &suffix))
        return false;
    for (size_t i = 0; i < SIZE_UNITS; i++) {
        if (strcmp(suffix, size_units[i].suffix) != 0)
            continue;
        if (count > UINT64_MAX >> size_units[i].shift)
            return false;
        *out_bytes = count << size_units[i].shift;
        return true;
    }
    return false;
}

/* In the largest unit that is exact. */
static void print_size(uint64_t bytes, char *out, size_t size)
{
    for (size_t i = 0; i < SIZE_UNITS; i++) {
        if (bytes >> size_units[i].shift << size_units[i].shift != bytes ||
            (bytes == 0 && i + 1 < SIZE_UNITS))
            continue;
        snprintf(out, size, "%" PRIu64 "%s", bytes >> size_units[i].shift, size_units[i].suffix);
        return;
    }
}

/* In the largest unit that is exact, days from two on: "24h", "7d", "90m". */
static void print_duration(uint64_t ms, char *out, size_t size)
{
    for (size_t i = ms < 2 * duration_units[0].ms; i < DURATION_UNITS; i++) {
        if (ms % duration_units[i].ms != 0 || (ms == 0 && duration_units[i].ms != 1000))
            continue;
        snprintf(out, size, "%" PRIu64 "%s", ms / duration_units[i].ms, duration_units[i].suffix);
        return;
    }
}

/* Cuts "[::1]:80" or "127.0.0.1:80" into host and port; false when it is neither. */
static bool split_listen(const char *listen, char host[64], uint64_t *port)
{
    const char *colon = strrchr(listen, ':');
    const char *end;
    size_t len;

    if (!colon || !read_digits(colon + 1, 10, port, &end) || *end || *port > 65535)
        return false;
    len = (size_t)(colon - listen);
    if (len >= 2 && listen[0] == '[' && listen[len - 1] == ']') {
        listen++;
        len -= 2;
    }
    if (len == 0 || len >= 64)
        return false;
    memcpy(host, listen, len);
    host[len] = '\0';
    return true;
}

bool conf_listen_is_loopback(const char *listen)
{
    char host[64];
    uint64_t port;
    struct in_addr v4;
    struct in6_addr v6;

    if (!split_listen(listen, host, &port))
        return false;
    if (inet_pton(AF_INET, host, &v4) == 1)
        return ntohl(v4.s_addr) >> 24 == 127;
    return listen[0] == '[' && inet_pton(AF_INET6, host, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

static int check_listen(const char *value, char *why, size_t size)
{
    char host[64];
    uint64_t port;
    struct in6_addr any;

    if (!split_listen(value, host, &port) ||
        (inet_pton(AF_INET, host, &any) != 1 &&
         (value[0] != '[' || inet_pton(AF_INET6, host, &any) != 1))) {
        snprintf(why, size,
                 "\"%.80s\" is no address and port; write it like 127.0.0.1:7373 or [::1]:7373",
                 value);
        return -EINVAL;
    }
    if (!conf_listen_is_loopback(value)) {
        snprintf(why, size,
                 "%.80s can be reached from the network and leakd asks for no password; listen on "
                 "127.0.0.1 or [::1] and put a proxy with TLS and log-in (or ssh -L) in front",
                 value);
        return -EINVAL;
    }
    return 0;
}

static int check_url(const char *value, char *why, size_t size)
{
    const char *host = NULL;

    if (!strncasecmp(value, "http://", 7))
        host = value + 7;
    else if (!strncasecmp(value, "https://", 8))
        host = value + 8;
    if (!host || !*host || strchr("/?#:@", *host)) {
        snprintf(why, size, "this is no address; it starts with http:// or https:// and a host");
        return -EINVAL;
    }
    for (const char *c = value; *c; c++) {
        if ((unsigned char)*c <= ' ' || *c == 0x7f || *c == '"' || *c == '<' || *c == '>') {
            snprintf(
                why, size,
                "an address has no blanks and no quotes; comments stand on lines of their own");
            return -EINVAL;
        }
    }
    return 0;
}

/* One of several, as text of its own. */
static int check_urls(const char *value, char *why, size_t size)
{
    char one[2048];

    for (const char *at = value; *at; at += strspn(at, " ,")) {
        size_t len = strcspn(at, " ,");

        if (len >= sizeof(one))
            return -EINVAL;
        memcpy(one, at, len);
        one[len] = '\0';
        if (check_url(one, why, size) < 0)
            return -EINVAL;
        at += len;
    }
    return 0;
}

static int check_command(const char *value, char *why, size_t size)
{
    if (value[0] != '/') {
        snprintf(why, size, "\"%.80s\" starts with no absolute path; no shell looks for it", value);
        return -EINVAL;
    }
    if (strpbrk(value, "\"'\\|&;<>$`*?(){}")) {
        snprintf(
            why, size,
            "words stand with blanks between them and go to the program as they are: no quotes "
            "and nothing for a shell; put what needs one into a script");
        return -EINVAL;
    }
    return 0;
}

static int check_paths(const char *value, bool many, char *why, size_t size)
{
    const char *path = value;

    while (path) {
        if (path[0] != '/') {
            snprintf(why, size, "\"%.80s\" is no absolute path; start it with /", value);
            return -EINVAL;
        }
        path = many ? strchr(path, ':') : NULL;
        path = path ? path + 1 : NULL;
    }
    return 0;
}

/* The configuration may be read by many, so the secret itself has no place in it. */
static int check_secret(const char *value, char *why, size_t size)
{
    if (!strncmp(value, "whsec_", 6)) {
        snprintf(why, size,
                 "this is the secret itself; write it into a file of mode 0600 and give the file's "
                 "path, or the name of a credential (LoadCredential= of the unit)");
        return -EINVAL;
    }
    if (value[0] != '/' && strchr(value, '/')) {
        snprintf(why, size, "\"%.60s\" is neither a credential's name nor an absolute path", value);
        return -EINVAL;
    }
    return 0;
}

static int check_choice(const char *choices, const char *value, char *why, size_t size)
{
    size_t len = strlen(value);
    const char *at = choices;

    while (at) {
        if (!strncmp(at, value, len) && len > 0 && (at[len] == ' ' || at[len] == '\0'))
            return 0;
        at = strchr(at, ' ');
        at = at ? at + 1 : NULL;
    }
    snprintf(why, size, "\"%.60s\" is not known here; take one of: %s", value, choices);
    return -EINVAL;
}

static int check_text(const struct conf_key *key, const char *value, char *why, size_t size)
{
    switch (key->type) {
    case CONF_PATH:
    case CONF_PATHS:
        return check_paths(value, key->type == CONF_PATHS, why, size);
    case CONF_LISTEN:
        return check_listen(value, why, size);
    case CONF_URL:
        return check_url(value, why, size);
    case CONF_URLS:
        return check_urls(value, why, size);
    case CONF_COMMAND:
        return check_command(value, why, size);
    case CONF_GLOBS:
        return 0;
    case CONF_SECRET:
        return check_secret(value, why, size);
    default:
        return check_choice(key->choices, value, why, size);
    }
}

static int set_text(const struct conf_key *key, char *field, const char *value, char *why,
                    size_t size)
{
    size_t len = strlen(value);
    int rc;

    if (len >= key->size) {
        snprintf(why, size, "the value has %zu bytes, at most %zu fit", len, key->size - 1);
        return -EINVAL;
    }
    if (len == 0 && !key->optional) {
        snprintf(why, size, "the value is missing");
        return -EINVAL;
    }
    if (len > 1 && value[0] == '"' && value[len - 1] == '"') {
        snprintf(why, size, "values stand without quotes; take the quotes away");
        return -EINVAL;
    }
    rc = len > 0 ? check_text(key, value, why, size) : 0;
    if (rc == 0)
        memcpy(field, value, len + 1);
    return rc;
}

static int set_number(const struct conf_key *key, unsigned *field, const char *value, char *why,
                      size_t size)
{
    const char *format = key->type == CONF_OCTAL
                             ? "\"%.40s\" is no octal number from 0%" PRIo64 " to 0%" PRIo64
                             : "\"%.40s\" is no whole number from %" PRIu64 " to %" PRIu64;
    uint64_t number;
    const char *end;

    if (!read_digits(value, key->type == CONF_OCTAL ? 8 : 10, &number, &end) || *end ||
        number < key->min || number > key->max) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(why, size, format, value, key->min, key->max);
#pragma GCC diagnostic pop
        return -EINVAL;
    }
    *field = (unsigned)number;
    return 0;
}

static int set_duration(const struct conf_key *key, uint64_t *field, const char *value, char *why,
                        size_t size)
{
    char min[32], max[32];
    uint64_t ms;

    if (conf_read_duration(value, &ms) && ms >= key->min && ms <= key->max) {
        *field = ms;
        return 0;
    }
    print_duration(key->min, min, sizeof(min));
    print_duration(key->max, max, sizeof(max));
    snprintf(why, size, "\"%.40s\" is no duration from %s to %s; write it like 90s, 10m, 24h or 7d",
             value, min, max);
    return -EINVAL;
}

static int set_size(const struct conf_key *key, uint64_t *field, const char *value, char *why,
                    size_t size)
{
    char min[32], max[32];
    uint64_t bytes;

    if (conf_read_size(value, &bytes) && bytes >= key->min && bytes <= key->max) {
        *field = bytes;
        return 0;
    }
    print_size(key->min, min, sizeof(min));
    print_size(key->max, max, sizeof(max));
    snprintf(why, size, "\"%.40s\" is no size from %s to %s; write it like 512MiB or 1GiB", value,
             min, max);
    return -EINVAL;
}

static int set_bool(bool *field, const char *value, char *why, size_t size)
{
    static const char *const words[] = {"no", "yes", "false", "true", "off", "on", "0", "1"};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (!strcasecmp(value, words[i])) {
            *field = i % 2 == 1;
            return 0;
        }
    }
    snprintf(why, size, "\"%.40s\" is neither yes nor no", value);
    return -EINVAL;
}

static int set_severity(const struct conf_key *key, enum conf_severity *field, const char *value,
                        char *why, size_t size)
{
    for (int i = SEVERITY_INFO; i <= SEVERITY_CRITICAL; i++) {
        if (!strcmp(value, conf_severity_name((enum conf_severity)i))) {
            *field = (enum conf_severity)i;
            return 0;
        }
    }
    return check_choice(key->choices, value, why, size);
}

static int set_level(const struct conf_key *key, int *field, const char *value, char *why,
                     size_t size)
{
    for (size_t i = 0; i < LEVELS; i++) {
        if (!strcmp(value, levels[i].name)) {
            *field = levels[i].level;
            return 0;
        }
    }
    return check_choice(key->choices, value, why, size);
}

int conf_key_set(const struct conf_key *key, void *base, const char *value, char *why, size_t size)
{
    void *field = (char *)base + key->offset;

    switch (key->type) {
    case CONF_NUMBER:
    case CONF_OCTAL:
        return set_number(key, field, value, why, size);
    case CONF_DURATION:
        return set_duration(key, field, value, why, size);
    case CONF_SIZE:
        return set_size(key, field, value, why, size);
    case CONF_BOOL:
        return set_bool(field, value, why, size);
    case CONF_SEVERITY:
        return set_severity(key, field, value, why, size);
    case CONF_LEVEL:
        return set_level(key, field, value, why, size);
    default:
        return set_text(key, field, value, why, size);
    }
}

static const char *level_name(int level)
{
    for (size_t i = 0; i < LEVELS; i++) {
        if (levels[i].level == level)
            return levels[i].name;
    }
    return "info";
}

void conf_key_get(const struct conf_key *key, const void *base, char *out, size_t size)
{
    const void *field = (const char *)base + key->offset;

    switch (key->type) {
    case CONF_NUMBER:
        snprintf(out, size, "%u", *(const unsigned *)field);
        break;
    case CONF_OCTAL:
        snprintf(out, size, "%04o", *(const unsigned *)field);
        break;
    case CONF_DURATION:
        print_duration(*(const uint64_t *)field, out, size);
        break;
    case CONF_SIZE:
        print_size(*(const uint64_t *)field, out, size);
        break;
    case CONF_BOOL:
        snprintf(out, size, "%s", *(const bool *)field ? "yes" : "no");
        break;
    case CONF_SEVERITY:
        snprintf(out, size, "%s", conf_severity_name(*(const enum conf_severity *)field));
        break;
    case CONF_LEVEL:
        snprintf(out, size, "%s", level_name(*(const int *)field));
        break;
    default:
        snprintf(out, size, "%s", (const char *)field);
        break;
    }
}
