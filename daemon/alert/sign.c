/* SPDX-License-Identifier: MIT */
/* The only door to GnuTLS. */
#include "daemon/alert/sign.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>

#include "daemon/alert/alert.h"

#define SHA256_BYTES     32
#define KEY_BYTES_MIN    24 /* of Standard Webhooks */
#define KEY_BYTES_MAX    64
#define SECRET_PREFIX    "whsec_"
#define SIGNATURE_PREFIX "v1,"

static void forget(gnutls_datum_t *datum)
{
    if (datum->data)
        gnutls_memset(datum->data, 0, datum->size);
    gnutls_free(datum->data);
    datum->data = NULL;
}

static int read_key(const char *secret, gnutls_datum_t *key)
{
    gnutls_datum_t text;

    if (!strncmp(secret, SECRET_PREFIX, strlen(SECRET_PREFIX)))
        secret += strlen(SECRET_PREFIX);
    text.data = (unsigned char *)(uintptr_t)secret;
    text.size = (unsigned)strlen(secret);
    *key = (gnutls_datum_t){0};
    if (text.size == 0 || gnutls_base64_decode2(&text, key) < 0)
        return -EINVAL;
    if (key->size >= KEY_BYTES_MIN && key->size <= KEY_BYTES_MAX)
        return 0;
    forget(key);
    return -EINVAL;
}

static int hmac(const gnutls_datum_t *key, const char *head, const void *body, size_t body_len,
                unsigned char digest[SHA256_BYTES])
{
    gnutls_hmac_hd_t handle;

    if (gnutls_hmac_init(&handle, GNUTLS_MAC_SHA256, key->data, key->size) < 0)
        return -EIO;
    if (gnutls_hmac(handle, head, strlen(head)) < 0 || gnutls_hmac(handle, body, body_len) < 0) {
        gnutls_hmac_deinit(handle, NULL);
        return -EIO;
    }
    gnutls_hmac_deinit(handle, digest);
    return 0;
}

int sign_base64(const void *data, size_t data_len, char *out, size_t size)
{
    gnutls_datum_t raw = {.data = (unsigned char *)(uintptr_t)data, .size = (unsigned)data_len};
    gnutls_datum_t text = {0};
    int len;

    if (gnutls_base64_encode2(&raw, &text) < 0)
        return -ENOMEM;
    len = snprintf(out, size, "%.*s", (int)text.size, (char *)text.data);
    forget(&text);
    return len < (int)size ? 0 : -ENOSPC;
}

static int put_signature(const unsigned char digest[SHA256_BYTES], char *out, size_t out_size)
{
    size_t len = strlen(SIGNATURE_PREFIX);

    if (out_size <= len)
        return -ENOSPC;
    memcpy(out, SIGNATURE_PREFIX, len);
    return sign_base64(digest, SHA256_BYTES, out + len, out_size - len);
}

int alert_sign(const char *secret, const char *id, uint64_t timestamp_s, const void *body,
               size_t body_len, char *out, size_t out_size)
{
    unsigned char digest[SHA256_BYTES];
    gnutls_datum_t key;
    char head[128];
    int len = snprintf(head, sizeof(head), "%s.%" PRIu64 ".", id, timestamp_s);
    int rc = len < (int)sizeof(head) ? read_key(secret, &key) : -EINVAL;

    if (rc < 0)
        return rc;
    rc = hmac(&key, head, body, body_len, digest);
    forget(&key);
    if (rc < 0)
        return rc;
    return put_signature(digest, out, out_size);
}

int sign_random_id(char out[NOTICE_ID_SIZE])
{
    static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    unsigned char bytes[64];
    size_t len = strlen(strcpy(out, "msg_"));

    while (len < NOTICE_ID_SIZE - 1) {
        if (gnutls_rnd(GNUTLS_RND_NONCE, bytes, sizeof(bytes)) < 0)
            return -EIO;
        /* 248 = 4 * 62: bytes above would make some digits likelier. */
        for (size_t i = 0; i < sizeof(bytes) && len < NOTICE_ID_SIZE - 1; i++) {
            if (bytes[i] < 248)
                out[len++] = digits[bytes[i] % 62];
        }
    }
    out[len] = '\0';
    return 0;
}

double sign_random_unit(void)
{
    uint32_t value;

    if (gnutls_rnd(GNUTLS_RND_NONCE, &value, sizeof(value)) < 0)
        return 0.5;
    return value / 4294967296.0;
}
