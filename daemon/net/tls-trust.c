/* tls-trust.c - see tls-trust.h: the chain, its dates, and the name it was made out to (RFC 6125).
 *
 * glib-networking gives each new connection of a client its own copy of a database of its own making: it parses every
 * certificate of the system anew, 8 ms between two round trips of a join. A database of another make is only asked. So
 * the default one is wrapped in one that asks it. GIO hands it to every connection at birth, whatever is set later.
 */
#include "net/tls-trust.h"

#include <gio/gio.h>

#define TYPE_NAME "RtcroomdSystemTrust"

struct system_trust { /* a GObject */
        GTlsDatabase base;
        GTlsDatabase *system; /* reference; like this one it stays for the life of the process */
};

static GTlsCertificateFlags ask_system(GTlsDatabase *self, GTlsCertificate *chain, const char *purpose,
                                       GSocketConnectable *identity, GTlsInteraction *interaction,
                                       GTlsDatabaseVerifyFlags flags, GCancellable *cancellable, GError **error)
{
        return g_tls_database_verify_chain(((struct system_trust *)self)->system, chain, purpose, identity,
                                           interaction, flags, cancellable, error);
}

static void class_init(void *class, void *data)
{
        (void)data;
        G_TLS_DATABASE_CLASS(class)->verify_chain = ask_system;
}

void tls_trust_prepare(void)
{
        GTlsBackend *backend = g_tls_backend_get_default();
        struct system_trust *t;
        GType type;

        if (!g_tls_backend_supports_tls(backend) || g_type_from_name(TYPE_NAME) != 0)
                return;
        type = g_type_register_static_simple(G_TYPE_TLS_DATABASE, TYPE_NAME, sizeof(GTlsDatabaseClass), class_init,
                                             sizeof(*t), NULL, 0);
        t = g_object_new(type, NULL);
        t->system = g_tls_backend_get_default_database(backend);
        g_tls_backend_set_default_database(backend, &t->base);
        g_object_unref(t); /* the backend's */
}

bool tls_trust_check(struct _GTlsDatabase *authorities, struct _GTlsCertificate *certificate,
                     struct _GSocketConnectable *identity)
{
        g_autoptr(GError) error = NULL;

        return authorities &&
               g_tls_database_verify_chain(authorities, certificate, G_TLS_DATABASE_PURPOSE_AUTHENTICATE_SERVER,
                                           identity, NULL, G_TLS_DATABASE_VERIFY_NONE, NULL, &error) == 0 &&
               !error;
}
