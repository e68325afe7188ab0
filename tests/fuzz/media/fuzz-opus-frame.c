/* fuzz-opus-frame - a hostile sender: any payloads, jumps of sequence number, RTP time and arrival, against a track
 * that is played all the while. Records of the input: flags, seq step (2), timestamp step (4), level, length, payload.
 */
#include <stdlib.h>

#include "base/buf.h"
#include "media/track.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct session {
        struct audio_port *port;
        struct rx_track *track;
        uint16_t seq;
        uint32_t timestamp;
        uint64_t now_us;
};

static void on_speaking(bool speaking, void *ctx)
{
        (void)speaking;
        (void)ctx;
}

static void play(struct session *s, unsigned periods)
{
        float frames[256] = { 0 };

        for (unsigned i = 0; i < periods; i++) {
                s->now_us += 5333;
                (void)pcm_ring_read(s->port->ring, frames, 256);
                if (rx_track_pump(s->track, s->now_us) < s->now_us)
                        abort(); /* asks to be called in the past */
                for (int k = 0; k < 256; k++)
                        if (!(frames[k] > -3 && frames[k] < 3))
                                abort();
        }
}

static void one_packet(struct session *s, struct rbuf *b)
{
        uint8_t flags = rbuf_u8(b), level, len;
        const uint8_t *payload;

        s->seq = (uint16_t)(s->seq + (flags & 1 ? rbuf_be16(b) : 1));
        s->timestamp += flags & 2 ? rbuf_be32(b) : 960;
        level = rbuf_u8(b);
        len = rbuf_u8(b);
        if (len > rbuf_left(b))
                len = (uint8_t)rbuf_left(b);
        payload = rbuf_bytes(b, len);
        if (!payload)
                return;
        rx_track_put(s->track, s->seq, s->timestamp, flags & 4, payload, len, flags & 8 ? level : -1, s->now_us);
        if (flags & 16)
                s->now_us += (uint64_t)level * 100000;
        if (flags & 32)
                rx_track_set_port(s->track, NULL);
        rx_track_set_port(s->track, s->port);
        play(s, flags & 64 ? 4 : flags & 128 ? 8 : 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct session s = { .now_us = 1000000 };
        struct rbuf b = rbuf_init(data, size);
        struct rx_stats stats;

        if (size > 4096 || audio_port_new(RX_RING_FRAMES, &s.port) < 0)
                return 0;
        atomic_store(&s.port->quantum, 256);
        if (rx_track_new(s.port, on_speaking, NULL, &s.track) < 0)
                abort();
        while (rbuf_left(&b) > 0 && b.ok)
                one_packet(&s, &b);
        play(&s, 16);
        rx_track_get_stats(s.track, &stats);
        if (stats.samples_concealed > stats.samples_total || stats.jbuf_emitted > stats.packets * 5760)
                abort();
        rx_track_free(s.track);
        audio_port_unref(s.port);
        return 0;
}
