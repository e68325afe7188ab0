/* pw-devices.c - see pw-devices.h. Control thread.
 *
 * An object is a node or a device that is bound as long as the registry has it; a node without a form factor takes
 * that of its device. The defaults are JSON in the metadata: {"name": "NODE"}.
 */
#include "audio/pw-devices.h"

#include <errno.h>
#include <pipewire/pipewire.h>
#include <string.h>

#include <pipewire/extensions/metadata.h> /* does not compile alone */
#include <spa/utils/json.h>

#include "base/list.h"
#include "base/log.h"

LOG_TOPIC("audio/pw-devices");

enum { NAME_MAX_BYTES = 256 };

struct object {
        struct list link; /* in pwdevices.objects */
        struct pwdevices *devices;
        uint32_t id, device; /* device: the one a node belongs to, or SPA_ID_INVALID */
        bool is_node;
        enum audio_direction direction; /* of a node */
        uint64_t serial;
        char *name, *description, *form_factor, *bus; /* owned; NULL: unknown */
        struct pw_proxy *proxy;                       /* owned */
        struct spa_hook listener;
};

struct pwdevices {
        struct pw_registry *registry; /* borrowed */
        void (*changed)(void *ctx);
        void *ctx;
        struct list objects;          /* in order of appearance */
        struct pw_metadata *metadata; /* owned; NULL: no session manager */
        uint32_t metadata_id;
        struct spa_hook metadata_listener;
        char default_sink[NAME_MAX_BYTES], default_source[NAME_MAX_BYTES];
};

/* ---- nodes and devices ---- */

static const char *lookup(const struct spa_dict *props, const char *key)
{
        return props ? spa_dict_lookup(props, key) : NULL;
}

/* Puts the value in place of the old one; without a value, or memory for it, the old one stays. */
static void note(char **place, const char *value)
{
        char *copy = value ? strdup(value) : NULL;

        if (!copy)
                return;
        free(*place);
        *place = copy;
}

static void note_properties(struct object *o, const struct spa_dict *props)
{
        const char *device = lookup(props, PW_KEY_DEVICE_ID);

        note(&o->name, lookup(props, PW_KEY_NODE_NAME));
        note(&o->description, lookup(props, PW_KEY_NODE_DESCRIPTION));
        note(&o->form_factor, lookup(props, PW_KEY_DEVICE_FORM_FACTOR));
        note(&o->bus, lookup(props, PW_KEY_DEVICE_BUS));
        if (device)
                o->device = (uint32_t)strtoul(device, NULL, 10);
}

static void on_node_info(void *data, const struct pw_node_info *info)
{
        struct object *o = data;

        if (!(info->change_mask & PW_NODE_CHANGE_MASK_PROPS))
                return;
        note_properties(o, info->props);
        o->devices->changed(o->devices->ctx);
}

static void on_device_info(void *data, const struct pw_device_info *info)
{
        struct object *o = data;

        if (!(info->change_mask & PW_DEVICE_CHANGE_MASK_PROPS))
                return;
        note_properties(o, info->props);
        o->devices->changed(o->devices->ctx);
}

static const struct pw_node_events node_events = { PW_VERSION_NODE_EVENTS, .info = on_node_info };
static const struct pw_device_events device_events = { PW_VERSION_DEVICE_EVENTS, .info = on_device_info };

static struct object *object_free(struct object *o)
{
        if (!o)
                return NULL;
        list_remove(&o->link);
        if (o->proxy) {
                spa_hook_remove(&o->listener);
                pw_proxy_destroy(o->proxy);
        }
        free(o->name);
        free(o->description);
        free(o->form_factor);
        free(o->bus);
        free(o);
        return NULL;
}
DEFINE_CLEANUP(struct object *, object_free)

static int bind(struct pwdevices *d, struct object *o, const char *type)
{
        o->proxy = pw_registry_bind(d->registry, o->id, type, o->is_node ? PW_VERSION_NODE : PW_VERSION_DEVICE, 0);
        if (!o->proxy)
                return -errno;
        if (o->is_node)
                pw_node_add_listener((struct pw_node *)o->proxy, &o->listener, &node_events, o);
        else
                pw_device_add_listener((struct pw_device *)o->proxy, &o->listener, &device_events, o);
        return 0;
}

static int add_object(struct pwdevices *d, uint32_t id, const char *type, const struct spa_dict *props, bool is_node,
                      enum audio_direction direction)
{
        _cleanup_(object_freep) struct object *o = calloc(1, sizeof(*o));
        const char *serial = lookup(props, PW_KEY_OBJECT_SERIAL);
        int r;

        if (!o)
                return -ENOMEM;
        list_init(&o->link);
        o->devices = d;
        o->id = id;
        o->device = SPA_ID_INVALID;
        o->is_node = is_node;
        o->direction = direction;
        o->serial = serial ? strtoull(serial, NULL, 10) : id;
        note_properties(o, props);
        r = bind(d, o, type);
        if (r < 0)
                return r;
        list_append(&d->objects, &take_ptr(o)->link);
        d->changed(d->ctx);
        return 0;
}

static bool begins(const char *s, const char *with)
{
        return strncmp(s, with, strlen(with)) == 0;
}

static int add_node(struct pwdevices *d, uint32_t id, const char *type, const struct spa_dict *props)
{
        const char *media_class = lookup(props, PW_KEY_MEDIA_CLASS);

        if (!media_class || !lookup(props, PW_KEY_NODE_NAME))
                return 0;
        if (begins(media_class, "Audio/Sink"))
                return add_object(d, id, type, props, true, AUDIO_PLAYBACK);
        if (begins(media_class, "Audio/Source"))
                return add_object(d, id, type, props, true, AUDIO_CAPTURE);
        return 0;
}

/* ---- the defaults ---- */

static void read_name(const char *json, char ret[NAME_MAX_BYTES])
{
        struct spa_json outer, object;
        char key[64], name[NAME_MAX_BYTES];

        ret[0] = '\0';
        spa_json_init(&outer, json, strlen(json));
        if (spa_json_enter_object(&outer, &object) <= 0)
                return;
        while (spa_json_get_string(&object, key, sizeof(key)) > 0) {
                if (strcmp(key, "name") == 0) {
                        if (spa_json_get_string(&object, name, sizeof(name)) > 0)
                                memcpy(ret, name, sizeof(name));
                        return;
                }
                if (spa_json_next(&object, &(const char *){ NULL }) <= 0)
                        return;
        }
}

static int on_property(void *data, uint32_t subject, const char *key, const char *type, const char *value)
{
        struct pwdevices *d = data;

        (void)type;
        if (subject != PW_ID_CORE)
                return 0;
        if (!key || strcmp(key, "default.audio.sink") == 0)
                read_name(value ? value : "", d->default_sink);
        if (!key || strcmp(key, "default.audio.source") == 0)
                read_name(value ? value : "", d->default_source);
        d->changed(d->ctx);
        return 0;
}

static const struct pw_metadata_events metadata_events = { PW_VERSION_METADATA_EVENTS, .property = on_property };

static int add_metadata(struct pwdevices *d, uint32_t id, const char *type, const struct spa_dict *props)
{
        const char *name = lookup(props, PW_KEY_METADATA_NAME);

        if (d->metadata || !name || strcmp(name, "default") != 0)
                return 0;
        d->metadata = pw_registry_bind(d->registry, id, type, PW_VERSION_METADATA, 0);
        if (!d->metadata)
                return -errno;
        d->metadata_id = id;
        pw_metadata_add_listener(d->metadata, &d->metadata_listener, &metadata_events, d);
        return 0;
}

static void drop_metadata(struct pwdevices *d)
{
        if (!d->metadata)
                return;
        spa_hook_remove(&d->metadata_listener);
        pw_proxy_destroy((struct pw_proxy *)take_ptr(d->metadata));
        d->default_sink[0] = d->default_source[0] = '\0';
}

int pwdevices_move(struct pwdevices *d, uint32_t node, const char *target)
{
        if (!d->metadata)
                return -ENOTSUP;
        /* -1 outweighs a target that the stream was made with */
        return pw_metadata_set_property(d->metadata, node, PW_KEY_TARGET_OBJECT, *target ? "Spa:String" : "Spa:Id",
                                        *target ? target : "-1");
}

/* ---- the list ---- */

int pwdevices_add(struct pwdevices *d, uint32_t id, const char *type, uint32_t version, const struct spa_dict *props)
{
        const char *media_class = lookup(props, PW_KEY_MEDIA_CLASS);

        (void)version;
        if (strcmp(type, PW_TYPE_INTERFACE_Node) == 0)
                return add_node(d, id, type, props);
        if (strcmp(type, PW_TYPE_INTERFACE_Device) == 0 && media_class && strcmp(media_class, "Audio/Device") == 0)
                return add_object(d, id, type, props, false, AUDIO_PLAYBACK);
        if (strcmp(type, PW_TYPE_INTERFACE_Metadata) == 0)
                return add_metadata(d, id, type, props);
        return 0;
}

void pwdevices_remove(struct pwdevices *d, uint32_t id)
{
        struct object *o;

        if (d->metadata && d->metadata_id == id)
                drop_metadata(d);
        list_for_each (o, &d->objects, link)
                if (o->id == id) {
                        object_free(o);
                        d->changed(d->ctx);
                        return;
                }
}

static const struct object *device_of(const struct pwdevices *d, const struct object *node)
{
        const struct object *o;

        list_for_each (o, &d->objects, link)
                if (!o->is_node && o->id == node->device)
                        return o;
        return node;
}

static const char *text(const char *own, const char *else_this)
{
        return own ? own : else_this ? else_this : "";
}

size_t pwdevices_list(const struct pwdevices *d, struct audio_device *ret, size_t max)
{
        const struct object *o;
        size_t n = 0;

        list_for_each (o, &d->objects, link) {
                const struct object *device = device_of(d, o);
                const char *chosen = o->direction == AUDIO_PLAYBACK ? d->default_sink : d->default_source;

                if (!o->is_node || !o->name || n == max)
                        continue;
                ret[n++] = (struct audio_device){ .direction = o->direction,
                                                  .name = o->name,
                                                  .description = text(o->description, o->name),
                                                  .form_factor = text(o->form_factor, device->form_factor),
                                                  .bus = text(o->bus, device->bus),
                                                  .serial = o->serial,
                                                  .is_default = strcmp(o->name, chosen) == 0 };
        }
        return n;
}

int pwdevices_new(struct pw_registry *registry, void (*changed)(void *ctx), void *ctx, struct pwdevices **ret)
{
        struct pwdevices *d = calloc(1, sizeof(*d));

        if (!d)
                return -ENOMEM;
        d->registry = registry;
        d->changed = changed;
        d->ctx = ctx;
        list_init(&d->objects);
        *ret = d;
        return 0;
}

struct pwdevices *pwdevices_free(struct pwdevices *d)
{
        struct object *o;

        if (!d)
                return NULL;
        drop_metadata(d);
        list_for_each (o, &d->objects, link)
                object_free(o);
        free(d);
        return NULL;
}
