/* SPDX-License-Identifier: MIT */
#include "tests/unit/suite.h"

#include "agent/core/module.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

static struct wire_module describe(uint32_t id)
{
    struct wire_module module;

    ck_assert(module_describe(id, &module));
    ck_assert_uint_eq(module.id, id);
    return module;
}

static bool path_is(const struct wire_module *module, const char *path)
{
    return module->path.len == strlen(path) && memcmp(module->path.data, path, strlen(path)) == 0;
}

START_TEST(program_is_found_by_its_path)
{
    char exe[4096];
    ssize_t len = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
    uintptr_t pc = (uintptr_t)&describe;
    uint64_t offset;
    struct wire_module module;

    ck_assert_int_gt(len, 0);
    exe[len] = 0;
    module = describe(module_of(pc, &offset));
    ck_assert(path_is(&module, exe));
    ck_assert_uint_eq(offset, pc - module.load_bias);
    ck_assert(pc >= module.start && pc < module.end);
}
END_TEST

/* Of the link editor's own making: what the file says is what memory says. */
START_TEST(build_id_is_that_of_the_file)
{
    uint64_t offset;
    void *address = dlsym(RTLD_DEFAULT, "gnu_get_libc_version");
    struct wire_module module = describe(module_of((uintptr_t)address, &offset));
    char path[4097];
    char *bytes = malloc(4096);
    int fd;

    ck_assert(address && bytes);
    ck_assert_uint_eq(module.build_id_len, 20);
    snprintf(path, sizeof(path), "%.*s", (int)module.path.len, module.path.data);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(read(fd, bytes, 4096), 4096);
    close(fd);
    ck_assert_ptr_nonnull(memmem(bytes, 4096, module.build_id, module.build_id_len));
    free(bytes);
}
END_TEST

START_TEST(vdso_has_no_path)
{
    uintptr_t vdso = (uintptr_t)getauxval(AT_SYSINFO_EHDR);
    uint64_t offset;
    uint32_t id;

    if (!vdso)
        return;
    id = module_of(vdso + 0x100, &offset);
    ck_assert_uint_ne(id, WIRE_MODULE_UNKNOWN);
    ck_assert_uint_eq(describe(id).path.len, 0);
}
END_TEST

START_TEST(address_outside_of_files_is_unknown_and_stays_absolute)
{
    int on_stack = 0;
    uint64_t offset;

    ck_assert_uint_eq(module_of((uintptr_t)&on_stack, &offset), WIRE_MODULE_UNKNOWN);
    ck_assert_uint_eq(offset, (uintptr_t)&on_stack);
    ck_assert_uint_eq(module_of(0, &offset), WIRE_MODULE_UNKNOWN);
}
END_TEST

START_TEST(ids_that_were_never_given_are_not_described)
{
    struct wire_module module;

    ck_assert(!module_describe(0, &module));
    ck_assert(!module_describe(module_count() + 1, &module));
    ck_assert(!module_describe(UINT32_MAX, &module));
}
END_TEST

static void *ask_for_all(void *arg)
{
    uint32_t *ids = arg;
    uint64_t offset;

    ids[0] = module_of((uintptr_t)dlsym(RTLD_DEFAULT, "gnu_get_libc_version"), &offset);
    ids[1] = module_of((uintptr_t)&describe, &offset);
    ids[2] = module_of((uintptr_t)dlsym(RTLD_DEFAULT, "srunner_free"), &offset);
    ids[3] = module_of((uintptr_t)getauxval(AT_SYSINFO_EHDR), &offset);
    return NULL;
}

START_TEST(threads_that_race_agree_on_ids)
{
    pthread_t threads[8];
    uint32_t ids[8][4];

    for (size_t i = 0; i < 8; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, ask_for_all, ids[i]), 0);
    for (size_t i = 0; i < 8; i++)
        pthread_join(threads[i], NULL);
    for (size_t i = 1; i < 8; i++)
        ck_assert_mem_eq(ids[i], ids[0], sizeof(ids[0]));
    ck_assert_uint_le(module_count(), 4);
    for (uint32_t id = 1; id <= module_count(); id++)
        describe(id);
}
END_TEST

static bool build_library(const char *folder, const char *name, const char *options)
{
    char command[1024];

    snprintf(command, sizeof(command),
             "cd %s && echo 'int answer_%s(void){return %d;}' > %s.c && "
             "cc -shared -fPIC %s -o %s.so %s.c 2>/dev/null",
             folder, name, name[0], name, options, name, name);
    return system(command) == 0;
}

static uint32_t load_and_close(const char *folder, const char *name, uintptr_t *start)
{
    char path[512], symbol[64];
    struct wire_module module;
    uint64_t offset;
    uint32_t id;
    void *handle;

    snprintf(path, sizeof(path), "%s/%s.so", folder, name);
    snprintf(symbol, sizeof(symbol), "answer_%s", name);
    handle = dlopen(path, RTLD_NOW);
    ck_assert_msg(handle != NULL, "%s", dlerror());
    id = module_of((uintptr_t)dlsym(handle, symbol), &offset);
    module = describe(id);
    *start = module.start;
    dlclose(handle);
    /* Still there when the file is not. */
    module = describe(id);
    ck_assert(path_is(&module, path));
    return id;
}

static void library_in_the_place_of_another(const char *options)
{
    char folder[] = "/tmp/test_module.XXXXXX";
    char command[64];
    uintptr_t a_start, b_start;
    uint32_t a, b;

    ck_assert_ptr_nonnull(mkdtemp(folder));
    if (build_library(folder, "a", options) && build_library(folder, "b", options)) {
        a = load_and_close(folder, "a", &a_start);
        b = load_and_close(folder, "b", &b_start);
        ck_assert_uint_ne(a, b);
        /* The point of the test: the loader did put b where a was. */
        ck_assert_uint_eq(a_start, b_start);
        ck_assert_uint_eq(load_and_close(folder, "b", &b_start), b);
    }
    snprintf(command, sizeof(command), "rm -r %s", folder);
    ck_assert_int_eq(system(command), 0);
}

START_TEST(library_loaded_in_the_place_of_another_gets_its_own_id)
{
    library_in_the_place_of_another("-Wl,--build-id=sha1");
}
END_TEST

SUITE_MAIN_WITHIN("module", 30, module_init, NULL, program_is_found_by_its_path,
                  build_id_is_that_of_the_file, vdso_has_no_path,
                  address_outside_of_files_is_unknown_and_stays_absolute,
                  ids_that_were_never_given_are_not_described, threads_that_race_agree_on_ids,
                  library_loaded_in_the_place_of_another_gets_its_own_id)
