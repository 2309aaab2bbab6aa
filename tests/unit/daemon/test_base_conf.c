/* SPDX-License-Identifier: MIT */
#include "daemon/base/conf.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/base/buf.h"
#include "daemon/base/conf_table.h"
#include "daemon/base/log.h"
#include "tests/unit/suite.h"

static char folder[64];
static char file[128];
static char error[CONF_ERROR_MAX];
static struct conf conf;

static void make_world(void)
{
    snprintf(folder, sizeof(folder), "/tmp/leakd-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(file, sizeof(file), "%s/leakd.conf", folder);
    ck_assert_int_eq(conf_init(&conf, false, NULL, NULL, error), 0);
}

static void remove_world(void)
{
    char command[128];

    snprintf(command, sizeof(command), "rm -rf %s", folder);
    ck_assert_int_eq(system(command), 0);
}

static void write_bytes(const char *path, const void *data, size_t len)
{
    FILE *out = fopen(path, "w");

    ck_assert_ptr_nonnull(out);
    ck_assert_uint_eq(fwrite(data, 1, len, out), len);
    fclose(out);
}

static int load(const char *text)
{
    write_bytes(file, text, strlen(text));
    error[0] = '\0';
    return conf_load(&conf, file, error);
}

/* The text is refused and the message has all of: "leakd.conf:LINE: ", what. */
static void refused(const char *text, int line, const char *what)
{
    struct conf before = conf;
    char place[64];

    ck_assert_int_lt(load(text), 0);
    snprintf(place, sizeof(place), "leakd.conf:%d: ", line);
    ck_assert_msg(strstr(error, place) && strstr(error, what), "%s: %s", text, error);
    ck_assert_int_eq(memcmp(&before, &conf, sizeof(conf)), 0);
}

START_TEST(service_defaults_are_the_system_folders)
{
    ck_assert_str_eq(conf.agents.socket, "/run/leakd/agent.sock");
    ck_assert_str_eq(conf.http.socket, "/run/leakd/api.sock");
    ck_assert_str_eq(conf.http.listen, "127.0.0.1:7373");
    ck_assert_str_eq(conf.store.directory, "/var/lib/leakd");
    ck_assert_str_eq(conf.detect.profile, "default");
    ck_assert_uint_eq(conf.agents.socket_mode, 0666);
    ck_assert_uint_eq(conf.store.exited_retention_ms, 86400000);
    ck_assert_int_eq(conf.log_level, LOG_LEVEL_INFO);
    ck_assert(conf.symbols.enabled);
}
END_TEST

START_TEST(user_mode_follows_xdg)
{
    setenv("XDG_RUNTIME_DIR", "/run/user/7", 1);
    setenv("XDG_STATE_HOME", "/home/me/state", 1);
    ck_assert_int_eq(conf_init(&conf, true, NULL, NULL, error), 0);
    ck_assert_str_eq(conf.agents.socket, "/run/user/7/leakd/agent.sock");
    ck_assert_str_eq(conf.http.socket, "/run/user/7/leakd/api.sock");
    ck_assert_str_eq(conf.store.directory, "/home/me/state/leakd");
    ck_assert_uint_eq(conf.agents.socket_mode, 0600);
}
END_TEST

START_TEST(user_mode_without_xdg_falls_back)
{
    char expected[64];

    unsetenv("XDG_RUNTIME_DIR");
    setenv("XDG_STATE_HOME", "relative/does/not/count", 1);
    setenv("HOME", "/home/me", 1);
    ck_assert_int_eq(conf_init(&conf, true, NULL, NULL, error), 0);
    snprintf(expected, sizeof(expected), "/tmp/leakd-%u/agent.sock", (unsigned)getuid());
    ck_assert_str_eq(conf.agents.socket, expected);
    ck_assert_str_eq(conf.store.directory, "/home/me/.local/state/leakd");
    unsetenv("HOME");
    unsetenv("XDG_STATE_HOME");
    ck_assert_int_eq(conf_init(&conf, true, NULL, NULL, error), -ENOENT);
}
END_TEST

START_TEST(folders_given_win_over_the_environment)
{
    char long_dir[160];

    setenv("XDG_RUNTIME_DIR", "/run/user/7", 1);
    ck_assert_int_eq(conf_init(&conf, true, "/a/run", "/a/state", error), 0);
    ck_assert_str_eq(conf.agents.socket, "/a/run/agent.sock");
    ck_assert_str_eq(conf.store.directory, "/a/state");
    memset(long_dir, 'x', sizeof(long_dir));
    long_dir[0] = '/';
    long_dir[sizeof(long_dir) - 1] = '\0';
    ck_assert_int_eq(conf_init(&conf, true, long_dir, "/a/state", error), -ENAMETOOLONG);
    ck_assert_int_eq(conf_init(&conf, true, "relative", "/a/state", error), -EINVAL);
}
END_TEST

START_TEST(every_key_is_read)
{
    ck_assert_int_eq(load("\xef\xbb\xbf# a comment\n"
                          "[agents]\r\n"
                          "socket = /a/agent.sock\r\n"
                          "socket_mode=0660\n"
                          "connections_max = 7\n"
                          "connections_per_user_max = 3\n"
                          "; another comment\n"
                          "[http]\n"
                          "listen = [::1]:80\n"
                          "socket =\n"
                          "connections_max = 9\n"
                          "[detect]\nprofile = fast\n"
                          "[store]\ndirectory = /a/state\nprocesses_max = 11\n"
                          "exited_retention = 90m\n"
                          "[symbols]\nenabled = off\ndebug_path = /a:/b\n"
                          "[notices]\nexternal_url = https://leaks.example.org\n"
                          "[log]\nlevel = debug\n"
                          "[receiver \"ops\"]\n"
                          "url = https://user:pass@example.org/x?key=a;b#c\n"
                          "secret = ops-secret\nmin_severity = critical\nsend_resolved = no"),
                     0);
    ck_assert_str_eq(conf.agents.socket, "/a/agent.sock");
    ck_assert_uint_eq(conf.agents.socket_mode, 0660);
    ck_assert_uint_eq(conf.agents.connections_max, 7);
    ck_assert_uint_eq(conf.agents.connections_per_user_max, 3);
    ck_assert_str_eq(conf.http.listen, "[::1]:80");
    ck_assert_str_eq(conf.http.socket, "");
    ck_assert_uint_eq(conf.http.connections_max, 9);
    ck_assert_str_eq(conf.detect.profile, "fast");
    ck_assert_str_eq(conf.store.directory, "/a/state");
    ck_assert_uint_eq(conf.store.processes_max, 11);
    ck_assert_uint_eq(conf.store.exited_retention_ms, 90 * 60000);
    ck_assert(!conf.symbols.enabled);
    ck_assert_str_eq(conf.symbols.debug_path, "/a:/b");
    ck_assert_str_eq(conf.external_url, "https://leaks.example.org");
    ck_assert_int_eq(conf.log_level, LOG_LEVEL_DEBUG);
    ck_assert_uint_eq(conf.receiver_count, 1);
    ck_assert_str_eq(conf.receivers[0].name, "ops");
    ck_assert_str_eq(conf.receivers[0].type, "webhook");
    ck_assert_str_eq(conf.receivers[0].url, "https://user:pass@example.org/x?key=a;b#c");
    ck_assert_str_eq(conf.receivers[0].secret, "ops-secret");
    ck_assert_int_eq(conf.receivers[0].min_severity, SEVERITY_CRITICAL);
    ck_assert(!conf.receivers[0].send_resolved);
}
END_TEST

START_TEST(unknown_names_are_errors_with_a_hint)
{
    refused("[http]\n\nlisen = 127.0.0.1:1\n", 3, "did you mean [http] listen?");
    refused("[http]\nprofile = fast\n", 2, "did you mean [detect] profile?");
    refused("[http]\nfrobnicate = 1\n", 2, "there is no key frobnicate");
    refused("# x\n[htpp]\n", 2, "no section [htpp]");
    refused("listen = 127.0.0.1:1\n", 1, "before the first [section]");
}
END_TEST

START_TEST(bad_values_are_errors_with_the_way_out)
{
    refused("[agents]\nsocket = run/x\n", 2, "absolute path");
    refused("[agents]\nsocket =\n", 2, "missing");
    refused("[agents]\nsocket_mode = 0999\n", 2, "octal");
    refused("[agents]\nconnections_max = 0\n", 2, "from 1 to");
    refused("[agents]\nconnections_max = -1\n", 2, "from 1 to");
    refused("[agents]\nconnections_max = 5x\n", 2, "from 1 to");
    refused("[agents]\nconnections_max = 99999999999999999999999\n", 2, "from 1 to");
    refused("[store]\nexited_retention = 10\n", 2, "24h");
    refused("[store]\nexited_retention = 1ms\n", 2, "from 1m to 366d");
    refused("[store]\nexited_retention = 99999999999999999999d\n", 2, "duration");
    refused("[store]\nsize_max = 1\n", 2, "no size from 64MiB to 1TiB");
    refused("[store]\nsize_max = 1gb\n", 2, "512MiB or 1GiB");
    refused("[store]\nsize_max = 99999999999999999999GiB\n", 2, "size");
    refused("[store]\nsize_max = 2TiB\n", 2, "size");
    refused("[store]\nretention = 5m\n", 2, "duration from 24h");
    refused("[symbols]\nenabled = maybe\n", 2, "yes nor no");
    refused("[detect]\nprofile = quick\n", 2, "fast default strict");
    refused("[detect]\nprofile = def\n", 2, "fast default strict");
    refused("[log]\nlevel = loud\n", 2, "error warning info debug");
    refused("[agents]\nsocket = \"/a/b\"\n", 2, "without quotes");
    refused("[receiver \"a\"]\nurl = ftp://x\n", 2, "http:// or https://");
    refused("[receiver \"a\"]\nurl = http://\n", 2, "http:// or https://");
    refused("[receiver \"a\"]\nurl = http://x/ ; why\n", 2, "no address");
    refused("[receiver \"a\"]\ntype = pager\n", 2, "take one of: webhook alertmanager slack");
    refused("[receiver \"a\"]\ntype = command\ncommand = sh -c x\n", 3, "no absolute path");
    refused("[receiver \"a\"]\ntype = command\ncommand = /bin/sh -c 'x'\n", 3, "no quotes");
    refused("[receiver \"a\"]\ntimeout = 2m\n", 2, "1s to 1m");
    refused("[receiver \"a\"]\nsecret = whsec_AAAA\n", 2, "secret itself");
    refused("[receiver \"a\"]\nmin_severity = bad\n", 2, "info warning critical");
}
END_TEST

START_TEST(listening_to_the_network_is_refused_with_the_reason)
{
    refused("[http]\nlisten = 0.0.0.0:7373\n", 2, "no password");
    refused("[http]\nlisten = 192.168.1.2:7373\n", 2, "no password");
    refused("[http]\nlisten = [::]:7373\n", 2, "no password");
    refused("[http]\nlisten = [::ffff:127.0.0.1]:7373\n", 2, "no password");
    refused("[http]\nlisten = localhost:7373\n", 2, "no address");
    refused("[http]\nlisten = ::1:7373\n", 2, "no address");
    refused("[http]\nlisten = 127.0.0.1:70000\n", 2, "no address");
    refused("[http]\nlisten = 127.0.0.1\n", 2, "no address");
    ck_assert_int_eq(load("[http]\nlisten = 127.9.9.9:0\n"), 0);
}
END_TEST

START_TEST(long_lines_are_refused_not_cut)
{
    char text[6000];

    memset(text, 'a', sizeof(text));
    memcpy(text, "[log]\nlevel = ", 14);
    text[5000] = '\0';
    refused(text, 2, "at most 4093");
    memcpy(text, "[symbols]\ndebug_path = /", 24);
    text[24 + 1023] = '\0';
    refused(text, 2, "1024 bytes, at most 1023");
    text[24 + 1022] = '\0';
    ck_assert_int_eq(load(text), 0);
    ck_assert_uint_eq(strlen(conf.symbols.debug_path), 1023);
}
END_TEST

START_TEST(long_and_strange_sections_are_refused)
{
    refused("[receiver \"0123456789012345678901234567890123456789012345678\"]\n", 1, "longer than");
    refused("[receiver \"012345678901234567890123456789012\"]\n", 1, "up to 32");
    refused("[receiver ops]\n", 1, "[receiver \"NAME\"]");
    refused("[receiver \"a/b\"]\n", 1, "[receiver \"NAME\"]");
    refused("[receiver]\n", 1, "[receiver \"NAME\"]");
    refused("[http\n", 1, "closing ]");
    refused("[http] # why\n", 1, "behind the section's ]");
}
END_TEST

START_TEST(lines_that_say_nothing_are_refused)
{
    refused("[http]\nlisten\n", 2, "neither key = value");
    refused("[log]\nlevel = in\x01"
            "fo\n",
            2, "control character in column 11");
}
END_TEST

START_TEST(a_nul_byte_does_not_hide_the_rest)
{
    static const char text[] = "[log]\nlevel = debug\0\n[http]\nlisten = 0.0.0.0:1\n";

    write_bytes(file, text, sizeof(text) - 1);
    ck_assert_int_lt(conf_load(&conf, file, error), 0);
    ck_assert_ptr_nonnull(strstr(error, "leakd.conf:2: there is a control character"));
}
END_TEST

START_TEST(a_key_twice_in_a_file_is_refused)
{
    refused("[log]\nlevel = debug\nlevel = info\n", 3, "given twice");
    ck_assert_int_eq(load("[receiver \"a\"]\nurl = http://a\n[receiver \"b\"]\nurl = http://b\n"),
                     0);
    ck_assert_uint_eq(conf.receiver_count, 2);
}
END_TEST

START_TEST(indented_lines_are_keys_not_continuations)
{
    ck_assert_int_eq(load("[log]\n  level = debug\n[symbols]\n\tdebug_path = /x\n  enabled = no\n"),
                     0);
    ck_assert_int_eq(conf.log_level, LOG_LEVEL_DEBUG);
    ck_assert_str_eq(conf.symbols.debug_path, "/x");
    ck_assert(!conf.symbols.enabled);
}
END_TEST

START_TEST(dropins_come_after_the_file_in_order)
{
    char path[256];

    snprintf(path, sizeof(path), "%s.d", file);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    snprintf(path, sizeof(path), "%s.d/20-b.conf", file);
    write_bytes(path, "[log]\nlevel = error\n", 20);
    snprintf(path, sizeof(path), "%s.d/10-a.conf", file);
    write_bytes(path, "[log]\nlevel = debug\n[receiver \"a\"]\nsend_resolved = no\n", 54);
    snprintf(path, sizeof(path), "%s.d/30-c.conf.bak", file);
    write_bytes(path, "nonsense", 8);
    ck_assert_int_eq(load("[log]\nlevel = warning\n[receiver \"a\"]\nurl = http://a\n"), 0);
    ck_assert_int_eq(conf.log_level, LOG_LEVEL_ERROR);
    ck_assert_str_eq(conf.receivers[0].url, "http://a");
    ck_assert(!conf.receivers[0].send_resolved);
    snprintf(path, sizeof(path), "%s.d/40-d.conf", file);
    write_bytes(path, "[log]\nlevle = info\n", 19);
    ck_assert_int_lt(conf_load(&conf, file, error), 0);
    ck_assert_ptr_nonnull(strstr(error, "leakd.conf.d/40-d.conf:2: "));
    ck_assert_int_eq(conf.log_level, LOG_LEVEL_ERROR);
}
END_TEST

START_TEST(a_receiver_without_url_is_refused)
{
    ck_assert_int_lt(load("[receiver \"a\"]\nsend_resolved = no\n"), 0);
    ck_assert_ptr_nonnull(strstr(error, "receiver \"a\" has no url"));
}
END_TEST

START_TEST(an_empty_file_changes_nothing)
{
    struct conf before = conf;

    ck_assert_int_eq(load(""), 0);
    ck_assert_int_eq(memcmp(&before, &conf, sizeof(conf)), 0);
}
END_TEST

START_TEST(a_missing_file_is_said)
{
    ck_assert_int_eq(conf_load(&conf, "/nonexistent/leakd.conf", error), -ENOENT);
    ck_assert_ptr_nonnull(strstr(error, "/nonexistent/leakd.conf"));
    ck_assert_int_lt(conf_load(&conf, folder, error), 0);
}
END_TEST

START_TEST(more_receivers_than_fit_are_refused)
{
    char text[8192] = "";
    size_t len = 0;

    for (int i = 0; i < CONF_RECEIVERS_MAX + 1; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len,
                                "[receiver \"r%d\"]\nurl = http://a\n", i);
    refused(text, 2 * CONF_RECEIVERS_MAX + 1, "more than 32 receivers");
}
END_TEST

START_TEST(the_print_is_read_back_the_same)
{
    struct conf again;
    struct buf out;

    ck_assert_int_eq(load("[receiver \"a\"]\nurl = http://a/b\nsecret = /etc/x\n[http]\nsocket =\n"
                          "[store]\nexited_retention = 90m\n"),
                     0);
    buf_init(&out, 1 << 20);
    conf_print(&conf, &out);
    write_bytes(file, out.data, out.len);
    ck_assert_int_eq(conf_init(&again, false, NULL, NULL, error), 0);
    ck_assert_msg(conf_load(&again, file, error) == 0, "%s\n%s", error, out.data);
    ck_assert_int_eq(memcmp(&again, &conf, sizeof(conf)), 0);
    buf_done(&out);
}
END_TEST

START_TEST(the_print_masks_what_is_secret)
{
    struct buf out;

    ck_assert_int_eq(
        load("[receiver \"a\"]\nurl = https://me:word@h.example/p?token=abc#x\nsecret = ops\n"), 0);
    snprintf(conf.receivers[0].secret_value, CONF_SECRET_MAX, "whsec_hidden");
    buf_init(&out, 1 << 20);
    conf_print(&conf, &out);
    ck_assert_ptr_nonnull(strstr(out.data, "url = https://***@h.example/p?***\n"));
    ck_assert_ptr_null(strstr(out.data, "word"));
    ck_assert_ptr_null(strstr(out.data, "abc"));
    ck_assert_ptr_null(strstr(out.data, "hidden"));
    buf_done(&out);
}
END_TEST

START_TEST(only_keys_that_need_a_restart_are_named)
{
    struct conf before = conf;
    char keys[256] = "";

    ck_assert_int_eq(load("[log]\nlevel = debug\n[receiver \"a\"]\nurl = http://a\n"), 0);
    ck_assert(!conf_changed_fixed(&before, &conf, keys, sizeof(keys)));
    ck_assert_int_eq(load("[http]\nlisten = 127.0.0.1:1\n[store]\nprocesses_max = 2\n"), 0);
    ck_assert(conf_changed_fixed(&before, &conf, keys, sizeof(keys)));
    ck_assert_str_eq(keys, "[http] listen, [store] processes_max");
}
END_TEST

static void give_secret(const char *secret, mode_t mode, const char *content)
{
    char path[256];

    snprintf(path, sizeof(path), "%s/key", folder);
    write_bytes(path, content, strlen(content));
    ck_assert_int_eq(chmod(path, mode), 0);
    conf.receiver_count = 1;
    snprintf(conf.receivers[0].name, sizeof(conf.receivers[0].name), "a");
    if (!conf.receivers[0].type[0])
        snprintf(conf.receivers[0].type, sizeof(conf.receivers[0].type), "webhook");
    snprintf(conf.receivers[0].secret, sizeof(conf.receivers[0].secret), "%s",
             secret ? secret : path);
}

#define SECRET "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

START_TEST(a_secret_comes_from_a_private_file)
{
    give_secret(NULL, 0600, SECRET "\n");
    ck_assert_int_eq(conf_load_secrets(&conf, error), 0);
    ck_assert_str_eq(conf.receivers[0].secret_value, SECRET);
    give_secret(NULL, 0640, SECRET "\n");
    ck_assert_int_eq(conf_load_secrets(&conf, error), -EPERM);
    ck_assert_ptr_nonnull(strstr(error, "chmod 0600"));
    ck_assert_str_eq(conf.receivers[0].secret_value, "");
}
END_TEST

START_TEST(a_secret_comes_from_the_credentials)
{
    unsetenv("CREDENTIALS_DIRECTORY");
    give_secret("key", 0440, SECRET);
    ck_assert_int_eq(conf_load_secrets(&conf, error), -ENOENT);
    ck_assert_ptr_nonnull(strstr(error, "LoadCredential=key:"));
    setenv("CREDENTIALS_DIRECTORY", folder, 1);
    ck_assert_int_eq(conf_load_secrets(&conf, error), 0);
    ck_assert_str_eq(conf.receivers[0].secret_value, SECRET);
}
END_TEST

START_TEST(what_is_no_secret_is_refused_and_not_shown)
{
    give_secret(NULL, 0600, "hunter2");
    ck_assert_int_eq(conf_load_secrets(&conf, error), -EINVAL);
    ck_assert_ptr_null(strstr(error, "hunter2"));
    ck_assert_ptr_nonnull(strstr(error, "base64"));
    give_secret(NULL, 0600, "");
    ck_assert_int_eq(conf_load_secrets(&conf, error), -EINVAL);
}
END_TEST

START_TEST(folders_are_made_for_their_user_alone)
{
    char runtime[128], state[128];
    struct stat st;

    snprintf(runtime, sizeof(runtime), "%s/a/run", folder);
    snprintf(state, sizeof(state), "%s/b/c/state", folder);
    ck_assert_int_eq(conf_init(&conf, true, runtime, state, error), 0);
    ck_assert_int_eq(conf_make_folders(&conf, error), 0);
    ck_assert_int_eq(conf_make_folders(&conf, error), 0);
    ck_assert_int_eq(stat(runtime, &st), 0);
    ck_assert_int_eq(st.st_mode & 0777, 0700);
    ck_assert_int_eq(stat(state, &st), 0);
    ck_assert_int_eq(st.st_mode & 0777, 0700);
    ck_assert_int_eq(chmod(runtime, 0777), 0);
    ck_assert_int_eq(conf_make_folders(&conf, error), -EPERM);
    ck_assert_int_eq(rmdir(runtime), 0);
    ck_assert_int_eq(symlink("/tmp", runtime), 0);
    ck_assert_int_eq(conf_make_folders(&conf, error), -EPERM);
}
END_TEST

START_TEST(clients_find_the_own_daemon_before_the_services)
{
    struct conf_sockets sockets;
    char path[256];

    setenv("XDG_RUNTIME_DIR", folder, 1);
    conf_default_sockets(&sockets);
    ck_assert_str_eq(sockets.api, "/run/leakd/api.sock");
    ck_assert_str_eq(sockets.agents, "/run/leakd/agent.sock");
    snprintf(path, sizeof(path), "%s/leakd", folder);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    snprintf(path, sizeof(path), "%s/leakd/api.sock", folder);
    write_bytes(path, "", 0);
    conf_default_sockets(&sockets);
    ck_assert_str_eq(sockets.api, path);
}
END_TEST

START_TEST(every_default_in_the_table_is_valid)
{
    static struct conf_receiver receiver;
    char why[CONF_ERROR_MAX], text[2048];

    for (size_t i = 0; i < conf_key_count; i++) {
        const struct conf_key *key = &conf_keys[i];
        bool of_receiver = !strcmp(key->section, CONF_RECEIVER_SECTION);
        void *base = of_receiver ? (void *)&receiver : &conf;

        if (!key->initial[0] && !key->optional)
            continue; /* a receiver's url has no default */
        ck_assert_int_eq(conf_key_set(key, base, key->initial, why, sizeof(why)), 0);
        conf_key_get(key, base, text, sizeof(text));
        ck_assert_str_eq(text, key->initial);
    }
}
END_TEST

SUITE_MAIN_FIXTURE(
    "base_conf", make_world, remove_world, service_defaults_are_the_system_folders,
    user_mode_follows_xdg, user_mode_without_xdg_falls_back, folders_given_win_over_the_environment,
    every_key_is_read, unknown_names_are_errors_with_a_hint, bad_values_are_errors_with_the_way_out,
    listening_to_the_network_is_refused_with_the_reason, long_lines_are_refused_not_cut,
    long_and_strange_sections_are_refused, lines_that_say_nothing_are_refused,
    a_nul_byte_does_not_hide_the_rest, a_key_twice_in_a_file_is_refused,
    indented_lines_are_keys_not_continuations, dropins_come_after_the_file_in_order,
    a_receiver_without_url_is_refused, an_empty_file_changes_nothing, a_missing_file_is_said,
    more_receivers_than_fit_are_refused, the_print_is_read_back_the_same,
    the_print_masks_what_is_secret, only_keys_that_need_a_restart_are_named,
    a_secret_comes_from_a_private_file, a_secret_comes_from_the_credentials,
    what_is_no_secret_is_refused_and_not_shown, folders_are_made_for_their_user_alone,
    clients_find_the_own_daemon_before_the_services, every_default_in_the_table_is_valid)
