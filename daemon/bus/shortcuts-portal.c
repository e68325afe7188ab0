/* shortcuts-portal.c - see shortcuts-portal.h.
 *
 *   CreateSession → Response { session_handle } → BindShortcuts(session, "push-to-talk") → Activated, Deactivated …
 *
 * One session, for as long as it is wanted: the desktop asks its user which key it shall be, remembers that, and grabs
 * the key only while the session lives. Session and requests are named by us (handle tokens with a number that does
 * not repeat), so that an answer to something given up is recognised, and a session that is not wanted any more is
 * closed before its handle was told.
 *
 * A desktop without such a portal is the usual case and said once, at debug. A portal that goes takes its session
 * along; when one appears it is asked again. Signals count only from the unique name that answered, for sd-bus does
 * not hold the sender of a signal against the match. Control thread; every call is asynchronous.
 */
#include "bus/shortcuts-portal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "bus/bus-caller.h"

LOG_TOPIC("bus/shortcuts-portal");

#define PORTAL_NAME      "org.freedesktop.portal.Desktop"
#define PORTAL_PATH      "/org/freedesktop/portal/desktop"
#define PORTAL_SHORTCUTS "org.freedesktop.portal.GlobalShortcuts"
#define SHORTCUT         "push-to-talk"
#define CALL_TIMEOUT_US  (5 * US_PER_SEC)

enum state { IDLE, CREATING, BINDING, BOUND };

struct shortcuts_portal {
        sd_bus *bus;
        struct bus_loop *bus_loop;
        struct manager *manager;
        struct shortcut_ops ops;
        bool wanted, told_absent;
        enum state state;
        unsigned number;   /* of the request and the session under way */
        char owner[256];   /* of the portal that answered; "": none has */
        char session[256]; /* its object path, "" before CreateSession was answered */
        sd_bus_slot *call, *response, *keys, *closed, *owner_changed; /* owned */
};

/* Back to nothing, whatever was under way. The session is not told. */
static void drop(struct shortcuts_portal *p)
{
        p->call = sd_bus_slot_unref(p->call);
        p->response = sd_bus_slot_unref(p->response);
        p->keys = sd_bus_slot_unref(p->keys);
        p->closed = sd_bus_slot_unref(p->closed);
        p->owner[0] = p->session[0] = '\0';
        if (p->state == BOUND)
                manager_shortcut(p->manager, false); /* nobody would tell us that it goes up */
        p->state = IDLE;
}

static void give_up(struct shortcuts_portal *p, const char *why)
{
        if (!p->told_absent)
                log_debug("no key for push-to-talk from the desktop: %s", why);
        p->told_absent = true;
        drop(p);
}

/* The path of a request or session of ours, which the portal derives from our name and the token. */
static int path_of(const struct shortcuts_portal *p, const char *kind, char *buf, size_t size)
{
        char name[256];
        const char *unique;
        int r = sd_bus_get_unique_name(p->bus, &unique);

        if (r < 0)
                return r;
        (void)snprintf(name, sizeof(name), "%s", unique[0] == ':' ? unique + 1 : unique);
        for (char *ch = name; *ch; ch++)
                if (*ch == '.')
                        *ch = '_';
        r = snprintf(buf, size, PORTAL_PATH "/%s/%s/rtcroomd%u", kind, name, p->number);
        return r < 0 || (size_t)r >= size ? -ENAMETOOLONG : 0;
}

static bool is_from_portal(const struct shortcuts_portal *p, sd_bus_message *m)
{
        const char *sender = sd_bus_message_get_sender(m);

        return sender && strcmp(sender, p->owner) == 0;
}

/* Closes what there is or will be at that path; no answer is awaited. */
static void close_object(struct shortcuts_portal *p, const char *path, const char *interface)
{
        (void)sd_bus_call_method_async(p->bus, NULL, PORTAL_NAME, path, interface, "Close", NULL, NULL, "");
        bus_loop_rearm(p->bus_loop);
}

/* ---- the keys ---- */

static int on_key(sd_bus_message *m, void *ctx, sd_bus_error *error)
{
        struct shortcuts_portal *p = ctx;
        const char *session, *shortcut;

        (void)error;
        if (!is_from_portal(p, m) || sd_bus_message_read(m, "os", &session, &shortcut) < 0 ||
            strcmp(session, p->session) != 0 || strcmp(shortcut, SHORTCUT) != 0)
                return 0;
        if (strcmp(sd_bus_message_get_member(m), "Activated") == 0)
                manager_shortcut(p->manager, true);
        else if (strcmp(sd_bus_message_get_member(m), "Deactivated") == 0)
                manager_shortcut(p->manager, false);
        return 0;
}

static int on_closed(sd_bus_message *m, void *ctx, sd_bus_error *error)
{
        struct shortcuts_portal *p = ctx;

        (void)error;
        if (is_from_portal(p, m))
                give_up(p, "the desktop closed the session");
        return 0;
}

static int watch(struct shortcuts_portal *p)
{
        char closed[512];
        int r = sd_bus_add_match_async(p->bus, &p->keys,
                                       "type='signal',sender='" PORTAL_NAME "',path='" PORTAL_PATH
                                       "',interface='" PORTAL_SHORTCUTS "'",
                                       on_key, NULL, p);

        (void)snprintf(closed, sizeof(closed),
                       "type='signal',sender='" PORTAL_NAME "',path='%s',interface='org.freedesktop.portal.Session',"
                       "member='Closed'",
                       p->session);
        return r < 0 ? r : sd_bus_add_match_async(p->bus, &p->closed, closed, on_closed, NULL, p);
}

/* ---- requests ---- */

/* Calls a method whose outcome comes as Response of the request "rtcroomd<number>". */
static int call(struct shortcuts_portal *p, sd_bus_message *m, sd_bus_message_handler_t on_response,
                sd_bus_message_handler_t on_reply)
{
        char path[256], match[512];
        int r = path_of(p, "request", path, sizeof(path));

        if (r < 0)
                return r;
        (void)snprintf(match, sizeof(match),
                       "type='signal',sender='" PORTAL_NAME "',path='%s',interface='org.freedesktop.portal.Request',"
                       "member='Response'",
                       path);
        p->response = sd_bus_slot_unref(p->response);
        p->call = sd_bus_slot_unref(p->call);
        r = sd_bus_add_match_async(p->bus, &p->response, match, on_response, NULL, p);
        if (r >= 0)
                r = sd_bus_call_async(p->bus, &p->call, m, on_reply, p, CALL_TIMEOUT_US);
        bus_loop_rearm(p->bus_loop);
        return r;
}

static int on_bind_reply(sd_bus_message *m, void *ctx, sd_bus_error *error)
{
        (void)error;
        if (sd_bus_message_is_method_error(m, NULL))
                give_up(ctx, "BindShortcuts failed");
        return 0;
}

static int on_bound(sd_bus_message *m, void *ctx, sd_bus_error *error)
{
        struct shortcuts_portal *p = ctx;
        uint32_t code;

        (void)error;
        if (!is_from_portal(p, m) || sd_bus_message_read(m, "u", &code) < 0)
                return 0;
        if (code != 0) {
                close_object(p, p->session, "org.freedesktop.portal.Session");
                give_up(p, "the user does not want one");
                return 0;
        }
        p->state = BOUND;
        log_debug("the desktop has a key for push-to-talk");
        return 0;
}

static int bind_shortcut(struct shortcuts_portal *p)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        char token[32];
        int r = sd_bus_message_new_method_call(p->bus, &m, PORTAL_NAME, PORTAL_PATH, PORTAL_SHORTCUTS,
                                               "BindShortcuts");

        p->number++;
        (void)snprintf(token, sizeof(token), "rtcroomd%u", p->number);
        if (r >= 0)
                r = sd_bus_message_append(m, "oa(sa{sv})sa{sv}", p->session, 1, SHORTCUT, 1, "description", "s",
                                          "Push to talk", "", 1, "handle_token", "s", token);
        if (r >= 0)
                r = watch(p);
        return r < 0 ? r : call(p, m, on_bound, on_bind_reply);
}

static int on_created(sd_bus_message *m, void *ctx, sd_bus_error *error)
{
        struct shortcuts_portal *p = ctx;
        uint32_t code;

        (void)error;
        if (!is_from_portal(p, m) || sd_bus_message_read(m, "u", &code) < 0)
                return 0;
        if (code != 0 || path_of(p, "session", p->session, sizeof(p->session)) < 0) {
                give_up(p, "there is no session");
                return 0;
        }
        p->state = BINDING;
        if (bind_shortcut(p) < 0)
                give_up(p, "BindShortcuts was not sent");
        return 0;
}

static int on_create_reply(sd_bus_message *m, void *ctx, sd_bus_error *error)
{
        const char *sender = sd_bus_message_get_sender(m);
        struct shortcuts_portal *p = ctx;

        (void)error;
        if (!sender || sd_bus_message_is_method_error(m, NULL))
                give_up(p, "there is no GlobalShortcuts portal");
        else
                (void)snprintf(p->owner, sizeof(p->owner), "%s", sender);
        return 0;
}

static int create(struct shortcuts_portal *p)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        char token[32];
        int r = sd_bus_message_new_method_call(p->bus, &m, PORTAL_NAME, PORTAL_PATH, PORTAL_SHORTCUTS,
                                               "CreateSession");

        p->number++;
        (void)snprintf(token, sizeof(token), "rtcroomd%u", p->number);
        if (r >= 0)
                r = sd_bus_message_append(m, "a{sv}", 2, "handle_token", "s", token, "session_handle_token", "s",
                                          token);
        if (r >= 0)
                r = call(p, m, on_created, on_create_reply);
        if (r >= 0)
                p->state = CREATING;
        return r;
}

/* ---- the portal comes and goes ---- */

static void begin(struct shortcuts_portal *p)
{
        if (p->wanted && p->state == IDLE && create(p) < 0)
                give_up(p, "CreateSession was not sent");
}

static int on_owner_changed(sd_bus_message *m, void *ctx, sd_bus_error *error)
{
        struct shortcuts_portal *p = ctx;
        const char *name, *old, *new;

        (void)error;
        if (!bus_is_from_bus(m) || sd_bus_message_read(m, "sss", &name, &old, &new) < 0)
                return 0;
        if (*old && strcmp(old, p->owner) == 0)
                drop(p);
        if (*new && p->state == IDLE)
                begin(p); /* what activates it has its answer queued, and is not idle */
        return 0;
}

static void end(struct shortcuts_portal *p)
{
        char path[256];

        if (p->state == CREATING && path_of(p, "session", path, sizeof(path)) >= 0)
                close_object(p, path, "org.freedesktop.portal.Session"); /* the portal makes it before it answers */
        else if (p->state != IDLE)
                close_object(p, p->session, "org.freedesktop.portal.Session");
        drop(p);
}

static void want(bool wanted, void *ctx)
{
        struct shortcuts_portal *p = ctx;

        p->wanted = wanted;
        if (!wanted)
                end(p);
        else if (!p->owner_changed &&
                 sd_bus_add_match_async(p->bus, &p->owner_changed,
                                        "type='signal',sender='org.freedesktop.DBus',path='/org/freedesktop/DBus',"
                                        "interface='org.freedesktop.DBus',member='NameOwnerChanged',arg0='" PORTAL_NAME
                                        "'",
                                        on_owner_changed, NULL, p) < 0)
                log_debug("a portal that comes later will not be noticed");
        begin(p);
}

int shortcuts_portal_new(sd_bus *bus, struct bus_loop *bus_loop, struct shortcuts_portal **ret)
{
        struct shortcuts_portal *p = calloc(1, sizeof(*p));

        if (!p)
                return -ENOMEM;
        *p = (struct shortcuts_portal){ .bus = bus, .bus_loop = bus_loop };
        p->ops = (struct shortcut_ops){ .want = want, .ctx = p };
        *ret = p;
        return 0;
}

struct shortcuts_portal *shortcuts_portal_free(struct shortcuts_portal *p)
{
        if (!p)
                return NULL;
        p->state = IDLE; /* the manager is gone, and the session goes with the connection */
        drop(p);
        sd_bus_slot_unref(p->owner_changed);
        free(p);
        return NULL;
}

const struct shortcut_ops *shortcuts_portal_ops(const struct shortcuts_portal *p)
{
        return &p->ops;
}

void shortcuts_portal_set_manager(struct shortcuts_portal *p, struct manager *m)
{
        p->manager = m;
}
