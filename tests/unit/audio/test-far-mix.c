/* test-far-mix.c - what is played, laid beside what is heard: in step, out of step, and coming and going. */
#include "audio/far-mix.h"
#include "lib/test.h"

enum { N = 256 };

static struct far_mix mix; /* each test begins with a fresh one */

static void fill(float *x, uint32_t n, float value)
{
        for (uint32_t i = 0; i < n; i++)
                x[i] = value;
}

/* Under the guard. */
static void play(struct far_place *p, uint64_t now_ns, float value, uint32_t n)
{
        float x[FAR_MIX_PERIOD_MAX + 1];

        fill(x, n, value);
        test_rt_enter();
        far_mix_add_rt(&mix, p, now_ns, x, n);
        ASSERT_EQ(test_rt_leave(), 0);
}

static void take(struct far_place *p, uint64_t now_ns, float *far, uint32_t n)
{
        test_rt_enter();
        far_mix_take_rt(&mix, p, now_ns, far, n);
        ASSERT_EQ(test_rt_leave(), 0);
}

static void expect(struct far_place *p, uint64_t now_ns, uint32_t n, float value)
{
        float far[FAR_MIX_PERIOD_MAX + 1];

        take(p, now_ns, far, n);
        for (uint32_t i = 0; i < n; i++)
                ASSERT_NEAR(far[i], value, 1e-6);
}

TEST(what_two_play_is_read_added_up_in_the_next_cycle)
{
        struct far_place a = { 0 }, b = { 0 }, mic = { 0 };

        mix = (struct far_mix){ 0 };
        expect(&mic, 1000, N, 0);
        play(&a, 1000, 0.25f, N); /* after the microphone */
        for (uint64_t now = 2000; now < 200 * 1000; now += 1000) {
                play(&b, now, 0.5f, N); /* before it: read with what `a` plays in the same cycle */
                expect(&mic, now, N, now == 2000 ? 0.25f : 0.75f);
                play(&a, now, 0.25f, N);
        }
}

TEST(who_stops_is_silent_and_who_comes_back_is_in_step)
{
        struct far_place a = { 0 }, b = { 0 }, mic = { 0 };

        mix = (struct far_mix){ 0 };
        expect(&mic, 1, N, 0);
        for (uint64_t now = 2; now < 200; now++) {
                bool both = now % 50 < 25, before = (now - 1) % 50 < 25 && now > 2;

                play(&a, now, 0.25f, N);
                if (both)
                        play(&b, now, 0.5f, N);
                expect(&mic, now, N, now == 2 ? 0 : before ? 0.75f : 0.25f);
        }
}

TEST(periods_that_differ_by_a_frame_leave_no_hole)
{
        struct far_place a = { 0 }, mic = { 0 };
        uint32_t taken = 0, played = 0;

        mix = (struct far_mix){ 0 };
        for (uint64_t now = 1; now < 2000; now++) {
                uint32_t n = (uint32_t)(now * 2786 / 10) - taken, m = (uint32_t)((now * 2786 + 5) / 10) - played;
                float far[FAR_MIX_PERIOD_MAX];

                taken += n;
                played += m;
                take(&mic, now, far, n);
                for (uint32_t i = 0; now > 20 && i < n; i++)
                        ASSERT_NEAR(far[i], 1, 0);
                play(&a, now, 1, m);
        }
}

/* A loudspeaker of 1024 frames and a microphone of 256 with cycles of their own, 100 ppm apart: whole but for a jump
 * now and then. */
TEST(other_drivers_are_followed)
{
        struct far_place a = { 0 }, mic = { 0 };
        double at_us[2] = { 0, 700 };
        uint32_t read = 0, holes = 0;

        mix = (struct far_mix){ 0 };
        while (read < 60 * 48000) {
                float far[N];

                if (at_us[1] < at_us[0]) {
                        play(&a, (uint64_t)(1000 * at_us[1]), 1, 1024);
                        at_us[1] += 1024 * 1e6 / 48000 * 1.0001;
                        continue;
                }
                take(&mic, (uint64_t)(1000 * at_us[0]) + 1, far, N);
                at_us[0] += N * 1e6 / 48000;
                read += N;
                for (uint32_t i = 0; i < N; i++)
                        holes += far[i] < 0.5f || far[i] > 1.5f;
        }
        ASSERT_LE(holes, 3 * 1024); /* of 60 s */
}

/* Whoever misses some cycles, and whoever is called first: two cycles later the microphone is given the cycle before.
 */
TEST(missed_cycles_shift_nothing)
{
        for (unsigned kind = 0; kind < 4; kind++) {
                bool play_first = kind & 1, mic_misses = kind & 2;
                struct far_place a = { 0 }, mic = { 0 };

                mix = (struct far_mix){ 0 };
                for (uint64_t now = 1; now < 300; now++) {
                        bool missed = now % 30 > 20 && now % 30 < 20 + now / 30,
                             settled = now > 3 && now % 30 < 20 && now % 30 > 2;

                        if (play_first && !(missed && !mic_misses))
                                play(&a, now, (float)now, N);
                        if (!(missed && mic_misses)) {
                                if (settled)
                                        expect(&mic, now, N, (float)(now - 1));
                                else
                                        take(&mic, now, (float[N]){ 0 }, N);
                        }
                        if (!play_first && !(missed && !mic_misses))
                                play(&a, now, (float)now, N);
                }
        }
}

TEST(two_microphones_hear_the_same)
{
        struct far_place a = { 0 }, first = { 0 }, second = { 0 };

        mix = (struct far_mix){ 0 };
        expect(&first, 1, N, 0);
        for (uint64_t now = 2; now < 100; now++) {
                expect(&second, now, N, now > 2 ? 1 : 0);
                play(&a, now, 1, N);
                expect(&first, now, N, now > 2 ? 1 : 0);
        }
}

/* The first microphone is closed: after a while the other one is the clock. */
TEST(another_microphone_becomes_the_clock)
{
        struct far_place a = { 0 }, first = { 0 }, second = { 0 };
        const uint64_t cycle_ns = 5333333;
        float far[N];

        mix = (struct far_mix){ 0 };
        expect(&first, cycle_ns, N, 0);
        for (uint64_t i = 2; i < 100; i++) {
                take(&second, i * cycle_ns, far, N);
                play(&a, i * cycle_ns, 1, N);
        }
        ASSERT(mix.clock == &second);
        ASSERT_NEAR(far[0], 1, 0);
        ASSERT_NEAR(far[N - 1], 1, 0);
}

TEST(nobody_listens_nothing_is_kept)
{
        struct far_place a = { 0 };

        mix = (struct far_mix){ 0 };
        play(&a, 1, 1, N);
        ASSERT_EQ(mix.end, 0);
        ASSERT_NEAR(mix.frames[0], 0, 0);
}

TEST(periods_too_long_are_silence)
{
        struct far_place a = { 0 }, mic = { 0 };

        mix = (struct far_mix){ 0 };
        expect(&mic, 1, N, 0);
        play(&a, 1, 1, FAR_MIX_PERIOD_MAX + 1);
        expect(&mic, 2, FAR_MIX_PERIOD_MAX + 1, 0);
        expect(&mic, 3, N, 0);
}
