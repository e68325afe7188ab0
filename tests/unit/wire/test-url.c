/* Unit tests of wire/url: every form of the contract, and what must be refused. */
#include <errno.h>

#include "base/cleanup.h"
#include "lib/test.h"
#include "wire/url.h"

static void check(const char *text, const char *engine, bool secure, const char *host, unsigned port, const char *path)
{
        struct url u;

        ASSERT_OK(url_parse(text, &u));
        ASSERT_STR(u.engine, engine);
        ASSERT_EQ(u.secure, secure);
        ASSERT_STR(u.host, host);
        ASSERT_EQ(u.port, port);
        ASSERT_STR(u.path, path);
}

TEST(every_form_of_the_contract)
{
        check("embedded:", "embedded", false, "", 0, "");
        check("fake:", "fake", false, "", 0, "");
        check("janus+ws://localhost:8188/janus", "janus", false, "localhost", 8188, "/janus");
        check("janus+wss://sfu.example.org", "janus", true, "sfu.example.org", 0, "");
        check("livekit+ws://10.0.0.1:7880", "livekit", false, "10.0.0.1", 7880, "");
        check("livekit+wss://lk.example/a/b?x=%20y", "livekit", true, "lk.example", 0, "/a/b?x=%20y");
        check("ws://a", "livekit", false, "a", 0, "");
        check("wss://a_b-c.d:65535/", "livekit", true, "a_b-c.d", 65535, "/");
}

TEST(ipv6_stands_in_brackets)
{
        check("janus+ws://[::1]:1/x", "janus", false, "::1", 1, "/x");
        check("wss://[2001:db8::ffff:1.2.3.4]", "livekit", true, "2001:db8::ffff:1.2.3.4", 0, "");
}

TEST(anything_else_is_refused)
{
        /* clang-format off */
        static const char *const bad[] = {
                "", "embedded", "embedded:x", "embedded://", "EMBEDDED:", "fake:1", "http://a", "janus:",
                "janus+http://a",
                "janus+ws:/a", "janus+ws://", "janus+ws:///x", "ws://:80", "ws://a:", "ws://a:0", "ws://a:65536",
                "ws://a:000080", "ws://a:8x", "ws://a:-1", "ws://a b", "ws://user@a", "ws://user:pw@a/", "ws://a#f",
                "ws://a/#f", "ws://a?x", "ws://a/%2", "ws://a/%zz", "ws://a/\"", "ws://a/\n", "ws://a/\x80", "ws://-a",
                "ws://a-", "ws://.a", "ws://a.", "ws://a..b", "ws://a.-b", "ws://a-.b", "ws://\xc3\xa4", "ws://[::1",
                "ws://[::1]x", "ws://[]", "ws://[1.2.3.4]", "ws://[fe80::1%25eth0]", "ws://::1", " ws://a", "ws://a ",
        };
        /* clang-format on */
        struct url u = { .engine = "kept" };

        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                if (url_parse(bad[i], &u) != -EINVAL)
                        test_fail(__FILE__, __LINE__, "accepted: %s", bad[i]);
        ASSERT_STR(u.engine, "kept");
}

TEST(lengths_are_bounded)
{
        char text[2048] = "ws://";
        struct url u;

        memset(text + 5, 'a', 255);
        ASSERT_OK(url_parse(text, &u));
        text[5 + 255] = 'a';
        ASSERT_EQ(url_parse(text, &u), -EINVAL);
        memset(text, 0, sizeof(text));
        strcpy(text, "ws://a/");
        memset(text + 7, 'p', 1022);
        ASSERT_OK(url_parse(text, &u));
        text[7 + 1022] = 'p';
        ASSERT_EQ(url_parse(text, &u), -EINVAL);
}

TEST(to_ws_gives_what_a_client_dials)
{
        static const struct {
                const char *from, *to;
        } cases[] = {
                { "janus+ws://h:8188/janus", "ws://h:8188/janus" },
                { "janus+wss://[::1]:9/x?y", "wss://[::1]:9/x?y" },
                { "livekit+wss://h", "wss://h" },
                { "ws://[::2]", "ws://[::2]" },
        };
        char buf[64];
        struct url u;

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                ASSERT_OK(url_parse(cases[i].from, &u));
                ASSERT_OK(url_to_ws(&u, buf, sizeof(buf)));
                ASSERT_STR(buf, cases[i].to);
                ASSERT_EQ(url_to_ws(&u, buf, strlen(cases[i].to)), -EMSGSIZE);
        }
        ASSERT_OK(url_parse("embedded:", &u));
        ASSERT_EQ(url_to_ws(&u, buf, sizeof(buf)), -EINVAL);
}
