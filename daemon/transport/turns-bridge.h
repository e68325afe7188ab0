/* turns-bridge.h - TLS for libnice's connections to a turns: server (RFC 7065), which libnice 0.1 itself makes in
 * clear.
 *
 * Network thread. Listens on a port of 127.0.0.1; what connects there is spliced with a TLS connection to the server,
 * whose certificate is checked against its host name and the system's authorities, or those of a file.
 */
#pragma once

#include <stdint.h>

struct _GMainContext;
struct turns_bridge;

/* ca_file: PEM of further authorities, or NULL. -EINVAL: it cannot be read. */
int turns_bridge_new(struct _GMainContext *context, const char *host, uint16_t port, const char *ca_file,
                     struct turns_bridge **ret);
struct turns_bridge *turns_bridge_free(struct turns_bridge *b); /* ends its connections */
uint16_t turns_bridge_get_port(const struct turns_bridge *b);
