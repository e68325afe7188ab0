/* tls-trust.h - certificates that the system's authorities do not vouch for, and those of a file may.
 *
 * The thread of the connection. GLib's types are borrowed.
 */
#pragma once

#include <stdbool.h>

struct _GTlsDatabase;
struct _GTlsCertificate;
struct _GSocketConnectable;

/* Whether these authorities vouch for the certificate of a server of that name or address. NULL: nobody does. */
bool tls_trust_check(struct _GTlsDatabase *authorities, struct _GTlsCertificate *certificate,
                     struct _GSocketConnectable *identity);
