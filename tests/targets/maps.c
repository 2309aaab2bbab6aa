/* SPDX-License-Identifier: MIT */
/*
 * A program that maps memory for itself.
 *   maps model THREADS OPERATIONS SEED   random maps, unmaps of any part, remaps; prints what is
 * left of its anonymous writable memory: "BYTES PIECES" maps edges results and errno at the edges
 * of the calls' contracts maps leak ROUNDS                     keeps 256 KiB more every 20 ms maps
 * fork                            a child that unmaps half of what it has inherited, and a vfork
 *                                        child that maps in its parent's memory
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE    ((size_t)4096)
#define KEPT    48 /* more or less */
#define MEMORY  (PROT_READ | PROT_WRITE)
#define PRIVATE (MAP_PRIVATE | MAP_ANONYMOUS)

/* ---- a model -------------------------------------------------------------------------------- */

struct piece {
    char *at;
    size_t len;
};

struct worker {
    pthread_t thread;
    uint64_t state;
    long operations;
    struct piece pieces[KEPT + 3]; /* a map over the middle of one makes three */
    int count;
};

static int exe; /* to map from */

static size_t below(struct worker *self, size_t n)
{
    self->state = self->state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (size_t)(self->state >> 33) % n;
}

static void keep(struct worker *self, char *at, size_t len)
{
    if (len > 0)
        self->pieces[self->count++] = (struct piece){at, len};
}

static struct piece take(struct worker *self)
{
    size_t at = below(self, (size_t)self->count);
    struct piece piece = self->pieces[at];

    self->pieces[at] = self->pieces[--self->count];
    return piece;
}

/* Pages from somewhere in the piece on, at least one. */
static struct piece part_of(struct worker *self, const struct piece *piece)
{
    size_t pages = piece->len / PAGE;
    size_t from = below(self, 3) == 0 ? 0 : below(self, pages);
    size_t count = below(self, 3) == 0 ? pages - from : 1 + below(self, pages - from);

    return (struct piece){piece->at + from * PAGE, count * PAGE};
}

/* Keeps what is left of a piece beside a part of it. */
static void keep_rest(struct worker *self, const struct piece *piece, const struct piece *part)
{
    keep(self, piece->at, (size_t)(part->at - piece->at));
    keep(self, part->at + part->len, (size_t)(piece->at + piece->len - part->at) - part->len);
}

static void map(struct worker *self)
{
    size_t pages = 1 + below(self, (size_t)1 << below(self, 13)),
           asked = pages * PAGE - below(self, PAGE);
    int flags = below(self, 4) == 0 ? MAP_SHARED | MAP_ANONYMOUS : PRIVATE;
    char *at = mmap(NULL, asked, MEMORY, flags, -1, 0);

    if (at == MAP_FAILED)
        abort();
    at[asked - 1] = 1;
    keep(self, at, pages * PAGE);
}

static void unmap_part(struct worker *self)
{
    struct piece piece = take(self), part = part_of(self, &piece);

    if (munmap(part.at, part.len) != 0)
        abort();
    keep_rest(self, &piece, &part);
}

static void unmap(struct worker *self)
{
    struct piece piece = take(self);

    if (munmap(piece.at, piece.len) != 0)
        abort();
}

/* Over a part: memory anew, a reservation, or a file; the last two are no memory of ours. */
static void map_over(struct worker *self)
{
    struct piece piece = take(self), part = part_of(self, &piece);
    size_t how = below(self, 3);
    char *at = how == 0   ? mmap(part.at, part.len, MEMORY, PRIVATE | MAP_FIXED, -1, 0)
               : how == 1 ? mmap(part.at, part.len, PROT_NONE, PRIVATE | MAP_FIXED, -1, 0)
                          : mmap(part.at, part.len, PROT_READ, MAP_PRIVATE | MAP_FIXED, exe, 0);

    if (at != part.at)
        abort();
    keep_rest(self, &piece, &part);
    if (how == 0)
        keep(self, part.at, part.len);
    else if (munmap(part.at, part.len) != 0)
        abort();
}

static void resize(struct worker *self)
{
    struct piece piece = take(self);
    size_t len = (1 + below(self, 2 * piece.len / PAGE)) * PAGE;
    char *at = mremap(piece.at, piece.len, len, MREMAP_MAYMOVE);

    if (at == MAP_FAILED) /* of several maps that the kernel keeps apart */
        keep(self, piece.at, piece.len);
    else
        keep(self, at, len);
}

static void move_over(struct worker *self)
{
    struct piece from = take(self), to = take(self), part;

    part = (struct piece){to.at, from.len};
    if (from.len > to.len ||
        mremap(from.at, from.len, from.len, MREMAP_MAYMOVE | MREMAP_FIXED, to.at) == MAP_FAILED) {
        if (from.len <= to.len)
            abort();
        keep(self, from.at, from.len);
        keep(self, to.at, to.len);
        return;
    }
    keep_rest(self, &to, &part);
    keep(self, part.at, part.len);
}

static void leave_behind(struct worker *self)
{
    struct piece piece = take(self);
    char *at = mremap(piece.at, piece.len, piece.len, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL);

    keep(self, piece.at, piece.len);
    if (at != MAP_FAILED)
        keep(self, at, piece.len);
}

static void *work(void *arg)
{
    struct worker *self = arg;

    for (long i = 0; i < self->operations; i++) {
        size_t what = below(self, 8);

        if (self->count < 4)
            map(self);
        else if (self->count >= KEPT || what == 0)
            unmap(self);
        else if (what < 3)
            unmap_part(self);
        else if (what < 5)
            map(self);
        else if (what == 5)
            map_over(self);
        else if (what == 6)
            resize(self);
        else if (i % 2)
            leave_behind(self);
        else
            move_over(self);
    }
    return NULL;
}

static int run_model(int threads, long operations, unsigned long seed)
{
    static struct worker workers[16];
    size_t bytes = 0;
    int pieces = 0;

    for (int i = 0; i < threads && i < 16; i++) {
        workers[i].state = seed + (unsigned long)i;
        workers[i].operations = operations;
        pthread_create(&workers[i].thread, NULL, work, &workers[i]);
    }
    for (int i = 0; i < threads && i < 16; i++) {
        pthread_join(workers[i].thread, NULL);
        pieces += workers[i].count;
        for (int k = 0; k < workers[i].count; k++)
            bytes += workers[i].pieces[k].len;
    }
    printf("%zu %d\n", bytes, pieces);
    return 0;
}

/* ---- edges ---------------------------------------------------------------------------------- */

static void show(const char *what, const void *result)
{
    printf("%s: %s, errno %d\n", what, result == MAP_FAILED ? "failed" : "mapped", errno);
    errno = 4711; /* what succeeds leaves it alone */
}

static int show_edges(void)
{
    volatile size_t huge = SIZE_MAX, none = 0;
    char *at = mmap(NULL, 64 * PAGE, MEMORY, PRIVATE, -1, 0);
    char *there = mmap(NULL, 64 * PAGE, MEMORY, PRIVATE, -1, 0);

    at[0] = 42;
    there[0] = 1;
    there[63 * PAGE] = 7;
    errno = 4711;
    show("mmap of nothing", mmap(NULL, none, MEMORY, PRIVATE, -1, 0));
    show("mmap of all", mmap(NULL, huge, MEMORY, PRIVATE, -1, 0));
    show("mmap of no file", mmap(NULL, PAGE, MEMORY, MAP_PRIVATE, -1, 0));
    show("mmap64 at an odd offset", mmap64(NULL, PAGE, PROT_READ, MAP_PRIVATE, exe, 1));
    show("mmap at an odd place", mmap(at + 1, PAGE, MEMORY, PRIVATE | MAP_FIXED, -1, 0));
    show("mmap over a mapping", mmap(at, PAGE, MEMORY, PRIVATE | MAP_FIXED_NOREPLACE, -1, 0));
    show("mmap", mmap(NULL, 20 * PAGE + 1, MEMORY, PRIVATE, -1, 0));
    printf("munmap: %d %d %d\n", munmap(at + 1, PAGE), munmap(at, none), munmap(at, huge));
    show("mremap of nothing", mremap(at, PAGE, none, MREMAP_MAYMOVE));
    show("mremap to all", mremap(at, PAGE, huge, MREMAP_MAYMOVE));
    show("mremap to nearly all", mremap(at, PAGE, huge / 2, MREMAP_MAYMOVE));
    show("mremap with odd flags", mremap(at, PAGE, PAGE, 64));
    show("mremap of an odd place", mremap(at + 8, PAGE, 2 * PAGE, MREMAP_MAYMOVE));
    show("mremap onto itself", mremap(at, 8 * PAGE, 8 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, at));
    show("mremap in place", mremap(at, 64 * PAGE, 9 * PAGE, 0));
    show("mremap", mremap(at, 9 * PAGE, 9 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, there));
    printf("the data has moved: %d\n", there[0] == 42 && there[63 * PAGE] == 7);
    return munmap(there, 64 * PAGE);
}

/* ---- a leak --------------------------------------------------------------------------------- */

static __attribute__((noinline)) void keep_map(size_t len)
{
    volatile char *at = mmap(NULL, len, MEMORY, PRIVATE, -1, 0); /* the leak */

    at[0] = 1;
}

static __attribute__((noinline)) void use_map(size_t len)
{
    char *at = mmap(NULL, len, MEMORY, PRIVATE, -1, 0);

    at[0] = 1;
    munmap(at, len);
}

static int leak(int rounds)
{
    for (int i = 0; i < rounds; i++) {
        keep_map(256 * 1024);
        use_map(512 * 1024);
        usleep(20000);
    }
    return 0;
}

/* ---- children ------------------------------------------------------------------------------- */

#define MAPS 40
#define MIB  ((size_t)1 << 20)

static int run_fork(void)
{
    static char *maps[MAPS];
    int status;
    pid_t pid;

    for (int i = 0; i < MAPS; i++)
        maps[i] = mmap(NULL, MIB, MEMORY, PRIVATE, -1, 0);
    pid = fork();
    if (pid == 0) {
        for (int i = 0; i < MAPS; i += 2)
            munmap(maps[i], MIB);
        exit(0);
    }
    waitpid(pid, &status, 0);
    printf("fork: %d\n", status);
    pid = vfork();
    if (pid == 0) {
        mmap(NULL, 3 * MIB, MEMORY, PRIVATE, -1, 0);
        munmap(maps[0], MIB);
        _exit(0);
    }
    waitpid(pid, &status, 0);
    printf("vfork: %d\n", status);
    return 0;
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";

    exe = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    if (strcmp(what, "model") == 0 && argc > 4)
        return run_model(atoi(argv[2]), atol(argv[3]), strtoul(argv[4], NULL, 10));
    if (strcmp(what, "edges") == 0)
        return show_edges();
    if (strcmp(what, "leak") == 0 && argc > 2)
        return leak(atoi(argv[2]));
    if (strcmp(what, "fork") == 0)
        return run_fork();
    return 2;
}
