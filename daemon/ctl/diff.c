/* SPDX-License-Identifier: MIT */
/* leakctl diff: what a process holds more of than at another time, by line. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "daemon/base/buf.h"
#include "daemon/base/json.h"
#include "daemon/ctl/client.h"
#include "daemon/ctl/command.h"
#include "daemon/ctl/ctl.h"
#include "daemon/ctl/figure.h"
#include "daemon/ctl/find.h"
#include "daemon/ctl/table.h"
#include "daemon/ctl/text.h"
#include "daemon/detect/phrase.h"

#define OUT_MAX   (32u << 20)
#define FRAME_MAX 512

static void change_text(double bytes, bool raw, char out[FIGURE_MAX])
{
    char text[64];

    if (raw) {
        snprintf(out, FIGURE_MAX, "%+.0f", bytes);
        return;
    }
    phrase_bytes(fabs(bytes), text, sizeof(text));
    snprintf(out, FIGURE_MAX, "%s%s", bytes < 0 ? "-" : "+", text);
}

static void put_place(struct table *table, const struct json_tree *place, bool raw)
{
    char text[FIGURE_MAX], frame[FRAME_MAX];

    figure_frame(place, frame, sizeof(frame));
    table_put(table, frame);
    change_text(json_get_double(place, "delta", 0), raw, text);
    table_put(table, text);
    figure_bytes(place, "before", raw, text);
    table_put(table, text);
    figure_bytes(place, "value", raw, text);
    table_put(table, text);
}

static void put_heading(const struct client *client, const struct json_tree *tree, struct buf *out)
{
    char from[FIGURE_MAX], to[FIGURE_MAX];

    if (client->plain)
        return;
    figure_time(tree, "from_ms", client->bytes, from);
    figure_time(tree, "to_ms", client->bytes, to);
    buf_printf(out, "%s against %s\n", to, from);
}

static int print(const struct client *client, const struct answer *answer)
{
    static const char *const heads[] = {"WHERE", ">CHANGE", ">BEFORE", ">AFTER", NULL};
    const struct json_tree *places = json_get(answer->tree, "places");
    struct table table;
    struct buf out;
    int code;

    buf_init(&out, OUT_MAX);
    table_init(&table, heads);
    if (client->json) {
        buf_printf(&out, "%s\n", answer->text);
    } else {
        put_heading(client, answer->tree, &out);
        for (size_t i = 0; i < json_len(places); i++)
            put_place(&table, json_at(places, i), client->bytes);
        if (!table_print(&table, client->plain, client_colour(client), &out))
            out.failed = true;
    }
    code = client_print(client, &out);
    table_done(&table);
    buf_done(&out);
    return code;
}

/* Milliseconds since 1970, RFC 3339, or "10m" for ten minutes ago; "" when it is none of them. */
static void moment(const char *text, char *out, size_t size)
{
    static const struct {
        char unit;
        unsigned seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
    size_t digits = strspn(text, "0123456789");
    unsigned long long number = 0;
    struct timespec now;

    snprintf(out, size, "%s", text[strspn(text, "0123456789:.TZtz-")] == '\0' ? text : "");
    if (digits == 0 || digits > 9 || strlen(text) != digits + 1)
        return;
    for (size_t i = 0; i < digits; i++)
        number = number * 10 + (unsigned)(text[i] - '0');
    clock_gettime(CLOCK_REALTIME, &now);
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
        if (units[i].unit == text[digits])
            snprintf(out, size, "%llu",
                     ((unsigned long long)now.tv_sec - number * units[i].seconds) * 1000);
}

/* Appends "&name=moment" when it was given. */
static bool put_moment(char *path, size_t size, const char *name, const char *text)
{
    char when[64];
    size_t len = strlen(path);

    if (!text)
        return true;
    moment(text, when, sizeof(when));
    if (!*when) {
        fprintf(stderr,
                "leakctl diff: --%s is 10m, 2h, 1d for so long ago, or 2026-11-22T09:00:00Z\n",
                name);
        return false;
    }
    snprintf(path + len, size - len, "&%s=%s", name, when);
    return true;
}

static int run_diff(const struct command *command, int argc, char **argv)
{
    struct client client = {.command = command};
    const char *from = NULL, *to = NULL, *what;
    const struct option_row more[] = {{"from", &from, NULL}, {"to", &to, NULL}, {0}};
    struct answer answer = {0};
    char id[FIND_ID_SIZE], path[320];
    int code = find_read_options(&client, more, argc, argv, &what);

    if (code != OPTION_GO_ON)
        return code;
    code = find_process_id(&client, what, id);
    if (code != CTL_OK)
        return code;
    snprintf(path, sizeof(path), "/api/v1/processes/%s/flamegraph?metric=diff", id);
    if (!put_moment(path, sizeof(path), "from", from) || !put_moment(path, sizeof(path), "to", to))
        return CTL_USAGE;
    code = client_get(&client, path, &answer);
    if (code == CTL_OK)
        code = print(&client, &answer);
    answer_done(&answer);
    return code;
}

const struct command command_diff = {
    .name = "diff",
    .summary = "what a process holds more of than before, by line",
    .help = "Examples:\n"
            "  leakctl diff shop --from 30m\n"
            "  leakctl diff shop --from 2026-11-22T09:00:00Z --to 2026-11-22T10:00:00Z\n"
            "\n"
            "usage: leakctl diff ID|PID|NAME [--from WHEN] [--to WHEN]\n"
            "                   [--json | --plain] [--bytes] [--no-color]\n"
            "                   [--socket PATH | --url http://127.0.0.1:7373]\n"
            "\n"
            "  --from  10m, 2h, 1d ago, or RFC 3339; without: when the growth began\n"
            "  --to    the same; without: now\n"
            "\n"
            "The recorded moment nearest to each is used: one a minute, one every 10 s while the\n"
            "process is suspect, fewer of what is long ago.\n"
            "\n"
            "Exit: 0; 3 no daemon, 4 not permitted, 5 no such process.\n",
    .run = run_diff,
};
