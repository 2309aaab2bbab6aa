/* SPDX-License-Identifier: MIT */
/* leakctl show: one process, why and where. */
#include <stdio.h>
#include <string.h>

#include "daemon/base/buf.h"
#include "daemon/base/json.h"
#include "daemon/ctl/client.h"
#include "daemon/ctl/command.h"
#include "daemon/ctl/ctl.h"
#include "daemon/ctl/evidence.h"
#include "daemon/ctl/figure.h"
#include "daemon/ctl/find.h"
#include "daemon/ctl/text.h"

#define OUT_MAX (32u << 20)
#define TOP     "8"

struct show {
    const struct client *client;
    struct list processes;
    struct answer whole; /* the process as it is sent alone */
    struct answer sites;
    struct answer types;
    struct answer incidents;
    const struct json_tree *process;
};

/* ---- printing ------------------------------------------------------------------------------ */

static void put_line(struct buf *out, const char *label, const char *text)
{
    buf_printf(out, "  %-10s ", label);
    text_put_safe(out, text);
    buf_putc(out, '\n');
}

static void put_identity(struct buf *out, const struct json_tree *process)
{
    text_put_safe(out, json_get_str(process, "name", json_get_str(process, "exe", NULL)));
    buf_puts(out, "  ");
    text_put_safe(out, json_get_str(process, "runtime", NULL));
    buf_printf(out, "  pid %.0f  id ", json_get_double(process, "pid", 0));
    text_put_safe(out, json_get_str(process, "id", NULL));
    buf_puts(out, "  ");
    text_put_safe(out, json_get_str(process, "state", NULL));
    buf_putc(out, '\n');
}

static void put_verdict(struct buf *out, const struct json_tree *process, bool raw)
{
    const char *verdict = json_get_str(process, "verdict", "-");
    const char *summary = json_get_str(process, "summary", "");
    char text[FIGURE_MAX];

    buf_puts(out, "  ");
    if (strncmp(summary, verdict, strlen(verdict)) != 0) { /* the sentence may begin with it */
        text_put_safe(out, verdict);
        buf_puts(out, ": ");
    }
    text_put_safe(out, summary);
    buf_putc(out, '\n');
    figure_growth(process, raw, text);
    put_line(out, "growth", text);
    figure_time(process, "since_ms", raw, text);
    put_line(out, "since", text);
    figure_bytes(process, "live_bytes", raw, text);
    put_line(out, "live", text);
    figure_bytes(process, "rss_bytes", raw, text);
    put_line(out, "rss", text);
}

static void put_limit(struct buf *out, const struct json_tree *process, bool raw)
{
    const char *source = json_get_str(process, "limit_source", NULL);
    char bytes[FIGURE_MAX], when[FIGURE_MAX], text[3 * FIGURE_MAX];

    figure_bytes(process, "limit_bytes", raw, bytes);
    figure_forecast(process, raw, when);
    snprintf(text, sizeof(text), "%s%s%.40s", bytes, source ? " " : "", source ? source : "");
    put_line(out, "limit", text);
    put_line(out, "reached in", when);
}

/* What pymalloc's arenas hold beyond the objects in them is its fragmentation. */
static void put_arenas(struct buf *out, const struct json_tree *domains, bool raw)
{
    const struct json_tree *python = json_get(domains, "python");
    char live[FIGURE_MAX], mapped[FIGURE_MAX], text[3 * FIGURE_MAX];

    if (!python)
        return;
    figure_bytes(python, "live_bytes", raw, live);
    figure_bytes(python, "mapped_bytes", raw, mapped);
    snprintf(text, sizeof(text), "%s of small objects in arenas of %s", live, mapped);
    put_line(out, "python", text);
}

static void put_maps(struct buf *out, const struct json_tree *domains, bool raw)
{
    const struct json_tree *mapped = json_get(domains, "mmap");
    char live[FIGURE_MAX], text[3 * FIGURE_MAX];

    if (!mapped)
        return;
    figure_bytes(mapped, "live_bytes", raw, live);
    snprintf(text, sizeof(text), "%s in %.0f pieces that the program maps itself", live,
             json_get_double(mapped, "live_count", 0));
    put_line(out, "mmap", text);
}

static void put_group(struct buf *out, const struct json_tree *group, bool raw)
{
    double members = json_get_double(group, "members", 0);
    char live[FIGURE_MAX], gained[FIGURE_MAX], text[3 * FIGURE_MAX];

    if (members == 0) {
        if (json_get_str(group, "id", NULL))
            put_line(out, "worker of", json_get_str(group, "id", NULL));
        return;
    }
    figure_bytes(group, "live_bytes", raw, live);
    figure_bytes(group, "gained_bytes", raw, gained);
    snprintf(text, sizeof(text), "%.0f, %s together; %.0f ended; gained %s", members - 1, live,
             json_get_double(group, "ended", 0), gained);
    put_line(out, "workers", text);
}

/* What the garbage collector took, in how many collections. */
static void put_gc(struct buf *out, const struct json_tree *gc)
{
    const struct json_tree *generations = json_get(gc, "generations");
    double pause_s = json_get_double(gc, "pause_s_total", 0);
    double uncollectable = 0;

    if (json_len(generations) == 0)
        return;
    buf_printf(out, "  %-10s ", "collected");
    for (size_t i = 0; i < json_len(generations); i++) {
        const struct json_tree *generation = json_at(generations, i);

        buf_printf(out, "%sgen %zu: %.0f in %.0f", i > 0 ? ", " : "", i,
                   json_get_double(generation, "collected", 0),
                   json_get_double(generation, "collections", 0));
        uncollectable += json_get_double(generation, "uncollectable", 0);
    }
    buf_printf(out, "; %.0f uncollectable", uncollectable);
    if (pause_s > 0)
        buf_printf(out, "; paused for %.3f s", pause_s);
    buf_putc(out, '\n');
}

/* Collections: those of what is new, and those that have looked through all. */
static void put_java_heap(struct buf *out, const struct json_tree *heap, bool raw)
{
    char used[FIGURE_MAX], committed[FIGURE_MAX], max[FIGURE_MAX], text[6 * FIGURE_MAX];

    if (json_len(heap) == 0)
        return;
    figure_bytes(heap, "used_bytes", raw, used);
    figure_bytes(heap, "committed_bytes", raw, committed);
    figure_bytes(heap, "max_bytes", raw, max);
    snprintf(text, sizeof(text), "%s left by the last collection, %s mapped, at most %s; %.0f young, "
                                 "%.0f full collections, paused for %.3f s",
             used, committed, max, json_get_double(heap, "young_collections", 0),
             json_get_double(heap, "full_collections", 0), json_get_double(heap, "pause_s_total", 0));
    put_line(out, "java heap", text);
}

static bool is_of(const struct json_tree *incident, const struct json_tree *process)
{
    return strcmp(json_get_str(json_get(incident, "process"), "id", ""),
                  json_get_str(process, "id", "-")) == 0;
}

static void put_incidents(struct show *show, struct buf *out)
{
    const struct json_tree *incidents = json_get(show->incidents.tree, "incidents");

    for (size_t i = 0; i < json_len(incidents); i++) {
        const struct json_tree *incident = json_at(incidents, i);

        if (!is_of(incident, show->process))
            continue;
        buf_puts(out, "\nIncident ");
        text_put_safe(out, json_get_str(incident, "id", NULL));
        buf_puts(out, "  ");
        text_put_safe(out, json_get_str(incident, "severity", NULL));
        buf_puts(out, "  ");
        text_put_safe(out, json_get_str(incident, "state", NULL));
        buf_puts(out, "\n  ");
        text_put_safe(out, json_get_str(incident, "summary", NULL));
        buf_putc(out, '\n');
    }
}

static int print_show(struct show *show)
{
    const struct client *client = show->client;
    struct buf out;
    int code;

    buf_init(&out, OUT_MAX);
    put_identity(&out, show->process);
    put_verdict(&out, show->process, client->bytes);
    put_limit(&out, show->process, client->bytes);
    put_group(&out, json_get(show->process, "group"), client->bytes);
    put_arenas(&out, json_get(show->process, "domains"), client->bytes);
    put_maps(&out, json_get(show->process, "domains"), client->bytes);
    put_gc(&out, json_get(show->process, "gc"));
    put_java_heap(&out, json_get(show->process, "java_heap"), client->bytes);
    evidence_put_tests(client, json_get(show->whole.tree, "tests"), "Why", &out);
    evidence_put_sites(client, json_get(show->sites.tree, "sites"), "Where it is allocated", &out);
    evidence_put_types(client, json_get(show->types.tree, "types"), "What it is", &out);
    put_incidents(show, &out);
    code = client_print(client, &out);
    buf_done(&out);
    return code;
}

static void put_raw(struct json *json, const char *key, const struct answer *answer)
{
    if (answer->text)
        json_raw(json, key, answer->text, answer->len);
    else
        json_null(json, key);
}

/* One document of the API's own answers: {"process":Process,"sites":{...},"types":{...},...}. */
static int print_json(struct show *show)
{
    struct buf out;
    struct json json;
    int code;

    buf_init(&out, OUT_MAX);
    json_init(&json, &out);
    json_object(&json, NULL);
    put_raw(&json, "process", &show->whole);
    put_raw(&json, "sites", &show->sites);
    put_raw(&json, "types", &show->types);
    put_raw(&json, "incidents", &show->incidents);
    json_object_end(&json);
    buf_putc(&out, '\n');
    code = client_print(show->client, &out);
    buf_done(&out);
    return code;
}

/* ---- the command --------------------------------------------------------------------------- */

static int get_part(const struct client *client, const char *id, const char *part,
                    struct answer *out)
{
    char path[160];

    snprintf(path, sizeof(path), "/api/v1/processes/%s%s", id, part);
    return client_get(client, path, out);
}

static int show_process(struct show *show, const char *id)
{
    int code = get_part(show->client, id, "", &show->whole);

    if (code == CTL_OK)
        code = get_part(show->client, id, "/sites?sort=growth&limit=" TOP, &show->sites);
    if (code == CTL_OK)
        code = get_part(show->client, id, "/types?sort=growth&limit=" TOP, &show->types);
    if (code == CTL_OK)
        code = client_get(show->client, "/api/v1/incidents", &show->incidents);
    if (code == CTL_OK)
        code = show->client->json ? print_json(show) : print_show(show);
    return code;
}

static int run_show(const struct command *command, int argc, char **argv)
{
    struct client client = {.command = command};
    struct show show = {.client = &client};
    char id[FIND_ID_SIZE];
    const char *what;
    int code = find_read_options(&client, NULL, argc, argv, &what);

    if (code != OPTION_GO_ON)
        return code;
    code = find_process(&client, what, &show.processes, &show.process, id);
    if (code == CTL_OK)
        code = show_process(&show, id);
    list_done(&show.processes);
    answer_done(&show.whole);
    answer_done(&show.sites);
    answer_done(&show.types);
    answer_done(&show.incidents);
    return code;
}

const struct command command_show = {
    .name = "show",
    .summary = "show one process: why, where, until when",
    .help = "Examples:\n"
            "  leakctl show shop\n"
            "  leakctl show 4711 --json\n"
            "\n"
            "usage: leakctl show ID|PID|NAME [--json | --plain] [--bytes] [--no-color]\n"
            "                    [--socket PATH | --url http://127.0.0.1:7373]\n"
            "\n"
            "  --json   one document of the API's answers  --plain  tables with tabs, no colour\n"
            "  --bytes  bytes and seconds, without units\n"
            "\n"
            "Exit: 0; 3 no daemon, 4 not permitted, 5 no such process.\n",
    .run = run_show,
};
