/* test-demux.c - the first-byte table of RFC 7983 and the RTP/RTCP split of RFC 5761. */
#include "transport/demux.h"

#include "lib/test.h"

static enum packet_kind classify(uint8_t first, uint8_t second, size_t len)
{
        uint8_t data[64] = { first, second };

        return demux_classify(data, len);
}

TEST(first_byte_decides)
{
        for (unsigned b = 0; b < 256; b++) {
                enum packet_kind want = b <= 3                 ? PACKET_STUN
                                        : b >= 20 && b <= 63   ? PACKET_DTLS
                                        : b >= 128 && b <= 191 ? PACKET_RTP
                                                               : PACKET_UNKNOWN;

                ASSERT_EQ(classify((uint8_t)b, 111, 40), want);
        }
}

TEST(rtcp_by_packet_type)
{
        ASSERT_EQ(classify(0x80, 200, 28), PACKET_RTCP);
        ASSERT_EQ(classify(0x81, 192, 28), PACKET_RTCP);
        ASSERT_EQ(classify(0x81, 223, 28), PACKET_RTCP);
        ASSERT_EQ(classify(0x80, 191, 28), PACKET_RTP);
        ASSERT_EQ(classify(0x80, 0x80 | 111, 28), PACKET_RTP);
}

TEST(too_short_is_unknown)
{
        ASSERT_EQ(classify(0x80, 111, 11), PACKET_UNKNOWN);
        ASSERT_EQ(classify(0x80, 200, 7), PACKET_UNKNOWN);
        ASSERT_EQ(classify(22, 254, 12), PACKET_UNKNOWN);
        ASSERT_EQ(classify(22, 254, 1), PACKET_UNKNOWN);
        ASSERT_EQ(classify(0, 0, 0), PACKET_UNKNOWN);
}
