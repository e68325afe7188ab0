/* room-quality.c - every two seconds in a room: the engine's figures, made into what NetworkQuality says.
 *
 * One get_stats of the engine each time, never two in flight. What a record says of others is how they arrive here;
 * how we arrive there is the receiver reports' word. Each direction has one source: what the server says of a
 * connection is the sending of others, whom it sees and we do not, and our own while nothing is measured of it. While
 * the engine is reconnecting the local user is "down" and nothing is known of the others. Control thread; nothing is
 * allocated: the figures live in the participants.
 */
#include <string.h>

#include "app/manager-state.h"
#include "base/clock.h"

LOG_TOPIC("app/room-quality");

enum { EVERY_US = 2000000 };

static uint32_t worse(uint32_t a, uint32_t b)
{
        return a > b ? a : b;
}

static void set_record(struct participant *p, const struct quality_record *record)
{
        uint32_t was = participant_quality_grade(p);

        p->quality = *record;
        if (participant_quality_grade(p) != was)
                participant_changed(p, PARTICIPANT_QUALITY);
}

uint32_t participant_quality_grade(const struct participant *p)
{
        return worse(p->quality.tx, p->quality.rx);
}

const struct quality_record *participant_quality(const struct participant *p)
{
        return &p->quality;
}

/* Of others: their sending. It is told for as long as we receive them. */
static enum quality_grade said_of(const struct participant *p, bool flows)
{
        if (!(p->subscribed & ENGINE_AUDIO))
                return QUALITY_UNKNOWN;
        return quality_said(p->said, (p->published & ENGINE_AUDIO) && !p->audio_muted && !flows);
}

static void tell(struct room *room)
{
        room->context->quality_due = true;
        manager_mark(room->manager);
}

static const struct engine_stats_inbound *find_inbound(const struct engine_stats *stats, const char *user_id)
{
        for (size_t i = 0; i < stats->n_inbound; i++)
                if (strcmp(stats->inbound[i].user_id, user_id) == 0)
                        return &stats->inbound[i];
        return NULL;
}

struct arrival { /* of everybody together */
        struct quality_figures figures;
        uint32_t jitter_us; /* the worst */
};

/* How somebody arrives here; adds to what arrives altogether. */
static void look_at_other(struct participant *p, const struct engine_stats_inbound *in, uint64_t us,
                          struct arrival *all)
{
        const struct rx_stats *rx = &in->rx;
        const struct quality_counters now = { .expected = rx->packets + rx->packets_lost,
                                              .bytes = rx->bytes,
                                              .lost = (int64_t)(rx->packets_lost + in->repaired) };
        struct quality_figures f;

        quality_look(&p->received, &now, us, &f);
        set_record(p, &(struct quality_record){ .loss_rate = quality_loss_rate(&f),
                                                .bitrate = f.bitrate,
                                                .tx = said_of(p, f.known),
                                                .rx = quality_grade(&f, 0, rx->jitter_us) });
        if (!f.known)
                return;
        all->figures.known = true;
        all->figures.expected += f.expected;
        all->figures.lost += f.lost;
        all->jitter_us = worse(all->jitter_us, rx->jitter_us);
}

static void forget(struct participant *p)
{
        p->received = (struct quality_stream){ 0 };
        set_record(p, &(struct quality_record){ 0 });
}

static void look_at_self(struct room *room, const struct engine_stats *stats, uint64_t us, const struct arrival *all)
{
        const struct engine_peer_stats *out = &stats->outbound;
        const struct quality_counters now = { .expected = out->packets_sent,
                                              .bytes = out->bytes_sent,
                                              .lost = out->remote_packets_lost + (int64_t)out->retransmitted,
                                              .reports = out->reports };
        uint32_t rtt_us = out->rtt_us ? out->rtt_us : stats->inbound_transport.rtt_us, tx;
        struct quality_figures f;

        quality_look(&room->sent, &now, us, &f);
        tx = quality_grade(&f, rtt_us, out->remote_jitter_us);
        if (!f.known)
                tx = quality_said(room->self->said, room->self->published && !room->context->muted);
        set_record(room->self, &(struct quality_record){ .loss_rate = quality_loss_rate(&f),
                                                         .rtt_ms = (rtt_us + 999) / 1000, /* 0: not known */
                                                         .bitrate = f.bitrate,
                                                         .tx = tx,
                                                         .rx = quality_grade(&all->figures, rtt_us, all->jitter_us) });
}

void room_quality_stats(struct room *room, const struct engine_stats *stats)
{
        uint64_t now_us = loop_now_us(room->manager->env.loop), us = now_us - room->quality_us;
        const struct engine_stats_inbound *in;
        bool first = !room->sent.seen; /* only something to compare the next with */
        struct arrival all = { 0 };
        struct participant *p;

        room->quality_op = 0;
        if (!stats || room->state != ROOM_STATE_JOINED)
                return;
        room->quality_us = now_us;
        list_for_each (p, &room->context->participants, link) {
                in = p->self ? NULL : find_inbound(stats, p->user_id);
                if (in)
                        look_at_other(p, in, us, &all);
                else if (!p->self)
                        forget(p);
        }
        look_at_self(room, stats, us, &all);
        if (!first)
                tell(room);
}

static void tell_down(struct room *room)
{
        static const struct quality_record down = { .loss_rate = 1, .tx = QUALITY_DOWN, .rx = QUALITY_DOWN };
        struct participant *p;

        list_for_each (p, &room->context->participants, link)
                if (!p->self)
                        forget(p);
        room->sent = (struct quality_stream){ 0 };
        set_record(room->self, &down);
        tell(room);
}

static void ask(struct room *room)
{
        uint32_t op = manager_next_op(room->manager);
        int r = room->engine->ops->get_stats(room->engine, op);

        if (r >= 0)
                room->quality_op = op;
        else
                log_debug("no figures this time: %s", strerror(-r));
}

void room_quality_look(void *ctx)
{
        struct room *room = ctx;

        (void)loop_set_timer(room->quality_timer, loop_now_us(room->manager->env.loop) + EVERY_US);
        if (room->state == ROOM_STATE_RECONNECTING)
                tell_down(room);
        else if (room->quality_op == 0)
                ask(room);
}

void room_quality_begin(struct room *room)
{
        room->sent = (struct quality_stream){ 0 };
        room->quality_us = loop_now_us(room->manager->env.loop);
        (void)loop_set_timer(room->quality_timer,
                             room->quality_us); /* the first look gives what the next is compared with */
}

void room_quality_end(struct room *room)
{
        (void)loop_set_timer(room->quality_timer, LOOP_NEVER);
        room->quality_op = 0;
        room->context->quality_due = false;
}
