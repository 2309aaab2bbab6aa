/* SPDX-License-Identifier: MIT */
#include "daemon/symbol/dwarf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <elfutils/libdwelf.h>
#include <gelf.h>

#include "daemon/symbol/dwarf_symbol.h"
#include "daemon/symbol/ranges.h"

#define UNITS_MAX        200000u        /* compilation units; Chromium has some 50,000 */
#define LINE_PROGRAM_MAX (8u << 20)     /* bytes of one unit's; a row of it costs elfutils 100 bytes */
#define DEPTH_MAX        256            /* of nested DIEs */
#define SCOPES_MAX       32             /* functions inlined into each other at one address */
#define STRING_SECTIONS_MAX 4           /* .debug_str, .debug_line_str */
#define VISITS_A_LOOK    64             /* DIEs between two looks at the clock */

struct dwarf_file {
    int fd;
    Elf *elf;
    Dwarf *dwarf;
    struct dwarf_file *shared;
    Elf_Scn *line_section;
    Elf_Scn *string_sections[STRING_SECTIONS_MAX];
    size_t string_section_count;
    uint64_t debug_bytes; /* unpacked size of the debug sections */
    uint64_t table_bytes; /* of symbol and string tables */
    bool has_debug_info;
    bool is_given_up; /* a lookup took too long: no second one */
    bool has_ranges;
    struct ranges ranges;
    bool needs_shared;
};

/* ---- opening -------------------------------------------------------------------------------- */

/* What the section will take once unpacked. */
static uint64_t unpacked_bytes(Elf_Scn *section, const GElf_Shdr *header)
{
    GElf_Chdr packed;
    ssize_t gnu_bytes;

    if ((header->sh_flags & SHF_COMPRESSED) && gelf_getchdr(section, &packed))
        return packed.ch_size;
    gnu_bytes = dwelf_scn_gnu_compressed_size(section);
    return gnu_bytes > 0 ? (uint64_t)gnu_bytes : header->sh_size;
}

static void note_section(struct dwarf_file *file, Elf_Scn *section, size_t names)
{
    GElf_Shdr header;
    const char *name;
    uint64_t bytes;

    if (!gelf_getshdr(section, &header) || header.sh_type == SHT_NOBITS)
        return;
    if (header.sh_type == SHT_SYMTAB || header.sh_type == SHT_STRTAB)
        file->table_bytes += header.sh_size;
    name = elf_strptr(file->elf, names, header.sh_name);
    if (name && strcmp(name, ".gnu_debugaltlink") == 0)
        file->needs_shared = true;
    if (!name || (strncmp(name, ".debug_", 7) != 0 && strncmp(name, ".zdebug_", 8) != 0))
        return;
    bytes = strncmp(name, ".zdebug_", 8) == 0 || (header.sh_flags & SHF_COMPRESSED)
                ? unpacked_bytes(section, &header)
                : header.sh_size;
    if (bytes > DWARF_FILE_BYTES_MAX || file->debug_bytes > DWARF_FILE_BYTES_MAX)
        bytes = DWARF_FILE_BYTES_MAX;
    file->debug_bytes += bytes;
    if (strcmp(name, ".debug_info") == 0 || strcmp(name, ".zdebug_info") == 0)
        file->has_debug_info = true;
    if (strstr(name, "_str") && file->string_section_count < STRING_SECTIONS_MAX)
        file->string_sections[file->string_section_count++] = section;
    if (strcmp(name, ".debug_line") == 0 || strcmp(name, ".zdebug_line") == 0)
        file->line_section = section;
}

static void note_sections(struct dwarf_file *file)
{
    Elf_Scn *section = NULL;
    size_t names;

    if (elf_getshdrstrndx(file->elf, &names) != 0)
        return;
    while ((section = elf_nextscn(file->elf, section)))
        note_section(file, section, names);
}

static bool is_program_or_library(Elf *elf)
{
    GElf_Ehdr header;

    return elf_kind(elf) == ELF_K_ELF && gelf_getehdr(elf, &header) &&
           (header.e_type == ET_EXEC || header.e_type == ET_DYN);
}

int dwarf_file_open(int fd, struct dwarf_file **out)
{
    struct dwarf_file *file;
    struct stat status;

    if (fstat(fd, &status) < 0)
        return -errno;
    if (!S_ISREG(status.st_mode) || (uint64_t)status.st_size > DWARF_FILE_BYTES_MAX)
        return -ENOEXEC;
    elf_version(EV_CURRENT);
    file = calloc(1, sizeof(*file));
    if (!file)
        return -ENOMEM;
    file->elf = elf_begin(fd, ELF_C_READ, NULL);
    if (!file->elf || !is_program_or_library(file->elf)) {
        elf_end(file->elf);
        free(file);
        return -ENOEXEC;
    }
    file->fd = fd;
    note_sections(file);
    *out = file;
    return 0;
}

void dwarf_file_close(struct dwarf_file *file)
{
    if (!file)
        return;
    dwarf_end(file->dwarf);
    elf_end(file->elf);
    dwarf_file_close(file->shared);
    close(file->fd);
    ranges_done(&file->ranges);
    free(file);
}

struct dwarf_id dwarf_file_build_id(const struct dwarf_file *file)
{
    const void *data = NULL;
    ssize_t len = dwelf_elf_gnu_build_id(file->elf, &data);

    if (len <= 0)
        return (struct dwarf_id){.len = 0};
    return (struct dwarf_id){.data = data, .len = (size_t)len};
}

const char *dwarf_file_debuglink(const struct dwarf_file *file, uint32_t *crc)
{
    GElf_Word word = 0;
    const char *name = dwelf_elf_gnu_debuglink(file->elf, &word);

    if (name)
        *crc = word;
    return name;
}

bool dwarf_file_has_debug_info(const struct dwarf_file *file)
{
    return file->has_debug_info;
}

uint64_t dwarf_file_bytes(const struct dwarf_file *file)
{
    uint64_t bytes = sizeof(*file) + file->ranges.room * sizeof(struct range) + file->table_bytes;

    if (file->dwarf)
        bytes += 2 * file->debug_bytes; /* as read, and what elfutils makes of it */
    return bytes + (file->shared ? dwarf_file_bytes(file->shared) : 0);
}

/* ---- units ---------------------------------------------------------------------------------- */

static bool add_unit(struct dwarf_file *file, Dwarf_Off unit)
{
    Dwarf_Addr base, start, end;
    Dwarf_Die die;
    ptrdiff_t at = 0;
    bool more = true;

    if (!dwarf_offdie(file->dwarf, unit, &die))
        return true;
    while (more && (at = dwarf_ranges(&die, at, &base, &start, &end)) > 0)
        more = ranges_add(&file->ranges, (struct range){start, end, unit});
    return more;
}

/* .debug_aranges would say the same faster, but clang writes none. */
static void read_ranges(struct dwarf_file *file)
{
    Dwarf_Off unit = 0, next;
    size_t header_bytes;

    file->has_ranges = true;
    for (unsigned n = 0; n < UNITS_MAX; n++) {
        if (dwarf_nextcu(file->dwarf, unit, &next, &header_bytes, NULL, NULL, NULL) != 0 ||
            next <= unit || !add_unit(file, unit + header_bytes))
            break;
        unit = next;
    }
    ranges_sort(&file->ranges);
}

static bool find_unit(struct dwarf_file *file, uint64_t address, Dwarf_Die *unit)
{
    uint64_t offset;

    if (!file->has_ranges)
        read_ranges(file);
    return ranges_find(&file->ranges, address, &offset) &&
           dwarf_offdie(file->dwarf, offset, unit) != NULL;
}

/* elfutils (0.188) takes the length of the last string without looking for its end. */
static bool has_sane_strings(const struct dwarf_file *file)
{
    for (size_t i = 0; i < file->string_section_count; i++) {
        Elf_Data *data = elf_getdata(file->string_sections[i], NULL);

        if (data && data->d_size > 0 &&
            (!data->d_buf || ((const char *)data->d_buf)[data->d_size - 1] != 0))
            return false;
    }
    return true;
}

int dwarf_file_load(struct dwarf_file *file)
{
    if (file->dwarf)
        return 0;
    if (!file->has_debug_info || file->debug_bytes > DWARF_DEBUG_BYTES_MAX)
        return -ENODATA;
    file->dwarf = dwarf_begin_elf(file->elf, DWARF_C_READ, NULL);
    if (file->dwarf && has_sane_strings(file))
        return 0;
    dwarf_end(file->dwarf);
    file->dwarf = NULL;
    file->has_debug_info = false;
    return -ENODATA;
}

struct dwarf_id dwarf_file_shared_id(const struct dwarf_file *file)
{
    const char *name;
    const void *data = NULL;
    ssize_t len = file->dwarf ? dwelf_dwarf_gnu_debugaltlink(file->dwarf, &name, &data) : 0;

    if (len <= 0)
        return (struct dwarf_id){.len = 0};
    return (struct dwarf_id){.data = data, .len = (size_t)len};
}

void dwarf_file_set_shared(struct dwarf_file *file, struct dwarf_file *take_shared)
{
    file->shared = take_shared;
    dwarf_setalt(file->dwarf, take_shared->dwarf);
}

/* ---- scopes: the functions around an address ------------------------------------------------- */

/* Innermost last. */
struct scopes {
    Dwarf_Die dies[SCOPES_MAX];
    size_t count;
};

/* Depth-first over a unit, by hand: elfutils' own walks recurse as deep as the file says. */
struct walk {
    Dwarf_Die open[DEPTH_MAX]; /* DIEs whose children are being looked at, to be left again */
    size_t depth;
    uint64_t address;
    uint64_t deadline_ms;
};

static uint64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/*
 * How the next DIE on die's level may be asked for. elfutils skips children by the DW_AT_sibling of
 * each, which in a hostile file leads back, for ever.
 */
enum ahead {
    AHEAD_SAFE,           /* no children to skip, or die itself points ahead */
    AHEAD_AFTER_CHILDREN, /* once all children were seen and found to be safe */
    AHEAD_NEVER,
};

static enum ahead ahead_of(Dwarf_Die *die)
{
    Dwarf_Attribute attribute;
    Dwarf_Die target;

    if (!dwarf_attr(die, DW_AT_sibling, &attribute))
        return dwarf_haschildren(die) == 0 ? AHEAD_SAFE : AHEAD_AFTER_CHILDREN;
    if (dwarf_formref_die(&attribute, &target) &&
        dwarf_dieoffset(&target) > dwarf_dieoffset(die))
        return AHEAD_SAFE;
    return AHEAD_NEVER;
}

static bool is_function(int tag)
{
    return tag == DW_TAG_subprogram || tag == DW_TAG_inlined_subroutine;
}

static bool is_code(int tag)
{
    return is_function(tag) || tag == DW_TAG_lexical_block || tag == DW_TAG_try_block ||
           tag == DW_TAG_catch_block;
}

static bool may_contain_functions(int tag)
{
    return tag == DW_TAG_namespace || tag == DW_TAG_module || tag == DW_TAG_class_type ||
           tag == DW_TAG_structure_type || tag == DW_TAG_union_type;
}

/* Moves die to the next one, up through the open ones. False at the end. */
static bool go_on(struct walk *walk, Dwarf_Die *die)
{
    Dwarf_Die next;

    while (dwarf_siblingof(die, &next) != 0) {
        if (walk->depth == 0)
            return false;
        *die = walk->open[--walk->depth];
    }
    *die = next;
    return true;
}

/* Moves die to its first child, or to what follows when there is none. */
static bool go_inside(struct walk *walk, Dwarf_Die *die)
{
    Dwarf_Die child;
    int rc = dwarf_child(die, &child);

    if (rc != 0)
        return rc > 0 && go_on(walk, die);
    if (walk->depth == DEPTH_MAX)
        return false;
    walk->open[walk->depth++] = *die;
    *die = child;
    return true;
}

/* Looks at one DIE and moves on. False at the end. */
static bool visit(struct walk *walk, Dwarf_Die *die, struct scopes *scopes)
{
    int tag = dwarf_tag(die);
    enum ahead ahead;
    Dwarf_Die child;

    if (is_code(tag) && dwarf_haspc(die, walk->address) == 1) {
        if (is_function(tag) && scopes->count < SCOPES_MAX)
            scopes->dies[scopes->count++] = *die;
        walk->depth = 0; /* what contains the address is inside: never go back up */
        if (dwarf_child(die, &child) != 0)
            return false;
        *die = child;
        return true;
    }
    ahead = ahead_of(die);
    if (ahead == AHEAD_NEVER)
        return false;
    if (may_contain_functions(tag) || ahead == AHEAD_AFTER_CHILDREN)
        return go_inside(walk, die);
    return go_on(walk, die);
}

static void find_scopes(struct dwarf_file *file, Dwarf_Die *unit, uint64_t address,
                        struct scopes *scopes)
{
    struct walk *walk = malloc(sizeof(*walk));
    Dwarf_Die die;

    scopes->count = 0;
    if (!walk)
        return;
    walk->depth = 0;
    walk->address = address;
    walk->deadline_ms = now_ms() + DWARF_LOOKUP_MS;
    if (dwarf_child(unit, &die) == 0) {
        for (unsigned n = 1; visit(walk, &die, scopes) && !file->is_given_up; n++) {
            if (n % VISITS_A_LOOK == 0)
                file->is_given_up = now_ms() > walk->deadline_ms;
        }
    }
    free(walk);
}

/* ---- lines ---------------------------------------------------------------------------------- */

/* Length of the line program at offset, without its own length field; UINT64_MAX: not there. */
static uint64_t line_program_bytes(const Elf_Data *data, uint64_t offset)
{
    uint32_t word;
    uint64_t bytes;

    if (offset > data->d_size || data->d_size - offset < sizeof(word) + sizeof(bytes))
        return UINT64_MAX;
    memcpy(&word, (const char *)data->d_buf + offset, sizeof(word));
    if (word != UINT32_MAX)
        return word;
    memcpy(&bytes, (const char *)data->d_buf + offset + sizeof(word), sizeof(bytes));
    return bytes;
}

/* A line program may unfold to a hundred times its size: only those of a sane size are run. */
static bool has_sane_lines(struct dwarf_file *file, Dwarf_Die *unit)
{
    Elf_Data *data = file->line_section ? elf_getdata(file->line_section, NULL) : NULL;
    Dwarf_Attribute attribute;
    Dwarf_Word offset;

    return data && data->d_buf && dwarf_attr(unit, DW_AT_stmt_list, &attribute) &&
           dwarf_formudata(&attribute, &offset) == 0 &&
           line_program_bytes(data, offset) <= LINE_PROGRAM_MAX;
}

static void put_line(Dwarf_Die *unit, uint64_t address, struct dwarf_frame *frame)
{
    Dwarf_Line *line = dwarf_getsrc_die(unit, address);
    int number;

    if (!line)
        return;
    frame->file = dwarf_linesrc(line, NULL, NULL);
    if (dwarf_lineno(line, &number) == 0 && number > 0)
        frame->line = (uint32_t)number;
}

/* Where an inlined function was called: the place of the frame around it. */
static void put_call(Dwarf_Die *unit, Dwarf_Die *inlined, struct dwarf_frame *frame)
{
    Dwarf_Attribute attribute;
    Dwarf_Word file_index, line;
    Dwarf_Files *files;
    size_t count;

    if (dwarf_formudata(dwarf_attr(inlined, DW_AT_call_file, &attribute), &file_index) == 0 &&
        dwarf_getsrcfiles(unit, &files, &count) == 0 && file_index < count)
        frame->file = dwarf_filesrc(files, (size_t)file_index, NULL, NULL);
    if (dwarf_formudata(dwarf_attr(inlined, DW_AT_call_line, &attribute), &line) == 0 &&
        line <= UINT32_MAX)
        frame->line = (uint32_t)line;
}

/* ---- frames --------------------------------------------------------------------------------- */

static const char *string_of(Dwarf_Die *die, unsigned name)
{
    Dwarf_Attribute attribute;

    return dwarf_formstring(dwarf_attr_integrate(die, name, &attribute));
}

static void put_names(Dwarf_Die *function, struct dwarf_frame *frame)
{
    frame->name = string_of(function, DW_AT_name);
    frame->linkage_name = string_of(function, DW_AT_linkage_name);
    if (!frame->linkage_name)
        frame->linkage_name = string_of(function, DW_AT_MIPS_linkage_name);
    frame->inlined = dwarf_tag(function) == DW_TAG_inlined_subroutine;
}

static size_t put_frames(Dwarf_Die *unit, const struct scopes *scopes, bool with_lines,
                         uint64_t address, struct dwarf_frame *frames, size_t max)
{
    const char *folder = string_of(unit, DW_AT_comp_dir);
    size_t count = 0;

    memset(frames, 0, max * sizeof(*frames));
    for (size_t i = 0; i < max; i++)
        frames[i].folder = folder;
    if (with_lines)
        put_line(unit, address, &frames[0]);
    if (scopes->count == 0)
        return frames[0].file ? 1 : 0;
    for (size_t i = scopes->count; i > 0 && count < max; i--) {
        Dwarf_Die function = scopes->dies[i - 1];

        put_names(&function, &frames[count]);
        count++;
        if (!frames[count - 1].inlined)
            break; /* an outer function's own code is not running here */
        if (with_lines && count < max)
            put_call(unit, &function, &frames[count]);
    }
    return count;
}

size_t dwarf_file_frames(struct dwarf_file *file, uint64_t address, struct dwarf_frame *frames,
                         size_t max)
{
    struct scopes scopes;
    Dwarf_Die unit;

    if (!file->dwarf || file->is_given_up || max == 0 ||
        (file->needs_shared && !file->shared))
        return 0;
    if (!find_unit(file, address, &unit))
        return 0;
    find_scopes(file, &unit, address, &scopes);
    return put_frames(&unit, &scopes, has_sane_lines(file, &unit), address, frames, max);
}

const char *dwarf_file_symbol(struct dwarf_file *file, uint64_t address)
{
    return dwarf_symbol_at(file->elf, address);
}
