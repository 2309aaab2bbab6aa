/* SPDX-License-Identifier: MIT */
/* leakctl receivers: who is told and how that goes, a test, and what was given up sent again. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "daemon/base/buf.h"
#include "daemon/base/json.h"
#include "daemon/ctl/client.h"
#include "daemon/ctl/command.h"
#include "daemon/ctl/ctl.h"
#include "daemon/ctl/figure.h"
#include "daemon/ctl/table.h"
#include "daemon/ctl/text.h"

#define OUT_MAX      (1u << 20)
#define TEST_LOOKS   350 /* a bit more than the longest attempt */
#define TEST_LOOK_NS 200000000L

static bool is_name(const char *text)
{
    return *text && !text[strspn(text, "0123456789abcdefghijklmnopqrstuvwxyz"
                                       "ABCDEFGHIJKLMNOPQRSTUVWXYZ-_.")];
}

static void put_count(struct table *table, const struct json_tree *receiver, const char *key)
{
    char text[32];

    snprintf(text, sizeof(text), "%.0f", json_get_double(receiver, key, 0));
    table_put(table, text);
}

static void put_receiver(struct table *table, const struct json_tree *receiver, bool raw)
{
    char text[FIGURE_MAX];

    table_put(table, json_get_str(receiver, "name", "-"));
    table_put(table, json_get_str(receiver, "type", "-"));
    table_put(table, json_get_str(receiver, "state", "-"));
    put_count(table, receiver, "queued");
    put_count(table, receiver, "dead_letters");
    put_count(table, receiver, "delivered_total");
    figure_time(receiver, "last_delivery_ms", raw, text);
    table_put(table, text);
    table_put(table, json_get_str(receiver, "last_error", "-"));
}

static int print_list(const struct client *client, const struct json_tree *receivers)
{
    static const char *const heads[] = {"NAME",           "TYPE",       "STATE",
                                        ">WAITING",       ">DEAD",      ">DELIVERED",
                                        "LAST DELIVERED", "LAST ERROR", NULL};
    struct table table;

    table_init(&table, heads);
    for (size_t i = 0; i < json_len(receivers); i++)
        put_receiver(&table, json_at(receivers, i), client->bytes);
    return client_print_table(client, &table, "nobody is told; see [receiver] in leakd.conf(5)");
}

static void put_letters(struct buf *out, const struct json_tree *receiver, const char *key,
                        const char *title, bool raw)
{
    const struct json_tree *letters = json_get(receiver, key);
    char text[FIGURE_MAX];

    for (size_t i = 0; i < json_len(letters); i++) {
        const struct json_tree *letter = json_at(letters, i);

        figure_time(letter, "at_ms", raw, text);
        buf_printf(out, "%-8s %s  ", i == 0 ? title : "", text);
        text_put_safe(out, json_get_str(letter, "event", "-"));
        buf_puts(out, "  ");
        text_put_safe(out, json_get_str(letter, "incident_id", "-"));
        buf_printf(out, "  %.0f attempts\n", json_get_double(letter, "attempts", 0));
    }
}

static int print_one(const struct client *client, const struct json_tree *receiver)
{
    static const char *const words[] = {"name",  "type",         "place", "state",
                                        "units", "min_severity", "names", "last_error"};
    struct buf out;
    int code;

    buf_init(&out, OUT_MAX);
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        const char *value = json_get_str(receiver, words[i], NULL);

        if (!value || !*value)
            continue;
        buf_printf(&out, "%-12s ", words[i]);
        text_put_safe(&out, value);
        buf_putc(&out, '\n');
    }
    put_letters(&out, receiver, "queue", "waiting", client->bytes);
    put_letters(&out, receiver, "dead", "dead", client->bytes);
    code = client_print(client, &out);
    buf_done(&out);
    return code;
}

static int show(const struct client *client, const char *name)
{
    struct answer answer;
    struct buf out;
    char path[160];
    int code;

    snprintf(path, sizeof(path), "/api/v1/receivers%s%.64s", name ? "/" : "", name ? name : "");
    code = client_get(client, path, &answer);
    if (code != CTL_OK)
        return code;
    if (client->json) {
        buf_init(&out, answer.len + 2);
        buf_put(&out, answer.text, answer.len);
        buf_putc(&out, '\n');
        code = client_print(client, &out);
        buf_done(&out);
    } else if (name) {
        code = print_one(client, answer.tree);
    } else {
        code = print_list(client, json_get(answer.tree, "receivers"));
    }
    answer_done(&answer);
    return code;
}

static int ask(const struct client *client, const char *name, const char *verb,
               struct answer *answer)
{
    struct buf body;
    char path[160];
    int code;

    buf_init(&body, 16);
    buf_puts(&body, "{}");
    snprintf(path, sizeof(path), "/api/v1/receivers/%.64s/%s", name, verb);
    code = client_post(client, path, &body, answer);
    buf_done(&body);
    return code;
}

static int redeliver(const struct client *client, const char *name)
{
    struct answer answer;
    struct buf out;
    int code = ask(client, name, "redeliver", &answer);

    if (code != CTL_OK)
        return code;
    buf_init(&out, OUT_MAX);
    if (client->json)
        buf_printf(&out, "%s\n", answer.text);
    else
        buf_printf(&out, "%.0f notices to %s are sent again\n",
                   json_get_double(answer.tree, "queued", 0), name);
    code = client_print(client, &out);
    buf_done(&out);
    answer_done(&answer);
    return code;
}

/* ---- test ------------------------------------------------------------------------------------ */

static bool test_waits(const struct json_tree *receiver)
{
    const struct json_tree *queue = json_get(receiver, "queue");

    for (size_t i = 0; i < json_len(queue); i++) {
        if (!strcmp(json_get_str(json_at(queue, i), "event", ""), "webhook.test"))
            return true;
    }
    return false;
}

static int say_result(const struct client *client, const struct answer *answer, const char *name)
{
    const char *error = json_get_str(answer->tree, "last_error", NULL);
    struct buf out;
    int code;

    buf_init(&out, OUT_MAX);
    if (client->json)
        buf_printf(&out, "%s\n", answer->text);
    else if (error)
        buf_printf(&out, "%s did not take it: ", name);
    else
        buf_printf(&out, "%s took it\n", name);
    if (error && !client->json) {
        text_put_safe(&out, error);
        buf_putc(&out, '\n');
    }
    code = client_print(client, &out);
    buf_done(&out);
    return code == CTL_OK && error ? CTL_FOUND : code;
}

/* The answer comes to leakd: look until the test is on its way no more. */
static int test(const struct client *client, const char *name)
{
    const struct timespec pause = {.tv_nsec = TEST_LOOK_NS};
    struct answer answer;
    char path[160];
    int code = ask(client, name, "test", &answer);

    if (code != CTL_OK)
        return code;
    answer_done(&answer);
    snprintf(path, sizeof(path), "/api/v1/receivers/%.64s", name);
    for (int look = 0; look < TEST_LOOKS; look++) {
        nanosleep(&pause, NULL);
        code = client_get(client, path, &answer);
        if (code != CTL_OK)
            return code;
        if (!test_waits(answer.tree)) {
            code = say_result(client, &answer, name);
            answer_done(&answer);
            return code;
        }
        answer_done(&answer);
    }
    fprintf(stderr,
            "leakctl: %s has the test still before it (it asked for a pause, or the disk is "
            "out of order); leakctl receivers %s says more\n",
            name, name);
    return CTL_TIMEOUT;
}

/* ---- words ----------------------------------------------------------------------------------- */

static int usage(const struct command *command)
{
    fprintf(stderr, "leakctl %s: see leakctl %s --help\n", command->name, command->name);
    return CTL_USAGE;
}

static int run_receivers(const struct command *command, int argc, char **argv)
{
    struct client client = {.command = command};
    int count;
    int code = client_read_options(&client, NULL, argc, argv, &count);

    if (code != OPTION_GO_ON)
        return code;
    if (count == 0)
        return show(&client, NULL);
    if (!is_name(argv[count]) || count > 2)
        return usage(command);
    if (count == 1)
        return show(&client, argv[1]);
    if (strcmp(argv[1], "test") == 0)
        return test(&client, argv[2]);
    return strcmp(argv[1], "redeliver") == 0 ? redeliver(&client, argv[2]) : usage(command);
}

static int run_webhook(const struct command *command, int argc, char **argv)
{
    struct client client = {.command = command};
    int count;
    int code = client_read_options(&client, NULL, argc, argv, &count);

    if (code != OPTION_GO_ON)
        return code;
    if (count != 2 || strcmp(argv[1], "test") != 0 || !is_name(argv[2]))
        return usage(command);
    return test(&client, argv[2]);
}

const struct command command_receivers = {
    .name = "receivers",
    .summary = "who is told and how that goes; test one, send again what was given up",
    .help = "Examples:\n"
            "  leakctl receivers\n"
            "  leakctl receivers ops               with what waits and what was given up\n"
            "  leakctl receivers test ops\n"
            "  leakctl receivers redeliver ops\n"
            "\n"
            "usage: leakctl receivers [NAME | test NAME | redeliver NAME] [--json | --plain]\n"
            "                         [--no-color] [--socket PATH | --url http://127.0.0.1:7373]\n"
            "\n"
            "  test       sends a webhook.test before all that waits, once, and says what came\n"
            "             of it\n"
            "  redeliver  sends the dead letters again, with the ids they had\n"
            "\n"
            "Exit: 0; 1 the receiver did not take the test; 2 wrong usage, or the receiver is\n"
            "off; 3 no daemon, 4 not permitted, 5 no such receiver, 124 the test still waits.\n",
    .run = run_receivers,
};

const struct command command_webhook = {
    .name = "webhook",
    .summary = "test a receiver",
    .help = "Examples:\n"
            "  leakctl webhook test ops\n"
            "\n"
            "usage: leakctl webhook test NAME [--json]\n"
            "                       [--socket PATH | --url http://127.0.0.1:7373]\n"
            "\n"
            "The same as leakctl receivers test NAME, of whatever type the receiver is.\n"
            "\n"
            "Exit: as leakctl receivers.\n",
    .run = run_webhook,
};
