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

static int context_new(struct rtcroom *r, const char *path, bool own, struct rtcroom_context **ret)
{
        struct rtcroom_context *c = calloc(1, sizeof(*c));
        int k;

        if (!c)
                return fail_with(r, -ENOMEM, NULL);
        c->r = r;
        c->refs = 1;
        c->own = own;
        snprintf(c->path, sizeof(c->path), "%s", path);
        c->number = (uint32_t)strtoul(strrchr(path, '/') + 1, NULL, 10);
        k = sd_bus_match_signal(r->bus, &c->match, BUS_NAME, c->path, IFACE("Context"), NULL, context_on_signal, c);
        if (k < 0) {
                free(c);
                return fail_with(r, k == -ENOMEM ? k : -ENOTCONN, NULL);
        }
        c->next = r->contexts;
        r->contexts = c;
        *ret = c;
        return 0;
}

/* CreateRtcRoomContext(a{sv}); the reply's path is copied out. */
static int call_create(struct rtcroom *r, const char *app_id, const char *server, char *path, size_t size)
{
        sd_bus_error error = SD_BUS_ERROR_NULL;
        sd_bus_message *reply = NULL;
        const char *got;
        int k;

        if (server)
                k = sd_bus_call_method(r->bus, BUS_NAME, ROOT_PATH, IFACE("Manager"), "CreateRtcRoomContext", &error,
                                       &reply, "a{sv}", 2, "appId", "s", app_id, "server", "s", server);
        else
                k = sd_bus_call_method(r->bus, BUS_NAME, ROOT_PATH, IFACE("Manager"), "CreateRtcRoomContext", &error,
                                       &reply, "a{sv}", 1, "appId", "s", app_id);
        if (k < 0)
                k = fail_with_bus_error(r, k, &error);
        else if ((k = sd_bus_message_read(reply, "o", &got)) < 0)
                k = fail_with(r, -EIO, "the daemon's answer has another form");
        else
                snprintf(path, size, "%s", got);
        sd_bus_message_unref(reply);
        sd_bus_error_free(&error);
        return k < 0 ? k : 0;
}

int rtcroom_create_context(struct rtcroom *r, const char *app_id, const char *server, struct rtcroom_context **ret)
{
        char path[64];
        int k;

        if (!r || !app_id || !ret)
                return -EINVAL;
        k = call_create(r, app_id, server, path, sizeof(path));
        return k < 0 ? k : context_new(r, path, true, ret);
}

static bool has_room(struct rtcroom *r, const char *path)
{
        sd_bus_error error = SD_BUS_ERROR_NULL;
        char *state = NULL;
        bool yes;

        yes = sd_bus_get_property_string(r->bus, BUS_NAME, path, IFACE("Context"), "State", &error, &state) >= 0 &&
              strcmp(state, "idle") != 0 && strcmp(state, "destroyed") != 0;
        free(state);
        sd_bus_error_free(&error);
        return yes;
}

/* Enters each object of a GetManagedObjects reply; the first context with a room wins. */
static int scan_objects(struct rtcroom *r, sd_bus_message *reply, char *path, size_t size)
{
        const char *at;
        unsigned number;
        int k, end;

        k = sd_bus_message_enter_container(reply, 'a', "{oa{sa{sv}}}");
        while (k >= 0 && (k = sd_bus_message_enter_container(reply, 'e', "oa{sa{sv}}")) > 0) {
                if ((k = sd_bus_message_read(reply, "o", &at)) < 0 ||
                    (k = sd_bus_message_skip(reply, "a{sa{sv}}")) < 0 ||
                    (k = sd_bus_message_exit_container(reply)) < 0)
                        break;
                end = 0;
                if (sscanf(at, ROOT_PATH "/context/%u%n", &number, &end) == 1 && !at[end] && has_room(r, at)) {
                        snprintf(path, size, "%s", at);
                        return 0;
                }
        }
        return k < 0 ? fail_with(r, -EIO, NULL) : fail_with(r, -ENOENT, "there is no room");
}

static int find_room(struct rtcroom *r, char *path, size_t size)
{
        sd_bus_error error = SD_BUS_ERROR_NULL;
        sd_bus_message *reply = NULL;
        int k;

        k = sd_bus_call_method(r->bus, BUS_NAME, ROOT_PATH, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects",
                               &error, &reply, "");
        k = k < 0 ? fail_with_bus_error(r, k, &error) : scan_objects(r, reply, path, size);
        sd_bus_message_unref(reply);
        sd_bus_error_free(&error);
        return k;
}

int rtcroom_attach_context(struct rtcroom *r, uint32_t number, struct rtcroom_context **ret)
{
        sd_bus_error error = SD_BUS_ERROR_NULL;
        char path[64], *state = NULL;
        int k;

        if (!r || !ret)
                return -EINVAL;
        if (number == 0) {
                k = find_room(r, path, sizeof(path));
        } else {
                snprintf(path, sizeof(path), ROOT_PATH "/context/%u", number);
                k = sd_bus_get_property_string(r->bus, BUS_NAME, path, IFACE("Context"), "State", &error, &state);
                k = k < 0 ? fail_with_bus_error(r, k, &error) : 0;
                free(state);
                sd_bus_error_free(&error);
        }
        return k < 0 ? k : context_new(r, path, false, ret);
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
        if (c->own) /* no answer is wanted: the daemon completes to nobody */
                (void)sd_bus_call_method_async(c->r->bus, NULL, BUS_NAME, c->path, IFACE("Context"), "Destroy", NULL,
                                               NULL, "a{sv}", 0);
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
}

int context_on_signal(sd_bus_message *m, void *ctx, sd_bus_error *error)
{
        struct rtcroom_context *c = ctx;
        const char *member = sd_bus_message_get_member(m);

        (void)error;
        context_ref(c);
        if (strcmp(member, "Completed") == 0)
                (void)request_on_completed(c, m); /* not ours: another program's request */
        else if (c->ev)
                on_event(c, c->ev, m, member);
        context_unref(c);
        return 0;
}
