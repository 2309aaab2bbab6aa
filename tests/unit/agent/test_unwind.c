/* SPDX-License-Identifier: MIT */
#include "agent/core/unwind.h"
#include "tests/unit/suite.h"

#include <execinfo.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#define FRAMES_MAX 64
#define NOINLINE   __attribute__((noinline))

/* What unwind_stack and glibc's backtrace saw from the same place. */
static struct {
    uintptr_t ours[FRAMES_MAX];
    size_t ours_count;
    bool truncated;
    void *theirs[FRAMES_MAX];
    size_t theirs_count;
} seen;

/* Keeps a call from becoming a jump, and its result from being known. */
static volatile int work;

static NOINLINE void capture(void)
{
    seen.ours_count = unwind_stack(seen.ours, FRAMES_MAX, &seen.truncated);
    seen.theirs_count = (size_t)backtrace(seen.theirs, FRAMES_MAX);
    work++;
}

/* Where glibc's frames go on as ours do behind the first, which are two calls in capture(). A
 * sanitizer puts a frame of its own before them. */
static size_t theirs_from(void)
{
    for (size_t i = 1; i < seen.theirs_count; i++) {
        if ((uintptr_t)seen.theirs[i] == seen.ours[1])
            return i - 1;
    }
    ck_abort_msg("no frame in common");
    return 0;
}

/* An interrupted pc is one more than glibc's. */
static void assert_same_frames(void)
{
    size_t from = theirs_from();

    ck_assert_uint_gt(seen.ours_count, 3);
    ck_assert_uint_eq(seen.ours_count, seen.theirs_count - from);
    for (size_t i = 1; i < seen.ours_count; i++) {
        uintptr_t theirs = (uintptr_t)seen.theirs[from + i];

        ck_assert_msg(seen.ours[i] == theirs || seen.ours[i] == theirs + 1,
                      "frame %zu: %#lx, not %#lx", i, (unsigned long)seen.ours[i],
                      (unsigned long)theirs);
    }
}

static NOINLINE void three_deep(int n)
{
    char big[512];

    memset(big, n, sizeof(big));
    __asm__ volatile("" : : "r"(big) : "memory");
    capture();
    work += big[17];
}

static NOINLINE void two_deep(int n)
{
    three_deep(n + 1);
    work++;
}

static NOINLINE void one_deep(int n)
{
    two_deep(n + 1);
    work++;
}

START_TEST(frames_without_frame_pointer_are_followed)
{
    one_deep(work);
    assert_same_frames();
    ck_assert(!seen.truncated);
}
END_TEST

static NOINLINE int compare(const void *a, const void *b)
{
    if (seen.ours_count == 0)
        capture();
    return *(const int *)a - *(const int *)b;
}

START_TEST(frames_of_libc_are_followed)
{
    int numbers[] = {3, 1, 2};

    qsort(numbers, 3, sizeof(numbers[0]), compare);
    ck_assert_int_eq(numbers[0], 1);
    assert_same_frames();
    ck_assert(!seen.truncated);
}
END_TEST

/* A frame of variable size is found by rbp, an over-aligned one by an expression. */
static NOINLINE void with_variable_array(size_t n)
{
    char *bytes = __builtin_alloca(n);

    memset(bytes, 1, n);
    __asm__ volatile("" : : "r"(bytes) : "memory");
    capture();
    work += bytes[n - 1];
}

static NOINLINE void with_aligned_array(size_t n)
{
    char __attribute__((aligned(256))) aligned[256];

    memset(aligned, 2, sizeof(aligned));
    __asm__ volatile("" : : "r"(aligned) : "memory");
    with_variable_array(n);
    work += aligned[3];
}

START_TEST(frames_of_variable_size_are_followed)
{
    with_aligned_array((size_t)(work + 100));
    assert_same_frames();
    ck_assert(!seen.truncated);
}
END_TEST

/* The stack realigned through another register, whose value the prologue saved: what compilers do
 * for functions with both over-aligned locals and arguments on the stack. */
static NOINLINE int with_stack_arguments(int a, int b, int c, int d, int e, int f, int g, int h)
{
    char __attribute__((aligned(128))) aligned[128];
    char *bytes = __builtin_alloca((size_t)(a + 64));

    memset(aligned, g, sizeof(aligned));
    __asm__ volatile("" : : "r"(aligned), "r"(bytes) : "memory");
    capture();
    return a + b + c + d + e + f + g + h + aligned[5];
}

START_TEST(realigned_frames_are_followed)
{
    work += with_stack_arguments(1, 2, 3, 4, 5, 6, 7, work);
    assert_same_frames();
    ck_assert(!seen.truncated);
}
END_TEST

static void on_signal(int signo)
{
    (void)signo;
    capture();
}

START_TEST(frames_below_a_signal_handler_are_followed)
{
    struct sigaction action = {.sa_handler = on_signal};

    sigaction(SIGUSR1, &action, NULL);
    raise(SIGUSR1);
    assert_same_frames();
    ck_assert(!seen.truncated);
}
END_TEST

START_TEST(alternate_signal_stack_is_left_for_the_stack_interrupted)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_ONSTACK};
    /* At a page's start, the frames of handler and signal may lie on several pages: that they are
     * followed across pages is not promised, that nothing faults is. */
    char *stack = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    stack_t alternate = {.ss_sp = stack, .ss_size = 65536};

    ck_assert_ptr_ne(stack, MAP_FAILED);
    ck_assert_int_eq(sigaltstack(&alternate, NULL), 0);
    sigaction(SIGUSR1, &action, NULL);
    raise(SIGUSR1);
    ck_assert_uint_gt(seen.ours_count, 0);
    if (!seen.truncated)
        assert_same_frames();
}
END_TEST

static void *in_thread(void *arg)
{
    (void)arg;
    one_deep(1);
    return NULL;
}

START_TEST(threads_are_followed_to_their_start)
{
    pthread_t thread;

    ck_assert_int_eq(pthread_create(&thread, NULL, in_thread, NULL), 0);
    pthread_join(thread, NULL);
    assert_same_frames();
    ck_assert(!seen.truncated);
}
END_TEST

START_TEST(threads_on_small_stacks_are_followed)
{
    pthread_attr_t attr;
    pthread_t thread;

    pthread_attr_init(&attr);
    ck_assert_int_eq(pthread_attr_setstacksize(&attr, 65536), 0);
    ck_assert_int_eq(pthread_create(&thread, &attr, in_thread, NULL), 0);
    pthread_join(thread, NULL);
    pthread_attr_destroy(&attr);
    assert_same_frames();
    ck_assert(!seen.truncated);
}
END_TEST

static NOINLINE int recurse(int depth)
{
    int below = depth > 0 ? recurse(depth - 1) : (capture(), 0);

    return below + work;
}

START_TEST(deep_stacks_are_cut_and_said_to_be)
{
    work += recurse(500);
    ck_assert_uint_eq(seen.ours_count, FRAMES_MAX);
    ck_assert(seen.truncated);
    ck_assert_uint_eq(seen.ours[FRAMES_MAX - 1 - theirs_from()],
                      (uintptr_t)seen.theirs[FRAMES_MAX - 1]);
}
END_TEST

START_TEST(no_room_is_no_frame)
{
    uintptr_t untouched = 42;
    bool truncated = false;

    ck_assert_uint_eq(unwind_stack(&untouched, 0, &truncated), 0);
    ck_assert_uint_eq(untouched, 42);
    ck_assert(truncated);
}
END_TEST

static ucontext_t main_context, other_context;

static void on_other_stack(void)
{
    one_deep(1);
}

/* The stack ends with its page, and nothing is mapped behind it. */
START_TEST(stacks_of_makecontext_are_left_before_their_end)
{
    size_t bytes = 16 * 4096;
    char *memory =
        mmap(NULL, bytes + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    ck_assert_ptr_ne(memory, MAP_FAILED);
    munmap(memory + bytes, 4096);
    ck_assert_int_eq(getcontext(&other_context), 0);
    other_context.uc_stack.ss_sp = memory;
    other_context.uc_stack.ss_size = bytes;
    other_context.uc_link = &main_context;
    makecontext(&other_context, on_other_stack, 0);
    ck_assert_int_eq(swapcontext(&main_context, &other_context), 0);
    /* capture, three, two, one, on_other_stack fit on one page here. */
    ck_assert_uint_ge(seen.ours_count, 4);
    for (size_t i = 1; i < 4; i++)
        ck_assert_uint_eq(seen.ours[i], (uintptr_t)seen.theirs[theirs_from() + i]);
}
END_TEST

/*
 * A function without tables in memory of its own, as a JIT compiler makes: with a frame pointer
 * it is stepped over, without one the walk ends there.
 */
static const unsigned char code_with_frame_pointer[] = {
    0x55,             /* push %rbp */
    0x48, 0x89, 0xe5, /* mov %rsp, %rbp */
    0xff, 0xd7,       /* call *%rdi */
    0x5d,             /* pop %rbp */
    0xc3,             /* ret */
};
static const unsigned char code_without[] = {
    0x55,                /* push %rbp */
    0xbd, 0x08, 0, 0, 0, /* mov $8, %ebp */
    0xff, 0xd7,          /* call *%rdi */
    0x5d,                /* pop %rbp */
    0xc3,                /* ret */
};

static uintptr_t run_generated(const unsigned char *code, size_t len)
{
    unsigned char *memory =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    void (*generated)(void (*)(void));

    ck_assert_ptr_ne(memory, MAP_FAILED);
    memcpy(memory, code, len);
    memcpy(&generated, &memory, sizeof(generated));
    generated(capture);
    return (uintptr_t)memory;
}

START_TEST(generated_code_with_frame_pointers_is_stepped_over)
{
    uintptr_t code = run_generated(code_with_frame_pointer, sizeof(code_with_frame_pointer));

    ck_assert_uint_ge(seen.ours_count, 4);
    ck_assert_uint_eq(seen.ours[1], code + 6);
    ck_assert(!seen.truncated);
}
END_TEST

START_TEST(generated_code_without_frame_pointers_ends_the_walk)
{
    uintptr_t code = run_generated(code_without, sizeof(code_without));

    ck_assert_uint_eq(seen.ours_count, 2);
    ck_assert_uint_eq(seen.ours[1], code + 8);
    ck_assert(seen.truncated);
}
END_TEST

static void setup(void)
{
    memset(&seen, 0, sizeof(seen));
    ck_assert(unwind_init());
}

int main(void)
{
    Suite *suite = suite_create("unwind");
    TCase *tcase = tcase_create("unwind");

    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_add_test(tcase, frames_without_frame_pointer_are_followed);
    tcase_add_test(tcase, frames_of_libc_are_followed);
    tcase_add_test(tcase, frames_of_variable_size_are_followed);
    tcase_add_test(tcase, realigned_frames_are_followed);
    tcase_add_test(tcase, frames_below_a_signal_handler_are_followed);
    tcase_add_test(tcase, alternate_signal_stack_is_left_for_the_stack_interrupted);
    tcase_add_test(tcase, threads_are_followed_to_their_start);
    tcase_add_test(tcase, threads_on_small_stacks_are_followed);
    tcase_add_test(tcase, deep_stacks_are_cut_and_said_to_be);
    tcase_add_test(tcase, no_room_is_no_frame);
    tcase_add_test(tcase, stacks_of_makecontext_are_left_before_their_end);
#if defined(__x86_64__)
    tcase_add_test(tcase, generated_code_with_frame_pointers_is_stepped_over);
    tcase_add_test(tcase, generated_code_without_frame_pointers_ends_the_walk);
#endif
    suite_add_tcase(suite, tcase);
    return suite_end(suite);
}
