/* tls-trust.c - see tls-trust.h: the chain, its dates, and the name it was made out to (RFC 6125). */
#include "net/tls-trust.h"

#include <gio/gio.h>

bool tls_trust_check(struct _GTlsDatabase *authorities, struct _GTlsCertificate *certificate,
                     struct _GSocketConnectable *identity)
{
        g_autoptr(GError) error = NULL;

        return authorities &&
               g_tls_database_verify_chain(authorities, certificate, G_TLS_DATABASE_PURPOSE_AUTHENTICATE_SERVER,
                                           identity, NULL, G_TLS_DATABASE_VERIFY_NONE, NULL, &error) == 0 &&
               !error;
}
