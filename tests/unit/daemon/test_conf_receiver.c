/* SPDX-License-Identifier: MIT */
/* The receivers of the configuration: what each type needs, its secrets, whom its patterns mean. */
#include "daemon/base/conf.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/base/buf.h"
#include "tests/unit/suite.h"

#define SECRET "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

static char folder[] = "/tmp/leakd-test-XXXXXX";
static char file[64];
static char error[CONF_ERROR_MAX];
static struct conf conf;

static void make_folder(void)
{
    strcpy(folder + sizeof(folder) - 7, "XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(file, sizeof(file), "%s/file", folder);
    ck_assert_int_eq(conf_init(&conf, false, NULL, NULL, error), 0);
}

static void remove_folder(void)
{
    unlink(file);
    rmdir(folder);
}

static void write_file(const char *text)
{
    FILE *out = fopen(file, "w");

    ck_assert_ptr_nonnull(out);
    fputs(text, out);
    fclose(out);
    ck_assert_int_eq(chmod(file, 0600), 0);
}

static int load(const char *text)
{
    write_file(text);
    return conf_load(&conf, file, error);
}

static void refused(const char *text, unsigned line, const char *why)
{
    char place[96];

    ck_assert_int_lt(load(text), 0);
    snprintf(place, sizeof(place), "%s:%u: ", file, line);
    ck_assert_msg(!strncmp(error, place, strlen(place)) && strstr(error, why), "%s\n%s", text,
                  error);
}

START_TEST(what_does_not_fit_the_type_is_refused_with_its_line)
{
    refused("[log]\nlevel = info\n[receiver \"a\"]\ntype = slack\n", 3, "has no secret");
    refused("[receiver \"a\"]\ntype = slack\nsecret = s\nurl = https://hooks.slack.com/x\n", 1,
            "the address is the secret");
    refused("[receiver \"a\"]\ntype = pagerduty\n", 1, "has no secret");
    refused("[receiver \"a\"]\ntype = alertmanager\n", 1, "has no url");
    refused("[receiver \"a\"]\ntype = command\n", 1, "has no command");
    refused("[receiver \"a\"]\ntype = command\ncommand = /x\nsecret = s\n", 1, "does not take");
    refused("[receiver \"a\"]\nurl = http://a http://b\n", 1, "several addresses");
    refused("[receiver \"a\"]\nurl = http://a\nsecret_old = s\n", 1, "no secret");
}
END_TEST

static int secret_of(const char *type, const char *content)
{
    struct conf_receiver *receiver = &conf.receivers[0];

    write_file(content);
    conf.receiver_count = 1;
    snprintf(receiver->name, sizeof(receiver->name), "a");
    snprintf(receiver->type, sizeof(receiver->type), "%s", type);
    snprintf(receiver->secret, sizeof(receiver->secret), "%s", file);
    return conf_load_secrets(&conf, error);
}

START_TEST(a_receiver_of_each_type_is_read)
{
    ck_assert_msg(
        load("[receiver \"w\"]\nurl = http://w\nsecret = new\nsecret_old = old\ngroup = no\n"
             "[receiver \"a\"]\ntype = alertmanager\nurl = http://a:9093 http://b:9093\n"
             "[receiver \"s\"]\ntype = slack\nsecret = hook\nunits = shop*.service, x\n"
             "[receiver \"p\"]\ntype = pagerduty\nsecret = key\ntimeout = 30s\n"
             "[receiver \"c\"]\ntype = command\ncommand = /usr/bin/logger -t leakd\n") == 0,
        "%s", error);
    ck_assert_uint_eq(conf.receiver_count, 5);
    ck_assert(!conf.receivers[0].group);
    ck_assert(conf.receivers[1].group);
    ck_assert_str_eq(conf.receivers[0].secret_old, "old");
    ck_assert_str_eq(conf.receivers[1].url, "http://a:9093 http://b:9093");
    ck_assert_str_eq(conf.receivers[2].units, "shop*.service, x");
    ck_assert_uint_eq(conf.receivers[3].timeout_ms, 30000);
    ck_assert_str_eq(conf.receivers[4].command, "/usr/bin/logger -t leakd");
}
END_TEST

START_TEST(patterns_say_who_is_meant)
{
    ck_assert(conf_matches("", "anything"));
    ck_assert(conf_matches(" , ", NULL));
    ck_assert(conf_matches("shop*.service, x", "shop@2.service"));
    ck_assert(conf_matches("shop*.service , x", "x"));
    ck_assert(!conf_matches("shop*.service,x", "other.service"));
    ck_assert(!conf_matches("shop*", NULL));
    ck_assert(conf_matches("*", NULL));
}
END_TEST

START_TEST(every_address_of_a_list_is_masked)
{
    struct buf out;

    buf_init(&out, 1 << 12);
    conf_mask_url("http://u:p@a:1/x?t=1 https://b/y#z, http://c", &out);
    ck_assert_str_eq(out.data, "http://***@a:1/x?*** https://b/y?***, http://c");
    buf_done(&out);
}
END_TEST

START_TEST(each_type_has_a_secret_of_its_kind)
{
    ck_assert_int_eq(secret_of("slack", "https://hooks.slack.com/services/T/B/x\n"), 0);
    ck_assert_int_eq(secret_of("slack", SECRET), -EINVAL);
    ck_assert_int_eq(secret_of("slack", "https://a b"), -EINVAL);
    ck_assert_int_eq(secret_of("pagerduty", "0123456789abcdef0123456789abcdef"), 0);
    ck_assert_int_eq(secret_of("pagerduty", "not-a-key"), -EINVAL);
    ck_assert_int_eq(secret_of("alertmanager", "user:word"), 0);
    ck_assert_int_eq(secret_of("alertmanager", "to\nken"), -EINVAL);
    ck_assert_int_eq(secret_of("webhook", "https://x"), -EINVAL);
    ck_assert_ptr_nonnull(strstr(error, "base64"));
}
END_TEST

START_TEST(both_keys_are_read_and_both_forgotten)
{
    ck_assert_int_eq(secret_of("webhook", SECRET), 0);
    memcpy(conf.receivers[0].secret_old, conf.receivers[0].secret, 256);
    ck_assert_int_eq(conf_load_secrets(&conf, error), 0);
    ck_assert_str_eq(conf.receivers[0].secret_old_value, SECRET);
    snprintf(conf.receivers[0].ca_file, sizeof(conf.receivers[0].ca_file), "%s/none", folder);
    ck_assert_int_eq(conf_load_secrets(&conf, error), -ENOENT);
    ck_assert_ptr_nonnull(strstr(error, "ca_file"));
    ck_assert_str_eq(conf.receivers[0].secret_value, "");
    ck_assert_str_eq(conf.receivers[0].secret_old_value, "");
}
END_TEST

SUITE_MAIN_FIXTURE("conf_receiver", make_folder, remove_folder,
                   what_does_not_fit_the_type_is_refused_with_its_line,
                   a_receiver_of_each_type_is_read, patterns_say_who_is_meant,
                   every_address_of_a_list_is_masked, each_type_has_a_secret_of_its_kind,
                   both_keys_are_read_and_both_forgotten)
