/* SPDX-License-Identifier: MIT */
/* leakctl ack, silence, resolve and mark: what people tell leakd. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/buf.h"
#include "daemon/base/json.h"
#include "daemon/ctl/client.h"
#include "daemon/ctl/command.h"
#include "daemon/ctl/ctl.h"
#include "daemon/ctl/text.h"

#define BODY_MAX 16384

struct words {
    const char *by;
    const char *reason;
    const char *duration;
    const char *unit;
    const char *process;
    bool release;
};

/* The name behind sudo, for the others can read it in the incident. */
static const char *own_name(void)
{
    static const char *const variables[] = {"SUDO_USER", "LOGNAME", "USER"};

    for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
        const char *value = getenv(variables[i]);

        if (value && *value)
            return value;
    }
    return "leakctl";
}

static void put_given(struct json *json, const char *key, const char *value)
{
    if (value)
        json_str(json, key, value);
}

static int say(const struct client *client, const struct answer *answer, const char *key)
{
    struct buf out;
    int code;

    buf_init(&out, BODY_MAX);
    if (client->json)
        buf_put(&out, answer->text, answer->len);
    else
        buf_printf(&out, "%s ", json_get_str(answer->tree, "id", "-"));
    if (!client->json)
        text_put_safe(&out, json_get_str(answer->tree, key, "-"));
    buf_putc(&out, '\n');
    code = client_print(client, &out);
    buf_done(&out);
    return code;
}

static int post(const struct client *client, const char *path, struct buf *body, const char *key)
{
    struct answer answer;
    int code = client_post(client, path, body, &answer);

    if (code == CTL_OK)
        code = say(client, &answer, key);
    answer_done(&answer);
    buf_done(body);
    return code;
}

/* ---- incidents ------------------------------------------------------------------------------- */

static bool is_id(const char *text)
{
    return *text && !text[strspn(text, "0123456789abcdefghijklmnopqrstuvwxyz"
                                       "ABCDEFGHIJKLMNOPQRSTUVWXYZ-_")];
}

static int change(const struct command *command, const char *verb, int argc, char **argv)
{
    struct client client = {.command = command};
    struct words words = {.by = own_name()};
    const struct option_row own[] = {{"by", &words.by, NULL},
                                     {"reason", &words.reason, NULL},
                                     {"for", &words.duration, NULL},
                                     {NULL, NULL, NULL}};
    struct json json;
    struct buf body;
    char path[160];
    int count;
    int code = client_read_options(&client, own, argc, argv, &count);

    if (code != OPTION_GO_ON)
        return code;
    if (count != 1 || !is_id(argv[1])) {
        fprintf(stderr, "leakctl %s: takes the id of one incident; leakctl incidents lists them\n",
                command->name);
        return CTL_USAGE;
    }
    buf_init(&body, BODY_MAX);
    json_init(&json, &body);
    json_object(&json, NULL);
    put_given(&json, "by", words.by);
    put_given(&json, "reason", words.reason);
    put_given(&json, "duration", words.duration);
    json_object_end(&json);
    snprintf(path, sizeof(path), "/api/v1/incidents/%.100s/%s", argv[1], verb);
    return post(&client, path, &body, "state");
}

static int run_ack(const struct command *command, int argc, char **argv)
{
    return change(command, "acknowledge", argc, argv);
}

static int run_silence(const struct command *command, int argc, char **argv)
{
    return change(command, "silence", argc, argv);
}

static int run_resolve(const struct command *command, int argc, char **argv)
{
    return change(command, "resolve", argc, argv);
}

#define CHANGE_OPTIONS                                                                             \
    "  --reason TEXT  why; it stands in the incident's log\n"                                      \
    "  --for SPAN     after which it opens again by itself: 30m, 8h, 2d\n"                         \
    "  --by NAME      who; else you\n"                                                             \
    "  --json         the API's answer\n"                                                          \
    "\n"                                                                                           \
    "Exit: 0; 2 wrong usage, or it is resolved already; 3 no daemon, 4 not permitted,\n"           \
    "5 no such incident.\n"
#define CHANGE_USAGE                                                                               \
    " [--reason TEXT] [--for SPAN] [--by NAME] [--json]\n"                                         \
    "               [--socket PATH | --url http://127.0.0.1:7373]\n\n"

const struct command command_ack = {
    .name = "ack",
    .summary = "say that you work on an incident: it pages nobody until it becomes critical",
    .help = "Examples:\n"
            "  leakctl ack 7K2M9QXA --reason \"rolling back\"\n"
            "\n"
            "usage: leakctl ack ID" CHANGE_USAGE CHANGE_OPTIONS,
    .run = run_ack,
};

const struct command command_silence = {
    .name = "silence",
    .summary = "let an incident page nobody for a while, or until it becomes critical",
    .help =
        "Examples:\n"
        "  leakctl silence 7K2M9QXA --for 2d --reason \"restarts nightly\"\n"
        "\n"
        "usage: leakctl silence ID" CHANGE_USAGE "Without --for it is 8 hours.\n\n" CHANGE_OPTIONS,
    .run = run_silence,
};

const struct command command_resolve = {
    .name = "resolve",
    .summary = "say that an incident is over",
    .help = "Examples:\n"
            "  leakctl resolve 7K2M9QXA --reason \"it is a cache\"\n"
            "\n"
            "usage: leakctl resolve ID" CHANGE_USAGE CHANGE_OPTIONS,
    .run = run_resolve,
};

/* ---- marks ----------------------------------------------------------------------------------- */

static int run_mark(const struct command *command, int argc, char **argv)
{
    struct client client = {.command = command};
    struct words words = {.by = own_name()};
    const struct option_row own[] = {{"by", &words.by, NULL},
                                     {"unit", &words.unit, NULL},
                                     {"process", &words.process, NULL},
                                     {"release", NULL, &words.release},
                                     {NULL, NULL, NULL}};
    struct json json;
    struct buf body;
    int count;
    int code = client_read_options(&client, own, argc, argv, &count);

    if (code != OPTION_GO_ON)
        return code;
    if (count != 1 || !*argv[1]) {
        fputs("leakctl mark: takes one text; put it into quotes\n", stderr);
        return CTL_USAGE;
    }
    buf_init(&body, BODY_MAX);
    json_init(&json, &body);
    json_object(&json, NULL);
    json_str(&json, "text", argv[1]);
    json_str(&json, "kind", words.release ? "release" : "event");
    put_given(&json, "unit", words.unit);
    put_given(&json, "process", words.process);
    put_given(&json, "by", words.by);
    json_object_end(&json);
    return post(&client, "/api/v1/marks", &body, "text");
}

const struct command command_mark = {
    .name = "mark",
    .summary = "announce a release or an event, for the incidents to come",
    .help = "Examples:\n"
            "  leakctl mark --release --unit shop.service 1.4.2\n"
            "  leakctl mark \"the load test begins\"\n"
            "\n"
            "usage: leakctl mark [--release] [--unit UNIT | --process ID] [--by NAME] TEXT\n"
            "                    [--json] [--socket PATH | --url http://127.0.0.1:7373]\n"
            "\n"
            "  --release     TEXT names what runs from now on: an incident says since which\n"
            "                release its leak is back\n"
            "  --unit UNIT   of this service alone, --process ID of this process; else of all\n"
            "  --by NAME     who; else you\n"
            "  --json        the API's answer\n"
            "\n"
            "Exit: 0; 2 wrong usage; 3 no daemon, 4 not permitted, 5 no such process.\n",
    .run = run_mark,
};
