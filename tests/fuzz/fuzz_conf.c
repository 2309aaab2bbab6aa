/* SPDX-License-Identifier: MIT */
/* A configuration file of any bytes: refused with a message, or printed and read back the same. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "daemon/base/buf.h"
#include "daemon/base/conf.h"

static int load(struct conf *conf, const void *data, size_t size, char error[CONF_ERROR_MAX])
{
    char path[64];
    int fd = memfd_create("leakd.conf", MFD_CLOEXEC);
    int rc;

    if (fd < 0 || write(fd, data, size) != (ssize_t)size)
        abort();
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    if (conf_init(conf, false, NULL, NULL, error) < 0)
        abort();
    rc = conf_load(conf, path, error);
    close(fd);
    return rc;
}

/* Only what the print masks may differ. */
static void check_round_trip(struct conf *conf)
{
    static struct conf again;
    char error[CONF_ERROR_MAX];
    struct buf text;

    for (unsigned i = 0; i < conf->receiver_count; i++)
        snprintf(conf->receivers[i].url, sizeof(conf->receivers[i].url), "http://x");
    conf->external_url[0] = '\0';
    buf_init(&text, 1 << 20);
    conf_print(conf, &text);
    if (load(&again, text.data, text.len, error) < 0 ||
        again.receiver_count != conf->receiver_count ||
        strcmp(again.http.listen, conf->http.listen) != 0 ||
        strcmp(again.symbols.debug_path, conf->symbols.debug_path) != 0 ||
        again.store.exited_retention_ms != conf->store.exited_retention_ms)
        abort();
    buf_done(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct conf conf;
    char error[CONF_ERROR_MAX] = "";

    if (load(&conf, data, size, error) == 0)
        check_round_trip(&conf);
    else if (!error[0])
        abort();
    return 0;
}
