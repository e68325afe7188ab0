/* Unit tests of base/pcm-ring: order, wrap-around, full and empty, two threads. */
#include <pthread.h>

#include "base/pcm-ring.h"
#include "lib/test.h"

TEST(capacity_is_rounded_up)
{
        _cleanup_(pcm_ring_freep) struct pcm_ring *r = NULL;

        ASSERT_OK(pcm_ring_new(1000, &r));
        ASSERT_EQ(pcm_ring_capacity(r), 1024);
        ASSERT_EQ(pcm_ring_fill(r), 0);
}

TEST(order_survives_wrap)
{
        _cleanup_(pcm_ring_freep) struct pcm_ring *r = NULL;
        float in[7], out[7], next_in = 0, next_out = 0;

        ASSERT_OK(pcm_ring_new(16, &r));
        for (int round = 0; round < 1000; round++) {
                for (int i = 0; i < 7; i++)
                        in[i] = next_in++;
                ASSERT_EQ(pcm_ring_write(r, in, 7), 7);
                ASSERT_EQ(pcm_ring_read(r, out, 7), 7);
                for (int i = 0; i < 7; i++)
                        ASSERT_NEAR(out[i], next_out++, 0);
        }
}

TEST(full_and_empty_move_less)
{
        _cleanup_(pcm_ring_freep) struct pcm_ring *r = NULL;
        float frames[20] = { 1, 2, 3 }, out[20];

        ASSERT_OK(pcm_ring_new(16, &r));
        ASSERT_EQ(pcm_ring_read(r, out, 5), 0);
        ASSERT_EQ(pcm_ring_write(r, frames, 20), 16);
        ASSERT_EQ(pcm_ring_write(r, frames, 1), 0);
        ASSERT_EQ(pcm_ring_skip(r, 2), 2);
        ASSERT_EQ(pcm_ring_read(r, out, 1), 1);
        ASSERT_NEAR(out[0], 3, 0);
        ASSERT_EQ(pcm_ring_skip(r, 99), 13);
}

TEST(pairs_stay_together)
{
        _cleanup_(pcm_ring_freep) struct pcm_ring *r = NULL;
        float in[7], beside[7], out[7], out_beside[7], next = 0;

        ASSERT_OK(pcm_ring_new_pairs(16, &r));
        for (int round = 0; round < 100; round++) {
                for (int i = 0; i < 7; i++) {
                        in[i] = next + (float)i;
                        beside[i] = -in[i];
                }
                next += 7;
                ASSERT_EQ(pcm_ring_write_pairs(r, in, beside, 7), 7);
                ASSERT_EQ(pcm_ring_skip(r, 2), 2);
                ASSERT_EQ(pcm_ring_read_pairs(r, out, out_beside, 9), 5);
                ASSERT_MEM(out, in + 2, 5 * sizeof(float));
                ASSERT_MEM(out_beside, beside + 2, 5 * sizeof(float));
        }
}

TEST_OOM(new_fails_cleanly)
{
        _cleanup_(pcm_ring_freep) struct pcm_ring *r = NULL;

        return pcm_ring_new(64, &r);
}

enum { TOTAL = 200000 };

static void *writer(void *arg)
{
        float next = 0;

        while (next < TOTAL)
                next += (float)pcm_ring_write(arg, &next, 1);
        return NULL;
}

TEST(two_threads_see_every_frame_in_order)
{
        _cleanup_(pcm_ring_freep) struct pcm_ring *r = NULL;
        pthread_t t;
        float got[64], next = 0;

        ASSERT_OK(pcm_ring_new(256, &r));
        ASSERT_EQ(pthread_create(&t, NULL, writer, r), 0);
        while (next < TOTAL) {
                uint32_t n = pcm_ring_read(r, got, 64);

                for (uint32_t i = 0; i < n; i++)
                        ASSERT_NEAR(got[i], next++, 0);
        }
        pthread_join(t, NULL);
}

TEST(reading_and_writing_are_rt_safe)
{
        _cleanup_(pcm_ring_freep) struct pcm_ring *r = NULL;
        float f[8] = { 0 };

        ASSERT_OK(pcm_ring_new(64, &r));
        test_rt_enter();
        pcm_ring_write(r, f, 8);
        pcm_ring_read(r, f, 8);
        ASSERT_EQ(test_rt_leave(), 0);
}
