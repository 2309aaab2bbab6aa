/* SPDX-License-Identifier: MIT */
/* Ends when the program has ended and its output too; who went into the background with the output
 * in hand is waited for no longer than LINGER_MS. */
#include "daemon/fetch/run.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/base/buf.h"

#define ENV_MAX   16
#define LINGER_MS 200

struct run {
    uv_process_t process;
    uv_pipe_t input;
    uv_pipe_t output;
    uv_timer_t timer;
    uv_write_t write;
    struct run_request request;
    char *words;
    char *input_bytes;
    struct buf text;
    char chunk[1024];
    unsigned handles_open;
    bool has_process; /* the handle is one */
    bool is_running;
    bool output_ended;
    bool timed_out;
    bool is_closing;
    int status;
    uint64_t begin_ms;
    run_on_done on_done;
    void *arg;
};

/* ---- the end ------------------------------------------------------------------------------- */

static void run_free(struct run *run)
{
    free(run->words);
    free(run->input_bytes);
    buf_done(&run->text);
    free(run);
}

static void on_closed(uv_handle_t *handle)
{
    struct run *run = handle->data;

    if (--run->handles_open == 0)
        run_free(run);
}

static void close_one(uv_handle_t *handle)
{
    if (!uv_is_closing(handle))
        uv_close(handle, on_closed);
}

static void close_all(struct run *run)
{
    run->is_closing = true;
    if (run->has_process)
        close_one((uv_handle_t *)&run->process);
    close_one((uv_handle_t *)&run->input);
    close_one((uv_handle_t *)&run->output);
    close_one((uv_handle_t *)&run->timer);
}

/* The last two lines say most: the last one alone may be where to read on. One line, cut to fit. */
static void last_words(const char *text, char *out, size_t size)
{
    size_t end = strlen(text), start;
    const char *newline;

    while (end > 0 && text[end - 1] == '\n')
        end--;
    start = end;
    for (int lines = 0; start > 0 && lines < 2; lines++) {
        newline = memrchr(text, '\n', start - 1);
        start = newline ? (size_t)(newline - text) : 0;
    }
    start += text[start] == '\n';
    snprintf(out, size, "%s%.*s", end > start ? "; its last words: " : "", (int)(end - start),
             text + start);
    for (char *at = out; (at = strchr(at, '\n')) != NULL;)
        *at = ' ';
}

static void describe(const struct run *run, struct run_result *out)
{
    char words[sizeof(out->message) - 96];

    last_words(out->output, words, sizeof(words));
    if (run->timed_out)
        snprintf(out->message, sizeof(out->message),
                 "the command ran longer than %.0f s and was killed%s",
                 (double)run->request.timeout_ms / 1000, words);
    else if (run->status != 0)
        snprintf(out->message, sizeof(out->message), "the command ended with status %d%s",
                 run->status, words);
}

static void finish(struct run *run)
{
    struct run_result result = {.status = run->status,
                                .output = run->text.data ? run->text.data : "",
                                .elapsed_ms = uv_hrtime() / 1000000 - run->begin_ms};

    if (run->is_closing)
        return;
    result.error = run->timed_out ? -ETIMEDOUT : run->status != 0 ? -ECHILD : 0;
    describe(run, &result);
    close_all(run);
    run->on_done(run->arg, &result);
}

void run_cancel(struct run *run)
{
    if (run->is_running)
        kill(-run->process.pid, SIGKILL);
    close_all(run);
}

/* ---- while it runs ------------------------------------------------------------------------- */

static void on_linger(uv_timer_t *timer)
{
    finish(timer->data);
}

static void on_exit_of(uv_process_t *process, int64_t exit_status, int term_signal)
{
    struct run *run = process->data;

    run->is_running = false;
    run->status = term_signal ? 128 + term_signal : (int)exit_status;
    if (run->is_closing)
        return;
    if (run->output_ended)
        finish(run);
    else
        uv_timer_start(&run->timer, on_linger, LINGER_MS, 0);
}

static void on_late(uv_timer_t *timer)
{
    struct run *run = timer->data;

    run->timed_out = true;
    kill(-run->process.pid, SIGKILL); /* not reaped yet: the group is still ours */
}

static void on_alloc(uv_handle_t *handle, size_t wanted, uv_buf_t *out)
{
    struct run *run = handle->data;

    (void)wanted;
    *out = uv_buf_init(run->chunk, sizeof(run->chunk));
}

/* What is too much is read all the same: the program must not stand still. */
static void on_read(uv_stream_t *stream, ssize_t len, const uv_buf_t *buf)
{
    struct run *run = stream->data;

    if (len > 0) {
        size_t room = RUN_OUTPUT_MAX - run->text.len;

        buf_put(&run->text, buf->base, (size_t)len < room ? (size_t)len : room);
        return;
    }
    if (len == 0)
        return;
    run->output_ended = true;
    uv_read_stop(stream);
    if (!run->is_running)
        finish(run);
}

/* The program may end without reading: that is no error. */
static void on_written(uv_write_t *write, int status)
{
    struct run *run = write->data;

    (void)status;
    if (!run->is_closing)
        close_one((uv_handle_t *)&run->input);
}

/* ---- the beginning ------------------------------------------------------------------------- */

static int cut_words(char *words, char **out)
{
    size_t count = 0;
    char *rest = words;
    char *word;

    while ((word = strsep(&rest, " \t"))) {
        if (!*word)
            continue;
        if (count == RUN_WORDS_MAX)
            return -E2BIG;
        out[count++] = word;
    }
    out[count] = NULL;
    return count > 0 && out[0][0] == '/' ? 0 : -EINVAL;
}

static void set_env(const struct run_request *request, char **out)
{
    static char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    static char lang[] = "LANG=C.UTF-8";
    size_t count = 0;

    out[count++] = path;
    out[count++] = lang;
    for (size_t i = 0; request->env && request->env[i] && count < ENV_MAX; i++)
        out[count++] = (char *)(uintptr_t)request->env[i];
    out[count] = NULL;
}

static int spawn(struct run *run, uv_loop_t *loop, int output_fd)
{
    char *words[RUN_WORDS_MAX + 1], *env[ENV_MAX + 1];
    uv_stdio_container_t stdio[3] = {
        {.flags = UV_CREATE_PIPE | UV_READABLE_PIPE, .data.stream = (uv_stream_t *)&run->input},
        {.flags = UV_INHERIT_FD, .data.fd = output_fd},
        {.flags = UV_INHERIT_FD, .data.fd = output_fd}};
    uv_process_options_t options = {.exit_cb = on_exit_of,
                                    .args = words,
                                    .env = env,
                                    .cwd = "/",
                                    .flags = UV_PROCESS_DETACHED,
                                    .stdio_count = 3,
                                    .stdio = stdio};
    int rc = cut_words(run->words, words);

    if (rc < 0)
        return rc;
    set_env(&run->request, env);
    options.file = words[0];
    /* Libraries open descriptors as they like (libcurl a pair of sockets). Where the kernel is too
     * old for this the program gets those. */
    close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
    run->has_process = true; /* also when it fails */
    run->handles_open++;
    rc = uv_spawn(loop, &run->process, &options);
    run->is_running = rc == 0;
    return rc;
}

static void init_handles(struct run *run, uv_loop_t *loop)
{
    uv_pipe_init(loop, &run->input, 0); /* these cannot fail */
    uv_pipe_init(loop, &run->output, 0);
    uv_timer_init(loop, &run->timer);
    run->input.data = run->output.data = run->timer.data = run;
    run->process.data = run->write.data = run;
    run->handles_open = 3;
}

static int begin(struct run *run, uv_loop_t *loop)
{
    uv_buf_t bytes = uv_buf_init(run->input_bytes, (unsigned)run->request.input_len);
    int fds[2];
    int rc;

    if (pipe2(fds, O_CLOEXEC) < 0)
        return -errno;
    rc = uv_pipe_open(&run->output, fds[0]);
    if (rc < 0)
        close(fds[0]);
    else
        rc = spawn(run, loop, fds[1]);
    close(fds[1]);
    if (rc < 0)
        return rc;
    rc = uv_read_start((uv_stream_t *)&run->output, on_alloc, on_read);
    if (rc == 0)
        rc = uv_write(&run->write, (uv_stream_t *)&run->input, &bytes, 1, on_written);
    if (rc == 0)
        rc = uv_timer_start(&run->timer, on_late, run->request.timeout_ms, 0);
    return rc;
}

int run_start(uv_loop_t *loop, const struct run_request *request, run_on_done on_done, void *arg,
              struct run **out)
{
    struct run *run = calloc(1, sizeof(*run));
    int rc;

    if (!run)
        return -ENOMEM;
    run->request = *request;
    run->words = strdup(request->command);
    run->input_bytes = malloc(request->input_len + 1);
    if (!run->words || !run->input_bytes) {
        run_free(run);
        return -ENOMEM;
    }
    if (request->input_len > 0) /* else there may be no input at all */
        memcpy(run->input_bytes, request->input, request->input_len);
    buf_init(&run->text, RUN_OUTPUT_MAX + 1);
    run->on_done = on_done;
    run->arg = arg;
    run->begin_ms = uv_hrtime() / 1000000;
    init_handles(run, loop);
    rc = begin(run, loop);
    if (rc < 0) {
        run_cancel(run);
        return rc;
    }
    *out = run;
    return 0;
}
