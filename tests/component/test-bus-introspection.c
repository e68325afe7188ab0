/* test-bus-introspection.c - what the service tells of itself equals dbus-interfaces/: members, argument names and
 * types, access, and how changes are told. Both texts are reduced to sorted lines, which are compared. */
#include <stdarg.h>

#include "fakes/bus-rig.h"
#include "lib/test.h"

enum { LINES_MAX = 256, LINE_MAX_LEN = 256 };

struct lines {
        char text[LINES_MAX][LINE_MAX_LEN];
        size_t n;
};

struct scanner {
        const char *at;
        bool inside; /* of the interface that is wanted */
        char member[128];
        unsigned argument;
};

/* The value of an attribute of the tag at `tag`; "" if it has none. */
static void attribute(const char *tag, const char *name, char *ret, size_t size)
{
        const char *end = strchr(tag, '>');
        char wanted[64];
        const char *at;

        ret[0] = '\0';
        (void)snprintf(wanted, sizeof(wanted), " %s=\"", name);
        at = strstr(tag, wanted);
        if (!at || at > end)
                return;
        at += strlen(wanted);
        ASSERT_LT(strcspn(at, "\""), size);
        (void)snprintf(ret, size, "%.*s", (int)strcspn(at, "\""), at);
}

static bool is_tag(const char *tag, const char *name)
{
        size_t n = strlen(name);

        return strncmp(tag + 1, name, n) == 0 && strchr(" />", tag[1 + n]);
}

static void add(struct lines *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void add(struct lines *l, const char *fmt, ...)
{
        va_list ap;

        ASSERT_LT(l->n, LINES_MAX);
        va_start(ap, fmt);
        (void)vsnprintf(l->text[l->n++], LINE_MAX_LEN, fmt, ap);
        va_end(ap);
}

static void take_member(struct scanner *s, const char *kind, struct lines *l)
{
        char name[64], type[64], access[16];

        attribute(s->at, "name", name, sizeof(name));
        attribute(s->at, "type", type, sizeof(type));
        attribute(s->at, "access", access, sizeof(access));
        (void)snprintf(s->member, sizeof(s->member), "%s %s", kind, name);
        s->argument = 0;
        add(l, "%s type=%s access=%s", s->member, type, access);
}

static void take_argument(struct scanner *s, struct lines *l)
{
        char name[64], type[64], direction[8];

        attribute(s->at, "name", name, sizeof(name));
        attribute(s->at, "type", type, sizeof(type));
        attribute(s->at, "direction", direction, sizeof(direction));
        if (strcmp(direction, "out") == 0 && s->member[0] == 's')
                direction[0] = '\0'; /* of signals it says nothing */
        add(l, "%s #%u %s %s %s", s->member, s->argument++, name, type, direction);
}

/* Qt's type hints are for generators only; the default for changes is "true". */
static void take_annotation(struct scanner *s, struct lines *l)
{
        char name[128], value[64];

        attribute(s->at, "name", name, sizeof(name));
        attribute(s->at, "value", value, sizeof(value));
        if (strncmp(name, "org.qtproject.", 14) != 0)
                add(l, "%s %s=%s", s->member, name, value);
}

static void take_tag(struct scanner *s, const char *interface, struct lines *l)
{
        char name[128];

        if (is_tag(s->at, "interface")) {
                attribute(s->at, "name", name, sizeof(name));
                s->inside = strcmp(name, interface) == 0;
                s->member[0] = '\0';
        }
        if (!s->inside)
                return;
        if (is_tag(s->at, "method"))
                take_member(s, "method", l);
        else if (is_tag(s->at, "signal"))
                take_member(s, "signal", l);
        else if (is_tag(s->at, "property"))
                take_member(s, "property", l);
        else if (is_tag(s->at, "arg"))
                take_argument(s, l);
        else if (is_tag(s->at, "annotation"))
                take_annotation(s, l);
}

static int compare(const void *a, const void *b)
{
        return strcmp(a, b);
}

static void reduce(const char *xml, const char *interface, struct lines *ret)
{
        struct scanner s = { .at = xml };

        ret->n = 0;
        while ((s.at = strchr(s.at, '<'))) {
                if (strncmp(s.at, "<!--", 4) == 0) {
                        s.at = strstr(s.at, "-->");
                        ASSERT(s.at);
                        continue;
                }
                take_tag(&s, interface, ret);
                s.at++;
        }
        qsort(ret->text, ret->n, LINE_MAX_LEN, compare);
}

static char *read_file(const char *interface)
{
        char path[512], *text = calloc(1, 1 << 16);
        FILE *f;

        (void)snprintf(path, sizeof(path), INTERFACES_DIR "/%s.xml", interface);
        f = fopen(path, "re");
        ASSERT(f);
        ASSERT_LT(fread(text, 1, 1 << 16, f), 1 << 16);
        (void)fclose(f);
        return text;
}

static void check(struct bus_rig *rig, const char *path, const char *interface, size_t at_least)
{
        static struct lines live, file;
        _cleanup_free_ char *text = read_file(interface);
        sd_bus_message *answer =
                bus_rig_call(rig, OWNER, path, "org.freedesktop.DBus.Introspectable", "Introspect", "");
        const char *xml;

        ASSERT_GT(sd_bus_message_read(answer, "s", &xml), 0);
        reduce(xml, interface, &live);
        reduce(text, interface, &file);
        for (size_t i = 0; i < live.n && i < file.n; i++)
                ASSERT_STR(live.text[i], file.text[i]);
        ASSERT_EQ(live.n, file.n);
        ASSERT_GE(live.n, at_least); /* something was compared */
        sd_bus_message_unref(answer);
}

TEST(live_equals_xml)
{
        _cleanup_(bus_rig_freep) struct bus_rig *rig = bus_rig_make();
        const char *path = bus_rig_context(rig, OWNER);
        char who[128];

        bus_rig_join(rig, OWNER, path);
        (void)snprintf(who, sizeof(who), "%s/participant/1", path);
        check(rig, BUS_ROOT, BUS_INTERFACE_MANAGER, 14);
        check(rig, BUS_ROOT, BUS_INTERFACE_CONSENT, 8);
        check(rig, path, BUS_INTERFACE_CONTEXT, 60);
        check(rig, path, BUS_INTERFACE_VOICE, 4);
        check(rig, who, BUS_INTERFACE_PARTICIPANT, 20);
}

TEST(standard_interfaces)
{
        _cleanup_(bus_rig_freep) struct bus_rig *rig = bus_rig_make();
        sd_bus_message *answer =
                bus_rig_call(rig, OWNER, BUS_ROOT, "org.freedesktop.DBus.Introspectable", "Introspect", "");
        static const char *const interfaces[] = { OBJECT_MANAGER, PROPERTIES, "org.freedesktop.DBus.Peer" };
        const char *xml;

        ASSERT_GT(sd_bus_message_read(answer, "s", &xml), 0);
        for (size_t i = 0; i < ARRAY_SIZE(interfaces); i++)
                ASSERT(strstr(xml, interfaces[i]));
        ASSERT(!strstr(xml, "Privileged"));
        sd_bus_message_unref(answer);
}
