/* consent-notify.c - see consent-notify.h.
 *
 *   GetCapabilities: are there "actions"? → Notify → ActionInvoked "allow" or "deny", or NotificationClosed
 *
 * A notification that the user puts away is a no for this once; one that goes for another reason (it expired, the
 * server ended) leaves the question to rtcroomctl. It never expires for us: when nobody waits any more it is closed.
 *
 * ActionInvoked is the user's word, so it counts from the server alone: sd-bus does not hold senders of signals
 * against the match, hence they are compared with who answered GetCapabilities. What a program is called comes from
 * others: controls are replaced, and markup is escaped where the server takes any. Control thread.
 */
#include "bus/consent-notify.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "base/utf8.h"
#include "bus/bus-caller.h"

LOG_TOPIC("bus/consent-notify");

#define SERVER          "org.freedesktop.Notifications"
#define SERVER_PATH     "/org/freedesktop/Notifications"
#define CALL_TIMEOUT_US (5 * US_PER_SEC)

enum { CLOSED_BY_USER = 2, URGENCY_CRITICAL = 2, TEXT_MAX = 1024 };

struct ask {
        struct list link; /* in consent_notify.asks */
        struct consent_notify *notify;
        struct consent *consent;
        uint32_t id;
        uint32_t shown; /* the server's number; 0 before it is known */
        bool withdrawn; /* waits for the number only, to close it */
        char owner[256];
        char plain[TEXT_MAX], escaped[TEXT_MAX];
        sd_bus_slot *call; /* owned */
};

struct consent_notify {
        sd_bus *bus;
        struct bus_loop *bus_loop;
        struct consent_asker asker;
        struct list asks;
        sd_bus_slot *action, *closed, *owner_changed; /* owned; from the first question on */
};

/* ---- the text ---- */

struct text {
        char *at;
        size_t left; /* the final NUL included */
};

static void append(struct text *t, const char *s, size_t n)
{
        if (n >= t->left) {
                t->left = 0; /* nothing follows what has been cut */
                return;
        }
        memcpy(t->at, s, n);
        t->at += n;
        t->left -= n;
        *t->at = '\0';
}

static void append_name(struct text *t, const char *s, bool markup)
{
        for (size_t n; *s && t->left > 0; s += n) {
                n = utf8_character(s);
                if (n == 0 || (n == 1 && ((unsigned char)*s < ' ' || *s == 0x7f))) {
                        n = 1;
                        append(t, "?", 1);
                } else if (markup && *s == '&') {
                        append(t, "&amp;", 5);
                } else if (markup && *s == '<') {
                        append(t, "&lt;", 4);
                } else if (markup && *s == '>') {
                        append(t, "&gt;", 4);
                } else {
                        append(t, s, n);
                }
        }
}

void consent_notify_text(const struct consent_question *q, bool markup, char *buf, size_t size)
{
        struct text t = { .at = buf, .left = size };
        const char *before = "", *name = q->application_id, *after = " wants to use the microphone.";

        if (*q->application_id && q->sandboxed)
                before = "The sandboxed application ";
        else if (!*q->application_id && *q->exe_path) {
                before = q->claims_path ? "A program that calls itself " : "";
                name = q->exe_path;
        } else if (!*q->application_id) {
                before = "A program that cannot be told (";
                name = q->unique_name;
                after = ") wants to use the microphone.";
        }
        buf[0] = '\0';
        append(&t, before, strlen(before));
        append_name(&t, name, markup);
        append(&t, after, strlen(after));
}

/* ---- asking ---- */

static struct ask *ask_free(struct ask *a)
{
        if (!a)
                return NULL;
        list_remove(&a->link);
        sd_bus_slot_unref(a->call);
        free(a);
        return NULL;
}

DEFINE_CLEANUP(struct ask *, ask_free)

static void close_notification(struct ask *a)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        sd_bus *bus = a->notify->bus;
        int r = sd_bus_message_new_method_call(bus, &m, SERVER, SERVER_PATH, SERVER, "CloseNotification");

        if (r >= 0)
                r = sd_bus_message_append(m, "u", a->shown);
        if (r >= 0)
                r = sd_bus_message_set_expect_reply(m, 0);
        if (r >= 0)
                r = sd_bus_send(bus, m, NULL);
        if (r < 0)
                log_debug("notification not closed: %s", strerror(-r));
        bus_loop_rearm(a->notify->bus_loop);
}

static void give_up(struct ask *a, const char *why)
{
        struct consent *c = a->consent;
        uint32_t id = a->id;
        bool withdrawn = a->withdrawn;

        log_debug("notification: %s", why);
        ask_free(a);
        if (!withdrawn)
                consent_answered(c, id, VERDICT_CANNOT);
}

/* The open question that a signal is about. */
static struct ask *find(struct consent_notify *n, sd_bus_message *m, uint32_t shown)
{
        const char *sender = sd_bus_message_get_sender(m);
        struct ask *a;

        list_for_each (a, &n->asks, link)
                if (!a->withdrawn && a->shown == shown && shown != 0 && sender && strcmp(sender, a->owner) == 0)
                        return a;
        return NULL;
}

static int on_action(sd_bus_message *m, void *ctx, sd_bus_error *error)
{
        const char *key;
        struct ask *a;
        uint32_t shown;

        (void)error;
        if (sd_bus_message_read(m, "us", &shown, &key) < 0 || !(a = find(ctx, m, shown)))
                return 0;
        if (strcmp(key, "allow") == 0)
                consent_answered(a->consent, a->id, VERDICT_ALLOW); /* each of these withdraws */
        else if (strcmp(key, "deny") == 0)
                consent_answered(a->consent, a->id, VERDICT_DENY);
        return 0;
}

static int on_closed(sd_bus_message *m, void *ctx, sd_bus_error *error)
{
        uint32_t shown, reason;
        struct ask *a;

        (void)error;
        if (sd_bus_message_read(m, "uu", &shown, &reason) < 0 || !(a = find(ctx, m, shown)))
                return 0;
        if (reason == CLOSED_BY_USER)
                consent_answered(a->consent, a->id, VERDICT_CLOSED);
        else
                give_up(a, "closed");
        return 0;
}

static int on_owner_changed(sd_bus_message *m, void *ctx, sd_bus_error *error)
{
        struct consent_notify *n = ctx;
        const char *name, *old, *new;
        struct ask *a;

        (void)error;
        if (!bus_is_from_bus(m) || sd_bus_message_read(m, "sss", &name, &old, &new) < 0)
                return 0;
        list_for_each (a, &n->asks, link)
                if (a->owner[0] && strcmp(a->owner, old) == 0)
                        give_up(a, "its server is gone");
        return 0;
}

static int on_shown(sd_bus_message *m, void *ctx, sd_bus_error *error)
{
        struct ask *a = ctx;

        (void)error;
        a->call = sd_bus_slot_unref(a->call);
        if (sd_bus_message_is_method_error(m, NULL) || sd_bus_message_read(m, "u", &a->shown) < 0) {
                give_up(a, "it was not shown");
        } else if (a->withdrawn) {
                close_notification(a);
                ask_free(a);
        }
        return 0;
}

static int show(struct ask *a, const char *text)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        sd_bus *bus = a->notify->bus;
        int r = sd_bus_message_new_method_call(bus, &m, SERVER, SERVER_PATH, SERVER, "Notify");

        if (r >= 0)
                r = sd_bus_message_append(m, "susssasa{sv}i", "rtcroomd", 0, "audio-input-microphone", "Microphone",
                                          text, 4, "allow", "Allow", "deny", "Deny", 2, "urgency", "y",
                                          URGENCY_CRITICAL, "resident", "b", 0, 0);
        return r < 0 ? r : sd_bus_call_async(bus, &a->call, m, on_shown, a, CALL_TIMEOUT_US);
}

static int on_capabilities(sd_bus_message *m, void *ctx, sd_bus_error *error)
{
        const char *sender = sd_bus_message_get_sender(m), *word;
        bool has_actions = false, has_markup = false;
        struct ask *a = ctx;
        struct bus_loop *bus_loop = a->notify->bus_loop;

        (void)error;
        a->call = sd_bus_slot_unref(a->call);
        if (a->withdrawn || !sender || sd_bus_message_is_method_error(m, NULL) ||
            sd_bus_message_enter_container(m, 'a', "s") < 0) {
                give_up(a, "there is no server");
                return 0;
        }
        (void)snprintf(a->owner, sizeof(a->owner), "%s", sender);
        while (sd_bus_message_read(m, "s", &word) > 0) {
                has_actions |= strcmp(word, "actions") == 0;
                has_markup |= strcmp(word, "body-markup") == 0;
        }
        if (!has_actions)
                give_up(a, "the server has no buttons");
        else if (show(a, has_markup ? a->escaped : a->plain) < 0)
                give_up(a, "it was not sent");
        bus_loop_rearm(bus_loop);
        return 0;
}

static int follow(struct consent_notify *n)
{
        int r = 0;

        if (n->action)
                return 0;
        r = sd_bus_add_match_async(n->bus, &n->action,
                                   "type='signal',sender='" SERVER "',path='" SERVER_PATH "',interface='" SERVER
                                   "',member='ActionInvoked'",
                                   on_action, NULL, n);
        if (r >= 0)
                r = sd_bus_add_match_async(n->bus, &n->closed,
                                           "type='signal',sender='" SERVER "',path='" SERVER_PATH
                                           "',interface='" SERVER "',member='NotificationClosed'",
                                           on_closed, NULL, n);
        if (r < 0)
                return r;
        return sd_bus_add_match_async(n->bus, &n->owner_changed,
                                      "type='signal',sender='org.freedesktop.DBus',path='/org/freedesktop/DBus',"
                                      "interface='org.freedesktop.DBus',member='NameOwnerChanged',arg0='" SERVER "'",
                                      on_owner_changed, NULL, n);
}

static int probe(struct ask *a)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        sd_bus *bus = a->notify->bus;
        int r = sd_bus_message_new_method_call(bus, &m, SERVER, SERVER_PATH, SERVER, "GetCapabilities");

        return r < 0 ? r : sd_bus_call_async(bus, &a->call, m, on_capabilities, a, CALL_TIMEOUT_US);
}

static int ask(struct consent *c, const struct consent_question *q, void *ctx)
{
        _cleanup_(ask_freep) struct ask *a = NULL;
        struct consent_notify *n = ctx;
        int r = follow(n);

        if (r < 0)
                return r;
        a = calloc(1, sizeof(*a));
        if (!a)
                return -ENOMEM;
        list_init(&a->link);
        a->notify = n;
        a->consent = c;
        a->id = q->id;
        consent_notify_text(q, false, a->plain, sizeof(a->plain));
        consent_notify_text(q, true, a->escaped, sizeof(a->escaped));
        r = probe(a);
        if (r < 0)
                return r;
        list_append(&n->asks, &a->link);
        (void)take_ptr(a);
        bus_loop_rearm(n->bus_loop);
        return 0;
}

static void withdraw(uint32_t id, void *ctx)
{
        struct consent_notify *n = ctx;
        struct ask *a;

        list_for_each (a, &n->asks, link) {
                if (a->id != id || a->withdrawn)
                        continue;
                if (a->shown == 0 && a->owner[0]) {
                        a->withdrawn = true; /* closed when its number is known */
                        return;
                }
                if (a->shown)
                        close_notification(a);
                ask_free(a);
                return;
        }
}

/* ---- the object ---- */

int consent_notify_new(sd_bus *bus, struct bus_loop *bus_loop, struct consent_notify **ret)
{
        struct consent_notify *n = calloc(1, sizeof(*n));

        if (!n)
                return -ENOMEM;
        *n = (struct consent_notify){ .bus = bus, .bus_loop = bus_loop };
        n->asker = (struct consent_asker){ .name = "notification", .ask = ask, .withdraw = withdraw, .ctx = n };
        list_init(&n->asks);
        *ret = n;
        return 0;
}

const struct consent_asker *consent_notify_asker(struct consent_notify *n)
{
        return &n->asker;
}

struct consent_notify *consent_notify_free(struct consent_notify *n)
{
        struct ask *a;

        if (!n)
                return NULL;
        list_for_each (a, &n->asks, link)
                ask_free(a);
        sd_bus_slot_unref(n->action);
        sd_bus_slot_unref(n->closed);
        sd_bus_slot_unref(n->owner_changed);
        free(n);
        return NULL;
}
