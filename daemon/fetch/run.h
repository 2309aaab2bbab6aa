/* SPDX-License-Identifier: MIT */
/*
 * A program that is run for its effect: words and no shell, input on its stdin, a session of its
 * own that is killed whole when the time is over, the beginning of its output kept for the log. It
 * gets no environment but PATH, LANG and what is handed in. Loop thread.
 */
#ifndef LEAKD_FETCH_RUN_H
#define LEAKD_FETCH_RUN_H

#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#define RUN_WORDS_MAX  64
#define RUN_OUTPUT_MAX 2048

struct run_request {
    const char *command;    /* words with blanks between them, the first an absolute path */
    const char *const *env; /* more "NAME=value", NULL-terminated; NULL: none */
    const void *input;      /* copied */
    size_t input_len;
    uint64_t timeout_ms;
};

struct run_result {
    int error;          /* 0: it ended with status 0; -ETIMEDOUT, -ECHILD (another end) */
    int status;         /* exit status, or 128 + signal */
    char message[512];  /* what went wrong, with the end of its output; "" else */
    const char *output; /* stdout and stderr, the first RUN_OUTPUT_MAX bytes; NUL behind */
    uint64_t elapsed_ms;
};

struct run;
typedef void (*run_on_done)(void *arg, const struct run_result *result);

/* on_done comes once, never from within this call; the run is gone then. A negative errno: it could
 * not be started. */
int run_start(uv_loop_t *loop, const struct run_request *request, run_on_done on_done, void *arg,
              struct run **out);
/* Kills it; on_done does not come. */
void run_cancel(struct run *run);

#endif
