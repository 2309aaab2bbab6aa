/* SPDX-License-Identifier: MIT */
/* Incidents from any bytes: read without a fault, and what was read is written and read the same.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/buf.h"
#include "daemon/store/incident_text.h"
#include "daemon/store/store.h"

static void write_to(const struct incident *incident, struct buf *out)
{
    buf_init(out, 8 << 20);
    incident_write(incident, out);
}

/* Other characters may be cut at the end of a field, and are then replaced. */
static bool is_ascii(const struct buf *text)
{
    for (size_t i = 0; i < text->len; i++) {
        if ((unsigned char)text->data[i] >= 0x80)
            return false;
    }
    return !memmem(text->data, text->len, "\\u", 2);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct incident *incident, *again;
    struct buf first, second;

    if (incident_read((const char *)data, size, &incident) < 0)
        return 0;
    write_to(incident, &first);
    if (!first.failed) {
        if (incident_read(first.data, first.len, &again) < 0)
            abort();
        write_to(again, &second);
        if (is_ascii(&first) &&
            (first.len != second.len || memcmp(first.data, second.data, first.len) != 0))
            abort();
        buf_done(&second);
        incident_free(again);
    }
    buf_done(&first);
    incident_free(incident);
    return 0;
}
