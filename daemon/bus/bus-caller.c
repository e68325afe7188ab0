/* bus-caller.c - table of the programs that talk to us.
 *
 * A program is looked up once, at its first call, and kept until it leaves the bus. Unique names are never reused
 * while a bus runs, so a cached identity cannot pass to another program. The order of a look-up matters: first the
 * watch for NameOwnerChanged is set, then the bus is asked who it is; whoever leaves in between is reported by the one
 * or fails in the other.
 *
 * Bounded: at most CALLERS_MAX are kept; beyond, the one that called least recently and neither owns a context nor
 * subscribed is forgotten (and looked up again, should it call). When all are needed the newcomer gets -ENOBUFS.
 *
 * Control thread. Owns its entries and their match slots; borrows the connection.
 */
#include "bus/bus-caller.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "bus/bus-process.h"

LOG_TOPIC("bus/bus-caller");

enum { CALLERS_MAX = 256 };
#define IDENTIFY_TIMEOUT_US (1 * US_PER_SEC)

struct entry {
        struct list link; /* in bus_callers.entries; least recent call first */
        struct bus_callers *table;
        struct caller caller; /* strings point at the two below */
        char *name;           /* owned */
        struct bus_identity identity;
        bool subscribed;
        sd_bus_slot *watch; /* owned */
};

struct bus_callers {
        sd_bus *bus; /* borrowed */
        const struct bus_caller_ops *ops;
        void *ops_ctx;
        const struct bus_callers_events *ev;
        void *ctx;
        struct list entries;
        unsigned n;
        bool told_of_claims;
};

static struct entry *entry_free(struct entry *e)
{
        if (e->table) {
                list_remove(&e->link);
                e->table->n--;
        }
        sd_bus_slot_unref(e->watch);
        free(e->name);
        free(e);
        return NULL;
}

DEFINE_CLEANUP(struct entry *, entry_free)

static struct entry *find(struct bus_callers *cs, const char *unique_name)
{
        struct entry *e;

        list_for_each (e, &cs->entries, link)
                if (strcmp(e->name, unique_name) == 0)
                        return e;
        return NULL;
}

bool bus_is_from_bus(sd_bus_message *m)
{
        const char *sender = sd_bus_message_get_sender(m);

        return sender && strcmp(sender, "org.freedesktop.DBus") == 0;
}

static int on_owner_changed(sd_bus_message *m, void *ctx, sd_bus_error *error)
{
        _cleanup_(entry_freep) struct entry *e = ctx;
        _cleanup_free_ char *gone = NULL;
        struct bus_callers *cs = e->table;
        const char *name, *old, *new;

        (void)error;
        if (!bus_is_from_bus(m) || sd_bus_message_read(m, "sss", &name, &old, &new) < 0 || new[0] != '\0') {
                e = NULL; /* it stays */
                return 0;
        }
        log_debug("%s left the bus", name);
        gone = take_ptr(e->name);
        e = entry_free(e);
        cs->ev->gone(gone, cs->ctx);
        return 0;
}

static int watch(struct bus_callers *cs, struct entry *e)
{
        char match[512];
        int n = snprintf(match, sizeof(match),
                         "type='signal',sender='org.freedesktop.DBus',path='/org/freedesktop/DBus',"
                         "interface='org.freedesktop.DBus',member='NameOwnerChanged',arg0='%s'",
                         e->name);

        if (n < 0 || (size_t)n >= sizeof(match))
                return -EINVAL;
        return sd_bus_add_match_async(cs->bus, &e->watch, match, on_owner_changed, NULL, e);
}

static bool is_needed(struct bus_callers *cs, const struct entry *e)
{
        return e->subscribed || cs->ev->is_needed(e->name, cs->ctx);
}

static int make_room(struct bus_callers *cs)
{
        struct entry *e;

        if (cs->n < CALLERS_MAX)
                return 0;
        list_for_each (e, &cs->entries, link)
                if (!is_needed(cs, e)) {
                        entry_free(e);
                        return 0;
                }
        log_every_second(LOG_LEVEL_WARNING, "more than %d programs with contexts or subscriptions", CALLERS_MAX);
        return -ENOBUFS;
}

static void describe(struct entry *e)
{
        e->caller = (struct caller){
                .unique_name = e->name,
                .application_id = e->identity.application_id,
                .exe_path = e->identity.exe_path,
                .sandboxed = e->identity.sandboxed,
                .claims_path = e->identity.claims_path,
        };
        log_debug("%s is \"%s\" (%s)%s", e->name, e->identity.application_id, e->identity.exe_path,
                  e->identity.sandboxed ? ", sandboxed" : "");
}

static void tell_of_claims(struct bus_callers *cs, const struct entry *e)
{
        if (e->identity.claims_path && !cs->told_of_claims)
                log_notice(
                        "in a user namespace the kernel does not tell which program calls: the path is what a program "
                        "claims; see consent.programs in rtcroomd.conf(5)");
        cs->told_of_claims |= e->identity.claims_path;
}

static int add(struct bus_callers *cs, const char *unique_name, struct entry **ret)
{
        _cleanup_(entry_freep) struct entry *e = NULL;
        int r = make_room(cs);

        if (r < 0)
                return r;
        e = calloc(1, sizeof(*e));
        if (!e)
                return -ENOMEM;
        e->name = strdup(unique_name);
        if (!e->name)
                return -ENOMEM;
        r = watch(cs, e);
        if (r < 0)
                return r;
        r = cs->ops->identify(cs->bus, unique_name, &e->identity, cs->ops_ctx);
        if (r < 0)
                return r;
        describe(e);
        tell_of_claims(cs, e);
        e->table = cs;
        list_append(&cs->entries, &e->link);
        cs->n++;
        *ret = take_ptr(e);
        return 0;
}

static int get(struct bus_callers *cs, const char *unique_name, struct entry **ret)
{
        struct entry *e = find(cs, unique_name);

        if (!e)
                return add(cs, unique_name, ret);
        list_remove(&e->link);
        list_append(&cs->entries, &e->link);
        *ret = e;
        return 0;
}

int bus_callers_get(struct bus_callers *cs, const char *unique_name, const struct caller **ret)
{
        struct entry *e;
        int r = get(cs, unique_name, &e);

        if (r < 0)
                return r;
        *ret = &e->caller;
        return 0;
}

int bus_callers_identity(struct bus_callers *cs, const char *unique_name, const struct bus_identity **ret)
{
        struct entry *e = find(cs, unique_name);

        if (!e)
                return -ENXIO;
        *ret = &e->identity;
        return 0;
}

int bus_callers_subscribe(struct bus_callers *cs, const char *unique_name, bool on)
{
        struct entry *e;
        int r = get(cs, unique_name, &e);

        if (r < 0)
                return r;
        e->subscribed = on;
        return 0;
}

const char *bus_callers_next_subscriber(struct bus_callers *cs, const char *previous)
{
        bool passed = !previous;
        struct entry *e;

        list_for_each (e, &cs->entries, link) {
                if (passed && e->subscribed)
                        return e->name;
                if (previous == e->name)
                        passed = true;
        }
        return NULL;
}

int bus_callers_new(sd_bus *bus, const struct bus_caller_ops *ops, void *ops_ctx, const struct bus_callers_events *ev,
                    void *ctx, struct bus_callers **ret)
{
        struct bus_callers *cs = calloc(1, sizeof(*cs));

        if (!cs)
                return -ENOMEM;
        *cs = (struct bus_callers){ .bus = bus, .ops = ops, .ops_ctx = ops_ctx, .ev = ev, .ctx = ctx };
        list_init(&cs->entries);
        *ret = cs;
        return 0;
}

struct bus_callers *bus_callers_free(struct bus_callers *cs)
{
        struct entry *e;

        if (!cs)
                return NULL;
        list_for_each (e, &cs->entries, link)
                entry_free(e);
        free(cs);
        return NULL;
}

/* ---- the real look-up ---- */

struct credentials {
        uint32_t pid;
        int pidfd; /* owned; negative: this bus does not give any */
        char label[256];
};

static void credentials_done(struct credentials *c)
{
        c->pidfd = close_fd(c->pidfd);
}

static int read_label(sd_bus_message *m, struct credentials *c)
{
        const void *bytes;
        size_t n;
        int r = sd_bus_message_enter_container(m, 'v', "ay");

        if (r < 0)
                return r;
        r = sd_bus_message_read_array(m, 'y', &bytes, &n);
        if (r < 0)
                return r;
        snprintf(c->label, sizeof(c->label), "%.*s", (int)(n < sizeof(c->label) ? n : sizeof(c->label) - 1),
                 (const char *)bytes);
        return sd_bus_message_exit_container(m);
}

static int read_pidfd(sd_bus_message *m, struct credentials *c)
{
        int fd, r = sd_bus_message_read(m, "v", "h", &fd); /* the message's own */

        if (r < 0)
                return r;
        c->pidfd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        return c->pidfd < 0 ? -errno : 0;
}

/* The a{sv} of GetConnectionCredentials; unknown keys are skipped. */
static int read_credentials(sd_bus_message *m, struct credentials *c)
{
        int r = sd_bus_message_enter_container(m, 'a', "{sv}");

        while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
                const char *key;

                r = sd_bus_message_read(m, "s", &key);
                if (r < 0)
                        return r;
                if (strcmp(key, "ProcessID") == 0)
                        r = sd_bus_message_read(m, "v", "u", &c->pid);
                else if (strcmp(key, "ProcessFD") == 0 && c->pidfd < 0)
                        r = read_pidfd(m, c);
                else if (strcmp(key, "LinuxSecurityLabel") == 0)
                        r = read_label(m, c);
                else
                        r = sd_bus_message_skip(m, "v");
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
        }
        return r;
}

static int ask_bus(sd_bus *bus, const char *unique_name, const char *member, sd_bus_message **ret)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        int r = sd_bus_message_new_method_call(bus, &call, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                                               "org.freedesktop.DBus", member);

        if (r < 0)
                return r;
        r = sd_bus_message_append(call, "s", unique_name);
        if (r < 0)
                return r;
        r = sd_bus_call(bus, call, IDENTIFY_TIMEOUT_US, &error, ret);
        return r < 0 && sd_bus_error_has_name(&error, SD_BUS_ERROR_NAME_HAS_NO_OWNER) ? -ENXIO : r;
}

static int ask_credentials(sd_bus *bus, const char *unique_name, struct credentials *ret)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        int r = ask_bus(bus, unique_name, "GetConnectionCredentials", &reply);

        return r < 0 ? r : read_credentials(reply, ret);
}

struct name { /* what bus_process_ops are handed */
        sd_bus *bus;
        const char *unique_name;
};

static bool confirm(pid_t pid, void *ctx)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        const struct name *n = ctx;
        uint32_t now;

        return ask_bus(n->bus, n->unique_name, "GetConnectionUnixProcessID", &reply) >= 0 &&
               sd_bus_message_read(reply, "u", &now) > 0 && now == (uint32_t)pid;
}

static int identify_by_system(sd_bus *bus, const char *unique_name, struct bus_identity *ret, void *ctx)
{
        _cleanup_(credentials_done) struct credentials c = { .pidfd = -1 };
        struct bus_process_ops ops = bus_process_system;
        struct name name = { bus, unique_name };
        int r = ask_credentials(bus, unique_name, &c);

        (void)ctx;
        if (r == -ENXIO || r == -ENOMEM)
                return r;
        if (r < 0)
                log_every_second(LOG_LEVEL_WARNING, "who is %s? the bus does not tell: %s; taken as sandboxed",
                                 unique_name, strerror(-r));
        ops.confirm = confirm;
        bus_process_identify(&(struct bus_process){ .pid = (pid_t)c.pid, .pidfd = c.pidfd, .label = c.label }, &ops,
                             &name, ret); /* no pid: unknown, hence sandboxed */
        return 0;
}

const struct bus_caller_ops bus_caller_system = { 0, identify_by_system };
