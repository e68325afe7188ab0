/* sdp.c - the session struct: its memory, looking things up, and writing it as text. Reading: sdp-parse.c. See sdp.h.
 *
 * What is written is lean: the embedded Janus drops requests above 8,192 bytes, and an answer has a section for each
 * participant. Hence the connection line and whatever sections share stand once, at session level.
 */
#include "wire/sdp.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"

/* Makes room for one more item; sizes are powers of two, so that the count alone tells when to grow. */
static int reserve_item(void **items, size_t n, size_t max, size_t item_size)
{
        void *grown;

        if (n >= max)
                return -EMSGSIZE;
        if (n & (n - 1) || n == 1)
                return 0;
        grown = realloc(*items, (n == 0 ? 2 : 2 * n) * item_size);
        if (!grown)
                return -ENOMEM;
        *items = grown;
        return 0;
}

#define RESERVE(items, n, max)                                            \
        ({                                                                \
                void *_items = (items);                                   \
                int _r = reserve_item(&_items, n, max, sizeof(*(items))); \
                (items) = _items;                                         \
                _r;                                                       \
        })

int sdp_add_section(struct sdp_session *s, struct sdp_section **ret)
{
        int r = RESERVE(s->sections, s->n_sections, SDP_MAX_SECTIONS);

        if (r < 0)
                return r;
        *ret = &s->sections[s->n_sections++];
        **ret = (struct sdp_section){
                .kind = SDP_KIND_AUDIO, .media = "audio", .port = 9, .proto = "UDP/TLS/RTP/SAVPF", .mid = ""
        };
        return 0;
}

int sdp_add_codec(struct sdp_section *m, const struct sdp_codec *codec)
{
        int r = RESERVE(m->codecs, m->n_codecs, SDP_MAX_CODECS);

        if (r == 0)
                m->codecs[m->n_codecs++] = *codec;
        return r;
}

int sdp_add_extmap(struct sdp_section *m, uint8_t id, const char *uri)
{
        int r = RESERVE(m->extmaps, m->n_extmaps, SDP_MAX_EXTMAPS);

        if (r == 0)
                m->extmaps[m->n_extmaps++] = (struct sdp_extmap){ id, uri };
        return r;
}

int sdp_add_candidate(struct sdp_section *m, const char *line)
{
        int r = RESERVE(m->candidates, m->n_candidates, SDP_MAX_CANDIDATES);

        if (r == 0)
                m->candidates[m->n_candidates++] = line;
        return r;
}

void sdp_done(struct sdp_session *s)
{
        for (size_t i = 0; i < s->n_sections; i++) {
                free(s->sections[i].codecs);
                free(s->sections[i].extmaps);
                free(s->sections[i].candidates);
        }
        free(s->sections);
        free(s->storage);
        *s = (struct sdp_session){ 0 };
}

/* ---- looking things up ---- */

bool sdp_section_is_rejected(const struct sdp_section *m)
{
        return m->port == 0 && !m->bundle_only;
}

struct sdp_section *sdp_find_section(const struct sdp_session *s, const char *mid)
{
        for (size_t i = 0; i < s->n_sections && *mid; i++)
                if (strcmp(s->sections[i].mid, mid) == 0)
                        return &s->sections[i];
        return NULL;
}

const struct sdp_codec *sdp_find_codec(const struct sdp_section *m, const char *name, uint32_t clock_rate)
{
        for (size_t i = 0; i < m->n_codecs; i++)
                if (strcasecmp(m->codecs[i].name, name) == 0 && m->codecs[i].clock_rate == clock_rate)
                        return &m->codecs[i];
        return NULL;
}

uint8_t sdp_find_extmap(const struct sdp_section *m, const char *uri)
{
        for (size_t i = 0; i < m->n_extmaps; i++)
                if (strcmp(m->extmaps[i].uri, uri) == 0)
                        return m->extmaps[i].id;
        return 0;
}

uint32_t sdp_fmtp_number(const char *fmtp, const char *key, uint32_t fallback)
{
        size_t len = strlen(key);

        for (const char *at = fmtp; at && *at; at += strcspn(at, ";")) {
                char *end;
                unsigned long v;

                at += strspn(at, "; ");
                if (strncasecmp(at, key, len) != 0 || at[len] != '=' || at[len + 1] < '0' || at[len + 1] > '9')
                        continue;
                errno = 0;
                v = strtoul(at + len + 1, &end, 10);
                if (errno == 0 && v <= UINT32_MAX && (*end == '\0' || *end == ';' || *end == ' '))
                        return (uint32_t)v;
        }
        return fallback;
}

const char *sdp_direction_to_string(enum sdp_direction d)
{
        static const char *const names[] = { "inactive", "sendonly", "recvonly", "sendrecv" };

        return names[d];
}

enum sdp_direction sdp_direction_reverse(enum sdp_direction d)
{
        return (enum sdp_direction)((d & 1) << 1 | d >> 1);
}

/* ---- writing ---- */

static void write_fingerprint(struct strbuf *b, const struct sdp_fingerprint *f)
{
        strbuf_addf(b, "a=fingerprint:%s ", f->hash);
        for (size_t i = 0; i < f->len; i++)
                strbuf_addf(b, "%s%02X", i > 0 ? ":" : "", f->bytes[i]);
        strbuf_add(b, "\r\n");
}

static bool is_same_text(const char *a, const char *b)
{
        return a == b || (a && b && strcmp(a, b) == 0);
}

static bool is_same_fingerprint(const struct sdp_fingerprint *a, const struct sdp_fingerprint *b)
{
        return is_same_text(a->hash, b->hash) && a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}

/* What t has and `outer`, which it would inherit from, has not or has differently. */
static void write_transport(struct strbuf *b, const struct sdp_transport *t, const struct sdp_transport *outer)
{
        static const char *const setups[] = { "", "actpass", "active", "passive", "holdconn" };

        if (t->ufrag && t->pwd && !(is_same_text(t->ufrag, outer->ufrag) && is_same_text(t->pwd, outer->pwd)))
                strbuf_addf(b, "a=ice-ufrag:%s\r\na=ice-pwd:%s\r\n", t->ufrag, t->pwd);
        if (t->trickle && !outer->trickle)
                strbuf_add(b, "a=ice-options:trickle\r\n");
        if (t->fingerprint.hash && !is_same_fingerprint(&t->fingerprint, &outer->fingerprint))
                write_fingerprint(b, &t->fingerprint);
        if (t->setup != SDP_SETUP_NONE && t->setup != outer->setup)
                strbuf_addf(b, "a=setup:%s\r\n", setups[t->setup]);
}

static void write_feedback(struct strbuf *b, const struct sdp_codec *c)
{
        static const char *const names[] = { "nack", "nack pli", "ccm fir", "goog-remb", "transport-cc" };

        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                if (c->feedback >> i & 1)
                        strbuf_addf(b, "a=rtcp-fb:%u %s\r\n", c->payload_type, names[i]);
}

static void write_codec(struct strbuf *b, const struct sdp_codec *c)
{
        if (c->name[0]) {
                strbuf_addf(b, "a=rtpmap:%u %s/%" PRIu32, c->payload_type, c->name, c->clock_rate);
                if (c->channels > 1)
                        strbuf_addf(b, "/%u", c->channels);
                strbuf_add(b, "\r\n");
        }
        if (c->fmtp)
                strbuf_addf(b, "a=fmtp:%u %s\r\n", c->payload_type, c->fmtp);
        write_feedback(b, c);
}

static void write_media_line(struct strbuf *b, const struct sdp_section *m)
{
        strbuf_addf(b, "m=%s %u %s", m->media, m->port, m->proto);
        for (size_t i = 0; i < m->n_codecs; i++)
                strbuf_addf(b, " %u", m->codecs[i].payload_type);
        if (m->n_codecs == 0)
                strbuf_addf(b, " %s", m->formats ? m->formats : "0"); /* the grammar wants one, also when rejected */
        strbuf_add(b, "\r\n");
}

static void write_source(struct strbuf *b, const struct sdp_section *m)
{
        if (m->msid)
                strbuf_addf(b, "a=msid:%s\r\n", m->msid);
        for (size_t i = 0; i < m->n_ssrcs && m->cname; i++) /* RFC 5576: an SSRC needs an attribute to be listed */
                strbuf_addf(b, "a=ssrc:%" PRIu32 " cname:%s\r\n", m->ssrcs[i], m->cname);
}

static void write_section(struct strbuf *b, const struct sdp_section *m, const struct sdp_transport *outer)
{
        static const struct sdp_transport nothing;

        write_media_line(b, m);
        if (m->mid[0])
                strbuf_addf(b, "a=mid:%s\r\n", m->mid);
        if (m->bundle_only)
                strbuf_add(b, "a=bundle-only\r\n");
        if (m->kind != SDP_KIND_APPLICATION)
                strbuf_addf(b, "a=%s\r\n", sdp_direction_to_string(m->direction));
        if (m->rtcp_mux)
                strbuf_add(b, "a=rtcp-mux\r\n");
        if (m->rtcp_rsize)
                strbuf_add(b, "a=rtcp-rsize\r\n");
        write_transport(b, sdp_section_is_rejected(m) ? &nothing : &m->transport, outer);
        for (size_t i = 0; i < m->n_extmaps; i++)
                strbuf_addf(b, "a=extmap:%u %s\r\n", m->extmaps[i].id, m->extmaps[i].uri);
        for (size_t i = 0; i < m->n_codecs; i++)
                write_codec(b, &m->codecs[i]);
        if (m->sctp_port)
                strbuf_addf(b, "a=sctp-port:%u\r\n", m->sctp_port);
        if (m->max_message_size)
                strbuf_addf(b, "a=max-message-size:%" PRIu32 "\r\n", m->max_message_size);
        write_source(b, m);
        for (size_t i = 0; i < m->n_candidates; i++)
                strbuf_addf(b, "a=%s\r\n", m->candidates[i]);
        if (m->end_of_candidates)
                strbuf_add(b, "a=end-of-candidates\r\n");
}

static void write_bundle(struct strbuf *b, const struct sdp_session *s)
{
        bool begun = false;

        for (size_t i = 0; i < s->n_sections; i++) {
                if (!s->sections[i].bundled || !s->sections[i].mid[0])
                        continue;
                strbuf_addf(b, "%s %s", begun ? "" : "a=group:BUNDLE", s->sections[i].mid);
                begun = true;
        }
        if (begun)
                strbuf_add(b, "\r\n");
}

int sdp_write(const struct sdp_session *s, char **ret_text)
{
        static const struct sdp_transport nothing;
        struct strbuf b = strbuf_init(SDP_MAX_TEXT);

        strbuf_addf(&b, "v=0\r\no=- %" PRIu64 " %" PRIu64 " IN IP4 127.0.0.1\r\ns=-\r\n", s->id, s->version);
        strbuf_add(&b, "c=IN IP4 0.0.0.0\r\nt=0 0\r\n");
        write_bundle(&b, s);
        if (s->ice_lite)
                strbuf_add(&b, "a=ice-lite\r\n");
        write_transport(&b, &s->transport, &nothing);
        for (size_t i = 0; i < s->n_sections; i++)
                write_section(&b, &s->sections[i], &s->transport);
        return strbuf_take(&b, ret_text);
}
