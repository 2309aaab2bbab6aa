/* SPDX-License-Identifier: MIT */
#include "daemon/base/procfs.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/base/clock.h"
#include "daemon/base/procfs_maps.h"
#include "tests/unit/suite.h"

static char folder[64];
static char proc[80];
static char cgroup[80];
static struct procfs fs;

/* Writes a file below the test's folder, with the folders above it. */
static void put(const char *path, const char *text)
{
    char command[1024], full[512];
    FILE *out;

    snprintf(command, sizeof(command), "mkdir -p \"$(dirname '%s/%s')\"", folder, path);
    ck_assert_int_eq(system(command), 0);
    snprintf(full, sizeof(full), "%s/%s", folder, path);
    out = fopen(full, "w");
    ck_assert_ptr_nonnull(out);
    fputs(text, out);
    fclose(out);
}

static void make_world(void)
{
    snprintf(folder, sizeof(folder), "/tmp/leakd-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(proc, sizeof(proc), "%s/proc", folder);
    snprintf(cgroup, sizeof(cgroup), "%s/cgroup", folder);
    fs = (struct procfs){.proc = proc, .cgroup = cgroup};
    put("proc/meminfo", "MemTotal:       16777216 kB\nMemFree:  1 kB\n");
}

static void remove_world(void)
{
    char command[128];

    snprintf(command, sizeof(command), "rm -rf %s", folder);
    ck_assert_int_eq(system(command), 0);
}

#define STAT_TAIL                                                                                  \
    " S 41 42 42 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 1 0 123456 9000 300 18446744073709551615"

START_TEST(stat_survives_a_hostile_name)
{
    struct procfs_stat stat;

    put("proc/42/stat", "42 (a) R 1 (b c)" STAT_TAIL "\n");
    ck_assert_int_eq(procfs_read_stat(&fs, 42, &stat), 0);
    ck_assert_str_eq(stat.comm, "a) R 1 (b c");
    ck_assert_int_eq(stat.state, 'S');
    ck_assert_int_eq(stat.parent_pid, 41);
    ck_assert_uint_eq(stat.start_ticks, 123456);
}
END_TEST

/* Links to the files `exe-a` and `exe-b`. */
static void put_exe(const char *pid, const char *name)
{
    char from[128], to[128];

    put(name, "");
    snprintf(to, sizeof(to), "%s/%s", folder, name);
    snprintf(from, sizeof(from), "%s/%s/exe", proc, pid);
    ck_assert_int_eq(symlink(to, from), 0);
}

START_TEST(programs_are_compared_by_their_files)
{
    put("proc/42/stat", "42 (python3)" STAT_TAIL "\n");
    put("proc/43/stat", "43 (gunicorn)" STAT_TAIL "\n");
    put("proc/44/stat", "44 (python3)" STAT_TAIL "\n");
    put_exe("42", "exe-a");
    put_exe("43", "exe-a");
    put_exe("44", "exe-b");
    ck_assert(procfs_is_same_program(&fs, 42, 43));
    ck_assert(!procfs_is_same_program(&fs, 42, 44));
}
END_TEST

START_TEST(programs_whose_files_are_out_of_sight_are_compared_by_name)
{
    put("proc/42/stat", "42 (python3)" STAT_TAIL "\n");
    put("proc/43/stat", "43 (python3)" STAT_TAIL "\n");
    put("proc/44/stat", "44 (systemd)" STAT_TAIL "\n");
    ck_assert(procfs_is_same_program(&fs, 42, 43));
    ck_assert(!procfs_is_same_program(&fs, 42, 44));
    ck_assert(!procfs_is_same_program(&fs, 42, 45));
}
END_TEST

START_TEST(the_user_is_the_effective_one)
{
    uid_t uid;

    put("proc/42/status", "Name:\tUid: 7\nUmask:\t0022\nUid:\t1\t2\t3\t4\nGid:\t5\t6\t7\t8\n");
    ck_assert_int_eq(procfs_read_uid(&fs, 42, &uid), 0);
    ck_assert_uint_eq(uid, 2);
    put("proc/43/status", "Name:\tx\n");
    ck_assert_int_eq(procfs_read_uid(&fs, 43, &uid), -EBADMSG);
    ck_assert_int_eq(procfs_read_uid(&fs, 44, &uid), -ESRCH);
}
END_TEST

START_TEST(a_process_that_is_gone_is_esrch)
{
    struct procfs_stat stat;
    struct procfs_memory_limit limit;
    uint64_t rss;
    char unit[64];

    ck_assert_int_eq(procfs_read_stat(&fs, 43, &stat), -ESRCH);
    ck_assert_int_eq(procfs_read_rss_bytes(&fs, 43, &rss, NULL), -ESRCH);
    ck_assert_int_eq(procfs_read_unit(&fs, 43, unit, sizeof(unit)), -ESRCH);
    ck_assert_int_eq(procfs_read_limit(&fs, 43, &limit), -ESRCH);
}
END_TEST

START_TEST(a_cut_stat_is_refused)
{
    struct procfs_stat stat;

    put("proc/42/stat", "42 (a) S 41 42");
    ck_assert_int_eq(procfs_read_stat(&fs, 42, &stat), -EBADMSG);
    put("proc/42/stat", "");
    ck_assert_int_eq(procfs_read_stat(&fs, 42, &stat), -EBADMSG);
}
END_TEST

START_TEST(rss_is_in_bytes)
{
    uint64_t rss, shared;

    put("proc/42/statm", "900 300 200 1 0 100 0\n");
    ck_assert_int_eq(procfs_read_rss_bytes(&fs, 42, &rss, &shared), 0);
    ck_assert_uint_eq(rss, 300 * (uint64_t)sysconf(_SC_PAGESIZE));
    ck_assert_uint_eq(shared, 200 * (uint64_t)sysconf(_SC_PAGESIZE));
    put("proc/42/status", "Name:\ta\nRssAnon:\t7 kB\nRssFile:\t 800 kB\n");
    ck_assert_int_eq(procfs_read_file_bytes(&fs, 42, &rss), 0);
    ck_assert_uint_eq(rss, 800 << 10);
    ck_assert_int_eq(procfs_read_file_bytes(&fs, 43, &rss), -ENOENT);
}
END_TEST

START_TEST(start_is_boot_plus_ticks)
{
    uint64_t wall;

    put("proc/stat", "cpu  1 2 3\nintr 99 1 2\nbtime 1700000000\nprocesses 5\n");
    ck_assert_int_eq(procfs_start_wall_ms(&fs, 250 * (uint64_t)sysconf(_SC_CLK_TCK), &wall), 0);
    ck_assert_uint_eq(wall, UINT64_C(1700000250000));
}
END_TEST

static void unit_is(const char *lines, const char *expected)
{
    char unit[128] = "unset";

    put("proc/42/cgroup", lines);
    ck_assert_int_eq(procfs_read_unit(&fs, 42, unit, sizeof(unit)), 0);
    ck_assert_str_eq(unit, expected);
}

START_TEST(the_unit_is_the_first_that_is_no_slice)
{
    unit_is("0::/system.slice/myapp.service\n", "myapp.service");
    unit_is("0::/system.slice/system-getty.slice/getty@tty1.service\n", "getty@tty1.service");
    unit_is("0::/system.slice/myapp.service/payload/deep\n", "myapp.service");
    unit_is("0::/system.slice/docker-0123.scope\n", "docker-0123.scope");
    unit_is("0::/init.scope\n", "init.scope");
    unit_is("0::/user.slice/user-1000.slice/session-3.scope\n", "session-3.scope");
    unit_is("0::/system.slice/_cgroup.service\n", "cgroup.service");
}
END_TEST

START_TEST(a_users_unit_is_found_below_the_manager)
{
    unit_is("0::/user.slice/user-1000.slice/user@1000.service/app.slice/app-x.service\n",
            "app-x.service");
    unit_is("0::/user.slice/user-1000.slice/user@1000.service/app.slice/run-u5.scope\n",
            "run-u5.scope");
    unit_is("0::/user.slice/user-1000.slice/user@1000.service/init.scope\n", "user@1000.service");
    unit_is("0::/user.slice/user-1000.slice/user@1000.service\n", "user@1000.service");
}
END_TEST

static void service_is(const char *line, const char *wanted)
{
    char service[64] = "";

    put("proc/42/cgroup", line);
    ck_assert_int_eq(procfs_read_service(&fs, 42, service, sizeof(service)), *wanted ? 0 : -ENOENT);
    ck_assert_str_eq(service, wanted);
}

START_TEST(only_the_system_managers_services_count_as_services)
{
    service_is("0::/system.slice/myapp.service\n", "myapp.service");
    service_is("0::/system.slice/system-x.slice/x@1.service\n", "x@1.service");
    /* Whom the folder was delegated to chose the second name. */
    service_is("0::/system.slice/myapp.service/sshd.service\n", "myapp.service");
    service_is("0::/user.slice/user-1000.slice/user@1000.service/app.slice/sshd.service\n", "");
    service_is("0::/user.slice/user-1000.slice/sshd.service\n", "");
    service_is("0::/system.slice/docker-0123.scope\n", "");
    service_is("0::/docker/sshd.service\n", "");
    service_is("0::/\n", "");
}
END_TEST

START_TEST(systemds_hierarchy_wins_on_cgroup_v1)
{
    unit_is("9:memory:/system.slice/other.service\n1:name=systemd:/system.slice/a.service\n"
            "0::/system.slice/hybrid.service\n",
            "a.service");
}
END_TEST

START_TEST(without_systemd_there_is_no_unit)
{
    unit_is("0::/\n", "");
    unit_is("0::/docker/0123\n", "");
    unit_is("0::/system.slice\n", "");
    unit_is("0::/../../system.slice/x.service\n", "");
    unit_is("", "");
    unit_is("nonsense\n", "");
}
END_TEST

static void limit_is(uint64_t bytes, enum procfs_limit source)
{
    struct procfs_memory_limit limit;

    ck_assert_int_eq(procfs_read_limit(&fs, 42, &limit), 0);
    ck_assert_uint_eq(limit.bytes, bytes);
    ck_assert_str_eq(procfs_limit_name(limit.source), procfs_limit_name(source));
}

#define HOST_BYTES (UINT64_C(16777216) * 1024)

START_TEST(the_host_is_the_last_limit)
{
    put("proc/42/cgroup", "0::/a.slice/b.service\n");
    put("cgroup/a.slice/b.service/memory.max", "max\n");
    put("cgroup/a.slice/b.service/memory.high", "max\n");
    put("proc/42/limits", "Limit  Soft  Hard  Units\n"
                          "Max address space         unlimited            unlimited  bytes\n");
    limit_is(HOST_BYTES, LIMIT_HOST);
}
END_TEST

START_TEST(a_limit_above_in_the_hierarchy_binds)
{
    put("proc/42/cgroup", "0::/a.slice/b.service/c\n");
    put("cgroup/a.slice/b.service/c/memory.max", "3000000\n");
    put("cgroup/a.slice/memory.max", "2000000\n");
    limit_is(2000000, LIMIT_CGROUP_MAX);
    put("cgroup/a.slice/b.service/memory.high", "1500000\n");
    limit_is(1500000, LIMIT_CGROUP_HIGH);
}
END_TEST

START_TEST(a_container_sees_its_limit_at_the_root)
{
    put("proc/42/cgroup", "0::/\n");
    put("cgroup/memory.max", "5000000\n");
    limit_is(5000000, LIMIT_CGROUP_MAX);
    put("proc/42/cgroup", "0::/../outside\n");
    limit_is(5000000, LIMIT_CGROUP_MAX);
}
END_TEST

START_TEST(cgroup_v1_limits_count)
{
    put("proc/42/cgroup", "12:cpu,cpuacct:/x\n9:hugetlb,memory:/sys/app\n1:name=systemd:/x\n");
    put("cgroup/memory/sys/app/memory.limit_in_bytes", "9223372036854771712\n");
    put("cgroup/memory/sys/memory.limit_in_bytes", "4000000\n");
    limit_is(4000000, LIMIT_CGROUP_MAX);
}
END_TEST

START_TEST(the_address_space_counts)
{
    put("proc/42/cgroup", "0::/a\n");
    put("proc/42/limits", "Limit                     Soft Limit           Hard Limit  Units\n"
                          "Max address space         1048576              unlimited   bytes\n");
    limit_is(1048576, LIMIT_RLIMIT_AS);
}
END_TEST

static void used_is(uint64_t bytes)
{
    struct procfs_memory_limit limit;

    ck_assert_int_eq(procfs_read_limit(&fs, 42, &limit), 0);
    ck_assert_uint_eq(limit.used_bytes, bytes);
}

START_TEST(the_data_segment_counts)
{
    put("proc/42/cgroup", "0::/a\n");
    put("proc/42/limits", "Max data size             2097152              unlimited   bytes\n"
                          "Max address space         8388608              unlimited   bytes\n");
    put("proc/42/status", "VmSize:\t    4096 kB\nVmData:\t    1024 kB\n");
    limit_is(2097152, LIMIT_RLIMIT_DATA);
    used_is(1048576);
}
END_TEST

START_TEST(the_nearest_limit_is_the_one_with_the_least_room)
{
    put("proc/42/cgroup", "0::/a.slice/b.service\n");
    put("cgroup/a.slice/b.service/memory.max", "2000000\n");
    put("cgroup/a.slice/b.service/memory.current", "100000\n");
    put("cgroup/a.slice/memory.max", "9000000\n");
    put("cgroup/a.slice/memory.current", "8500000\n"); /* neighbours are many */
    limit_is(9000000, LIMIT_CGROUP_MAX);
    used_is(8500000);
    put("cgroup/a.slice/memory.stat", "anon 5\ninactive_file 7000000\n");
    limit_is(2000000, LIMIT_CGROUP_MAX); /* files can be dropped */
    used_is(100000);
}
END_TEST

START_TEST(what_is_not_available_on_the_host_is_used)
{
    put("proc/42/cgroup", "0::/\n");
    put("proc/meminfo", "MemTotal:       16777216 kB\nMemAvailable:    1048576 kB\n");
    limit_is(HOST_BYTES, LIMIT_HOST);
    used_is(HOST_BYTES - UINT64_C(1048576) * 1024);
}
END_TEST

START_TEST(the_real_host_can_be_read)
{
    struct procfs_stat stat;
    struct procfs_memory_limit limit;
    struct procfs_self self;
    uint64_t wall;
    char unit[128];

    ck_assert_int_eq(procfs_read_stat(&procfs_host, getpid(), &stat), 0);
    ck_assert_int_eq(stat.parent_pid, getppid());
    ck_assert_int_eq(procfs_start_wall_ms(&procfs_host, stat.start_ticks, &wall), 0);
    ck_assert_uint_lt(wall, clock_wall_ms() + 5000);
    ck_assert_uint_gt(wall + 600000, clock_wall_ms());
    ck_assert_int_eq(procfs_read_limit(&procfs_host, getpid(), &limit), 0);
    ck_assert_int_ne(limit.source, LIMIT_NONE);
    ck_assert_int_eq(procfs_read_unit(&procfs_host, getpid(), unit, sizeof(unit)), 0);
    ck_assert_int_eq(procfs_read_self(&procfs_host, &self), 0);
    ck_assert_uint_gt(self.rss_bytes, 0);
    ck_assert_uint_ge(self.open_fds, 3);
    ck_assert_uint_ge(self.max_fds, self.open_fds);
}
END_TEST

#define MAP(range, path) range " rw-p 00000000 00:00 0   " path "\n"
#define FIGURES(kib)                                                                               \
    "Size: 2048 kB\nRss: " kib " kB\nPss: 1 kB\nPrivate_Clean: 1 kB\nPrivate_Dirty: 2 kB\n"        \
    "Swap: 0 kB\nVmFlags: rd wr\n"

START_TEST(mappings_are_summed_by_file_and_kind)
{
    static struct procfs_maps maps;

    put("proc/42/smaps",
        MAP("55550000-55560000", "[heap]") FIGURES("100") MAP("7f0000000000-7f0000021000", "")
            FIGURES("30") MAP("7f0000121000-7f0000131000", "") FIGURES("5")
                MAP("7f0008000000-7f0008021000", "/usr/lib/libx.so.1") FIGURES("7")
                    MAP("7f0008021000-7f0008041000", "/usr/lib/libx.so.1") FIGURES("8")
                        MAP("7ffd00000000-7ffd00021000", "[stack]") FIGURES("9"));
    ck_assert_int_eq(procfs_read_maps(&fs, 42, &maps), 0);
    ck_assert_uint_eq(maps.count, 5);
    ck_assert_int_eq(maps.rows[0].kind, PROCFS_MAP_HEAP);
    ck_assert_uint_eq(maps.rows[0].rss_bytes, 100 << 10);
    ck_assert_int_eq(maps.rows[1].kind, PROCFS_MAP_ARENA);
    ck_assert_int_eq(maps.rows[2].kind, PROCFS_MAP_ANONYMOUS);
    ck_assert_str_eq(maps.rows[3].name, "/usr/lib/libx.so.1");
    ck_assert_uint_eq(maps.rows[3].count, 2);
    ck_assert_uint_eq(maps.rows[3].rss_bytes, 15 << 10);
    ck_assert_uint_eq(maps.rows[3].private_bytes, 6 << 10);
    ck_assert_int_eq(maps.rows[4].kind, PROCFS_MAP_STACK);
    ck_assert(!maps.truncated);
}
END_TEST

START_TEST(more_files_than_rows_end_in_one_row)
{
    static struct procfs_maps maps;
    static char text[1 << 16];
    size_t len = 0;

    for (int i = 0; i < PROCFS_MAP_ROWS_MAX + 10; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len,
                                "%x000-%x800 r--p 00000000 fe:00 7 /srv/%d\nRss: 1 kB\n", i + 1,
                                i + 1, i);
    put("proc/42/smaps", text);
    ck_assert_int_eq(procfs_read_maps(&fs, 42, &maps), 0);
    ck_assert_uint_eq(maps.count, PROCFS_MAP_ROWS_MAX);
    ck_assert_int_eq(maps.rows[PROCFS_MAP_ROWS_MAX - 1].kind, PROCFS_MAP_OTHER);
    ck_assert_uint_eq(maps.rows[PROCFS_MAP_ROWS_MAX - 1].count, 11);
    ck_assert_uint_eq(maps.rows[PROCFS_MAP_ROWS_MAX - 1].rss_bytes, 11 << 10);
    ck_assert_int_eq(procfs_read_maps(&fs, 43, &maps), -ESRCH);
    put("proc/42/smaps", "nothing of the kind\n");
    ck_assert_int_eq(procfs_read_maps(&fs, 42, &maps), -EBADMSG);
}
END_TEST

SUITE_MAIN_FIXTURE("base_procfs", make_world, remove_world, stat_survives_a_hostile_name,
                   programs_are_compared_by_their_files,
                   programs_whose_files_are_out_of_sight_are_compared_by_name,
                   the_user_is_the_effective_one, a_process_that_is_gone_is_esrch,
                   a_cut_stat_is_refused, rss_is_in_bytes, start_is_boot_plus_ticks,
                   the_unit_is_the_first_that_is_no_slice, a_users_unit_is_found_below_the_manager,
                   only_the_system_managers_services_count_as_services,
                   systemds_hierarchy_wins_on_cgroup_v1, without_systemd_there_is_no_unit,
                   the_host_is_the_last_limit, a_limit_above_in_the_hierarchy_binds,
                   a_container_sees_its_limit_at_the_root, cgroup_v1_limits_count,
                   the_address_space_counts, the_data_segment_counts,
                   the_nearest_limit_is_the_one_with_the_least_room,
                   what_is_not_available_on_the_host_is_used, the_real_host_can_be_read,
                   mappings_are_summed_by_file_and_kind, more_files_than_rows_end_in_one_row)
