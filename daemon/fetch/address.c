/* SPDX-License-Identifier: MIT */
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "daemon/fetch/fetch.h"

static bool v4_is_link_local(const unsigned char *bytes)
{
    static const unsigned char metadata[][4] = {{100, 100, 100, 200}, {192, 0, 0, 192}};

    for (size_t i = 0; i < sizeof(metadata) / sizeof(metadata[0]); i++) {
        if (!memcmp(bytes, metadata[i], 4))
            return true;
    }
    return bytes[0] == 169 && bytes[1] == 254;
}

static bool v6_is_mapped(const unsigned char *bytes)
{
    static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};

    return !memcmp(bytes, mapped, 12);
}

static bool v6_is_link_local(const unsigned char *bytes)
{
    static const unsigned char compatible[12] = {0};
    static const unsigned char nat64[12] = {0, 0x64, 0xff, 0x9b};
    static const unsigned char metadata[16] = {0xfd, 0, 0x0e, 0xc2, [14] = 0x02, [15] = 0x54};

    if (bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80)
        return true;
    if (v6_is_mapped(bytes) || !memcmp(bytes, compatible, 12) || !memcmp(bytes, nat64, 12))
        return v4_is_link_local(bytes + 12);
    if (bytes[0] == 0x20 && bytes[1] == 0x02) /* 6to4 */
        return v4_is_link_local(bytes + 2);
    return !memcmp(bytes, metadata, 16);
}

static bool v4_is_near(const unsigned char *bytes)
{
    return bytes[0] == 127 || bytes[0] == 10 || bytes[0] == 0 ||
           (bytes[0] == 172 && (bytes[1] & 0xf0) == 16) || (bytes[0] == 192 && bytes[1] == 168) ||
           (bytes[0] == 100 && (bytes[1] & 0xc0) == 64) || (bytes[0] == 169 && bytes[1] == 254);
}

static bool v6_is_near(const unsigned char *bytes)
{
    if (v6_is_mapped(bytes))
        return v4_is_near(bytes + 12);
    return !memcmp(bytes, &in6addr_loopback, 16) || !memcmp(bytes, &in6addr_any, 16) ||
           (bytes[0] & 0xfe) == 0xfc || (bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80);
}

static const unsigned char *bytes_of(const struct sockaddr *address)
{
    const void *any = address;

    if (address->sa_family == AF_INET)
        return (const unsigned char *)&((const struct sockaddr_in *)any)->sin_addr;
    return ((const struct sockaddr_in6 *)any)->sin6_addr.s6_addr;
}

bool fetch_is_link_local(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET)
        return v4_is_link_local(bytes_of(address));
    return address->sa_family == AF_INET6 && v6_is_link_local(bytes_of(address));
}

bool fetch_is_near(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET)
        return v4_is_near(bytes_of(address));
    if (address->sa_family == AF_INET6)
        return v6_is_near(bytes_of(address));
    return address->sa_family == AF_UNIX;
}
