/* consent-store.c - see consent-store.h.
 *
 * Read once, when the first context is made (the bus starts the store if it can), and again when the store comes back
 * under another unique name; in between its signal Changed carries the whole of a table. sd-bus does not hold the
 * sender of a signal against the match, so it is compared with who answered the reading: a program that forges the
 * signal is not heard. Everything is asynchronous; who does not answer within two seconds is not there.
 */
#include "bus/consent-store.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "bus/bus-caller.h"

LOG_TOPIC("bus/consent-store");

#define STORE_NAME      "org.freedesktop.impl.portal.PermissionStore"
#define STORE_PATH      "/org/freedesktop/impl/portal/PermissionStore"
#define STORE_ID        "microphone"
#define READ_TIMEOUT_US (2 * US_PER_SEC)

enum { TABLES = 2 };
static const char *const tables[TABLES] = { "devices", "rtcroom" }; /* by application id, by path */

struct reading {
        struct consent_store_bus *store;
        unsigned table;
        sd_bus_slot *slot; /* while it is in flight */
};

struct consent_store_bus {
        sd_bus *bus;
        struct bus_loop *bus_loop;
        struct consent_store ops;
        struct consent *consent; /* borrowed; NULL before the first load */
        sd_bus_slot *changed, *owner_changed;
        struct reading readings[TABLES];
        bool there;      /* of the reading in flight: it answered so far */
        char owner[256]; /* unique name, "" if there is none */
};

/* One write in flight. */
struct writing {
        struct consent_store_bus *store;
        char program[];
};

/* ---- reading ---- */

static bool policy_of(const char *permission, enum consent_policy *ret)
{
        *ret = strcmp(permission, "yes") == 0 ? CONSENT_ALLOW : CONSENT_DENY;
        return *ret == CONSENT_ALLOW || strcmp(permission, "no") == 0;
}

/* One {sas}: positive when it is an answer. */
static int read_entry(sd_bus_message *m, struct consent_answer *ret)
{
        const char *program, *first = "";
        int r = sd_bus_message_read(m, "s", &program);

        if (r >= 0)
                r = sd_bus_message_enter_container(m, 'a', "s");
        if (r >= 0)
                r = sd_bus_message_read(m, "s", &first);
        while (r > 0)
                r = sd_bus_message_skip(m, "s");
        if (r >= 0)
                r = sd_bus_message_exit_container(m);
        if (r < 0)
                return r;
        *ret = (struct consent_answer){ .program = program, .origin = ANSWER_STORE };
        return policy_of(first, &ret->policy) && consent_program_is_valid(program) && program[0] != ':';
}

/* a{sas} → answers, borrowed from the message; ret_n of them. */
static int read_answers(sd_bus_message *m, struct consent_answer *ret, size_t max, size_t *ret_n)
{
        size_t n = 0;
        int r = sd_bus_message_enter_container(m, 'a', "{sas}");

        while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sas")) > 0) {
                struct consent_answer a;

                r = read_entry(m, &a);
                if (r > 0 && n < max)
                        ret[n++] = a;
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
        }
        if (r < 0)
                return r;
        *ret_n = n;
        return sd_bus_message_exit_container(m);
}

static int take_answers(struct consent_store_bus *s, unsigned table, sd_bus_message *m)
{
        _cleanup_free_ struct consent_answer *answers = calloc(ANSWERS_MAX, sizeof(*answers));
        size_t n;
        int r = answers ? read_answers(m, answers, ANSWERS_MAX, &n) : -ENOMEM;

        if (r < 0)
                return r;
        consent_store_changed(s->consent, table == 1, answers, n);
        return 0;
}

static void finish_reading(struct consent_store_bus *s)
{
        for (size_t i = 0; i < TABLES; i++)
                if (s->readings[i].slot)
                        return;
        if (!s->there)
                s->owner[0] = '\0';
        log_debug("permission store: %s", s->there ? s->owner : "none");
        consent_store_loaded(s->consent, s->there);
}

static int on_lookup(sd_bus_message *m, void *ctx, sd_bus_error *error)
{
        struct reading *reading = ctx;
        struct consent_store_bus *s = reading->store;
        const char *sender = sd_bus_message_get_sender(m);
        bool is_empty = sd_bus_message_is_method_error(m, "org.freedesktop.portal.Error.NotFound") > 0;
        int r = 0;

        (void)error;
        reading->slot = sd_bus_slot_unref(reading->slot);
        (void)snprintf(s->owner, sizeof(s->owner), "%s", sender ? sender : "");
        if (is_empty)
                consent_store_changed(s->consent, reading->table == 1, NULL, 0);
        else if (sd_bus_message_is_method_error(m, NULL))
                r = -ENOENT;
        else
                r = take_answers(s, reading->table, m);
        if (r < 0)
                s->there = false;
        finish_reading(s);
        bus_loop_rearm(s->bus_loop);
        return 0;
}

static int look_up(struct consent_store_bus *s, unsigned table)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        struct reading *reading = &s->readings[table];
        int r = sd_bus_message_new_method_call(s->bus, &m, STORE_NAME, STORE_PATH, STORE_NAME, "Lookup");

        *reading = (struct reading){ .store = s, .table = table, .slot = sd_bus_slot_unref(reading->slot) };
        if (r >= 0)
                r = sd_bus_message_append(m, "ss", tables[table], STORE_ID);
        return r < 0 ? r : sd_bus_call_async(s->bus, &reading->slot, m, on_lookup, reading, READ_TIMEOUT_US);
}

static int read_all(struct consent_store_bus *s)
{
        int r = 0;

        s->there = true;
        for (unsigned i = 0; r >= 0 && i < TABLES; i++)
                r = look_up(s, i);
        bus_loop_rearm(s->bus_loop);
        return r;
}

/* ---- following ---- */

static int on_changed(sd_bus_message *m, void *ctx, sd_bus_error *error)
{
        struct consent_store_bus *s = ctx;
        const char *sender = sd_bus_message_get_sender(m), *table, *id;
        int deleted, r;

        (void)error;
        if (!sender || strcmp(sender, s->owner) != 0)
                return 0;
        r = sd_bus_message_read(m, "ssb", &table, &id, &deleted);
        if (r >= 0)
                r = sd_bus_message_skip(m, "v");
        if (r < 0 || strcmp(id, STORE_ID) != 0)
                return 0;
        for (unsigned i = 0; i < TABLES; i++)
                if (strcmp(table, tables[i]) == 0)
                        (void)take_answers(s, i, m); /* one that cannot be read changes nothing */
        bus_loop_rearm(s->bus_loop);
        return 0;
}

/* Another one has the name, or the same again: its word counts from now on. Gone: what it said stays. */
static int on_owner_changed(sd_bus_message *m, void *ctx, sd_bus_error *error)
{
        struct consent_store_bus *s = ctx;
        const char *name, *old, *new;

        (void)error;
        if (!bus_is_from_bus(m) || sd_bus_message_read(m, "sss", &name, &old, &new) < 0 || !new[0] ||
            strcmp(new, s->owner) == 0 || s->readings[0].slot || s->readings[1].slot)
                return 0;
        (void)read_all(s);
        return 0;
}

static int follow(struct consent_store_bus *s)
{
        int r;

        if (s->changed)
                return 0;
        r = sd_bus_add_match_async(s->bus, &s->changed,
                                   "type='signal',sender='" STORE_NAME "',path='" STORE_PATH "',interface='" STORE_NAME
                                   "',member='Changed',arg1='" STORE_ID "'",
                                   on_changed, NULL, s);
        if (r < 0)
                return r;
        return sd_bus_add_match_async(s->bus, &s->owner_changed,
                                      "type='signal',sender='org.freedesktop.DBus',path='/org/freedesktop/DBus',"
                                      "interface='org.freedesktop.DBus',member='NameOwnerChanged',arg0='" STORE_NAME
                                      "'",
                                      on_owner_changed, NULL, s);
}

static int load(struct consent *c, void *ctx)
{
        struct consent_store_bus *s = ctx;
        int r;

        s->consent = c;
        r = follow(s);
        return r < 0 ? r : read_all(s);
}

/* ---- writing ---- */

static int on_written(sd_bus_message *m, void *ctx, sd_bus_error *error)
{
        const struct writing *w = ctx;

        (void)error;
        if (!sd_bus_message_is_method_error(m, NULL) ||
            sd_bus_message_is_method_error(m, "org.freedesktop.portal.Error.NotFound") > 0)
                return 0;
        log_warning("the permission store does not take the answer for %s: %s", w->program,
                    sd_bus_message_get_error(m)->message);
        consent_store_lost(w->store->consent, w->program);
        return 0;
}

static int new_writing(struct consent_store_bus *s, const char *program, enum consent_policy policy,
                       sd_bus_message **ret)
{
        const char *table = tables[program[0] == '/'];
        int r = sd_bus_message_new_method_call(s->bus, ret, STORE_NAME, STORE_PATH, STORE_NAME,
                                               policy == CONSENT_ASK ? "DeletePermission" : "SetPermission");

        if (r < 0)
                return r;
        if (policy == CONSENT_ASK)
                return sd_bus_message_append(*ret, "sss", table, STORE_ID, program);
        return sd_bus_message_append(*ret, "sbssas", table, 1, STORE_ID, program, 1,
                                     policy == CONSENT_ALLOW ? "yes" : "no");
}

static int put(const char *program, enum consent_policy policy, void *ctx)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        _cleanup_free_ struct writing *w = malloc(sizeof(*w) + strlen(program) + 1);
        struct consent_store_bus *s = ctx;
        sd_bus_slot *slot;
        int r = w ? new_writing(s, program, policy, &m) : -ENOMEM;

        if (r < 0)
                return r;
        w->store = s;
        strcpy(w->program, program);
        r = sd_bus_call_async(s->bus, &slot, m, on_written, w, 0);
        if (r < 0)
                return r;
        (void)sd_bus_slot_set_destroy_callback(slot, free); /* w goes with the answer, or with the connection */
        (void)take_ptr(w);
        (void)sd_bus_slot_set_floating(slot, 1);
        sd_bus_slot_unref(slot);
        bus_loop_rearm(s->bus_loop);
        return 0;
}

/* ---- the object ---- */

int consent_store_new(sd_bus *bus, struct bus_loop *bus_loop, struct consent_store_bus **ret)
{
        struct consent_store_bus *s = calloc(1, sizeof(*s));

        if (!s)
                return -ENOMEM;
        s->bus = bus;
        s->bus_loop = bus_loop;
        s->ops = (struct consent_store){ .version = 0, .load = load, .put = put, .ctx = s };
        *ret = s;
        return 0;
}

const struct consent_store *consent_store_ops(struct consent_store_bus *s)
{
        return &s->ops;
}

struct consent_store_bus *consent_store_free(struct consent_store_bus *s)
{
        if (!s)
                return NULL;
        for (size_t i = 0; i < TABLES; i++)
                sd_bus_slot_unref(s->readings[i].slot);
        sd_bus_slot_unref(s->changed);
        sd_bus_slot_unref(s->owner_changed);
        free(s);
        return NULL;
}
