/* SPDX-License-Identifier: MIT */
#include "agent/core/image.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <string.h>
#include <sys/auxv.h>

/* The first page of an image is mapped; program headers are only believed inside it. */
#define IMAGE_HEADER_BYTES 4096

typedef int (*find_object_fn)(void *address, struct dl_find_object *result);

static find_object_fn find_object;

/* The program itself. The kernel may have mapped it with holes, and _dl_find_object then tells only
 * the segment that was asked for; but its program headers are known from the start. */
static struct {
    const struct link_map *map; /* NULL: not known */
    const ElfW(Phdr) *headers;
    size_t header_count;
    uintptr_t start;
    uintptr_t end;
} program;

static void note_program(void)
{
    const ElfW(Phdr) *headers = (const ElfW(Phdr) *)getauxval(AT_PHDR);
    size_t count = (size_t)getauxval(AT_PHNUM);
    uintptr_t start = UINTPTR_MAX, end = 0;
    struct dl_find_object found;

    if (!headers || getauxval(AT_PHENT) != sizeof(*headers) ||
        find_object((void *)(uintptr_t)headers, &found) != 0 || !found.dlfo_link_map)
        return;
    for (size_t i = 0; i < count; i++) {
        uintptr_t at = found.dlfo_link_map->l_addr + headers[i].p_vaddr;

        if (headers[i].p_type != PT_LOAD)
            continue;
        start = at < start ? at : start;
        end = at + headers[i].p_memsz > end ? at + headers[i].p_memsz : end;
    }
    program.map = found.dlfo_link_map;
    program.headers = headers;
    program.header_count = count;
    program.start = start;
    program.end = end;
}

bool image_init(void)
{
    void *symbol = dlsym(RTLD_DEFAULT, "_dl_find_object");

    memcpy(&find_object, &symbol, sizeof(find_object));
    if (find_object)
        note_program();
    return find_object != NULL;
}

bool image_find(uintptr_t pc, struct image *out)
{
    struct dl_find_object found;

    if (!find_object || find_object((void *)pc, &found) != 0 || !found.dlfo_link_map)
        return false;
    out->start = (uintptr_t)found.dlfo_map_start;
    out->end = (uintptr_t)found.dlfo_map_end;
    out->eh_frame_hdr = (uintptr_t)found.dlfo_eh_frame;
    out->map = found.dlfo_link_map;
    if (out->map == program.map) {
        out->start = program.start;
        out->end = program.end;
    }
    return out->start < out->end;
}

static const ElfW(Phdr) *program_headers(const struct image *image, size_t *count)
{
    const ElfW(Ehdr) *header = (const ElfW(Ehdr) *)image->start;
    size_t room = image->end - image->start;

    if (image->map == program.map) {
        *count = program.header_count;
        return program.headers;
    }
    if (room > IMAGE_HEADER_BYTES)
        room = IMAGE_HEADER_BYTES;
    if (room < sizeof(*header) || memcmp(header->e_ident, ELFMAG, SELFMAG) != 0)
        return NULL;
    if (header->e_phentsize != sizeof(ElfW(Phdr)) || header->e_phoff % sizeof(uint64_t) != 0 ||
        header->e_phoff > room ||
        header->e_phnum > (room - header->e_phoff) / sizeof(ElfW(Phdr)))
        return NULL;
    *count = header->e_phnum;
    return (const ElfW(Phdr) *)(image->start + header->e_phoff);
}

/* Where the loader put a program header's memory; false when that is not inside the image. */
static bool placed(const struct image *image, const ElfW(Phdr) *phdr, uintptr_t *start,
                   uintptr_t *end)
{
    uintptr_t at = image->map->l_addr + phdr->p_vaddr;

    if (at < image->start || at > image->end || phdr->p_memsz > image->end - at)
        return false;
    *start = at;
    *end = at + phdr->p_memsz;
    return true;
}

bool image_segment(const struct image *image, uintptr_t addr, uintptr_t *start, uintptr_t *end)
{
    size_t count = 0;
    const ElfW(Phdr) *phdr = program_headers(image, &count);
    uintptr_t from, to;

    for (size_t i = 0; i < count; i++) {
        if (phdr[i].p_type != PT_LOAD || !(phdr[i].p_flags & PF_R) ||
            !placed(image, &phdr[i], &from, &to))
            continue;
        if (addr >= from && addr < to) {
            *start = from;
            *end = to;
            return true;
        }
    }
    return false;
}

static size_t round_up_4(size_t n)
{
    return (n + 3) & ~(size_t)3;
}

static const uint8_t *build_id_among(uintptr_t at, uintptr_t end, size_t *len)
{
    while (end - at >= sizeof(ElfW(Nhdr))) {
        const ElfW(Nhdr) *note = (const ElfW(Nhdr) *)at;
        size_t left = end - at - sizeof(*note);
        size_t name_bytes = round_up_4(note->n_namesz);
        size_t desc_bytes = round_up_4(note->n_descsz);
        const uint8_t *name = (const uint8_t *)(note + 1);

        if (name_bytes > left || desc_bytes > left - name_bytes)
            return NULL;
        if (note->n_type == NT_GNU_BUILD_ID && note->n_namesz == 4 && memcmp(name, "GNU", 4) == 0) {
            *len = note->n_descsz;
            return name + name_bytes;
        }
        at += sizeof(*note) + name_bytes + desc_bytes;
    }
    return NULL;
}

const uint8_t *image_build_id(const struct image *image, size_t *len)
{
    size_t count = 0;
    const ElfW(Phdr) *phdr = program_headers(image, &count);
    uintptr_t start, end, segment_start, segment_end;

    for (size_t i = 0; i < count; i++) {
        const uint8_t *id;

        if (phdr[i].p_type != PT_NOTE || !placed(image, &phdr[i], &start, &end) || start % 4 != 0 ||
            !image_segment(image, start, &segment_start, &segment_end) || end > segment_end)
            continue;
        id = build_id_among(start, end, len);
        if (id)
            return id;
    }
    return NULL;
}
