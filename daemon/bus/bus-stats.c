/* bus-stats.c - Voice.GetStats: the engine's figures under the names of the W3C WebRTC statistics model.
 *
 * It is answered when the engine has told its figures: the call is kept meanwhile, at most STATS_PENDING_MAX of
 * them. Names and units are those of the W3C model (times in seconds, jitter in seconds, counters as they
 * are); "join" holds the stages of the last join and is our own, as are userId and the members of "transport" that
 * count what was refused.
 *
 * Control thread. A kept call owns a reference to its message and is freed when it is answered; the manager answers
 * each exactly once, at the latest when the context goes, which is before the server does.
 */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "bus/bus-errors.h"
#include "bus/bus-internal.h"

LOG_TOPIC("bus/bus-stats");

enum { STATS_PENDING_MAX = 32 };

static double seconds(uint64_t us)
{
        return (double)us / (double)US_PER_SEC;
}

static double seconds_of_samples(uint64_t frames)
{
        return (double)frames / 48000;
}

/* clang-format off */
static int append_inbound(sd_bus_message *m, const struct engine_stats_inbound *in)
{
        const struct rx_stats *rx = &in->rx;

        return sd_bus_message_append(
                m, "a{sv}", 23,
                "kind", "s", "audio",
                "userId", "s", in->user_id,
                "ssrc", "u", in->ssrc,
                "packetsReceived", "t", rx->packets,
                "bytesReceived", "t", rx->bytes,
                "packetsLost", "x", (int64_t)rx->packets_lost,
                "retransmittedPacketsReceived", "t", in->repaired,
                "packetsDiscarded", "t", rx->packets_late + rx->packets_duplicate,
                "fecPacketsReceived", "t", rx->copies,
                "fecBytesReceived", "t", rx->copy_bytes,
                "fecPacketsDiscarded", "t", rx->copies_discarded,
                "jitter", "d", seconds(rx->jitter_us),
                "jitterBufferDelay", "d", seconds(rx->jbuf_delay_us_total),
                "jitterBufferTargetDelay", "d", seconds(rx->jbuf_target_us_total),
                "jitterBufferEmittedCount", "t", rx->jbuf_emitted,
                "totalProcessingDelay", "d", seconds(rx->processing_us_total),
                "totalSamplesReceived", "t", rx->samples_total,
                "concealedSamples", "t", rx->samples_concealed,
                "concealmentEvents", "t", rx->concealment_events,
                "insertedSamplesForDeceleration", "t", rx->samples_inserted,
                "removedSamplesForAcceleration", "t", rx->samples_removed,
                "totalAudioEnergy", "d", rx->energy,
                "framesNotDecrypted", "t", rx->frames_undecrypted);
}

static int append_playout(sd_bus_message *m, const struct engine_stats_inbound *in)
{
        const struct rx_stats *rx = &in->rx;

        return sd_bus_message_append(
                m, "a{sv}", 7,
                "kind", "s", "audio",
                "userId", "s", in->user_id,
                "synthesizedSamplesDuration", "d", seconds_of_samples(rx->samples_concealed),
                "synthesizedSamplesEvents", "t", rx->concealment_events,
                "totalSamplesDuration", "d", seconds_of_samples(rx->samples_total),
                "totalPlayoutDelay", "d", seconds(rx->playout_us_total),
                "totalSamplesCount", "t", rx->samples_total);
}

static int append_outbound(sd_bus_message *m, const struct engine_peer_stats *p)
{
        return sd_bus_message_append(
                m, "a{sv}", 9,
                "kind", "s", "audio",
                "ssrc", "u", p->ssrc,
                "packetsSent", "t", p->packets_sent,
                "bytesSent", "t", p->bytes_sent,
                "totalPacketSendDelay", "d", seconds(p->send_us_total),
                "retransmittedPacketsSent", "t", p->retransmitted,
                "nackCount", "t", p->nacks_received,
                "fecPacketsSent", "t", p->copies_sent,
                "fecBytesSent", "t", p->copy_bytes_sent);
}

static int append_source(sd_bus_message *m, const struct tx_stats *tx)
{
        return sd_bus_message_append(
                m, "a{sv}", 3,
                "kind", "s", "audio",
                "totalCaptureDelay", "d", seconds(tx->capture_us_total),
                "totalSamplesCaptured", "t", tx->samples);
}

static int append_remote_inbound(sd_bus_message *m, const struct engine_peer_stats *p)
{
        return sd_bus_message_append(
                m, "a{sv}", 6,
                "kind", "s", "audio",
                "ssrc", "u", p->ssrc,
                "packetsLost", "i", p->remote_packets_lost,
                "fractionLost", "d", p->remote_fraction_lost,
                "jitter", "d", seconds(p->remote_jitter_us),
                "roundTripTime", "d", seconds(p->rtt_us));
}

static int append_candidate_pair(sd_bus_message *m, const struct engine_peer_stats *p)
{
        return sd_bus_message_append(
                m, "a{sv}", 7,
                "localCandidate", "s", p->local_candidate,
                "remoteCandidate", "s", p->remote_candidate,
                "currentRoundTripTime", "d", seconds(p->rtt_us),
                "packetsSent", "t", p->packets_sent,
                "bytesSent", "t", p->bytes_sent,
                "packetsReceived", "t", p->packets_received,
                "bytesReceived", "t", p->bytes_received);
}

static int append_transport(sd_bus_message *m, const struct engine_peer_stats *p)
{
        return sd_bus_message_append(
                m, "a{sv}", 8,
                "dtlsRole", "s", p->dtls_role,
                "srtpCipher", "s", p->srtp_cipher,
                "packetsSent", "t", p->packets_sent,
                "bytesSent", "t", p->bytes_sent,
                "packetsReceived", "t", p->packets_received,
                "bytesReceived", "t", p->bytes_received,
                "srtpErrors", "t", p->srtp_errors,
                "malformedPackets", "t", p->malformed);
}

static int append_join(sd_bus_message *m, const struct engine_stats *st)
{
        return sd_bus_message_append(
                m, "a{sv}", 5,
                "connected", "d", seconds(st->stages.connected_us),
                "joined", "d", seconds(st->stages.joined_us),
                "publisherUp", "d", seconds(st->stages.publisher_up_us),
                "subscriberUp", "d", seconds(st->stages.subscriber_up_us),
                "firstAudio", "d", seconds(st->stages.first_audio_us));
}

/* clang-format on */

/* The two peers: the one that sends is dictionary 0, the one that receives 1. */
static int append_both(sd_bus_message *m, const struct engine_stats *st,
                       int (*append)(sd_bus_message *m, const struct engine_peer_stats *p))
{
        int r = append(m, &st->outbound);

        return r < 0 ? r : append(m, &st->inbound_transport);
}

static int append_inbounds(sd_bus_message *m, const struct engine_stats *st,
                           int (*append)(sd_bus_message *m, const struct engine_stats_inbound *in))
{
        int r = 0;

        for (size_t i = 0; r >= 0 && i < st->n_inbound; i++)
                r = append(m, &st->inbound[i]);
        return r;
}

static int append_inbound_rtp(sd_bus_message *m, const struct engine_stats *st)
{
        return append_inbounds(m, st, append_inbound);
}

static int append_media_playout(sd_bus_message *m, const struct engine_stats *st)
{
        return append_inbounds(m, st, append_playout);
}

static int append_outbound_rtp(sd_bus_message *m, const struct engine_stats *st)
{
        return append_outbound(m, &st->outbound);
}

static int append_media_source(sd_bus_message *m, const struct engine_stats *st)
{
        return append_source(m, &st->tx);
}

static int append_remote_inbound_rtp(sd_bus_message *m, const struct engine_stats *st)
{
        return append_remote_inbound(m, &st->outbound);
}

static int append_candidate_pairs(sd_bus_message *m, const struct engine_stats *st)
{
        return append_both(m, st, append_candidate_pair);
}

static int append_transports(sd_bus_message *m, const struct engine_stats *st)
{
        return append_both(m, st, append_transport);
}

static const struct {
        const char *type;                                                /* W3C RTCStatsType */
        int (*append)(sd_bus_message *m, const struct engine_stats *st); /* dictionaries into the open aa{sv} */
} sections[] = {
        { "inbound-rtp", append_inbound_rtp },        { "media-source", append_media_source },
        { "outbound-rtp", append_outbound_rtp },      { "remote-inbound-rtp", append_remote_inbound_rtp },
        { "candidate-pair", append_candidate_pairs }, { "media-playout", append_media_playout },
        { "transport", append_transports },           { "join", append_join },
};

static int append_section(sd_bus_message *m, size_t i, const struct engine_stats *st)
{
        int r = sd_bus_message_open_container(m, 'e', "sv");

        if (r >= 0)
                r = sd_bus_message_append(m, "s", sections[i].type);
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'v', "aa{sv}");
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "a{sv}");
        if (r >= 0)
                r = sections[i].append(m, st);
        for (int open = 0; r >= 0 && open < 3; open++)
                r = sd_bus_message_close_container(m);
        return r;
}

static int append_stats(sd_bus_message *m, const struct engine_stats *st)
{
        int r = sd_bus_message_open_container(m, 'a', "{sv}");

        for (size_t i = 0; st && r >= 0 && i < ARRAY_SIZE(sections); i++)
                r = append_section(m, i, st);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

struct pending {
        struct bus_server *server; /* borrowed */
        sd_bus_message *call;      /* a reference */
};

static void pending_free(struct pending *p)
{
        p->server->stats_pending--;
        sd_bus_message_unref(p->call);
        free(p);
}

static void on_stats(const struct engine_stats *stats, void *ctx)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        struct pending *p = ctx;
        int r = sd_bus_message_new_method_return(p->call, &reply);

        if (r >= 0)
                r = append_stats(reply, stats);
        if (r >= 0)
                r = sd_bus_send(p->server->bus, reply, NULL);
        if (r < 0)
                log_debug("no answer to GetStats: %s", strerror(-r));
        bus_loop_rearm(p->server->bus_loop);
        pending_free(p);
}

int bus_stats_on_get(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        struct bus_object *o = userdata;
        struct bus_server *s = o->server;
        struct pending *p;
        int r;

        if (s->stats_pending >= STATS_PENDING_MAX)
                return bus_error_set(error, BUS_ERROR_LIMITS_EXCEEDED, "32 calls of GetStats are pending");
        p = malloc(sizeof(*p));
        if (!p)
                return -ENOMEM;
        *p = (struct pending){ .server = s, .call = sd_bus_message_ref(m) };
        s->stats_pending++;
        r = context_get_stats(o->context, on_stats, p);
        if (r < 0) {
                pending_free(p);
                return r;
        }
        return 1;
}
