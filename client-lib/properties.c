/* properties.c - reading properties: of one object, or of all that the daemon lists. See rtcroom.h.
 *
 * Every call here is one blocking round trip. A property that is missing or of another type leaves its field at zero:
 * a newer or older daemon may have other ones.
 */
#include "internal.h"

#include <stdio.h>
#include <string.h>

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

static int read_entry(sd_bus_message *m, const struct field *fields, size_t n)
{
        const struct field *f = NULL;
        const char *name, *contents;
        int k;

        if ((k = sd_bus_message_read(m, "s", &name)) < 0 || (k = sd_bus_message_peek_type(m, NULL, &contents)) < 0)
                return k;
        for (size_t i = 0; i < n; i++)
                if (strcmp(fields[i].name, name) == 0 && contents[0] == fields[i].type)
                        f = &fields[i];
        return f ? read_field(m, f) : sd_bus_message_skip(m, "v");
}

int properties_read(sd_bus_message *m, const struct field *fields, size_t n)
{
        int k = sd_bus_message_enter_container(m, 'a', "{sv}");

        while (k >= 0 && (k = sd_bus_message_enter_container(m, 'e', "sv")) > 0)
                if ((k = read_entry(m, fields, n)) >= 0)
                        k = sd_bus_message_exit_container(m);
        return k < 0 ? k : sd_bus_message_exit_container(m);
}

int properties_read_interfaces(sd_bus_message *m, const char *iface, const struct field *fields, size_t n)
{
        const char *name;
        int k = sd_bus_message_enter_container(m, 'a', "{sa{sv}}");

        while (k >= 0 && (k = sd_bus_message_enter_container(m, 'e', "sa{sv}")) > 0) {
                k = sd_bus_message_read(m, "s", &name);
                if (k >= 0)
                        k = strcmp(name, iface) == 0 ? properties_read(m, fields, n) : sd_bus_message_skip(m, "a{sv}");
                if (k >= 0)
                        k = sd_bus_message_exit_container(m);
        }
        return k < 0 ? k : sd_bus_message_exit_container(m);
}

int properties_get_all(struct rtcroom_context *c, const char *iface, const struct field *fields, size_t n)
{
        sd_bus_error error = SD_BUS_ERROR_NULL;
        sd_bus_message *reply = NULL;
        int k;

        k = sd_bus_call_method(c->r->bus, c->owner, c->path, "org.freedesktop.DBus.Properties", "GetAll", &error,
                               &reply, "s", iface);
        if (k < 0)
                k = fail_with_bus_error(c->r, k, &error);
        else if ((k = properties_read(reply, fields, n)) < 0)
                k = fail_with_errno(c->r, k);
        sd_bus_message_unref(reply);
        sd_bus_error_free(&error);
        return k < 0 ? k : 0;
}

static int walk(sd_bus_message *m, object_fn fn, void *ctx)
{
        const char *path;
        int k = sd_bus_message_enter_container(m, 'a', "{oa{sa{sv}}}");

        while (k >= 0 && (k = sd_bus_message_enter_container(m, 'e', "oa{sa{sv}}")) > 0) {
                k = sd_bus_message_read(m, "o", &path);
                if (k >= 0)
                        k = fn(m, path, ctx);
                if (k >= 0)
                        k = sd_bus_message_exit_container(m);
        }
        return k;
}

int properties_walk_objects(struct rtcroom *r, const char *owner, object_fn fn, void *ctx)
{
        sd_bus_error error = SD_BUS_ERROR_NULL;
        sd_bus_message *reply = NULL;
        int k;

        k = sd_bus_call_method(r->bus, owner, ROOT_PATH, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects",
                               &error, &reply, "");
        if (k < 0)
                k = fail_with_bus_error(r, k, &error);
        else if ((k = walk(reply, fn, ctx)) < 0)
                k = fail_with_errno(r, k);
        sd_bus_message_unref(reply);
        sd_bus_error_free(&error);
        return k < 0 ? k : 0;
}
