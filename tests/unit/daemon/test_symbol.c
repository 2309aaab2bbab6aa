/* SPDX-License-Identifier: MIT */
#include "daemon/symbol/symbol.h"

#include <check.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/symbol/demangle.h"
#include "daemon/symbol/dwarf.h"
#include "daemon/symbol/locate.h"
#include "daemon/symbol/resolver.h"
#include "daemon/symbol/source_path.h"
#include "tests/unit/suite.h"

/* The program that is looked at. It prints the ELF address of the call in inner(). */
static const char source[] =
    "#include <stdint.h>\n"
    "#include <stdio.h>\n"
    "extern const char __ehdr_start[] __attribute__((visibility(\"hidden\")));\n"
    "static volatile int work;\n"
    "static uintptr_t pc;\n"
    "static __attribute__((noinline)) uintptr_t here(void)\n"
    "{ return (uintptr_t)__builtin_return_address(0); }\n"
    "#line 10\n"
    "static inline __attribute__((always_inline)) void inner(void) {\n"
    "    pc = here();\n"
    "    work++;\n"
    "}\n"
    "#line 20\n"
    "static inline __attribute__((always_inline)) void middle(void) {\n"
    "    inner();\n"
    "}\n"
    "#line 30\n"
    "static inline __attribute__((always_inline)) void outer(void) {\n"
    "    middle();\n"
    "}\n"
    "#line 40\n"
    "__attribute__((noinline)) void caller(void) __asm__(\"_ZN6orders5Cache5storeEv\");\n"
    "__attribute__((noinline)) void caller(void) {\n"
    "    outer();\n"
    "}\n"
    "int main(void) {\n"
    "    caller();\n"
    "    printf(\"%llu\\n\", (unsigned long long)(pc - (uintptr_t)__ehdr_start - 1));\n"
    "    return 0;\n"
    "}\n";

static char folder[64];
static char program[128];
static unsigned long long address;
static uint8_t build_id[64];
static uint8_t build_id_len;

static void run(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void run(const char *format, ...)
{
    char command[2048];
    va_list args;

    va_start(args, format);
    vsnprintf(command, sizeof(command), format, args);
    va_end(args);
    ck_assert_msg(system(command) == 0, "%s", command);
}

static void write_file(const char *path, const void *data, size_t len)
{
    FILE *file = fopen(path, "wb");

    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(data, 1, len, file), len);
    ck_assert_int_eq(fclose(file), 0);
}

static char *read_file(const char *path, size_t *len)
{
    FILE *file = fopen(path, "rb");
    char *data = malloc(1 << 20);

    ck_assert(file && data);
    *len = fread(data, 1, 1 << 20, file);
    ck_assert_uint_lt(*len, 1 << 20);
    fclose(file);
    return data;
}

static void note_build_id(void)
{
    struct dwarf_file *file;
    struct dwarf_id id;

    ck_assert_int_eq(dwarf_file_open(locate_open(LOCATE_OUR_ROOT, program), &file), 0);
    id = dwarf_file_build_id(file);
    ck_assert_uint_eq(id.len, 20);
    memcpy(build_id, id.data, id.len);
    build_id_len = (uint8_t)id.len;
    dwarf_file_close(file);
}

static void make_program(void)
{
    char path[128];
    FILE *output;

    snprintf(folder, sizeof(folder), "/tmp/test_symbol.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/chain.c", folder);
    write_file(path, source, strlen(source));
    run("cd %s && cc -g -O2 -fPIE -pie -Wl,--build-id=sha1 chain.c -o chain", folder);
    snprintf(program, sizeof(program), "%s/chain", folder);
    output = popen(program, "r");
    ck_assert_ptr_nonnull(output);
    ck_assert_int_eq(fscanf(output, "%llu", &address), 1);
    pclose(output);
    note_build_id();
}

static void remove_program(void)
{
    run("rm -r %s", folder);
}

static struct symbol_answer resolve_from(const char *path, const char *debug_path)
{
    struct symbol_request request = {.path = path,
                                     .build_id = build_id,
                                     .build_id_len = build_id_len,
                                     .offset = address,
                                     .key = 7};
    struct symbol_answer answer;
    struct resolver *resolver;

    ck_assert_int_eq(resolver_new(debug_path, &resolver), 0);
    resolver_resolve(resolver, &request, &answer);
    resolver_rest(resolver);
    resolver_free(resolver);
    ck_assert_uint_eq(answer.key, 7);
    return answer;
}

static size_t count_from(const char *path, const char *debug_path)
{
    struct symbol_answer answer = resolve_from(path, debug_path);
    size_t count = answer.count;

    symbol_answer_done(&answer);
    return count;
}

static bool can_demangle(void)
{
    return dlopen("libstdc++.so.6", RTLD_NOW) != NULL;
}

static void assert_frame(const struct symbol_frame *frame, const char *function, uint32_t line,
                         bool inlined)
{
    char file[128];

    snprintf(file, sizeof(file), "%s/chain.c", folder);
    ck_assert_str_eq(frame->function, function);
    ck_assert_str_eq(frame->file, file);
    ck_assert_uint_eq(frame->line, line);
    ck_assert(frame->inlined == inlined);
}

static void assert_chain(const char *path, const char *debug_path)
{
    struct symbol_answer answer = resolve_from(path, debug_path);

    ck_assert_uint_eq(answer.count, 4);
    assert_frame(&answer.frames[0], "inner", 11, true);
    assert_frame(&answer.frames[1], "middle", 21, true);
    assert_frame(&answer.frames[2], "outer", 31, true);
    /* gcc notes the assembler's name of a function, clang does not. */
    ck_assert_uint_eq(answer.frames[3].line, 42);
    ck_assert(strcmp(answer.frames[3].function, "caller") == 0 ||
              strcmp(answer.frames[3].function, "orders::Cache::store()") == 0);
    ck_assert(!answer.frames[3].inlined);
    symbol_answer_done(&answer);
}

START_TEST(inlined_functions_have_a_line_each)
{
    assert_chain(program, "");
}
END_TEST

START_TEST(debug_file_is_found_by_build_id)
{
    char debug_path[256], stripped[128];

    snprintf(stripped, sizeof(stripped), "%s/stripped", folder);
    snprintf(debug_path, sizeof(debug_path), "/nowhere::%s/debug", folder);
    run("cd %s && mkdir -p debug/.build-id/%02x && strip -o stripped chain", folder, build_id[0]);
    ck_assert_uint_eq(count_from(stripped, debug_path), 0);
    run("cd %s && objcopy --only-keep-debug chain "
        "debug/.build-id/%02x/$(readelf -n chain | sed -n 's/.*Build ID: ..//p').debug",
        folder, build_id[0]);
    assert_chain(stripped, debug_path);
    /* The file itself may be gone: its build-id is enough. */
    unlink(stripped);
    assert_chain(stripped, debug_path);
}
END_TEST

START_TEST(debug_file_is_found_by_link)
{
    char linked[128];

    snprintf(linked, sizeof(linked), "%s/linked", folder);
    run("cd %s && mkdir .debug && objcopy --only-keep-debug chain .debug/chain.dbg && "
        "strip -o linked chain && objcopy --add-gnu-debuglink=.debug/chain.dbg linked",
        folder);
    assert_chain(linked, "");
}
END_TEST

START_TEST(debug_file_without_build_id_is_proved_by_its_checksum)
{
    char linked[128], path[160];
    uint8_t len = build_id_len;

    build_id_len = 0;
    snprintf(linked, sizeof(linked), "%s/plain", folder);
    snprintf(path, sizeof(path), "%s/.debug/plain.dbg", folder);
    run("cd %s && cc -g -O2 -fPIE -pie -Wl,--build-id=none chain.c -o whole && mkdir .debug && "
        "objcopy --only-keep-debug whole .debug/plain.dbg && strip -o plain whole && "
        "objcopy --add-gnu-debuglink=.debug/plain.dbg plain",
        folder);
    run("%s/plain > %s/address", folder, folder);
    ck_assert_uint_gt(count_from(linked, ""), 0);
    run("printf x >> %s", path);
    ck_assert_uint_eq(count_from(linked, ""), 0);
    build_id_len = len;
}
END_TEST

START_TEST(symbol_table_is_the_second_source)
{
    struct symbol_answer answer;
    char path[128];

    snprintf(path, sizeof(path), "%s/symbols", folder);
    run("cd %s && strip --strip-debug -o symbols chain", folder);
    answer = resolve_from(path, "");
    ck_assert_uint_eq(answer.count, 1);
    ck_assert_str_eq(answer.frames[0].function,
                     can_demangle() ? "orders::Cache::store()" : "_ZN6orders5Cache5storeEv");
    ck_assert_ptr_null(answer.frames[0].file);
    symbol_answer_done(&answer);
}
END_TEST

START_TEST(address_outside_of_code_is_unknown)
{
    unsigned long long there = address;

    address = 0;
    ck_assert_uint_eq(count_from(program, ""), 0);
    address = UINT64_MAX;
    ck_assert_uint_eq(count_from(program, ""), 0);
    address = there;
}
END_TEST

START_TEST(other_build_id_is_another_file)
{
    build_id[3] ^= 1;
    ck_assert_uint_eq(count_from(program, ""), 0);
    build_id[3] ^= 1;
    build_id_len = 0;
    ck_assert_uint_eq(count_from(program, ""), 0);
}
END_TEST

START_TEST(what_is_no_elf_file_is_unknown)
{
    char path[128];

    ck_assert_uint_eq(count_from(folder, ""), 0);
    ck_assert_uint_eq(count_from("/dev/zero", ""), 0);
    ck_assert_uint_eq(count_from("", ""), 0);
    ck_assert_uint_eq(count_from("/proc/self/mem", ""), 0);
    snprintf(path, sizeof(path), "%s/missing", folder);
    ck_assert_uint_eq(count_from(path, ""), 0);
    snprintf(path, sizeof(path), "%s/fifo", folder);
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    ck_assert_uint_eq(count_from(path, ""), 0); /* and does not wait for a writer */
    snprintf(path, sizeof(path), "%s/text", folder);
    write_file(path, "not an ELF file", 15);
    ck_assert_uint_eq(count_from(path, ""), 0);
    write_file(path, "", 0);
    ck_assert_uint_eq(count_from(path, ""), 0);
}
END_TEST

START_TEST(files_cut_short_do_no_harm)
{
    char path[128];
    size_t len;
    char *data = read_file(program, &len);

    snprintf(path, sizeof(path), "%s/cut", folder);
    for (size_t i = 0; i < 100; i++) {
        write_file(path, data, len * i / 100);
        ck_assert_uint_le(count_from(path, ""), 4);
    }
    free(data);
}
END_TEST

/* With its build-id left alone, so that what is behind it is looked at. */
START_TEST(files_with_wrong_bytes_do_no_harm)
{
    char path[128];
    size_t len, skip = 1024;
    char *data = read_file(program, &len);
    uint32_t random = 12345;

    snprintf(path, sizeof(path), "%s/wrong", folder);
    for (size_t round = 0; round < 100; round++) {
        for (size_t i = 0; i < 20; i++) {
            random = random * 1664525 + 1013904223;
            data[skip + (random >> 8) % (len - skip)] ^= (char)(1 << (random & 7));
        }
        write_file(path, data, len);
        ck_assert_uint_le(count_from(path, ""), SYMBOL_FRAMES_MAX);
    }
    free(data);
}
END_TEST

START_TEST(links_are_followed_inside_another_root)
{
    char path[128];
    int root, fd;

    snprintf(path, sizeof(path), "%s/link", folder);
    ck_assert_int_eq(symlink("/chain", path), 0);
    root = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    ck_assert_int_ge(root, 0);
    fd = locate_open(root, "/link");
    ck_assert_int_ge(fd, 0);
    close(fd);
    ck_assert_int_lt(locate_open(root, "/../../../../etc/passwd"), 0);
    ck_assert_int_lt(locate_open(LOCATE_OUR_ROOT, path), 0);
    close(root);
}
END_TEST

static void assert_demangled(const char *name, const char *expected)
{
    char *readable = demangle(name);

    if (expected)
        ck_assert_str_eq(readable, expected);
    else
        ck_assert_ptr_null(readable);
    free(readable);
}

START_TEST(names_are_made_readable)
{
    char bomb[256] = "_Z1fSt4pairIiiE";

    assert_demangled("main", NULL);
    assert_demangled("", NULL);
    assert_demangled("_Z", NULL);
    assert_demangled("_Znonsense", NULL);
    for (size_t i = 0; i < 40; i++)
        strcat(bomb, "S0_");
    assert_demangled(bomb, NULL);
    if (!can_demangle())
        return;
    assert_demangled("_ZN6orders5Cache5storeEv", "orders::Cache::store()");
    assert_demangled("_ZN4core3fmt5write17h0123456789abcdefE", "core::fmt::write");
    assert_demangled("_ZN58_$LT$alloc..string..String$u20$as$u20$core..fmt..Debug$GT$3fmt"
                     "17h0123456789abcdefE",
                     "<alloc::string::String as core::fmt::Debug>::fmt");
}
END_TEST

static void assert_joined(const char *below, const char *path, const char *expected)
{
    char *joined = source_path_join(below, path);

    ck_assert_str_eq(joined, expected);
    free(joined);
}

START_TEST(source_paths_have_one_spelling)
{
    assert_joined("/build", "a.c", "/build/a.c");
    assert_joined("/build", "/src/a.c", "/src/a.c");
    assert_joined("/build/x", "../src/./a.c", "/build/src/a.c");
    assert_joined("./build-static", "../Python/a.c", "Python/a.c");
    assert_joined("./sunrpc", "./sunrpc/svc.c", "sunrpc/svc.c");
    assert_joined("a", "../../b.c", "../b.c");
    assert_joined(NULL, "../../b.c", "../../b.c");
    assert_joined(NULL, "/../b//c.c", "/b/c.c");
    assert_joined("", "", "");
    assert_joined("/", "..", "/");
    assert_joined("a", "../..", "..");
}
END_TEST

/* ---- on the loop ---------------------------------------------------------------------------- */

struct seen {
    struct symbolizer *symbolizer;
    bool asking;
    bool closed;
    unsigned answers[8];
    size_t frames;
};

static void on_found(void *arg, uint64_t key, const struct symbol_frame *frames, size_t count)
{
    struct seen *seen = arg;

    ck_assert(!seen->asking);
    ck_assert_uint_lt(key, 8);
    seen->answers[key]++;
    seen->frames += count;
    for (size_t i = 0; i < count; i++)
        ck_assert_ptr_nonnull(frames[i].function);
}

static void on_closed(void *arg)
{
    struct seen *seen = arg;

    ck_assert(!seen->asking);
    seen->closed = true;
}

static int ask(struct seen *seen, size_t count)
{
    struct symbol_request requests[8];
    char path[128];
    int rc;

    snprintf(path, sizeof(path), "%s", program); /* gone before the worker begins */
    for (size_t i = 0; i < count; i++)
        requests[i] = (struct symbol_request){.path = i == 3 ? "/missing" : path,
                                              .build_id = build_id,
                                              .build_id_len = build_id_len,
                                              .pid = getpid(),
                                              .offset = address,
                                              .key = i};
    seen->asking = true;
    rc = symbolizer_ask(seen->symbolizer, requests, count);
    seen->asking = false;
    memset(path, 'x', sizeof(path));
    return rc;
}

static void close_symbolizer(struct seen *seen)
{
    seen->asking = true;
    symbolizer_close(seen->symbolizer, on_closed, seen);
    seen->asking = false;
}

START_TEST(every_request_is_answered_once)
{
    struct seen seen = {.closed = false};
    uv_loop_t loop;

    ck_assert_int_eq(uv_loop_init(&loop), 0);
    ck_assert_int_eq(symbolizer_new(&loop, "", on_found, &seen, &seen.symbolizer), 0);
    ck_assert_int_eq(ask(&seen, 0), 0);
    ck_assert(!symbolizer_is_busy(seen.symbolizer));
    ck_assert_int_eq(ask(&seen, 8), 0);
    ck_assert(symbolizer_is_busy(seen.symbolizer));
    ck_assert_int_eq(ask(&seen, 1), -EBUSY);
    uv_run(&loop, UV_RUN_DEFAULT);
    ck_assert(!symbolizer_is_busy(seen.symbolizer));
    for (size_t i = 0; i < 8; i++)
        ck_assert_uint_eq(seen.answers[i], 1);
    ck_assert_uint_eq(seen.frames, 7 * 4);
    ck_assert_int_eq(ask(&seen, 8), 0);
    uv_run(&loop, UV_RUN_DEFAULT);
    ck_assert_uint_eq(seen.frames, 2 * 7 * 4);
    close_symbolizer(&seen);
    uv_run(&loop, UV_RUN_DEFAULT);
    ck_assert(seen.closed);
    ck_assert_int_eq(uv_loop_close(&loop), 0);
}
END_TEST

START_TEST(nothing_is_answered_after_close)
{
    struct seen seen = {.closed = false};
    uv_loop_t loop;

    ck_assert_int_eq(uv_loop_init(&loop), 0);
    ck_assert_int_eq(symbolizer_new(&loop, "", on_found, &seen, &seen.symbolizer), 0);
    ck_assert_int_eq(ask(&seen, 8), 0);
    close_symbolizer(&seen);
    ck_assert_int_eq(ask(&seen, 8), -EBUSY);
    uv_run(&loop, UV_RUN_DEFAULT);
    ck_assert(seen.closed);
    ck_assert_uint_eq(seen.frames, 0);
    ck_assert_int_eq(uv_loop_close(&loop), 0);
}
END_TEST

SUITE_MAIN_FIXTURE("symbol", make_program, remove_program, inlined_functions_have_a_line_each,
                   debug_file_is_found_by_build_id, debug_file_is_found_by_link,
                   debug_file_without_build_id_is_proved_by_its_checksum,
                   symbol_table_is_the_second_source, address_outside_of_code_is_unknown,
                   other_build_id_is_another_file, what_is_no_elf_file_is_unknown,
                   files_cut_short_do_no_harm, files_with_wrong_bytes_do_no_harm,
                   links_are_followed_inside_another_root, names_are_made_readable,
                   source_paths_have_one_spelling, every_request_is_answered_once,
                   nothing_is_answered_after_close)
