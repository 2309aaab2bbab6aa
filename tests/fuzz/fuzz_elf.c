/* SPDX-License-Identifier: MIT */
/*
 * A small program with debug information, with bytes of its sections changed, through the
 * resolver. The program is compiled at the first input; without a compiler this very program is
 * taken, which is slower.
 *
 * Input: u16 address in .text | then 4 bytes a change: which section, u16 offset there, new value.
 */
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "daemon/symbol/resolver.h"

#define CHANGES_MAX 64
#define FILE_MAX    (64u << 20)

static const char source[] =
    "volatile int work;\n"
    "static inline __attribute__((always_inline)) void inner(int n) { while (n--) work++; }\n"
    "static inline __attribute__((always_inline)) void outer(int n) { inner(n); inner(n + 1); }\n"
    "__attribute__((noinline)) int caller(int n) { outer(n); { int m = n * work; inner(m); }\n"
    "    return work; }\n"
    "int main(int argc, char **argv) { (void)argv; return caller(argc); }\n";

static struct {
    uint8_t *bytes;
    size_t size;
    const Elf64_Shdr *sections;
    size_t section_count;
    Elf64_Shdr text;
    int fd; /* the changed copy, in memory */
    char path[64];
} base;

static void read_base(const char *path)
{
    FILE *file = fopen(path, "rbe");

    base.bytes = malloc(FILE_MAX);
    if (!file || !base.bytes)
        abort();
    base.size = fread(base.bytes, 1, FILE_MAX, file);
    fclose(file);
}

static void note_sections(void)
{
    const Elf64_Ehdr *header = (const Elf64_Ehdr *)base.bytes;
    const char *names;

    base.sections = (const Elf64_Shdr *)(base.bytes + header->e_shoff);
    base.section_count = header->e_shnum;
    names = (const char *)base.bytes + base.sections[header->e_shstrndx].sh_offset;
    for (size_t i = 0; i < base.section_count; i++) {
        if (strcmp(names + base.sections[i].sh_name, ".text") == 0)
            base.text = base.sections[i];
    }
}

static void prepare(void)
{
    char folder[] = "/tmp/fuzz_elf.XXXXXX", command[256];
    FILE *file;

    if (!mkdtemp(folder))
        abort();
    snprintf(command, sizeof(command), "%s/a.c", folder);
    file = fopen(command, "w");
    if (!file || fputs(source, file) < 0 || fclose(file) != 0)
        abort();
    snprintf(command, sizeof(command), "cc -g -O2 -Wl,--build-id=none -o %s/a %s/a.c", folder, folder);
    if (system(command) == 0)
        snprintf(command, sizeof(command), "%s/a", folder);
    else
        snprintf(command, sizeof(command), "/proc/self/exe");
    read_base(command);
    snprintf(command, sizeof(command), "rm -r %s", folder);
    if (system(command) != 0)
        abort();
    note_sections();
    base.fd = memfd_create("fuzz_elf", MFD_CLOEXEC);
    if (base.fd < 0 || pwrite(base.fd, base.bytes, base.size, 0) != (ssize_t)base.size)
        abort();
    snprintf(base.path, sizeof(base.path), "/proc/self/fd/%d", base.fd);
}

static size_t place_of(const uint8_t *change)
{
    size_t which = change[0] % (base.section_count + 1);
    size_t offset = (size_t)change[1] | (size_t)change[2] << 8;
    const Elf64_Shdr *section;

    if (which == base.section_count) /* the section table itself */
        return (size_t)((const uint8_t *)base.sections - base.bytes) +
               offset % (base.section_count * sizeof(*base.sections));
    section = &base.sections[which];
    if (section->sh_type == SHT_NOBITS || section->sh_type == SHT_NULL || section->sh_size == 0)
        return offset % sizeof(Elf64_Ehdr);
    return (size_t)(section->sh_offset + offset % section->sh_size);
}

static void resolve(uint64_t address)
{
    struct symbol_request request = {.path = base.path, .offset = address};
    struct symbol_answer answer;
    struct resolver *resolver;

    if (resolver_new("", &resolver) < 0)
        abort();
    resolver_resolve(resolver, &request, &answer);
    if (answer.count > SYMBOL_FRAMES_MAX)
        abort();
    symbol_answer_done(&answer);
    resolver_free(resolver);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t places[CHANGES_MAX];
    size_t count = 0;
    uint64_t address;

    if (!base.bytes)
        prepare();
    if (size < 2)
        return 0;
    address = base.text.sh_addr + ((uint64_t)data[0] | (uint64_t)data[1] << 8) % base.text.sh_size;
    for (data += 2, size -= 2; size >= 4 && count < CHANGES_MAX; data += 4, size -= 4) {
        places[count] = place_of(data);
        if (pwrite(base.fd, data + 3, 1, (off_t)places[count++]) != 1)
            abort();
    }
    resolve(address);
    while (count-- > 0) {
        if (pwrite(base.fd, base.bytes + places[count], 1, (off_t)places[count]) != 1)
            abort();
    }
    return 0;
}
