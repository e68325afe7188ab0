/* bench-echo.c - what the processing of a voice does and costs, without devices: one JSON object a line.
 *
 * BENCH_FAR and BENCH_NEAR in the environment name two voices, WAV files of 16 bit mono at 48 kHz, repeated as needed.
 * The room is 40 ms away, reverberates for 150 ms and gives back half of the loudspeaker's amplitude; both voices have
 * the same power.
 */
#include <malloc.h>
#include <time.h>

#include "lib/acoustics.h"
#include "lib/test.h"
#include "lib/tone.h"
#include "media/voice-proc.h"

enum { RATE = 48000, SECONDS = 25, N = SECONDS * RATE, CHUNK = VOICE_PROC_CHUNK, PIECE = 2 * CHUNK };

static const struct acoustics_room room = { .delay_ms = 40, .reverberation_ms = 150, .gain = 0.5 };
static float far[N], near[N], nothing[N], mic[N], out[N];
static double cpu_s; /* of the last run */

static void report(const char *metric, double value, const char *unit, const char *setup)
{
        printf("{\"metric\": \"%s\", \"value\": %.3f, \"unit\": \"%s\", \"setup\": \"%s\"}\n", metric, value, unit,
               setup);
}

static void read_voice(const char *path, float *voice)
{
        FILE *f = fopen(path, "rb");
        int16_t s;
        float by;

        ASSERT(f && fseek(f, 44, SEEK_SET) == 0);
        for (size_t i = 0; i < N; i++) {
                if (fread(&s, 2, 1, f) != 1) {
                        ASSERT(i > RATE && fseek(f, 44, SEEK_SET) == 0);
                        ASSERT_EQ(fread(&s, 2, 1, f), 1);
                }
                voice[i] = (float)s / 32768.0f;
        }
        fclose(f);
        by = (float)(0.06 / tone_rms(voice, N));
        for (size_t i = 0; i < N; i++)
                voice[i] *= by;
}

static void add(const float *x, float by)
{
        for (size_t i = 0; i < N; i++)
                mic[i] += by * x[i];
}

static void run(const float *played, struct voice_proc_config config)
{
        struct voice_proc *v;
        struct timespec from, to;

        ASSERT_OK(voice_proc_new(&v));
        ASSERT_OK(voice_proc_configure(v, &config));
        memcpy(out, mic, sizeof(out));
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
        for (size_t i = 0; i < N; i += PIECE)
                voice_proc_run(v, out + i, played + i, PIECE);
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
        cpu_s = (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
        voice_proc_free(v);
}

static void bench_echo(void)
{
        char setup[64];

        memset(mic, 0, sizeof(mic));
        acoustics_noise(9, 0.0005, mic, N);
        acoustics_echo(&room, 5, far, mic, N);
        run(far, (struct voice_proc_config){ .echo = true });
        for (size_t s = 0; s < 12; s++) {
                (void)snprintf(setup, sizeof(setup), "second %zu, far end talks", s);
                report("erle_db", acoustics_db(mic + s * RATE, RATE) - acoustics_db(out + s * RATE, RATE), "dB",
                       setup);
        }
        report("percent_core", 100 * cpu_s / SECONDS, "%", "echo cancellation, far end talks");
}

static int compare(const void *a, const void *b)
{
        double x = *(const double *)a, y = *(const double *)b;

        return (x > y) - (x < y);
}

/* The near voice from the sixth second on, its loud pieces beside what is left of them. */
static void bench_double_talk(void)
{
        static double lost[N / PIECE];
        size_t n = 0;

        memset(near, 0, 6 * RATE * sizeof(float));
        add(near, 1);
        run(far, (struct voice_proc_config){ .echo = true });
        for (size_t i = 6 * RATE; i + PIECE + CHUNK < N; i += PIECE) {
                double said = acoustics_db(near + i, PIECE);

                if (said > -30)
                        lost[n++] = said - acoustics_db(out + i + CHUNK, PIECE);
        }
        ASSERT_GT(n, 100);
        qsort(lost, n, sizeof(*lost), compare);
        report("double_talk_loss_db", lost[n / 2], "dB", "near voice while both talk, median of 20 ms");
        report("double_talk_loss_db", lost[n * 95 / 100], "dB", "... 95th percentile");
}

static void bench_noise(void)
{
        char setup[64];

        for (unsigned mode = ANS_LOW; mode <= ANS_AUTOMATIC; mode++) {
                acoustics_noise(3, 0.006, mic, N);
                add(near, 1); /* silent for the first 6 s */
                run(nothing, (struct voice_proc_config){ .noise = (enum ans_mode)mode });
                (void)snprintf(setup, sizeof(setup), "mode %u, noise of -44 dBFS", mode);
                if (mode != ANS_AUTOMATIC) { /* which takes longer to decide */
                        report("noise_suppression_db",
                               acoustics_db(mic + 3 * RATE, 3 * RATE) - acoustics_db(out + 3 * RATE, 3 * RATE), "dB",
                               setup);
                }
                report("speech_change_db",
                       acoustics_db(out + 9 * RATE, 15 * RATE) - acoustics_db(near + 9 * RATE, 15 * RATE), "dB",
                       setup);
        }
        report("percent_core", 100 * cpu_s / SECONDS, "%", "noise suppression");
}

static void bench_gain(void)
{
        char setup[64];

        for (int level = -45; level <= -15; level += 10) {
                memset(mic, 0, sizeof(mic));
                add(near, (float)(pow(10, level / 20.0) / 0.06));
                run(nothing, (struct voice_proc_config){ .gain = true });
                (void)snprintf(setup, sizeof(setup), "voice of %d dBFS", level);
                report("gain_out_dbfs", acoustics_db(out + 12 * RATE, 12 * RATE), "dBFS", setup);
        }
}

static void bench_idle_cost(void)
{
        struct voice_proc *v;
        size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;

        memset(mic, 0, sizeof(mic));
        add(near, 1);
        run(nothing, (struct voice_proc_config){ .echo = true });
        report("percent_core", 100 * cpu_s / SECONDS, "%", "echo cancellation, far end silent");
        ASSERT_OK(voice_proc_new(&v));
        ASSERT_OK(voice_proc_configure(v, &(struct voice_proc_config){ .echo = true }));
        report("allocated_kb", (double)(mallinfo2().uordblks + mallinfo2().hblkhd - before) / 1024, "KB",
               "echo canceller and preprocessor");
        voice_proc_free(v);
}

TEST(processing)
{
        const char *far_path = getenv("BENCH_FAR"), *near_path = getenv("BENCH_NEAR");

        if (!far_path || !near_path)
                test_skip("BENCH_FAR and BENCH_NEAR say whose voices");
        read_voice(far_path, far);
        read_voice(near_path, near);
        bench_echo();
        bench_double_talk();
        bench_noise();
        bench_gain();
        bench_idle_cost();
}
