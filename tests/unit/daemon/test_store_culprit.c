/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include <check.h>

#include "daemon/store/query.h"
#include "tests/unit/suite.h"

static struct frame native_frame(const char *function, const char *module)
{
    return (struct frame){.kind = WIRE_FRAME_NATIVE, .function = function, .module = module};
}

static struct frame python_frame(const char *function, const char *file)
{
    return (struct frame){.kind = WIRE_FRAME_PYTHON, .function = function, .file = file};
}

START_TEST(native_culprit_is_the_function_that_asks_for_memory)
{
    struct frame frames[] = {
        native_frame("__libc_malloc", "libc.so.6"),
        native_frame("operator new(unsigned long)", "libstdc++.so.6"),
        native_frame("std::__new_allocator<int>::allocate(unsigned long)", "shop"),
        native_frame("void std::vector<int>::_M_realloc_insert<int>(int&&)", "shop"),
        native_frame("cache_grow(std::string const&)", "libcache.so.1"),
        native_frame("main", "shop"),
    };
    struct frame glib[] = {native_frame(NULL, "libc.so.6"),
                           native_frame("g_malloc0", "libglib-2.0.so.0"),
                           native_frame("xstrdup", "tool"), native_frame("load", "tool")};
    struct frame only_runtime[] = {native_frame("strdup", "libc.so.6")};

    ck_assert_str_eq(query_culprit(frames, 6)->function, "cache_grow(std::string const&)");
    ck_assert_str_eq(query_culprit(glib, 4)->function, "load");
    ck_assert_ptr_eq(query_culprit(only_runtime, 1), &only_runtime[0]);
    ck_assert_ptr_null(query_culprit(frames, 0));
}
END_TEST

START_TEST(python_culprit_is_the_programs_own_frame)
{
    struct frame own[] = {
        native_frame("dict_resize", "libpython3.11.so.1.0"),
        python_frame("loads", "/usr/lib/python3.11/json/__init__.py"),
        python_frame("get", "/srv/venv/lib/python3.11/site-packages/requests/api.py"),
        python_frame("handle", "/srv/app/shop.py"),
        python_frame("main", "/srv/app/main.py"),
    };
    struct frame package[] = {
        python_frame("_call", "/usr/lib/python3.11/threading.py"),
        python_frame("work", "/usr/lib/python3/dist-packages/gunicorn/worker.py"),
    };
    struct frame stdlib[] = {
        python_frame("_load", "<frozen importlib._bootstrap>"),
        python_frame("run", "/usr/lib/python3.11/threading.py"),
    };

    ck_assert_str_eq(query_culprit(own, 5)->function, "handle");
    ck_assert_str_eq(query_culprit(package, 2)->function, "work");
    ck_assert_str_eq(query_culprit(stdlib, 2)->function, "_load");
}
END_TEST

SUITE_MAIN("culprit", native_culprit_is_the_function_that_asks_for_memory,
           python_culprit_is_the_programs_own_frame)
