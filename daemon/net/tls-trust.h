/* tls-trust.h - who vouches for the certificate of a server: the system's authorities, or those of a file.
 *
 * Network thread. GLib's types are borrowed.
 */
#pragma once

#include <stdbool.h>

struct _GTlsDatabase;
struct _GTlsCertificate;
struct _GSocketConnectable;

/* Reads the system's authorities, once in a process, which takes some 25 ms. To be called before TLS is begun, best
 * while the TCP connection is on its way; without it everything works, and slower. */
void tls_trust_prepare(void);

/* Whether these authorities vouch for the certificate of a server of that name or address. NULL: nobody does. */
bool tls_trust_check(struct _GTlsDatabase *authorities, struct _GTlsCertificate *certificate,
                     struct _GSocketConnectable *identity);
