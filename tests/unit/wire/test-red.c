/* Unit tests of wire/red: golden bytes, round trips, every way of being cut, too long or too many. */
#include "wire/red.h"

#include <errno.h>

#include "base/cleanup.h"
#include "lib/test.h"

/* Two copies, 40 and 20 ms old, of two bytes and one, before the newest frame of three. */
static const uint8_t golden[] = { 0xef, 0x1e, 0x00, 0x02, 0xef, 0x0f, 0x00, 0x01, 0x6f, 'a', 'b', 'c', 'd', 'e', 'f' };

TEST(golden_packet_reads_and_writes_back)
{
        struct red_block blocks[RED_BLOCKS_MAX];
        uint8_t buf[sizeof(golden)];

        ASSERT_EQ(red_parse(golden, sizeof(golden), blocks), 3);
        for (unsigned i = 0; i < 3; i++) {
                ASSERT_EQ(blocks[i].payload_type, 111);
                ASSERT_EQ(blocks[i].offset, 1920 - 960 * i);
        }
        ASSERT_EQ(blocks[0].len, 2);
        ASSERT_MEM(blocks[0].data, "ab", 2);
        ASSERT_EQ(blocks[1].len, 1);
        ASSERT_MEM(blocks[1].data, "c", 1);
        ASSERT_EQ(blocks[2].len, 3);
        ASSERT_MEM(blocks[2].data, "def", 3);

        ASSERT_EQ(red_build(blocks, 3, buf, sizeof(buf)), sizeof(golden));
        ASSERT_MEM(buf, golden, sizeof(golden));
        ASSERT_EQ(red_build(blocks, 3, buf, sizeof(buf) - 1), -EMSGSIZE);
}

/* Up to the newest frame, which may be of any length, none included. */
TEST(whatever_is_cut_is_refused)
{
        struct red_block blocks[RED_BLOCKS_MAX];

        for (size_t n = 0; n < 12; n++)
                ASSERT_EQ(red_parse(golden, n, blocks), -EPROTO);
        for (size_t n = 12; n <= sizeof(golden); n++) {
                ASSERT_EQ(red_parse(golden, n, blocks), 3);
                ASSERT_EQ(blocks[2].len, n - 12);
        }
}

TEST(a_frame_alone_costs_a_byte)
{
        struct red_block blocks[RED_BLOCKS_MAX],
                one = { .payload_type = 111, .data = (const uint8_t *)"xy", .len = 2 };
        uint8_t buf[3];

        ASSERT_EQ(red_build(&one, 1, buf, sizeof(buf)), 3);
        ASSERT_MEM(buf, "\x6fxy", 3);
        ASSERT_EQ(red_parse(buf, 3, blocks), 1);
        ASSERT_EQ(blocks[0].payload_type, 111);
        ASSERT_EQ(blocks[0].offset, 0);
        ASSERT_MEM(blocks[0].data, "xy", 2);
}

TEST(the_bounds_of_the_header_hold)
{
        static const uint8_t data[1100];
        struct red_block in[2] = { { 0, RED_OFFSET_MAX, data, RED_LEN_MAX }, { 127, 0, data, 5 } };
        struct red_block out[RED_BLOCKS_MAX];
        uint8_t buf[2000];
        int n = red_build(in, 2, buf, sizeof(buf));

        ASSERT_EQ(n, 4 + 1 + RED_LEN_MAX + 5);
        ASSERT_EQ(red_parse(buf, (size_t)n, out), 2);
        ASSERT_EQ(out[0].payload_type, 0);
        ASSERT_EQ(out[0].offset, RED_OFFSET_MAX);
        ASSERT_EQ(out[0].len, RED_LEN_MAX);
        ASSERT_EQ(out[1].payload_type, 127);
        in[0].len++;
        ASSERT_EQ(red_build(in, 2, buf, sizeof(buf)), -EMSGSIZE);
        in[0].len--;
        in[0].offset++;
        ASSERT_EQ(red_build(in, 2, buf, sizeof(buf)), -EMSGSIZE);
}

TEST(too_many_copies_are_refused)
{
        struct red_block blocks[RED_BLOCKS_MAX];
        uint8_t buf[4 * RED_BLOCKS_MAX + 1];
        size_t len = 4 * (RED_BLOCKS_MAX - 1) + 1;

        memset(buf, 0, sizeof(buf));
        for (unsigned i = 0; i < RED_BLOCKS_MAX - 1; i++)
                buf[4 * i] = 0x80;
        ASSERT_EQ(red_parse(buf, len, blocks), RED_BLOCKS_MAX);
        buf[4 * (RED_BLOCKS_MAX - 1)] = 0x80;
        ASSERT_EQ(red_parse(buf, sizeof(buf), blocks), -EPROTO);
}
