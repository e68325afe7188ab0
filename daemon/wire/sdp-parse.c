/* sdp-parse.c - text → struct sdp_session. See sdp.h.
 *
 * The text is copied once and cut up in place: every string of the result is a piece of that copy. A line is found in
 * the table of attributes or ignored. Two things happen at the end, when all lines are known: sections inherit what
 * stands at session level (or in the section that carries the BUNDLE), and the group is resolved to sections.
 * Control characters are refused everywhere, so nothing that was parsed can forge lines when it is written again.
 */
#include "wire/sdp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct parser {
        struct sdp_session *s;
        struct sdp_section *section; /* the one lines belong to; NULL: session level */
        char *bundle;                /* mids of the first BUNDLE group, NULL: none */
        int direction;               /* at session level; -1: not given */
        bool has_direction[SDP_MAX_SECTIONS];
        size_t n_candidates;
};

struct attribute {
        const char *name;
        int (*read)(struct parser *p, char *value, int arg); /* value "" when the attribute has none */
        int arg;
        enum { SESSION = 1, SECTION = 2, BOTH = 3 } level;
};

static struct sdp_transport *transport_of(struct parser *p)
{
        return p->section ? &p->section->transport : &p->s->transport;
}

/* Cuts the next word off; NULL when there is none. */
static char *next_word(char **at)
{
        char *word = *at + strspn(*at, " ");

        if (*word == '\0')
                return NULL;
        *at = word + strcspn(word, " ");
        if (**at)
                *(*at)++ = '\0';
        return word;
}

/* Digits only, whole text. */
static int read_number(const char *text, uint64_t max, uint64_t *ret)
{
        uint64_t v = 0;

        if (!text || !*text)
                return -EPROTO;
        for (; *text; text++) {
                uint64_t digit = (uint64_t)(unsigned char)*text - '0';

                if (digit > 9 || v > (max - digit) / 10)
                        return -EPROTO;
                v = v * 10 + digit;
        }
        *ret = v;
        return 0;
}

/* ---- attributes ---- */

static bool is_ice_text(const char *s, size_t min)
{
        size_t n = strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");

        return s[n] == '\0' && n >= min && n <= 256;
}

static int read_ufrag(struct parser *p, char *value, int arg)
{
        (void)arg;
        if (!is_ice_text(value, 4)) /* RFC 8839 5.4 */
                return -EPROTO;
        transport_of(p)->ufrag = value;
        return 0;
}

static int read_pwd(struct parser *p, char *value, int arg)
{
        (void)arg;
        if (!is_ice_text(value, 22))
                return -EPROTO;
        transport_of(p)->pwd = value;
        return 0;
}

static int read_ice_options(struct parser *p, char *value, int arg)
{
        (void)arg;
        for (char *word = next_word(&value); word; word = next_word(&value))
                if (strcmp(word, "trickle") == 0)
                        transport_of(p)->trickle = true;
        return 0;
}

static int read_ice_lite(struct parser *p, char *value, int arg)
{
        (void)value;
        (void)arg;
        p->s->ice_lite = true;
        return 0;
}

static int hex_digit(char c)
{
        if (c >= '0' && c <= '9')
                return c - '0';
        c |= 0x20;
        return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "AB:CD:…" of exactly len bytes. */
static bool read_hex_pairs(const char *text, uint8_t *ret, size_t len)
{
        for (size_t i = 0; i < len; i++) {
                int high = hex_digit(text[0]), low = high < 0 ? -1 : hex_digit(text[1]);

                if (low < 0 || text[2] != (i + 1 < len ? ':' : '\0'))
                        return false;
                ret[i] = (uint8_t)(high << 4 | low);
                text += 3;
        }
        return true;
}

static int read_fingerprint(struct parser *p, char *value, int arg)
{
        static const struct {
                const char *name;
                size_t len;
        } hashes[] = { { "sha-256", 32 }, { "sha-1", 20 }, { "sha-224", 28 }, { "sha-384", 48 }, { "sha-512", 64 } };
        struct sdp_fingerprint *f = &transport_of(p)->fingerprint, read = { 0 };
        char *hash = next_word(&value), *pairs = next_word(&value);

        (void)arg;
        if (!pairs)
                return -EPROTO;
        for (size_t i = 0; i < ARRAY_SIZE(hashes); i++)
                if (strcasecmp(hash, hashes[i].name) == 0) {
                        read.hash = hashes[i].name;
                        read.len = hashes[i].len;
                }
        if (!read.hash) /* one that we could not check: as if it were not there */
                return 0;
        if (!read_hex_pairs(pairs, read.bytes, read.len))
                return -EPROTO;
        if (!f->hash || read.hash == hashes[0].name)
                *f = read;
        return 0;
}

static int read_setup(struct parser *p, char *value, int arg)
{
        static const char *const names[] = { "", "actpass", "active", "passive", "holdconn" };

        (void)arg;
        for (size_t i = 1; i < ARRAY_SIZE(names); i++)
                if (strcmp(value, names[i]) == 0) {
                        transport_of(p)->setup = (enum sdp_setup)i;
                        return 0;
                }
        return -EPROTO;
}

static int read_group(struct parser *p, char *value, int arg)
{
        char *semantics = next_word(&value);

        (void)arg;
        if (semantics && strcmp(semantics, "BUNDLE") == 0 && !p->bundle)
                p->bundle = value;
        return 0;
}

static int read_mid(struct parser *p, char *value, int arg)
{
        size_t n = strlen(value);

        (void)arg;
        if (n == 0 || n > SDP_MAX_MID || strchr(value, ' ') || p->section->mid[0] || sdp_find_section(p->s, value))
                return -EPROTO;
        p->section->mid = value;
        return 0;
}

static int read_direction(struct parser *p, char *value, int arg)
{
        (void)value;
        if (!p->section) {
                p->direction = arg;
                return 0;
        }
        p->section->direction = (enum sdp_direction)arg;
        p->has_direction[p->s->n_sections - 1] = true;
        return 0;
}

enum flag { FLAG_RTCP_MUX, FLAG_RTCP_RSIZE, FLAG_BUNDLE_ONLY, FLAG_END_OF_CANDIDATES };

static int read_flag(struct parser *p, char *value, int arg)
{
        (void)value;
        switch ((enum flag)arg) {
        case FLAG_RTCP_MUX: p->section->rtcp_mux = true; break;
        case FLAG_RTCP_RSIZE: p->section->rtcp_rsize = true; break;
        case FLAG_BUNDLE_ONLY: p->section->bundle_only = true; break;
        case FLAG_END_OF_CANDIDATES: p->section->end_of_candidates = true; break;
        }
        return 0;
}

/* The codec of a payload type; *ret NULL: not in the media line, the attribute is then ignored. */
static int find_payload_type(struct parser *p, const char *text, struct sdp_codec **ret)
{
        uint64_t number;
        int r = read_number(text, 127, &number);

        if (r < 0)
                return r;
        *ret = NULL;
        for (size_t i = 0; i < p->section->n_codecs; i++)
                if (p->section->codecs[i].payload_type == number)
                        *ret = &p->section->codecs[i];
        return 0;
}

/* "111 opus/48000/2" */
static int read_rtpmap(struct parser *p, char *value, int arg)
{
        struct sdp_codec *c;
        uint64_t clock_rate, channels = 1;
        char *name, *clock_text, *channels_text = NULL;
        int r = find_payload_type(p, next_word(&value), &c);

        (void)arg;
        if (r < 0)
                return r;
        name = next_word(&value);
        clock_text = name ? strchr(name, '/') : NULL;
        if (!clock_text || clock_text == name)
                return -EPROTO;
        *clock_text++ = '\0';
        channels_text = strchr(clock_text, '/');
        if (channels_text)
                *channels_text++ = '\0';
        r = read_number(clock_text, UINT32_MAX, &clock_rate);
        if (r == 0 && channels_text)
                r = read_number(channels_text, UINT8_MAX, &channels);
        if (r < 0 || !c)
                return r;
        c->name = name;
        c->clock_rate = (uint32_t)clock_rate;
        c->channels = (uint8_t)channels;
        return 0;
}

static int read_fmtp(struct parser *p, char *value, int arg)
{
        struct sdp_codec *c;
        int r = find_payload_type(p, next_word(&value), &c);

        (void)arg;
        if (r == 0 && c && *value)
                c->fmtp = value;
        return r;
}

static uint32_t feedback_from_string(const char *s)
{
        static const char *const names[] = { "nack", "nack pli", "ccm fir", "goog-remb", "transport-cc" };

        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                if (strcmp(s, names[i]) == 0)
                        return 1u << i;
        return 0;
}

/* "111 nack", "* transport-cc" */
static int read_rtcp_fb(struct parser *p, char *value, int arg)
{
        char *type = next_word(&value);
        uint32_t bit = feedback_from_string(value);
        struct sdp_codec *c;
        int r;

        (void)arg;
        if (type && strcmp(type, "*") == 0) {
                for (size_t i = 0; i < p->section->n_codecs; i++)
                        p->section->codecs[i].feedback |= bit;
                return 0;
        }
        r = find_payload_type(p, type, &c);
        if (r == 0 && c)
                c->feedback |= bit;
        return r;
}

/* "3 uri", "3/recvonly uri attributes". At session level it would stand for all sections: not used by WebRTC. */
static int read_extmap(struct parser *p, char *value, int arg)
{
        char *id_text = next_word(&value), *uri = next_word(&value);
        uint64_t id;
        int r;

        (void)arg;
        if (!uri)
                return -EPROTO;
        id_text[strcspn(id_text, "/")] = '\0';
        r = read_number(id_text, UINT16_MAX, &id);
        if (r < 0 || id == 0)
                return -EPROTO;
        if (id > UINT8_MAX) /* RFC 8285 6: an offer of "any free number", which we never take up */
                return 0;
        return sdp_add_extmap(p->section, (uint8_t)id, uri);
}

static int read_ssrc(struct parser *p, char *value, int arg)
{
        struct sdp_section *m = p->section;
        uint64_t ssrc;
        int r = read_number(next_word(&value), UINT32_MAX, &ssrc);

        (void)arg;
        if (r < 0)
                return r;
        if (strncmp(value, "cname:", 6) == 0 && !m->cname)
                m->cname = value + 6;
        for (size_t i = 0; i < m->n_ssrcs; i++)
                if (m->ssrcs[i] == ssrc)
                        return 0;
        if (m->n_ssrcs == SDP_MAX_SSRCS)
                return -EMSGSIZE;
        m->ssrcs[m->n_ssrcs++] = (uint32_t)ssrc;
        return 0;
}

static int read_sctp_port(struct parser *p, char *value, int arg)
{
        uint64_t port;
        int r = read_number(value, UINT16_MAX, &port);

        (void)arg;
        if (r < 0)
                return r;
        p->section->sctp_port = (uint16_t)port;
        return 0;
}

/* Above 4 GiB there is no difference. */
static int read_max_message_size(struct parser *p, char *value, int arg)
{
        uint64_t size;
        int r = read_number(value, UINT64_MAX, &size);

        (void)arg;
        if (r < 0)
                return r;
        p->section->max_message_size = size < UINT32_MAX ? (uint32_t)size : UINT32_MAX;
        return 0;
}

static int read_msid(struct parser *p, char *value, int arg)
{
        (void)arg;
        if (!p->section->msid && *value)
                p->section->msid = value;
        return 0;
}

static int read_candidate(struct parser *p, char *value, int arg)
{
        (void)arg;
        if (!*value)
                return -EPROTO;
        if (++p->n_candidates > SDP_MAX_CANDIDATES)
                return -EMSGSIZE;
        value[-1] = ':'; /* the one attribute that is kept with its name */
        return sdp_add_candidate(p->section, value - strlen("candidate:"));
}

static const struct attribute attributes[] = {
        { "ice-ufrag", read_ufrag, 0, BOTH },
        { "ice-pwd", read_pwd, 0, BOTH },
        { "ice-options", read_ice_options, 0, BOTH },
        { "ice-lite", read_ice_lite, 0, SESSION },
        { "fingerprint", read_fingerprint, 0, BOTH },
        { "setup", read_setup, 0, BOTH },
        { "group", read_group, 0, SESSION },
        { "mid", read_mid, 0, SECTION },
        { "sendrecv", read_direction, SDP_SENDRECV, BOTH },
        { "sendonly", read_direction, SDP_SENDONLY, BOTH },
        { "recvonly", read_direction, SDP_RECVONLY, BOTH },
        { "inactive", read_direction, SDP_INACTIVE, BOTH },
        { "rtcp-mux", read_flag, FLAG_RTCP_MUX, SECTION },
        { "rtcp-rsize", read_flag, FLAG_RTCP_RSIZE, SECTION },
        { "bundle-only", read_flag, FLAG_BUNDLE_ONLY, SECTION },
        { "end-of-candidates", read_flag, FLAG_END_OF_CANDIDATES, SECTION },
        { "rtpmap", read_rtpmap, 0, SECTION },
        { "fmtp", read_fmtp, 0, SECTION },
        { "rtcp-fb", read_rtcp_fb, 0, SECTION },
        { "extmap", read_extmap, 0, SECTION },
        { "ssrc", read_ssrc, 0, SECTION },
        { "msid", read_msid, 0, SECTION },
        { "sctp-port", read_sctp_port, 0, SECTION },
        { "max-message-size", read_max_message_size, 0, SECTION },
        { "candidate", read_candidate, 0, SECTION },
};

static int read_attribute(struct parser *p, char *name)
{
        char *value = name + strcspn(name, ":");

        if (*value)
                *value++ = '\0';
        for (size_t i = 0; i < ARRAY_SIZE(attributes); i++) {
                const struct attribute *a = &attributes[i];

                if (strcmp(a->name, name) == 0)
                        return a->level & (p->section ? SECTION : SESSION) ? a->read(p, value, a->arg) : 0;
        }
        return 0;
}

/* ---- lines ---- */

static enum sdp_kind kind_from_string(const char *s)
{
        if (strcmp(s, "audio") == 0)
                return SDP_KIND_AUDIO;
        if (strcmp(s, "video") == 0)
                return SDP_KIND_VIDEO;
        return strcmp(s, "application") == 0 ? SDP_KIND_APPLICATION : SDP_KIND_OTHER;
}

static int read_payload_types(struct sdp_section *m, char *formats)
{
        for (char *word = next_word(&formats); word; word = next_word(&formats)) {
                uint64_t pt;
                int r = read_number(word, 127, &pt);

                for (size_t i = 0; r == 0 && i < m->n_codecs; i++)
                        if (m->codecs[i].payload_type == pt)
                                r = -EPROTO;
                if (r == 0)
                        r = sdp_add_codec(m, &(struct sdp_codec){ (uint8_t)pt, .name = "", .channels = 1 });
                if (r < 0)
                        return r;
        }
        return 0;
}

/* "audio 9 UDP/TLS/RTP/SAVPF 111 63" */
static int read_media(struct parser *p, char *value)
{
        char *media = next_word(&value), *port_text = next_word(&value), *proto = next_word(&value);
        uint64_t port;
        int r = read_number(port_text, UINT16_MAX, &port);

        if (r < 0 || !proto || value[strspn(value, " ")] == '\0')
                return -EPROTO;
        r = sdp_add_section(p->s, &p->section);
        if (r < 0)
                return r;
        p->section->kind = kind_from_string(media);
        p->section->media = media;
        p->section->port = (uint16_t)port;
        p->section->proto = proto;
        if (strstr(proto, "RTP/"))
                return read_payload_types(p->section, value);
        p->section->formats = value;
        return 0;
}

/* "- 4611731400430051336 2 IN IP4 127.0.0.1" */
static int read_origin(struct parser *p, char *value)
{
        char *user = next_word(&value), *id = next_word(&value), *version = next_word(&value);
        int r = user ? read_number(id, UINT64_MAX, &p->s->id) : -EPROTO;

        return r < 0 ? r : read_number(version, UINT64_MAX, &p->s->version);
}

static int read_line(struct parser *p, char *line)
{
        if (line[0] < 'a' || line[0] > 'z' || line[1] != '=')
                return -EPROTO;
        switch (line[0]) {
        case 'o': return p->section ? -EPROTO : read_origin(p, line + 2);
        case 'm': return read_media(p, line + 2);
        case 'a': return read_attribute(p, line + 2);
        default: return 0;
        }
}

/* Cuts the next line off; NULL at the end. Lines end with CRLF; a bare LF is taken too (RFC 8866 section 5). */
static char *next_line(char **at)
{
        char *line = *at, *end = line + strcspn(line, "\n");

        if (*line == '\0')
                return NULL;
        *at = *end ? end + 1 : end;
        *end = '\0';
        if (end > line && end[-1] == '\r')
                end[-1] = '\0';
        return line;
}

static bool has_control_characters(const char *s)
{
        for (; *s; s++)
                if (((unsigned char)*s < ' ' && *s != '\t') || *s == 0x7f)
                        return true;
        return false;
}

static int read_lines(struct parser *p)
{
        char *at = p->s->storage, *line = next_line(&at);
        int r = line && strcmp(line, "v=0") == 0 ? 0 : -EPROTO;

        while (r == 0 && (line = next_line(&at)))
                r = has_control_characters(line) ? -EPROTO : read_line(p, line);
        return r;
}

/* ---- the end: inheritance and the group ---- */

static void inherit(struct sdp_transport *t, const struct sdp_transport *from)
{
        if (!t->ufrag && !t->pwd) {
                t->ufrag = from->ufrag;
                t->pwd = from->pwd;
        }
        t->trickle = t->trickle || from->trickle;
        if (!t->fingerprint.hash)
                t->fingerprint = from->fingerprint;
        if (t->setup == SDP_SETUP_NONE)
                t->setup = from->setup;
}

/* Marks the sections of the group and returns the first, whose transport carries the others (RFC 8843 7.1.1). */
static struct sdp_section *resolve_bundle(struct parser *p)
{
        struct sdp_section *tagged = NULL;
        char *at = p->bundle;

        for (char *mid = at ? next_word(&at) : NULL; mid; mid = next_word(&at)) {
                struct sdp_section *m = sdp_find_section(p->s, mid);

                if (!m)
                        continue;
                m->bundled = true;
                if (!tagged)
                        tagged = m;
        }
        return tagged;
}

static int finish(struct parser *p)
{
        struct sdp_section *tagged = resolve_bundle(p);

        for (size_t i = 0; i < p->s->n_sections; i++) {
                struct sdp_section *m = &p->s->sections[i];

                if (!p->has_direction[i])
                        m->direction = p->direction < 0 ? SDP_SENDRECV : (enum sdp_direction)p->direction;
                inherit(&m->transport, &p->s->transport);
        }
        for (size_t i = 0; i < p->s->n_sections; i++) {
                struct sdp_section *m = &p->s->sections[i];

                if (m->bundled)
                        inherit(&m->transport, &tagged->transport);
                if (!m->transport.ufrag != !m->transport.pwd)
                        return -EPROTO;
        }
        return 0;
}

int sdp_parse(const char *text, struct sdp_session *ret)
{
        _cleanup_(sdp_done) struct sdp_session s = { 0 };
        struct parser p = { .s = &s, .direction = -1 };
        int r;

        if (strnlen(text, SDP_MAX_TEXT + 1) > SDP_MAX_TEXT)
                return -EMSGSIZE;
        s.storage = strdup(text);
        if (!s.storage)
                return -ENOMEM;
        r = read_lines(&p);
        if (r == 0)
                r = finish(&p);
        if (r < 0)
                return r;
        *ret = s;
        s = (struct sdp_session){ 0 };
        return 0;
}
