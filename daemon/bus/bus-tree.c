/* bus-tree.c - registers the objects, and answers the calls that list them according to who asks.
 *
 * Contexts and participants come and go; they are served by fallback vtables whose find function resolves the path
 * (bus-object.c). sd-bus would answer GetManagedObjects for everybody alike, and the root's GetAll with the user's
 * room in it, so these two are answered here; bus-server.c asks bus_tree_answer() before sd-bus dispatches. The object
 * manager is nevertheless registered: it puts the interface into the introspection. Child nodes of the introspection
 * come from an enumerator, filtered too.
 *
 * Control thread.
 */
#include <errno.h>
#include <string.h>

#include "bus/bus-errors.h"
#include "bus/bus-internal.h"

static int find_root(sd_bus *bus, const char *path, const char *interface, void *userdata, void **ret_found,
                     sd_bus_error *error)
{
        struct bus_server *s = userdata;

        (void)bus;
        (void)interface;
        (void)error;
        if (strcmp(path, BUS_ROOT) != 0)
                return 0;
        bus_object_of_root(s, &s->found);
        *ret_found = &s->found;
        return 1;
}

static int find_context(sd_bus *bus, const char *path, const char *interface, void *userdata, void **ret_found,
                        sd_bus_error *error)
{
        struct bus_server *s = userdata;

        (void)bus;
        (void)interface;
        (void)error;
        if (!bus_object_find(s, path, &s->found) || s->found.participant)
                return 0;
        *ret_found = &s->found;
        return 1;
}

static int find_participant(sd_bus *bus, const char *path, const char *interface, void *userdata, void **ret_found,
                            sd_bus_error *error)
{
        struct bus_server *s = userdata;

        (void)bus;
        (void)interface;
        (void)error;
        if (!bus_object_find(s, path, &s->found) || !s->found.participant)
                return 0;
        *ret_found = &s->found;
        return 1;
}

/* ---- going through what somebody may see ---- */

typedef int (*visit_fn)(struct bus_object *o, void *ctx);

static int visit_context(struct bus_server *s, struct context *c, visit_fn fn, void *ctx)
{
        struct bus_object o;
        int r;

        bus_object_of_context(s, c, &o);
        r = fn(&o, ctx);
        for (struct participant *p = context_first_participant(c); r >= 0 && p; p = participant_next(p)) {
                bus_object_of_participant(s, p, &o);
                r = fn(&o, ctx);
        }
        return r;
}

static int visit_visible(struct bus_server *s, const struct caller *who, visit_fn fn, void *ctx)
{
        int r = 0;

        for (struct context *c = manager_first_context(s->manager); r >= 0 && c; c = context_next(c))
                if (bus_access_may_see(who, c))
                        r = visit_context(s, c, fn, ctx);
        return r;
}

/* ---- GetManagedObjects, GetAll ---- */

static int append_object(struct bus_object *o, void *ctx)
{
        sd_bus_message *reply = ctx;
        struct bus_path path;
        int r = sd_bus_message_open_container(reply, 'e', "oa{sa{sv}}");

        if (r < 0)
                return r;
        bus_object_path(o, &path);
        r = sd_bus_message_append(reply, "o", path.text);
        if (r < 0)
                return r;
        r = bus_object_append_interfaces(reply, o);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int reply_managed_objects(struct bus_server *s, sd_bus_message *m, const struct caller *who)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        int r = sd_bus_message_new_method_return(m, &reply);

        if (r < 0)
                return r;
        r = sd_bus_message_open_container(reply, 'a', "{oa{sa{sv}}}");
        if (r >= 0)
                r = visit_visible(s, who, append_object, reply);
        if (r >= 0)
                r = sd_bus_message_close_container(reply);
        return r < 0 ? r : sd_bus_send(s->bus, reply, NULL);
}

/* All of the root but the room: for those who may not know it. */
static int reply_public_properties(struct bus_server *s, sd_bus_message *m)
{
        static const char *const public[] = { "Version", "Engines", "InRoom" };
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        struct bus_object o;
        int r = sd_bus_message_new_method_return(m, &reply);

        if (r < 0)
                return r;
        bus_object_of_root(s, &o);
        r = sd_bus_message_open_container(reply, 'a', "{sv}");
        for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(public); i++)
                r = bus_face_append_one(&bus_manager_face, reply, &o, public[i]);
        if (r >= 0)
                r = sd_bus_message_close_container(reply);
        return r < 0 ? r : sd_bus_send(s->bus, reply, NULL);
}

static bool is_get_all_of_manager(sd_bus_message *m)
{
        const char *interface;
        bool is;

        if (!sd_bus_message_is_method_call(m, "org.freedesktop.DBus.Properties", "GetAll") ||
            !sd_bus_message_has_signature(m, "s") || sd_bus_message_read(m, "s", &interface) < 0)
                return false;
        is = interface[0] == '\0' || strcmp(interface, BUS_INTERFACE_MANAGER) == 0;
        (void)sd_bus_message_rewind(m, true);
        return is;
}

int bus_tree_answer(struct bus_server *s, sd_bus_message *m, sd_bus_error *error)
{
        const struct caller *who;
        int r;

        if (strcmp(sd_bus_message_get_path(m), BUS_ROOT) != 0)
                return 0;
        r = bus_server_caller(s, m, &who, error);
        if (r < 0)
                return r;
        if (sd_bus_message_is_method_call(m, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects") &&
            sd_bus_message_has_signature(m, "")) {
                r = reply_managed_objects(s, m, who);
                return r < 0 ? r : 1;
        }
        if (who->sandboxed && is_get_all_of_manager(m)) {
                r = reply_public_properties(s, m);
                return r < 0 ? r : 1;
        }
        return 0;
}

/* ---- child nodes ---- */

struct paths {
        char **strv; /* owned, NULL-terminated */
        size_t n;
};

static int append_path(struct bus_object *o, void *ctx)
{
        struct paths *p = ctx;
        struct bus_path path;
        char **strv = realloc(p->strv, (p->n + 2) * sizeof(*strv));

        if (!strv)
                return -ENOMEM;
        p->strv = strv;
        bus_object_path(o, &path);
        strv[p->n] = strdup(path.text);
        if (!strv[p->n])
                return -ENOMEM;
        strv[++p->n] = NULL;
        return 0;
}

static int enumerate(sd_bus *bus, const char *prefix, void *userdata, char ***ret_nodes, sd_bus_error *error)
{
        struct bus_server *s = userdata;
        sd_bus_message *m = sd_bus_get_current_message(bus);
        struct paths p = { 0 };
        const struct caller *who;
        int r;

        (void)prefix; /* sd-bus takes of these what is below it */
        if (!m)
                return 0;
        r = bus_server_caller(s, m, &who, error);
        if (r >= 0)
                r = visit_visible(s, who, append_path, &p);
        if (r >= 0) {
                *ret_nodes = p.strv;
                return 0;
        }
        for (size_t i = 0; i < p.n; i++)
                free(p.strv[i]);
        free(p.strv);
        return r;
}

int bus_tree_add(struct bus_server *s)
{
        static const struct {
                const char *prefix;
                const struct bus_face *face;
                sd_bus_object_find_t find;
        } objects[] = {
                { BUS_ROOT, &bus_manager_face, find_root },
                { BUS_ROOT, &bus_consent_face, find_root },
                { BUS_CONTEXTS, &bus_context_face, find_context },
                { BUS_CONTEXTS, &bus_voice_face, find_context },
                { BUS_CONTEXTS, &bus_participant_face, find_participant },
        };
        int r = sd_bus_add_object_manager(s->bus, NULL, BUS_ROOT);

        for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(objects); i++)
                r = sd_bus_add_fallback_vtable(s->bus, NULL, objects[i].prefix, objects[i].face->interface,
                                               objects[i].face->vtable, objects[i].find, s);
        return r < 0 ? r : sd_bus_add_node_enumerator(s->bus, NULL, BUS_CONTEXTS, enumerate, s);
}
