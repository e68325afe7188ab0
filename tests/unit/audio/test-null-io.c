/* test-null-io.c - the clock without a device, in virtual time. */
#include <errno.h>

#include "audio/null-io.h"
#include "lib/test.h"
#include "lib/vloop.h"

static const struct audio_stream_params capture = { AUDIO_CAPTURE, "mic", "", "", "", 256 };
static const struct audio_stream_params playback = { AUDIO_PLAYBACK, "ear", "", "", "", 256 };

struct seen {
        unsigned calls;
        bool connected, from_source;
        struct audio_stream **close;
};

static void on_state(bool connected, bool linked_to_source, const char *node_name, uint64_t serial, void *ctx)
{
        struct seen *s = ctx;

        s->calls++;
        s->connected = connected;
        s->from_source = linked_to_source;
        ASSERT_STR(node_name, "");
        ASSERT_EQ(serial, 0);
        if (s->close)
                *s->close = audio_stream_close(*s->close);
}

static const struct audio_stream_events events = { .state = on_state };

TEST(frames_follow_the_clock)
{
        struct loop *loop = vloop_new(12345);
        struct audio_port *in, *out;
        struct audio_stream *mic, *ear;
        struct seen seen_in = { 0 }, seen_out = { 0 };
        struct audio_io *io;
        float tone[4800], silence[4800];

        for (int i = 0; i < 4800; i++)
                tone[i] = 0.5f;
        ASSERT_OK(nullio_new(loop, &io));
        ASSERT_OK(audio_port_new(65536, &in));
        ASSERT_OK(audio_port_new(65536, &out));
        ASSERT_OK(io->ops->open(io, &capture, in, &events, &seen_in, &mic));
        ASSERT_OK(io->ops->open(io, &playback, out, &events, &seen_out, &ear));
        ASSERT_EQ(seen_in.calls, 0);
        ASSERT_EQ(pcm_ring_write(out->ring, tone, 4800), 4800);
        vloop_run_for(loop, 1000000);
        ASSERT_EQ(seen_in.calls, 1);
        ASSERT(seen_in.connected && seen_in.from_source);
        ASSERT(seen_out.connected && !seen_out.from_source);
        ASSERT_GE(in->frames, 48000 - 256);
        ASSERT_LE(in->frames, 48000);
        ASSERT_EQ(out->frames, 4800);
        ASSERT_EQ(pcm_ring_fill(out->ring), 0);
        ASSERT_EQ(pcm_ring_read(in->ring, silence, 4800), 4800);
        for (int i = 0; i < 4800; i++)
                ASSERT_NEAR(silence[i], 0, 0);
        audio_stream_close(mic);
        audio_stream_close(ear);
        vloop_run_for(loop, 100000);
        nullio_free(io);
        audio_port_unref(in);
        audio_port_unref(out);
        vloop_free(loop);
}

TEST(an_event_may_close_its_stream)
{
        struct loop *loop = vloop_new(0);
        struct audio_stream *mic;
        struct audio_port *port;
        struct seen seen = { .close = &mic };
        struct audio_io *io;

        ASSERT_OK(nullio_new(loop, &io));
        ASSERT_OK(audio_port_new(1024, &port));
        ASSERT_OK(io->ops->open(io, &capture, port, &events, &seen, &mic));
        vloop_run_for(loop, 50000);
        ASSERT_EQ(seen.calls, 1);
        ASSERT(!mic);
        ASSERT_EQ(port->frames, 0);
        ASSERT(io->ops->is_available(io));
        nullio_free(io);
        audio_port_unref(port);
        vloop_free(loop);
}

static void count(void *ctx)
{
        ++*(unsigned *)ctx;
}

/* Whoever asks is answered, from the loop and once: there is none. */
TEST(devices_there_are_none)
{
        struct loop *loop = vloop_new(0);
        struct audio_device d[1];
        struct audio_io *io;
        unsigned told = 0;

        ASSERT_OK(nullio_new(loop, &io));
        io->ops->watch(io, count, &told);
        io->ops->refresh(io);
        ASSERT_EQ(told, 0);
        vloop_run_for(loop, 100000);
        ASSERT_EQ(told, 1);
        ASSERT_EQ(io->ops->devices(io, d, 1), 0);
        nullio_free(io);
        vloop_free(loop);
}

TEST_OOM(construction)
{
        struct loop *loop = vloop_new(0);
        struct audio_port *port = NULL;
        struct audio_stream *s = NULL;
        struct audio_io *io = NULL;
        int r = audio_port_new(64, &port);

        if (r >= 0)
                r = nullio_new(loop, &io);
        if (r >= 0)
                r = io->ops->open(io, &capture, port, &events, NULL, &s);
        audio_stream_close(s);
        nullio_free(io);
        audio_port_unref(port);
        vloop_free(loop);
        return r;
}
