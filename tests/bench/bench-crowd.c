/* bench-crowd.c - a room full of people: what receiving them costs.
 *
 *   bench-crowd run    BENCH_MEMBERS receiving ends, of which BENCH_TALKERS talk, for BENCH_SECONDS; BENCH_WAV is what
 * is said
 *
 * Each member has what the daemon gives him: a jitter buffer, a decoder, drift correction, a port. Packets come out of
 * step with each other, and every 256 frames the code of the audio thread reads the ports that do not rest, as
 * PipeWire's thread does. Time is virtual, so a processor that is busy with something else makes no underrun: one is a
 * period for which somebody who talks was not there. What is said is encoded before and not counted; transport is not
 * in it. Prints one JSON object.
 */
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "audio/port-rt.h"
#include "base/loop.h"
#include "lib/test.h"
#include "media/track.h"
#include "media/voice-enc.h"

enum { FRAME = 960, FRAME_US = 20000, QUANTUM = 256, RECORDED = 500, PAYLOAD_MAX = 400, START_US = 1000000 };

struct packet {
        uint8_t payload[PAYLOAD_MAX];
        size_t len;
};

struct member {
        struct audio_port *port;
        struct rx_track *track;
        float gain;
        uint64_t next_us; /* when his next packet comes; LOOP_NEVER: he is silent */
        uint32_t sent;
        unsigned first; /* of the packets, for him */
};

static struct packet said[RECORDED];

static void encode(const char *path)
{
        const struct voice_config config = { 20, 32000, 5, false, false };
        _cleanup_(voice_enc_freep) struct voice_enc *enc = NULL;
        FILE *f = fopen(path, "rb");
        int16_t samples[FRAME];
        float frames[FRAME];

        ASSERT(f && fseek(f, 44, SEEK_SET) == 0);
        ASSERT_OK(voice_enc_new(&config, &enc));
        for (int i = 0; i < RECORDED; i++) {
                uint8_t packet[VOICE_PACKET_MAX];
                int n;

                ASSERT_EQ(fread(samples, sizeof(samples[0]), FRAME, f), FRAME);
                for (int k = 0; k < FRAME; k++)
                        frames[k] = (float)samples[k] / 32768.0f;
                n = voice_enc_encode(enc, frames, packet);
                ASSERT(n > 0 && n <= PAYLOAD_MAX);
                memcpy(said[i].payload, packet, (size_t)n);
                said[i].len = (size_t)n;
        }
        fclose(f);
}

static void on_speaking(bool speaking, void *ctx)
{
        (void)speaking, (void)ctx;
}

static void enter(struct member *m, unsigned number, bool talks)
{
        ASSERT_OK(audio_port_new(RX_RING_FRAMES, &m->port));
        ASSERT_OK(rx_track_new(m->port, on_speaking, m, &m->track));
        ASSERT(audio_port_rest(m->port, 0));
        m->next_us = talks ? START_US + number * 1777 % FRAME_US : LOOP_NEVER;
        m->first = number * 37;
}

static void receive(struct member *m, uint64_t now_us)
{
        while (m->next_us <= now_us) {
                const struct packet *p = &said[(m->first + m->sent) % RECORDED];

                rx_track_put(m->track, (uint16_t)m->sent, m->sent * FRAME, m->sent == 0, p->payload, p->len, -1,
                             m->next_us);
                (void)rx_track_pump(m->track, m->next_us);
                m->sent++;
                m->next_us += FRAME_US;
        }
}

static void play(struct member *m, uint64_t now_us)
{
        float frames[QUANTUM];
        eventfd_t n;

        if (atomic_load(&m->port->resting))
                return;
        port_playback_rt(m->port, &m->gain, frames, QUANTUM);
        (void)eventfd_read(m->port->wake_fd, &n);
        (void)rx_track_pump(m->track, now_us);
}

static double processor_s(void)
{
        struct rusage u;

        ASSERT_EQ(getrusage(RUSAGE_SELF, &u), 0);
        return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
               (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static double resident_mb(void)
{
        FILE *f = fopen("/proc/self/statm", "r");
        long pages = 0;

        ASSERT(f && fscanf(f, "%*d %ld", &pages) == 1);
        fclose(f);
        return (double)pages * (double)sysconf(_SC_PAGESIZE) / (1 << 20);
}

static long number(const char *name)
{
        const char *text = getenv(name);

        return text ? atol(text) : 0;
}

/* For one second of warming up, then for so many more; returns the processor time of these. */
static double pass(struct member *members, long n, long seconds)
{
        uint64_t counted_us = START_US + 1000000, end_us = counted_us + (uint64_t)seconds * 1000000;
        double start_s = 0;

        for (uint64_t k = 0, now_us = START_US; now_us < end_us; k++, now_us = START_US + k * QUANTUM * 125 / 6) {
                if (start_s == 0 && now_us >= counted_us)
                        start_s = processor_s();
                for (long i = 0; i < n; i++) {
                        receive(&members[i], now_us);
                        play(&members[i], now_us);
                }
        }
        return processor_s() - start_s;
}

TEST(run)
{
        long n = number("BENCH_MEMBERS"), talkers = number("BENCH_TALKERS"), seconds = number("BENCH_SECONDS");
        struct member *members = calloc((size_t)n + 1, sizeof(*members));
        uint64_t xruns = 0, concealed = 0, decoded = 0;
        double before_mb, used_s;

        if (n == 0 || !getenv("BENCH_WAV"))
                test_skip("BENCH_MEMBERS, BENCH_TALKERS, BENCH_SECONDS and BENCH_WAV say what to run");
        ASSERT(members && talkers <= n && seconds > 0);
        encode(getenv("BENCH_WAV"));
        before_mb = resident_mb();
        for (long i = 0; i < n; i++)
                enter(&members[i], (unsigned)i, i < talkers);
        used_s = pass(members, n, seconds);
        for (long i = 0; i < n; i++) {
                struct rx_stats s;

                rx_track_get_stats(members[i].track, &s);
                xruns += atomic_load(&members[i].port->xruns);
                concealed += s.samples_concealed;
                decoded += s.frames_decoded;
        }
        ASSERT_GE(decoded, (uint64_t)(talkers * seconds) * 49);
        printf("{\"percent_core\": %.3f, \"rss_mb\": %.2f, \"members_mb\": %.2f, \"underruns\": %llu, \"concealed\": "
               "%llu}\n",
               100 * used_s / (double)seconds, resident_mb(), resident_mb() - before_mb, (unsigned long long)xruns,
               (unsigned long long)concealed);
        for (long i = 0; i < n; i++) {
                rx_track_free(members[i].track);
                audio_port_unref(members[i].port);
        }
        free(members);
}
