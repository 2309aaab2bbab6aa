/* SPDX-License-Identifier: MIT */
/*
 * The ways in which a process makes another, changes or ends itself. Usage: ways_out WAY, see main.
 * Most allocate for half a second first, so that an agent has connected.
 */
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static void *kept[1000];

/* Through a volatile: compilers leave out a malloc whose block goes nowhere but to free. */
static void churn(size_t size)
{
    void *volatile block = malloc(size);

    free(block);
}

static void allocate_for_ms(int ms)
{
    struct timespec pause = {.tv_nsec = 1000000};

    for (int i = 0; i < ms; i++) {
        for (int k = 0; k < 1000; k++)
            churn(100);
        nanosleep(&pause, NULL);
    }
}

static int wait_for(pid_t pid)
{
    int status = 0;

    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

/* Allocates nothing of its own, before it forks or after. */
static int forks_quietly(void)
{
    struct timespec pause = {.tv_nsec = 400000000};
    pid_t pid;

    nanosleep(&pause, NULL);
    pid = fork();
    if (pid == 0)
        _exit(5);
    return wait_for(pid) == 5 ? 0 : 1;
}

/* The parent's 1000 blocks; the child frees half of them and lives on for a while. */
static int half_freed(pid_t (*make)(void))
{
    pid_t pid;

    for (int i = 0; i < 1000; i++)
        kept[i] = malloc(1000);
    pid = make();
    if (pid == 0) {
        for (int i = 0; i < 500; i++)
            free(kept[i]);
        allocate_for_ms(500);
        _exit(5);
    }
    allocate_for_ms(300);
    return wait_for(pid) == 5 ? 0 : 1;
}

static pid_t raw_clone(void)
{
    return (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
}

static int vforks(void)
{
    char *const argv[] = {"true", NULL};
    volatile int bad = 0;

    for (volatile int i = 0; i < 20; i++) {
        pid_t pid = vfork();

        if (pid == 0) {
            for (int k = 0; k < 300; k++)
                churn(200);
            if (i % 2)
                execv("/bin/true", argv);
            _exit(0);
        }
        bad = bad + (wait_for(pid) != 0);
    }
    allocate_for_ms(1200);
    return bad;
}

/* A filter that a vfork child puts on itself; the parent lives on without one. */
static int vfork_into_sandbox(void)
{
    struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    struct sock_fprog program = {.len = 1, .filter = &allow};
    pid_t pid = vfork();

    if (pid == 0) {
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        _exit(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0);
    }
    allocate_for_ms(1200);
    return wait_for(pid);
}

static int spawns(void)
{
    char *argv[] = {"true", NULL};
    int bad = 0;

    for (int i = 0; i < 20; i++) {
        pid_t pid;

        if (posix_spawn(&pid, "/bin/true", NULL, NULL, argv, environ) != 0)
            return 1;
        bad += wait_for(pid) != 0;
    }
    allocate_for_ms(1200);
    return bad;
}

static int execs(const char *self, int left)
{
    char number[16];

    snprintf(number, sizeof(number), "%d", left - 1);
    if (left > 0)
        execl(self, self, "exec", number, (char *)NULL);
    return left != 0;
}

static void *outlive_main(void *unused)
{
    (void)unused;
    allocate_for_ms(200);
    puts("last thread ends");
    return NULL;
}

static int main_leaves(void)
{
    pthread_t thread;

    pthread_create(&thread, NULL, outlive_main, NULL);
    pthread_exit(NULL);
}

/* Kills for whatever an allocating, printing and ending program does not need. */
static int close_sandbox(int by_syscall)
{
    static const unsigned allowed[] = {SYS_write, SYS_exit, SYS_exit_group, SYS_brk, SYS_mmap,
                                       SYS_munmap, SYS_mremap, SYS_futex, SYS_newfstatat};
    struct sock_filter filter[32];
    struct sock_fprog program = {.filter = filter};
    unsigned short n = 0;

    filter[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
                                               offsetof(struct seccomp_data, nr));
    for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++) {
        filter[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, allowed[i], 0, 1);
        filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    }
    filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
    program.len = n;
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (by_syscall)
        return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

static int sandboxed(int by_syscall)
{
    struct timespec t, start;

    if (close_sandbox(by_syscall) != 0)
        return 1;
    clock_gettime(CLOCK_MONOTONIC, &start);
    do {
        for (int i = 0; i < 20000; i++)
            churn(300);
        clock_gettime(CLOCK_MONOTONIC, &t);
    } while (t.tv_sec - start.tv_sec < 2);
    puts("alive in the sandbox");
    return 0;
}

int main(int argc, char **argv)
{
    const char *way = argc > 1 ? argv[1] : "";
    static char buffer[4096];
    int rc = 99;

    setvbuf(stdout, buffer, _IOFBF, sizeof(buffer)); /* printing allocates nothing */
    if (strcmp(way, "exec") != 0 && strcmp(way, "fork_quietly") != 0)
        allocate_for_ms(500);
    if (strcmp(way, "fork") == 0)
        rc = half_freed(fork);
    else if (strcmp(way, "fork_quietly") == 0)
        rc = forks_quietly();
    else if (strcmp(way, "clone") == 0)
        rc = half_freed(raw_clone);
    else if (strcmp(way, "vfork") == 0)
        rc = vforks();
    else if (strcmp(way, "vfork_prctl") == 0)
        rc = vfork_into_sandbox();
    else if (strcmp(way, "spawn") == 0)
        rc = spawns();
    else if (strcmp(way, "exec") == 0)
        rc = execs(argv[0], argc > 2 ? atoi(argv[2]) : 10);
    else if (strcmp(way, "pthread_exit") == 0)
        rc = main_leaves();
    else if (strcmp(way, "prctl") == 0)
        rc = sandboxed(0);
    else if (strcmp(way, "seccomp") == 0)
        rc = sandboxed(1);
    else if (strcmp(way, "unshare") == 0)
        rc = unshare(CLONE_NEWUSER);
    else if (strcmp(way, "_exit") == 0)
        _exit(17);
    printf("%s: %d\n", way, rc);
    return rc != 0;
}
