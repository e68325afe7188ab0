/* rtcroom.c - the connection: bus, loop hooks, errors. See rtcroom.h.
 *
 * A connection owns its contexts. When the daemon's name changes hands, or the bus goes away, its requests fail and
 * then every context is told `gone`: a new daemon knows nothing of them.
 */
#include "internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DRIVER "org.freedesktop.DBus" /* the bus itself */

int fail_with(struct rtcroom *r, int err, const char *words)
{
        snprintf(r->error, sizeof(r->error), "%s", words ? words : strerror(-err));
        return err;
}

int fail_with_errno(struct rtcroom *r, int err)
{
        switch (err) {
        case -EINVAL:
        case -ENOMEM:
        case -ETIMEDOUT: return fail_with(r, err, NULL);
        case -ECONNREFUSED:
        case -ECONNRESET:
        case -ENOTCONN:
        case -EPIPE:
        case -ESHUTDOWN: return fail_with(r, -ENOTCONN, "the session bus is gone");
        case -EBADMSG:
        case -ENXIO: return fail_with(r, -EIO, "the daemon's answer has another form");
        default: return fail_with(r, -EIO, strerror(-err));
        }
}

int fail_with_bus_error(struct rtcroom *r, int err, const sd_bus_error *error)
{
        static const struct {
                const char *name;
                int err;
        } map[] = {
                { SD_BUS_ERROR_ACCESS_DENIED, -EACCES },       { BUS_NAME ".Error.AuthDenied", -EACCES },
                { SD_BUS_ERROR_UNKNOWN_OBJECT, -ENOENT },      { SD_BUS_ERROR_UNKNOWN_METHOD, -ENOENT },
                { SD_BUS_ERROR_INVALID_ARGS, -EINVAL },        { BUS_NAME ".Error.InvalidParams", -EINVAL },
                { BUS_NAME ".Error.LimitsExceeded", -EDQUOT }, { SD_BUS_ERROR_NO_REPLY, -ETIMEDOUT },
                { SD_BUS_ERROR_TIMEOUT, -ETIMEDOUT },          { SD_BUS_ERROR_SERVICE_UNKNOWN, -ENOENT },
                { SD_BUS_ERROR_NAME_HAS_NO_OWNER, -ENOENT },
        };

        for (size_t i = 0; error->name && i < sizeof(map) / sizeof(map[0]); i++)
                if (strcmp(error->name, map[i].name) == 0)
                        return fail_with(r, map[i].err, error->message);
        /* sd-bus gives its own failures a name too. */
        if (!error->name || strncmp(error->name, "System.Error.", strlen("System.Error.")) == 0)
                return fail_with_errno(r, err);
        return fail_with(r, -EIO, error->message);
}

static void tell_gone(struct rtcroom_context *c)
{
        context_ref(c);
        c->gone = true;
        request_fail_all(c);
        if (!c->freed && c->ev && c->ev->gone)
                c->ev->gone(c, c->user);
        context_unref(c);
}

/* Tells the contexts of one daemon (NULL: of any). Marked first, as a callback may free any of them and make new ones.
 */
static void tell_all_gone(struct rtcroom *r, const char *owner)
{
        struct rtcroom_context *c;

        for (c = r->contexts; c; c = c->next)
                c->to_be_told = !c->gone && (!owner || strcmp(c->owner, owner) == 0);
        for (c = r->contexts; c;) {
                if (!c->to_be_told) {
                        c = c->next;
                        continue;
                }
                c->to_be_told = false;
                tell_gone(c);
                c = r->contexts; /* from the start: the list may be another one */
        }
}

static int on_name_owner(sd_bus_message *m, void *ctx, sd_bus_error *error)
{
        struct rtcroom *r = ctx;
        const char *name, *old_owner, *new_owner, *sender = sd_bus_message_get_sender(m);

        (void)error;
        /* Any program can send us this signal; the bus alone knows. */
        if (!sender || strcmp(sender, DRIVER) != 0)
                return 0;
        if (sd_bus_message_read(m, "sss", &name, &old_owner, &new_owner) < 0 || strcmp(name, BUS_NAME) != 0 ||
            !*old_owner)
                return 0;
        if (r->room_fn)
                r->room_fn(r, false, r->room_user);
        tell_all_gone(r, old_owner);
        return 0;
}

int rtcroom_open(struct rtcroom **ret)
{
        struct rtcroom *r;
        int k;

        if (!ret)
                return -EINVAL;
        r = calloc(1, sizeof(*r));
        if (!r)
                return -ENOMEM;
        k = sd_bus_open_user(&r->bus);
        if (k >= 0)
                k = sd_bus_add_match(r->bus, &r->name_slot,
                                     "type='signal',sender='" DRIVER
                                     "',path='/org/freedesktop/DBus',interface='" DRIVER
                                     "',member='NameOwnerChanged',arg0='" BUS_NAME "'",
                                     on_name_owner, r);
        if (k < 0) {
                rtcroom_close(r);
                return k == -ENOMEM ? k : -ENOTCONN;
        }
        *ret = r;
        return 0;
}

struct rtcroom *rtcroom_close(struct rtcroom *r)
{
        if (!r)
                return NULL;
        while (r->contexts)
                rtcroom_context_free(r->contexts);
        sd_bus_slot_unref(r->name_slot);
        sd_bus_slot_unref(r->room_slot);
        sd_bus_flush_close_unref(r->bus);
        free(r);
        return NULL;
}

int rtcroom_get_fd(struct rtcroom *r)
{
        int k;

        if (!r)
                return -EINVAL;
        k = sd_bus_get_fd(r->bus);
        return k < 0 ? fail_with_errno(r, k) : k;
}

int rtcroom_get_events(struct rtcroom *r)
{
        int k;

        if (!r)
                return -EINVAL;
        k = sd_bus_get_events(r->bus);
        return k < 0 ? fail_with_errno(r, k) : k;
}

int rtcroom_get_timeout(struct rtcroom *r, uint64_t *ret_us)
{
        uint64_t due_us = UINT64_MAX;
        int k;

        if (!r || !ret_us)
                return -EINVAL;
        k = sd_bus_get_timeout(r->bus, &due_us);
        if (k < 0)
                return fail_with_errno(r, k);
        *ret_us = k > 0 ? due_us : UINT64_MAX;
        return 0;
}

int rtcroom_dispatch(struct rtcroom *r)
{
        int k;

        if (!r)
                return -EINVAL;
        k = sd_bus_process(r->bus, NULL);
        if (k == -EBUSY) /* inside a callback */
                return fail_with(r, -EINVAL, "callbacks cannot dispatch");
        if (k == -ENOMEM)
                return fail_with(r, k, NULL);
        if (k >= 0 && sd_bus_is_open(r->bus) > 0)
                return k > 0;
        sd_bus_close(r->bus); /* also after a message that cannot be read: what follows it could not be either */
        tell_all_gone(r, NULL);
        return fail_with(r, -ENOTCONN, "the session bus is gone");
}

int rtcroom_wait(struct rtcroom *r, uint64_t timeout_us)
{
        int k = rtcroom_dispatch(r);

        if (k != 0)
                return k;
        k = sd_bus_wait(r->bus, timeout_us);
        return k == -EINTR || k == 0 ? 0 : rtcroom_dispatch(r); /* which says what is wrong with the bus */
}

const char *rtcroom_last_error(struct rtcroom *r)
{
        return r ? r->error : "";
}

const char *rtcroom_version(void)
{
        return RTCROOM_VERSION;
}

int rtcroom_subscribe(struct rtcroom *r)
{
        sd_bus_error error = SD_BUS_ERROR_NULL;
        int k;

        if (!r)
                return -EINVAL;
        k = sd_bus_call_method(r->bus, BUS_NAME, ROOT_PATH, IFACE("Manager"), "Subscribe", &error, NULL, "");
        if (k < 0)
                k = fail_with_bus_error(r, k, &error);
        sd_bus_error_free(&error);
        return k < 0 ? k : 0;
}

/* PropertiesChanged(s interface, a{sv} changed, as invalidated) of the Manager: InRoom is the one value it carries. */
static int on_manager_properties(sd_bus_message *m, void *ctx, sd_bus_error *error)
{
        struct rtcroom *r = ctx;
        const char *iface, *name;
        int k, in_room;

        (void)error;
        if (sd_bus_message_read(m, "s", &iface) < 0 || strcmp(iface, IFACE("Manager")) != 0)
                return 0;
        k = sd_bus_message_enter_container(m, 'a', "{sv}");
        while (k >= 0 && (k = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
                k = sd_bus_message_read(m, "s", &name);
                if (k >= 0 && strcmp(name, "InRoom") == 0) {
                        if (sd_bus_message_read(m, "v", "b", &in_room) >= 0 && r->room_fn)
                                r->room_fn(r, in_room, r->room_user);
                        return 0;
                }
                if (k < 0 || sd_bus_message_skip(m, "v") < 0 || (k = sd_bus_message_exit_container(m)) < 0)
                        return 0;
        }
        return 0;
}

int rtcroom_set_room_watch(struct rtcroom *r, void (*fn)(struct rtcroom *r, bool in_room, void *user), void *user)
{
        int k = 0;

        if (!r)
                return -EINVAL;
        r->room_fn = fn;
        r->room_user = user;
        if (fn && !r->room_slot)
                k = sd_bus_match_signal(r->bus, &r->room_slot, BUS_NAME, ROOT_PATH, "org.freedesktop.DBus.Properties",
                                        "PropertiesChanged", on_manager_properties, r);
        return k < 0 ? fail_with_errno(r, k) : 0;
}
