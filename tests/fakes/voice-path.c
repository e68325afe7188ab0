/* voice-path.c - see voice-path.h. */
#include "fakes/voice-path.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/test.h"
#include "wire/red.h"

/* As transport does it, where copies come before the frame they go with. */
static void wrap(const struct media_frame *f, struct netsim_packet *ret)
{
        struct red_block blocks[REDUNDANCY_MAX + 1];
        int n;

        for (size_t i = 0; i < f->n_copies; i++)
                blocks[i] = (struct red_block){ 111, (uint16_t)(f->timestamp - f->copies[i].timestamp),
                                                f->copies[i].payload, f->copies[i].len };
        blocks[f->n_copies] = (struct red_block){ 111, 0, f->payload, f->len };
        n = red_build(blocks, f->n_copies + 1, ret->payload, sizeof(ret->payload));
        ASSERT_GT(n, 0);
        ret->len = (size_t)n;
}

static void unwrap(struct rx_track *rx, const struct netsim_packet *p)
{
        struct red_block blocks[RED_BLOCKS_MAX];
        int n = red_parse(p->payload, p->len, blocks);

        ASSERT_GT(n, 0);
        for (int i = 0; i < n - 1; i++)
                rx_track_put_copy(rx, (uint16_t)(p->seq - (n - 1 - i)), p->timestamp - blocks[i].offset,
                                  blocks[i].data, blocks[i].len, p->due_us);
        rx_track_put(rx, p->seq, p->timestamp, p->marker, blocks[n - 1].data, blocks[n - 1].len, p->level_dbov,
                     p->due_us);
}

static void on_send(const struct media_frame *f, void *ctx)
{
        struct path *p = ctx;
        struct netsim_packet packet = { .seq = p->seq++,
                                        .timestamp = f->timestamp,
                                        .marker = f->marker,
                                        .level_dbov = p->no_level ? -1 : f->level_dbov,
                                        .len = f->len };

        ASSERT_LE(f->len, NETSIM_PAYLOAD_MAX);
        if (p->red)
                wrap(f, &packet);
        else
                memcpy(packet.payload, f->payload, f->len);
        netsim_send(p->net, &packet, (uint64_t)p->mic_us);
        p->sent++;
}

static void on_local_speaking(bool speaking, void *ctx)
{
        (void)speaking;
        (void)ctx;
}

void path_on_speaking(bool speaking, void *ctx)
{
        struct path *p = ctx;

        p->started += speaking;
        p->stopped += !speaking;
}

void path_on_encryption(enum e2ee_state state, void *ctx)
{
        struct path *p = ctx;

        p->encryption = state;
        p->encryption_changes++;
}

struct path *path_new(const struct netsim_config *net, const struct voice_config *c)
{
        struct path *p = calloc(1, sizeof(*p));

        ASSERT(p);
        p->net = netsim_new(net);
        p->gate.conditions = GATE_ALL;
        p->tone = (struct tone){ .hz = 440, .amplitude = 0.5 };
        p->seq = 65500;
        p->mic_us = 1e6;
        p->speaker_us = 1e6 + 1234;
        ASSERT_OK(audio_port_new(8192, &p->microphone));
        ASSERT_OK(audio_port_new(RX_RING_FRAMES, &p->speaker));
        atomic_store(&p->microphone->quantum, PATH_QUANTUM);
        atomic_store(&p->speaker->quantum, PATH_QUANTUM);
        ASSERT_OK(tx_track_new(c, p->microphone, &p->gate, on_send, on_local_speaking, p, &p->tx));
        ASSERT_OK(rx_track_new(p->speaker, path_on_speaking, p, &p->rx));
        return p;
}

struct path *path_free(struct path *p)
{
        tx_track_free(p->tx);
        rx_track_free(p->rx);
        audio_port_unref(p->microphone);
        audio_port_unref(p->speaker);
        netsim_free(p->net);
        free(p);
        return NULL;
}
void path_microphone(struct path *p)
{
        float frames[PATH_QUANTUM] = { 0 };

        if (!p->mute)
                tone_fill(&p->tone, frames, PATH_QUANTUM);
        pcm_ring_write(p->microphone->ring, frames, PATH_QUANTUM);
        tx_track_pump(p->tx, (uint64_t)p->mic_us);
        p->mic_us += PATH_QUANTUM / 0.048;
}

void path_speaker(struct path *p)
{
        float frames[2 + PATH_QUANTUM] = { 0 };
        uint32_t n;

        if (atomic_load(&p->speaker->resting)) {
                p->speaker_us += PATH_QUANTUM / 0.048;
                return;
        }
        test_rt_enter();
        n = pcm_ring_read(p->speaker->ring, frames + 2, PATH_QUANTUM);
        if (n < PATH_QUANTUM && atomic_load(&p->speaker->active))
                p->underruns++;
        ASSERT_EQ(test_rt_leave(), 0);
        frames[0] = p->heard[(p->at + 48000 - 2) % 48000];
        frames[1] = p->heard[(p->at + 48000 - 1) % 48000];
        if (p->listen)
                p->roughness = fmax(p->roughness, tone_roughness(frames, PATH_QUANTUM + 2));
        for (unsigned i = 0; i < PATH_QUANTUM; i++, p->at = (p->at + 1) % 48000)
                p->heard[p->at] = frames[2 + i];
        ASSERT(rx_track_pump(p->rx, (uint64_t)p->speaker_us) >= (uint64_t)p->speaker_us);
        p->speaker_us += PATH_QUANTUM / 0.048 / (1 + p->skew_ppm / 1e6);
}

void path_receive(struct path *p)
{
        struct netsim_packet n;

        while (netsim_receive(p->net, (uint64_t)p->speaker_us, &n)) {
                if (p->red)
                        unwrap(p->rx, &n);
                else
                        rx_track_put(p->rx, n.seq, n.timestamp, n.marker, n.payload, n.len, n.level_dbov, n.due_us);
                if (atomic_load(&p->speaker->resting))
                        (void)rx_track_pump(p->rx, (uint64_t)p->speaker_us);
        }
}

void path_run(struct path *p, double seconds)
{
        double end_us = p->mic_us + seconds * 1e6;

        while (p->mic_us < end_us) {
                if (p->mic_us <= p->speaker_us) {
                        path_microphone(p);
                        continue;
                }
                path_receive(p);
                path_speaker(p);
        }
}

double path_tone(const struct path *p, double hz)
{
        double sum = 0;

        for (unsigned i = 0; i < 48000; i += 2400)
                sum += tone_find(p->heard + i, 2400, hz);
        return sum / 20;
}

double path_stay_ms(struct path *p, struct rx_stats *last)
{
        struct rx_stats s;
        double ms;

        rx_track_get_stats(p->rx, &s);
        ms = (double)(s.jbuf_delay_us_total - last->jbuf_delay_us_total) /
             (double)(s.jbuf_emitted - last->jbuf_emitted) / 1000;
        *last = s;
        return ms;
}
