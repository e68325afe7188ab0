/* Unit tests of net/tls-trust.c: who is vouched for, and that the system is asked as before once it is wrapped. */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include <gio/gio.h>

#include "lib/test.h"
#include "net/tls-trust.h"

/* Its own authority, for 192.0.2.1, until the year 2126. */
static const char pem[] = "-----BEGIN CERTIFICATE-----\n"
                          "MIIBhTCCASygAwIBAgIUFVFLZxO3ZVeOl1qLif09xBRU3rUwCgYIKoZIzj0EAwIw\n"
                          "DzENMAsGA1UEAwwEdGVzdDAgFw0yNjExMjMwNzM5MjZaGA8yMTI2MTAzMDA3Mzky\n"
                          "NlowDzENMAsGA1UEAwwEdGVzdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABN5B\n"
                          "NEIipQCt/oxfdGHfbq34U08A+opREvD3nVVSqUXT4Rm5MI0TTSKybUYzk7LKnN8v\n"
                          "99sMWVDuJJN/RyIZSSujZDBiMB0GA1UdDgQWBBRKteZOXB+uHVumNi7HwvcEnjvj\n"
                          "8jAfBgNVHSMEGDAWgBRKteZOXB+uHVumNi7HwvcEnjvj8jAPBgNVHRMBAf8EBTAD\n"
                          "AQH/MA8GA1UdEQQIMAaHBMAAAgEwCgYIKoZIzj0EAwIDRwAwRAIgR+rvjNyjqajP\n"
                          "Zw0RGeWbHIPgbfcOBcDKMuthsmnufx8CIG/SQ287Q+VikkRgQSOB4yBl1OPeDFzl\n"
                          "pCY8nJkgLcHJ\n"
                          "-----END CERTIFICATE-----\n";

struct world {
        char path[32];
        GTlsCertificate *certificate;
        GTlsDatabase *file;
        GSocketConnectable *right, *wrong;
};

static void world_init(struct world *w)
{
        int fd;

        strcpy(w->path, "/tmp/test-trust-XXXXXX");
        fd = mkstemp(w->path);
        ASSERT_EQ(write(fd, pem, strlen(pem)), strlen(pem));
        close(fd);
        w->certificate = g_tls_certificate_new_from_pem(pem, -1, NULL);
        w->file = g_tls_file_database_new(w->path, NULL);
        ASSERT(w->certificate && w->file);
        w->right = g_network_address_new("192.0.2.1", 443);
        w->wrong = g_network_address_new("192.0.2.2", 443);
}

static void world_done(struct world *w)
{
        g_object_unref(w->certificate);
        g_object_unref(w->file);
        g_object_unref(w->right);
        g_object_unref(w->wrong);
        unlink(w->path);
}

TEST(a_file_vouches_for_its_own_under_their_name)
{
        struct world w;

        world_init(&w);
        ASSERT(tls_trust_check(w.file, w.certificate, w.right));
        ASSERT(!tls_trust_check(w.file, w.certificate, w.wrong));
        ASSERT(!tls_trust_check(NULL, w.certificate, w.right));
        world_done(&w);
}

TEST(the_system_is_asked_through_the_wrapper)
{
        GTlsBackend *backend = g_tls_backend_get_default();
        g_autoptr(GTlsDatabase) system = g_tls_backend_get_default_database(backend), wrapped = NULL, again = NULL;
        struct world w;

        world_init(&w);
        tls_trust_prepare();
        wrapped = g_tls_backend_get_default_database(backend);
        ASSERT(wrapped != system);
        ASSERT_EQ(g_tls_database_verify_chain(wrapped, w.certificate, G_TLS_DATABASE_PURPOSE_AUTHENTICATE_SERVER,
                                              w.right, NULL, 0, NULL, NULL),
                  G_TLS_CERTIFICATE_UNKNOWN_CA);
        ASSERT(!tls_trust_check(wrapped, w.certificate, w.right));
        tls_trust_prepare(); /* once is enough */
        again = g_tls_backend_get_default_database(backend);
        ASSERT(again == wrapped);
        world_done(&w);
}
