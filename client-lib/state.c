/* state.c - reading and setting state: properties of Context, Voice and Participant, statistics. See rtcroom.h.
 *
 * Calls here block for the daemon's answer.
 */
#include "internal.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int rtcroom_context_get_state(struct rtcroom_context *c, struct rtcroom_state *ret)
{
        struct rtcroom_state s = { .app_id = "" };
        const struct field context[] = {
                FIELD_TEXT("AppId", s.app_id),
                FIELD_TEXT("Server", s.server),
                FIELD_TEXT("Engine", s.engine),
                FIELD_TEXT("State", s.state),
                FIELD_TEXT("RoomId", s.room_id),
                FIELD_TEXT("UserId", s.user_id),
                FIELD_VALUE("AudioCapture", 'b', s.audio_capture),
                FIELD_VALUE("AudioPublished", 'b', s.audio_published),
                FIELD_VALUE("Visible", 'b', s.visible),
                FIELD_VALUE("TokenExpiresAt", 't', s.token_expires_at),
        };
        const struct field voice[] = {
                FIELD_VALUE("Muted", 'b', s.muted),
                FIELD_VALUE("Deafened", 'b', s.deafened),
                FIELD_TEXT("TransmitMode", s.transmit_mode),
                FIELD_VALUE("Talking", 'b', s.talking),
        };
        int k;

        if (!c || c->freed || !ret)
                return -EINVAL;
        k = properties_get_all(c, IFACE("Context"), context, N_FIELDS(context));
        if (k >= 0)
                k = properties_get_all(c, IFACE("Voice"), voice, N_FIELDS(voice));
        if (k >= 0)
                *ret = s;
        return k;
}

/* type and value as for sd_bus_message_append. */
static int set_property(struct rtcroom_context *c, const char *path, const char *iface, const char *name, int boolean,
                        double number, char type)
{
        sd_bus_error error = SD_BUS_ERROR_NULL;
        int k;

        if (type == 'b')
                k = sd_bus_set_property(c->r->bus, c->owner, path, iface, name, &error, "b", boolean);
        else
                k = sd_bus_set_property(c->r->bus, c->owner, path, iface, name, &error, "d", number);
        if (k < 0)
                k = fail_with_bus_error(c->r, k, &error);
        sd_bus_error_free(&error);
        return k < 0 ? k : 0;
}

int rtcroom_context_set_muted(struct rtcroom_context *c, bool muted)
{
        return c && !c->freed ? set_property(c, c->path, IFACE("Voice"), "Muted", muted, 0, 'b') : -EINVAL;
}

int rtcroom_context_set_deafened(struct rtcroom_context *c, bool deafened)
{
        return c && !c->freed ? set_property(c, c->path, IFACE("Voice"), "Deafened", deafened, 0, 'b') : -EINVAL;
}

/* ---- what is sent ---- */

int rtcroom_context_set_transmit_mode(struct rtcroom_context *c, const char *mode)
{
        sd_bus_error error = SD_BUS_ERROR_NULL;
        int k;

        if (!c || c->freed || !mode)
                return -EINVAL;
        k = sd_bus_set_property(c->r->bus, c->owner, c->path, IFACE("Voice"), "TransmitMode", &error, "s", mode);
        if (k < 0)
                k = fail_with_bus_error(c->r, k, &error);
        sd_bus_error_free(&error);
        return k < 0 ? k : 0;
}

static int call_voice(struct rtcroom_context *c, const char *method)
{
        sd_bus_error error = SD_BUS_ERROR_NULL;
        int k;

        if (!c || c->freed)
                return -EINVAL;
        k = sd_bus_call_method(c->r->bus, c->owner, c->path, IFACE("Voice"), method, &error, NULL, "");
        if (k < 0)
                k = fail_with_bus_error(c->r, k, &error);
        sd_bus_error_free(&error);
        return k < 0 ? k : 0;
}

int rtcroom_context_start_talking(struct rtcroom_context *c)
{
        return call_voice(c, "StartTalking");
}

int rtcroom_context_stop_talking(struct rtcroom_context *c)
{
        return call_voice(c, "StopTalking");
}

/* ---- participants ---- */

/* What a walk over the objects gathers: the participants below one context, with their numbers for the order. */
struct found {
        struct rtcroom_participant p;
        unsigned number;
};
struct gathering {
        char prefix[80];
        struct found *list; /* owned */
        size_t n, room;
};

static int gather(sd_bus_message *m, const char *path, void *ctx)
{
        struct gathering *g = ctx;
        struct found *f = g->list;
        size_t len = strlen(g->prefix);

        if (strncmp(path, g->prefix, len) != 0)
                return sd_bus_message_skip(m, "a{sa{sv}}");
        if (g->n == g->room) {
                f = realloc(f, (g->room + 16) * sizeof(*f));
                if (!f)
                        return -ENOMEM;
                g->list = f;
                g->room += 16;
        }
        f = &g->list[g->n++];
        memset(f, 0, sizeof(*f));
        f->number = (unsigned)strtoul(path + len, NULL, 10);
        const struct field fields[] = {
                FIELD_TEXT("UserId", f->p.user_id),
                FIELD_TEXT("NodeName", f->p.node_name),
                FIELD_TEXT("Encryption", f->p.encryption),
                FIELD_TEXT("Name", f->p.name),
                FIELD_VALUE("Self", 'b', f->p.self),
                FIELD_VALUE("Speaking", 'b', f->p.speaking),
                FIELD_VALUE("AudioPublished", 'b', f->p.audio_published),
                FIELD_VALUE("AudioSubscribed", 'b', f->p.audio_subscribed),
                FIELD_VALUE("AudioMuted", 'b', f->p.audio_muted),
                FIELD_VALUE("Muted", 'b', f->p.muted),
                FIELD_VALUE("Level", 'd', f->p.level),
                FIELD_VALUE("Volume", 'd', f->p.volume),
                FIELD_VALUE("Quality", 'u', f->p.quality),
                FIELD_VALUE("NodeSerial", 't', f->p.node_serial),
        };
        return properties_read_interfaces(m, IFACE("Participant"), fields, N_FIELDS(fields));
}

/* Participants are numbered in join order. */
static int compare_found(const void *a, const void *b)
{
        const struct found *x = a, *y = b;

        return (x->number > y->number) - (x->number < y->number);
}

/* The list is the caller's to free, also after a failure. */
static int gather_participants(struct rtcroom_context *c, struct gathering *ret)
{
        int k;

        *ret = (struct gathering){ .n = 0 };
        snprintf(ret->prefix, sizeof(ret->prefix), "%s/participant/", c->path);
        k = properties_walk_objects(c->r, c->owner, gather, ret);
        if (k >= 0 && ret->n > 1)
                qsort(ret->list, ret->n, sizeof(*ret->list), compare_found);
        return k;
}

int rtcroom_context_get_participants(struct rtcroom_context *c, struct rtcroom_participant **ret, size_t *ret_n)
{
        struct rtcroom_participant *list = NULL;
        struct gathering g;
        int k;

        if (!c || c->freed || !ret || !ret_n)
                return -EINVAL;
        k = gather_participants(c, &g);
        if (k >= 0) {
                list = calloc(g.n ? g.n : 1, sizeof(*list));
                if (!list)
                        k = fail_with(c->r, -ENOMEM, NULL);
        }
        if (k >= 0) {
                for (size_t i = 0; i < g.n; i++)
                        list[i] = g.list[i].p;
                *ret = list;
                *ret_n = g.n;
        }
        free(g.list);
        return k;
}

static int find_participant(struct rtcroom_context *c, const char *user_id, char *path, size_t size)
{
        struct gathering g;
        int k = gather_participants(c, &g);

        if (k >= 0) {
                k = fail_with(c->r, -ENOENT, "nobody of that name is in the room");
                for (size_t i = 0; k < 0 && i < g.n; i++)
                        if (strcmp(g.list[i].p.user_id, user_id) == 0) {
                                int n = snprintf(path, size, "%s%u", g.prefix, g.list[i].number);

                                k = n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
                        }
        }
        free(g.list);
        return k;
}

int rtcroom_context_set_volume(struct rtcroom_context *c, const char *user_id, double volume)
{
        char path[128];
        int k;

        if (!c || c->freed || !user_id || !isfinite(volume))
                return -EINVAL;
        k = find_participant(c, user_id, path, sizeof(path));
        return k < 0 ? k : set_property(c, path, IFACE("Participant"), "Volume", 0, volume, 'd');
}

int rtcroom_context_set_participant_muted(struct rtcroom_context *c, const char *user_id, bool muted)
{
        char path[128];
        int k;

        if (!c || c->freed || !user_id)
                return -EINVAL;
        k = find_participant(c, user_id, path, sizeof(path));
        return k < 0 ? k : set_property(c, path, IFACE("Participant"), "Muted", muted, 0, 'b');
}

/* One property of somebody; 0 and a message to be freed, positioned at its value. */
static int get_property(struct rtcroom_context *c, const char *user_id, const char *property, const char *type,
                        sd_bus_message **ret)
{
        sd_bus_error error = SD_BUS_ERROR_NULL;
        char path[128];
        int k = find_participant(c, user_id, path, sizeof(path));

        if (k < 0)
                return k;
        k = sd_bus_get_property(c->r->bus, c->owner, path, IFACE("Participant"), property, &error, ret, type);
        if (k < 0)
                k = fail_with_bus_error(c->r, k, &error);
        sd_bus_error_free(&error);
        return k < 0 ? k : 0;
}

int rtcroom_context_get_metadata(struct rtcroom_context *c, const char *user_id, char **ret)
{
        sd_bus_message *reply = NULL;
        const char *text;
        char *copy;
        int k;

        if (!c || c->freed || !user_id || !ret)
                return -EINVAL;
        k = get_property(c, user_id, "Metadata", "s", &reply);
        if (k >= 0 && (k = sd_bus_message_read(reply, "s", &text)) < 0)
                k = fail_with_errno(c->r, k);
        if (k >= 0) {
                copy = strdup(text);
                k = copy ? 0 : fail_with(c->r, -ENOMEM, NULL);
                if (copy)
                        *ret = copy;
        }
        sd_bus_message_unref(reply);
        return k;
}

int rtcroom_context_get_attributes(struct rtcroom_context *c, const char *user_id, rtcroom_attribute_fn fn, void *user)
{
        sd_bus_message *reply = NULL;
        const char *key, *value;
        int k;

        if (!c || c->freed || !user_id || !fn)
                return -EINVAL;
        k = get_property(c, user_id, "Attributes", "a{ss}", &reply);
        if (k < 0)
                return k;
        k = sd_bus_message_enter_container(reply, 'a', "{ss}");
        while (k >= 0 && (k = sd_bus_message_read(reply, "{ss}", &key, &value)) > 0)
                fn(key, value, user);
        sd_bus_message_unref(reply);
        return k < 0 ? fail_with_errno(c->r, k) : 0;
}

/* ---- statistics: a tree of dictionaries, walked ---- */

static int walk_dict(sd_bus_message *m, const char *object, rtcroom_stat_fn fn, void *user, unsigned depth);

static int walk_number(sd_bus_message *m, char type, double *ret)
{
        union {
                uint8_t y;
                int boolean;
                int16_t n;
                uint16_t q;
                int32_t i;
                uint32_t u;
                int64_t x;
                uint64_t t;
                double d;
        } v;
        int k = sd_bus_message_read_basic(m, type, &v);

        if (k < 0)
                return k;
        switch (type) {
        case 'y': *ret = v.y; break;
        case 'b': *ret = v.boolean; break;
        case 'n': *ret = v.n; break;
        case 'q': *ret = v.q; break;
        case 'i': *ret = v.i; break;
        case 'u': *ret = v.u; break;
        case 'x': *ret = (double)v.x; break;
        case 't': *ret = (double)v.t; break;
        default: *ret = v.d; break;
        }
        return 0;
}

/* An array of dictionaries: "inbound-rtp" → inbound-rtp.0, inbound-rtp.1 … */
static int walk_array(sd_bus_message *m, const char *object, rtcroom_stat_fn fn, void *user, unsigned depth)
{
        char name[160];
        int k = sd_bus_message_enter_container(m, 'a', "a{sv}");

        for (unsigned i = 0; k >= 0 && !sd_bus_message_at_end(m, 0); i++) {
                snprintf(name, sizeof(name), "%s.%u", object, i);
                k = walk_dict(m, name, fn, user, depth + 1);
        }
        return k < 0 ? k : sd_bus_message_exit_container(m);
}

static int walk_value(sd_bus_message *m, const char *object, const char *name, rtcroom_stat_fn fn, void *user,
                      unsigned depth)
{
        const char *contents, *text;
        double number = 0;
        int k = sd_bus_message_peek_type(m, NULL, &contents);

        if (k < 0)
                return k;
        if (strcmp(contents, "a{sv}") != 0 && strcmp(contents, "aa{sv}") != 0 && !strchr("sybnqiuxtd", contents[0]))
                return sd_bus_message_skip(m, "v");
        k = sd_bus_message_enter_container(m, 'v', contents);
        if (k < 0)
                return k;
        if (strcmp(contents, "a{sv}") == 0) {
                k = walk_dict(m, name, fn, user, depth + 1);
        } else if (strcmp(contents, "aa{sv}") == 0) {
                k = walk_array(m, name, fn, user, depth + 1);
        } else if (strcmp(contents, "s") == 0) {
                k = sd_bus_message_read(m, "s", &text);
                if (k >= 0)
                        fn(object, name, 0, text, user);
        } else {
                k = walk_number(m, contents[0], &number);
                if (k >= 0)
                        fn(object, name, number, NULL, user);
        }
        return k < 0 ? k : sd_bus_message_exit_container(m);
}

static int walk_dict(sd_bus_message *m, const char *object, rtcroom_stat_fn fn, void *user, unsigned depth)
{
        const char *name;
        int k = depth > 4 ? -EBADMSG : sd_bus_message_enter_container(m, 'a', "{sv}");

        while (k >= 0 && (k = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
                if ((k = sd_bus_message_read(m, "s", &name)) < 0 ||
                    (k = walk_value(m, object, name, fn, user, depth)) < 0)
                        return k;
                k = sd_bus_message_exit_container(m);
        }
        return k < 0 ? k : sd_bus_message_exit_container(m);
}

int rtcroom_context_get_stats(struct rtcroom_context *c, rtcroom_stat_fn fn, void *user)
{
        sd_bus_error error = SD_BUS_ERROR_NULL;
        sd_bus_message *reply = NULL;
        int k;

        if (!c || c->freed || !fn)
                return -EINVAL;
        k = sd_bus_call_method(c->r->bus, c->owner, c->path, IFACE("Voice"), "GetStats", &error, &reply, "");
        if (k < 0)
                k = fail_with_bus_error(c->r, k, &error);
        else if ((k = walk_dict(reply, "", fn, user, 0)) < 0)
                k = fail_with_errno(c->r, k);
        sd_bus_message_unref(reply);
        sd_bus_error_free(&error);
        return k < 0 ? k : 0;
}
