/* fake-rtc.c - see fake-rtc.h. */
#include "fakes/fake-rtc.h"

#include <errno.h>
#include <stdarg.h>

#include "base/list.h"
#include "lib/test.h"

struct answer {           /* what the runtime will say */
        struct list link; /* in rtc_runtime.answers */
        uint32_t peer;
        enum { SAY_OFFER, SAY_ANSWER, SAY_FAILED, SAY_CONNECTED, SAY_STATS } what;
};

struct rtc_runtime {
        struct fake_rtc *fake;
        struct rtc_runtime_events ev;
        void *ctx;
        struct loop_source *timer;
        struct list answers;
};

static struct fake_rtc *current; /* of the running test */

static void note(struct fake_rtc *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void note(struct fake_rtc *f, const char *fmt, ...)
{
        size_t at = strlen(f->trace);
        va_list ap;

        va_start(ap, fmt);
        at += (size_t)vsnprintf(f->trace + at, sizeof(f->trace) - at, fmt, ap);
        va_end(ap);
        ASSERT_LT(at + 3, sizeof(f->trace));
        memcpy(f->trace + at, "; ", 3);
}

static void say(struct rtc_runtime *rt, const struct answer *a)
{
        struct engine_stats stats = { 0 };

        switch (a->what) {
        case SAY_OFFER: rt->ev.local_description(a->peer, RTC_OFFER, "v=0\r\na=mid:0\r\n", rt->ctx); break;
        case SAY_ANSWER: rt->ev.local_description(a->peer, RTC_ANSWER, "v=0\r\n", rt->ctx); break;
        case SAY_FAILED: rt->ev.description_failed(a->peer, RTC_OFFER, -EPROTO, rt->ctx); break;
        case SAY_CONNECTED: rt->ev.peer_state(a->peer, PEER_STATE_CONNECTED, PEER_OK, rt->ctx); break;
        case SAY_STATS: rt->ev.stats(a->peer, &stats, rt->ctx); break;
        }
}

static void on_timer(void *ctx)
{
        struct rtc_runtime *rt = ctx;
        struct answer *a = list_first(&rt->answers, struct answer, link);

        if (!a)
                return;
        list_remove(&a->link);
        (void)loop_set_timer(rt->timer, list_is_empty(&rt->answers) ? LOOP_NEVER : 0);
        say(rt, a); /* the last thing: it may free the runtime */
        free(a);
}

static int later(struct rtc_runtime *rt, uint32_t peer, int what)
{
        struct answer *a = calloc(1, sizeof(*a));

        if (!a)
                return -ENOMEM;
        a->peer = peer;
        a->what = what;
        list_append(&rt->answers, &a->link);
        return loop_set_timer(rt->timer, 0);
}

static int rtc_new(const struct rtc_runtime_config *config, const struct rtc_runtime_events *ev, void *ctx,
                   struct rtc_runtime **ret)
{
        struct rtc_runtime *rt = calloc(1, sizeof(*rt));
        int r;

        (void)config;
        if (!rt)
                return -ENOMEM;
        *rt = (struct rtc_runtime){ .fake = current, .ev = *ev, .ctx = ctx };
        list_init(&rt->answers);
        r = loop_add_timer(current->loop, LOOP_NEVER, on_timer, rt, &rt->timer);
        if (r < 0) {
                free(rt);
                return r;
        }
        ASSERT(!current->rt);
        *ret = current->rt = rt;
        return 0;
}

static struct rtc_runtime *rtc_free(struct rtc_runtime *rt)
{
        struct answer *a;

        if (!rt)
                return NULL;
        rt->timer = loop_remove(rt->timer);
        list_for_each (a, &rt->answers, link) {
                list_remove(&a->link);
                free(a);
        }
        rt->fake->rt = NULL;
        free(rt);
        return NULL;
}

static int rtc_open_peer(struct rtc_runtime *rt, uint32_t peer, const struct rtc_peer_params *params)
{
        ASSERT_EQ(strlen(params->cname), 16);
        note(rt->fake, "open %u%s", peer, params->e2ee ? " encrypted" : "");
        return 0;
}

static int rtc_close_peer(struct rtc_runtime *rt, uint32_t peer)
{
        struct answer *a;

        note(rt->fake, "close %u", peer);
        list_for_each (a, &rt->answers, link)
                if (a->peer == peer && a->what != SAY_STATS) {
                        list_remove(&a->link);
                        free(a);
                }
        return 0;
}

static int rtc_create_offer(struct rtc_runtime *rt, uint32_t peer, const struct rtc_offer *offer)
{
        char receives[16] = "";

        if (offer->n_receive > 0)
                snprintf(receives, sizeof(receives), " +%u", offer->n_receive);
        note(rt->fake, "offer %u%s%s%s%s", peer, offer->send_audio && offer->track_id ? " " : "",
             offer->send_audio && offer->track_id ? offer->track_id : "", receives,
             offer->restart_ice ? " restart" : "");
        rt->fake->offered_data = offer->data;
        return later(rt, peer, SAY_OFFER);
}

static int rtc_add_ice_servers(struct rtc_runtime *rt, uint32_t peer, const struct ice_server *servers, size_t n)
{
        for (size_t i = 0; i < n; i++)
                note(rt->fake, "server %u %s", peer, servers[i].url);
        return 0;
}

static int rtc_set_remote(struct rtc_runtime *rt, uint32_t peer, enum rtc_sdp type, const char *sdp)
{
        int r;

        ASSERT(sdp[0]);
        note(rt->fake, "%s %u", type == RTC_OFFER ? "remote-offer" : "answer", peer);
        if (rt->fake->refuses_descriptions)
                return later(rt, peer, SAY_FAILED);
        r = type == RTC_OFFER ? later(rt, peer, SAY_ANSWER) : 0;
        return r < 0 || rt->fake->never_connects ? r : later(rt, peer, SAY_CONNECTED);
}

static int rtc_add_candidate(struct rtc_runtime *rt, uint32_t peer, const char *line)
{
        note(rt->fake, "candidate %u %s", peer, line ? line : "end");
        return 0;
}

static int rtc_set_capture(struct rtc_runtime *rt, uint32_t peer, struct audio_port *port,
                           const struct capture_gate *gate)
{
        ASSERT(!port || gate);
        note(rt->fake, "capture %u%s", peer, port ? " port" : "");
        return 0;
}

static int rtc_bind(struct rtc_runtime *rt, uint32_t peer, const char *mid, const char *key, struct audio_port *port)
{
        note(rt->fake, "bind %u %s %s%s", peer, mid, key, port ? " port" : "");
        return 0;
}

static int rtc_unbind(struct rtc_runtime *rt, uint32_t peer, const char *mid)
{
        note(rt->fake, "unbind %u %s", peer, mid);
        return 0;
}

static int rtc_get_stats(struct rtc_runtime *rt, uint32_t op)
{
        return later(rt, op, SAY_STATS);
}

static int rtc_open_channel(struct rtc_runtime *rt, uint32_t peer, const char *label, bool reliable)
{
        (void)reliable;
        note(rt->fake, "channel %u %s", peer, label);
        return 0;
}

static int rtc_send_data(struct rtc_runtime *rt, uint32_t peer, const char *label, const void *data, size_t len)
{
        if (rt->fake->data_error < 0)
                return rt->fake->data_error;
        note(rt->fake, "data %u %s %zu", peer, label, len);
        ASSERT_LE(len, sizeof(rt->fake->sent));
        memcpy(rt->fake->sent, data, len);
        rt->fake->sent_len = len;
        return 0;
}

const struct rtc_ops fake_rtc_ops = {
        rtc_new,          rtc_free,          rtc_open_peer,   rtc_close_peer, rtc_create_offer, rtc_add_ice_servers,
        rtc_set_remote,   rtc_add_candidate, rtc_set_capture, rtc_bind,       rtc_unbind,       rtc_get_stats,
        rtc_open_channel, rtc_send_data,
};

void fake_rtc_init(struct fake_rtc *f, struct loop *loop)
{
        *f = (struct fake_rtc){ .loop = loop };
        current = f;
}

void fake_rtc_peer_state(struct fake_rtc *f, uint32_t peer, enum peer_state state, enum peer_reason reason)
{
        f->rt->ev.peer_state(peer, state, reason, f->rt->ctx);
}

void fake_rtc_speaking(struct fake_rtc *f, uint32_t peer, const char *mid, bool speaking)
{
        f->rt->ev.speaking(peer, mid, speaking, f->rt->ctx);
}

void fake_rtc_encryption(struct fake_rtc *f, uint32_t peer, const char *mid, enum e2ee_state state)
{
        f->rt->ev.encryption(peer, mid, state, f->rt->ctx);
}

void fake_rtc_candidate(struct fake_rtc *f, uint32_t peer, const char *line)
{
        f->rt->ev.local_candidate(peer, "0", 0, line, f->rt->ctx);
}

void fake_rtc_expect(struct fake_rtc *f, const char *trace)
{
        ASSERT_STR(f->trace, trace);
        f->trace[0] = '\0';
}

void fake_rtc_data_open(struct fake_rtc *f, uint32_t peer, const char *label)
{
        f->rt->ev.data_open(peer, label, f->rt->ctx);
}

void fake_rtc_data(struct fake_rtc *f, uint32_t peer, const char *label, const void *data, size_t len)
{
        f->rt->ev.data(peer, label, data, len, f->rt->ctx);
}
