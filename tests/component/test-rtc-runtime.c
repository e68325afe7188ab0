/* Component tests of engine/rtc-runtime: two runtimes on real threads talk to each other by libnice over loopback; the
 * test is the signalling between them and the audio graph at both ends, in real time. */
#include <dirent.h>
#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "engine/rtc-runtime.h"
#include "lib/test.h"
#include "lib/vloop.h"

enum {
        QUANTUM = 256,
        TONE_HZ = 1000,
        HEARD_FRAMES = AUDIO_RATE / 5, /* what is looked at: the last 200 ms */
        PEER = 7,
};

struct end {
        struct rtc_runtime *rt;
        struct fixture *f;
        struct end *other;
        uint32_t peer;
        bool connected, failed, described, got_stats, open;
        enum peer_state state;
        unsigned n_first_media, n_events;
        bool own_speech, other_speech, heard_first, told_encryption;
        const char *passphrase; /* of the peers opened from now on */
        enum e2ee_state encryption;
        char first_mid[32];
        char *held_sdp; /* owned: what was not passed on, while `hold` */
        int description_error;
        struct engine_stats stats;
        struct engine_stats_inbound inbound;
        bool data_up, told_all; /* both channels are open; the last of `wanted` messages is here */
        unsigned n_channels, n_data, wanted;
        uint32_t last_number;
        size_t last_len;
};

struct fixture {
        struct loop *control;
        struct net_thread *net;
        struct end a, b; /* a offers and speaks, b answers and listens */
        bool hold;       /* descriptions and candidates stay where they are */
        struct audio_port *capture, *playback;
        struct capture_gate gate;
        double phase;
        float heard[HEARD_FRAMES];
        size_t heard_at;
        uint64_t audio_us; /* time up to which the graph has run */
};

/* ---- the signalling ---- */

static void on_description(uint32_t peer, enum rtc_sdp type, const char *sdp, void *ctx)
{
        struct end *e = ctx;

        ASSERT(e->open);
        ASSERT_EQ(peer, e->peer);
        e->n_events++;
        e->described = true;
        free(e->held_sdp);
        e->held_sdp = strdup(sdp);
        if (e->f->hold)
                return;
        if (type == RTC_OFFER) {
                ASSERT(strstr(sdp, "a=mid:0"));
                ASSERT_OK(rtc_runtime_bind(e->other->rt, e->other->peer, "0", "alice", e->f->playback));
        }
        ASSERT_OK(rtc_runtime_set_remote(e->other->rt, e->other->peer, type, sdp));
}

static void on_candidate(uint32_t peer, const char *mid, uint32_t mline, const char *line, void *ctx)
{
        struct end *e = ctx;

        ASSERT(e->open);
        ASSERT_EQ(peer, e->peer);
        ASSERT_EQ(mline, 0);
        ASSERT(!mid || strcmp(mid, "0") == 0);
        e->n_events++;
        if (!e->f->hold)
                ASSERT_OK(rtc_runtime_add_candidate(e->other->rt, e->other->peer, line));
}

static void on_description_failed(uint32_t peer, enum rtc_sdp type, int err, void *ctx)
{
        struct end *e = ctx;

        (void)type;
        ASSERT_EQ(peer, e->peer);
        ASSERT_LT(err, 0);
        e->n_events++;
        e->description_error = err;
        e->failed = true;
}

static void on_state(uint32_t peer, enum peer_state state, enum peer_reason reason, void *ctx)
{
        struct end *e = ctx;

        (void)reason;
        ASSERT(e->open);
        ASSERT_EQ(peer, e->peer);
        e->n_events++;
        e->state = state;
        e->connected = state == PEER_STATE_CONNECTED;
}

static void on_speaking(uint32_t peer, const char *mid, bool speaking, void *ctx)
{
        struct end *e = ctx;

        ASSERT(e->open);
        ASSERT_EQ(peer, e->peer);
        e->n_events++;
        if (!mid) {
                e->own_speech = speaking;
                return;
        }
        ASSERT_STR(mid, "0");
        e->other_speech = speaking;
}

static void on_first_media(uint32_t peer, const char *mid, void *ctx)
{
        struct end *e = ctx;

        ASSERT_EQ(peer, e->peer);
        e->n_events++;
        e->n_first_media++;
        e->heard_first = true;
        snprintf(e->first_mid, sizeof(e->first_mid), "%s", mid);
}

static void on_encryption(uint32_t peer, const char *mid, enum e2ee_state state, void *ctx)
{
        struct end *e = ctx;

        ASSERT_EQ(peer, e->peer);
        ASSERT_STR(mid, "0");
        e->n_events++;
        e->encryption = state;
        e->told_encryption = true;
}

static void on_stats(uint32_t op, const struct engine_stats *stats, void *ctx)
{
        struct end *e = ctx;

        ASSERT_EQ(op, 99);
        e->stats = *stats;
        if (stats->n_inbound > 0)
                e->inbound = stats->inbound[0];
        e->got_stats = true;
}

static void on_data_open(uint32_t peer, const char *label, void *ctx)
{
        struct end *e = ctx;

        ASSERT(e->open);
        ASSERT_EQ(peer, e->peer);
        ASSERT_STR(label, e->n_channels == 0 ? "_reliable" : "_lossy");
        e->data_up = ++e->n_channels == 2;
}

static void on_data(uint32_t peer, const char *label, const void *data, size_t len, void *ctx)
{
        struct end *e = ctx;

        ASSERT(e->open);
        ASSERT_EQ(peer, e->peer);
        ASSERT_STR(label, "_reliable");
        memcpy(&e->last_number, data, sizeof(e->last_number));
        ASSERT_EQ(e->last_number, e->n_data); /* in order, none missing */
        e->last_len = len;
        e->told_all = ++e->n_data == e->wanted;
}

static const struct rtc_runtime_events events = { 0,        on_description, on_candidate,   on_description_failed,
                                                  on_state, on_speaking,    on_first_media, on_encryption,
                                                  on_stats, on_data_open,   on_data };

static void new_end(struct end *e)
{
        struct rtc_runtime_config config = {
                .control = e->f->control, .net = e->f->net, .rng = &rand_system, .ice_loopback = true
        };

        ASSERT_OK(rtc_runtime_new(&config, &events, e, &e->rt));
}

static void open_peer(struct end *e, bool controlling)
{
        struct rtc_peer_params params = { .controlling = controlling,
                                          .data = true,
                                          .voice = { .frame_ms = 20, .bitrate = 32000, .complexity = 2, .fec = true },
                                          .cname = "cname" };
        _cleanup_(e2ee_keys_unrefp) struct e2ee_keys *keys = NULL;

        e->peer++;
        e->connected = e->described = e->failed = false;
        e->open = true;
        if (e->passphrase)
                ASSERT_OK(e2ee_keys_new(e->passphrase, &keys));
        params.e2ee = keys;
        ASSERT_OK(rtc_runtime_open_peer(e->rt, e->peer, &params));
}

static void close_peer(struct end *e)
{
        ASSERT_OK(rtc_runtime_close_peer(e->rt, e->peer));
        e->open = false;
}

static void setup(struct fixture *f)
{
        *f = (struct fixture){ .control = vloop_new(0), .gate.conditions = GATE_ALL };
        ASSERT_OK(net_thread_new(f->control, &f->net));
        ASSERT_OK(audio_port_new(RX_RING_FRAMES, &f->capture));
        ASSERT_OK(audio_port_new(RX_RING_FRAMES, &f->playback));
        f->a = (struct end){ .f = f, .other = &f->b, .peer = PEER };
        f->b = (struct end){ .f = f, .other = &f->a, .peer = PEER + 1000 };
        new_end(&f->a);
        new_end(&f->b);
}

static void teardown(struct fixture *f)
{
        rtc_runtime_free(f->a.rt);
        rtc_runtime_free(f->b.rt);
        f->a.open = f->b.open = false;
        vloop_turn(f->control); /* events on their way find nobody */
        net_thread_free(f->net);
        vloop_free(f->control);
        audio_port_unref(f->capture);
        audio_port_unref(f->playback);
        free(f->a.held_sdp);
        free(f->b.held_sdp);
}

static void start_call(struct fixture *f)
{
        open_peer(&f->a, true);
        open_peer(&f->b, false);
        ASSERT_OK(rtc_runtime_set_capture(f->a.rt, f->a.peer, f->capture, &f->gate));
        ASSERT_OK(rtc_runtime_create_offer(f->a.rt, f->a.peer, &(const struct rtc_offer){ .send_audio = true }));
}

/* ---- the audio graph ---- */

static void run_period(struct fixture *f)
{
        float frames[QUANTUM];
        uint32_t got;

        for (int i = 0; i < QUANTUM; i++) {
                frames[i] = 0.3f * (float)sin(f->phase);
                f->phase += 2 * M_PI * TONE_HZ / AUDIO_RATE;
        }
        (void)pcm_ring_write(f->capture->ring, frames, QUANTUM);
        got = pcm_ring_read(f->playback->ring, frames, QUANTUM);
        for (uint32_t i = 0; i < QUANTUM; i++)
                f->heard[f->heard_at++ % HEARD_FRAMES] = i < got ? frames[i] : 0;
        atomic_store(&f->capture->quantum, QUANTUM);
        atomic_store(&f->playback->quantum, QUANTUM);
        (void)eventfd_write(f->capture->wake_fd, 1);
        (void)eventfd_write(f->playback->wake_fd, 1);
}

/* Real time passes until *flag (NULL: all of it); the graph runs its periods. */
static bool run(struct fixture *f, const bool *flag, unsigned ms)
{
        uint64_t now = clock_monotonic_us(), end = now + ms * US_PER_MS;

        for (f->audio_us = now; now < end && !(flag && *flag); now = clock_monotonic_us()) {
                for (; f->audio_us <= now; f->audio_us += QUANTUM * US_PER_SEC / AUDIO_RATE)
                        run_period(f);
                vloop_run_for(f->control, 1000);
                usleep(1000);
        }
        return flag && *flag;
}

static void connect_both(struct fixture *f)
{
        start_call(f);
        ASSERT(run(f, &f->a.connected, 3000));
        ASSERT(run(f, &f->b.connected, 3000));
}

/* Amplitude of one frequency in what was heard (Goertzel). */
static double amplitude(const struct fixture *f, double hz)
{
        double w = 2 * M_PI * hz / AUDIO_RATE, s1 = 0, s2 = 0;

        for (size_t i = 0; i < HEARD_FRAMES; i++) {
                double s = (double)f->heard[(f->heard_at + i) % HEARD_FRAMES] + 2 * cos(w) * s1 - s2;

                s2 = s1;
                s1 = s;
        }
        return 2 * sqrt(s1 * s1 + s2 * s2 - 2 * cos(w) * s1 * s2) / HEARD_FRAMES;
}

static double peak(const struct fixture *f)
{
        double most = 0;

        for (size_t i = 0; i < HEARD_FRAMES; i++)
                most = fmax(most, fabs((double)f->heard[i]));
        return most;
}

/* Until most of the last 200 ms was the tone and nothing else. A busy machine may need several tries: at worst 3 s. */
static void wait_for_tone(struct fixture *f)
{
        for (int i = 0; i < 60 && (amplitude(f, TONE_HZ) < 0.15 || amplitude(f, 3150) > 0.02); i++)
                (void)run(f, NULL, 50);
        ASSERT_GE(1000 * amplitude(f, TONE_HZ), 150);
        ASSERT_LE(1000 * amplitude(f, 3150), 20);
}

static void wait_for_silence(struct fixture *f)
{
        for (int i = 0; i < 60 && peak(f) > 0.001; i++)
                (void)run(f, NULL, 50);
        ASSERT_LE(1000 * peak(f), 1);
}

TEST(tone_arrives_and_a_shut_gate_is_silence)
{
        struct fixture f;

        setup(&f);
        connect_both(&f);
        wait_for_tone(&f);
        ASSERT_EQ(f.b.n_first_media, 1);
        ASSERT_STR(f.b.first_mid, "0");
        ASSERT_EQ(f.a.n_first_media, 0);
        ASSERT(f.a.own_speech || run(&f, &f.a.own_speech, 1000));
        ASSERT(f.b.other_speech || run(&f, &f.b.other_speech, 1000));

        capture_gate_set(&f.gate, GATE_UNMUTED, false);
        wait_for_silence(&f);
        (void)run(&f, NULL, 100);
        ASSERT_LE(1000 * peak(&f), 1); /* and so it stays */
        ASSERT(!f.a.own_speech);

        capture_gate_set(&f.gate, GATE_UNMUTED, true);
        wait_for_tone(&f);
        teardown(&f);
}

TEST(encrypted_end_to_end_by_one_key)
{
        struct fixture f;

        setup(&f);
        f.a.passphrase = f.b.passphrase = "secret";
        connect_both(&f);
        wait_for_tone(&f);
        ASSERT(f.b.told_encryption || run(&f, &f.b.told_encryption, 1000));
        ASSERT_EQ(f.b.encryption, E2EE_OK);
        teardown(&f);
}

TEST(encrypted_by_another_key_it_is_silence)
{
        struct fixture f;

        setup(&f);
        f.a.passphrase = "secret";
        f.b.passphrase = "another";
        connect_both(&f);
        ASSERT(f.b.told_encryption || run(&f, &f.b.told_encryption, 3000));
        ASSERT_EQ(f.b.encryption, E2EE_WRONG_KEY);
        ASSERT_LE(1000 * peak(&f), 1);
        ASSERT(!f.b.other_speech);
        teardown(&f);
}

TEST(data_goes_both_ways_and_is_bounded)
{
        static const struct rtc_offer sound_and_data = { .send_audio = true, .data = true };
        static uint8_t bytes[RTC_DATA_MAX];
        struct fixture f;
        int r = 0;

        setup(&f);
        open_peer(&f.a, true);
        open_peer(&f.b, false);
        ASSERT_OK(rtc_runtime_open_channel(f.a.rt, f.a.peer, "_reliable", true));
        ASSERT_OK(rtc_runtime_open_channel(f.a.rt, f.a.peer, "_lossy", false));
        for (uint32_t i = 0; i < 10000; i++) { /* before it is up */
                memcpy(bytes, &i, sizeof(i));
                r = rtc_runtime_send_data(f.a.rt, f.a.peer, "_reliable", bytes, sizeof(bytes));
                if (r < 0)
                        break;
                f.b.wanted = i + 1;
        }
        ASSERT_EQ(r, -EAGAIN);
        ASSERT_GT(f.b.wanted, 10);
        ASSERT_OK(rtc_runtime_create_offer(f.a.rt, f.a.peer, &sound_and_data));
        ASSERT(run(&f, &f.a.data_up, 5000));
        ASSERT(run(&f, &f.b.data_up, 5000));
        ASSERT(run(&f, &f.b.told_all, 20000));
        ASSERT_EQ(f.b.last_len, sizeof(bytes));
        for (f.b.told_all = false; !f.b.told_all; (void)run(&f, &f.b.told_all, 100)) { /* there is room again, soon */
                f.b.wanted = f.b.n_data + 1;
                memcpy(bytes, &f.b.n_data, sizeof(uint32_t));
                r = rtc_runtime_send_data(f.a.rt, f.a.peer, "_reliable", bytes, 4);
                ASSERT(r == 0 || r == -EAGAIN);
                if (r == 0)
                        ASSERT(run(&f, &f.b.told_all, 10000));
        }
        f.a.wanted = 1;
        memset(bytes, 0, sizeof(bytes));
        ASSERT_OK(rtc_runtime_send_data(f.b.rt, f.b.peer, "_reliable", bytes, 5));
        ASSERT(run(&f, &f.a.told_all, 10000));
        ASSERT_EQ(f.a.last_len, 5);
        teardown(&f);
}

TEST(stats_tell_who_and_how_much)
{
        struct fixture f;

        setup(&f);
        connect_both(&f);
        wait_for_tone(&f);
        ASSERT_OK(rtc_runtime_get_stats(f.a.rt, 99));
        ASSERT_OK(rtc_runtime_get_stats(f.b.rt, 99));
        ASSERT(run(&f, &f.a.got_stats, 1000));
        ASSERT(run(&f, &f.b.got_stats, 1000));
        ASSERT_GE(f.a.stats.tx.frames_encoded, 5);
        ASSERT_GE(f.a.stats.outbound.packets_sent, 5);
        ASSERT(*f.a.stats.outbound.srtp_cipher);
        ASSERT(*f.a.stats.outbound.dtls_role);
        ASSERT(*f.a.stats.outbound.local_candidate);
        ASSERT_EQ(f.a.stats.n_inbound, 0);
        ASSERT_EQ(f.b.stats.n_inbound, 1);
        ASSERT_STR(f.b.inbound.user_id, "alice");
        ASSERT_EQ(f.b.inbound.ssrc, f.a.stats.outbound.ssrc);
        ASSERT_GE(f.b.inbound.rx.packets, 5);
        ASSERT_GE(f.b.stats.inbound_transport.packets_received, 5);
        ASSERT_EQ(f.b.stats.inbound_transport.srtp_errors, 0);
        teardown(&f);
}

TEST(port_taken_away_and_lent_again)
{
        struct fixture f;

        setup(&f);
        connect_both(&f);
        wait_for_tone(&f);
        ASSERT_OK(rtc_runtime_bind(f.b.rt, f.b.peer, "0", "alice", NULL));
        wait_for_silence(&f);
        ASSERT(f.b.other_speech); /* still watched */
        ASSERT_OK(rtc_runtime_bind(f.b.rt, f.b.peer, "0", "alice", f.playback));
        wait_for_tone(&f);
        ASSERT_EQ(f.b.n_first_media, 1);

        ASSERT_OK(rtc_runtime_set_capture(f.a.rt, f.a.peer, NULL, NULL));
        wait_for_silence(&f);
        ASSERT(!f.a.own_speech);
        teardown(&f);
}

TEST(section_bound_to_somebody_else_begins_anew)
{
        struct fixture f;

        setup(&f);
        connect_both(&f);
        ASSERT(f.b.heard_first || run(&f, &f.b.heard_first, 2000));
        f.b.heard_first = false;
        ASSERT_OK(rtc_runtime_bind(f.b.rt, f.b.peer, "0", "carol", f.playback));
        ASSERT(run(&f, &f.b.heard_first, 2000));
        ASSERT_EQ(f.b.n_first_media, 2);
        ASSERT_OK(rtc_runtime_unbind(f.b.rt, f.b.peer, "0"));
        f.b.n_events = 0;
        (void)run(&f, NULL, 100);
        ASSERT_EQ(f.b.n_events, 0); /* also none that was on its way */
        ASSERT_OK(rtc_runtime_get_stats(f.b.rt, 99));
        ASSERT(run(&f, &f.b.got_stats, 1000));
        ASSERT_EQ(f.b.stats.n_inbound, 0);
        teardown(&f);
}

TEST(unusable_descriptions_leave_the_peer_as_it_was)
{
        struct fixture f;

        setup(&f);
        open_peer(&f.b, false);
        ASSERT_OK(rtc_runtime_set_remote(f.b.rt, f.b.peer, RTC_OFFER, "v=0\r\nnonsense"));
        ASSERT(run(&f, &f.b.failed, 1000));
        f.b.failed = false;
        ASSERT_OK(rtc_runtime_set_remote(f.b.rt, f.b.peer, RTC_ANSWER, "v=0\r\n")); /* to no offer */
        ASSERT(run(&f, &f.b.failed, 1000));
        ASSERT_OK(rtc_runtime_add_candidate(f.b.rt, f.b.peer, "candidate:garbage"));
        open_peer(&f.a, true);
        ASSERT_OK(rtc_runtime_create_offer(f.a.rt, f.a.peer, &(const struct rtc_offer){ .send_audio = true }));
        ASSERT(run(&f, &f.b.connected, 3000));
        teardown(&f);
}

TEST(commands_about_unknown_peers_are_ignored)
{
        struct fixture f;

        setup(&f);
        ASSERT_OK(rtc_runtime_create_offer(f.a.rt, 1, &(const struct rtc_offer){ .send_audio = true }));
        ASSERT_OK(rtc_runtime_set_remote(f.a.rt, 1, RTC_OFFER, ""));
        ASSERT_OK(rtc_runtime_add_candidate(f.a.rt, 1, NULL));
        ASSERT_OK(rtc_runtime_set_capture(f.a.rt, 1, f.capture, &f.gate));
        ASSERT_OK(rtc_runtime_bind(f.a.rt, 1, "0", "bob", f.playback));
        ASSERT_OK(rtc_runtime_unbind(f.a.rt, 1, "0"));
        ASSERT_OK(rtc_runtime_close_peer(f.a.rt, 1));
        ASSERT_OK(rtc_runtime_get_stats(f.a.rt, 99));
        ASSERT(run(&f, &f.a.got_stats, 1000));
        ASSERT_EQ(f.a.n_events, 0);
        teardown(&f);
}

/* Closes a at the given moment of a call; the events assert that none of a closed peer arrives. */
static void close_after(struct fixture *f, unsigned phase)
{
        f->hold = phase == 1;
        start_call(f);
        switch (phase) {
        case 0: break;                                        /* before the thread has seen anything */
        case 1: ASSERT(run(f, &f->a.described, 1000)); break; /* offered */
        case 2: ASSERT(run(f, &f->b.described, 1000)); break; /* answered: ICE begins */
        case 3: ASSERT(run(f, &f->a.connected, 3000)); break;
        default: (void)run(f, NULL, 2 * (phase - 3)); break; /* in the middle of ICE and DTLS */
        }
        close_peer(&f->a);
        (void)run(f, NULL, 20);
        close_peer(&f->b);
        f->hold = false;
}

TEST(close_in_every_phase)
{
        struct fixture f;

        setup(&f);
        for (unsigned phase = 0; phase < 12; phase++)
                close_after(&f, phase);
        connect_both(&f); /* and it works as before */
        teardown(&f);
}

TEST(free_in_the_middle_of_everything)
{
        for (unsigned ms = 0; ms < 30; ms += 5) {
                struct fixture f;

                setup(&f);
                start_call(&f);
                (void)run(&f, NULL, ms);
                teardown(&f);
        }
}

static unsigned count_descriptors(void)
{
        DIR *d = opendir("/proc/self/fd");
        unsigned n = 0;

        ASSERT(d);
        while (readdir(d))
                n++;
        closedir(d);
        return n;
}

TEST(fifty_peers_later_nothing_is_left)
{
        struct fixture f;
        unsigned before = 0;

        setup(&f);
        for (unsigned i = 0; i < 50; i++) {
                start_call(&f);
                if (i % 10 == 0)
                        ASSERT(run(&f, &f.b.connected, 3000));
                close_peer(&f.a);
                close_peer(&f.b);
                f.a.got_stats = false;
                ASSERT_OK(rtc_runtime_get_stats(f.b.rt, 99)); /* the closing before it is done */
                ASSERT(run(&f, &f.a.got_stats, 0) || run(&f, &f.b.got_stats, 1000));
                f.b.got_stats = false;
                if (i == 10)
                        before = count_descriptors();
        }
        ASSERT_LE(count_descriptors(), before);
        teardown(&f);
}

TEST_OOM(new_fails_cleanly)
{
        struct loop *l = vloop_new(0);
        struct rtc_runtime_config config = { .control = l, .rng = &rand_system };
        struct rtc_runtime *rt = NULL;
        int r;

        if (!l)
                return -ENOMEM;
        r = net_thread_new(l, &config.net);
        if (r >= 0)
                r = rtc_runtime_new(&config, &events, &(struct end){ 0 }, &rt);
        rtc_runtime_free(rt);
        net_thread_free(config.net);
        vloop_free(l);
        return r;
}
