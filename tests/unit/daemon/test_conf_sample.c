/* SPDX-License-Identifier: MIT */
/* The sample configuration and its man page say what the table says. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/base/buf.h"
#include "daemon/base/conf.h"
#include "daemon/base/conf_table.h"
#include "tests/unit/suite.h"

static char error[CONF_ERROR_MAX];

/* A file of the source tree; compilers may write __FILE__ as a relative path. */
static void source_path(const char *name, char *out, size_t size)
{
    snprintf(out, size, "%s/%s", LEAKD_SOURCE, name);
}

static char *read_source(const char *name)
{
    char path[1024];
    struct buf text;
    FILE *file;
    int c;

    source_path(name, path, sizeof(path));
    file = fopen(path, "r");
    ck_assert_msg(file != NULL, "%s", path);
    buf_init(&text, 1 << 20);
    while ((c = getc(file)) != EOF)
        buf_putc(&text, (char)c);
    fclose(file);
    return buf_take(&text, NULL);
}

/* "#key = value" and "#[section]" without the #; other comments are dropped. */
static char *uncomment(const char *text)
{
    struct buf out;

    buf_init(&out, 1 << 20);
    for (const char *line = text; *line; line += strcspn(line, "\n") + 1) {
        bool shown = line[0] == '#' && line[1] != ' ' && line[1] != '\n';

        if (line[0] != '#' || shown)
            buf_printf(&out, "%.*s\n", (int)strcspn(line + shown, "\n"), line + shown);
    }
    return buf_take(&out, NULL);
}

static unsigned count_of(const char *text, const char *what)
{
    unsigned count = 0;

    for (const char *at = text; (at = strstr(at, what)); at++)
        count++;
    return count;
}

START_TEST(the_sample_shows_every_key_once_with_its_default)
{
    char *sample = read_source("conf/leakd.conf");
    char line[256];

    for (size_t i = 0; i < conf_key_count; i++) {
        const struct conf_key *key = &conf_keys[i];
        const char *section, *at, *next;

        if (!strcmp(key->section, CONF_RECEIVER_SECTION))
            snprintf(line, sizeof(line), "\n#[receiver \"ops\"]\n");
        else
            snprintf(line, sizeof(line), "\n[%s]\n", key->section);
        section = strstr(sample, line);
        ck_assert_msg(section != NULL, "%s", line);
        snprintf(line, sizeof(line), "\n#%s =%s%s\n", key->name, key->initial[0] ? " " : "",
                 key->initial);
        at = strstr(section, line);
        next = strstr(section + 2, "\n[");
        ck_assert_msg(at && (!next || at < next), "[%s]%s", key->section, line);
    }
    ck_assert_uint_eq(count_of(sample, " =\n") + count_of(sample, " = "), conf_key_count);
    free(sample);
}
END_TEST

static void load_text(struct conf *conf, const char *text)
{
    char path[] = "/tmp/leakd-test-XXXXXX";
    int fd = mkstemp(path);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    ck_assert_int_eq(conf_init(conf, false, NULL, NULL, error), 0);
    ck_assert_msg(conf_load(conf, path, error) == 0, "%s", error);
    unlink(path);
}

static char *print(const struct conf *conf)
{
    struct buf out;

    buf_init(&out, 1 << 20);
    conf_print(conf, &out);
    return buf_take(&out, NULL);
}

START_TEST(the_sample_changes_nothing)
{
    static struct conf defaults, loaded;
    char *sample = read_source("conf/leakd.conf");

    ck_assert_int_eq(conf_init(&defaults, false, NULL, NULL, error), 0);
    load_text(&loaded, sample);
    ck_assert_int_eq(memcmp(&defaults, &loaded, sizeof(loaded)), 0);
    free(sample);
}
END_TEST

START_TEST(the_sample_without_its_comment_signs_is_the_default_too)
{
    static struct conf defaults, loaded;
    char *sample = read_source("conf/leakd.conf");
    char *text = uncomment(sample);
    char *url = strstr(text, "\nurl =\n");
    char *printed, *expected;
    struct buf filled;

    ck_assert_ptr_nonnull(url);
    buf_init(&filled, 1 << 20);
    buf_printf(&filled, "%.*s\nurl = http://x%s", (int)(url - text), text, url + 6);
    load_text(&loaded, filled.data);
    ck_assert_uint_eq(loaded.receiver_count, 1);
    load_text(&defaults, "[receiver \"ops\"]\nurl = http://x\n");
    printed = print(&loaded);
    expected = print(&defaults);
    ck_assert_str_eq(printed, expected);
    free(printed);
    free(expected);
    buf_done(&filled);
    free(text);
    free(sample);
}
END_TEST

START_TEST(the_man_page_has_every_key_with_its_default)
{
    char *page = read_source("conf/man/leakd.conf.5.in");
    char line[256];

    for (size_t i = 0; i < conf_key_count; i++) {
        const struct conf_key *key = &conf_keys[i];
        bool is_receivers = !strcmp(key->section, CONF_RECEIVER_SECTION);

        snprintf(line, sizeof(line), "\n.BR %s \" = %s%s\"\n", key->name,
                 key->initial[0] ? key->initial
                 : key->optional ? "(none)"
                                 : "(required)",
                 key->reloadable && !is_receivers ? " *" : "");
        ck_assert_msg(strstr(page, line) != NULL, "%s", line);
    }
    ck_assert_uint_eq(count_of(page, " \" = "), conf_key_count);
    free(page);
}
END_TEST

SUITE_MAIN("conf_sample", the_sample_shows_every_key_once_with_its_default,
           the_sample_changes_nothing, the_sample_without_its_comment_signs_is_the_default_too,
           the_man_page_has_every_key_with_its_default)
