/* SPDX-License-Identifier: MIT */
/*
 * INI files to struct conf; the only door to inih. inih hands over cut lines and cut section names
 * before it reports them, so every line is checked here before inih sees it, and values go into a
 * copy that replaces the configuration only when all is right.
 */
#include "daemon/base/conf.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ini.h>

#include "daemon/base/buf.h"
#include "daemon/base/conf_table.h"

#define FILE_BYTES_MAX    (1u << 20)
#define LINE_BYTES_MAX    4096 /* with newline and NUL; inih keeps a line on the stack */
#define SECTION_BYTES_MAX 49   /* inih cuts longer section names without a word */
#define DROPINS_MAX       256

/* One load over all its files. given: "[section] key" of the file at hand, to find repetitions. */
struct load {
    struct conf *conf;
    char *error;
    const char *path;
    const char *text;
    size_t len;
    size_t at;
    unsigned line;
    bool failed;
    struct {
        char path[160];
        unsigned line;
    } places[CONF_RECEIVERS_MAX]; /* where each receiver was first met */
    unsigned char given[CONF_RECEIVERS_MAX + 1][32];
};

__attribute__((format(printf, 2, 3))) static int fail(struct load *load, const char *format, ...)
{
    int head = snprintf(load->error, CONF_ERROR_MAX, "%.200s:%u: ", load->path, load->line);
    va_list args;

    va_start(args, format);
    vsnprintf(load->error + head, CONF_ERROR_MAX - (size_t)head, format, args);
    va_end(args);
    load->failed = true;
    return -EINVAL;
}

/* ---- receivers ----------------------------------------------------------------------------- */

/* "receiver "ops"" to ops; false when it is not written so. */
static bool receiver_name(const char *section, char name[64])
{
    size_t prefix = strlen(CONF_RECEIVER_SECTION);
    size_t len;

    section += prefix;
    section += strspn(section, " \t");
    len = strlen(section);
    if (len < 3 || len > 34 || section[0] != '"' || section[len - 1] != '"')
        return false;
    memcpy(name, section + 1, len - 2);
    name[len - 2] = '\0';
    return name[strspn(
               name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-")] == '\0';
}

static void receiver_init(struct conf_receiver *receiver, const char *name)
{
    char why[CONF_ERROR_MAX];

    *receiver = (struct conf_receiver){.min_severity = SEVERITY_INFO};
    snprintf(receiver->name, sizeof(receiver->name), "%s", name);
    for (size_t i = 0; i < conf_key_count; i++) {
        if (!strcmp(conf_keys[i].section, CONF_RECEIVER_SECTION) && conf_keys[i].initial[0])
            conf_key_set(&conf_keys[i], receiver, conf_keys[i].initial, why, sizeof(why));
    }
}

/* The receiver of that name, made when it is new; NULL with an error when there is no room. */
static struct conf_receiver *receiver_take(struct load *load, const char *name)
{
    struct conf *conf = load->conf;

    for (unsigned i = 0; i < conf->receiver_count; i++) {
        if (!strcmp(conf->receivers[i].name, name))
            return &conf->receivers[i];
    }
    if (conf->receiver_count == CONF_RECEIVERS_MAX) {
        fail(load, "more than %d receivers; leave some out", CONF_RECEIVERS_MAX);
        return NULL;
    }
    receiver_init(&conf->receivers[conf->receiver_count], name);
    snprintf(load->places[conf->receiver_count].path, sizeof(load->places[0].path), "%s",
             load->path);
    load->places[conf->receiver_count].line = load->line;
    return &conf->receivers[conf->receiver_count++];
}

/* ---- lines, before inih sees them ---------------------------------------------------------- */

static int check_section(struct load *load, const char *line, size_t len)
{
    const char *close = memchr(line, ']', len);
    char name[SECTION_BYTES_MAX + 1];
    char receiver[64];
    size_t name_len;

    if (!close)
        return fail(load, "the section has no closing ]");
    if (close != line + len - 1)
        return fail(load, "text behind the section's ]; comments stand on lines of their own");
    name_len = (size_t)(close - line - 1);
    if (name_len > SECTION_BYTES_MAX)
        return fail(load, "the section's name is longer than %d bytes", SECTION_BYTES_MAX);
    memcpy(name, line + 1, name_len);
    name[name_len] = '\0';
    if (!strncmp(name, CONF_RECEIVER_SECTION, strlen(CONF_RECEIVER_SECTION))) {
        if (!receiver_name(name, receiver))
            return fail(load, "write a receiver's section as [receiver \"NAME\"], with up to 32 "
                              "letters, digits or any of _ . -");
        return receiver_take(load, receiver) ? 0 : -EINVAL;
    }
    if (!conf_section_exists(name))
        return fail(load, "there is no section [%s]; see leakd.conf(5)", name);
    return 0;
}

static int check_line(struct load *load, const char *line, size_t len)
{
    if (len > LINE_BYTES_MAX - 3)
        return fail(load, "the line has %zu bytes, at most %d fit", len, LINE_BYTES_MAX - 3);
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)line[i];

        if ((c < ' ' && c != '\t' && !(c == '\r' && i == len - 1)) || c == 0x7f)
            return fail(load, "there is a control character in column %zu", i + 1);
    }
    while (len > 0 && (*line == ' ' || *line == '\t')) {
        line++;
        len--;
    }
    while (len > 0 && strchr(" \t\r", line[len - 1]))
        len--;
    return len > 0 && *line == '[' ? check_section(load, line, len) : 0;
}

/* fgets for inih, from memory. */
static char *read_line(char *str, int size, void *arg)
{
    struct load *load = arg;
    const char *line = load->text + load->at;
    const char *newline;
    size_t len;

    if (load->failed || load->at == load->len)
        return NULL;
    newline = memchr(line, '\n', load->len - load->at);
    len = newline ? (size_t)(newline - line) : load->len - load->at;
    load->line++;
    load->at += len + (newline != NULL);
    if (load->line == 1 && len >= 3 && !memcmp(line, "\xef\xbb\xbf", 3)) {
        line += 3;
        len -= 3;
    }
    if (check_line(load, line, len) < 0)
        return NULL;
    if (len + 2 > (size_t)size) {
        fail(load, "the line has %zu bytes, at most %d fit", len, size - 2);
        return NULL;
    }
    memcpy(str, line, len);
    memcpy(str + len, "\n", 2);
    return str;
}

/* ---- pairs, from inih ---------------------------------------------------------------------- */

static int unknown_key(struct load *load, const char *section, const char *name)
{
    char hint[96];

    if (conf_key_suggest(section, name, hint, sizeof(hint)))
        return fail(load, "there is no key %.60s in [%s]; did you mean %s?", name, section, hint);
    return fail(load, "there is no key %.60s in [%s]; see leakd.conf(5)", name, section);
}

static bool given_before(struct load *load, const struct conf_key *key, size_t owner)
{
    size_t index = (size_t)(key - conf_keys);
    unsigned char bit = (unsigned char)(1u << (index % 8));
    unsigned char *byte = &load->given[owner][index / 8];
    bool before = *byte & bit;

    *byte |= bit;
    return before;
}

static int set_pair(struct load *load, const char *section, const char *name, const char *value)
{
    const struct conf_key *key = conf_key_find(section, name);
    struct conf_receiver *receiver = NULL;
    char why[CONF_ERROR_MAX - 240];
    char receiver_key[64];
    size_t owner = 0;

    if (!strncmp(section, CONF_RECEIVER_SECTION, strlen(CONF_RECEIVER_SECTION))) {
        if (!receiver_name(section, receiver_key))
            return fail(load, "the receiver has no name");
        receiver = receiver_take(load, receiver_key);
        if (!receiver)
            return -EINVAL;
        owner = 1 + (size_t)(receiver - load->conf->receivers);
        section = CONF_RECEIVER_SECTION;
        key = conf_key_find(section, name);
    }
    if (!section[0])
        return fail(load, "%.60s stands before the first [section]", name);
    if (!key)
        return unknown_key(load, section, name);
    if (given_before(load, key, owner))
        return fail(load, "%s is given twice in this file; keep one", name);
    if (conf_key_set(key, receiver ? (void *)receiver : load->conf, value, why, sizeof(why)) < 0)
        return fail(load, "%s: %s", name, why);
    return 0;
}

static int on_pair(void *arg, const char *section, const char *name, const char *value)
{
    struct load *load = arg;

    return !load->failed && set_pair(load, section, name, value ? value : "") == 0;
}

/* ---- files --------------------------------------------------------------------------------- */

/* inih's settings are globals of Debian's build. */
static void govern_inih(void)
{
    ini_max_line = LINE_BYTES_MAX;
    ini_use_stack = true;
    ini_allow_multiline = false;
    ini_allow_inline_comments = false; /* a ; belongs to the value: it may be part of a URL */
    ini_stop_on_first_error = true;
}

static int load_text(struct load *load, const char *text, size_t len)
{
    int line;

    load->text = text;
    load->len = len;
    load->at = 0;
    load->line = 0;
    memset(load->given, 0, sizeof(load->given));
    govern_inih();
    line = ini_parse_stream(read_line, load, on_pair, load);
    if (line != 0 && !load->failed)
        return fail(load, "this is neither key = value nor [section] nor a # comment");
    return load->failed ? -EINVAL : 0;
}

static int cannot(struct load *load, const char *what, int rc)
{
    snprintf(load->error, CONF_ERROR_MAX, "%.300s: %s: %s", load->path, what, strerror(-rc));
    load->failed = true;
    return rc;
}

static int read_whole(int fd, struct buf *out)
{
    char chunk[8192];
    ssize_t got;

    while ((got = read(fd, chunk, sizeof(chunk))) > 0 && !out->failed)
        buf_put(out, chunk, (size_t)got);
    if (got < 0)
        return -errno;
    if (!out->failed)
        return 0;
    return out->len + (size_t)got > FILE_BYTES_MAX ? -EFBIG : -ENOMEM;
}

static int load_file(struct load *load, const char *path)
{
    struct buf text;
    int fd, rc;

    load->path = path;
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return cannot(load, "cannot open it", -errno);
    buf_init(&text, FILE_BYTES_MAX);
    rc = read_whole(fd, &text);
    close(fd);
    rc = rc < 0 ? cannot(load, "cannot read it", rc)
                : load_text(load, text.data ? text.data : "", text.len);
    buf_done(&text);
    return rc;
}

static int is_dropin(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);

    return len > 5 && entry->d_name[0] != '.' && !strcmp(entry->d_name + len - 5, ".conf");
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int load_dropins(struct load *load, const char *path)
{
    char folder[1024], file[1024 + 256];
    struct dirent **entries;
    int count, rc = 0;

    snprintf(folder, sizeof(folder), "%s.d", path);
    load->path = folder;
    count = scandir(folder, &entries, is_dropin, by_bytes);
    if (count < 0)
        return errno == ENOENT ? 0 : cannot(load, "cannot list it", -errno);
    if (count > DROPINS_MAX)
        rc = cannot(load, "too many files", -E2BIG);
    for (int i = 0; i < count; i++) {
        snprintf(file, sizeof(file), "%s/%s", folder, entries[i]->d_name);
        if (rc == 0)
            rc = load_file(load, file);
        free(entries[i]);
    }
    free(entries);
    return rc;
}

static int check_whole(const struct load *load, const char *path, char *error)
{
    const struct conf *conf = load->conf;
    char why[CONF_ERROR_MAX - 256];

    for (unsigned i = 0; i < conf->receiver_count; i++) {
        if (conf_receiver_check(&conf->receivers[i], why, sizeof(why)) == 0)
            continue;
        snprintf(error, CONF_ERROR_MAX, "%.160s:%u: receiver \"%s\" %s", load->places[i].path,
                 load->places[i].line, conf->receivers[i].name, why);
        return -EINVAL;
    }
    if (conf->action.restart && (conf->action.command[0] || !conf->action.units[0])) {
        snprintf(error, CONF_ERROR_MAX, "%.300s: [action] restart %s", path,
                 conf->action.command[0]
                     ? "and command exclude one another; keep one"
                     : "needs units, the patterns of those that may be restarted");
        return -EINVAL;
    }
    if (!conf->http.listen[0] && !conf->http.socket[0]) {
        snprintf(error, CONF_ERROR_MAX,
                 "%.300s: [http] has neither listen nor socket; nobody could read anything", path);
        return -EINVAL;
    }
    return 0;
}

int conf_load(struct conf *conf, const char *path, char error[CONF_ERROR_MAX])
{
    struct load *load;
    int rc;

    if (strlen(path) > 1000) {
        snprintf(error, CONF_ERROR_MAX, "the configuration's path is longer than 1000 bytes");
        return -ENAMETOOLONG;
    }
    load = calloc(1, sizeof(*load) + sizeof(*conf));
    if (!load) {
        snprintf(error, CONF_ERROR_MAX, "%.300s: %s", path, strerror(ENOMEM));
        return -ENOMEM;
    }
    load->conf = (struct conf *)(void *)(load + 1);
    load->error = error;
    *load->conf = *conf;
    rc = load_file(load, path);
    if (rc == 0)
        rc = load_dropins(load, path);
    if (rc == 0)
        rc = check_whole(load, path, error);
    if (rc == 0)
        *conf = *load->conf;
    free(load);
    return rc;
}

/* ---- printing ------------------------------------------------------------------------------ */

static void print_section(const char *section, const void *base, struct buf *out)
{
    char value[2048];

    for (size_t i = 0; i < conf_key_count; i++) {
        if (strcmp(conf_keys[i].section, section) != 0)
            continue;
        conf_key_get(&conf_keys[i], base, value, sizeof(value));
        buf_printf(out, "%s = ", conf_keys[i].name);
        if (conf_keys[i].type == CONF_URL || conf_keys[i].type == CONF_URLS)
            conf_mask_url(value, out);
        else
            buf_puts(out, value);
        buf_putc(out, '\n');
    }
}

void conf_print(const struct conf *conf, struct buf *out)
{
    const char *section = "";

    for (size_t i = 0; i < conf_key_count; i++) {
        if (!strcmp(conf_keys[i].section, section) ||
            !strcmp(conf_keys[i].section, CONF_RECEIVER_SECTION))
            continue;
        section = conf_keys[i].section;
        buf_printf(out, "%s[%s]\n", i > 0 ? "\n" : "", section);
        print_section(section, conf, out);
    }
    for (unsigned i = 0; i < conf->receiver_count; i++) {
        buf_printf(out, "\n[%s \"%s\"]\n", CONF_RECEIVER_SECTION, conf->receivers[i].name);
        print_section(CONF_RECEIVER_SECTION, &conf->receivers[i], out);
    }
}

bool conf_changed_fixed(const struct conf *before, const struct conf *after, char *out, size_t size)
{
    char old[2048], new[2048];
    size_t len = 0;

    for (size_t i = 0; i < conf_key_count; i++) {
        if (conf_keys[i].reloadable)
            continue;
        conf_key_get(&conf_keys[i], before, old, sizeof(old));
        conf_key_get(&conf_keys[i], after, new, sizeof(new));
        if (strcmp(old, new) != 0 && len < size)
            len += (size_t)snprintf(out + len, size - len, "%s[%s] %s", len > 0 ? ", " : "",
                                    conf_keys[i].section, conf_keys[i].name);
    }
    return len > 0;
}
