/* test-voice-proc.c - what each kind of processing does to voices, noise and echoes, in numbers. */
#include "lib/acoustics.h"
#include "lib/test.h"
#include "lib/tone.h"
#include "media/voice-proc.h"

enum { RATE = 48000, SECOND = RATE, CHUNK = VOICE_PROC_CHUNK, MAX = 12 * RATE };

static const struct acoustics_room desk = { .delay_ms = 40, .reverberation_ms = 120, .gain = 0.5 };

/* One call: `mic` is what the microphone hears, `out` what becomes of it. */
struct call {
        struct voice_proc *v;
        size_t at; /* frames done */
        float far[MAX], near[MAX], mic[MAX], out[MAX];
};

static void configure(struct call *c, bool echo, bool gain, enum ans_mode noise)
{
        ASSERT_OK(voice_proc_configure(c->v, &(struct voice_proc_config){ echo, gain, noise }));
}

static struct call *call_new(bool echo, bool gain, enum ans_mode noise)
{
        struct call *c = calloc(1, sizeof(*c));

        ASSERT(c);
        ASSERT_OK(voice_proc_new(&c->v));
        configure(c, echo, gain, noise);
        return c;
}

static struct call *call_free(struct call *c)
{
        voice_proc_free(c->v);
        free(c);
        return NULL;
}
DEFINE_CLEANUP(struct call *, call_free)

static void add(float *to, const float *x, size_t n)
{
        for (size_t i = 0; i < n; i++)
                to[i] += x[i];
}

static void run_until(struct call *c, size_t end)
{
        for (; c->at < end; c->at += 2 * CHUNK) {
                memcpy(c->out + c->at, c->mic + c->at, 2 * CHUNK * sizeof(float));
                voice_proc_run(c->v, c->out + c->at, c->far + c->at, 2 * CHUNK);
        }
}

static double gained_db(const struct call *c, size_t from, size_t to)
{
        return acoustics_db(c->out + from, to - from) - acoustics_db(c->mic + from, to - from);
}

static void hear_far(struct call *c, const struct acoustics_room *room, size_t n)
{
        float *hiss = calloc(n, sizeof(float));

        ASSERT(hiss);
        acoustics_noise(9, 0.0005, hiss, n);
        acoustics_speak(1, 0.06, c->far, n);
        acoustics_echo(room, 5, c->far, c->mic, n);
        add(c->mic, hiss, n);
        free(hiss);
}

/* ---- echo ---- */

static void check_echo_is_cancelled(const struct acoustics_room *room)
{
        _cleanup_(call_freep) struct call *c = call_new(true, false, ANS_OFF);

        hear_far(c, room, 8 * SECOND);
        run_until(c, 8 * SECOND);
        for (size_t from = 3 * SECOND; from < 8 * SECOND; from += SECOND)
                ASSERT_LE(gained_db(c, from, from + SECOND), -20);
}

TEST(an_echo_is_20_db_weaker_after_3_s)
{
        check_echo_is_cancelled(&desk);
}

TEST(so_is_one_of_a_device_that_takes_long)
{
        check_echo_is_cancelled(&(struct acoustics_room){ .delay_ms = 130, .reverberation_ms = 80, .gain = 0.3 });
}

TEST(so_is_a_loud_one)
{
        check_echo_is_cancelled(&(struct acoustics_room){ .delay_ms = 15, .reverberation_ms = 150, .gain = 1.5 });
}

/* The near voice begins when the echo canceller has learnt the room. Its level stays within 1.5 dB and its shape
 * recognisable; of its loud 20 ms pieces nine in ten lose less than 6 dB. */
TEST(double_talk_is_not_chopped)
{
        _cleanup_(call_freep) struct call *c = call_new(true, false, ANS_OFF);
        size_t from = 5 * SECOND, n = 5 * SECOND, loud = 0, chopped = 0;

        hear_far(c, &desk, from + n);
        acoustics_speak(2, 0.06, c->near + from, n);
        add(c->mic + from, c->near + from, n);
        run_until(c, from + n);
        ASSERT_NEAR(acoustics_db(c->out + from, n), acoustics_db(c->near + from, n), 1.5);
        ASSERT_GE(100 * acoustics_correlation(c->near + from, c->out + from, n, CHUNK), 90);
        for (size_t i = from; i + 3 * CHUNK < from + n; i += 2 * CHUNK) {
                double said = acoustics_db(c->near + i, 2 * CHUNK);

                if (said < -30)
                        continue;
                loud++;
                chopped += acoustics_db(c->out + i + CHUNK, 2 * CHUNK) < said - 6;
        }
        ASSERT_GT(loud, 50);
        ASSERT_LE(chopped * 10, loud);
}

/* A headset: there is a far end and no echo. The voice passes without delay, and nothing is lost of it. */
TEST(without_an_echo_a_voice_is_not_delayed)
{
        _cleanup_(call_freep) struct call *c = call_new(true, false, ANS_OFF);
        size_t n = 8 * SECOND;

        acoustics_speak(1, 0.06, c->far, n);
        acoustics_speak(2, 0.06, c->mic, n);
        run_until(c, n);
        ASSERT_GE(100 * acoustics_correlation(c->mic + n / 2, c->out + n / 2, n / 2, 0), 93);
        ASSERT_NEAR(gained_db(c, 0, n), 0, 0.5);
}

TEST(a_silent_far_end_leaves_the_sound_as_it_is)
{
        _cleanup_(call_freep) struct call *c = call_new(true, false, ANS_OFF);

        acoustics_speak(2, 0.06, c->mic, SECOND);
        run_until(c, SECOND);
        ASSERT_MEM(c->mic, c->out, SECOND * sizeof(float));
}

/* ---- noise ---- */

static void check_noise(enum ans_mode mode, double least_db, double most_db)
{
        _cleanup_(call_freep) struct call *c = call_new(false, false, mode);
        size_t quiet = 9 * SECOND, n = 12 * SECOND;

        acoustics_noise(3, 0.006, c->mic, n);
        acoustics_speak(2, 0.06, c->near + quiet, n - quiet);
        add(c->mic, c->near, n);
        run_until(c, n);
        ASSERT_LE(gained_db(c, 5 * SECOND, quiet), -least_db);
        ASSERT_GE(gained_db(c, 5 * SECOND, quiet), -most_db);
        ASSERT_NEAR(acoustics_db(c->out + quiet, n - quiet), acoustics_db(c->near + quiet, n - quiet), 2);
        ASSERT_GE(100 * acoustics_correlation(c->near + quiet, c->out + quiet, n - quiet, CHUNK), 97);
}

TEST(noise_loses_some_at_level_1)
{
        check_noise(ANS_LOW, 5, 9);
}

TEST(noise_loses_10_db_at_level_2_and_speech_keeps_its_level)
{
        check_noise(ANS_MEDIUM, 10, 18);
}

TEST(noise_loses_more_at_level_3)
{
        check_noise(ANS_HIGH, 13, 30);
}

TEST(automatic_suppresses_much_where_there_is_much)
{
        check_noise(ANS_AUTOMATIC, 10, 30);
}

TEST(automatic_leaves_a_quiet_room_alone)
{
        _cleanup_(call_freep) struct call *c = call_new(false, false, ANS_AUTOMATIC);

        acoustics_noise(3, 0.0006, c->mic, 8 * SECOND);
        run_until(c, 8 * SECOND);
        ASSERT_NEAR(gained_db(c, 5 * SECOND, 8 * SECOND), 0, 2);
}

/* ---- gain ---- */

static double level_after_gain(double rms)
{
        _cleanup_(call_freep) struct call *c = call_new(false, true, ANS_OFF);

        acoustics_speak(2, rms, c->mic, MAX);
        run_until(c, MAX);
        return acoustics_db(c->out + 6 * SECOND, 6 * SECOND);
}

TEST(quiet_and_loud_voices_come_out_alike)
{
        double usual = level_after_gain(0.06);

        ASSERT_NEAR(usual, -25, 3);
        ASSERT_NEAR(level_after_gain(0.006), usual, 3); /* 20 dB up */
        ASSERT_NEAR(level_after_gain(0.2), usual, 3);
}

/* ---- settings ---- */

TEST(nothing_on_nothing_done)
{
        _cleanup_(call_freep) struct call *c = call_new(false, false, ANS_OFF);

        acoustics_speak(1, 0.06, c->far, SECOND);
        acoustics_speak(2, 0.06, c->mic, SECOND);
        run_until(c, SECOND);
        ASSERT_MEM(c->mic, c->out, SECOND * sizeof(float));
}

/* A tone has no gap and no click however the settings change under it. */
TEST(settings_change_without_a_gap)
{
        _cleanup_(call_freep) struct call *c = call_new(false, false, ANS_OFF);
        struct tone tone = { .hz = 400, .amplitude = 0.3 }; /* the 10 ms that are skipped are four periods */
        size_t n = 4 * SECOND;

        acoustics_speak(1, 0.003, c->far, n);
        tone_fill(&tone, c->mic, n);
        for (unsigned i = 0; c->at < n; i++) {
                static const struct voice_proc_config turns[] = {
                        { true, false, ANS_OFF }, { false, false, ANS_OFF }, { true, false, ANS_LOW },
                        { false, true, ANS_OFF }, { false, false, ANS_OFF },
                };

                run_until(c, c->at + SECOND / 10);
                ASSERT_OK(voice_proc_configure(c->v, &turns[i % 5]));
        }
        for (size_t i = 0; i + CHUNK <= n; i += CHUNK) /* a tone is noise: level 1 takes 8 dB */
                ASSERT_GE(acoustics_db(c->out + i, CHUNK), acoustics_db(c->mic, CHUNK) - 11);
        ASSERT_LE(tone_roughness(c->out, n), 2 * tone_roughness(c->mic, n));
}

/* What was said before is not heard after. */
TEST(a_restart_forgets)
{
        _cleanup_(call_freep) struct call *c = call_new(true, true, ANS_LOW);
        struct tone tone = { .hz = 3000, .amplitude = 0.5 };

        tone_fill(&tone, c->mic, SECOND);
        run_until(c, SECOND);
        ASSERT_GT(1000 * tone_find(c->out + SECOND / 2, SECOND / 2, 3000), 10);
        voice_proc_restart(c->v);
        run_until(c, 2 * SECOND);
        ASSERT_EQ((int)(1e6 * tone_find(c->out + SECOND, 4 * CHUNK, 3000)), 0);
}

TEST_OOM(new_and_configure_fail_cleanly)
{
        _cleanup_(voice_proc_freep) struct voice_proc *v = NULL;
        int r = voice_proc_new(&v);

        return r < 0 ? r : voice_proc_configure(v, &(struct voice_proc_config){ .echo = true });
}
