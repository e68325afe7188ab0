/* state.c - reading and setting state: properties of Context, Voice and Participant, statistics. See rtcroom.h.
 *
 * Every call here is one blocking round trip. A property that is missing or of another type leaves its field at zero:
 * a newer or older daemon may have other ones.
 */
#include "internal.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One property wanted: its name, its D-Bus type, where it goes (a char array with its size, a bool, a double …). */
struct field {
        const char *name;
        char type;
        void *to;
        size_t size; /* of a string */
};

static int read_field(sd_bus_message *m, const struct field *f)
{
        const char *text;
        int k, flag;

        switch (f->type) {
        case 's':
                k = sd_bus_message_read(m, "v", "s", &text);
                if (k >= 0)
                        snprintf(f->to, f->size, "%s", text);
                return k;
        case 'b':
                k = sd_bus_message_read(m, "v", "b", &flag);
                if (k >= 0)
                        *(bool *)f->to = flag;
                return k;
        default: /* d, u, t: the target has the type */
                return sd_bus_message_read(m, "v", (char[]){ f->type, '\0' }, f->to);
        }
}

/* Reads an a{sv} into the fields named. */
static int read_dict(sd_bus_message *m, const struct field *fields, size_t n)
{
        const char *name, *contents;
        int k = sd_bus_message_enter_container(m, 'a', "{sv}");

        while (k >= 0 && (k = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
                const struct field *f = NULL;

                if ((k = sd_bus_message_read(m, "s", &name)) < 0 ||
                    (k = sd_bus_message_peek_type(m, NULL, &contents)) < 0)
                        return k;
                for (size_t i = 0; i < n; i++)
                        if (strcmp(fields[i].name, name) == 0 && contents[0] == fields[i].type)
                                f = &fields[i];
                k = f ? read_field(m, f) : sd_bus_message_skip(m, "v");
                if (k < 0 || (k = sd_bus_message_exit_container(m)) < 0)
                        return k;
        }
        return k < 0 ? k : sd_bus_message_exit_container(m);
}

static int get_all(struct rtcroom *r, const char *path, const char *iface, const struct field *fields, size_t n)
{
        sd_bus_error error = SD_BUS_ERROR_NULL;
        sd_bus_message *reply = NULL;
        int k;

        k = sd_bus_call_method(r->bus, BUS_NAME, path, "org.freedesktop.DBus.Properties", "GetAll", &error, &reply,
                               "s", iface);
        if (k < 0)
                k = fail_with_bus_error(r, k, &error);
        else if (read_dict(reply, fields, n) < 0)
                k = fail_with(r, -EIO, "the daemon's answer has another form");
        sd_bus_message_unref(reply);
        sd_bus_error_free(&error);
        return k < 0 ? k : 0;
}

#define TEXT(name, field)                         \
        {                                         \
                name, 's', (field), sizeof(field) \
        }
#define VALUE(name, type, field)        \
        {                               \
                name, type, &(field), 0 \
        }

int rtcroom_context_get_state(struct rtcroom_context *c, struct rtcroom_state *ret)
{
        struct rtcroom_state s = { .app_id = "" };
        const struct field context[] = {
                TEXT("AppId", s.app_id),
                TEXT("Server", s.server),
                TEXT("Engine", s.engine),
                TEXT("State", s.state),
                TEXT("RoomId", s.room_id),
                TEXT("UserId", s.user_id),
                VALUE("AudioCapture", 'b', s.audio_capture),
                VALUE("AudioPublished", 'b', s.audio_published),
                VALUE("Visible", 'b', s.visible),
                VALUE("TokenExpiresAt", 't', s.token_expires_at),
        };
        const struct field voice[] = { VALUE("Muted", 'b', s.muted), VALUE("Deafened", 'b', s.deafened) };
        int k;

        if (!c || !ret)
                return -EINVAL;
        k = get_all(c->r, c->path, IFACE("Context"), context, sizeof(context) / sizeof(context[0]));
        if (k >= 0)
                k = get_all(c->r, c->path, IFACE("Voice"), voice, sizeof(voice) / sizeof(voice[0]));
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
                k = sd_bus_set_property(c->r->bus, BUS_NAME, path, iface, name, &error, "b", boolean);
        else
                k = sd_bus_set_property(c->r->bus, BUS_NAME, path, iface, name, &error, "d", number);
        if (k < 0)
                k = fail_with_bus_error(c->r, k, &error);
        sd_bus_error_free(&error);
        return k < 0 ? k : 0;
}

int rtcroom_context_set_muted(struct rtcroom_context *c, bool muted)
{
        return c ? set_property(c, c->path, IFACE("Voice"), "Muted", muted, 0, 'b') : -EINVAL;
}

int rtcroom_context_set_deafened(struct rtcroom_context *c, bool deafened)
{
        return c ? set_property(c, c->path, IFACE("Voice"), "Deafened", deafened, 0, 'b') : -EINVAL;
}

/* ---- participants ---- */

struct found {
        char path[96];
        unsigned number;
};

/* The participant objects below the context, in the order of their numbers, which is join order. */
static int compare_found(const void *a, const void *b)
{
        const struct found *x = a, *y = b;

        return (x->number > y->number) - (x->number < y->number);
}

static int read_paths(struct rtcroom_context *c, sd_bus_message *reply, struct found **ret, size_t *ret_n)
{
        struct found *list = NULL, *more;
        char prefix[96];
        const char *at;
        size_t n = 0, len;
        int k;

        len = (size_t)snprintf(prefix, sizeof(prefix), "%s/participant/", c->path);
        k = sd_bus_message_enter_container(reply, 'a', "{oa{sa{sv}}}");
        while (k >= 0 && (k = sd_bus_message_enter_container(reply, 'e', "oa{sa{sv}}")) > 0) {
                if ((k = sd_bus_message_read(reply, "o", &at)) < 0 ||
                    (k = sd_bus_message_skip(reply, "a{sa{sv}}")) < 0 ||
                    (k = sd_bus_message_exit_container(reply)) < 0)
                        break;
                if (strncmp(at, prefix, len) != 0)
                        continue;
                more = realloc(list, (n + 1) * sizeof(*list));
                if (!more) {
                        k = -ENOMEM;
                        break;
                }
                list = more;
                snprintf(list[n].path, sizeof(list[n].path), "%s", at);
                list[n++].number = (unsigned)strtoul(at + len, NULL, 10);
        }
        if (k < 0) {
                free(list);
                return fail_with(c->r, k == -ENOMEM ? k : -EIO, NULL);
        }
        if (n > 1)
                qsort(list, n, sizeof(*list), compare_found);
        *ret = list;
        *ret_n = n;
        return 0;
}

static int find_participants(struct rtcroom_context *c, struct found **ret, size_t *ret_n)
{
        sd_bus_error error = SD_BUS_ERROR_NULL;
        sd_bus_message *reply = NULL;
        int k;

        k = sd_bus_call_method(c->r->bus, BUS_NAME, ROOT_PATH, "org.freedesktop.DBus.ObjectManager",
                               "GetManagedObjects", &error, &reply, "");
        k = k < 0 ? fail_with_bus_error(c->r, k, &error) : read_paths(c, reply, ret, ret_n);
        sd_bus_message_unref(reply);
        sd_bus_error_free(&error);
        return k;
}

static int read_participant(struct rtcroom_context *c, const char *path, struct rtcroom_participant *p)
{
        const struct field fields[] = {
                TEXT("UserId", p->user_id),
                TEXT("NodeName", p->node_name),
                VALUE("Self", 'b', p->self),
                VALUE("Speaking", 'b', p->speaking),
                VALUE("AudioPublished", 'b', p->audio_published),
                VALUE("AudioSubscribed", 'b', p->audio_subscribed),
                VALUE("AudioMuted", 'b', p->audio_muted),
                VALUE("Muted", 'b', p->muted),
                VALUE("Level", 'd', p->level),
                VALUE("Volume", 'd', p->volume),
                VALUE("Quality", 'u', p->quality),
                VALUE("NodeSerial", 't', p->node_serial),
        };

        return get_all(c->r, path, IFACE("Participant"), fields, sizeof(fields) / sizeof(fields[0]));
}

int rtcroom_context_get_participants(struct rtcroom_context *c, struct rtcroom_participant **ret, size_t *ret_n)
{
        struct rtcroom_participant *list;
        struct found *paths = NULL;
        size_t n = 0, kept = 0;
        int k;

        if (!c || !ret || !ret_n)
                return -EINVAL;
        k = find_participants(c, &paths, &n);
        if (k < 0)
                return k;
        list = calloc(n ? n : 1, sizeof(*list));
        if (!list)
                k = fail_with(c->r, -ENOMEM, NULL);
        for (size_t i = 0; k >= 0 && i < n; i++) {
                k = read_participant(c, paths[i].path, &list[kept]);
                if (k >= 0)
                        kept++;
                else if (k == -ENOENT) /* left between the two calls */
                        k = 0;
        }
        free(paths);
        if (k < 0) {
                free(list);
                return k;
        }
        *ret = list;
        *ret_n = kept;
        return 0;
}

static int find_participant(struct rtcroom_context *c, const char *user_id, char *path, size_t size)
{
        struct rtcroom_participant p;
        struct found *paths = NULL;
        size_t n = 0;
        int k;

        k = find_participants(c, &paths, &n);
        for (size_t i = 0; k >= 0 && i < n; i++) {
                memset(&p, 0, sizeof(p));
                if (read_participant(c, paths[i].path, &p) < 0 || strcmp(p.user_id, user_id) != 0)
                        continue;
                snprintf(path, size, "%s", paths[i].path);
                free(paths);
                return 0;
        }
        free(paths);
        return k < 0 ? k : fail_with(c->r, -ENOENT, "nobody of that name is in the room");
}

int rtcroom_context_set_volume(struct rtcroom_context *c, const char *user_id, double volume)
{
        char path[96];
        int k;

        if (!c || !user_id || !isfinite(volume))
                return -EINVAL;
        k = find_participant(c, user_id, path, sizeof(path));
        return k < 0 ? k : set_property(c, path, IFACE("Participant"), "Volume", 0, volume, 'd');
}

int rtcroom_context_set_participant_muted(struct rtcroom_context *c, const char *user_id, bool muted)
{
        char path[96];
        int k;

        if (!c || !user_id)
                return -EINVAL;
        k = find_participant(c, user_id, path, sizeof(path));
        return k < 0 ? k : set_property(c, path, IFACE("Participant"), "Muted", muted, 0, 'b');
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

        if (!c || !fn)
                return -EINVAL;
        k = sd_bus_call_method(c->r->bus, BUS_NAME, c->path, IFACE("Voice"), "GetStats", &error, &reply, "");
        if (k < 0)
                k = fail_with_bus_error(c->r, k, &error);
        else if (walk_dict(reply, "", fn, user, 0) < 0)
                k = fail_with(c->r, -EIO, "the daemon's answer has another form");
        sd_bus_message_unref(reply);
        sd_bus_error_free(&error);
        return k < 0 ? k : 0;
}
