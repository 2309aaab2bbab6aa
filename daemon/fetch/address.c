/* SPDX-License-Identifier: MIT */
#include "daemon/fetch/fetch.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

static bool v4_is_link_local(const unsigned char *bytes)
{
    return bytes[0] == 169 && bytes[1] == 254;
}

static bool v6_is_link_local(const unsigned char *bytes)
{
    static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};
    static const unsigned char compatible[12] = {0};
    static const unsigned char nat64[12] = {0, 0x64, 0xff, 0x9b};
    static const unsigned char metadata[16] = {0xfd, 0, 0x0e, 0xc2, [14] = 0x02, [15] = 0x54};

    if (bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80)
        return true;
    if (!memcmp(bytes, mapped, 12) || !memcmp(bytes, compatible, 12) || !memcmp(bytes, nat64, 12))
        return v4_is_link_local(bytes + 12);
    return !memcmp(bytes, metadata, 16);
}

bool fetch_is_link_local(const struct sockaddr *address)
{
    const void *any = address;

    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *v4 = any;

        return v4_is_link_local((const unsigned char *)&v4->sin_addr);
    }
    if (address->sa_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = any;

        return v6_is_link_local(v6->sin6_addr.s6_addr);
    }
    return false;
}
