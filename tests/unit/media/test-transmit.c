/* Unit tests of media/transmit: spurts, their beginning and end, and that nothing stays behind. */
#include "media/transmit.h"

#include "base/cleanup.h"
#include "lib/test.h"
#include "lib/tone.h"

enum { SAMPLES = 960, BLOCK_US = 10000 };

struct stage {
        struct transmit t;
        uint64_t now_us;
        unsigned sent, firsts, lasts;
        float said;            /* what the microphone hears: a constant, so that each sample tells when it was said */
        float out[200 * 2880]; /* all that was sent, one frame after the other */
        size_t n;
        uint64_t end_us;
        uint32_t samples;
};

static void drain(struct stage *s)
{
        struct transmit_frame f;

        while (transmit_get(&s->t, s->out + s->n, &f)) {
                ASSERT_EQ(f.first, s->sent == 0 || s->lasts == s->firsts);
                if (!f.first)
                        ASSERT_EQ(f.end_us, s->end_us + s->samples * 125 / 6);
                ASSERT_EQ(f.samples, s->samples);
                s->end_us = f.end_us;
                s->n += s->samples;
                s->sent++;
                s->firsts += f.first;
                s->lasts += f.last;
                ASSERT_LE(s->n + s->samples, ARRAY_SIZE(s->out));
        }
}

static void blocks(struct stage *s, unsigned n, float said)
{
        float block[TRANSMIT_BLOCK];

        for (; n > 0; n--) {
                for (size_t i = 0; i < TRANSMIT_BLOCK; i++)
                        block[i] = said;
                s->now_us += BLOCK_US;
                transmit_put(&s->t, block, s->now_us);
                drain(s);
        }
}

static void control(struct stage *s, enum transmit_mode mode, bool pressed)
{
        transmit_control(&s->t, mode, pressed);
        drain(s);
}

static struct stage *stage(uint32_t frame_ms)
{
        struct stage *s = calloc(1, sizeof(*s));

        ASSERT(s);
        transmit_init(&s->t, frame_ms);
        s->samples = frame_ms * 48;
        s->now_us = 1000000;
        return s;
}

/* Samples of that value in what was sent. */
static size_t count(const struct stage *s, float value)
{
        size_t n = 0;

        for (size_t i = 0; i < s->n; i++)
                n += fabsf(s->out[i] - value) < 1e-6f;
        return n;
}

TEST(continuous_is_every_block_in_whole_frames)
{
        static const uint32_t lengths[] = { 10, 20, 40, 60 };

        for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
                struct stage *s = stage(lengths[i]);

                blocks(s, 60, 0.5f);
                ASSERT_EQ(s->sent, 600 / lengths[i]);
                ASSERT_EQ(s->firsts, 1);
                ASSERT_EQ(s->end_us, s->now_us);
                ASSERT_EQ(count(s, 0.5f), 60 * TRANSMIT_BLOCK - 240);
                free(s);
        }
}

TEST(frames_change_their_length_between_two)
{
        static const uint32_t lengths[] = { 20, 60, 10, 40 };
        struct stage *s = stage(20);

        for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
                transmit_set_frame(&s->t, lengths[i]);
                s->samples = lengths[i] * 48;
                blocks(s, 13, 0.5f); /* a block is left over now and then */
        }
        blocks(s, 2, 0.5f);
        ASSERT_EQ(s->end_us, s->now_us - (4 * 13 + 2 - s->n / TRANSMIT_BLOCK) * BLOCK_US);
        ASSERT_EQ(count(s, 0.5f), s->n - 240);
        free(s);
}

/* The silence that ends a spurt was reckoned in the frames of then. */
TEST(an_ending_spurt_keeps_its_length)
{
        struct stage *s = stage(20);

        control(s, TRANSMIT_PUSH_TO_TALK, true);
        blocks(s, 7, 0.5f);
        control(s, TRANSMIT_PUSH_TO_TALK, false);
        transmit_set_frame(&s->t, 60);
        blocks(s, 9, 0.3f);
        ASSERT_EQ(s->lasts, 1);
        s->samples = 2880;
        control(s, TRANSMIT_PUSH_TO_TALK, true);
        blocks(s, 6, 0.5f);
        ASSERT_EQ(s->firsts, 2);
        free(s);
}

TEST(a_press_sends_the_last_60_ms_at_once_and_a_release_ends)
{
        struct stage *s = stage(20);
        size_t n;

        control(s, TRANSMIT_PUSH_TO_TALK, false);
        blocks(s, 100, 0.2123f); /* long ago */
        blocks(s, 6, 0.5f);
        ASSERT_EQ(s->sent, 0);
        control(s, TRANSMIT_PUSH_TO_TALK, true);
        ASSERT_EQ(s->sent, 3); /* no block came in between: at once */
        ASSERT_EQ(s->end_us, s->now_us);
        ASSERT_EQ(count(s, 0.2123f), 0);
        ASSERT_EQ(count(s, 0.5f), 6 * TRANSMIT_BLOCK - 240);
        ASSERT_NEAR(s->out[0], 0, 1e-6);
        blocks(s, 7, 0.75f); /* three frames and a half */
        ASSERT_EQ(s->sent, 6);
        control(s, TRANSMIT_PUSH_TO_TALK, false);
        ASSERT_EQ(s->sent, 6);
        blocks(s, 1, 0.9f); /* said after the release */
        ASSERT_EQ(s->sent, 7);
        blocks(s, 2, 0.9f);
        ASSERT_EQ(s->sent, 8); /* the half one, and one of silence */
        ASSERT_EQ(s->lasts, 1);
        n = s->n;
        ASSERT_NEAR(s->out[n - SAMPLES - 1], 0, 0);
        ASSERT_NEAR(s->out[n - 2 * SAMPLES + 479], 0.75 / 240, 1e-3);
        for (size_t i = 1; i < n; i++) /* no click: at most the steps between the three values */
                ASSERT(fabsf(s->out[i] - s->out[i - 1]) < 0.26f);
        blocks(s, 100, 0.9f);
        ASSERT_EQ(s->sent, 8);
        free(s);
}

/* Released between two frames: there is nothing to fade out until a block comes. */
TEST(a_release_between_frames_fades_out_the_next_block)
{
        struct stage *s = stage(20);

        control(s, TRANSMIT_PUSH_TO_TALK, true);
        blocks(s, 4, 0.5f);
        control(s, TRANSMIT_PUSH_TO_TALK, false);
        ASSERT_EQ(s->sent, 2);
        blocks(s, 4, 0.5f);
        ASSERT_EQ(s->sent, 4);
        ASSERT_NEAR(s->out[2 * SAMPLES + 239], 0.5 / 240, 1e-3); /* 5 ms after the release … */
        for (size_t i = 2 * SAMPLES + 240; i < s->n; i++)
                ASSERT_NEAR(s->out[i], 0, 0); /* … it is silent */
        blocks(s, 10, 0.5f);
        ASSERT_EQ(s->sent, 4);
        free(s);
}

TEST(a_press_again_goes_on_with_the_spurt)
{
        struct stage *s = stage(20);
        size_t n;

        control(s, TRANSMIT_PUSH_TO_TALK, true);
        blocks(s, 4, 0.5f);
        control(s, TRANSMIT_PUSH_TO_TALK, false);
        control(s, TRANSMIT_PUSH_TO_TALK, true);
        blocks(s, 4, 0.5f);
        ASSERT_EQ(s->sent, 4);
        ASSERT_EQ(s->firsts, 1);
        ASSERT_EQ(count(s, 0.5f), 8 * TRANSMIT_BLOCK - 240);
        control(s, TRANSMIT_PUSH_TO_TALK, false);
        blocks(s, 2, 0.5f);
        control(s, TRANSMIT_PUSH_TO_TALK, true);
        blocks(s, 2, 0.5f);
        n = s->n;
        ASSERT_EQ(s->firsts, 1);
        ASSERT_NEAR(s->out[n - SAMPLES], 0, 0); /* fades in again */
        ASSERT_NEAR(s->out[n - 1], 0.5, 0);
        free(s);
}

/* What was sent is not sent again, however quickly the key is pressed. */
TEST(nothing_is_sent_twice)
{
        struct stage *s = stage(20);

        control(s, TRANSMIT_PUSH_TO_TALK, true);
        blocks(s, 5, 0.5f);
        control(s, TRANSMIT_PUSH_TO_TALK, false);
        blocks(s, 3, 0.75f);
        control(s, TRANSMIT_PUSH_TO_TALK, true);
        blocks(s, 2, 0.75f);
        ASSERT_EQ(s->firsts, 2);
        ASSERT_NEAR(count(s, 0.5f), 5 * TRANSMIT_BLOCK - 2 * 240, 4); /* less the two fades */
        free(s);
}

TEST(a_tap_before_anything_was_sent_is_nothing)
{
        struct stage *s = stage(60);

        control(s, TRANSMIT_PUSH_TO_TALK, true);
        blocks(s, 5, 0.5f); /* not yet a frame */
        control(s, TRANSMIT_PUSH_TO_TALK, false);
        blocks(s, 50, 0.5f);
        ASSERT_EQ(s->sent, 0);
        free(s);
}

TEST(clearing_leaves_no_sample)
{
        static const bool pressed[] = { false, true };

        for (size_t i = 0; i < ARRAY_SIZE(pressed); i++) {
                struct stage *s = stage(20);
                const float *all = s->t.blocks[0];

                control(s, TRANSMIT_PUSH_TO_TALK, pressed[i]);
                blocks(s, 9, 0.6123f);
                transmit_clear(&s->t);
                for (size_t k = 0; k < sizeof(s->t.blocks) / sizeof(float); k++)
                        ASSERT_NEAR(all[k], 0, 0);
                s->n = s->sent = s->firsts = s->lasts = 0;
                control(s, TRANSMIT_PUSH_TO_TALK, true);
                ASSERT_EQ(s->sent, 0);
                blocks(s, 2, 0.75f);
                ASSERT_EQ(s->firsts, 1);
                ASSERT_EQ(count(s, 0.6123f), 0);
                free(s);
        }
}

TEST(modes_change_at_any_time)
{
        struct stage *s = stage(20);

        blocks(s, 4, 0.5f);
        control(s, TRANSMIT_PUSH_TO_TALK, false);
        blocks(s, 20, 0.2123f);
        ASSERT_EQ(s->lasts, 1);
        s->n = 0;
        control(s, TRANSMIT_CONTINUOUS, false); /* nobody meant to be heard before */
        blocks(s, 2, 0.75f);
        ASSERT_EQ(count(s, 0.2123f), 0);
        ASSERT_EQ(s->firsts, 2);
        control(s, TRANSMIT_VOICE_ACTIVITY, true);
        blocks(s, 20, 0);
        ASSERT_EQ(s->lasts, 2); /* the key does not count */
        control(s, TRANSMIT_PUSH_TO_TALK, true);
        blocks(s, 2, 0.75f);
        ASSERT_EQ(s->firsts, 3);
        free(s);
}

TEST(a_voice_is_sent_from_before_it_was_noticed)
{
        struct stage *s = stage(20);
        struct tone t = { .hz = 300, .amplitude = 0.1 };
        float frames[TRANSMIT_BLOCK];
        unsigned sent = 0;

        control(s, TRANSMIT_VOICE_ACTIVITY, false);
        blocks(s, 300, 0);
        ASSERT_EQ(s->sent, 0);
        for (int i = 0; i < 50; i++) {
                tone_fill(&t, frames, TRANSMIT_BLOCK);
                s->now_us += BLOCK_US;
                transmit_put(&s->t, frames, s->now_us);
                drain(s);
                if (s->sent && !sent) { /* four blocks loud: six in all were kept */
                        ASSERT_EQ(i, ACTIVITY_ONSET_BLOCKS - 1);
                        ASSERT_EQ(s->sent, 3);
                        ASSERT_NEAR(tone_rms(s->out, SAMPLES), 0, 1e-6);
                        ASSERT_NEAR(tone_rms(s->out + SAMPLES, 2 * SAMPLES), 0.07, 0.01);
                }
                sent = s->sent;
        }
        blocks(s, 100, 0);
        ASSERT_EQ(s->lasts, 1);
        ASSERT_NEAR(s->sent, (50 + 2 + ACTIVITY_HOLD_BLOCKS) / 2 + 1, 1);
        free(s);
}
