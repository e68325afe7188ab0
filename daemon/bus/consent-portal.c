/* consent-portal.c - see consent-portal.h.
 *
 *   is there a Device portal? (its version is read) → AccessDevice(pid, ["microphone"]) → the request's Response
 *
 * What the user said counts when it stands in the permission store under the id that we found: there the portal writes
 * it before it responds, and consent-store.c hears of it before the Response arrives. So a Response that finds the
 * question still open is no answer: the portal took the process for something else. In particular it takes every
 * program outside of sandboxes without an application unit for the id "", and one answer for all of them; those are
 * not asked about here, and an answer for "" does not count for others.
 *
 * The portal is told a number, which can be reused while the dialog is up. But then the connection of the process has
 * gone with it, and the question with the connection; what is stored, is stored under the id that the portal found.
 *
 * A question that is taken back: Close() on the request. The portal of Debian 12 (1.16) holds on to the dialog all the
 * same, until the user answers, so an ask whose question is gone is kept until then: a new question about the program
 * waits for the dialog that is there instead of putting up another one, and an answer that comes when nobody waits is
 * the user's answer and goes through the store.
 *
 * Signals count from the unique name that answered the first call (sd-bus does not check). Later portals have no
 * Device interface any more: the next asker asks then. Control thread.
 */
#include "bus/consent-portal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"

LOG_TOPIC("bus/consent-portal");

#define PORTAL_NAME      "org.freedesktop.portal.Desktop"
#define PORTAL_PATH      "/org/freedesktop/portal/desktop"
#define PORTAL_DEVICE    "org.freedesktop.portal.Device"
#define PORTAL_REQUEST   "org.freedesktop.portal.Request"
#define CALL_TIMEOUT_US  (5 * US_PER_SEC)
#define CLOSE_TIMEOUT_US (600 * US_PER_SEC) /* 1.16 answers when the user has */

enum { RESPONSE_CLOSED = 2 };

struct ask {
        struct list link; /* in consent_portal.asks */
        struct consent_portal *portal;
        struct consent *consent;
        uint32_t id; /* 0: its question is gone, the dialog may still be up */
        uint32_t pid;
        char *program; /* owned */
        char *handle;  /* owned: object path of the request; NULL before it is known */
        char owner[256];
        sd_bus_slot *call, *response, *close; /* owned */
};

struct consent_portal {
        sd_bus *bus;
        struct bus_loop *bus_loop;
        struct bus_callers *callers;
        struct consent_asker asker;
        struct list asks;
        sd_bus_slot *owner_changed; /* owned; from the first question on */
};

static struct ask *ask_free(struct ask *a)
{
        if (!a)
                return NULL;
        list_remove(&a->link);
        sd_bus_slot_unref(a->call);
        sd_bus_slot_unref(a->response);
        sd_bus_slot_unref(a->close);
        free(a->program);
        free(a->handle);
        free(a);
        return NULL;
}

DEFINE_CLEANUP(struct ask *, ask_free)

/* Ends the ask; if there is a question, the next one asks. */
static void give_up(struct ask *a, const char *why)
{
        struct consent *c = a->consent;
        uint32_t id = a->id;

        log_debug("%s: %s", a->program, why);
        ask_free(a);
        if (id)
                consent_answered(c, id, VERDICT_CANNOT);
}

static int on_close(sd_bus_message *m, void *ctx, sd_bus_error *error)
{
        (void)m, (void)error;
        give_up(ctx, "the dialog is closed");
        return 0;
}

static void close_request(struct ask *a)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r = sd_bus_message_new_method_call(a->portal->bus, &m, PORTAL_NAME, a->handle, PORTAL_REQUEST, "Close");

        if (r >= 0)
                r = sd_bus_call_async(a->portal->bus, &a->close, m, on_close, a, CLOSE_TIMEOUT_US);
        if (r < 0)
                log_debug("dialog not closed: %s", strerror(-r));
        bus_loop_rearm(a->portal->bus_loop);
}

static int on_response(sd_bus_message *m, void *ctx, sd_bus_error *error)
{
        const char *sender = sd_bus_message_get_sender(m), *path = sd_bus_message_get_path(m);
        struct ask *a = ctx;
        uint32_t code;

        (void)error;
        if (!sender || strcmp(sender, a->owner) != 0 || !a->handle || strcmp(path, a->handle) != 0 ||
            sd_bus_message_read(m, "u", &code) < 0)
                return 0;
        log_debug("%s: response %u%s", a->program, code, a->id ? "" : ", the question is gone");
        if (code == RESPONSE_CLOSED && a->id)
                consent_answered(a->consent, a->id, VERDICT_CLOSED); /* which withdraws */
        else
                give_up(a, "the answer is not in the store under its id");
        return 0;
}

static int on_handle(sd_bus_message *m, void *ctx, sd_bus_error *error)
{
        struct ask *a = ctx;
        const char *handle;

        (void)error;
        a->call = sd_bus_slot_unref(a->call);
        if (sd_bus_message_is_method_error(m, NULL) || sd_bus_message_read(m, "o", &handle) < 0) {
                give_up(a, "AccessDevice failed");
                return 0;
        }
        a->handle = strdup(handle);
        if (!a->handle)
                give_up(a, "no memory");
        else if (!a->id)
                close_request(a);
        return 0;
}

static int access_device(struct ask *a)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        sd_bus *bus = a->portal->bus;
        char token[32];
        int r = sd_bus_add_match_async(bus, &a->response,
                                       "type='signal',sender='" PORTAL_NAME "',interface='" PORTAL_REQUEST
                                       "',member='Response'",
                                       on_response, NULL, a);

        if (r >= 0)
                r = sd_bus_message_new_method_call(bus, &m, PORTAL_NAME, PORTAL_PATH, PORTAL_DEVICE, "AccessDevice");
        (void)snprintf(token, sizeof(token), "rtcroomd%u", a->id);
        if (r >= 0)
                r = sd_bus_message_append(m, "uasa{sv}", a->pid, 1, "microphone", 1, "handle_token", "s", token);
        return r < 0 ? r : sd_bus_call_async(bus, &a->call, m, on_handle, a, CALL_TIMEOUT_US);
}

static int on_version(sd_bus_message *m, void *ctx, sd_bus_error *error)
{
        const char *sender = sd_bus_message_get_sender(m);
        struct ask *a = ctx;
        struct bus_loop *bus_loop = a->portal->bus_loop;

        (void)error;
        a->call = sd_bus_slot_unref(a->call);
        if (!sender || sd_bus_message_is_method_error(m, NULL)) {
                give_up(a, "there is no Device portal");
                return 0;
        }
        (void)snprintf(a->owner, sizeof(a->owner), "%s", sender);
        if (access_device(a) < 0)
                give_up(a, "AccessDevice was not sent");
        bus_loop_rearm(bus_loop);
        return 0;
}

static int probe(struct ask *a)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        sd_bus *bus = a->portal->bus;
        int r = sd_bus_message_new_method_call(bus, &m, PORTAL_NAME, PORTAL_PATH, "org.freedesktop.DBus.Properties",
                                               "Get");

        if (r >= 0)
                r = sd_bus_message_append(m, "ss", PORTAL_DEVICE, "version");
        return r < 0 ? r : sd_bus_call_async(bus, &a->call, m, on_version, a, CALL_TIMEOUT_US);
}

static int on_owner_changed(sd_bus_message *m, void *ctx, sd_bus_error *error)
{
        struct consent_portal *p = ctx;
        const char *name, *old, *new;
        struct ask *a;

        (void)error;
        if (!bus_is_from_bus(m) || sd_bus_message_read(m, "sss", &name, &old, &new) < 0)
                return 0;
        list_for_each (a, &p->asks, link)
                if (a->owner[0] && strcmp(a->owner, old) == 0)
                        give_up(a, "the portal is gone");
        return 0;
}

static int follow(struct consent_portal *p)
{
        if (p->owner_changed)
                return 0;
        return sd_bus_add_match_async(p->bus, &p->owner_changed,
                                      "type='signal',sender='org.freedesktop.DBus',path='/org/freedesktop/DBus',"
                                      "interface='org.freedesktop.DBus',member='NameOwnerChanged',arg0='" PORTAL_NAME
                                      "'",
                                      on_owner_changed, NULL, p);
}

/* The dialog about the program that is up already, its question gone. */
static struct ask *find_open(struct consent_portal *p, const char *program)
{
        struct ask *a;

        list_for_each (a, &p->asks, link)
                if (!a->id && strcmp(a->program, program) == 0)
                        return a;
        return NULL;
}

static int ask_new(struct consent_portal *p, const struct consent_question *q, pid_t pid, struct ask **ret)
{
        _cleanup_(ask_freep) struct ask *a = calloc(1, sizeof(*a));
        int r;

        if (!a)
                return -ENOMEM;
        list_init(&a->link);
        a->portal = p;
        a->pid = (uint32_t)pid;
        a->program = strdup(q->program);
        r = a->program ? probe(a) : -ENOMEM;
        if (r < 0)
                return r;
        list_append(&p->asks, &a->link);
        *ret = take_ptr(a);
        return 0;
}

static int ask(struct consent *c, const struct consent_question *q, void *ctx)
{
        const struct bus_identity *identity;
        struct consent_portal *p = ctx;
        struct ask *a;
        int r;

        if (!*q->application_id)
                return -EOPNOTSUPP;
        r = bus_callers_identity(p->callers, q->unique_name, &identity);
        if (r < 0 || identity->pid <= 0)
                return -ESRCH;
        a = find_open(p, q->program);
        r = a ? 0 : follow(p);
        if (r >= 0 && !a)
                r = ask_new(p, q, identity->pid, &a);
        if (r < 0)
                return r;
        a->consent = c;
        a->id = q->id;
        bus_loop_rearm(p->bus_loop);
        return 0;
}

static void withdraw(uint32_t id, void *ctx)
{
        struct consent_portal *p = ctx;
        struct ask *a;

        list_for_each (a, &p->asks, link) {
                if (a->id != id)
                        continue;
                a->id = 0;
                if (!a->owner[0])
                        ask_free(a); /* the portal has not been asked yet */
                else if (a->handle && !a->close)
                        close_request(a); /* else when the handle is known */
                return;
        }
}

int consent_portal_new(sd_bus *bus, struct bus_loop *bus_loop, struct bus_callers *callers,
                       struct consent_portal **ret)
{
        struct consent_portal *p = calloc(1, sizeof(*p));

        if (!p)
                return -ENOMEM;
        *p = (struct consent_portal){ .bus = bus, .bus_loop = bus_loop, .callers = callers };
        p->asker = (struct consent_asker){ .name = "portal", .ask = ask, .withdraw = withdraw, .ctx = p };
        list_init(&p->asks);
        *ret = p;
        return 0;
}

const struct consent_asker *consent_portal_asker(struct consent_portal *p)
{
        return &p->asker;
}

struct consent_portal *consent_portal_free(struct consent_portal *p)
{
        struct ask *a;

        if (!p)
                return NULL;
        list_for_each (a, &p->asks, link)
                ask_free(a);
        sd_bus_slot_unref(p->owner_changed);
        free(p);
        return NULL;
}
