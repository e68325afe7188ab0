/* url.h - the server URL of a context → which engine, where. RFC 3986 as far as host, port and path go.
 *
 *   embedded:            janus+ws://host[:port][/path]   janus+wss://…   livekit+ws://…   livekit+wss://…
 *   ws://… wss://…       mean LiveKit                    fake:           tests only
 *
 * Pure; any thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct url {
        char engine[16]; /* "embedded" "janus" "livekit" "fake" */
        bool secure;     /* wss */
        char host[256];  /* "" for embedded; IPv6 without brackets */
        uint16_t port;   /* 0 = the scheme's default */
        char path[1024]; /* "" or begins with '/'; with query */
};

int url_parse(const char *text, struct url *ret); /* -EINVAL; ret untouched */
/* ws:// or wss:// text for a WebSocket client; buffer of the caller. -EMSGSIZE when it does not fit. */
int url_to_ws(const struct url *u, char *buf, size_t size);
