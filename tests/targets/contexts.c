/* SPDX-License-Identifier: MIT */
/*
 * Allocations on every kind of stack: coroutines by swapcontext, a signal's alternate stack, threads
 * on memory of the program's own, recursion down to the guard page. Usage: contexts ROUNDS.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#define COROUTINES  50
#define STACK_BYTES 32768

static ucontext_t scheduler, coroutines[COROUTINES];
static volatile long made;

static void *churn(size_t size)
{
    void *volatile block = malloc(size);

    memset(block, 1, size);
    free(block);
    made++;
    return NULL;
}

static void run_coroutine(int number)
{
    for (size_t i = 1;; i++) {
        churn(i % 700 + 1);
        swapcontext(&coroutines[number], &scheduler);
    }
}

static void switch_coroutines(long rounds)
{
    for (int i = 0; i < COROUTINES; i++) {
        getcontext(&coroutines[i]);
        coroutines[i].uc_stack.ss_sp = malloc(STACK_BYTES);
        coroutines[i].uc_stack.ss_size = STACK_BYTES;
        makecontext(&coroutines[i], (void (*)(void))run_coroutine, 1, i);
    }
    for (long round = 0; round < rounds; round++) {
        for (int i = 0; i < COROUTINES; i++)
            swapcontext(&scheduler, &coroutines[i]);
    }
    for (int i = 0; i < COROUTINES; i++)
        free(coroutines[i].uc_stack.ss_sp);
}

static void on_signal(int number)
{
    churn((size_t)number + 100);
}

static void handle_on_alternate_stack(long rounds)
{
    stack_t other = {.ss_sp = malloc(STACK_BYTES), .ss_size = STACK_BYTES};
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_ONSTACK};

    sigaltstack(&other, NULL);
    sigaction(SIGUSR1, &action, NULL);
    for (long i = 0; i < rounds; i++)
        raise(SIGUSR1);
    other.ss_flags = SS_DISABLE;
    sigaltstack(&other, NULL);
    free(other.ss_sp);
}

static void *run_thread(void *unused)
{
    (void)unused;
    for (size_t i = 1; i < 200; i++)
        churn(i);
    return NULL;
}

static void run_on_own_stacks(long rounds)
{
    char *memory = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    pthread_attr_t attr;

    pthread_attr_init(&attr);
    pthread_attr_setstack(&attr, memory, STACK_BYTES);
    for (long i = 0; i < rounds; i++) {
        pthread_t thread;

        if (pthread_create(&thread, &attr, run_thread, NULL) == 0)
            pthread_join(thread, NULL);
    }
    munmap(memory, STACK_BYTES);
}

static __attribute__((noinline)) long recurse(int depth)
{
    volatile char here[100];

    here[0] = (char)depth;
    if (depth % 100 == 0)
        churn(64);
    return depth > 0 ? recurse(depth - 1) + here[0] : 0;
}

int main(int argc, char **argv)
{
    long rounds = argc > 1 ? atol(argv[1]) : 100;

    switch_coroutines(rounds);
    handle_on_alternate_stack(rounds);
    run_on_own_stacks(rounds / 10 + 1);
    recurse(20000);
    printf("%ld blocks\n", made);
    return 0;
}
