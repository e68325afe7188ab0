/* guests.h - the address at which the private Janus lets others in, and whether somebody came.
 *
 * Only addresses that Janus 1.1.2 binds as they are written: it looks up the interface of an IPv4 address and binds
 * that, and falls back to every address of the machine for all else (a name, IPv6, an address that is not there).
 *
 * Who is connected is read from the kernel's table of TCP connections of this network namespace: Janus need not be
 * asked, and a guest counts from his connection on. Any thread; no state.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct listen_address {
        char host[16]; /* IPv4 in dots, or "::" for every address */
        uint16_t port; /* 0: none */
};

/* "127.0.0.1:8188", "[::]:8188"; NULL gives port 0. -EINVAL: anything else. */
int listen_address_parse(const char *text, struct listen_address *ret);
/* Janus starts without a transport whose port is taken, and another server would answer in its place.
 * -EADDRINUSE, -EADDRNOTAVAIL (no interface has it), another negative errno. */
int listen_address_check(const struct listen_address *a);
bool guests_are_connected(uint16_t port);
