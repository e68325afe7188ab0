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

/* ---- patterns: what is heard, and when somebody speaks ---- */

enum { NOTHING = 255 }; /* no packets: DTX, or they are lost */

struct span { /* ms */
        uint32_t from, to;
};

static const struct pattern {
        const char *name;
        uint32_t frame_us;
        struct {
                uint8_t dbov;
                uint32_t ms;
        } segments[10];
        struct span changes[6]; /* speaking, silent, speaking …: each within */
} patterns[] = {
        { "a word", 20000, { { 127, 500 }, { 30, 1000 }, { 127, 1000 } }, { { 530, 560 }, { 1800, 1820 } } },
        { "a word in 60 ms frames",
          60000,
          { { 127, 480 }, { 30, 960 }, { 127, 960 } },
          { { 540, 540 }, { 1740, 1800 } } },
        { "a word in 10 ms frames",
          10000,
          { { 127, 500 }, { 30, 1000 }, { 127, 1000 } },
          { { 530, 530 }, { 1800, 1810 } } },
        { "a soft beginning",
          20000,
          { { 70, 200 }, { 55, 40 }, { 45, 500 }, { 80, 600 } },
          { { 270, 300 }, { 1040, 1060 } } },
        { "a whisper", 20000, { { 80, 500 }, { 50, 500 }, { 80, 600 } }, { { 530, 560 }, { 1300, 1320 } } },
        { "a click", 20000, { { 127, 500 }, { 6, 20 }, { 127, 500 } }, { { 0, 0 } } },
        { "typing",
          20000,
          { { 80, 500 }, { 10, 20 }, { 80, 80 }, { 12, 20 }, { 80, 60 }, { 8, 20 }, { 80, 500 } },
          { { 0, 0 } } },
        { "words with pauses",
          20000,
          { { 80, 200 }, { 28, 400 }, { 80, 200 }, { 32, 300 }, { 80, 260 }, { 25, 300 }, { 80, 600 } },
          { { 230, 260 }, { 1960, 1980 } } },
        { "two sentences",
          20000,
          { { 80, 200 }, { 28, 400 }, { 80, 500 }, { 28, 400 }, { 80, 500 } },
          { { 230, 260 }, { 900, 920 }, { 1130, 1160 }, { 1800, 1820 } } },
        { "DTX after a word", 20000, { { 28, 400 }, { NOTHING, 1000 } }, { { 30, 60 }, { 700, 720 } } },
        { "a burst of loss",
          20000,
          { { 28, 400 }, { NOTHING, 200 }, { 28, 400 }, { NOTHING, 600 } },
          { { 30, 60 }, { 1300, 1320 } } },
        { "a quiet room", 20000, { { 65, 10000 } }, { { 0, 0 } } },
        { "a noisy room", 20000, { { 52, 20000 } }, { { 0, 0 } } },
        { "a fan switched on", 20000, { { 80, 1000 }, { 48, 20000 } }, { { 1030, 1060 }, { 4000, 6500 } } },
        { "a word beside the fan",
          20000,
          { { 48, 20000 }, { 30, 600 }, { 48, 2000 } },
          { { 30, 60 }, { 3000, 5500 }, { 20030, 20060 }, { 20900, 20920 } } },
        { "a long story", 20000, { { 30, 60000 }, { 80, 1000 } }, { { 30, 60 }, { 60300, 60320 } } },
};

struct play {
        const struct pattern *p;
        struct level l;
        uint64_t now_us;
        unsigned n; /* changes so far */
};

static void changed(struct play *y)
{
        const struct span *wanted = &y->p->changes[y->n++];
        uint64_t ms = y->now_us / 1000;

        if (ms < wanted->from || ms > wanted->to)
                test_fail(__FILE__, __LINE__, "%s: change %u at %u ms", y->p->name, y->n, (unsigned)ms);
        ASSERT_EQ(y->l.speaking, y->n % 2);
}

TEST(patterns_of_speech_and_noise)
{
        for (size_t i = 0; i < ARRAY_SIZE(patterns); i++) {
                struct play y = { .p = &patterns[i] };
                unsigned wanted = 0;

                for (unsigned s = 0; s < ARRAY_SIZE(y.p->segments); s++)
                        for (uint32_t us = 0; us < y.p->segments[s].ms * 1000; us += y.p->frame_us) {
                                uint8_t dbov = y.p->segments[s].dbov;

                                y.now_us += y.p->frame_us;
                                if (dbov == NOTHING ? level_tick(&y.l, y.now_us)
                                                    : level_update(&y.l, dbov, y.p->frame_us, y.now_us))
                                        changed(&y);
                        }
                while (wanted < ARRAY_SIZE(y.p->changes) && y.p->changes[wanted].to > 0)
                        wanted++;
                if (y.n != wanted)
                        test_fail(__FILE__, __LINE__, "%s: %u changes", y.p->name, y.n);
        }
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
