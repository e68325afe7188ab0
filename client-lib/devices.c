/* devices.c - sources and sinks: the list, and which of them a context uses. See rtcroom.h. Each call is one blocking
 * round trip.
 */
#include "internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int read_device(sd_bus_message *m, struct rtcroom_device *ret)
{
        char kind[8] = "";
        const struct field fields[] = { FIELD_TEXT("name", ret->name),
                                        FIELD_TEXT("description", ret->description),
                                        FIELD_TEXT("formFactor", ret->form_factor),
                                        FIELD_TEXT("bus", ret->bus),
                                        FIELD_TEXT("kind", kind),
                                        FIELD_VALUE("isDefault", 'b', ret->is_default),
                                        FIELD_VALUE("serial", 't', ret->serial) };
        int k;

        *ret = (struct rtcroom_device){ 0 };
        k = properties_read(m, fields, sizeof(fields) / sizeof(fields[0]));
        ret->output = strcmp(kind, "output") == 0;
        return k;
}

static int read_devices(sd_bus_message *m, struct rtcroom_device **list, size_t *n)
{
        int k = sd_bus_message_enter_container(m, 'a', "a{sv}");

        while (k >= 0 && !sd_bus_message_at_end(m, false)) {
                struct rtcroom_device *more = realloc(*list, (*n + 1) * sizeof(*more));

                if (!more)
                        return -ENOMEM;
                *list = more;
                k = read_device(m, &more[*n]);
                if (k >= 0)
                        (*n)++;
        }
        return k;
}

int rtcroom_context_list_devices(struct rtcroom_context *c, struct rtcroom_device **ret, size_t *ret_n)
{
        sd_bus_error error = SD_BUS_ERROR_NULL;
        struct rtcroom_device *list = NULL;
        sd_bus_message *reply = NULL;
        size_t n = 0;
        int k;

        if (!c || c->freed || !ret || !ret_n)
                return -EINVAL;
        k = sd_bus_call_method(c->r->bus, c->owner, c->path, IFACE("Voice"), "ListDevices", &error, &reply, "");
        if (k < 0)
                k = fail_with_bus_error(c->r, k, &error);
        else
                k = read_devices(reply, &list, &n);
        sd_bus_message_unref(reply);
        sd_bus_error_free(&error);
        if (k < 0) {
                free(list);
                return k;
        }
        *ret = list;
        *ret_n = n;
        return 0;
}

static int set_device(struct rtcroom_context *c, const char *property, const char *name)
{
        sd_bus_error error = SD_BUS_ERROR_NULL;
        int k;

        if (!c || c->freed || !name)
                return -EINVAL;
        k = sd_bus_set_property(c->r->bus, c->owner, c->path, IFACE("Voice"), property, &error, "s", name);
        if (k < 0)
                k = fail_with_bus_error(c->r, k, &error);
        sd_bus_error_free(&error);
        return k < 0 ? k : 0;
}

int rtcroom_context_set_input_device(struct rtcroom_context *c, const char *node_name)
{
        return set_device(c, "InputDevice", node_name);
}

int rtcroom_context_set_output_device(struct rtcroom_context *c, const char *node_name)
{
        return set_device(c, "OutputDevice", node_name);
}
