/* Unit tests of media/level: the scale of RFC 6464, onset, release, noise. */
#include "media/level.h"

#include "base/cleanup.h"
#include "lib/test.h"
#include "lib/tone.h"

enum { FRAME = 960, FRAME_US = 20000 };

static uint8_t level_of(double amplitude)
{
        struct tone t = { .hz = 1000, .amplitude = amplitude };
        float frames[FRAME];
        double energy;

        tone_fill(&t, frames, FRAME);
        return level_measure(frames, FRAME, &energy);
}

TEST(scale)
{
        float square[7] = { 1, -1, 1, -1, 1, -1, 1 }, bad[4] = { NAN, 1, 1, 1 };
        double energy;

        ASSERT_EQ(level_measure(square, 7, &energy), 0);
        ASSERT_NEAR(energy, 1, 1e-6);
        ASSERT_EQ(level_of(1), 3);
        ASSERT_EQ(level_of(0.1), 23);
        ASSERT_EQ(level_of(0.001), 63);
        ASSERT_EQ(level_of(0), LEVEL_SILENCE);
        ASSERT_EQ(level_of(1e-8), LEVEL_SILENCE);
        ASSERT_EQ(level_measure(square, 0, &energy), LEVEL_SILENCE);
        ASSERT_EQ(level_measure(bad, 4, &energy), LEVEL_SILENCE);
        square[0] = 100;
        ASSERT_EQ(level_measure(square, 7, &energy), 0);
}

/* Feeds frames of this loudness for so long; the time of the first change, or 0. */
static uint64_t feed(struct level *l, uint8_t dbov, uint32_t frame_us, uint64_t for_us, uint64_t *now_us)
{
        uint64_t changed_us = 0, end_us = *now_us + for_us;

        while (*now_us < end_us) {
                *now_us += frame_us;
                if (level_update(l, dbov, frame_us, *now_us) && !changed_us)
                        changed_us = *now_us;
        }
        return changed_us;
}

TEST(onset_within_60_ms_release_after_300)
{
        static const uint32_t frames_us[] = { 2500, 10000, 20000, 40000, 60000 };

        for (unsigned i = 0; i < ARRAY_SIZE(frames_us); i++) {
                struct level l = { 0 };
                uint64_t now_us = 1000000, begin_us, end_us, changed_us;

                ASSERT_EQ(feed(&l, 70, frames_us[i], 600000, &now_us), 0);
                begin_us = now_us;
                changed_us = feed(&l, 30, frames_us[i], 600000, &now_us);
                ASSERT(l.speaking);
                ASSERT_GE(changed_us - begin_us, 30000);
                ASSERT_LE(changed_us - begin_us, 60000);
                end_us = now_us;
                ASSERT_EQ(level_deadline(&l), end_us + LEVEL_RELEASE_US);
                changed_us = feed(&l, 70, frames_us[i], 600000, &now_us);
                ASSERT(!l.speaking);
                ASSERT_GE(changed_us - end_us, LEVEL_RELEASE_US);
                ASSERT_LE(changed_us - end_us, LEVEL_RELEASE_US + frames_us[i]);
        }
}

TEST(gap_between_words_does_not_end_and_key_press_does_not_begin)
{
        struct level l = { 0 };
        uint64_t now_us = 1000000;

        ASSERT_EQ(feed(&l, 20, FRAME_US, 20000, &now_us), 0); /* one frame */
        ASSERT_EQ(feed(&l, 80, FRAME_US, 100000, &now_us), 0);
        ASSERT_NE(feed(&l, 25, FRAME_US, 400000, &now_us), 0);
        ASSERT_EQ(feed(&l, 80, FRAME_US, 200000, &now_us), 0);
        ASSERT_EQ(feed(&l, 25, FRAME_US, 400000, &now_us), 0);
        ASSERT(l.speaking);
}

TEST(nothing_more_comes)
{
        struct level l = { 0 };
        uint64_t now_us = 1000000;

        feed(&l, 25, FRAME_US, 400000, &now_us);
        ASSERT(l.meter > 0.04f);
        ASSERT(!level_tick(&l, level_deadline(&l) - 1));
        ASSERT(level_tick(&l, level_deadline(&l)));
        ASSERT(!l.speaking);
        ASSERT_NEAR(l.meter, 0, 0);
        ASSERT_EQ(level_deadline(&l), UINT64_MAX);
        /* A meter that moved without speech falls too. */
        feed(&l, 65, FRAME_US, 100000, &now_us);
        ASSERT_NE(level_deadline(&l), UINT64_MAX);
        ASSERT(!level_tick(&l, level_deadline(&l)));
        ASSERT_NEAR(l.meter, 0, 0);
}

TEST(steady_noise_is_no_speech_but_a_monologue_is)
{
        struct level l = { 0 };
        uint64_t now_us = 1000000;

        feed(&l, 48, FRAME_US, 10000000, &now_us); /* a fan */
        ASSERT(!l.speaking);
        ASSERT_NE(feed(&l, 30, FRAME_US, 60000000, &now_us), 0);
        ASSERT(l.speaking); /* after a minute without a breath */
}

TEST(meter_rises_fast_and_falls_slowly)
{
        struct level l = { 0 };
        uint64_t now_us = 1000000;

        feed(&l, 6, FRAME_US, 60000, &now_us);
        ASSERT_NEAR(l.meter, 0.5, 0.05);
        feed(&l, 127, FRAME_US, 60000, &now_us);
        ASSERT(l.meter > 0.2f && l.meter < 0.4f);
}
