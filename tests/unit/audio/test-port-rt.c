/* test-port-rt.c - one period of sound as the RT thread moves it, under the RT guard. */
#include <sys/eventfd.h>

#include "audio/port-rt.h"
#include "lib/test.h"

enum { N = 256 };

static struct audio_port *port_with(const float *frames, uint32_t n)
{
        struct audio_port *p;

        ASSERT_OK(audio_port_new(1024, &p));
        ASSERT_EQ(pcm_ring_write(p->ring, frames, n), n);
        return p;
}

/* Under the guard. */
static void play(struct audio_port *p, float *gain, float *out, uint32_t n)
{
        test_rt_enter();
        port_playback_rt(p, gain, out, n);
        ASSERT_EQ(test_rt_leave(), 0);
}

static void fill(float *x, uint32_t n, float value)
{
        for (uint32_t i = 0; i < n; i++)
                x[i] = value;
}

TEST(capture_moves_counts_and_wakes)
{
        struct audio_port *p;
        float in[N], out[N];
        eventfd_t woken = 0;

        for (int i = 0; i < N; i++)
                in[i] = (float)i;
        ASSERT_OK(audio_port_new(1024, &p));
        test_rt_enter();
        port_capture_rt(p, in, N);
        ASSERT_EQ(test_rt_leave(), 0);
        ASSERT_EQ(pcm_ring_read(p->ring, out, N), N);
        ASSERT_MEM(in, out, sizeof(in));
        ASSERT_EQ(p->frames, N);
        ASSERT_EQ(p->periods, 1);
        ASSERT_EQ(p->quantum, N);
        ASSERT_EQ(p->xruns, 0);
        ASSERT_OK(eventfd_read(p->wake_fd, &woken));
        ASSERT_EQ(woken, 1);
        audio_port_unref(p);
}

TEST(capture_into_a_full_ring_drops_and_counts)
{
        struct audio_port *p;
        float in[N] = { 0 };

        ASSERT_OK(audio_port_new(N, &p));
        port_capture_rt(p, in, N);
        port_capture_rt(p, in, 100);
        ASSERT_EQ(p->xruns, 100);
        ASSERT_EQ(p->frames, N);
        audio_port_unref(p);
}

TEST(playback_at_gain_one_is_untouched)
{
        float in[N], out[N], gain = 1.0f;
        struct audio_port *p;

        for (int i = 0; i < N; i++)
                in[i] = 0.99f - (float)i / 1000;
        p = port_with(in, N);
        play(p, &gain, out, N);
        ASSERT_MEM(in, out, sizeof(in));
        ASSERT_EQ(p->frames, N);
        audio_port_unref(p);
}

TEST(playback_fills_up_with_zeros)
{
        float in[100], out[N], gain = 1.0f;
        struct audio_port *p;

        fill(in, 100, 0.5f);
        p = port_with(in, 100);
        fill(out, N, 9.0f);
        play(p, &gain, out, N);
        for (int i = 0; i < N; i++)
                ASSERT_NEAR(out[i], i < 100 ? 0.5 : 0.0, 0);
        ASSERT_EQ(p->frames, 100);
        ASSERT_EQ(p->xruns, 0); /* nothing is flowing: silence is no fault */
        p->active = true;
        play(p, &gain, out, N);
        ASSERT_EQ(p->xruns, N);
        audio_port_unref(p);
}

/* The largest step between neighbours of a constant signal is what a listener hears as a click. */
static double largest_step(const float *x, uint32_t n, float before)
{
        double largest = 0;

        for (uint32_t i = 0; i < n; i++) {
                largest = fmax(largest, fabs((double)x[i] - (double)before));
                before = x[i];
        }
        return largest;
}

TEST(gain_ramps_without_a_click)
{
        float in[1024], out[1024], gain = 0.0f;
        struct audio_port *p;

        fill(in, 1024, 0.5f);
        p = port_with(in, 1024);
        for (int at = 0; at < 1024; at += 128)
                play(p, &gain, out + at, 128);
        ASSERT_LT(largest_step(out, 1024, 0.0f) * 1000, 2); /* 0.5 / 480 a frame */
        ASSERT_NEAR(out[239], 0.25, 0.002);
        ASSERT_NEAR(out[480], 0.5, 0);
        p->gain = 0.0f;
        ASSERT_EQ(pcm_ring_write(p->ring, in, 1024), 1024);
        play(p, &gain, out, 1024);
        ASSERT_LT(largest_step(out, 1024, 0.5f) * 1000, 2);
        ASSERT_NEAR(out[1023], 0.0, 0);
        audio_port_unref(p);
}

TEST(a_gain_of_two_stays_in_range)
{
        float in[N], out[N], gain = 2.0f;
        struct audio_port *p;

        for (int i = 0; i < N; i++)
                in[i] = sinf((float)i / 10);
        p = port_with(in, N);
        p->gain = 2.0f;
        play(p, &gain, out, N);
        for (int i = 0; i < N; i++) {
                ASSERT(fabsf(out[i]) < 1.0f);
                if (fabsf(in[i]) <= 0.4f)
                        ASSERT_NEAR(out[i], 2 * in[i], 1e-6);
                if (i > 0) /* order is kept: louder in, louder out */
                        ASSERT((in[i] > in[i - 1]) == (out[i] > out[i - 1]));
        }
        audio_port_unref(p);
}
