/* SPDX-License-Identifier: MIT */
#include "tests/unit/suite.h"

#include "agent/wire/record.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static uint8_t buffer[1 << 17];

static struct wire_wr writer(size_t len)
{
    struct wire_wr wr;

    wire_wr_init(&wr, buffer, len);
    return wr;
}

static struct wire_frame only_frame(const struct wire_wr *wr, unsigned type)
{
    struct wire_frame frame;

    ck_assert_int_eq(wire_frame_take(buffer, wire_wr_len(wr), &frame), (long)wire_wr_len(wr));
    ck_assert_uint_eq(frame.type, type);
    return frame;
}

static struct wire_str text(const char *data)
{
    return (struct wire_str){data, strlen(data)};
}

static void assert_text(struct wire_str str, const char *expected)
{
    ck_assert_uint_eq(str.len, strlen(expected));
    ck_assert_mem_eq(str.data, expected, str.len);
}

START_TEST(numbers_are_little_endian)
{
    const uint8_t expected[] = {1, 3, 2, 7, 6, 5, 4, 15, 14, 13, 12, 11, 10, 9, 8};
    struct wire_wr wr = writer(64);

    wire_wr_u8(&wr, 1);
    wire_wr_u16(&wr, 0x0203);
    wire_wr_u32(&wr, 0x04050607);
    wire_wr_u64(&wr, 0x08090a0b0c0d0e0f);
    ck_assert_uint_eq(wire_wr_len(&wr), sizeof(expected));
    ck_assert_mem_eq(buffer, expected, sizeof(expected));
}
END_TEST

START_TEST(cursor_stays_failed_after_the_first_short_read)
{
    const uint8_t data[] = {1, 2, 3};
    struct wire_rd rd;

    wire_rd_init(&rd, data, sizeof(data));
    ck_assert_uint_eq(wire_rd_u32(&rd), 0);
    ck_assert(rd.failed);
    ck_assert_uint_eq(wire_rd_u8(&rd), 0);
    ck_assert_uint_eq(wire_rd_left(&rd), 0);
}
END_TEST

START_TEST(long_strings_are_cut_by_the_writer_and_refused_by_the_reader)
{
    static char longer[WIRE_STRING_BYTES_MAX + 10];
    struct wire_wr wr = writer(sizeof(buffer));
    struct wire_rd rd;

    memset(longer, 'x', sizeof(longer));
    wire_wr_str(&wr, longer, sizeof(longer));
    ck_assert_uint_eq(wire_wr_len(&wr), 2 + WIRE_STRING_BYTES_MAX);
    buffer[0] = (uint8_t)(WIRE_STRING_BYTES_MAX + 1);
    buffer[1] = (uint8_t)((WIRE_STRING_BYTES_MAX + 1) >> 8);
    wire_rd_init(&rd, buffer, sizeof(buffer));
    ck_assert_uint_eq(wire_rd_str(&rd).len, 0);
    ck_assert(rd.failed);
}
END_TEST

START_TEST(frame_that_does_not_fit_is_taken_back)
{
    struct wire_wr wr = writer(40);
    struct wire_bye bye = {.time_ms = 1};
    struct wire_name name = {.id = 1, .text = text("longer than what is left")};
    struct wire_frame frame;

    ck_assert(wire_put_bye(&wr, &bye));
    ck_assert(!wire_put_name(&wr, &name));
    ck_assert_uint_eq(wire_wr_len(&wr), WIRE_HEADER_BYTES + 9);
    ck_assert(!wr.failed);
    ck_assert_int_gt(wire_frame_take(buffer, wire_wr_len(&wr), &frame), 0);
}
END_TEST

START_TEST(half_a_frame_needs_more_and_a_huge_one_is_refused_at_once)
{
    struct wire_frame frame;
    struct wire_wr wr = writer(64);

    wire_put_bye(&wr, &(struct wire_bye){.time_ms = 1});
    for (size_t len = 0; len < wire_wr_len(&wr); len++)
        ck_assert_int_eq(wire_frame_take(buffer, len, &frame), 0);
    memset(buffer, 0xff, 4);
    ck_assert_int_eq(wire_frame_take(buffer, 4, &frame), -EMSGSIZE);
}
END_TEST

START_TEST(hello_comes_back_as_it_was_put)
{
    struct wire_wr wr = writer(sizeof(buffer));
    struct wire_hello out, in = {
                               .protocol = WIRE_PROTOCOL,
                               .instance = 0x1122334455667788,
                               .pid = 42,
                               .parent_pid = 1,
                               .sample_period_bytes = 524288,
                               .capabilities = WIRE_CAP_ZOOM | WIRE_CAP_FORKED,
                               .method = {WIRE_METHOD_EXACT, WIRE_METHOD_NONE, WIRE_METHOD_SAMPLED},
                               .exe = text("/usr/bin/x"),
                               .argv0 = text("x"),
                               .name = text(""),
                               .profile = text("fast"),
                               .runtime = text("cpython 3.11.2"),
                               .reason = text("why"),
                               .agent_version = text("0.1.0"),
                           };
    struct wire_frame frame;

    ck_assert(wire_put_hello(&wr, &in));
    frame = only_frame(&wr, WIRE_HELLO);
    ck_assert_int_eq(wire_get_hello(&frame, &out), 0);
    ck_assert_uint_eq(out.instance, in.instance);
    ck_assert_uint_eq(out.capabilities, in.capabilities);
    ck_assert_mem_eq(out.method, in.method, sizeof(in.method));
    assert_text(out.exe, "/usr/bin/x");
    assert_text(out.runtime, "cpython 3.11.2");
    assert_text(out.agent_version, "0.1.0");
    for (size_t len = 0; len < frame.body_len; len++) {
        struct wire_frame cut = {.body = frame.body, .body_len = len};

        ck_assert_int_eq(wire_get_hello(&cut, &out), -EBADMSG);
    }
}
END_TEST

START_TEST(site_keeps_native_and_python_frames)
{
    struct wire_site in = {.id = 7, .flags = WIRE_SITE_TRUNCATED, .frame_count = 2};
    struct wire_wr wr = writer(sizeof(buffer));
    struct wire_frame frame;
    struct wire_site out;

    in.frames[0] = (struct wire_stack_frame){.module_id = 3, .offset = 0x123456789abc};
    in.frames[1] = (struct wire_stack_frame){
        .kind = WIRE_FRAME_PYTHON, .function_id = 4, .file_id = 5, .line = 88};
    ck_assert(wire_put_site(&wr, &in));
    frame = only_frame(&wr, WIRE_SITE);
    ck_assert_uint_eq(frame.body_len, 4 + 3 + 2 * 16);
    ck_assert_int_eq(wire_get_site(&frame, &out), 0);
    ck_assert_uint_eq(out.frame_count, 2);
    ck_assert_uint_eq(out.frames[0].offset, 0x123456789abc);
    ck_assert_uint_eq(out.frames[1].function_id, 4);
    ck_assert_uint_eq(out.frames[1].line, 88);
}
END_TEST

START_TEST(senseless_records_are_refused)
{
    struct wire_wr wr = writer(sizeof(buffer));
    struct wire_site site = {.id = WIRE_SITE_OTHER};
    struct wire_frame frame;

    wire_put_site(&wr, &site);
    frame = only_frame(&wr, WIRE_SITE);
    ck_assert_int_eq(wire_get_site(&frame, &site), -EBADMSG);
    wr = writer(sizeof(buffer));
    wire_put_zoom(&wr, &(struct wire_zoom){.period_bytes = 0});
    frame = only_frame(&wr, WIRE_ZOOM);
    ck_assert_int_eq(wire_get_zoom(&frame, &(struct wire_zoom){0}), -EBADMSG);
}
END_TEST

START_TEST(list_holds_what_fits_and_says_how_many)
{
    struct wire_wr wr = writer(sizeof(buffer));
    struct wire_site_totals totals = {.site_id = 9, .alloc_bytes = 1};
    struct wire_frame frame;
    struct wire_list list;
    int count = 0;

    wire_list_begin(&wr, WIRE_SITES, 77, &list);
    while (wire_list_add_site(&list, &totals))
        totals.alloc_bytes++;
    ck_assert(wire_list_end(&list));
    ck_assert_uint_eq(list.count, (WIRE_BODY_BYTES_MAX - 10) / 48);
    frame = only_frame(&wr, WIRE_SITES);
    ck_assert_int_eq(wire_list_read(&frame, &list), 0);
    ck_assert_uint_eq(list.time_ms, 77);
    while (wire_list_next_site(&list, &totals) == 1)
        ck_assert_uint_eq(totals.alloc_bytes, (uint64_t)++count);
    ck_assert_int_eq(count, (WIRE_BODY_BYTES_MAX - 10) / 48);
}
END_TEST

START_TEST(totals_and_health_come_back_as_they_were_put)
{
    struct wire_wr wr = writer(sizeof(buffer));
    struct wire_totals totals = {.time_ms = 5, .domain_count = 1};
    struct wire_health health = {.samples = 3, .python_attributing = 1};
    struct wire_frame frame;

    totals.domains[0] = (struct wire_domain_totals){
        .method = WIRE_METHOD_EXACT, .live_bytes = UINT64_MAX, .free_count = 6};
    wire_put_totals(&wr, &totals);
    frame = only_frame(&wr, WIRE_TOTALS);
    memset(&totals, 0, sizeof(totals));
    ck_assert_int_eq(wire_get_totals(&frame, &totals), 0);
    ck_assert_uint_eq(totals.domains[0].live_bytes, UINT64_MAX);
    ck_assert_uint_eq(totals.domains[0].free_count, 6);
    wr = writer(sizeof(buffer));
    wire_put_health(&wr, &health);
    frame = only_frame(&wr, WIRE_HEALTH);
    memset(&health, 0, sizeof(health));
    ck_assert_int_eq(wire_get_health(&frame, &health), 0);
    ck_assert_uint_eq(health.samples, 3);
    ck_assert_uint_eq(health.python_attributing, 1);
}
END_TEST

START_TEST(heap_comes_back_field_by_field_and_a_short_one_is_refused)
{
    struct wire_wr wr = writer(sizeof(buffer));
    struct wire_heap heap = {1, 2, 3, 4, 5, 6, 7, 8};
    struct wire_frame frame;
    struct wire_heap out;

    wire_put_heap(&wr, &heap);
    frame = only_frame(&wr, WIRE_HEAP);
    ck_assert_int_eq(wire_get_heap(&frame, &out), 0);
    ck_assert_mem_eq(&out, &heap, sizeof(heap));
    frame.body_len--;
    ck_assert_int_eq(wire_get_heap(&frame, &out), -EBADMSG);
}
END_TEST

START_TEST(marks_of_all_kinds_come_back_as_what_they_are)
{
    for (uint8_t kind = WIRE_MARK_EVENT; kind <= WIRE_MARK_SNAPSHOT; kind++) {
        const struct wire_mark in = {.time_ms = 5, .text = text("a=b"), .kind = kind};
        struct wire_frame frame;
        struct wire_mark out;
        struct wire_wr wr;

        wire_wr_init(&wr, buffer, sizeof(buffer));
        ck_assert(wire_put_mark(&wr, &in));
        ck_assert_int_gt(wire_frame_take(buffer, wire_wr_len(&wr), &frame), 0);
        ck_assert_int_eq(wire_get_mark(&frame, &out), 0);
        ck_assert_uint_eq(out.kind, kind);
    }
}
END_TEST

START_TEST(mark_comes_back_and_one_of_a_later_kind_is_an_event)
{
    struct wire_mark out,
        in = {.time_ms = 5, .text = text("2.1"), .kind = WIRE_MARK_RELEASE, .age_ms = 6};
    struct wire_wr wr = writer(sizeof(buffer));
    struct wire_frame frame;

    ck_assert(wire_put_mark(&wr, &in));
    frame = only_frame(&wr, WIRE_MARK);
    ck_assert_int_eq(wire_get_mark(&frame, &out), 0);
    assert_text(out.text, "2.1");
    ck_assert_uint_eq(out.kind, WIRE_MARK_RELEASE);
    ck_assert_uint_eq(out.age_ms, 6);
    buffer[WIRE_HEADER_BYTES + 8 + 2 + 3] = 99;
    ck_assert_int_eq(wire_get_mark(&frame, &out), 0);
    ck_assert_uint_eq(out.kind, WIRE_MARK_EVENT);
    frame.body_len--;
    ck_assert_int_eq(wire_get_mark(&frame, &out), -EBADMSG);
}
END_TEST

SUITE_MAIN("wire", numbers_are_little_endian, cursor_stays_failed_after_the_first_short_read,
           long_strings_are_cut_by_the_writer_and_refused_by_the_reader,
           frame_that_does_not_fit_is_taken_back,
           half_a_frame_needs_more_and_a_huge_one_is_refused_at_once,
           hello_comes_back_as_it_was_put, site_keeps_native_and_python_frames,
           senseless_records_are_refused, list_holds_what_fits_and_says_how_many,
           totals_and_health_come_back_as_they_were_put,
           heap_comes_back_field_by_field_and_a_short_one_is_refused,
           marks_of_all_kinds_come_back_as_what_they_are,
           mark_comes_back_and_one_of_a_later_kind_is_an_event)
