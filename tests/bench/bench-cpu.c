/* bench-cpu.c - one 20 ms frame up and one down, for callgrind: the daemon's own path, and the floor beneath it.
 *
 *   bench-cpu path     capture port → gate → Opus → RTP → SRTP → (box) → SRTP → RTP → jitter buffer → Opus → playback
 *                      port
 *   bench-cpu copies   the same with the two frames before in each packet (RFC 2198)
 *   bench-cpu encrypted  the path, encrypted end to end
 *   bench-cpu floor    libopus and libsrtp2 alone, same settings
 *
 * BENCH_FRAMES and BENCH_WAV in the environment say how many frames of which file.
 * Time is virtual, the network is a box in memory, so that the same input takes the same instructions. Run it under
 * `valgrind --tool=callgrind` with two numbers of frames: the difference is what frames cost (set-up cancels out).
 * Prints the frames that came out, so that nobody measures a path that is broken.
 */
#include <opus/opus.h>
#include <srtp2/srtp.h>
#include <unistd.h>

#include "fakes/fake-ice.h"
#include "lib/test.h"
#include "lib/vloop.h"
#include "media/track.h"
#include "transport/dtls.h"
#include "transport/peer.h"

enum { FRAME = 960, QUANTUM = 240, BITRATE = 32000, COMPLEXITY = 5 };

static float *speech; /* of the WAV file, repeated */
static size_t n_speech, at_speech;

static void read_speech(const char *path)
{
        FILE *f = fopen(path, "rb");
        int16_t s;

        ASSERT(f && fseek(f, 44, SEEK_SET) == 0);
        speech = malloc(sizeof(float) * 48000 * 60);
        ASSERT(speech);
        while (n_speech < 48000 * 60 && fread(&s, 2, 1, f) == 1)
                speech[n_speech++] = (float)s / 32768.0f;
        fclose(f);
        ASSERT_GT(n_speech, FRAME);
}

static const float *next_speech(size_t n)
{
        const float *p;

        if (at_speech + n > n_speech)
                at_speech = 0;
        p = speech + at_speech;
        at_speech += n;
        return p;
}

/* ---- the daemon's path ---- */

struct bench {
        struct loop *loop;
        struct peer *sender, *receiver;
        struct rx_track *rx;
        bool connected, copies;
};

static void on_frame(const struct media_frame *f, void *ctx)
{
        struct bench *b = ctx;
        struct media_packet m = { f->payload, f->len, f->timestamp, f->marker, f->voice, f->level_dbov };

        for (; m.n_copies < f->n_copies; m.n_copies++)
                m.copies[m.n_copies] =
                        (struct media_packet_copy){ f->copies[m.n_copies].payload, f->copies[m.n_copies].len,
                                                    f->copies[m.n_copies].timestamp };
        ASSERT_OK(peer_send(b->sender, &m, loop_now_us(b->loop)));
}

static void on_speaking(bool speaking, void *ctx)
{
        (void)speaking, (void)ctx;
}

static void on_state(enum peer_state state, enum peer_reason reason, void *ctx)
{
        (void)reason;
        ((struct bench *)ctx)->connected = state == PEER_STATE_CONNECTED;
}

static void on_candidate(const char *mid, uint32_t mline, const char *line, void *ctx)
{
        struct bench *b = ctx;

        (void)mid, (void)mline;
        (void)peer_add_remote_candidate(b->sender, line);
        (void)peer_add_remote_candidate(b->receiver, line);
}

static void on_packet(const struct peer_packet *p, void *ctx)
{
        struct bench *b = ctx;

        if (p->copy)
                rx_track_put_copy(b->rx, p->seq, p->timestamp, p->payload, p->len, p->arrival_us);
        else
                rx_track_put(b->rx, p->seq, p->timestamp, p->marker, p->payload, p->len, p->level_dbov, p->arrival_us);
}

static void on_bye(const char *mid, void *ctx)
{
        (void)mid, (void)ctx;
}

static void on_report(const struct rtcp_path_report *r, void *ctx)
{
        (void)r, (void)ctx;
}

static void connect_peers(struct bench *b, struct fake_ice_box *box, struct dtls_identity *id, struct rng *rng)
{
        static const struct peer_events ev = { 0, on_state, on_candidate, on_packet, on_bye, on_report };
        struct peer_config c = { .loop = b->loop,
                                 .ice = fake_ice_box_provider(box),
                                 .ice_config = { .controlling = true },
                                 .identity = id,
                                 .rng = rng,
                                 .cname = "bench",
                                 .dtx = false,
                                 .fec = true,
                                 .red = b->copies };
        char *offer = NULL, *answer = NULL;

        ASSERT_OK(peer_new(&c, &ev, b, &b->sender));
        c.ice_config.controlling = false;
        ASSERT_OK(peer_new(&c, &ev, b, &b->receiver));
        ASSERT_OK(peer_create_offer(b->sender, &(const struct peer_offer){ .send_audio = true }, &offer));
        ASSERT_OK(peer_set_remote_offer(b->receiver, offer, &answer));
        if (b->copies) /* as a server that would rather have them */
                memcpy(strstr(answer, " 111 63\r\n"), " 63 111", 7);
        ASSERT_OK(peer_set_remote_answer(b->sender, answer));
        free(offer);
        free(answer);
        for (int i = 0; i < 100 && !b->connected; i++)
                vloop_run_for(b->loop, 10000);
        ASSERT(b->connected);
}

static uint64_t run_between(long frames, bool copies, struct e2ee_keys *keys)
{
        const struct voice_config voice = { 20, BITRATE, COMPLEXITY, false, true };
        struct capture_gate gate = { GATE_ALL };
        struct bench b = { .loop = vloop_new(1000000), .copies = copies };
        struct fake_ice_box *box = fake_ice_box_new(b.loop, 1);
        struct audio_port *in, *out;
        struct dtls_identity *id;
        struct tx_track *tx;
        struct rx_stats stats;
        float heard[QUANTUM];
        struct rng rng;

        rand_seed(&rng, 1);
        ASSERT_OK(dtls_identity_new(&id));
        ASSERT_OK(audio_port_new(4096, &in));
        ASSERT_OK(audio_port_new(4096, &out));
        in->quantum = out->quantum = QUANTUM;
        ASSERT_OK(tx_track_new(&voice, in, &gate, on_frame, on_speaking, &b, &tx));
        ASSERT_OK(rx_track_new(out, on_speaking, &b, &b.rx));
        if (keys) {
                ASSERT_OK(tx_track_encrypt(tx, keys));
                ASSERT_OK(rx_track_decrypt(b.rx, keys, NULL));
        }
        connect_peers(&b, box, id, &rng);
        tx_track_set_format(tx, false, !copies, copies); /* at a loss of 10 % Opus' own copies would cost more */
        tx_track_report(tx, &(struct adapt_report){ .loss_percent = copies ? 10 : 0 });
        for (long period = 0; period < frames * (FRAME / QUANTUM); period++) {
                pcm_ring_write(in->ring, next_speech(QUANTUM), QUANTUM);
                (void)tx_track_pump(tx, loop_now_us(b.loop));
                vloop_run_for(b.loop, 5000);
                (void)pcm_ring_read(out->ring, heard, QUANTUM);
                (void)rx_track_pump(b.rx, loop_now_us(b.loop));
        }
        rx_track_get_stats(b.rx, &stats);
        tx_track_free(tx);
        rx_track_free(b.rx);
        peer_free(b.sender);
        peer_free(b.receiver);
        fake_ice_box_free(box);
        dtls_identity_free(id);
        audio_port_unref(in);
        audio_port_unref(out);
        vloop_free(b.loop);
        return stats.frames_decoded;
}

static uint64_t run_path(long frames)
{
        return run_between(frames, false, NULL);
}

static uint64_t run_copies(long frames)
{
        return run_between(frames, true, NULL);
}

static uint64_t run_encrypted(long frames)
{
        struct e2ee_keys *keys;
        uint64_t n;

        ASSERT_OK(e2ee_keys_new("a passphrase", &keys));
        while (e2ee_keys_known(keys) < 2) /* all that are made unasked: how long that takes is not measured here */
                usleep(1000);
        n = run_between(frames, false, keys);
        e2ee_keys_unref(keys);
        return n;
}

/* ---- the floor ---- */

static srtp_t make_srtp(srtp_ssrc_type_t direction)
{
        static unsigned char key[SRTP_MAX_KEY_LEN];
        srtp_policy_t policy;
        srtp_t s;

        memset(&policy, 0, sizeof(policy));
        srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtp);
        srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtcp);
        policy.ssrc.type = direction;
        policy.key = key;
        policy.window_size = 128;
        ASSERT_EQ(srtp_create(&s, &policy), srtp_err_status_ok);
        return s;
}

static uint64_t run_floor(long frames)
{
        OpusEncoder *enc = opus_encoder_create(48000, 1, OPUS_APPLICATION_VOIP, NULL);
        OpusDecoder *dec = opus_decoder_create(48000, 1, NULL);
        _Alignas(4) unsigned char packet[1500] = { 0x80, 111 };
        float heard[5760];
        srtp_t tx, rx;

        ASSERT_EQ(srtp_init(), srtp_err_status_ok);
        tx = make_srtp(ssrc_any_outbound);
        rx = make_srtp(ssrc_any_inbound);
        opus_encoder_ctl(enc, OPUS_SET_BITRATE(BITRATE));
        opus_encoder_ctl(enc, OPUS_SET_COMPLEXITY(COMPLEXITY));
        opus_encoder_ctl(enc, OPUS_SET_INBAND_FEC(1));
        for (long i = 0; i < frames; i++) {
                int len = opus_encode_float(enc, next_speech(FRAME), FRAME, packet + 12, 1000) + 12;

                packet[2] = (unsigned char)(i >> 8);
                packet[3] = (unsigned char)i;
                ASSERT_EQ(srtp_protect(tx, packet, &len), srtp_err_status_ok);
                ASSERT_EQ(srtp_unprotect(rx, packet, &len), srtp_err_status_ok);
                ASSERT_EQ(opus_decode_float(dec, packet + 12, len - 12, heard, 5760, 0), FRAME);
        }
        srtp_dealloc(tx);
        srtp_dealloc(rx);
        opus_encoder_destroy(enc);
        opus_decoder_destroy(dec);
        return (uint64_t)frames;
}

static void measure(uint64_t (*run)(long frames))
{
        const char *frames = getenv("BENCH_FRAMES"), *wav = getenv("BENCH_WAV");

        if (!frames || !wav)
                test_skip("BENCH_FRAMES and BENCH_WAV say what to run on");
        read_speech(wav);
        printf("{\"frames_decoded\": %llu}\n", (unsigned long long)run(atol(frames)));
        free(speech);
}

TEST(path)
{
        measure(run_path);
}

TEST(copies)
{
        measure(run_copies);
}

TEST(encrypted)
{
        measure(run_encrypted);
}

TEST(floor)
{
        measure(run_floor);
}
