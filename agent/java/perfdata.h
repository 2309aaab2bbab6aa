/* SPDX-License-Identifier: MIT */
/*
 * The memory in which a Java virtual machine publishes its counters ("hsperfdata", version 2): a prologue, then
 * entries of a name and a value. Pure; it is made, or was copied, while a machine was just
 * starting: what does not fit is not there yet.
 */
#ifndef LEAKD_AGENT_JAVA_PERFDATA_H
#define LEAKD_AGENT_JAVA_PERFDATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum perfdata_type {
    PERFDATA_NUMBER, /* 8 bytes, aligned */
    PERFDATA_TEXT,   /* bytes up to the first NUL or the end */
};

struct perfdata_entry {
    const char *name;
    size_t name_len; /* perfdata_find sees to it */
    enum perfdata_type type;
    const volatile void *value; /* inside the memory; NULL: not there, or of another type */
    size_t value_bytes;         /* at most, of a text */
};

/* Fills in the values of the entries by name and type; the first of a name counts. False when this is no such
 * memory (yet). memory is aligned to 8 bytes, all size of it can be read. */
bool perfdata_find(const void *memory, size_t size, struct perfdata_entry *entries, size_t count);

/* The machine has started: what is not there will not come. */
bool perfdata_is_complete(const void *memory, size_t size);

/* 0 of an entry without value. */
uint64_t perfdata_number(const struct perfdata_entry *entry);

/* Copies a text, cut at size - 1; its length. Not empty: size. */
size_t perfdata_text(const struct perfdata_entry *entry, char *out, size_t size);

#endif
