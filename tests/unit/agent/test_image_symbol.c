/* SPDX-License-Identifier: MIT */
#include "tests/unit/suite.h"

#include "agent/core/image.h"
#include "agent/core/image_symbol.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

static void set_up(void)
{
    ck_assert(image_init());
}

static struct image image_at(void *address)
{
    struct image image;

    ck_assert_ptr_nonnull(address);
    ck_assert(image_find((uintptr_t)address, &image));
    return image;
}

static struct image image_of_libc(void)
{
    return image_at(dlsym(RTLD_DEFAULT, "gnu_get_libc_version"));
}

START_TEST(variables_of_libc_are_where_dlsym_finds_them)
{
    static const struct {
        const char *name;
        size_t size;
    } variables[] = {{"optind", 4},           {"stdin", 8},    {"_IO_2_1_stderr_", 224},
                     {"in6addr_loopback", 16}, {"optopt", 4},  {"error_message_count", 4},
                     {"environ", 8},          {"optarg", 8},   {"argp_err_exit_status", 4}};
    void *handle = dlopen("libc.so.6", RTLD_NOW | RTLD_NOLOAD);
    struct image image = image_of_libc();

    ck_assert_ptr_nonnull(handle);
    for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
        void *expected = dlsym(handle, variables[i].name);

        ck_assert_ptr_nonnull(expected);
        ck_assert_uint_eq(image_symbol_variable(&image, variables[i].name, variables[i].size),
                          (uintptr_t)expected);
    }
    dlclose(handle);
}
END_TEST

START_TEST(what_is_no_variable_of_the_file_is_not_found)
{
    struct image image = image_of_libc();

    ck_assert_uint_eq(image_symbol_variable(&image, "no_such_variable", 1), 0);
    ck_assert_uint_eq(image_symbol_variable(&image, "", 0), 0);
    ck_assert_uint_eq(image_symbol_variable(&image, "malloc", 1), 0);       /* a function */
    ck_assert_uint_eq(image_symbol_variable(&image, "_rtld_global", 1), 0); /* the loader's */
    ck_assert_uint_eq(image_symbol_variable(&image, "optind", 5), 0);       /* has four bytes */
}
END_TEST

static void *load(const char *folder, const char *name, const char *options)
{
    char text[1024];

    snprintf(text, sizeof(text),
             "cd %s && { for i in 0 1 2 3 4 5 6 7 8 9; do echo \"long word_$i = $i; char bytes_$i[$i+1];\"; "
             "done; echo 'extern int elsewhere; int *use(void) { return &elsewhere; }'; } > %s.c && "
             "cc -shared -fPIC %s -o %s.so %s.c 2>/dev/null",
             folder, name, options, name, name);
    if (system(text) != 0)
        return NULL;
    snprintf(text, sizeof(text), "%s/%s.so", folder, name);
    return dlopen(text, RTLD_LAZY);
}

static void ck_finds_all(void *handle)
{
    struct image image = image_at(dlsym(handle, "word_0"));
    char name[16];

    for (int i = 0; i < 10; i++) {
        snprintf(name, sizeof(name), "word_%d", i);
        ck_assert_uint_eq(image_symbol_variable(&image, name, 8), (uintptr_t)dlsym(handle, name));
        ck_assert_int_eq(*(long *)dlsym(handle, name), i);
        snprintf(name, sizeof(name), "bytes_%d", i);
        ck_assert_uint_eq(image_symbol_variable(&image, name, 1), (uintptr_t)dlsym(handle, name));
    }
    ck_assert_uint_eq(image_symbol_variable(&image, "word_10", 1), 0);
    ck_assert_uint_eq(image_symbol_variable(&image, "word_", 1), 0);
    ck_assert_uint_eq(image_symbol_variable(&image, "elsewhere", 1), 0);
}

START_TEST(either_kind_of_hash_table_will_do)
{
    static const char *const kinds[] = {"gnu", "sysv", "both"};
    char folder[] = "/tmp/test_image_symbol.XXXXXX";
    char text[64];

    ck_assert_ptr_nonnull(mkdtemp(folder));
    for (size_t i = 0; i < 3; i++) {
        void *handle;

        snprintf(text, sizeof(text), "-Wl,--hash-style=%s", kinds[i]);
        handle = load(folder, kinds[i], text);
        if (handle) /* there is a compiler */
            ck_finds_all(handle);
    }
    snprintf(text, sizeof(text), "rm -r %s", folder);
    ck_assert_int_eq(system(text), 0);
}
END_TEST

SUITE_MAIN_WITHIN("image_symbol", 30, set_up, NULL, variables_of_libc_are_where_dlsym_finds_them,
                  what_is_no_variable_of_the_file_is_not_found, either_kind_of_hash_table_will_do)
