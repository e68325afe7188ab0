/* Unit tests of base/buf: both byte orders, sticky failure, the ceiling of the text buffer. */
#include <errno.h>

#include "base/buf.h"
#include "lib/test.h"

TEST(written_numbers_read_back)
{
        uint8_t bytes[64];
        struct wbuf w = wbuf_init(bytes, sizeof(bytes));
        struct rbuf r;

        wbuf_u8(&w, 0x01);
        wbuf_be16(&w, 0x0203);
        wbuf_be24(&w, 0x040506);
        wbuf_be32(&w, 0x0708090a);
        wbuf_be64(&w, UINT64_C(0x0b0c0d0e0f101112));
        wbuf_le16(&w, 0x1413);
        wbuf_le32(&w, 0x18171615);
        ASSERT(w.ok);
        ASSERT_EQ(w.at, 24);
        for (size_t i = 0; i < w.at; i++)
                ASSERT_EQ(bytes[i], i + 1);
        r = rbuf_init(bytes, w.at);
        ASSERT_EQ(rbuf_u8(&r), 0x01);
        ASSERT_EQ(rbuf_be16(&r), 0x0203);
        ASSERT_EQ(rbuf_be24(&r), 0x040506);
        ASSERT_EQ(rbuf_be32(&r), 0x0708090a);
        ASSERT(rbuf_be64(&r) == UINT64_C(0x0b0c0d0e0f101112));
        ASSERT_EQ(rbuf_le16(&r), 0x1413);
        ASSERT_EQ(rbuf_le32(&r), 0x18171615);
        ASSERT(r.ok);
        ASSERT_EQ(rbuf_left(&r), 0);
}

TEST(a_failed_read_sticks)
{
        struct rbuf r = rbuf_init("abc", 3);

        ASSERT_EQ(rbuf_be16(&r), 'a' << 8 | 'b');
        ASSERT_EQ(rbuf_be16(&r), 0); /* one byte is left */
        ASSERT(!r.ok);
        ASSERT_EQ(rbuf_u8(&r), 0);
        ASSERT_EQ(rbuf_left(&r), 0);
        ASSERT(rbuf_bytes(&r, 0) == NULL);
}

TEST(huge_lengths_do_not_wrap)
{
        struct rbuf r = rbuf_init("abc", 3);
        uint8_t bytes[3];
        struct wbuf w = wbuf_init(bytes, sizeof(bytes));

        (void)rbuf_u8(&r);
        ASSERT(rbuf_bytes(&r, SIZE_MAX) == NULL);
        wbuf_u8(&w, 1);
        wbuf_bytes(&w, bytes, SIZE_MAX);
        ASSERT(!w.ok);
}

TEST(a_failed_write_sticks_and_writes_nothing)
{
        uint8_t bytes[4] = { 9, 9, 9, 9 };
        struct wbuf w = wbuf_init(bytes, 3);

        wbuf_be16(&w, 0x0102);
        wbuf_be16(&w, 0x0304);
        wbuf_u8(&w, 5);
        ASSERT(!w.ok);
        ASSERT_MEM(bytes, "\x01\x02\x09\x09", 4);
}

TEST(text_grows)
{
        struct strbuf b = strbuf_init(100000);
        _cleanup_free_ char *text = NULL;

        for (int i = 0; i < 1000; i++)
                strbuf_addf(&b, "%d,", i);
        strbuf_add(&b, "end");
        ASSERT_OK(strbuf_take(&b, &text));
        ASSERT_EQ(strlen(text), 10 * 2 + 90 * 3 + 900 * 4 + 3);
        ASSERT(strncmp(text, "0,1,2,", 6) == 0);
        ASSERT_STR(text + strlen(text) - 7, "999,end");
        ASSERT(b.text == NULL);
}

TEST(text_has_a_ceiling)
{
        struct strbuf b = strbuf_init(5);
        char *text = NULL;

        strbuf_add(&b, "12345");
        ASSERT_EQ(b.error, 0);
        strbuf_addf(&b, "%d", 6);
        strbuf_add(&b, "");
        ASSERT_EQ(strbuf_take(&b, &text), -EMSGSIZE);
        ASSERT(text == NULL && b.text == NULL);
}

TEST(nothing_written_is_an_empty_text)
{
        struct strbuf b = strbuf_init(5);
        _cleanup_free_ char *text = NULL;

        ASSERT_OK(strbuf_take(&b, &text));
        ASSERT_STR(text, "");
}

TEST_OOM(text_fails_cleanly)
{
        _cleanup_(strbuf_done) struct strbuf b = strbuf_init(10000), empty = strbuf_init(1);
        _cleanup_free_ char *text = NULL, *nothing = NULL;
        int r;

        for (int i = 0; i < 500; i++)
                strbuf_addf(&b, "%d", i);
        r = strbuf_take(&b, &text);
        return r < 0 ? r : strbuf_take(&empty, &nothing);
}
