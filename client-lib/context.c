/* context.c - contexts: making, attaching, freeing, and their signals. See rtcroom.h.
 *
 * A context is freed by its caller's last reference; callbacks hold one, so that freeing inside them is legal. A freed
 * context hears nothing more: its requests are dropped with its match.
 */
#include "internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct rtcroom_context *context_ref(struct rtcroom_context *c)
{
        c->refs++;
        return c;
}

struct rtcroom_context *context_unref(struct rtcroom_context *c)
{
        if (--c->refs == 0)
                free(c);
        return NULL;
}

/* An object path and who has it. */
struct place {
        char path[64], owner[256];
        uint32_t number;
};

/* Only what the daemon's contract says: ROOT_PATH "/context/<n>", n from 1. */
static int place_init(struct place *p, const char *path, const char *owner)
{
        static const char prefix[] = ROOT_PATH "/context/";
        unsigned long number;
        char *end;

        if (!owner || strlen(owner) >= sizeof(p->owner) || strlen(path) >= sizeof(p->path) ||
            strncmp(path, prefix, sizeof(prefix) - 1) != 0)
                return -EBADMSG;
        number = strtoul(path + sizeof(prefix) - 1, &end, 10);
        if (*end || number == 0 || number > UINT32_MAX)
                return -EBADMSG;
        strcpy(p->path, path);
        strcpy(p->owner, owner);
        p->number = (uint32_t)number;
        return 0;
}

/* No answer is wanted: the daemon completes to nobody. */
static void send_destroy(struct rtcroom *r, const char *owner, const char *path)
{
        (void)sd_bus_call_method_async(r->bus, NULL, owner, path, IFACE("Context"), "Destroy", NULL, NULL, "a{sv}", 0);
}

static int context_new(struct rtcroom *r, const struct place *p, bool own, struct rtcroom_context **ret)
{
        struct rtcroom_context *c = calloc(1, sizeof(*c));
        int k;

        if (!c)
                return fail_with(r, -ENOMEM, NULL);
        *c = (struct rtcroom_context){ .r = r, .refs = 1, .own = own, .number = p->number };
        strcpy(c->path, p->path);
        strcpy(c->owner, p->owner);
        k = sd_bus_match_signal(r->bus, &c->match, c->owner, c->path, IFACE("Context"), NULL, context_on_signal, c);
        if (k >= 0) /* sent to us alone, or a copy: nothing to be asked of the bus */
                k = sd_bus_match_signal_async(r->bus, &c->voice_match, c->owner, c->path, IFACE("Voice"),
                                              "MessageReceived", message_on_signal, NULL, c);
        if (k < 0) {
                sd_bus_slot_unref(c->match);
                free(c);
                return fail_with_errno(r, k);
        }
        c->next = r->contexts;
        r->contexts = c;
        *ret = c;
        return 0;
}

static int call_create(struct rtcroom *r, const char *app_id, const char *server, struct place *ret)
{
        sd_bus_error error = SD_BUS_ERROR_NULL;
        sd_bus_message *reply = NULL;
        const char *path;
        int k;

        if (server)
                k = sd_bus_call_method(r->bus, BUS_NAME, ROOT_PATH, IFACE("Manager"), "CreateRtcRoomContext", &error,
                                       &reply, "a{sv}", 2, "appId", "s", app_id, "server", "s", server);
        else
                k = sd_bus_call_method(r->bus, BUS_NAME, ROOT_PATH, IFACE("Manager"), "CreateRtcRoomContext", &error,
                                       &reply, "a{sv}", 1, "appId", "s", app_id);
        if (k < 0)
                k = fail_with_bus_error(r, k, &error);
        else if ((k = sd_bus_message_read(reply, "o", &path)) < 0 ||
                 (k = place_init(ret, path, sd_bus_message_get_sender(reply))) < 0)
                k = fail_with_errno(r, k);
        sd_bus_message_unref(reply);
        sd_bus_error_free(&error);
        return k < 0 ? k : 0;
}

int rtcroom_create_context(struct rtcroom *r, const char *app_id, const char *server, struct rtcroom_context **ret)
{
        struct place place;
        int k;

        if (!r || !app_id || !ret)
                return -EINVAL;
        k = call_create(r, app_id, server, &place);
        if (k < 0)
                return k;
        k = context_new(r, &place, true, ret);
        if (k < 0)
                send_destroy(r, place.owner, place.path);
        return k;
}

struct search {
        uint32_t number; /* 0: any with a room */
        bool is_found;
        struct place place;
};

static int look_at_object(sd_bus_message *m, const char *path, void *ctx)
{
        struct search *s = ctx;
        struct place place;
        char state[16] = "";
        const struct field fields[] = { FIELD_TEXT("State", state) };
        int k = properties_read_interfaces(m, IFACE("Context"), fields, N_FIELDS(fields));

        if (k < 0)
                return k;
        if (s->is_found || place_init(&place, path, sd_bus_message_get_sender(m)) < 0) /* a participant, say */
                return 0;
        if (s->number ? place.number == s->number
                      : *state && strcmp(state, "idle") != 0 && strcmp(state, "destroyed") != 0) {
                s->is_found = true;
                s->place = place;
        }
        return 0;
}

int rtcroom_attach_context(struct rtcroom *r, uint32_t number, struct rtcroom_context **ret)
{
        struct search s = { .number = number };
        int k;

        if (!r || !ret)
                return -EINVAL;
        k = properties_walk_objects(r, BUS_NAME, look_at_object, &s);
        if (k >= 0 && !s.is_found)
                k = fail_with(r, -ENOENT, number ? "there is no such context" : "there is no room");
        return k < 0 ? k : context_new(r, &s.place, false, ret);
}

struct rtcroom_context *rtcroom_context_free(struct rtcroom_context *c)
{
        struct rtcroom_context **at;

        if (!c || c->freed)
                return NULL;
        c->freed = true;
        for (at = &c->r->contexts; *at != c;)
                at = &(*at)->next;
        *at = c->next;
        request_drop_all(c);
        c->match = sd_bus_slot_unref(c->match);
        c->voice_match = sd_bus_slot_unref(c->voice_match);
        if (c->own && !c->gone)
                send_destroy(c->r, c->owner, c->path);
        return context_unref(c);
}

uint32_t rtcroom_context_get_number(const struct rtcroom_context *c)
{
        return c ? c->number : 0;
}

void rtcroom_context_set_events(struct rtcroom_context *c, const struct rtcroom_events *ev, void *user)
{
        if (!c)
                return;
        c->ev = ev;
        c->user = user;
}

typedef void (*list_fn)(struct rtcroom_context *c, const char *const *user_ids, void *user);

static void on_list(struct rtcroom_context *c, sd_bus_message *m, list_fn fn)
{
        char **ids = NULL, *none = NULL;

        if (!fn || sd_bus_message_read_strv(m, &ids) < 0)
                return;
        fn(c, (const char *const *)(ids ? ids : &none), c->user);
        for (char **p = ids; p && *p; p++)
                free(*p);
        free(ids);
}

static void on_code(struct rtcroom_context *c, sd_bus_message *m,
                    void (*fn)(struct rtcroom_context *c, int err_no, const char *err_msg, void *user))
{
        int err_no;
        const char *err_msg;

        if (fn && sd_bus_message_read(m, "is", &err_no, &err_msg) >= 0)
                fn(c, err_no, err_msg, c->user);
}

static int read_quality(sd_bus_message *m, struct rtcroom_quality *q)
{
        const struct field fields[] = {
                FIELD_TEXT("userId", q->user_id),           FIELD_VALUE("lossRate", 'd', q->loss_rate),
                FIELD_VALUE("rtt", 'u', q->rtt_ms),         FIELD_VALUE("bitrate", 'u', q->bitrate),
                FIELD_VALUE("txQuality", 'u', q->tx_grade), FIELD_VALUE("rxQuality", 'u', q->rx_grade),
        };

        memset(q, 0, sizeof(*q));
        return properties_read(m, fields, N_FIELDS(fields));
}

/* The message's end or want of memory end the list. */
static int read_qualities(sd_bus_message *m, struct rtcroom_quality **list, size_t *n)
{
        struct rtcroom_quality *more;
        int k = sd_bus_message_enter_container(m, 'a', "a{sv}");

        while (k >= 0 && !sd_bus_message_at_end(m, false)) {
                more = realloc(*list, (*n + 1) * sizeof(*more));
                if (!more)
                        return -ENOMEM;
                *list = more;
                k = read_quality(m, &more[*n]);
                *n += k >= 0;
        }
        return k;
}

static void on_quality(struct rtcroom_context *c, sd_bus_message *m, const struct rtcroom_events *ev)
{
        struct rtcroom_quality local, *remote = NULL;
        size_t n = 0;

        if (ev->network_quality && read_quality(m, &local) >= 0 && read_qualities(m, &remote, &n) >= 0)
                ev->network_quality(c, &local, remote, n, c->user);
        free(remote);
}

static void on_event(struct rtcroom_context *c, const struct rtcroom_events *ev, sd_bus_message *m, const char *member)
{
        if (strcmp(member, "RtcChatMembersChanged") == 0)
                on_list(c, m, ev->members_changed);
        else if (strcmp(member, "RtcChatSpeakersChanged") == 0)
                on_list(c, m, ev->speakers_changed);
        else if (strcmp(member, "RtcVideoMembersChanged") == 0)
                on_list(c, m, ev->video_members_changed);
        else if (strcmp(member, "RtcPublishScreenMembersChanged") == 0)
                on_list(c, m, ev->screen_members_changed);
        else if (strcmp(member, "RtcStateChanged") == 0)
                on_code(c, m, ev->state_changed);
        else if (strcmp(member, "RtcChatInterrupted") == 0)
                on_code(c, m, ev->interrupted);
        else if (strcmp(member, "RoomTokenWillExpire") == 0 && ev->token_will_expire)
                ev->token_will_expire(c, c->user);
        else if (strcmp(member, "NetworkQuality") == 0)
                on_quality(c, m, ev);
}

int context_on_signal(sd_bus_message *m, void *ctx, sd_bus_error *error)
{
        struct rtcroom_context *c = ctx;
        const char *member = sd_bus_message_get_member(m);

        (void)error;
        context_ref(c);
        if (strcmp(member, "Completed") == 0)
                request_on_completed(c, m);
        else if (c->ev)
                on_event(c, c->ev, m, member);
        context_unref(c);
        return 0;
}
