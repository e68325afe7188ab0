/* test-guests.c - addresses to listen at, and who is connected there. */
#include "engine/embedded/guests.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "lib/test.h"

TEST(addresses_that_janus_binds_as_written)
{
        struct listen_address a = { "x", 1 };

        ASSERT_OK(listen_address_parse(NULL, &a));
        ASSERT_EQ(a.port, 0);
        ASSERT_STR(a.host, "");
        ASSERT_OK(listen_address_parse("127.0.0.1:8188", &a));
        ASSERT_EQ(a.port, 8188);
        ASSERT_STR(a.host, "127.0.0.1");
        ASSERT_OK(listen_address_parse("255.255.255.255:65535", &a));
        ASSERT_STR(a.host, "255.255.255.255");
        ASSERT_OK(listen_address_parse("[::]:1", &a));
        ASSERT_EQ(a.port, 1);
        ASSERT_STR(a.host, "::");
}

TEST(others_are_refused_and_nothing_is_written)
{
        static const char *const bad[] = { "",
                                           ":",
                                           "8188",
                                           ":8188",
                                           "127.0.0.1",
                                           "127.0.0.1:",
                                           "127.0.0.1:0",
                                           "127.0.0.1:65536",
                                           "127.0.0.1:99999999999999999999",
                                           "127.0.0.1:+80",
                                           "127.0.0.1: 80",
                                           "127.0.0.1:80 ",
                                           "127.0.0.1:8x",
                                           " 127.0.0.1:80",
                                           "127.0.0.1:1:80",
                                           "localhost:80",
                                           "[::1]:80",
                                           "::1:80",
                                           "[::]80",
                                           "[::]:",
                                           "[::]:80:80",
                                           "127.0.0.1\"\n:80",
                                           "1111111111111111111111111111111111.0.0.1:80" };
        struct listen_address a = { "kept", 7 };

        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                if (listen_address_parse(bad[i], &a) != -EINVAL)
                        test_fail(__FILE__, __LINE__, "\"%s\" is taken", bad[i]);
        ASSERT_STR(a.host, "kept");
        ASSERT_EQ(a.port, 7);
}

/* On a port of the kernel's choice. */
static int listener(struct sockaddr_in *ret)
{
        struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        socklen_t len = sizeof(a);

        ASSERT_OK(bind(fd, (struct sockaddr *)&a, sizeof(a)));
        ASSERT_OK(listen(fd, 1));
        ASSERT_OK(getsockname(fd, (struct sockaddr *)&a, &len));
        *ret = a;
        return fd;
}

TEST(an_address_is_checked_before_janus_falls_back_to_another)
{
        struct listen_address a = { "127.0.0.1", 0 };
        struct sockaddr_in at;
        int fd = listener(&at);

        a.port = ntohs(at.sin_port);
        ASSERT_EQ(listen_address_check(&a), -EADDRINUSE);
        close(fd);
        ASSERT_EQ(listen_address_check(&a), 0);
        strcpy(a.host, "192.0.2.1"); /* RFC 5737: nobody has it */
        ASSERT_EQ(listen_address_check(&a), -EADDRNOTAVAIL);
}

TEST(a_guest_counts_while_he_is_connected)
{
        _cleanup_close_ int server = -1, accepted = -1;
        struct sockaddr_in at;
        uint16_t port;
        int guest;

        server = listener(&at);
        port = ntohs(at.sin_port);
        ASSERT(!guests_are_connected(port)); /* who listens is no guest */
        guest = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        ASSERT_OK(connect(guest, (struct sockaddr *)&at, sizeof(at)));
        ASSERT(guests_are_connected(port));
        accepted = accept4(server, NULL, NULL, SOCK_CLOEXEC);
        ASSERT(guests_are_connected(port));
        close(guest);
        ASSERT(!guests_are_connected(port));
}
