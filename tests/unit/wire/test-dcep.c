/* test-dcep.c - OPEN and ACK of data channels: LiveKit's own, every kind, what is refused. */
#include "wire/dcep.h"

#include <errno.h>

#include "base/cleanup.h"
#include "lib/test.h"

/* As a LiveKit server opens its lossy channel: unordered, no retransmission. */
static const uint8_t lossy[] = { 3, 0x81, 0, 0, 0, 0, 0, 0, 0, 6, 0, 0, '_', 'l', 'o', 's', 's', 'y' };

TEST(an_open_is_read)
{
        enum dcep_kind kind;
        struct dcep_open o;

        ASSERT_OK(dcep_parse(lossy, sizeof(lossy), &kind, &o));
        ASSERT_EQ(kind, DCEP_OPEN);
        ASSERT(o.unordered);
        ASSERT_EQ(o.limit, DCEP_RETRANSMITS);
        ASSERT_EQ(o.limit_value, 0);
        ASSERT_EQ(o.label_len, 6);
        ASSERT_MEM(o.label, "_lossy", 6);
        ASSERT_EQ(o.protocol_len, 0);
}

TEST(an_ack_is_one_byte)
{
        static const uint8_t ack[] = { 2 };
        enum dcep_kind kind;
        struct dcep_open o;

        ASSERT_OK(dcep_parse(ack, 1, &kind, &o));
        ASSERT_EQ(kind, DCEP_ACK);
}

TEST(every_kind_comes_back_as_it_was_built)
{
        static const enum dcep_limit limits[] = { DCEP_RELIABLE, DCEP_RETRANSMITS, DCEP_LIFETIME };

        for (unsigned i = 0; i < 2 * ARRAY_SIZE(limits); i++) {
                struct dcep_open o = { .unordered = i & 1,
                                       .limit = limits[i / 2],
                                       .limit_value = limits[i / 2] ? 70000 : 0,
                                       .priority = 256,
                                       .label = "label",
                                       .label_len = 5,
                                       .protocol = "p",
                                       .protocol_len = 1 },
                                 back;
                uint8_t buf[64];
                enum dcep_kind kind;
                int n = dcep_build_open(&o, buf, sizeof(buf));

                ASSERT_EQ(n, DCEP_OPEN_MIN + 6);
                ASSERT_OK(dcep_parse(buf, (size_t)n, &kind, &back));
                ASSERT(back.unordered == o.unordered && back.limit == o.limit && back.priority == 256);
                ASSERT_EQ(back.limit_value, o.limit_value);
                ASSERT(back.label_len == 5 && memcmp(back.label, "label", 5) == 0);
                ASSERT(back.protocol_len == 1 && back.protocol[0] == 'p');
                ASSERT_EQ(dcep_build_open(&o, buf, (size_t)n - 1), -EMSGSIZE);
        }
}

TEST(what_is_cut_off_or_unknown_is_refused)
{
        static const uint8_t unknown[] = { 1 };
        uint8_t bad[sizeof(lossy)];
        enum dcep_kind kind;
        struct dcep_open o;

        for (size_t n = 0; n < sizeof(lossy); n++)
                ASSERT_EQ(dcep_parse(lossy, n, &kind, &o), -EPROTO);
        ASSERT_EQ(dcep_parse(unknown, 1, &kind, &o), -EPROTO);
        memcpy(bad, lossy, sizeof(bad));
        bad[1] = 3; /* no such channel type */
        ASSERT_EQ(dcep_parse(bad, sizeof(bad), &kind, &o), -EPROTO);
}
