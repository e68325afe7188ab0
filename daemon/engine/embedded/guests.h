/* guests.h - the address at which the private Janus lets others in, and whether somebody came.
 *
 * Who is connected is read from the kernel's table of TCP connections of this network namespace: Janus need not be
 * asked, and a guest counts from his connection on. Control thread; no state.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct listen_address {
        char host[64];
        uint16_t port; /* 0: none */
};

/* "127.0.0.1:8188", "[::1]:8188"; NULL gives port 0. -EINVAL. */
int listen_address_parse(const char *text, struct listen_address *ret);
/* Janus starts without a transport whose port is taken, and another server would answer in its place. */
bool listen_address_is_free(const struct listen_address *a);
bool guests_are_connected(uint16_t port);
