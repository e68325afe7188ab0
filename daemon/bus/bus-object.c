/* bus-object.c - objects on the bus. See bus-object.h.
 *
 * The vtables are the one source: live introspection, Properties, GetManagedObjects, InterfacesAdded and
 * PropertiesChanged all read the same entries, so they cannot say different things. An entry's getter is handed
 * `userdata` plus the entry's offset (sd-bus does so itself; append_property() does the same).
 *
 * Paths are canonical: decimal numbers from 1 without sign or leading zeros, nothing after them.
 *
 * Control thread. A struct bus_object borrows everything and is good until the next turn of the loop.
 */
#include "bus/bus-object.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "bus/bus-internal.h"

void bus_object_of_root(struct bus_server *s, struct bus_object *ret)
{
        *ret = (struct bus_object){ .server = s, .version = s->env.version, .engines = engine_names() };
        ret->in_room = manager_room(s->manager, &ret->room_id, &ret->user_id);
}

void bus_object_of_context(struct bus_server *s, struct context *c, struct bus_object *ret)
{
        *ret = (struct bus_object){ .server = s, .context = c };
        context_get(c, &ret->cv);
        ret->state = room_state_to_string(ret->cv.state);
        for (int i = 0; i < _LIST_MAX; i++)
                ret->lists[i] = context_list(c, (enum context_list)i);
}

void bus_object_of_participant(struct bus_server *s, struct participant *p, struct bus_object *ret)
{
        *ret = (struct bus_object){ .server = s, .context = participant_context(p), .participant = p };
        participant_get(p, &ret->pv);
}

/* A number and what follows it; NULL: none there. */
static const char *parse_number(const char *s, uint32_t *ret)
{
        uint64_t n = 0;

        if (*s < '1' || *s > '9')
                return NULL;
        for (; *s >= '0' && *s <= '9'; s++) {
                n = n * 10 + (uint64_t)(*s - '0');
                if (n > UINT32_MAX)
                        return NULL;
        }
        *ret = (uint32_t)n;
        return s;
}

bool bus_object_find(struct bus_server *s, const char *path, struct bus_object *ret)
{
        static const char below[] = "/participant/";
        struct participant *p;
        struct context *c;
        uint32_t number;

        if (strncmp(path, BUS_CONTEXTS "/", strlen(BUS_CONTEXTS "/")) != 0)
                return false;
        path = parse_number(path + strlen(BUS_CONTEXTS "/"), &number);
        c = path ? manager_find_context(s->manager, number) : NULL;
        if (!c)
                return false;
        if (*path == '\0') {
                bus_object_of_context(s, c, ret);
                return true;
        }
        if (strncmp(path, below, strlen(below)) != 0)
                return false;
        path = parse_number(path + strlen(below), &number);
        p = path && *path == '\0' ? context_find_participant(c, number) : NULL;
        if (!p)
                return false;
        bus_object_of_participant(s, p, ret);
        return true;
}

void bus_object_path(const struct bus_object *o, struct bus_path *ret)
{
        if (!o->context)
                snprintf(ret->text, sizeof(ret->text), BUS_ROOT);
        else if (!o->participant)
                snprintf(ret->text, sizeof(ret->text), BUS_CONTEXTS "/%u", context_number(o->context));
        else
                snprintf(ret->text, sizeof(ret->text), BUS_CONTEXTS "/%u/participant/%u", context_number(o->context),
                         participant_number(o->participant));
}

static bool is_property(const sd_bus_vtable *v)
{
        return v->type == _SD_BUS_VTABLE_PROPERTY || v->type == _SD_BUS_VTABLE_WRITABLE_PROPERTY;
}

static int append_property(const struct bus_face *f, const sd_bus_vtable *v, sd_bus_message *m, struct bus_object *o)
{
        int r = sd_bus_message_open_container(m, 'e', "sv");

        if (r < 0)
                return r;
        r = sd_bus_message_append(m, "s", v->x.property.member);
        if (r < 0)
                return r;
        r = sd_bus_message_open_container(m, 'v', v->x.property.signature);
        if (r < 0)
                return r;
        r = v->x.property.get(NULL, NULL, f->interface, v->x.property.member, m, (char *)o + v->x.property.offset,
                              NULL);
        if (r < 0)
                return r;
        r = sd_bus_message_close_container(m);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

int bus_face_append_one(const struct bus_face *f, sd_bus_message *m, struct bus_object *o, const char *property)
{
        for (const sd_bus_vtable *v = f->vtable; v->type != _SD_BUS_VTABLE_END; v++)
                if (is_property(v) && strcmp(v->x.property.member, property) == 0)
                        return append_property(f, v, m, o);
        return -ENOENT;
}

int bus_face_append_all(const struct bus_face *f, sd_bus_message *m, struct bus_object *o)
{
        int r = sd_bus_message_open_container(m, 'a', "{sv}");

        for (const sd_bus_vtable *v = f->vtable; r >= 0 && v->type != _SD_BUS_VTABLE_END; v++)
                if (is_property(v))
                        r = append_property(f, v, m, o);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

bool bus_face_has(const struct bus_face *f, uint32_t mask)
{
        for (size_t i = 0; i < f->n_bits; i++)
                if (mask & f->bits[i].bit)
                        return true;
        return false;
}

int bus_face_append_changed(const struct bus_face *f, sd_bus_message *m, struct bus_object *o, uint32_t mask)
{
        int r = sd_bus_message_open_container(m, 'a', "{sv}");

        for (size_t i = 0; r >= 0 && i < f->n_bits; i++)
                if (mask & f->bits[i].bit)
                        r = bus_face_append_one(f, m, o, f->bits[i].property);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

/* NULL-terminated. */
static const struct bus_face *const *faces_of(const struct bus_object *o)
{
        static const struct bus_face *const context[] = { &bus_context_face, &bus_voice_face, NULL };
        static const struct bus_face *const participant[] = { &bus_participant_face, NULL };

        return o->participant ? participant : context;
}

int bus_object_append_interfaces(sd_bus_message *m, struct bus_object *o)
{
        int r = sd_bus_message_open_container(m, 'a', "{sa{sv}}");

        for (const struct bus_face *const *f = faces_of(o); r >= 0 && *f; f++) {
                r = sd_bus_message_open_container(m, 'e', "sa{sv}");
                if (r >= 0)
                        r = sd_bus_message_append(m, "s", (*f)->interface);
                if (r >= 0)
                        r = bus_face_append_all(*f, m, o);
                if (r >= 0)
                        r = sd_bus_message_close_container(m);
        }
        return r < 0 ? r : sd_bus_message_close_container(m);
}

int bus_object_append_interface_names(sd_bus_message *m, const struct bus_object *o)
{
        int r = sd_bus_message_open_container(m, 'a', "s");

        for (const struct bus_face *const *f = faces_of(o); r >= 0 && *f; f++)
                r = sd_bus_message_append(m, "s", (*f)->interface);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

/* ---- getters ---- */

#define GETTER(name)                                                                                          \
        int name(sd_bus *bus __attribute__((unused)), const char *path __attribute__((unused)),               \
                 const char *interface __attribute__((unused)), const char *property __attribute__((unused)), \
                 sd_bus_message *reply, void *userdata, sd_bus_error *error __attribute__((unused)))

GETTER(bus_get_string)
{
        return sd_bus_message_append(reply, "s", *(const char **)userdata);
}

GETTER(bus_get_strings)
{
        int r = sd_bus_message_open_container(reply, 'a', "s");

        for (const char *const *s = *(const char *const **)userdata; r >= 0 && s && *s; s++)
                r = sd_bus_message_append(reply, "s", *s);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

GETTER(bus_get_boolean)
{
        return sd_bus_message_append(reply, "b", (int)*(bool *)userdata);
}

GETTER(bus_get_u32)
{
        return sd_bus_message_append(reply, "u", *(uint32_t *)userdata);
}

GETTER(bus_get_u64)
{
        return sd_bus_message_append(reply, "t", *(uint64_t *)userdata);
}

GETTER(bus_get_double)
{
        return sd_bus_message_append(reply, "d", *(double *)userdata);
}
