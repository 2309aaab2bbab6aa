/* SPDX-License-Identifier: MIT */
#include "daemon/symbol/symbol.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/symbol/resolver.h"

/* A request's copy. */
struct job {
    struct symbol_request request;
    struct symbol_answer answer;
};

struct symbolizer {
    uv_loop_t *loop;
    uv_async_t handle; /* closes on the loop, so that on_closed never comes from within close */
    uv_work_t work;
    struct resolver *resolver; /* the worker's while busy */
    struct job *jobs;
    size_t job_count;
    bool busy;
    _Atomic bool closing;
    symbol_on_found on_found;
    void *arg;
    void (*on_closed)(void *arg);
    void *closed_arg;
};

int symbolizer_new(uv_loop_t *loop, const char *debug_path, symbol_on_found on_found, void *arg,
                   struct symbolizer **out)
{
    struct symbolizer *symbolizer = calloc(1, sizeof(*symbolizer));
    int rc;

    if (!symbolizer)
        return -ENOMEM;
    symbolizer->loop = loop;
    symbolizer->on_found = on_found;
    symbolizer->arg = arg;
    symbolizer->work.data = symbolizer;
    symbolizer->handle.data = symbolizer;
    rc = resolver_new(debug_path, &symbolizer->resolver);
    if (rc < 0)
        goto free_symbolizer;
    rc = uv_async_init(loop, &symbolizer->handle, NULL);
    if (rc < 0)
        goto free_resolver;
    uv_unref((uv_handle_t *)&symbolizer->handle);
    *out = symbolizer;
    return 0;

free_resolver:
    resolver_free(symbolizer->resolver);
free_symbolizer:
    free(symbolizer);
    return rc;
}

static void job_done(struct job *job)
{
    free((char *)(uintptr_t)job->request.path);
    free((uint8_t *)(uintptr_t)job->request.build_id);
    symbol_answer_done(&job->answer);
}

static void free_jobs(struct symbolizer *symbolizer)
{
    for (size_t i = 0; i < symbolizer->job_count; i++)
        job_done(&symbolizer->jobs[i]);
    free(symbolizer->jobs);
    symbolizer->jobs = NULL;
    symbolizer->job_count = 0;
}

static int copy_request(const struct symbol_request *request, struct job *job)
{
    uint8_t *build_id = NULL;

    job->request = *request;
    if (!request->build_id)
        job->request.build_id_len = 0;
    job->request.path = strdup(request->path ? request->path : "");
    if (job->request.build_id_len > 0) {
        build_id = malloc(job->request.build_id_len);
        if (build_id)
            memcpy(build_id, request->build_id, job->request.build_id_len);
    }
    job->request.build_id = build_id;
    return job->request.path && (build_id || job->request.build_id_len == 0) ? 0 : -ENOMEM;
}

static int copy_requests(struct symbolizer *symbolizer, const struct symbol_request *requests,
                         size_t count)
{
    int rc = 0;

    symbolizer->jobs = calloc(count, sizeof(*symbolizer->jobs));
    if (!symbolizer->jobs)
        return -ENOMEM;
    for (size_t i = 0; rc == 0 && i < count; i++) {
        rc = copy_request(&requests[i], &symbolizer->jobs[i]);
        symbolizer->job_count++;
    }
    if (rc < 0)
        free_jobs(symbolizer);
    return rc;
}

/* Worker thread. */
static void resolve_all(uv_work_t *work)
{
    struct symbolizer *symbolizer = work->data;

    for (size_t i = 0; i < symbolizer->job_count && !atomic_load(&symbolizer->closing); i++)
        resolver_resolve(symbolizer->resolver, &symbolizer->jobs[i].request,
                         &symbolizer->jobs[i].answer);
    resolver_rest(symbolizer->resolver);
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct symbolizer *symbolizer = handle->data;
    void (*on_closed)(void *arg) = symbolizer->on_closed;
    void *arg = symbolizer->closed_arg;

    resolver_free(symbolizer->resolver);
    free_jobs(symbolizer);
    free(symbolizer);
    if (on_closed)
        on_closed(arg);
}

/* The jobs are taken out first: an answer may ask again at once. */
static void answer_all(struct symbolizer *symbolizer)
{
    struct job *jobs = symbolizer->jobs;
    size_t count = symbolizer->job_count;

    symbolizer->jobs = NULL;
    symbolizer->job_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (!atomic_load(&symbolizer->closing))
            symbolizer->on_found(symbolizer->arg, jobs[i].request.key, jobs[i].answer.frames,
                                 jobs[i].answer.count);
        job_done(&jobs[i]);
    }
    free(jobs);
}

static void on_resolved(uv_work_t *work, int status)
{
    struct symbolizer *symbolizer = work->data;

    (void)status; /* a cancelled batch has empty answers */
    symbolizer->busy = false;
    answer_all(symbolizer);
    /* An answer may have closed this, or asked again before it did. */
    if (atomic_load(&symbolizer->closing) && !symbolizer->busy &&
        !uv_is_closing((uv_handle_t *)&symbolizer->handle))
        uv_close((uv_handle_t *)&symbolizer->handle, on_handle_closed);
}

int symbolizer_ask(struct symbolizer *symbolizer, const struct symbol_request *requests,
                   size_t count)
{
    int rc;

    if (symbolizer->busy || atomic_load(&symbolizer->closing))
        return -EBUSY;
    if (count == 0)
        return 0;
    rc = copy_requests(symbolizer, requests, count);
    if (rc < 0)
        return rc;
    rc = uv_queue_work(symbolizer->loop, &symbolizer->work, resolve_all, on_resolved);
    if (rc < 0) {
        free_jobs(symbolizer);
        return rc;
    }
    symbolizer->busy = true;
    return 0;
}

bool symbolizer_is_busy(const struct symbolizer *symbolizer)
{
    return symbolizer->busy;
}

void symbolizer_close(struct symbolizer *symbolizer, void (*on_closed)(void *arg), void *arg)
{
    symbolizer->on_closed = on_closed;
    symbolizer->closed_arg = arg;
    atomic_store(&symbolizer->closing, true);
    /* A batch not yet begun is taken back; one under way closes when it ends. */
    if (symbolizer->busy)
        uv_cancel((uv_req_t *)&symbolizer->work);
    else
        uv_close((uv_handle_t *)&symbolizer->handle, on_handle_closed);
}
