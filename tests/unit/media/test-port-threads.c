/* The three threads around a port, for real: RT moves frames under the RT guard, the network thread pumps both tracks,
 * control turns the gate and changes what is done to the voice. Meant for TSan; otherwise it shows that the RT side
 * allocates nothing and the books balance.
 */
#include <pthread.h>
#include <sched.h>
#include <sys/eventfd.h>

#include "lib/test.h"
#include "media/track.h"

enum { QUANTUM = 256, PERIODS = 1500 };

struct room {
        struct audio_port *microphone, *speaker;
        struct capture_gate gate;
        struct tx_track *tx;
        struct rx_track *rx;
        uint16_t seq;
        uint64_t now_us, sent;
        atomic_bool done;
        unsigned rt_violations;
};

static void on_send(const struct media_frame *f, void *ctx)
{
        struct room *r = ctx;

        r->sent++;
        rx_track_put(r->rx, r->seq++, f->timestamp, f->marker, f->payload, f->len, f->level_dbov, r->now_us);
}

static void on_speaking(bool speaking, void *ctx)
{
        (void)speaking;
        (void)ctx;
}

/* As a stream's process callback: never waits, never allocates. */
static void process_rt(struct audio_port *p, float *frames, bool capture)
{
        uint32_t n;

        if (!capture)
                n = pcm_ring_read(p->ring, frames, QUANTUM);
        else if (atomic_load(&p->wants_far))
                n = pcm_ring_write_pairs(p->ring, frames, frames, QUANTUM);
        else
                n = pcm_ring_write(p->ring, frames, QUANTUM);
        if (n < QUANTUM && (capture || atomic_load(&p->active)))
                atomic_fetch_add(&p->xruns, QUANTUM - n);
        atomic_fetch_add(&p->frames, n);
        atomic_fetch_add(&p->periods, 1);
        atomic_store(&p->quantum, QUANTUM);
        (void)eventfd_write(p->wake_fd, 1);
}

static void *rt_main(void *arg)
{
        struct room *r = arg;
        float frames[QUANTUM];

        test_rt_enter();
        for (int i = 0; i < PERIODS; i++) {
                for (int k = 0; k < QUANTUM; k++)
                        frames[k] = (float)(k % 64) / 64 - 0.5f;
                process_rt(r->microphone, frames, true);
                process_rt(r->speaker, frames, false);
                sched_yield();
        }
        r->rt_violations = test_rt_leave();
        atomic_store(&r->done, true);
        return NULL;
}

static void *control_main(void *arg)
{
        struct room *r = arg;

        for (unsigned i = 0; !atomic_load(&r->done); i++) {
                capture_gate_set(&r->gate, GATE_UNMUTED, i % 100 != 0);
                if (i % 20 == 0)
                        ASSERT_OK(audio_port_set_processing(
                                r->microphone,
                                &(struct voice_proc_config){ .echo = i % 40, .gain = i % 60, .noise = i / 20 % 5 }));
                atomic_store(&r->speaker->gain, (float)(i % 3));
                ASSERT(atomic_load(&r->speaker->level) >= 0);
                sched_yield();
        }
        return NULL;
}

TEST(three_threads)
{
        static const struct voice_config config = { .frame_ms = 20, .bitrate = 16000 };
        struct room r = { .now_us = 1000000, .gate.conditions = GATE_ALL };
        pthread_t rt, control;
        eventfd_t ticks;
        struct tx_stats tx;
        struct rx_stats rx;

        ASSERT_OK(audio_port_new_capture(8192, &r.microphone));
        ASSERT_OK(audio_port_new(RX_RING_FRAMES, &r.speaker));
        ASSERT_OK(rx_track_new(r.speaker, on_speaking, &r, &r.rx));
        ASSERT_OK(tx_track_new(&config, r.microphone, &r.gate, on_send, on_speaking, &r, &r.tx));
        ASSERT_EQ(pthread_create(&rt, NULL, rt_main, &r), 0);
        ASSERT_EQ(pthread_create(&control, NULL, control_main, &r), 0);
        while (!atomic_load(&r.done)) {
                if (eventfd_read(r.speaker->wake_fd, &ticks) < 0) {
                        sched_yield();
                        continue;
                }
                r.now_us += ticks * 5333;
                tx_track_pump(r.tx, r.now_us);
                rx_track_pump(r.rx, r.now_us);
        }
        pthread_join(rt, NULL);
        pthread_join(control, NULL);
        tx_track_get_stats(r.tx, &tx);
        rx_track_get_stats(r.rx, &rx);
        ASSERT_EQ(r.rt_violations, 0);
        ASSERT_EQ(r.sent, tx.frames_encoded);
        ASSERT_EQ(rx.packets, r.sent);
        ASSERT_LE((tx.frames_encoded + tx.frames_gated) * 960 + r.microphone->xruns, PERIODS * QUANTUM);
        tx_track_free(r.tx);
        rx_track_free(r.rx);
        ASSERT_EQ(r.speaker->refs, 1);
        audio_port_unref(r.microphone);
        audio_port_unref(r.speaker);
}
