/* rtc-runtime.c - see rtc-runtime.h: control's half of the runtime.
 *
 * Thread: control (but for the making and posting of events, at the end). Keeps in step what the network thread will
 * have done once it has run every command posted so far: which peers are open, which sections are bound to whom. An
 * event is handed on only if what it is about is still so; a section bound to somebody else has another generation.
 *
 * Lifetime: control's half is counted, one reference for the owner and one for each event on its way. The media half
 * is freed on the network thread, and rtc_runtime_free() waits for that: gates and the generator are then free to go.
 */
#include "engine/rtc-internal.h"

#include <errno.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/list.h"
#include "base/log.h"

LOG_TOPIC("engine/rtc");

/* One section of a peer, or (mid NULL) its sending track. */
struct binding {
        struct list link; /* in open_peer.bindings */
        char *mid, *key;  /* owned */
        uint32_t generation;
};

struct open_peer {
        struct list link; /* in rtc_runtime.peers */
        uint32_t number;
        struct list bindings;
};

struct rtc_runtime {
        _Atomic int refs;
        struct net_thread *net;  /* borrowed */
        struct rtc_media *media; /* owned; the network thread's */
        struct rtc_runtime_events ev;
        void *ctx;
        bool silent;                              /* freed by the owner */
        _Atomic size_t data_posted, data_waiting; /* bytes: on the way to the network thread; in its peers */
        struct list peers;
        uint32_t last_generation;
};

/* ---- who is open, what is bound ---- */

static struct open_peer *find_peer(struct rtc_runtime *rt, uint32_t number)
{
        struct open_peer *p;

        list_for_each (p, &rt->peers, link)
                if (p->number == number)
                        return p;
        return NULL;
}

static struct binding *find_binding(struct open_peer *p, const char *mid)
{
        struct binding *b;

        list_for_each (b, &p->bindings, link)
                if (mid ? b->mid && strcmp(b->mid, mid) == 0 : !b->mid)
                        return b;
        return NULL;
}

static struct binding *binding_free(struct binding *b)
{
        if (!b)
                return NULL;
        list_remove(&b->link);
        free(b->mid);
        free(b->key);
        free(b);
        return NULL;
}
DEFINE_CLEANUP(struct binding *, binding_free)

static struct open_peer *open_peer_free(struct open_peer *p)
{
        struct binding *b;

        if (!p)
                return NULL;
        list_for_each (b, &p->bindings, link)
                binding_free(b);
        list_remove(&p->link);
        free(p);
        return NULL;
}

static int copy_text(const char *text, char **ret)
{
        if (!text)
                return 0;
        *ret = strdup(text);
        return *ret ? 0 : -ENOMEM;
}

/* The binding of a section to its owner, an existing one or a new one not yet in the list. */
static int get_binding(struct rtc_runtime *rt, struct open_peer *p, const char *mid, const char *key,
                       struct binding **ret)
{
        _cleanup_(binding_freep) struct binding *b = NULL;
        struct binding *old = find_binding(p, mid);

        if (old && strcmp(old->key, key) == 0) {
                *ret = old;
                return 0;
        }
        b = calloc(1, sizeof(*b));
        if (!b)
                return -ENOMEM;
        list_init(&b->link);
        if (copy_text(mid, &b->mid) < 0 || copy_text(key, &b->key) < 0)
                return -ENOMEM;
        b->generation = ++rt->last_generation;
        *ret = take_ptr(b);
        return 0;
}

/* A new binding takes the place of the one before. */
static void put_binding(struct open_peer *p, struct binding *b)
{
        if (!list_is_empty(&b->link))
                return;
        binding_free(find_binding(p, b->mid));
        list_append(&p->bindings, &b->link);
}

static void drop_new_binding(struct binding *b)
{
        if (list_is_empty(&b->link))
                binding_free(b);
}

/* ---- commands ---- */

static void params_free(struct rtc_peer_params *p)
{
        if (!p)
                return;
        for (size_t i = 0; i < p->n_ice_servers; i++) {
                free((char *)p->ice_servers[i].url);
                free((char *)p->ice_servers[i].username);
                free((char *)p->ice_servers[i].credential);
        }
        free((void *)p->ice_servers);
        free((char *)p->cname);
        free((char *)p->ca_file);
        e2ee_keys_unref(p->e2ee);
        free(p);
}

static void params_freep(struct rtc_peer_params **p)
{
        params_free(*p);
}

static int copy_server(const struct ice_server *s, struct ice_server *ret)
{
        if (copy_text(s->url, (char **)&ret->url) < 0 || copy_text(s->username, (char **)&ret->username) < 0)
                return -ENOMEM;
        return copy_text(s->credential, (char **)&ret->credential);
}

static int params_copy(const struct rtc_peer_params *p, struct rtc_peer_params **ret)
{
        _cleanup_(params_freep) struct rtc_peer_params *copy = malloc(sizeof(*copy));
        struct ice_server *servers;

        if (!copy)
                return -ENOMEM;
        *copy = *p;
        copy->cname = copy->ca_file = NULL;
        copy->e2ee = p->e2ee ? e2ee_keys_ref(p->e2ee) : NULL;
        copy->n_ice_servers = 0;
        copy->ice_servers = servers = calloc(p->n_ice_servers + 1, sizeof(*servers));
        if (!servers || copy_text(p->cname, (char **)&copy->cname) < 0 ||
            copy_text(p->ca_file, (char **)&copy->ca_file) < 0)
                return -ENOMEM;
        copy->n_ice_servers = p->n_ice_servers; /* zeroed ones are legal to free */
        for (size_t i = 0; i < p->n_ice_servers; i++)
                if (copy_server(&p->ice_servers[i], &servers[i]) < 0)
                        return -ENOMEM;
        *ret = take_ptr(copy);
        return 0;
}

static void command_free(void *data)
{
        struct rtc_command *c = data;

        if (!c)
                return;
        free(c->mid);
        free(c->text);
        free(c->data);
        audio_port_unref(c->port);
        params_free(c->params);
        free(c);
}

static void command_freep(struct rtc_command **c)
{
        command_free(*c);
}

static void run_command(void *target, void *data)
{
        struct rtc_command *c = data;

        (void)target;
        c->run(c->media, c);
}

/* mid and text are copied, the port is referenced; each may be NULL. */
static int command_new(struct rtc_runtime *rt, void (*run)(struct rtc_media *m, struct rtc_command *c), uint32_t peer,
                       const char *mid, const char *text, struct audio_port *port, struct rtc_command **ret)
{
        _cleanup_(command_freep) struct rtc_command *c = calloc(1, sizeof(*c));

        if (!c)
                return -ENOMEM;
        c->run = run;
        c->media = rt->media;
        c->peer = peer;
        if (copy_text(mid, &c->mid) < 0 || copy_text(text, &c->text) < 0)
                return -ENOMEM;
        c->port = port ? audio_port_ref(port) : NULL;
        *ret = take_ptr(c);
        return 0;
}

/* Takes the command, also when it fails. */
static int post(struct rtc_runtime *rt, struct rtc_command *c)
{
        int r = net_thread_post(rt->net, run_command, command_free, c);

        if (r < 0)
                command_free(c);
        return r;
}

int rtc_runtime_open_peer(struct rtc_runtime *rt, uint32_t peer, const struct rtc_peer_params *params)
{
        _cleanup_(command_freep) struct rtc_command *c = NULL;
        _cleanup_free_ struct open_peer *p = NULL;
        int r;

        p = calloc(1, sizeof(*p));
        if (!p)
                return -ENOMEM;
        r = command_new(rt, rtc_media_open_peer, peer, NULL, NULL, NULL, &c);
        if (r < 0)
                return r;
        r = params_copy(params, &c->params);
        if (r < 0)
                return r;
        r = post(rt, take_ptr(c));
        if (r < 0)
                return r;
        p->number = peer;
        list_init(&p->bindings);
        list_append(&rt->peers, &p->link);
        p = NULL; /* the list's */
        return 0;
}

int rtc_runtime_close_peer(struct rtc_runtime *rt, uint32_t peer)
{
        struct rtc_command *c;
        int r;

        open_peer_free(find_peer(rt, peer)); /* no event of it from here on, whatever comes */
        r = command_new(rt, rtc_media_close_peer, peer, NULL, NULL, NULL, &c);
        return r < 0 ? r : post(rt, c);
}

int rtc_runtime_create_offer(struct rtc_runtime *rt, uint32_t peer, const struct rtc_offer *offer)
{
        struct rtc_command *c;
        int r;

        r = command_new(rt, rtc_media_create_offer, peer, NULL, offer->track_id, NULL, &c);
        if (r < 0)
                return r;
        c->offer = *offer;
        c->offer.track_id = c->text;
        return post(rt, c);
}

int rtc_runtime_add_ice_servers(struct rtc_runtime *rt, uint32_t peer, const struct ice_server *servers, size_t n)
{
        const struct rtc_peer_params params = { .ice_servers = servers, .n_ice_servers = n };
        _cleanup_(command_freep) struct rtc_command *c = NULL;
        int r = command_new(rt, rtc_media_add_ice_servers, peer, NULL, NULL, NULL, &c);

        if (r == 0)
                r = params_copy(&params, &c->params);
        return r < 0 ? r : post(rt, take_ptr(c));
}

int rtc_runtime_set_remote(struct rtc_runtime *rt, uint32_t peer, enum rtc_sdp type, const char *sdp)
{
        struct rtc_command *c;
        int r;

        r = command_new(rt, rtc_media_set_remote, peer, NULL, sdp, NULL, &c);
        if (r < 0)
                return r;
        c->type = type;
        return post(rt, c);
}

int rtc_runtime_add_candidate(struct rtc_runtime *rt, uint32_t peer, const char *line)
{
        struct rtc_command *c;
        int r;

        r = command_new(rt, rtc_media_add_candidate, peer, NULL, line, NULL, &c);
        return r < 0 ? r : post(rt, c);
}

/* Both kinds of binding: the sending track (mid NULL, key "") and a received section. */
static int bind_track(struct rtc_runtime *rt, uint32_t peer, const char *mid, const char *key, struct audio_port *port,
                      const struct capture_gate *gate)
{
        struct open_peer *p = find_peer(rt, peer);
        struct rtc_command *c;
        struct binding *b;
        int r;

        if (!p)
                return 0;
        r = get_binding(rt, p, mid, key, &b);
        if (r < 0)
                return r;
        r = command_new(rt, mid ? rtc_media_bind : rtc_media_set_capture, peer, mid, key, port, &c);
        if (r >= 0) {
                c->gate = gate;
                c->generation = b->generation;
                r = post(rt, c);
        }
        if (r < 0)
                drop_new_binding(b);
        else
                put_binding(p, b);
        return r;
}

int rtc_runtime_set_capture(struct rtc_runtime *rt, uint32_t peer, struct audio_port *port,
                            const struct capture_gate *gate)
{
        return bind_track(rt, peer, NULL, "", port, gate);
}

int rtc_runtime_bind(struct rtc_runtime *rt, uint32_t peer, const char *mid, const char *key, struct audio_port *port)
{
        return bind_track(rt, peer, mid, key, port, NULL);
}

int rtc_runtime_unbind(struct rtc_runtime *rt, uint32_t peer, const char *mid)
{
        struct open_peer *p = find_peer(rt, peer);
        struct rtc_command *c;
        int r;

        if (!p)
                return 0;
        binding_free(find_binding(p, mid));
        r = command_new(rt, rtc_media_unbind, peer, mid, NULL, NULL, &c);
        return r < 0 ? r : post(rt, c);
}

int rtc_runtime_get_stats(struct rtc_runtime *rt, uint32_t op)
{
        struct rtc_command *c;
        int r;

        r = command_new(rt, rtc_media_get_stats, op, NULL, NULL, NULL, &c);
        return r < 0 ? r : post(rt, c);
}

/* ---- data channels ---- */

int rtc_runtime_open_channel(struct rtc_runtime *rt, uint32_t peer, const char *label, bool reliable)
{
        struct rtc_command *c;
        int r = command_new(rt, rtc_media_open_channel, peer, label, NULL, NULL, &c);

        if (r < 0)
                return r;
        c->reliable = reliable;
        return post(rt, c);
}

void rtc_data_count(struct rtc_runtime *rt, size_t done, size_t waiting)
{
        atomic_store(&rt->data_waiting, waiting);
        atomic_fetch_sub(&rt->data_posted, done);
}

/* How much waits is counted when a message comes by: with too much there will be none, so it is asked for. */
static bool has_room(struct rtc_runtime *rt, uint32_t peer, size_t len)
{
        struct rtc_command *look;

        if (atomic_load(&rt->data_posted) + atomic_load(&rt->data_waiting) + len <= RTC_DATA_WAITING_MAX)
                return true;
        if (command_new(rt, rtc_media_send_data, peer, NULL, NULL, NULL, &look) >= 0)
                (void)post(rt, look);
        return false;
}

int rtc_runtime_send_data(struct rtc_runtime *rt, uint32_t peer, const char *label, const void *data, size_t len)
{
        _cleanup_(command_freep) struct rtc_command *c = NULL;
        int r;

        if (!has_room(rt, peer, len))
                return -EAGAIN;
        r = command_new(rt, rtc_media_send_data, peer, label, NULL, NULL, &c);
        if (r < 0)
                return r;
        c->data = malloc(len > 0 ? len : 1);
        if (!c->data)
                return -ENOMEM;
        if (len > 0)
                memcpy(c->data, data, len);
        c->len = len;
        atomic_fetch_add(&rt->data_posted, len);
        r = post(rt, take_ptr(c));
        if (r < 0)
                atomic_fetch_sub(&rt->data_posted, len);
        return r;
}

/* ---- beginning and end ---- */

static struct rtc_runtime *runtime_unref(struct rtc_runtime *rt)
{
        if (rt && atomic_fetch_sub(&rt->refs, 1) == 1)
                free(rt);
        return NULL;
}

int rtc_runtime_new(const struct rtc_runtime_config *config, const struct rtc_runtime_events *ev, void *ctx,
                    struct rtc_runtime **ret)
{
        struct rtc_runtime *rt = calloc(1, sizeof(*rt));
        int r;

        if (!rt)
                return -ENOMEM;
        rt->refs = 1;
        rt->net = config->net;
        rt->ev = *ev;
        rt->ctx = ctx;
        list_init(&rt->peers);
        r = rtc_media_new(rt, config, &rt->media);
        if (r < 0) {
                free(rt);
                return r;
        }
        *ret = rt;
        return 0;
}

struct farewell {
        struct rtc_media *media;
        sem_t done;
};

static void run_farewell(void *target, void *data)
{
        struct farewell *f = data;

        (void)target;
        rtc_media_free(f->media);
        sem_post(&f->done);
}

/* Waits: what the media half borrows is about to go. A network thread that hangs makes control hang, and the watchdog
 * of the service sees that. */
static void finish_media(struct rtc_runtime *rt)
{
        struct farewell f = { .media = rt->media };

        sem_init(&f.done, 0, 0);
        while (net_thread_post(rt->net, run_farewell, NULL, &f) < 0) /* full: it is working on it */
                (void)nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
        while (sem_wait(&f.done) < 0) /* EINTR */
                ;
        sem_destroy(&f.done);
}

struct rtc_runtime *rtc_runtime_free(struct rtc_runtime *rt)
{
        struct open_peer *p;

        if (!rt)
                return NULL;
        rt->silent = true;
        finish_media(rt);
        list_for_each (p, &rt->peers, link)
                open_peer_free(p);
        return runtime_unref(rt);
}

/* ---- events: made on the network thread, handed on by control ---- */

struct rtc_event *rtc_event_new(struct rtc_runtime *rt, enum rtc_event_type type, uint32_t peer)
{
        struct rtc_event *e = calloc(1, sizeof(*e));

        if (!e)
                return NULL;
        atomic_fetch_add(&rt->refs, 1);
        e->rt = rt;
        e->type = type;
        e->peer = peer;
        return e;
}

struct rtc_event *rtc_event_free(struct rtc_event *e)
{
        if (!e)
                return NULL;
        runtime_unref(e->rt);
        free(e->mid);
        free(e->text);
        free(e->stats);
        free(e->data);
        free(e);
        return NULL;
}

static void drop_event(void *data)
{
        rtc_event_free(data);
}

/* True if the section (mid NULL: the sending track) still belongs to whom the event is about. */
static bool is_bound(struct open_peer *p, const struct rtc_event *e)
{
        const struct binding *b = find_binding(p, e->mid);

        return b && b->generation == e->generation;
}

static void emit_for_peer(struct rtc_runtime *rt, struct open_peer *p, const struct rtc_event *e)
{
        switch (e->type) {
        case RTC_EVENT_DESCRIPTION: rt->ev.local_description(e->peer, e->sdp, e->text, rt->ctx); break;
        case RTC_EVENT_DESCRIPTION_FAILED: rt->ev.description_failed(e->peer, e->sdp, e->err, rt->ctx); break;
        case RTC_EVENT_CANDIDATE: rt->ev.local_candidate(e->peer, e->mid, e->mline, e->text, rt->ctx); break;
        case RTC_EVENT_PEER_STATE: rt->ev.peer_state(e->peer, e->state, e->reason, rt->ctx); break;
        case RTC_EVENT_SPEAKING:
                if (is_bound(p, e))
                        rt->ev.speaking(e->peer, e->mid, e->speaking, rt->ctx);
                break;
        case RTC_EVENT_FIRST_MEDIA:
                if (is_bound(p, e))
                        rt->ev.first_media(e->peer, e->mid, rt->ctx);
                break;
        case RTC_EVENT_ENCRYPTION:
                if (is_bound(p, e))
                        rt->ev.encryption(e->peer, e->mid, e->encryption, rt->ctx);
                break;
        case RTC_EVENT_DATA_OPEN:
                if (rt->ev.data_open)
                        rt->ev.data_open(e->peer, e->mid, rt->ctx);
                break;
        case RTC_EVENT_DATA:
                if (rt->ev.data)
                        rt->ev.data(e->peer, e->mid, e->data, e->len, rt->ctx);
                break;
        case RTC_EVENT_STATS: break; /* of no peer */
        }
}

static void run_event(void *target, void *data)
{
        struct rtc_event *e = data;
        struct rtc_runtime *rt = e->rt;
        struct open_peer *p;

        (void)target;
        if (rt->silent)
                return;
        if (e->type == RTC_EVENT_STATS) {
                rt->ev.stats(e->peer, e->stats, rt->ctx);
                return;
        }
        p = find_peer(rt, e->peer);
        if (p)
                emit_for_peer(rt, p, e);
}

void rtc_event_post(struct rtc_event *e)
{
        int r = e ? net_thread_reply(e->rt->net, run_event, drop_event, e) : -ENOMEM;

        if (r >= 0)
                return;
        rtc_event_free(e);
        log_every_second(LOG_LEVEL_ERROR, "an event of the network thread was lost: %s", strerror(-r));
}

const struct rtc_ops rtc_runtime_ops = {
        rtc_runtime_new,          rtc_runtime_free,          rtc_runtime_open_peer,
        rtc_runtime_close_peer,   rtc_runtime_create_offer,  rtc_runtime_add_ice_servers,
        rtc_runtime_set_remote,   rtc_runtime_add_candidate, rtc_runtime_set_capture,
        rtc_runtime_bind,         rtc_runtime_unbind,        rtc_runtime_get_stats,
        rtc_runtime_open_channel, rtc_runtime_send_data,
};
