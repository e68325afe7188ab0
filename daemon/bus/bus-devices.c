/* bus-devices.c - Voice.ListDevices: the sources and sinks there are.
 *
 * The list may have to be asked of the sound server: the call is kept meanwhile, at most DEVICES_PENDING_MAX of them.
 * The manager answers each exactly once, at the latest when it goes, which is before the server does. Control thread.
 */
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "bus/bus-errors.h"
#include "bus/bus-internal.h"

LOG_TOPIC("bus/bus-devices");

enum { DEVICES_PENDING_MAX = 32 };

struct pending {
        struct bus_server *server; /* borrowed */
        sd_bus_message *call;      /* a reference */
};

static void pending_free(struct pending *p)
{
        p->server->devices_pending--;
        sd_bus_message_unref(p->call);
        free(p);
}

static int append_devices(sd_bus_message *m, const struct audio_device *d, size_t n)
{
        int r = sd_bus_message_open_container(m, 'a', "a{sv}");

        /* clang-format off */
        for (size_t i = 0; r >= 0 && i < n; i++)
                r = sd_bus_message_append(
                        m, "a{sv}", 7,
                        "name", "s", d[i].name,
                        "description", "s", d[i].description,
                        "kind", "s", d[i].direction == AUDIO_CAPTURE ? "input" : "output",
                        "isDefault", "b", (int)d[i].is_default,
                        "formFactor", "s", d[i].form_factor,
                        "bus", "s", d[i].bus,
                        "serial", "t", d[i].serial);
        /* clang-format on */
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static void on_devices(const struct audio_device *devices, size_t n, void *ctx)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        struct pending *p = ctx;
        int r = sd_bus_message_new_method_return(p->call, &reply);

        if (r >= 0)
                r = append_devices(reply, devices, n);
        if (r >= 0)
                r = sd_bus_send(p->server->bus, reply, NULL);
        if (r < 0)
                log_debug("no answer to ListDevices: %s", strerror(-r));
        bus_loop_rearm(p->server->bus_loop);
        pending_free(p);
}

int bus_devices_on_list(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        struct bus_server *s = ((struct bus_object *)userdata)->server;
        struct pending *p;
        int r;

        if (s->devices_pending >= DEVICES_PENDING_MAX)
                return bus_error_set(error, BUS_ERROR_LIMITS_EXCEEDED, "32 calls of ListDevices are pending");
        p = malloc(sizeof(*p));
        if (!p)
                return -ENOMEM;
        *p = (struct pending){ .server = s, .call = sd_bus_message_ref(m) };
        s->devices_pending++;
        r = manager_list_devices(s->manager, on_devices, p);
        if (r < 0) {
                pending_free(p);
                return r;
        }
        return 1;
}
