/* fuzz-peer-input.c - datagrams into a peer. Each: one byte of kind, two of length, the bytes.
 *
 *   kind 0, 1   as they are, into a peer that is connected (0) or connecting (1)
 *   kind 2, 3   RTP (2) or RTCP (3) that the other side really encrypted, into the connected one
 *
 * The connected pair lives as long as the process: making one takes a DTLS handshake. Nothing but an authentic alert
 * may end it.
 */
#include <stdlib.h>
#include <string.h>

#include "fakes/fake-ice.h"
#include "fakes/fake-wallclock.h"
#include "lib/test.h"
#include "lib/vloop.h"
#include "transport/peer-internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

_Noreturn void test_fail(const char *file, int line, const char *fmt, ...)
{
        (void)file;
        (void)line;
        (void)fmt;
        abort();
}

static void on_state(enum peer_state state, enum peer_reason reason, void *ctx)
{
        (void)state;
        (void)reason;
        (void)ctx;
}

static void on_candidate(const char *mid, uint32_t mline, const char *line, void *ctx)
{
        struct peer **other = ctx;

        (void)mid;
        (void)mline;
        if (*other)
                (void)peer_add_remote_candidate(*other, line);
}

static void on_packet(const struct peer_packet *p, void *ctx)
{
        (void)ctx;
        if (p->len == 0 || !p->mid[0])
                abort();
}

static void on_bye(const char *mid, void *ctx)
{
        (void)mid;
        (void)ctx;
}

static void on_report(const struct rtcp_path_report *r, void *ctx)
{
        (void)ctx;
        if (r->loss_percent > 100 || r->burst < 0 || r->burst > 65536)
                abort();
}

static const struct peer_events events = {
        .state = on_state, .candidate = on_candidate, .packet = on_packet, .bye = on_bye, .report = on_report
};

static struct rig {
        struct loop *loop;
        struct fake_ice_box *box;
        struct dtls_identity *id;
        struct rng rng;
        struct peer *a, *b; /* connected; input goes to b, agent 1 */
} rig;

static struct peer *open_peer(struct fake_ice_box *box, struct peer **other)
{
        const struct peer_config config = { .loop = rig.loop,
                                            .ice = fake_ice_box_provider(box),
                                            .identity = rig.id,
                                            .rng = &rig.rng,
                                            .cname = "fuzz" };
        struct peer *p;

        if (peer_new(&config, &events, other, &p) < 0)
                abort();
        return p;
}

static void introduce(struct peer *a, struct peer *b)
{
        char *offer, *answer;

        if (peer_create_offer(a, &(const struct peer_offer){ .send_audio = true }, &offer) < 0 ||
            peer_set_remote_offer(b, offer, &answer) < 0 || peer_set_remote_answer(a, answer) < 0)
                abort();
        free(offer);
        free(answer);
}

static void open_rig(void)
{
        rig.loop = vloop_new(1000000);
        rand_seed(&rig.rng, 1);
        fake_wallclock_follow(rig.loop);
        rig.box = fake_ice_box_new(rig.loop, 1);
        if (dtls_identity_new(&rig.id) < 0)
                abort();
        rig.a = open_peer(rig.box, &rig.b);
        rig.b = open_peer(rig.box, &rig.a);
        introduce(rig.a, rig.b);
        vloop_run_for(rig.loop, 500000);
        if (rig.a->state != PEER_STATE_CONNECTED || rig.b->state != PEER_STATE_CONNECTED)
                abort();
}

static void inject_encrypted(bool rtcp, const uint8_t *data, size_t len)
{
        _Alignas(4) uint8_t buf[PEER_DATAGRAM_MAX + SRTP_TRAILER_MAX];
        int r;

        if (len < 12 || len > PEER_DATAGRAM_MAX - SRTP_TRAILER_MAX)
                return;
        memcpy(buf, data, len);
        r = rtcp ? srtpctx_protect_rtcp(rig.a->srtp, buf, &len, sizeof(buf))
                 : srtpctx_protect_rtp(rig.a->srtp, buf, &len, sizeof(buf));
        if (r == 0)
                fake_ice_inject(rig.box, 1, buf, len);
}

static void inject(uint8_t kind, struct fake_ice_box *connecting, const uint8_t *data, size_t len)
{
        switch (kind % 4) {
        case 0: fake_ice_inject(rig.box, 1, data, len); break;
        case 1: fake_ice_inject(connecting, 1, data, len); break;
        case 2: inject_encrypted(false, data, len); break;
        case 3: inject_encrypted(true, data, len); break;
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct rbuf in = rbuf_init(data, size);
        struct peer *a = NULL, *b = NULL;
        struct fake_ice_box *box;

        if (!rig.loop)
                open_rig();
        box = fake_ice_box_new(rig.loop, 1);
        a = open_peer(box, &b);
        b = open_peer(box, &a);
        introduce(a, b);
        while (rbuf_left(&in) >= 3) {
                uint8_t kind = rbuf_u8(&in);
                size_t len = rbuf_be16(&in);
                const uint8_t *bytes = rbuf_bytes(&in, len < rbuf_left(&in) ? len : rbuf_left(&in));

                inject(kind, box, bytes, in.at - (size_t)(bytes - data));
        }
        vloop_run_for(rig.loop, 1000);
        if (rig.b->state != PEER_STATE_CONNECTED)
                abort();
        peer_free(a);
        peer_free(b);
        fake_ice_box_free(box);
        vloop_turn(rig.loop);
        return 0;
}
