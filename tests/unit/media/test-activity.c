/* Unit tests of media/activity: what opens it, what does not, and how soon. Signals are made, not recorded. */
#include "media/activity.h"

#include "base/cleanup.h"
#include "base/rand.h"
#include "lib/test.h"
#include "lib/tone.h"

/* A signal of `ms` 10 ms blocks: noise of that level and colour, and something on top. */
struct piece {
        unsigned ms;
        double noise_db; /* dBov */
        bool rumble;     /* the noise is a fan's, not white */
        double voice_db; /* a harmonic voice that swells; 0: none */
        double hiss_db;  /* a consonant without voice; 0: none */
        unsigned clicks; /* a second: key presses, 15 ms each; 0: none */
};

struct stage {
        struct activity a;
        struct rng rng;
        double low; /* state of the rumble's filter */
        double phase;
        unsigned t; /* samples */
};

static double gain(double db)
{
        return db < 0 ? pow(10, db / 20) : 0;
}

static double gauss(struct rng *r)
{
        double sum = 0;

        for (int i = 0; i < 6; i++)
                sum += rand_double(r) - 0.5;
        return sum * sqrt(2); /* variance 1 */
}

static double noise(struct stage *s, const struct piece *p)
{
        double white = gauss(&s->rng);

        if (!p->rumble)
                return white * gain(p->noise_db);
        s->low += (white - s->low) * 0.02;
        return s->low * gain(p->noise_db) * 10; /* the filter leaves a tenth of the amplitude */
}

static double voice(struct stage *s)
{
        double sum = 0;

        s->phase += 140.0 / 48000;
        for (int k = 1; k <= 12; k++)
                sum += sin(2 * M_PI * k * s->phase) / k;
        return sum * (0.7 + 0.3 * sin(2 * M_PI * 3 * s->t / 48000)) * 0.9; /* about 1 RMS */
}

static double click(struct stage *s, const struct piece *p)
{
        unsigned every = p->clicks ? 48000 / p->clicks : 0, at = every ? s->t % every : 0;

        return p->clicks && at < 720 ? gauss(&s->rng) * 0.1 * exp(-(double)at / 200) : 0;
}

/* Plays a piece; how many ms of it the detector was open, and in ret_after (or NULL) how many passed before it was. */
static unsigned play(struct stage *s, const struct piece *p, unsigned *ret_after)
{
        unsigned open = 0, after = p->ms;
        float block[ACTIVITY_BLOCK];

        for (unsigned ms = 0; ms < p->ms; ms += 10) {
                for (unsigned i = 0; i < ACTIVITY_BLOCK; i++, s->t++)
                        block[i] = (float)(noise(s, p) + voice(s) * gain(p->voice_db) +
                                           gauss(&s->rng) * gain(p->hiss_db) + click(s, p));
                if (!activity_update(&s->a, block))
                        continue;
                open += 10;
                if (after == p->ms)
                        after = ms + 10;
        }
        if (ret_after)
                *ret_after = after;
        return open;
}

static void stage_init(struct stage *s, uint64_t seed)
{
        *s = (struct stage){ 0 };
        rand_seed(&s->rng, seed);
        activity_init(&s->a);
}

/* Whatever the room sounds like: once its noise is known, a voice 15 dB above it opens within 60 ms. */
TEST(a_voice_over_noise_opens_in_time)
{
        static const struct row {
                double noise_db, voice_db;
                bool rumble;
        } rows[] = { { -75, -55, false }, { -60, -45, false }, { -50, -35, false }, { -40, -25, true },
                     { -55, -40, true },  { -90, -20, false }, { -65, -50, true },  { -35, -20, false } };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                struct piece room = { .ms = 3000, .noise_db = rows[i].noise_db, .rumble = rows[i].rumble },
                             talk = room;
                struct stage s;
                unsigned after;

                stage_init(&s, i);
                (void)play(&s, &room, NULL);
                ASSERT(!s.a.open);
                talk.ms = 1000;
                talk.voice_db = rows[i].voice_db;
                ASSERT_GE(play(&s, &talk, &after), 940);
                ASSERT_LE(after, 60);
        }
}

/* An "s" has no voice and begins most words that begin with it: its treble opens before the vowel comes. */
TEST(a_quiet_consonant_opens)
{
        struct piece room = { .ms = 3000, .noise_db = -55, .rumble = true }, hiss = room;
        struct stage s;
        unsigned after;

        stage_init(&s, 1);
        (void)play(&s, &room, NULL);
        hiss.ms = 120;
        hiss.hiss_db = -52; /* quieter than the rumble */
        (void)play(&s, &hiss, &after);
        ASSERT_LE(after, 50);
}

TEST(keys_do_not_open)
{
        for (unsigned rate = 1; rate <= 12; rate++) {
                struct piece room = { .ms = 3000, .noise_db = -60 }, typing = room;
                struct stage s;

                stage_init(&s, rate);
                (void)play(&s, &room, NULL);
                typing.ms = 10000;
                typing.clicks = rate;
                ASSERT_EQ(play(&s, &typing, NULL), 0);
        }
}

/* Steady noise, however loud: nothing is sent once it is known, and little before. */
TEST(noise_that_stays_closes)
{
        for (double db = -70; db <= -20; db += 10) {
                struct piece quiet = { .ms = 3000, .noise_db = -75 }, fan = { .ms = 3000, .noise_db = db };
                struct stage s;

                stage_init(&s, 7);
                (void)play(&s, &quiet, NULL);
                (void)play(&s, &fan, NULL);
                fan.ms = 20000;
                ASSERT_EQ(play(&s, &fan, NULL), 0);
        }
}

TEST(it_holds_400_ms_and_floors_return)
{
        struct piece room = { .ms = 3000, .noise_db = -60 }, talk = { .ms = 4000, .noise_db = -60, .voice_db = -30 };
        struct stage s;

        stage_init(&s, 3);
        (void)play(&s, &room, NULL);
        ASSERT_GE(play(&s, &talk, NULL), 2400); /* one vowel for four seconds: its floor rises at last */
        stage_init(&s, 3);
        (void)play(&s, &room, NULL);
        talk.ms = 1000;
        (void)play(&s, &talk, NULL);
        room.ms = 1000;
        ASSERT_NEAR(play(&s, &room, NULL), 10 * ACTIVITY_HOLD_BLOCKS, 10);
        (void)play(&s, &talk, NULL);
        activity_close(&s.a);
        ASSERT(!s.a.open);
}

/* Somebody talks in the very first moment, before any noise was heard. */
TEST(it_opens_from_the_start)
{
        struct piece talk = { .ms = 500, .noise_db = -60, .voice_db = -30 };
        struct stage s;
        unsigned after;

        stage_init(&s, 5);
        ASSERT_GE(play(&s, &talk, &after), 440);
        ASSERT_LE(after, 60);
}

TEST(digital_silence_is_silence)
{
        struct piece nothing = { .ms = 5000 };
        struct stage s;

        stage_init(&s, 6);
        ASSERT_EQ(play(&s, &nothing, NULL), 0);
}
