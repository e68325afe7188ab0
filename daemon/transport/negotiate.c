/* negotiate.c - see negotiate.h.
 *
 * Taken: audio sections with Opus, in the BUNDLE group, with rtcp-mux; one section of data channels (RFC 8841) where
 * they are wanted. Everything else is answered with port 0, which
 * costs the other side nothing and keeps the order of the sections. Since all is bundled, one set of transport
 * parameters counts, that of the first section we take; it is written once, at session level.
 */
#include "transport/negotiate.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* The numbers that browsers and servers have in common; LiveKit takes redundant audio under no others. */
enum { OPUS_PT = 111, RED_PT = 63 };
enum { EXT_LEVEL = 1, EXT_MID = 4, OPUS_RATE = 48000, NEG_MSID_SIZE = 160 };

void negotiation_done(struct negotiation *n)
{
        free(n->sections);
        *n = (struct negotiation){ 0 };
}

static int copy(const struct negotiation *from, size_t n_sections, struct negotiation *ret)
{
        struct negotiation n = {
                .red = from->red, .data = from->data, .n_sections = n_sections, .remote = from->remote
        };

        assert(n_sections >= from->n_sections);
        n.sections = calloc(n_sections > 0 ? n_sections : 1, sizeof(*n.sections));
        if (!n.sections)
                return -ENOMEM;
        if (from->n_sections > 0)
                memcpy(n.sections, from->sections, from->n_sections * sizeof(*n.sections));
        *ret = n;
        return 0;
}

/* ---- offering ---- */

static int find_ours(const struct negotiation *n)
{
        for (size_t i = 0; i < n->n_sections; i++)
                if (n->sections[i].accepted && n->sections[i].ours)
                        return (int)i;
        return -1;
}

int negotiate_find_data(const struct negotiation *n)
{
        for (size_t i = 0; i < n->n_sections; i++)
                if (n->sections[i].accepted && n->sections[i].data)
                        return (int)i;
        return -1;
}

static void set_red(struct neg_section *s, uint8_t payload_type, uint8_t opus)
{
        s->red_payload_type = payload_type;
        snprintf(s->red_format, sizeof(s->red_format), "%u/%u", opus % 128u, opus % 128u);
}

static size_t count_asked(const struct negotiation *n)
{
        size_t count = 0;

        for (size_t i = 0; i < n->n_sections; i++)
                count += n->sections[i].asked;
        return count;
}

static struct neg_section *append(struct negotiation *n)
{
        struct neg_section *s = &n->sections[n->n_sections];

        *s = (struct neg_section){ .accepted = true, .payload_type = OPUS_PT };
        snprintf(s->mid, sizeof(s->mid), "%zu", n->n_sections++);
        snprintf(s->media, sizeof(s->media), "audio");
        snprintf(s->proto, sizeof(s->proto), "UDP/TLS/RTP/SAVPF");
        return s;
}

static void append_data(struct negotiation *n)
{
        struct neg_section *s = append(n);

        s->data = true;
        snprintf(s->media, sizeof(s->media), "application");
        snprintf(s->proto, sizeof(s->proto), "UDP/DTLS/SCTP");
}

/* What was agreed on does not narrow the next offer. A refused section stays where it is and is not offered again. */
static void offer_section(struct neg_section *s, bool red, const struct neg_offer *offer)
{
        if (!s->accepted || !(s->ours || s->asked))
                return;
        s->send = s->ours && offer->send;
        s->receive = s->asked || offer->echo;
        s->nack = true;
        s->ext = (struct rtp_ext_ids){ .mid = EXT_MID, .level = EXT_LEVEL };
        if (red)
                set_red(s, s->red_payload_type ? s->red_payload_type : RED_PT, s->payload_type);
}

int negotiate_offer(const struct negotiation *current, const struct neg_offer *offer, struct negotiation *ret)
{
        size_t asked = count_asked(current), more = offer->n_receive > asked ? offer->n_receive - asked : 0;
        bool publishes = offer->send && find_ours(current) < 0;
        bool data = offer->data && negotiate_find_data(current) < 0;
        size_t n_new = publishes + data + more;
        struct negotiation n;
        int r;

        if (current->n_sections + n_new > SDP_MAX_SECTIONS)
                return -EMSGSIZE;
        if (current->n_sections + n_new == 0)
                return -EINVAL;
        r = copy(current, current->n_sections + n_new, &n);
        if (r < 0)
                return r;
        n.n_sections = current->n_sections;
        if (publishes)
                append(&n)->ours = true;
        for (size_t i = 0; i < more; i++)
                append(&n)->asked = true;
        if (data)
                append_data(&n);
        for (size_t i = 0; i < n.n_sections; i++)
                offer_section(&n.sections[i], n.red, offer);
        *ret = n;
        return 0;
}

/* ---- reading the other side ---- */

static bool is_usable(const struct sdp_section *m)
{
        return !sdp_section_is_rejected(m) && m->kind == SDP_KIND_AUDIO && m->bundled && m->mid[0] && m->rtcp_mux &&
               sdp_find_codec(m, "opus", OPUS_RATE);
}

static bool is_usable_data(const struct sdp_section *m)
{
        return !sdp_section_is_rejected(m) && m->kind == SDP_KIND_APPLICATION && m->bundled && m->mid[0] &&
               strcmp(m->proto, "UDP/DTLS/SCTP") == 0 && strcmp(m->formats, "webrtc-datachannel") == 0 && m->sctp_port;
}

static bool fits(const char *s, size_t max)
{
        return s && strlen(s) <= max;
}

static int read_transport(const struct sdp_section *m, struct neg_remote *ret)
{
        const struct sdp_transport *t = &m->transport;

        if (!fits(t->ufrag, NEG_ICE_MAX) || !fits(t->pwd, NEG_ICE_MAX) || !t->fingerprint.hash)
                return -EPROTO;
        if (t->setup == SDP_SETUP_HOLDCONN)
                return -EPROTO;
        *ret = (struct neg_remote){ .fingerprint = t->fingerprint, .setup = t->setup };
        snprintf(ret->ufrag, sizeof(ret->ufrag), "%s", t->ufrag);
        snprintf(ret->pwd, sizeof(ret->pwd), "%s", t->pwd);
        return 0;
}

static bool is_same_certificate(const struct sdp_fingerprint *a, const struct sdp_fingerprint *b)
{
        return strcmp(a->hash, b->hash) == 0 && a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}

/* The transport of the first usable section. It may restart ICE, but another certificate would be another peer. */
static int take_transport(const struct sdp_session *s, struct negotiation *n)
{
        struct neg_remote remote;

        for (size_t i = 0; i < s->n_sections; i++) {
                int r;

                if (!n->sections[i].accepted)
                        continue;
                r = read_transport(&s->sections[i], &remote);
                if (r < 0)
                        return r;
                if (n->remote.ufrag[0] && !is_same_certificate(&n->remote.fingerprint, &remote.fingerprint))
                        return -EPROTO;
                n->remote = remote;
                return 0;
        }
        /* All sections are off: fine later on, useless as a beginning. */
        return n->remote.ufrag[0] ? 0 : -EPROTO;
}

/* RFC 2198 5: the payload types inside, the newest frame's first. Only Opus in all of them is redundant Opus. */
static bool carries(const struct sdp_codec *red, uint8_t payload_type)
{
        const char *at = red->fmtp;
        char *end;

        for (; at && *at >= '0' && *at <= '9'; at = end + 1) {
                if (strtoul(at, &end, 10) != payload_type)
                        return false;
                if (*end != '/')
                        return *end == '\0';
        }
        return false;
}

/* What was offered stays offered in later offers, whatever the answer says of it now: all sections of a description
 * list the same. */
static void take_red(const struct sdp_section *m, struct neg_section *s, const struct sdp_codec *opus)
{
        const struct sdp_codec *red = sdp_find_codec(m, "red", OPUS_RATE);

        s->red = red && red->payload_type != opus->payload_type && carries(red, opus->payload_type);
        s->red_first = s->red && red < opus;
        if (s->red || s->red_payload_type)
                set_red(s, s->red ? red->payload_type : s->red_payload_type, opus->payload_type);
}

static void take_data(const struct sdp_section *m, struct neg_section *s)
{
        s->sctp_port = m->sctp_port;
        s->max_message_size = m->max_message_size;
}

static void take_media(const struct sdp_section *m, struct neg_section *s, bool red)
{
        const struct sdp_codec *opus = sdp_find_codec(m, "opus", OPUS_RATE);

        s->payload_type = opus->payload_type;
        s->nack = (opus->feedback & SDP_FB_NACK) != 0;
        s->dtx = sdp_fmtp_number(opus->fmtp, "usedtx", 0) == 1;
        s->fec = sdp_fmtp_number(opus->fmtp, "useinbandfec", 0) == 1;
        if (red)
                take_red(m, s, opus);
        s->ext.mid = sdp_find_extmap(m, RTP_EXT_URI_MID);
        s->ext.level = sdp_find_extmap(m, RTP_EXT_URI_LEVEL);
        if (m->n_ssrcs == 0)
                return; /* those of before may come back when the section does */
        memcpy(s->ssrcs, m->ssrcs, sizeof(s->ssrcs));
        s->n_ssrcs = m->n_ssrcs;
}

static void answer_to_section(const struct sdp_section *m, struct neg_section *s, bool red)
{
        bool usable = s->data ? is_usable_data(m) : is_usable(m);

        s->accepted = s->accepted && usable && strcmp(m->mid, s->mid) == 0;
        s->send = s->accepted && s->send && (m->direction & SDP_RECVONLY);
        s->receive = s->accepted && s->receive && (m->direction & SDP_SENDONLY);
        if (s->accepted && s->data)
                take_data(m, s);
        else if (s->accepted)
                take_media(m, s, red);
}

int negotiate_answer_received(const struct negotiation *offered, const struct sdp_session *answer,
                              struct negotiation *ret)
{
        struct negotiation n;
        int r;

        if (answer->n_sections != offered->n_sections)
                return -EPROTO;
        r = copy(offered, offered->n_sections, &n);
        if (r < 0)
                return r;
        for (size_t i = 0; i < n.n_sections; i++)
                answer_to_section(&answer->sections[i], &n.sections[i], n.red);
        r = take_transport(answer, &n);
        if (r == 0 && n.remote.setup == SDP_SETUP_ACTPASS)
                r = -EPROTO; /* RFC 8842 5.3: the answer decides */
        if (r < 0) {
                negotiation_done(&n);
                return r;
        }
        *ret = n;
        return 0;
}

static bool is_duplicate(const struct sdp_session *s, size_t at)
{
        for (size_t i = 0; i < at; i++)
                if (s->sections[at].mid[0] && strcmp(s->sections[i].mid, s->sections[at].mid) == 0)
                        return true;
        return false;
}

/* data: one for data channels is taken. */
static int answer_section(const struct sdp_section *m, struct neg_section *s, bool red, bool data)
{
        const struct neg_section before = *s;
        bool same = before.accepted && strcmp(m->mid, before.mid) == 0;

        if (!fits(m->mid, SDP_MAX_MID) || !fits(m->media, NEG_WORD_MAX) || !fits(m->proto, NEG_WORD_MAX))
                return -EPROTO;
        data = data && is_usable_data(m);
        *s = (struct neg_section){ .accepted = data || is_usable(m),
                                   .data = data,
                                   .ours = same && before.ours,
                                   .asked = same && before.asked };
        if (same) {
                memcpy(s->ssrcs, before.ssrcs, sizeof(s->ssrcs));
                s->n_ssrcs = before.n_ssrcs;
        }
        snprintf(s->mid, sizeof(s->mid), "%s", m->mid);
        snprintf(s->media, sizeof(s->media), "%s", m->media);
        snprintf(s->proto, sizeof(s->proto), "%s", m->proto);
        if (s->data)
                take_data(m, s);
        if (!s->accepted || s->data)
                return 0;
        take_media(m, s, red);
        s->receive = (m->direction & SDP_SENDONLY) != 0;
        s->send = s->ours && before.send && (m->direction & SDP_RECVONLY) != 0;
        return 0;
}

int negotiate_offer_received(const struct negotiation *current, const struct sdp_session *offer,
                             struct negotiation *ret)
{
        bool has_data = negotiate_find_data(current) >= 0;
        struct negotiation n;
        int r;

        if (offer->n_sections < current->n_sections || offer->n_sections == 0)
                return -EPROTO; /* RFC 3264 8: sections are never taken away */
        r = copy(current, offer->n_sections, &n);
        if (r < 0)
                return r;
        for (size_t i = 0; i < n.n_sections && r == 0; i++) {
                bool data = n.data && (!has_data || n.sections[i].data);

                r = is_duplicate(offer, i) ? -EPROTO
                                           : answer_section(&offer->sections[i], &n.sections[i], n.red, data);
                has_data = has_data || (r == 0 && n.sections[i].data);
        }
        if (r == 0)
                r = take_transport(offer, &n);
        if (r < 0) {
                negotiation_done(&n);
                return r;
        }
        *ret = n;
        return 0;
}

/* ---- writing ---- */

/* minptime speaks of what we send; in the many sections of an answer that only receive it is spared. */
static const char *format_opus(const struct neg_local *local, bool send)
{
        static const char *const formats[] = { NULL,
                                               "useinbandfec=1",
                                               "usedtx=1",
                                               "useinbandfec=1;usedtx=1",
                                               "minptime=10",
                                               "minptime=10;useinbandfec=1",
                                               "minptime=10;usedtx=1",
                                               "minptime=10;useinbandfec=1;usedtx=1" };

        return formats[(send ? 4 : 0) | (local->dtx ? 2 : 0) | (local->fec ? 1 : 0)];
}

/* An answer has them in the order of the offer. Offers begin with Opus: most others take nothing else. */
static int write_codecs(struct sdp_section *m, const struct neg_section *s, bool offering,
                        const struct sdp_codec *opus)
{
        const struct sdp_codec red = { .payload_type = s->red_payload_type,
                                       .name = "red",
                                       .clock_rate = OPUS_RATE,
                                       .channels = 2,
                                       .fmtp = s->red_format };
        bool first = s->red_first && !offering;
        int r = first ? sdp_add_codec(m, &red) : 0;

        if (r == 0)
                r = sdp_add_codec(m, opus);
        return r == 0 && !first && s->red_payload_type ? sdp_add_codec(m, &red) : r;
}

/* An offer says the same of every section: there are servers that settle their codecs once, by the first of them. */
static int write_media(struct sdp_section *m, const struct neg_section *s, const struct neg_local *local)
{
        bool offers = local->setup == SDP_SETUP_ACTPASS;
        struct sdp_codec opus = { .payload_type = s->payload_type,
                                  .name = "opus",
                                  .clock_rate = OPUS_RATE,
                                  .channels = 2, /* RFC 7587 7: always */
                                  .feedback = s->nack ? SDP_FB_NACK : 0 };
        bool active = s->send || s->receive || offers;
        int r = 0;

        if (active)
                opus.fmtp = format_opus(local, s->send || offers);
        else
                opus.feedback = 0;
        /* Where the other side tells its SSRCs, mid in every packet says nothing new: the lines can be spared. */
        if (active && s->ext.mid && (offers || s->n_ssrcs == 0))
                r = sdp_add_extmap(m, s->ext.mid, RTP_EXT_URI_MID);
        if (r == 0 && active && s->ext.level)
                r = sdp_add_extmap(m, s->ext.level, RTP_EXT_URI_LEVEL);
        return r == 0 ? write_codecs(m, s, offers, &opus) : r;
}

static int write_data(struct sdp_section *m)
{
        m->kind = SDP_KIND_APPLICATION;
        m->formats = "webrtc-datachannel";
        m->bundled = true;
        m->sctp_port = NEG_SCTP_PORT;
        m->max_message_size = NEG_MESSAGE_MAX;
        return 0;
}

static int write_section(struct sdp_session *session, const struct neg_section *s, const struct neg_local *local,
                         const char *msid)
{
        struct sdp_section *m;
        int r = sdp_add_section(session, &m);

        if (r < 0)
                return r;
        m->media = s->media;
        m->proto = s->proto;
        m->mid = s->mid;
        m->direction = (enum sdp_direction)((s->send ? SDP_SENDONLY : 0) | (s->receive ? SDP_RECVONLY : 0));
        if (!s->accepted) {
                m->port = 0;
                return 0;
        }
        if (s->data)
                return write_data(m);
        m->bundled = m->rtcp_mux = true;
        if (s->send) {
                m->msid = msid;
                m->cname = local->cname;
                m->ssrcs[m->n_ssrcs++] = local->ssrc;
        }
        return write_media(m, s, local);
}

static int write_candidates(struct sdp_section *m, const struct neg_local *local)
{
        int r = 0;

        for (size_t i = 0; i < local->n_candidates && r == 0; i++)
                r = sdp_add_candidate(m, local->candidates[i]);
        m->end_of_candidates = local->end_of_candidates;
        return r;
}

int negotiate_write(const struct negotiation *n, const struct neg_local *local, char **ret_sdp)
{
        struct sdp_session s = { .id = local->id, .version = local->version };
        int first = negotiate_find_accepted(n), r = 0;
        char msid[NEG_MSID_SIZE];

        snprintf(msid, sizeof(msid), "%.64s %s", local->cname, local->track_id);
        s.transport = (struct sdp_transport){ .ufrag = local->ufrag, .pwd = local->pwd, .trickle = true };
        s.transport.fingerprint = (struct sdp_fingerprint){ .hash = "sha-256", .len = 32 };
        memcpy(s.transport.fingerprint.bytes, local->sha256, 32);
        for (size_t i = 0; i < n->n_sections && r == 0; i++)
                r = write_section(&s, &n->sections[i], local, msid);
        if (r == 0 && first >= 0) /* pion, which is LiveKit's, reads no role at session level */
                s.sections[first].transport.setup = local->setup;
        if (r == 0 && first >= 0)
                r = write_candidates(&s.sections[first], local);
        if (r == 0)
                r = sdp_write(&s, ret_sdp);
        sdp_done(&s);
        return r;
}

/* ---- looking things up ---- */

bool neg_section_has_ssrc(const struct neg_section *s, uint32_t ssrc)
{
        for (size_t i = 0; i < s->n_ssrcs; i++)
                if (s->ssrcs[i] == ssrc)
                        return true;
        return false;
}

bool neg_section_takes(const struct neg_section *s, uint8_t payload_type)
{
        return payload_type == s->payload_type || (s->red && payload_type == s->red_payload_type);
}

int negotiate_find_ssrc(const struct negotiation *n, uint32_t ssrc)
{
        for (size_t i = 0; i < n->n_sections; i++)
                if (n->sections[i].receive && neg_section_has_ssrc(&n->sections[i], ssrc))
                        return (int)i;
        return -1;
}

/* Not where the SSRCs are told: a stranger's packet may be ahead of the description that tells whose it is. */
static int find_by_payload_type(const struct negotiation *n, uint8_t payload_type)
{
        int found = -1;

        for (size_t i = 0; i < n->n_sections; i++) {
                if (!n->sections[i].receive || n->sections[i].n_ssrcs > 0 ||
                    !neg_section_takes(&n->sections[i], payload_type))
                        continue;
                if (found >= 0)
                        return -1;
                found = (int)i;
        }
        return found;
}

int negotiate_find(const struct negotiation *n, const char *mid, uint32_t ssrc, uint8_t payload_type)
{
        int found;

        for (size_t i = 0; i < n->n_sections && *mid; i++)
                if (n->sections[i].accepted && strcmp(n->sections[i].mid, mid) == 0)
                        return (int)i;
        if (*mid)
                return -1; /* it names something that is not here: guessing would give it to the wrong one */
        found = negotiate_find_ssrc(n, ssrc);
        return found >= 0 ? found : find_by_payload_type(n, payload_type);
}

int negotiate_find_sending(const struct negotiation *n)
{
        for (size_t i = 0; i < n->n_sections; i++)
                if (n->sections[i].send)
                        return (int)i;
        return -1;
}

int negotiate_find_accepted(const struct negotiation *n)
{
        for (size_t i = 0; i < n->n_sections; i++)
                if (n->sections[i].accepted)
                        return (int)i;
        return -1;
}
