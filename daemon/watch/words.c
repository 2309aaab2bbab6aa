/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "daemon/watch/private.h"

struct unit {
    double bytes;
    const char *name;
};

static const struct unit *unit_of(double bytes)
{
    static const struct unit units[] = {{1099511627776.0, "TiB"},
                                        {1073741824.0, "GiB"},
                                        {1048576.0, "MiB"},
                                        {1024.0, "KiB"},
                                        {1, "B"}};
    const struct unit *unit = units;

    while (unit->bytes > 1 && fabs(bytes) < unit->bytes)
        unit++;
    return unit;
}

void words_bytes(double bytes, char *out, size_t size)
{
    const struct unit *unit = unit_of(bytes);
    double value = bytes / unit->bytes;
    bool is_whole = value == floor(value); /* "2 GiB" is how a limit was written */

    snprintf(out, size, "%.*f %s", is_whole ? 0 : 1, value, unit->name);
}

void words_span(double seconds, char *out, size_t size)
{
    unsigned long long s = seconds > 0 && seconds < 1e15 ? (unsigned long long)seconds : 0;

    if (s < 60)
        snprintf(out, size, "%llu s", s);
    else if (s < 600)
        snprintf(out, size, "%llu min %llu s", s / 60, s % 60);
    else if (s < 3600)
        snprintf(out, size, "%llu min", s / 60);
    else if (s < 10 * 3600)
        snprintf(out, size, "%llu h %llu min", s / 3600, s / 60 % 60);
    else if (s < 48 * 3600)
        snprintf(out, size, "%llu h", s / 3600);
    else if (s < 10 * 86400)
        snprintf(out, size, "%llu d %llu h", s / 86400, s / 3600 % 24);
    else
        snprintf(out, size, "%llu days", s / 86400);
}

void words_time(uint64_t wall_ms, char *out, size_t size)
{
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm tm;

    gmtime_r(&seconds, &tm);
    strftime(out, size, "%Y-%m-%d %H:%M:%S UTC", &tm);
}

void words_frame(const struct frame *frame, char *out, size_t size)
{
    const char *place = frame->file ? frame->file : frame->module;

    /* C++ names end with their arguments already; Python and C names get the brackets. */
    const char *brackets = frame->function && strchr(frame->function, '(') ? "" : "()";

    if (!place)
        place = "?";
    if (frame->file && frame->line > 0)
        snprintf(out, size, "%s:%u %s%s", basename(place), frame->line,
                 frame->function ? frame->function : "?", brackets);
    else if (frame->function)
        snprintf(out, size, "%s in %s", frame->function, basename(place));
    else
        snprintf(out, size, "%s+0x%llx", basename(place), (unsigned long long)frame->offset);
}

/* Adds to a sentence; what does not fit is cut. */
struct sentence {
    char *out;
    size_t size;
    size_t len;
};

static void say(struct sentence *sentence, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void say(struct sentence *sentence, const char *format, ...)
{
    size_t room = sentence->size - sentence->len;
    va_list args;
    int written;

    va_start(args, format);
    written = vsnprintf(sentence->out + sentence->len, room, format, args);
    va_end(args);
    if (written > 0)
        sentence->len += (size_t)written < room ? (size_t)written : room - 1;
}

/* Per second, or per hour when that is less than 1 KiB: 84.2 KiB/s (81.0 to 87.5). */
static void say_rate(struct sentence *sentence, const struct growth *growth)
{
    bool hourly = fabs(growth->estimate) < 1024;
    double scale = hourly ? 3600 : 1;
    const struct unit *unit = unit_of(growth->estimate * scale);
    double factor = scale / unit->bytes;

    say(sentence, "%.1f %s/%c (%.1f to %.1f)", growth->estimate * factor, unit->name,
        hourly ? 'h' : 's', growth->lower * factor, growth->upper * factor);
}

static void say_workers(struct sentence *sentence, const struct process_group *group)
{
    if (group->gained_bytes <= 0)
        return;
    if (group->members > 1)
        say(sentence, " in its %u worker%s together", group->members - 1,
            group->members == 2 ? "" : "s");
    if (group->ended > 0)
        say(sentence, ", with %u that ended,", group->ended);
}

static void say_growth(struct sentence *sentence, const struct process *process,
                       uint64_t now_wall_ms)
{
    uint64_t since = process->growth_since_wall_ms;
    char span[40];

    if (process->growth.known)
        say_rate(sentence, &process->growth);
    say_workers(sentence, &process->group);
    words_span(now_wall_ms > since ? (double)(now_wall_ms - since) / 1000 : 0, span, sizeof(span));
    say(sentence, " for %s", span);
}

static void say_blame(struct sentence *sentence, const struct store *store,
                      const struct process *process)
{
    struct blame blame;
    char place[200], keeper[160];

    attribute_blame(store, process, &blame);
    if (!blame.known)
        return;
    words_frame(&blame.culprit, place, sizeof(place));
    say(sentence, "; %.0f %% of it allocated at %s", blame.share * 100, place);
    if (!blame.type_name || !*blame.type_name)
        return;
    say(sentence, " as %s", blame.type_name);
    if (keeper_words(process, blame.type_name, keeper, sizeof(keeper)))
        say(sentence, ", held by %s", keeper);
}

static const char *limit_words(const char *source)
{
    if (strcmp(source, procfs_limit_name(LIMIT_HOST)) == 0)
        return "the host's memory";
    return strcmp(source, QUERY_LIMIT_HEAP) == 0 ? "the heap's maximum" : source;
}

static void say_limit(struct sentence *sentence, const struct process *process)
{
    const char *source;
    char limit[40], span[40];

    if (!process->time_to_limit.known || !isfinite(process->time_to_limit.estimate_s))
        return;
    words_bytes((double)query_limit(process, &source), limit, sizeof(limit));
    words_span(process->time_to_limit.estimate_s, span, sizeof(span));
    say(sentence, "; reaches %s (%s) in %s", limit_words(source), limit, span);
}

/* Of an alarm about resident memory, though live bytes are known. */
static void say_resident(struct sentence *sentence, const struct process *process,
                         uint64_t now_wall_ms)
{
    char live[40];

    words_bytes((double)process->live_bytes, live, sizeof(live));
    say(sentence, "resident memory grows ");
    say_growth(sentence, process, now_wall_ms);
    if (process->verdict == VERDICT_FRAGMENTATION)
        say(sentence, ", more than the %s that live in it account for", live);
    else if (process->growth_in == GROWTH_IN_ELSEWHERE)
        say(sentence, " outside of the %s that allocators gave out", live);
    else if (process->verdict == VERDICT_LEAK)
        say(sentence, ", and all that is mapped does not fit below the limit");
}

static void say_what_grows(struct sentence *sentence, const struct process *process,
                           uint64_t now_wall_ms)
{
    if (process->growth_in == GROWTH_IN_MAPPED || process->growth_in == GROWTH_IN_ELSEWHERE) {
        say_resident(sentence, process, now_wall_ms);
        return;
    }
    say(sentence, "growing ");
    say_growth(sentence, process, now_wall_ms);
    if (process->growth_in == GROWTH_IN_JAVA_HEAP)
        say(sentence, " in the Java heap");
}

static const char *doubt_of(const struct process *process)
{
    const struct detect_result *fit = &process->fit;

    if (process->growth_in == GROWTH_IN_MAPPED)
        return "but it may be memory that was mapped before and comes into use";
    if (fit->explained_by_load)
        return "but the allocations a second rise too: it may be the load";
    if (fit->oldest_die)
        return "but its oldest objects die: it may be work in progress";
    if (fit->uncollected && process->growth_in == GROWTH_IN_JAVA_HEAP)
        return "but no full garbage collection has been since: it may be garbage, which `jcmd PID "
               "GC.run` would tell";
    if (fit->uncollected)
        return "but no full garbage collection has been since: it may be garbage";
    return "not long enough to be sure";
}

void words_summary(const struct store *store, const struct process *process, uint64_t now_wall_ms,
                   char *out, size_t size)
{
    struct sentence sentence = {out, size, 0};

    switch (process->verdict) {
    case VERDICT_LEAK:
    case VERDICT_SUSPECT:
        say(&sentence, "%s: ", verdict_name(process->verdict));
        say_what_grows(&sentence, process, now_wall_ms);
        if (process->verdict == VERDICT_SUSPECT)
            say(&sentence, ", %s", doubt_of(process));
        say_blame(&sentence, store, process);
        say_limit(&sentence, process);
        break;
    case VERDICT_FRAGMENTATION:
        say(&sentence, "%s: ", verdict_name(process->verdict));
        say_resident(&sentence, process, now_wall_ms);
        say_limit(&sentence, process);
        break;
    case VERDICT_RESOLVED:
        say(&sentence, "resolved: it has stopped growing");
        break;
    case VERDICT_OK:
        say(&sentence, "ok: no steady growth");
        break;
    case VERDICT_LEARNING:
        say(&sentence, "learning: too few samples to judge");
        break;
    }
}

/* ---- incidents ------------------------------------------------------------------------------- */

/* "again since release 1.4.2": nothing is known of a program's release by its start alone. */
static void say_past(struct sentence *sentence, const struct incident_past *past)
{
    const char *again = past->again_release;
    char first[40];

    if (past->count == 0)
        return;
    words_time(past->first_wall_ms, first, sizeof(first));
    if (*again && strncmp(again, "start of ", 9) != 0)
        say(sentence, "; again since %s, first seen on %.10s", again, first);
    else
        say(sentence, "; seen %llu %s before, first on %.10s", (unsigned long long)past->count,
            past->count == 1 ? "time" : "times", first);
    if (strncmp(past->first_release, "release ", 8) == 0)
        say(sentence, " in %s", past->first_release);
}

void words_incident(struct incident *incident, const char *sentence)
{
    struct sentence out = {incident->summary, sizeof(incident->summary), 0};

    say(&out, "%s", sentence);
    say_past(&out, &incident->past);
}

void words_post_mortem(struct incident *incident)
{
    struct sentence out = {incident->summary, sizeof(incident->summary), 0};
    const struct incident_blame *blame = &incident->blame;
    uint64_t since_ms = incident->since_wall_ms;
    char text[40];

    say(&out, "%s", incident->end);
    if (blame->share > 0)
        say(&out, "; %.0f %% of the growth came from %s", blame->share * 100, blame->place);
    if (blame->share > 0 && blame->type[0])
        say(&out, " as %s", blame->type);
    say(&out, "; %s ",
        incident->verdict == VERDICT_FRAGMENTATION ? "its resident memory grew" : "it grew");
    if (incident->growth.known)
        say_rate(&out, &incident->growth);
    if (since_ms != 0 && incident->end_wall_ms > since_ms) {
        words_span((double)(incident->end_wall_ms - since_ms) / 1000, text, sizeof(text));
        say(&out, " for %s", text);
    }
    words_bytes((double)incident->rss_bytes, text, sizeof(text));
    say(&out, " and was %s at last", text);
    say_past(&out, &incident->past);
}
