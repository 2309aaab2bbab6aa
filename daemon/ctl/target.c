/* SPDX-License-Identifier: MIT */
#include "daemon/ctl/target.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define SCRIPT_DEPTH_MAX 5 /* the kernel's own limit on interpreters of interpreters */
#define HEAD_BYTES       4096
#define STRINGS_MAX      (1u << 20)
#define SEGMENTS_MAX     64
#define DYNAMIC_MAX      512

const char *target_state_reason(enum target_state state)
{
    static const char *const reasons[] = {
#define X(name, text) [TARGET_##name] = text,
        TARGET_STATES(X)
#undef X
    };

    return reasons[state];
}

/* ---- the file ------------------------------------------------------------------------------ */

static bool is_file(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

/* As execvp looks: the first that may be executed. */
static enum target_state find(const char *command, char out[PATH_MAX])
{
    const char *path = getenv("PATH");
    enum target_state state = TARGET_NOT_FOUND;

    if (strchr(command, '/')) {
        snprintf(out, PATH_MAX, "%s", command);
        if (access(command, F_OK) < 0)
            return TARGET_NOT_FOUND;
        return is_file(command) && access(command, X_OK) == 0 ? TARGET_FITS : TARGET_NOT_EXECUTABLE;
    }
    if (!path)
        path = "/bin:/usr/bin";
    while (*command) {
        size_t len = strcspn(path, ":");

        if (snprintf(out, PATH_MAX, "%.*s/%s", len ? (int)len : 1, len ? path : ".", command) <
                PATH_MAX &&
            is_file(out)) {
            if (access(out, X_OK) == 0)
                return TARGET_FITS;
            state = TARGET_NOT_EXECUTABLE;
        }
        if (!path[len])
            break;
        path += len + 1;
    }
    return state;
}

static bool is_privileged(int fd)
{
    struct stat st;

    if (fstat(fd, &st) == 0 && (st.st_mode & (S_ISUID | S_ISGID)))
        return true;
    return fgetxattr(fd, "security.capability", NULL, 0) > 0;
}

static bool read_at(int fd, void *out, size_t len, uint64_t offset)
{
    return offset < INT64_MAX && pread(fd, out, len, (off_t)offset) == (ssize_t)len;
}

/* ---- ELF ----------------------------------------------------------------------------------- */

struct elf {
    int fd;
    Elf64_Ehdr head;
    Elf64_Phdr segments[SEGMENTS_MAX];
};

static bool elf_open(struct elf *elf, int fd)
{
    elf->fd = fd;
    return read_at(fd, &elf->head, sizeof(elf->head), 0) &&
           memcmp(elf->head.e_ident, ELFMAG, SELFMAG) == 0;
}

/* Only of our own class: others are refused before. */
static bool elf_read_segments(struct elf *elf)
{
    size_t count = elf->head.e_phnum;

    if (elf->head.e_phentsize != sizeof(Elf64_Phdr) || count > SEGMENTS_MAX)
        return false;
    return read_at(elf->fd, elf->segments, count * sizeof(elf->segments[0]), elf->head.e_phoff);
}

static const Elf64_Phdr *elf_segment(const struct elf *elf, uint32_t type)
{
    for (size_t i = 0; i < elf->head.e_phnum; i++)
        if (elf->segments[i].p_type == type)
            return &elf->segments[i];
    return NULL;
}

/* File offset of a virtual address. */
static bool elf_offset(const struct elf *elf, uint64_t address, uint64_t *out)
{
    for (size_t i = 0; i < elf->head.e_phnum; i++) {
        const Elf64_Phdr *segment = &elf->segments[i];

        if (segment->p_type == PT_LOAD && address >= segment->p_vaddr &&
            address - segment->p_vaddr < segment->p_filesz) {
            *out = segment->p_offset + (address - segment->p_vaddr);
            return true;
        }
    }
    return false;
}

static uint64_t dynamic_value(const Elf64_Dyn *dynamic, size_t count, int64_t tag)
{
    for (size_t i = 0; i < count && dynamic[i].d_tag != DT_NULL; i++)
        if (dynamic[i].d_tag == tag)
            return dynamic[i].d_un.d_val;
    return 0;
}

static bool is_sanitizer(const char *name, size_t max)
{
    static const char *const names[] = {"libasan.", "libtsan.", "libhwasan.", "libclang_rt."};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strlen(names[i]) <= max && strncmp(name, names[i], strlen(names[i])) == 0)
            return true;
    return false;
}

static bool needs_sanitizer(const Elf64_Dyn *dynamic, size_t count, const char *strings,
                            uint64_t size)
{
    for (size_t i = 0; i < count && dynamic[i].d_tag != DT_NULL; i++) {
        uint64_t at = dynamic[i].d_un.d_val;

        if (dynamic[i].d_tag == DT_NEEDED && at < size && is_sanitizer(strings + at, size - at))
            return true;
    }
    return false;
}

static bool is_sanitized(const struct elf *elf)
{
    const Elf64_Phdr *segment = elf_segment(elf, PT_DYNAMIC);
    Elf64_Dyn dynamic[DYNAMIC_MAX];
    size_t count = segment ? segment->p_filesz / sizeof(dynamic[0]) : 0;
    uint64_t size, offset;
    char *strings;
    bool found;

    if (count == 0 || count > DYNAMIC_MAX ||
        !read_at(elf->fd, dynamic, count * sizeof(dynamic[0]), segment->p_offset))
        return false;
    size = dynamic_value(dynamic, count, DT_STRSZ);
    if (size == 0 || size > STRINGS_MAX ||
        !elf_offset(elf, dynamic_value(dynamic, count, DT_STRTAB), &offset))
        return false;
    strings = malloc(size);
    found = strings && read_at(elf->fd, strings, size, offset) &&
            needs_sanitizer(dynamic, count, strings, size);
    free(strings);
    return found;
}

static enum target_state elf_check(struct elf *elf, const Elf64_Ehdr *agent)
{
    if (elf->head.e_ident[EI_CLASS] != agent->e_ident[EI_CLASS] ||
        elf->head.e_ident[EI_DATA] != agent->e_ident[EI_DATA] ||
        elf->head.e_machine != agent->e_machine)
        return TARGET_FOREIGN;
    if (!elf_read_segments(elf))
        return TARGET_NOT_ELF;
    if (!elf_segment(elf, PT_INTERP))
        return TARGET_STATIC;
    return is_sanitized(elf) ? TARGET_SANITIZED : TARGET_FITS;
}

/* ---- scripts ------------------------------------------------------------------------------- */

/* The program named behind #!. */
static bool interpreter(int fd, char out[PATH_MAX])
{
    char line[HEAD_BYTES + 1];
    ssize_t len = pread(fd, line, HEAD_BYTES, 0);
    size_t start, end;

    if (len < 3 || line[0] != '#' || line[1] != '!')
        return false;
    line[len] = '\0';
    start = 2 + strspn(line + 2, " \t");
    end = start + strcspn(line + start, " \t\r\n");
    return end > start &&
           snprintf(out, PATH_MAX, "%.*s", (int)(end - start), line + start) < PATH_MAX;
}

/* One program; a script moves path to its interpreter and says so by true. */
static bool check_one(const Elf64_Ehdr *agent, struct target *out)
{
    int fd = open(out->path, O_RDONLY | O_CLOEXEC);
    struct elf elf;
    bool again = false;

    if (fd < 0) {
        out->state = errno == ENOENT ? TARGET_NOT_FOUND : TARGET_UNREADABLE;
        return false;
    }
    if (elf_open(&elf, fd))
        out->state = is_privileged(fd) ? TARGET_PRIVILEGED : elf_check(&elf, agent);
    else if (interpreter(fd, out->path))
        again = true;
    else
        out->state = TARGET_NOT_ELF;
    close(fd);
    return again;
}

static int read_agent(const char *path, Elf64_Ehdr *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct elf elf;
    bool good;

    if (fd < 0)
        return -errno;
    good =
        elf_open(&elf, fd) && elf.head.e_type == ET_DYN && elf.head.e_ident[EI_CLASS] == ELFCLASS64;
    close(fd);
    if (good)
        *out = elf.head;
    return good ? 0 : -ENOEXEC;
}

int target_check_agent(const char *path)
{
    Elf64_Ehdr head;

    return read_agent(path, &head);
}

void target_check(const char *command, const char *agent, struct target *out)
{
    Elf64_Ehdr head;

    out->state = find(command, out->path);
    if (out->state != TARGET_FITS)
        return;
    if (read_agent(agent, &head) < 0) {
        out->state = TARGET_FOREIGN;
        return;
    }
    out->state = TARGET_NOT_ELF;
    for (int depth = 0; depth < SCRIPT_DEPTH_MAX; depth++)
        if (!check_one(&head, out))
            return;
}
