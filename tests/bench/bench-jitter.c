/* bench-jitter.c - the receiving half on a trace, in virtual time.
 *
 *     bench-jitter TRACE [SECONDS] [SEED]
 *
 * Encoded sound goes through the line that TRACE describes (lib/line.h) into an rx-track, which a loudspeaker of
 * quantum 256 pulls from; sound without end, or where the trace says so spurts and pauses, with DTX. The first ten
 * seconds are not counted: the buffer learns the line. Prints one JSON object: added_delay_ms is what the jitter
 * buffer adds, packet arrival to ring (W3C jitterBufferDelay), its mean over each 100 ms; concealed_percent the share
 * of all samples that were made up; stretched_percent of those inserted or removed; first_second_ms and
 * first_ten_concealed_percent are the delay in the first second, and what was made up in the first ten. Equal
 * arguments print the same, to the digit.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/rand.h"
#include "lib/line.h"
#include "lib/tone.h"
#include "media/track.h"
#include "media/voice-enc.h"

enum { QUANTUM = 256, FRAME = 960, FRAME_US = 20000, LEARN_S = 10, WINDOW_US = 100000, FLYING_MAX = 4096 };

struct packet {
        uint64_t due_us;
        uint16_t seq;
        uint32_t timestamp;
        bool marker;
        size_t len;
        uint8_t payload[VOICE_PACKET_MAX];
};

struct sim {
        struct line *line;
        struct rx_track *rx;
        struct audio_port *speaker;
        struct voice_enc *enc;
        struct tone tone;
        struct rng rng;
        uint16_t seq;
        bool silent, stopped;       /* between two spurts; nothing was sent last */
        uint32_t talk_ms, pause_ms; /* mean lengths; 0: without end */
        uint64_t frames, spurt_end; /* so far; when the spurt or the pause ends, in frames */
        double speaker_us;
        struct packet flying[FLYING_MAX];
        size_t n_flying;
        double *windows; /* owned: mean stay in each, ms */
        size_t n_windows;
        struct rx_stats at_window, at_second, at_start;
        uint64_t window_end_us;
};

static void must(bool holds, const char *what)
{
        if (holds)
                return;
        (void)fprintf(stderr, "bench-jitter: %s\n", what);
        exit(1);
}

/* ---- the sender ---- */

/* Sound or silence goes to the encoder, which sends little of the latter. */
static void send_frame(struct sim *s, uint64_t now_us)
{
        struct packet p = { .timestamp = (uint32_t)(s->frames * FRAME), .marker = s->stopped };
        uint64_t due_us[LINE_COPIES_MAX];
        float pcm[FRAME] = { 0 };
        unsigned n;
        int len;

        if (!s->silent)
                tone_fill(&s->tone, pcm, FRAME);
        len = voice_enc_encode(s->enc, pcm, p.payload);
        must(len >= 0, "nothing was encoded");
        s->stopped = len == 0;
        if (s->stopped)
                return;
        p.len = (size_t)len;
        p.seq = s->seq++;
        n = line_pass(s->line, now_us, p.len + 60, true, due_us);
        for (unsigned i = 0; i < n; i++) {
                must(s->n_flying < FLYING_MAX, "too many packets under way");
                p.due_us = due_us[i];
                s->flying[s->n_flying++] = p;
        }
}

/* Half to one and a half times the mean. */
static uint64_t some_frames(struct sim *s, uint32_t mean_ms)
{
        uint32_t mean = mean_ms / (FRAME_US / 1000);

        return mean / 2 + rand_u32(&s->rng) % (mean + 1);
}

static void microphone(struct sim *s, uint64_t now_us)
{
        if (s->talk_ms && s->frames >= s->spurt_end) {
                s->silent = s->frames > 0 && !s->silent;
                s->spurt_end = s->frames + some_frames(s, s->silent ? s->pause_ms : s->talk_ms);
        }
        send_frame(s, now_us);
        s->frames++;
}

/* ---- the receiver ---- */

static void receive(struct sim *s, uint64_t until_us)
{
        for (;;) {
                size_t best = 0;

                for (size_t i = 1; i < s->n_flying; i++)
                        if (s->flying[i].due_us < s->flying[best].due_us)
                                best = i;
                if (s->n_flying == 0 || s->flying[best].due_us > until_us)
                        return;
                rx_track_put(s->rx, s->flying[best].seq, s->flying[best].timestamp, s->flying[best].marker,
                             s->flying[best].payload, s->flying[best].len, -1, s->flying[best].due_us);
                s->n_flying--; /* order kept: equal times leave as they came */
                memmove(&s->flying[best], &s->flying[best + 1], (s->n_flying - best) * sizeof(s->flying[0]));
        }
}

static void end_window(struct sim *s, uint64_t now_us)
{
        struct rx_stats st;
        uint64_t emitted;

        if (now_us < s->window_end_us)
                return;
        s->window_end_us += WINDOW_US;
        rx_track_get_stats(s->rx, &st);
        emitted = st.jbuf_emitted - s->at_window.jbuf_emitted;
        if (emitted > 0)
                s->windows[s->n_windows++] =
                        (double)(st.jbuf_delay_us_total - s->at_window.jbuf_delay_us_total) / (double)emitted / 1e3;
        s->at_window = st;
}

static void loudspeaker(struct sim *s)
{
        float frames[QUANTUM];

        (void)pcm_ring_read(s->speaker->ring, frames, QUANTUM);
        (void)rx_track_pump(s->rx, (uint64_t)s->speaker_us);
        s->speaker_us += QUANTUM / 0.048;
}

static void run_until(struct sim *s, uint64_t end_us)
{
        uint64_t mic_us = US_PER_SEC + s->frames * FRAME_US;

        while (mic_us < end_us) {
                if ((double)mic_us <= s->speaker_us) {
                        microphone(s, mic_us);
                        mic_us += FRAME_US;
                        continue;
                }
                receive(s, (uint64_t)s->speaker_us);
                loudspeaker(s);
                end_window(s, (uint64_t)s->speaker_us);
        }
}

/* ---- figures ---- */

static int compare(const void *a, const void *b)
{
        double x = *(const double *)a, y = *(const double *)b;

        return x < y ? -1 : x > y;
}

static double percentile(const struct sim *s, double q)
{
        return s->n_windows ? s->windows[(size_t)((double)(s->n_windows - 1) * q)] : 0;
}

static double mean_stay_ms(const struct rx_stats *from, const struct rx_stats *to)
{
        return (double)(to->jbuf_delay_us_total - from->jbuf_delay_us_total) /
               (double)(to->jbuf_emitted - from->jbuf_emitted) / 1e3;
}

static void print(struct sim *s)
{
        const struct rx_stats *start = &s->at_start, none = { 0 };
        double total, moved;
        struct rx_stats st;

        rx_track_get_stats(s->rx, &st);
        total = (double)(st.samples_total - start->samples_total) / 100;
        moved = (double)(st.samples_inserted + st.samples_removed - start->samples_inserted - start->samples_removed);
        qsort(s->windows, s->n_windows, sizeof(*s->windows), compare);
        printf("{\"added_delay_ms_mean\": %.2f, \"added_delay_ms_p50\": %.2f, \"added_delay_ms_p95\": %.2f, "
               "\"concealed_percent\": %.3f, \"stretched_percent\": %.3f, \"first_second_ms\": %.2f, "
               "\"first_ten_concealed_percent\": %.3f, \"lost\": %" PRIu64 ", \"late\": %" PRIu64 "}\n",
               mean_stay_ms(start, &st), percentile(s, 0.5), percentile(s, 0.95),
               (double)(st.samples_concealed - start->samples_concealed) / total, moved / total,
               mean_stay_ms(&none, &s->at_second),
               (double)start->samples_concealed / (double)start->samples_total * 100,
               st.packets_lost - start->packets_lost, st.packets_late - start->packets_late);
}

static void on_speaking(bool speaking, void *ctx)
{
        (void)speaking;
        (void)ctx;
}

static void read_trace(const char *path, uint64_t seed, struct line **ret)
{
        FILE *f = fopen(path, "re");
        char text[8192];
        unsigned n = 0;

        if (!f || !(text[fread(text, 1, sizeof(text) - 1, f)] = '\0', 1) || line_new(text, seed, ret, &n) < 0) {
                (void)fprintf(stderr, "bench-jitter: %s:%u: not a trace\n", path, n);
                exit(1);
        }
        (void)fclose(f);
}

static struct sim *sim_new(const char *trace, uint64_t seed, unsigned seconds)
{
        struct voice_config config = { .frame_ms = 20, .bitrate = 32000, .complexity = 0, .fec = true };
        struct sim *s = calloc(1, sizeof(*s));

        must(s, "no memory");
        s->windows = calloc(seconds * (US_PER_SEC / WINDOW_US) + 16, sizeof(*s->windows));
        s->tone = (struct tone){ .hz = 440, .amplitude = 0.5, .beat_hz = 3 };
        s->stopped = true;
        s->speaker_us = US_PER_SEC + 1234;
        rand_seed(&s->rng, seed);
        read_trace(trace, seed, &s->line);
        config.dtx = line_talk(s->line, &s->talk_ms, &s->pause_ms);
        must(s->windows && voice_enc_new(&config, &s->enc) == 0 && audio_port_new(RX_RING_FRAMES, &s->speaker) == 0 &&
                     rx_track_new(s->speaker, on_speaking, s, &s->rx) == 0,
             "no memory");
        atomic_store(&s->speaker->quantum, QUANTUM);
        return s;
}

static void sim_free(struct sim *s)
{
        line_free(s->line);
        rx_track_free(s->rx);
        audio_port_unref(s->speaker);
        voice_enc_free(s->enc);
        free(s->windows);
        free(s);
}

int main(int argc, char *argv[])
{
        unsigned seconds = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 300;
        uint64_t seed = argc > 3 ? strtoull(argv[3], NULL, 10) : 1;
        struct sim *s;

        must(argc > 1 && seconds > 0 && seconds < 100000, "bench-jitter TRACE [SECONDS] [SEED]");
        s = sim_new(argv[1], seed, seconds + LEARN_S);
        run_until(s, 2 * US_PER_SEC);
        rx_track_get_stats(s->rx, &s->at_second);
        run_until(s, (1 + LEARN_S) * US_PER_SEC);
        rx_track_get_stats(s->rx, &s->at_start);
        s->at_window = s->at_start;
        s->n_windows = 0;
        s->window_end_us = (1 + LEARN_S) * US_PER_SEC + WINDOW_US;
        run_until(s, (1 + LEARN_S + seconds) * US_PER_SEC);
        print(s);
        sim_free(s);
        return 0;
}
