/* SPDX-License-Identifier: MIT */
#include "agent/wire/record.h"

#include <errno.h>

static void put_str(struct wire_wr *wr, struct wire_str str)
{
    wire_wr_str(wr, str.data, str.len);
}

static int done(const struct wire_rd *rd)
{
    return rd->failed ? -EBADMSG : 0;
}

static void open_frame(const struct wire_frame *frame, struct wire_rd *rd)
{
    wire_rd_init(rd, frame->body, frame->body_len);
}

bool wire_put_hello(struct wire_wr *wr, const struct wire_hello *hello)
{
    wire_frame_begin(wr, WIRE_HELLO);
    wire_wr_u16(wr, hello->protocol);
    wire_wr_u64(wr, hello->instance);
    wire_wr_u32(wr, hello->pid);
    wire_wr_u32(wr, hello->parent_pid);
    wire_wr_u64(wr, hello->sample_period_bytes);
    wire_wr_u32(wr, hello->capabilities);
    wire_wr_bytes(wr, hello->method, sizeof(hello->method));
    put_str(wr, hello->exe);
    put_str(wr, hello->argv0);
    put_str(wr, hello->name);
    put_str(wr, hello->profile);
    put_str(wr, hello->runtime);
    put_str(wr, hello->reason);
    put_str(wr, hello->agent_version);
    return wire_frame_end(wr);
}

int wire_get_hello(const struct wire_frame *frame, struct wire_hello *out)
{
    struct wire_hello hello;
    struct wire_rd rd;

    open_frame(frame, &rd);
    hello.protocol = wire_rd_u16(&rd);
    hello.instance = wire_rd_u64(&rd);
    hello.pid = wire_rd_u32(&rd);
    hello.parent_pid = wire_rd_u32(&rd);
    hello.sample_period_bytes = wire_rd_u64(&rd);
    hello.capabilities = wire_rd_u32(&rd);
    for (int i = 0; i < WIRE_DOMAINS; i++)
        hello.method[i] = wire_rd_u8(&rd);
    hello.exe = wire_rd_str(&rd);
    hello.argv0 = wire_rd_str(&rd);
    hello.name = wire_rd_str(&rd);
    hello.profile = wire_rd_str(&rd);
    hello.runtime = wire_rd_str(&rd);
    hello.reason = wire_rd_str(&rd);
    hello.agent_version = wire_rd_str(&rd);
    if (done(&rd) < 0)
        return -EBADMSG;
    for (int i = 0; i < WIRE_DOMAINS; i++) {
        if (hello.method[i] > WIRE_METHOD_SAMPLED)
            return -EBADMSG;
    }
    *out = hello;
    return 0;
}

bool wire_put_module(struct wire_wr *wr, const struct wire_module *module)
{
    wire_frame_begin(wr, WIRE_MODULE);
    wire_wr_u32(wr, module->id);
    wire_wr_u64(wr, module->start);
    wire_wr_u64(wr, module->end);
    wire_wr_u64(wr, module->load_bias);
    put_str(wr, module->path);
    wire_wr_u8(wr, module->build_id_len);
    wire_wr_bytes(wr, module->build_id, module->build_id_len);
    return wire_frame_end(wr);
}

int wire_get_module(const struct wire_frame *frame, struct wire_module *out)
{
    struct wire_module module;
    struct wire_rd rd;

    open_frame(frame, &rd);
    module.id = wire_rd_u32(&rd);
    module.start = wire_rd_u64(&rd);
    module.end = wire_rd_u64(&rd);
    module.load_bias = wire_rd_u64(&rd);
    module.path = wire_rd_str(&rd);
    module.build_id_len = wire_rd_u8(&rd);
    module.build_id = wire_rd_bytes(&rd, module.build_id_len);
    if (done(&rd) < 0 || module.id == WIRE_MODULE_UNKNOWN || module.id > WIRE_MODULES_MAX ||
        module.start > module.end || module.build_id_len > WIRE_BUILD_ID_MAX)
        return -EBADMSG;
    *out = module;
    return 0;
}

bool wire_put_name(struct wire_wr *wr, const struct wire_name *name)
{
    wire_frame_begin(wr, WIRE_NAME);
    wire_wr_u32(wr, name->id);
    put_str(wr, name->text);
    return wire_frame_end(wr);
}

int wire_get_name(const struct wire_frame *frame, struct wire_name *out)
{
    struct wire_name name;
    struct wire_rd rd;

    open_frame(frame, &rd);
    name.id = wire_rd_u32(&rd);
    name.text = wire_rd_str(&rd);
    if (done(&rd) < 0 || name.id == WIRE_NAME_OTHER || name.id > WIRE_NAMES_MAX)
        return -EBADMSG;
    *out = name;
    return 0;
}

static void put_stack_frame(struct wire_wr *wr, const struct wire_stack_frame *frame)
{
    bool is_python = frame->kind == WIRE_FRAME_PYTHON;

    wire_wr_u8(wr, frame->kind);
    wire_wr_u8(wr, 0);
    wire_wr_u16(wr, 0);
    wire_wr_u32(wr, is_python ? frame->function_id : frame->module_id);
    if (is_python) {
        wire_wr_u32(wr, frame->file_id);
        wire_wr_u32(wr, frame->line);
    } else {
        wire_wr_u64(wr, frame->offset);
    }
}

static int get_stack_frame(struct wire_rd *rd, struct wire_stack_frame *out)
{
    struct wire_stack_frame frame = {0};

    frame.kind = wire_rd_u8(rd);
    (void)wire_rd_u8(rd);
    (void)wire_rd_u16(rd);
    if (frame.kind == WIRE_FRAME_PYTHON) {
        frame.function_id = wire_rd_u32(rd);
        frame.file_id = wire_rd_u32(rd);
        frame.line = wire_rd_u32(rd);
    } else {
        frame.module_id = wire_rd_u32(rd);
        frame.offset = wire_rd_u64(rd);
    }
    if (rd->failed || frame.kind > WIRE_FRAME_PYTHON || frame.module_id > WIRE_MODULES_MAX ||
        frame.function_id > WIRE_NAMES_MAX || frame.file_id > WIRE_NAMES_MAX)
        return -EBADMSG;
    *out = frame;
    return 0;
}

bool wire_put_site(struct wire_wr *wr, const struct wire_site *site)
{
    wire_frame_begin(wr, WIRE_SITE);
    wire_wr_u32(wr, site->id);
    wire_wr_u8(wr, site->domain);
    wire_wr_u8(wr, site->flags);
    wire_wr_u8(wr, site->frame_count);
    for (unsigned i = 0; i < site->frame_count && i < WIRE_STACK_FRAMES_MAX; i++)
        put_stack_frame(wr, &site->frames[i]);
    return wire_frame_end(wr);
}

int wire_get_site(const struct wire_frame *frame, struct wire_site *out)
{
    struct wire_rd rd;

    open_frame(frame, &rd);
    out->id = wire_rd_u32(&rd);
    out->domain = wire_rd_u8(&rd);
    out->flags = wire_rd_u8(&rd);
    out->frame_count = wire_rd_u8(&rd);
    if (done(&rd) < 0 || out->id == WIRE_SITE_OTHER || out->id > WIRE_SITES_MAX ||
        out->domain >= WIRE_DOMAINS || out->frame_count > WIRE_STACK_FRAMES_MAX)
        return -EBADMSG;
    for (unsigned i = 0; i < out->frame_count; i++) {
        if (get_stack_frame(&rd, &out->frames[i]) < 0)
            return -EBADMSG;
    }
    return 0;
}

bool wire_put_totals(struct wire_wr *wr, const struct wire_totals *totals)
{
    wire_frame_begin(wr, WIRE_TOTALS);
    wire_wr_u64(wr, totals->time_ms);
    wire_wr_u8(wr, totals->domain_count);
    for (unsigned i = 0; i < totals->domain_count && i < WIRE_DOMAINS; i++) {
        const struct wire_domain_totals *domain = &totals->domains[i];

        wire_wr_u8(wr, domain->domain);
        wire_wr_u8(wr, domain->method);
        wire_wr_u64(wr, domain->live_bytes);
        wire_wr_u64(wr, domain->live_count);
        wire_wr_u64(wr, domain->alloc_bytes);
        wire_wr_u64(wr, domain->free_bytes);
        wire_wr_u64(wr, domain->alloc_count);
        wire_wr_u64(wr, domain->free_count);
        wire_wr_u64(wr, domain->mapped_bytes);
    }
    return wire_frame_end(wr);
}

int wire_get_totals(const struct wire_frame *frame, struct wire_totals *out)
{
    struct wire_totals totals = {0};
    struct wire_rd rd;

    open_frame(frame, &rd);
    totals.time_ms = wire_rd_u64(&rd);
    totals.domain_count = wire_rd_u8(&rd);
    if (totals.domain_count > WIRE_DOMAINS)
        return -EBADMSG;
    for (unsigned i = 0; i < totals.domain_count; i++) {
        struct wire_domain_totals *domain = &totals.domains[i];

        domain->domain = wire_rd_u8(&rd);
        domain->method = wire_rd_u8(&rd);
        domain->live_bytes = wire_rd_u64(&rd);
        domain->live_count = wire_rd_u64(&rd);
        domain->alloc_bytes = wire_rd_u64(&rd);
        domain->free_bytes = wire_rd_u64(&rd);
        domain->alloc_count = wire_rd_u64(&rd);
        domain->free_count = wire_rd_u64(&rd);
        domain->mapped_bytes = wire_rd_u64(&rd);
        if (domain->domain >= WIRE_DOMAINS || domain->method > WIRE_METHOD_SAMPLED)
            return -EBADMSG;
    }
    if (done(&rd) < 0)
        return -EBADMSG;
    *out = totals;
    return 0;
}

bool wire_put_smaps(struct wire_wr *wr, const struct wire_smaps *smaps)
{
    wire_frame_begin(wr, WIRE_SMAPS);
    wire_wr_u64(wr, smaps->time_ms);
    wire_wr_u64(wr, smaps->rss_bytes);
    wire_wr_u64(wr, smaps->pss_bytes);
    wire_wr_u64(wr, smaps->private_bytes);
    wire_wr_u64(wr, smaps->swap_bytes);
    return wire_frame_end(wr);
}

int wire_get_smaps(const struct wire_frame *frame, struct wire_smaps *out)
{
    struct wire_smaps smaps;
    struct wire_rd rd;

    open_frame(frame, &rd);
    smaps.time_ms = wire_rd_u64(&rd);
    smaps.rss_bytes = wire_rd_u64(&rd);
    smaps.pss_bytes = wire_rd_u64(&rd);
    smaps.private_bytes = wire_rd_u64(&rd);
    smaps.swap_bytes = wire_rd_u64(&rd);
    if (done(&rd) < 0)
        return -EBADMSG;
    *out = smaps;
    return 0;
}

bool wire_put_mark(struct wire_wr *wr, const struct wire_mark *mark)
{
    wire_frame_begin(wr, WIRE_MARK);
    wire_wr_u64(wr, mark->time_ms);
    put_str(wr, mark->text);
    wire_wr_u8(wr, mark->kind);
    wire_wr_u32(wr, mark->age_ms);
    return wire_frame_end(wr);
}

int wire_get_mark(const struct wire_frame *frame, struct wire_mark *out)
{
    struct wire_mark mark;
    struct wire_rd rd;

    open_frame(frame, &rd);
    mark.time_ms = wire_rd_u64(&rd);
    mark.text = wire_rd_str(&rd);
    mark.kind = wire_rd_u8(&rd);
    mark.age_ms = wire_rd_u32(&rd);
    if (done(&rd) < 0)
        return -EBADMSG;
    if (mark.kind > WIRE_MARK_SNAPSHOT)
        mark.kind = WIRE_MARK_EVENT;
    *out = mark;
    return 0;
}

bool wire_put_health(struct wire_wr *wr, const struct wire_health *health)
{
    wire_frame_begin(wr, WIRE_HEALTH);
    wire_wr_u64(wr, health->samples);
    wire_wr_u64(wr, health->dropped_samples);
    wire_wr_u64(wr, health->dropped_sites);
    wire_wr_u64(wr, health->dropped_names);
    wire_wr_u64(wr, health->skipped_flushes);
    wire_wr_u64(wr, health->reentrant);
    wire_wr_u64(wr, health->flush_ns_total);
    wire_wr_u64(wr, health->sample_ns_total);
    wire_wr_u64(wr, health->sample_period_bytes);
    wire_wr_u8(wr, health->python_attributing);
    wire_wr_u64(wr, health->dropped_modules);
    wire_wr_u64(wr, health->dropped_marks);
    wire_wr_u64(wr, health->dropped_maps);
    return wire_frame_end(wr);
}

int wire_get_health(const struct wire_frame *frame, struct wire_health *out)
{
    struct wire_health health;
    struct wire_rd rd;

    open_frame(frame, &rd);
    health.samples = wire_rd_u64(&rd);
    health.dropped_samples = wire_rd_u64(&rd);
    health.dropped_sites = wire_rd_u64(&rd);
    health.dropped_names = wire_rd_u64(&rd);
    health.skipped_flushes = wire_rd_u64(&rd);
    health.reentrant = wire_rd_u64(&rd);
    health.flush_ns_total = wire_rd_u64(&rd);
    health.sample_ns_total = wire_rd_u64(&rd);
    health.sample_period_bytes = wire_rd_u64(&rd);
    health.python_attributing = wire_rd_u8(&rd);
    if (done(&rd) < 0)
        return -EBADMSG;
    health.dropped_modules = wire_rd_u64(&rd); /* zeros behind the end of an older record */
    health.dropped_marks = wire_rd_u64(&rd);
    health.dropped_maps = wire_rd_u64(&rd);
    *out = health;
    return 0;
}

bool wire_put_bye(struct wire_wr *wr, const struct wire_bye *bye)
{
    wire_frame_begin(wr, WIRE_BYE);
    wire_wr_u64(wr, bye->time_ms);
    wire_wr_u8(wr, bye->reason);
    return wire_frame_end(wr);
}

int wire_get_bye(const struct wire_frame *frame, struct wire_bye *out)
{
    struct wire_bye bye;
    struct wire_rd rd;

    open_frame(frame, &rd);
    bye.time_ms = wire_rd_u64(&rd);
    bye.reason = wire_rd_u8(&rd);
    if (done(&rd) < 0 || bye.reason > WIRE_BYE_SECCOMP)
        return -EBADMSG;
    *out = bye;
    return 0;
}

bool wire_put_welcome(struct wire_wr *wr, const struct wire_welcome *welcome)
{
    wire_frame_begin(wr, WIRE_WELCOME);
    wire_wr_u16(wr, welcome->protocol);
    wire_wr_u32(wr, welcome->flags);
    return wire_frame_end(wr);
}

int wire_get_welcome(const struct wire_frame *frame, struct wire_welcome *out)
{
    struct wire_welcome welcome;
    struct wire_rd rd;

    open_frame(frame, &rd);
    welcome.protocol = wire_rd_u16(&rd);
    welcome.flags = wire_rd_u32(&rd);
    if (done(&rd) < 0)
        return -EBADMSG;
    *out = welcome;
    return 0;
}

bool wire_put_zoom(struct wire_wr *wr, const struct wire_zoom *zoom)
{
    wire_frame_begin(wr, WIRE_ZOOM);
    wire_wr_u64(wr, zoom->period_bytes);
    wire_wr_u8(wr, zoom->python);
    return wire_frame_end(wr);
}

int wire_get_zoom(const struct wire_frame *frame, struct wire_zoom *out)
{
    struct wire_zoom zoom;
    struct wire_rd rd;

    open_frame(frame, &rd);
    zoom.period_bytes = wire_rd_u64(&rd);
    zoom.python = wire_rd_u8(&rd);
    if (done(&rd) < 0 || zoom.period_bytes == 0 || zoom.python > 1)
        return -EBADMSG;
    *out = zoom;
    return 0;
}

bool wire_put_pause(struct wire_wr *wr, const struct wire_pause *pause)
{
    wire_frame_begin(wr, WIRE_PAUSE);
    wire_wr_u32(wr, pause->duration_ms);
    return wire_frame_end(wr);
}

int wire_get_pause(const struct wire_frame *frame, struct wire_pause *out)
{
    struct wire_rd rd;
    uint32_t duration_ms;

    open_frame(frame, &rd);
    duration_ms = wire_rd_u32(&rd);
    if (done(&rd) < 0)
        return -EBADMSG;
    out->duration_ms = duration_ms;
    return 0;
}

void wire_list_begin(struct wire_wr *wr, enum wire_type type, uint64_t time_ms,
                     struct wire_list *list)
{
    wire_frame_begin(wr, type);
    wire_wr_u64(wr, time_ms);
    list->time_ms = time_ms;
    list->count = 0;
    list->wr = wr;
    list->count_at = wr->pos;
    wire_wr_u16(wr, 0);
}

bool wire_list_keep(struct wire_list *list, uint8_t *entry)
{
    struct wire_wr *wr = list->wr;

    if (wr->failed || list->count == UINT16_MAX ||
        (size_t)(wr->pos - wr->frame) > WIRE_HEADER_BYTES + WIRE_BODY_BYTES_MAX) {
        wr->pos = entry;
        wr->failed = false;
        return false;
    }
    list->count++;
    return true;
}

bool wire_list_add_site(struct wire_list *list, const struct wire_site_totals *totals)
{
    struct wire_wr *wr = list->wr;
    uint8_t *entry = wr->pos;

    if (wr->failed) /* the head did not fit: wire_list_end will say so */
        return false;
    wire_wr_u32(wr, totals->site_id);
    wire_wr_u64(wr, totals->alloc_bytes);
    wire_wr_u64(wr, totals->free_bytes);
    wire_wr_u64(wr, totals->alloc_count);
    wire_wr_u64(wr, totals->free_count);
    wire_wr_u32(wr, totals->live_samples);
    wire_wr_u32(wr, totals->oldest_age_ms);
    wire_wr_u32(wr, totals->newest_age_ms);
    return wire_list_keep(list, entry);
}

bool wire_list_add_type(struct wire_list *list, const struct wire_type_totals *totals)
{
    struct wire_wr *wr = list->wr;
    uint8_t *entry = wr->pos;

    if (wr->failed)
        return false;
    wire_wr_u32(wr, totals->name_id);
    wire_wr_u64(wr, totals->live_bytes);
    wire_wr_u64(wr, totals->live_count);
    wire_wr_u32(wr, totals->live_samples);
    return wire_list_keep(list, entry);
}

bool wire_list_end(struct wire_list *list)
{
    struct wire_wr count;

    if (!list->wr->failed) {
        wire_wr_init(&count, list->count_at, 2);
        wire_wr_u16(&count, list->count);
    }
    return wire_frame_end(list->wr);
}

int wire_list_read(const struct wire_frame *frame, struct wire_list *list)
{
    open_frame(frame, &list->rd);
    list->time_ms = wire_rd_u64(&list->rd);
    list->count = wire_rd_u16(&list->rd);
    list->wr = NULL;
    list->count_at = NULL;
    return done(&list->rd);
}

int wire_list_next_site(struct wire_list *list, struct wire_site_totals *out)
{
    struct wire_site_totals totals;
    struct wire_rd *rd = &list->rd;

    if (list->count == 0)
        return 0;
    list->count--;
    totals.site_id = wire_rd_u32(rd);
    totals.alloc_bytes = wire_rd_u64(rd);
    totals.free_bytes = wire_rd_u64(rd);
    totals.alloc_count = wire_rd_u64(rd);
    totals.free_count = wire_rd_u64(rd);
    totals.live_samples = wire_rd_u32(rd);
    totals.oldest_age_ms = wire_rd_u32(rd);
    totals.newest_age_ms = wire_rd_u32(rd);
    if (done(rd) < 0 || totals.site_id > WIRE_SITES_MAX)
        return -EBADMSG;
    *out = totals;
    return 1;
}

int wire_list_next_type(struct wire_list *list, struct wire_type_totals *out)
{
    struct wire_type_totals totals;
    struct wire_rd *rd = &list->rd;

    if (list->count == 0)
        return 0;
    list->count--;
    totals.name_id = wire_rd_u32(rd);
    totals.live_bytes = wire_rd_u64(rd);
    totals.live_count = wire_rd_u64(rd);
    totals.live_samples = wire_rd_u32(rd);
    if (done(rd) < 0 || totals.name_id > WIRE_NAMES_MAX)
        return -EBADMSG;
    *out = totals;
    return 1;
}
