/* SPDX-License-Identifier: MIT */
#include "daemon/store/store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>
#include "tests/unit/suite.h"

#define STR(text) ((struct wire_str){text, sizeof(text) - 1})

static struct store *store;
static const struct store_limits limits = {.processes_max = 4, .exited_retention_ms = 60000};

static void setup(void)
{
    ck_assert_int_eq(store_new(&limits, &store), 0);
}

static void teardown(void)
{
    store_free(store);
}

static struct wire_hello hello_of(uint64_t instance)
{
    struct wire_hello hello = {
        .protocol = 1,
        .instance = instance,
        .sample_period_bytes = 524288,
        .exe = STR("/usr/bin/shop"),
        .argv0 = STR("shop"),
        .runtime = STR("native"),
        .agent_version = STR("0.1.0"),
    };

    return hello;
}

static struct process *add(pid_t pid, uint64_t instance, uint64_t now_ms)
{
    struct process_identity identity = {
        .pid = pid, .uid = 1000, .start_ticks = pid ? 777 : 0, .instance = instance};
    struct wire_hello hello = hello_of(instance);
    struct process *process;

    if (store_hello(store, &identity, &hello, detect_profile_find("default"), now_ms,
                    1000000 + now_ms, &process) < 0)
        return NULL;
    return process;
}

static void put_module(struct process *process, uint32_t id, const char *path, const char *build_id)
{
    struct wire_module module = {
        .id = id,
        .start = 0x1000,
        .end = 0x2000,
        .path = {path, strlen(path)},
        .build_id_len = (uint8_t)strlen(build_id),
        .build_id = (const uint8_t *)build_id,
    };

    ck_assert_int_eq(store_put_module(store, process, &module), 0);
}

static void put_name(struct process *process, uint32_t id, const char *text)
{
    struct wire_name name = {id, {text, strlen(text)}};

    ck_assert_int_eq(store_put_name(store, process, &name), 0);
}

static struct wire_stack_frame native(uint32_t module_id, uint64_t offset)
{
    return (struct wire_stack_frame){
        .kind = WIRE_FRAME_NATIVE, .module_id = module_id, .offset = offset};
}

static struct wire_stack_frame python(uint32_t function_id, uint32_t file_id, uint32_t line)
{
    return (struct wire_stack_frame){
        .kind = WIRE_FRAME_PYTHON, .function_id = function_id, .file_id = file_id, .line = line};
}

static void put_totals(struct process *process, uint32_t id, uint64_t alloc, uint64_t freed)
{
    struct wire_site_totals totals = {.site_id = id,
                                      .alloc_bytes = alloc,
                                      .free_bytes = freed,
                                      .alloc_count = alloc / 100,
                                      .free_count = freed / 100};

    ck_assert_int_eq(store_put_site_totals(store, process, &totals, 5000), 0);
}

static const struct site *site_of(const struct process *process, uint32_t id)
{
    for (size_t i = 0; i < process->site_count; i++) {
        if (process->sites[i].id == id)
            return &process->sites[i];
    }
    return NULL;
}

/* Answers every waiting address: the offset becomes the function's name. */
static size_t resolve_all(void)
{
    struct store_address addresses[64];
    size_t count = store_take_unresolved(store, addresses, 64);

    for (size_t i = 0; i < count; i++) {
        char name[32];
        struct store_symbol_frame frame = {name, "file.c", 7, false};

        snprintf(name, sizeof(name), "f_%llx", (unsigned long long)addresses[i].offset + 1);
        ck_assert_int_eq(store_put_symbol(store, addresses[i].key, &frame, 1), 0);
    }
    return count;
}

/* ---- processes ----------------------------------------------------------------------------- */

START_TEST(id_is_pid_and_start_and_name_is_the_file_of_exe)
{
    struct process *process = add(42, 1, 100);

    ck_assert_str_eq(process->id, "42-777");
    ck_assert_str_eq(process->name, "shop");
    ck_assert_int_eq(process->state, PROCESS_WATCHING);
    ck_assert_ptr_eq(query_process(store, "42-777"), process);
    ck_assert_ptr_null(query_process(store, "43-777"));
}
END_TEST

START_TEST(leakd_name_wins_over_exe)
{
    struct process_identity identity = {.pid = 7, .start_ticks = 1, .instance = 1};
    struct wire_hello hello = hello_of(1);
    struct process *process;

    hello.name = STR("billing");
    ck_assert_int_eq(
        store_hello(store, &identity, &hello, detect_profile_find("fast"), 1, 1, &process), 0);
    ck_assert_str_eq(process->name, "billing");
}
END_TEST

START_TEST(reconnect_finds_the_same_process)
{
    struct process *process = add(42, 1, 100);

    put_totals(process, 1, 500, 100);
    store_set_state(store, process, PROCESS_LOST, 200, 200);
    ck_assert_ptr_eq(add(42, 1, 300), process);
    ck_assert_int_eq(process->state, PROCESS_WATCHING);
    ck_assert_uint_eq(process->site_count, 1);
    ck_assert_uint_eq(query_process_count(store), 1);
}
END_TEST

START_TEST(exec_makes_a_new_process_and_ends_the_old_one)
{
    struct process *before = add(42, 1, 100);
    struct process *after = add(42, 2, 200);

    ck_assert_ptr_ne(before, after);
    ck_assert_str_eq(after->id, "42-777-2");
    ck_assert_int_eq(before->state, PROCESS_EXITED);
    ck_assert_uint_eq(before->ended_mono_ms, 200);
    ck_assert_str_eq(add(42, 3, 300)->id, "42-777-3");
}
END_TEST

START_TEST(processes_of_a_foreign_pid_namespace_are_told_apart_by_instance)
{
    struct process *a = add(0, 0xaa, 100);
    struct process *b = add(0, 0xbb, 100);

    ck_assert_ptr_ne(a, b);
    ck_assert_str_eq(a->id, "0-aa");
    ck_assert_int_eq(a->state, PROCESS_WATCHING);
    ck_assert_ptr_eq(add(0, 0xaa, 200), a);
}
END_TEST

START_TEST(a_full_store_drops_the_longest_ended_and_never_a_living_one)
{
    struct process *process[4];

    for (int i = 0; i < 4; i++)
        process[i] = add(10 + i, 1, 100);
    ck_assert_ptr_null(add(20, 1, 100));
    store_set_state(store, process[2], PROCESS_EXITED, 500, 500);
    store_set_state(store, process[1], PROCESS_KILLED, 400, 400);
    ck_assert_ptr_nonnull(add(20, 1, 600));
    ck_assert_ptr_null(query_process(store, "11-777"));
    ck_assert_ptr_nonnull(query_process(store, "12-777"));
    ck_assert_uint_eq(query_process_count(store), 4);
}
END_TEST

START_TEST(ended_processes_go_after_their_retention_unless_an_incident_names_them)
{
    struct process *gone = add(10, 1, 100), *kept = add(11, 1, 100), *alive = add(12, 1, 100);
    struct incident *incident = calloc(1, sizeof(*incident));

    snprintf(incident->process_id, sizeof(incident->process_id), "%s", kept->id);
    ck_assert_int_eq(store_open_incident(store, incident, &incident), 0);
    store_set_state(store, gone, PROCESS_EXITED, 1000, 1000);
    store_set_state(store, kept, PROCESS_EXITED, 1000, 1000);
    store_expire(store, 61000);
    ck_assert_uint_eq(query_process_count(store), 3);
    store_expire(store, 61001);
    ck_assert_uint_eq(query_process_count(store), 2);
    ck_assert_ptr_null(query_process(store, "10-777"));
    ck_assert_ptr_eq(query_process(store, "12-777"), alive);
}
END_TEST

/* ---- figures ------------------------------------------------------------------------------- */

static void put_native_totals(struct process *process, uint64_t live, uint64_t alloc, uint64_t ms)
{
    struct wire_totals totals = {.domain_count = 1};

    totals.domains[0].method = WIRE_METHOD_USABLE;
    totals.domains[0].live_bytes = live;
    totals.domains[0].alloc_bytes = alloc;
    totals.domains[0].free_bytes = alloc - live;
    ck_assert_int_eq(store_put_totals(store, process, &totals, ms, 1000000 + ms), 0);
}

START_TEST(totals_replace_and_domains_add_up)
{
    struct process *process = add(42, 1, 100);
    struct wire_totals totals = {.domain_count = 2};

    totals.domains[0] = (struct wire_domain_totals){
        .domain = 0, .method = WIRE_METHOD_EXACT, .live_bytes = 100, .alloc_bytes = 150};
    totals.domains[1] = (struct wire_domain_totals){
        .domain = 1, .method = WIRE_METHOD_EXACT, .live_bytes = 1000, .alloc_bytes = 0};
    ck_assert_int_eq(store_put_totals(store, process, &totals, 200, 1000200), 0);
    ck_assert_uint_eq(process->live_bytes, 1100);
    ck_assert_int_eq(store_put_totals(store, process, &totals, 300, 1000300), 0);
    ck_assert_uint_eq(process->live_bytes, 1100);
    ck_assert_uint_eq(process->alloc_bytes, 150);
}
END_TEST

START_TEST(a_lower_total_is_a_new_count)
{
    struct process *process = add(42, 1, 100);

    put_native_totals(process, 500, 10000, 200);
    put_native_totals(process, 10, 20, 300);
    ck_assert_uint_eq(process->alloc_bytes, 20);
    ck_assert_uint_eq(process->live_bytes, 10);
}
END_TEST

START_TEST(a_silent_process_keeps_its_live_bytes_in_the_series)
{
    struct process *process = add(42, 1, 100);
    struct point out[16];
    uint64_t step;

    ck_assert(!store_repeat_totals(store, process, 1000, 1001000));
    put_native_totals(process, 500, 500, 2000);
    ck_assert(!store_repeat_totals(store, process, 2500, 1002500));
    ck_assert(store_repeat_totals(store, process, 3000, 1003000));
    ck_assert(store_repeat_totals(store, process, 4000, 1004000));
    ck_assert_uint_eq(series_get(process->live_series, 0, 2000000, 1000, out, 16, &step), 3);
    ck_assert(out[2].mean == 500);
}
END_TEST

START_TEST(site_totals_replace_and_frees_beyond_allocations_are_cut)
{
    struct process *process = add(42, 1, 100);
    struct wire_site_totals bad = {.site_id = 1, .alloc_bytes = 1, .free_bytes = 2};

    put_totals(process, 1, 1000, 400);
    put_totals(process, 1, 1500, 400);
    ck_assert_uint_eq(process->site_count, 1);
    ck_assert_uint_eq(site_live_bytes(site_of(process, 1)), 1100);
    ck_assert_int_eq(store_put_site_totals(store, process, &bad, 1), 0);
    ck_assert_uint_eq(site_live_bytes(site_of(process, 1)), 0);
}
END_TEST

START_TEST(all_4096_sites_and_the_other_one_are_found_in_any_order_of_arrival)
{
    struct process *process = add(42, 1, 100);

    for (uint32_t i = 0; i <= WIRE_SITES_MAX; i++)
        put_totals(process, (i * 2731) % (WIRE_SITES_MAX + 1), i + 1, 0);
    ck_assert_uint_eq(process->site_count, WIRE_SITES_MAX + 1);
    for (uint32_t i = 0; i <= WIRE_SITES_MAX; i++)
        put_totals(process, i, 1000000 + i, 0);
    ck_assert_uint_eq(process->site_count, WIRE_SITES_MAX + 1);
    ck_assert_uint_eq(site_live_bytes(site_of(process, 4096)), 1004096);
    ck_assert_uint_eq(site_live_bytes(site_of(process, 0)), 1000000);
}
END_TEST

START_TEST(types_are_capped_at_1024_and_the_other_one)
{
    struct process *process = add(42, 1, 100);

    for (uint32_t i = 2000; i > 0; i--) {
        struct wire_type_totals totals = {.name_id = i, .live_bytes = i};

        ck_assert_int_eq(store_put_type_totals(store, process, &totals, 1), 0);
    }
    ck_assert_uint_eq(process->type_count, WIRE_TYPES_MAX + 1);
    for (size_t i = 1; i < process->type_count; i++)
        ck_assert_uint_lt(process->types[i - 1].name_id, process->types[i].name_id);
}
END_TEST

START_TEST(names_beyond_4_mib_are_refused)
{
    struct process *process = add(42, 1, 100);
    char text[4096];
    int rc = 0;
    uint32_t id;

    memset(text, 'x', sizeof(text));
    for (id = 1; rc == 0 && id < 3000; id++) {
        struct wire_name name = {id, {text, sizeof(text)}};

        memcpy(text, &id, sizeof(id));
        rc = store_put_name(store, process, &name);
    }
    ck_assert_int_eq(rc, -ENOSPC);
    ck_assert_uint_eq(id, 1024 + 2);
    ck_assert_str_eq(query_name(process, 2000), "");
}
END_TEST

/* Points of a site whose live bytes rose from 0 in equal steps, or within the first half. */
static void rises(struct site *site, double to_bytes, bool all_the_time)
{
    site->recent = malloc(sizeof(*site->recent));
    ck_assert_ptr_nonnull(site->recent);
    points_init(site->recent, 0, 1000);
    for (uint64_t i = 0; i <= 30; i++)
        points_put(site->recent, i * 1000,
                   to_bytes * (double)(all_the_time || i < 15 ? i : 15) / (all_the_time ? 30 : 15));
}

START_TEST(what_still_grows_ranks_first_by_what_it_gained_at_least)
{
    struct process *process = add(42, 1, 100);
    const struct site *out[40];

    process->sample_period_bytes = 100;
    for (uint32_t i = 1; i <= 40; i++)
        put_totals(process, i, 1000 * i, 0);
    rises(&process->sites[4], 5000, true);
    rises(&process->sites[9], 10000, true);
    rises(&process->sites[29], 30000, false); /* filled up: more, but over */
    ck_assert_uint_eq(query_sites(process, ORDER_GROWTH, out, 4), 4);
    ck_assert_uint_eq(out[0]->id, 10);
    ck_assert_uint_eq(out[1]->id, 5);
    ck_assert_uint_eq(out[2]->id, 30);
    ck_assert_uint_eq(out[3]->id, 40);
    ck_assert_uint_eq(query_sites(process, ORDER_LIVE, out, 40), 40);
    for (uint32_t i = 0; i < 40; i++)
        ck_assert_uint_eq(out[i]->id, 40 - i);
    ck_assert_uint_eq(query_sites(process, ORDER_LIVE, out, 0), 0);
}
END_TEST

/* ---- names and frames ---------------------------------------------------------------------- */

START_TEST(frames_get_their_names_and_inlined_ones_unfold)
{
    struct process *process = add(42, 1, 100);
    struct wire_site site = {
        .id = 1, .frame_count = 2, .frames = {native(1, 0x100), native(1, 0x200)}};
    struct store_symbol_frame inlined[2] = {{"inner", "a.h", 3, true}, {"outer", "a.c", 9, false}};
    struct store_address address;
    struct frame frames[8];

    put_module(process, 1, "/opt/lib/libshop.so.2", "BUILD");
    ck_assert_int_eq(store_put_site(store, process, &site), 0);
    ck_assert_uint_eq(query_frames(store, process, site_of(process, 1), frames, 8), 2);
    ck_assert_ptr_null(frames[0].function);
    ck_assert_str_eq(frames[0].module, "libshop.so.2");
    ck_assert_uint_eq(frames[0].offset, 0x100);

    ck_assert_uint_eq(store_take_unresolved(store, &address, 1), 1);
    ck_assert_uint_eq(address.offset, 0xff); /* where the call is */
    ck_assert_int_eq(address.pid, 42);
    ck_assert_str_eq(address.path, "/opt/lib/libshop.so.2");
    ck_assert_int_eq(store_put_symbol(store, address.key, inlined, 2), 0);
    ck_assert_int_eq(store_put_symbol(store, address.key, inlined, 2), -ENOENT);
    ck_assert_uint_eq(query_frames(store, process, site_of(process, 1), frames, 8), 3);
    ck_assert_str_eq(frames[0].function, "inner");
    ck_assert(frames[0].inlined && !frames[1].inlined);
    ck_assert_str_eq(frames[1].file, "a.c");
    ck_assert_uint_eq(frames[1].line, 9);
    ck_assert_uint_eq(query_frames(store, process, site_of(process, 1), frames, 1), 1);
}
END_TEST

START_TEST(addresses_are_asked_for_once_over_all_processes)
{
    struct process *a = add(42, 1, 100), *b = add(43, 1, 100);
    struct wire_site site = {.id = 1, .frame_count = 1, .frames = {native(1, 0x100)}};
    struct wire_site other = {.id = 9, .frame_count = 1, .frames = {native(7, 0x100)}};
    struct frame frame;

    put_module(a, 1, "/usr/lib/libx.so", "SAME");
    put_module(b, 7, "/chroot/usr/lib/libx.so", "SAME");
    store_put_site(store, a, &site);
    store_put_site(store, b, &other);
    ck_assert_uint_eq(resolve_all(), 1);
    ck_assert_uint_eq(query_frames(store, b, site_of(b, 9), &frame, 1), 1);
    ck_assert_str_eq(frame.function, "f_100");
}
END_TEST

START_TEST(a_fingerprint_comes_with_the_last_name_and_ignores_lines_and_addresses)
{
    struct process *a = add(42, 1, 100), *b = add(43, 1, 100), *c = add(44, 1, 100);
    struct wire_site native_site = {
        .id = 1, .frame_count = 2, .frames = {native(1, 0x100), native(1, 0x200)}};
    struct wire_site late = {.id = 2, .frame_count = 1, .frames = {native(5, 0x300)}};
    struct wire_site one = {.id = 3, .frame_count = 1, .frames = {python(1, 2, 10)}};
    struct wire_site moved = {.id = 3, .frame_count = 1, .frames = {python(4, 5, 99)}};

    put_module(a, 1, "/usr/lib/libx.so.1", "A1");
    store_put_site(store, a, &native_site);
    store_put_site(store, a, &late); /* its module comes after it */
    ck_assert_str_eq(site_of(a, 1)->fingerprint, "");
    ck_assert_uint_eq(resolve_all(), 2);
    store_settle(store);
    ck_assert_uint_eq(strlen(site_of(a, 1)->fingerprint), 16);
    ck_assert_str_eq(site_of(a, 2)->fingerprint, "");
    put_module(a, 5, "/usr/lib/liby.so", "");
    store_settle(store);
    ck_assert_uint_eq(resolve_all(), 1);
    store_settle(store);
    ck_assert_uint_eq(strlen(site_of(a, 2)->fingerprint), 16);
    ck_assert_str_ne(site_of(a, 1)->fingerprint, site_of(a, 2)->fingerprint);

    put_name(b, 1, "handle");
    put_name(b, 2, "/srv/v1/shop.py");
    store_put_site(store, b, &one);
    put_name(c, 4, "handle");
    put_name(c, 5, "/srv/v2/shop.py");
    store_put_site(store, c, &moved);
    ck_assert_uint_eq(strlen(site_of(b, 3)->fingerprint), 16);
    ck_assert_str_eq(site_of(b, 3)->fingerprint, site_of(c, 3)->fingerprint);
}
END_TEST

START_TEST(a_symbol_that_comes_after_its_process_is_gone_does_no_harm)
{
    struct process *process = add(42, 1, 100);
    struct wire_site site = {.id = 1, .frame_count = 1, .frames = {native(1, 0x100)}};
    struct store_symbol_frame frame = {"f", NULL, 0, false};
    struct store_address address;

    put_module(process, 1, "/bin/x", "X");
    store_put_site(store, process, &site);
    ck_assert_uint_eq(store_take_unresolved(store, &address, 1), 1);
    store_set_state(store, process, PROCESS_EXITED, 100, 100);
    store_expire(store, 100000);
    ck_assert_uint_eq(query_process_count(store), 0);
    ck_assert_int_eq(store_put_symbol(store, address.key, &frame, 1), 0);
    ck_assert_int_eq(store_put_symbol(store, 4711, &frame, 1), -ENOENT);
}
END_TEST

START_TEST(a_path_with_a_nul_byte_in_it_is_cut_there)
{
    struct wire_module module = {.id = 1, .path = {"/bin/x\0y", 8}};
    struct process *process = add(42, 1, 100);
    struct wire_site site = {.id = 1, .frame_count = 1, .frames = {native(1, 0x100)}};
    struct frame frame;

    ck_assert_int_eq(store_put_module(store, process, &module), 0);
    ck_assert_int_eq(store_put_site(store, process, &site), 0);
    ck_assert_uint_eq(query_frames(store, process, site_of(process, 1), &frame, 1), 1);
    ck_assert_str_eq(frame.module, "x"); /* and nothing leaks: LeakSanitizer looks on */
}
END_TEST

/* ---- incidents and statistics -------------------------------------------------------------- */

START_TEST(incidents_have_ids_of_their_own_and_the_newest_is_first)
{
    struct incident *first = calloc(1, sizeof(*first)), *second = calloc(1, sizeof(*second));

    strcpy(first->process_id, "1-1");
    strcpy(second->process_id, "1-1");
    ck_assert_int_eq(store_open_incident(store, first, &first), 0);
    first->state = INCIDENT_RESOLVED;
    ck_assert_ptr_null(store_find_open_incident(store, "1-1"));
    ck_assert_int_eq(store_open_incident(store, second, &second), 0);
    ck_assert_str_ne(first->id, second->id);
    ck_assert_uint_eq(strlen(first->id), 8);
    ck_assert_ptr_eq(query_incident_at(store, 0), second);
    ck_assert_ptr_eq(query_incident(store, first->id), first);
    ck_assert_ptr_eq(store_find_open_incident(store, "1-1"), second);
}
END_TEST

START_TEST(a_thousand_incidents_are_kept_and_open_ones_longest)
{
    struct incident *open = calloc(1, sizeof(*open));
    char id[24];

    ck_assert_int_eq(store_open_incident(store, open, &open), 0);
    strcpy(id, open->id);
    for (int i = 0; i < 1200; i++) {
        struct incident *incident = calloc(1, sizeof(*incident));

        incident->state = INCIDENT_RESOLVED;
        ck_assert_int_eq(store_open_incident(store, incident, &incident), 0);
    }
    ck_assert_uint_eq(query_incident_count(store), 1000);
    ck_assert_ptr_nonnull(query_incident(store, id));
}
END_TEST

START_TEST(statistics_follow_the_store_down_to_nothing)
{
    struct process *process = add(42, 1, 100);
    struct store_stats stats;
    uint64_t empty_bytes;

    query_stats(store, &stats);
    empty_bytes = stats.bytes;
    for (uint32_t i = 1; i <= 1000; i++)
        put_totals(process, i, 100, 0);
    query_stats(store, &stats);
    ck_assert_uint_eq(stats.processes_watching, 1);
    ck_assert_uint_eq(stats.sites, 1000);
    ck_assert_uint_gt(stats.bytes, empty_bytes + 1000 * sizeof(struct site));
    store_set_state(store, process, PROCESS_EXITED, 200, 200);
    store_expire(store, 100000);
    query_stats(store, &stats);
    ck_assert_uint_eq(stats.sites, 0);
    ck_assert_uint_eq(stats.processes, 0);
}
END_TEST

SUITE_MAIN_FIXTURE("store", setup, teardown, id_is_pid_and_start_and_name_is_the_file_of_exe,
                   leakd_name_wins_over_exe, reconnect_finds_the_same_process,
                   exec_makes_a_new_process_and_ends_the_old_one,
                   processes_of_a_foreign_pid_namespace_are_told_apart_by_instance,
                   a_full_store_drops_the_longest_ended_and_never_a_living_one,
                   ended_processes_go_after_their_retention_unless_an_incident_names_them,
                   totals_replace_and_domains_add_up, a_lower_total_is_a_new_count,
                   a_silent_process_keeps_its_live_bytes_in_the_series,
                   site_totals_replace_and_frees_beyond_allocations_are_cut,
                   all_4096_sites_and_the_other_one_are_found_in_any_order_of_arrival,
                   types_are_capped_at_1024_and_the_other_one, names_beyond_4_mib_are_refused,
                   what_still_grows_ranks_first_by_what_it_gained_at_least,
                   frames_get_their_names_and_inlined_ones_unfold,
                   addresses_are_asked_for_once_over_all_processes,
                   a_fingerprint_comes_with_the_last_name_and_ignores_lines_and_addresses,
                   a_symbol_that_comes_after_its_process_is_gone_does_no_harm,
                   a_path_with_a_nul_byte_in_it_is_cut_there,
                   incidents_have_ids_of_their_own_and_the_newest_is_first,
                   a_thousand_incidents_are_kept_and_open_ones_longest,
                   statistics_follow_the_store_down_to_nothing)
