/* SPDX-License-Identifier: MIT */
#include "agent/core/image_symbol.h"

#include <elf.h>
#include <link.h>
#include <stdbool.h>
#include <string.h>

#include "agent/core/image.h"

#define GNU_HASH_SEED 5381u

/* A table up to the end of the segment that it lies in: what it says of its own length is not believed. */
struct span {
    uintptr_t start; /* 0: there is none */
    uintptr_t end;
};

struct tables {
    struct span symbols;
    struct span strings;
    struct span gnu_hash;
    struct span hash;
};

static bool fits(const struct span *span, size_t at, size_t len)
{
    size_t room = span->end - span->start;

    return at <= room && len <= room - at;
}

/* ---- the dynamic section ---------------------------------------------------------------------- */

/* Most loaders put the run-time address into the section itself, some leave what the file says. */
static struct span table_at(const struct image *image, uintptr_t told, size_t alignment)
{
    uintptr_t at = told >= image->start && told < image->end ? told : told + image->map->l_addr;
    struct span span;
    uintptr_t start;

    if (at % alignment != 0 || !image_segment(image, at, &start, &span.end))
        return (struct span){0};
    span.start = at;
    return span;
}

static void note_table(const struct image *image, const ElfW(Dyn) *entry, struct tables *tables)
{
    switch (entry->d_tag) {
    case DT_SYMTAB:
        tables->symbols = table_at(image, entry->d_un.d_ptr, sizeof(uint64_t));
        break;
    case DT_STRTAB:
        tables->strings = table_at(image, entry->d_un.d_ptr, 1);
        break;
    case DT_GNU_HASH:
        tables->gnu_hash = table_at(image, entry->d_un.d_ptr, sizeof(uint64_t));
        break;
    case DT_HASH:
        tables->hash = table_at(image, entry->d_un.d_ptr, sizeof(uint32_t));
        break;
    default:
        break;
    }
}

static bool find_tables(const struct image *image, struct tables *out)
{
    struct span dynamic = table_at(image, (uintptr_t)image->map->l_ld, sizeof(uint64_t));
    const ElfW(Dyn) *entries = (const ElfW(Dyn) *)dynamic.start;

    memset(out, 0, sizeof(*out));
    for (size_t i = 0; fits(&dynamic, i * sizeof(*entries), sizeof(*entries)); i++) {
        if (entries[i].d_tag == DT_NULL)
            break;
        note_table(image, &entries[i], out);
    }
    return out->symbols.start && out->strings.start;
}

/* ---- one symbol ------------------------------------------------------------------------------- */

static bool is_named(const struct tables *tables, const ElfW(Sym) *symbol, const char *name)
{
    size_t size = strlen(name) + 1;

    return fits(&tables->strings, symbol->st_name, size) &&
           memcmp((const char *)tables->strings.start + symbol->st_name, name, size) == 0;
}

static uintptr_t address_of(const struct image *image, const ElfW(Sym) *symbol, size_t size)
{
    uintptr_t at = image->map->l_addr + symbol->st_value;
    uintptr_t start, end;

    if (symbol->st_shndx == SHN_UNDEF || symbol->st_shndx == SHN_ABS || symbol->st_size < size ||
        ELF64_ST_TYPE(symbol->st_info) != STT_OBJECT || !image_segment(image, at, &start, &end) ||
        end - at < size)
        return 0;
    return at;
}

struct query {
    const struct image *image;
    const struct tables *tables;
    const char *name;
    size_t size;
};

static uintptr_t try_symbol(const struct query *query, size_t index)
{
    const ElfW(Sym) *symbols = (const ElfW(Sym) *)query->tables->symbols.start;

    if (index > UINT32_MAX || !fits(&query->tables->symbols, index * sizeof(*symbols), sizeof(*symbols)) ||
        !is_named(query->tables, &symbols[index], query->name))
        return 0;
    return address_of(query->image, &symbols[index], query->size);
}

/* ---- DT_GNU_HASH: header, bloom filter, buckets, chains of the symbols from `first` on ---------- */

static uint32_t gnu_hash_of(const char *name)
{
    uint32_t hash = GNU_HASH_SEED;

    for (; *name; name++)
        hash = hash * 33 + (uint8_t)*name;
    return hash;
}

struct gnu_hash {
    uint32_t buckets;
    uint32_t first;
    uint32_t bloom_words;
    uint32_t bloom_shift;
};

static uintptr_t find_by_gnu_hash(const struct query *query)
{
    const struct span *span = &query->tables->gnu_hash;
    const struct gnu_hash *head = (const struct gnu_hash *)span->start;
    uint32_t hash = gnu_hash_of(query->name);
    size_t buckets_at, chains_at, index;

    if (!fits(span, 0, sizeof(*head)) || head->buckets == 0)
        return 0;
    buckets_at = sizeof(*head) + head->bloom_words * sizeof(ElfW(Addr));
    chains_at = buckets_at + head->buckets * sizeof(uint32_t);
    if (!fits(span, buckets_at, chains_at - buckets_at))
        return 0;
    index = ((const uint32_t *)(span->start + buckets_at))[hash % head->buckets];
    for (; index >= head->first; index++) {
        size_t at = chains_at + (index - head->first) * sizeof(uint32_t);
        uint32_t link = fits(span, at, sizeof(link)) ? *(const uint32_t *)(span->start + at) : 1;
        uintptr_t found = (link | 1) == (hash | 1) ? try_symbol(query, index) : 0;

        if (found || (link & 1)) /* the last of its bucket */
            return found;
    }
    return 0;
}

/* ---- DT_HASH: the older one, where the newer one is missing ------------------------------------- */

static uint32_t sysv_hash_of(const char *name)
{
    uint32_t hash = 0;

    for (; *name; name++) {
        hash = (hash << 4) + (uint8_t)*name;
        hash ^= (hash & 0xf0000000u) >> 24;
        hash &= 0x0fffffffu;
    }
    return hash;
}

static uintptr_t find_by_hash(const struct query *query)
{
    const struct span *span = &query->tables->hash;
    const uint32_t *words = (const uint32_t *)span->start;
    size_t buckets, chains, index;

    if (!fits(span, 0, 2 * sizeof(*words)))
        return 0;
    buckets = words[0];
    chains = words[1];
    if (buckets == 0 || !fits(span, 0, (2 + buckets + chains) * sizeof(*words)))
        return 0;
    index = words[2 + sysv_hash_of(query->name) % buckets];
    for (size_t steps = 0; index != STN_UNDEF && index < chains && steps < chains; steps++) {
        uintptr_t found = try_symbol(query, index);

        if (found)
            return found;
        index = words[2 + buckets + index];
    }
    return 0;
}

uintptr_t image_symbol_variable(const struct image *image, const char *name, size_t size)
{
    struct tables tables;
    const struct query query = {.image = image, .tables = &tables, .name = name, .size = size};

    if (!find_tables(image, &tables))
        return 0;
    if (tables.gnu_hash.start)
        return find_by_gnu_hash(&query);
    return tables.hash.start ? find_by_hash(&query) : 0;
}
