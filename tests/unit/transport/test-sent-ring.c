/* test-sent-ring.c - what is kept, for how long, and how often it is given out. */
#include "transport/sent-ring.h"

#include "lib/test.h"

static void put(struct sent_ring *r, uint16_t seq, size_t len)
{
        uint8_t data[512];

        memset(data, (uint8_t)seq, sizeof(data));
        sent_ring_put(r, seq, data, len);
}

TEST(gives_the_same_bytes)
{
        struct sent_ring r;
        const struct sent_packet *p;

        sent_ring_init(&r, 0);
        put(&r, 65535, 100);
        put(&r, 0, 300);
        p = sent_ring_take(&r, 65535, 1000);
        ASSERT(p);
        ASSERT_EQ(p->len, 100);
        ASSERT_EQ(p->data[99], 255);
        p = sent_ring_take(&r, 0, 1000);
        ASSERT(p);
        ASSERT_EQ(p->len, 300);
        ASSERT(!sent_ring_take(&r, 1, 1000));
        sent_ring_done(&r);
}

TEST(old_ones_are_gone)
{
        struct sent_ring r;

        sent_ring_init(&r, 0);
        for (uint16_t seq = 0; seq <= SENT_RING_SLOTS; seq++)
                put(&r, seq, 50);
        ASSERT(!sent_ring_take(&r, 0, 1));
        ASSERT(sent_ring_take(&r, 1, 1));
        ASSERT(sent_ring_take(&r, SENT_RING_SLOTS, 1));
        sent_ring_done(&r);
}

TEST(the_same_one_waits_10_ms)
{
        struct sent_ring r;

        sent_ring_init(&r, 0);
        put(&r, 5, 50);
        ASSERT(sent_ring_take(&r, 5, 1000));
        ASSERT(!sent_ring_take(&r, 5, 10999));
        ASSERT(sent_ring_take(&r, 5, 11000));
        sent_ring_done(&r);
}

TEST(a_flood_is_bounded)
{
        struct sent_ring r;
        unsigned n = 0;

        sent_ring_init(&r, 0);
        for (uint16_t seq = 0; seq < SENT_RING_SLOTS; seq++)
                put(&r, seq, 50);
        for (uint64_t now_us = 0; now_us < 1000000; now_us += 1000)
                for (uint16_t seq = 0; seq < SENT_RING_SLOTS; seq++)
                        n += sent_ring_take(&r, seq, now_us) != NULL;
        ASSERT_GE(n, 70);
        ASSERT_LE(n, 75); /* a burst of 25, then 50 a second */
        sent_ring_done(&r);
}
