/* peer-room.c - see peer-room.h. */
#include "fakes/peer-room.h"

#include "base/clock.h"
#include "fakes/fake-wallclock.h"

static void on_state(enum peer_state state, enum peer_reason reason, void *ctx)
{
        struct end *e = ctx;

        e->state = state;
        e->reason = reason;
        e->n_states++;
}

static void on_candidate(const char *mid, uint32_t mline, const char *line, void *ctx)
{
        struct end *e = ctx;

        ASSERT_STR(mid, "0");
        ASSERT_EQ(mline, 0);
        e->n_candidates += line != NULL;
        if (e->other->p)
                (void)peer_add_remote_candidate(e->other->p, line);
}

/* Copies have the place of what they are copies of, and come before the packet they came with. */
static void on_copy(const struct peer_packet *p, struct end *e)
{
        uint32_t index = (p->timestamp - e->first_timestamp) / FRAME_TICKS;

        ASSERT_LT(index, SEEN_MAX);
        e->copied[index] = true;
        e->n_copies++;
        ASSERT(!p->marker && p->level_dbov == -1 && !p->repaired);
        ASSERT_EQ((uint16_t)(p->seq - e->first_seq), index);
}

static void on_packet(const struct peer_packet *p, void *ctx)
{
        struct end *e = ctx;
        uint32_t index;

        ASSERT_EQ(p->payload_type, 111);
        ASSERT_EQ(p->len, 80);
        ASSERT_EQ(p->payload[79], 't');
        if (p->copy) {
                on_copy(p, e);
                return;
        }
        e->n_repaired += p->repaired;
        if (e->n_packets++ == 0) {
                e->first_timestamp = p->timestamp;
                e->first_seq = p->seq;
        }
        index = (p->timestamp - e->first_timestamp) / FRAME_TICKS;
        if (index < SEEN_MAX) {
                ASSERT(!e->seen[index]); /* nothing arrives twice */
                e->seen[index] = true;
        }
        snprintf(e->mid, sizeof(e->mid), "%s", p->mid);
        e->level_dbov = p->level_dbov;
}

static void on_bye(const char *mid, void *ctx)
{
        struct end *e = ctx;

        ASSERT_STR(mid, "0");
        e->n_byes++;
}

static void on_report(const struct rtcp_path_report *r, void *ctx)
{
        struct end *e = ctx;

        e->loss_percent = r->loss_percent;
}

const struct peer_events peer_room_events = {
        .state = on_state, .candidate = on_candidate, .packet = on_packet, .bye = on_bye, .report = on_report
};

static int open_peer(struct room *r, struct end *e, unsigned side)
{
        struct peer_config config = { .loop = r->loop,
                                      .ice = fake_ice_box_provider(r->box),
                                      .ice_config = { .controlling = side == 0 },
                                      .identity = r->ids[side],
                                      .rng = &r->rng,
                                      .cname = side == 0 ? "alice" : "bob",
                                      .dtx = true,
                                      .fec = true,
                                      .red = r->red };

        return peer_new(&config, &peer_room_events, e, &e->p);
}

void open_room_with(struct room *r, bool red)
{
        *r = (struct room){ .loop = vloop_new(1000000), .timestamp = 4000000000u, .red = red };
        rand_seed(&r->rng, 11);
        fake_wallclock_follow(r->loop);
        r->box = fake_ice_box_new(r->loop, 3);
        r->net = fake_ice_box_net(r->box);
        r->net->delay_us = 10000;
        r->a.other = &r->b;
        r->b.other = &r->a;
        for (unsigned i = 0; i < 2; i++)
                ASSERT_OK(dtls_identity_new(&r->ids[i]));
        ASSERT_OK(open_peer(r, &r->a, 0));
        ASSERT_OK(open_peer(r, &r->b, 1));
}

void open_room(struct room *r)
{
        open_room_with(r, false);
}

void close_room(struct room *r)
{
        r->a.p = peer_free(r->a.p);
        vloop_run_for(r->loop, 50000);
        r->b.p = peer_free(r->b.p);
        for (unsigned i = 0; i < 2; i++)
                dtls_identity_free(r->ids[i]);
        fake_ice_box_free(r->box);
        fake_wallclock_follow(NULL);
        vloop_free(r->loop);
}

/* As LiveKit's server answers, where redundant audio was offered. */
static void prefer_red(char *answer)
{
        char *types = strstr(answer, " 111 63\r\n");

        if (types)
                memcpy(types, " 63 111", 7);
}

void exchange(struct end *from, struct end *to, const struct peer_offer *what)
{
        char *offer, *answer;

        ASSERT_OK(peer_create_offer(from->p, what, &offer));
        ASSERT_OK(peer_set_remote_offer(to->p, offer, &answer));
        prefer_red(answer);
        ASSERT_OK(peer_set_remote_answer(from->p, answer));
        free(offer);
        free(answer);
}

void negotiate(struct end *from, struct end *to, bool send)
{
        exchange(from, to, &(const struct peer_offer){ .send_audio = send });
}

void connect_room(struct room *r)
{
        negotiate(&r->a, &r->b, true);
        ASSERT_EQ(r->a.state, PEER_STATE_CONNECTING);
        vloop_run_for(r->loop, 300000);
        ASSERT_EQ(r->a.state, PEER_STATE_CONNECTED);
        ASSERT_EQ(r->b.state, PEER_STATE_CONNECTED);
}

/* n frames of 20 ms, sent by a. */
void talk(struct room *r, unsigned n)
{
        uint8_t payload[80];

        memset(payload, 't', sizeof(payload));
        for (unsigned i = 0; i < n; i++, r->timestamp += FRAME_TICKS) {
                struct media_packet m = { .payload = payload,
                                          .len = sizeof(payload),
                                          .timestamp = r->timestamp,
                                          .level_dbov = 20,
                                          .voice = true };

                m.n_copies = i < r->copies ? i : r->copies;
                for (unsigned k = 0; k < m.n_copies; k++) {
                        unsigned back = k == 0 && m.n_copies == 2 && r->spaced ? r->spaced : (unsigned)m.n_copies - k;

                        m.copies[k] = (struct media_packet_copy){ payload, sizeof(payload),
                                                                  r->timestamp - back * FRAME_TICKS };
                }
                ASSERT_OK(peer_send(r->a.p, &m, loop_now_us(r->loop)));
                vloop_run_for(r->loop, 20000);
        }
}

unsigned count_seen(const struct end *e)
{
        unsigned n = 0;

        for (unsigned i = 0; i < SEEN_MAX; i++)
                n += e->seen[i];
        return n;
}
