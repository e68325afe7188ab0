/* bus-voice.c - org.rtcroom.RtcRoom1.Voice, on every context: mute, deafen, settings, push-to-talk, messages. GetStats
 * is in bus-stats.c.
 *
 * Control thread.
 */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "bus/bus-errors.h"
#include "bus/bus-internal.h"

/* ---- mute and deafen ---- */

static int set_muted(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *value,
                     void *userdata, sd_bus_error *error)
{
        struct bus_object *o = container_of(userdata, struct bus_object, cv.muted);
        int on, r = sd_bus_message_read(value, "b", &on);

        (void)bus, (void)path, (void)interface, (void)property, (void)error;
        if (r < 0)
                return r;
        context_set_muted(o->context, on);
        return 0;
}

static int set_deafened(sd_bus *bus, const char *path, const char *interface, const char *property,
                        sd_bus_message *value, void *userdata, sd_bus_error *error)
{
        struct bus_object *o = container_of(userdata, struct bus_object, cv.deafened);
        int on, r = sd_bus_message_read(value, "b", &on);

        (void)bus, (void)path, (void)interface, (void)property, (void)error;
        if (r < 0)
                return r;
        context_set_deafened(o->context, on);
        return 0;
}

/* ---- settings ---- */

static int invalid_value(sd_bus_error *error, const char *property, const char *expected)
{
        char text[128];

        (void)snprintf(text, sizeof(text), "%s should be %s", property, expected);
        return bus_error_set(error, BUS_ERROR_INVALID_ARGS, text);
}

static int set_transmit_mode(sd_bus *bus, const char *path, const char *interface, const char *property,
                             sd_bus_message *value, void *userdata, sd_bus_error *error)
{
        struct bus_object *o = container_of(userdata, struct bus_object, cv.transmit_mode);
        enum transmit_mode mode;
        const char *word;
        int r = sd_bus_message_read(value, "s", &word);

        (void)bus, (void)path, (void)interface;
        if (r < 0)
                return r;
        if (transmit_mode_from_string(word, &mode) < 0)
                return invalid_value(error, property, "\"continuous\", \"voice-activity\" or \"push-to-talk\"");
        context_set_transmit_mode(o->context, mode);
        return 0;
}

static int set_device(struct context *c, int (*set)(struct context *c, const char *node_name), const char *property,
                      sd_bus_message *value, sd_bus_error *error)
{
        const char *name;
        int r = sd_bus_message_read(value, "s", &name);

        if (r < 0)
                return r;
        if (set(c, name) < 0)
                return invalid_value(error, property, "a node.name of at most 255 bytes, or empty");
        return 0;
}

static int set_input_device(sd_bus *bus, const char *path, const char *interface, const char *property,
                            sd_bus_message *value, void *userdata, sd_bus_error *error)
{
        struct bus_object *o = container_of(userdata, struct bus_object, cv.input_device);

        (void)bus, (void)path, (void)interface;
        return set_device(o->context, context_set_input_device, property, value, error);
}

static int set_output_device(sd_bus *bus, const char *path, const char *interface, const char *property,
                             sd_bus_message *value, void *userdata, sd_bus_error *error)
{
        struct bus_object *o = container_of(userdata, struct bus_object, cv.output_device);

        (void)bus, (void)path, (void)interface;
        return set_device(o->context, context_set_output_device, property, value, error);
}

static int set_echo_cancellation(sd_bus *bus, const char *path, const char *interface, const char *property,
                                 sd_bus_message *value, void *userdata, sd_bus_error *error)
{
        struct bus_object *o = container_of(userdata, struct bus_object, cv.echo_cancellation);
        int on, r = sd_bus_message_read(value, "b", &on);

        (void)bus, (void)path, (void)interface, (void)property, (void)error;
        if (r < 0)
                return r;
        context_set_echo_cancellation(o->context, on);
        return 0;
}

static int set_automatic_gain_control(sd_bus *bus, const char *path, const char *interface, const char *property,
                                      sd_bus_message *value, void *userdata, sd_bus_error *error)
{
        struct bus_object *o = container_of(userdata, struct bus_object, cv.automatic_gain_control);
        int on, r = sd_bus_message_read(value, "b", &on);

        (void)bus, (void)path, (void)interface, (void)property, (void)error;
        if (r < 0)
                return r;
        context_set_automatic_gain_control(o->context, on);
        return 0;
}

/* ---- push-to-talk ---- */

static int on_start_talking(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        struct bus_object *o = userdata;
        int r = context_start_talking(o->context, sd_bus_message_get_sender(m));

        (void)error;
        return r < 0 ? r : sd_bus_reply_method_return(m, NULL);
}

static int on_stop_talking(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        struct bus_object *o = userdata;

        (void)error;
        context_stop_talking(o->context);
        return sd_bus_reply_method_return(m, NULL);
}

#define PROPERTY(name, type, get, set, field)                                              \
        SD_BUS_WRITABLE_PROPERTY(name, type, get, set, offsetof(struct bus_object, field), \
                                 SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE | SD_BUS_VTABLE_UNPRIVILEGED)

static const sd_bus_vtable vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD_WITH_ARGS("GetStats", SD_BUS_NO_ARGS, SD_BUS_RESULT("a{sv}", stats), bus_stats_on_get,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("OpenLevels", SD_BUS_NO_ARGS, SD_BUS_RESULT("h", levels), bus_levels_on_open,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("StartTalking", NULL, NULL, on_start_talking, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("StopTalking", NULL, NULL, on_stop_talking, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("ListDevices", SD_BUS_NO_ARGS, SD_BUS_RESULT("aa{sv}", devices), bus_devices_on_list,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("SendMessage", SD_BUS_ARGS("a{sv}", options), SD_BUS_RESULT("u", request),
                                bus_context_on_operation, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_SIGNAL_WITH_ARGS("MessageReceived", SD_BUS_ARGS("a{sv}", message), 0),
        PROPERTY("Muted", "b", bus_get_boolean, set_muted, cv.muted),
        PROPERTY("Deafened", "b", bus_get_boolean, set_deafened, cv.deafened),
        PROPERTY("TransmitMode", "s", bus_get_string, set_transmit_mode, cv.transmit_mode),
        PROPERTY("InputDevice", "s", bus_get_string, set_input_device, cv.input_device),
        PROPERTY("OutputDevice", "s", bus_get_string, set_output_device, cv.output_device),
        PROPERTY("EchoCancellation", "b", bus_get_boolean, set_echo_cancellation, cv.echo_cancellation),
        PROPERTY("AutomaticGainControl", "b", bus_get_boolean, set_automatic_gain_control, cv.automatic_gain_control),
        SD_BUS_PROPERTY("Talking", "b", bus_get_boolean, offsetof(struct bus_object, cv.talking),
                        SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_VTABLE_END,
};

static const struct bus_property_bit bits[] = {
        { CONTEXT_MUTED, "Muted" },
        { CONTEXT_DEAFENED, "Deafened" },
        { CONTEXT_TRANSMIT_MODE, "TransmitMode" },
        { CONTEXT_INPUT_DEVICE, "InputDevice" },
        { CONTEXT_OUTPUT_DEVICE, "OutputDevice" },
        { CONTEXT_ECHO_CANCELLATION, "EchoCancellation" },
        { CONTEXT_AUTOMATIC_GAIN_CONTROL, "AutomaticGainControl" },
        { CONTEXT_TALKING, "Talking" },
};

const struct bus_face bus_voice_face = {
        .interface = BUS_INTERFACE_VOICE,
        .vtable = vtable,
        .bits = bits,
        .n_bits = ARRAY_SIZE(bits),
};
