/* bus-participant.c - org.rtcroom.RtcRoom1.Participant. Control thread. */
#include <errno.h>
#include <stddef.h>

#include "bus/bus-errors.h"
#include "bus/bus-internal.h"

static int set_volume(sd_bus *bus, const char *path, const char *interface, const char *property,
                      sd_bus_message *value, void *userdata, sd_bus_error *error)
{
        struct bus_object *o = container_of(userdata, struct bus_object, pv.volume);
        double volume;
        int r = sd_bus_message_read(value, "d", &volume);

        (void)bus, (void)path, (void)interface, (void)property;
        if (r < 0)
                return r;
        r = participant_set_volume(o->participant, volume);
        return r == -EINVAL ? bus_error_set(error, BUS_ERROR_INVALID_ARGS, "Volume is between 0.0 and 2.0") : r;
}

static int set_muted(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *value,
                     void *userdata, sd_bus_error *error)
{
        struct bus_object *o = container_of(userdata, struct bus_object, pv.muted);
        int on, r = sd_bus_message_read(value, "b", &on);

        (void)bus, (void)path, (void)interface, (void)property, (void)error;
        if (r < 0)
                return r;
        participant_set_muted(o->participant, on);
        return 0;
}

static int get_attributes(sd_bus *bus, const char *path, const char *interface, const char *property,
                          sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        const struct bus_object *o = container_of(userdata, struct bus_object, pv.attributes);
        int r = sd_bus_message_open_container(reply, 'a', "{ss}");

        (void)bus, (void)path, (void)interface, (void)property, (void)error;
        for (size_t i = 0; r >= 0 && i < o->pv.n_attributes; i++)
                r = sd_bus_message_append(reply, "{ss}", o->pv.attributes[i].key, o->pv.attributes[i].value);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

#define PROPERTY(name, type, getter, field, flags) \
        SD_BUS_PROPERTY(name, type, getter, offsetof(struct bus_object, pv.field), flags)
#define CHANGES SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE

static const sd_bus_vtable vtable[] = {
        SD_BUS_VTABLE_START(0),
        PROPERTY("UserId", "s", bus_get_string, user_id, SD_BUS_VTABLE_PROPERTY_CONST),
        PROPERTY("Self", "b", bus_get_boolean, self, SD_BUS_VTABLE_PROPERTY_CONST),
        PROPERTY("Speaking", "b", bus_get_boolean, speaking, CHANGES),
        PROPERTY("Level", "d", bus_get_double, level, 0),
        PROPERTY("AudioPublished", "b", bus_get_boolean, audio_published, CHANGES),
        PROPERTY("AudioSubscribed", "b", bus_get_boolean, audio_subscribed, CHANGES),
        PROPERTY("AudioMuted", "b", bus_get_boolean, audio_muted, CHANGES),
        PROPERTY("VideoPublished", "b", bus_get_boolean, video_published, CHANGES),
        PROPERTY("ScreenPublished", "b", bus_get_boolean, screen_published, CHANGES),
        PROPERTY("Quality", "u", bus_get_u32, quality, CHANGES),
        SD_BUS_WRITABLE_PROPERTY("Volume", "d", bus_get_double, set_volume, offsetof(struct bus_object, pv.volume),
                                 CHANGES | SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_WRITABLE_PROPERTY("Muted", "b", bus_get_boolean, set_muted, offsetof(struct bus_object, pv.muted),
                                 CHANGES | SD_BUS_VTABLE_UNPRIVILEGED),
        PROPERTY("NodeName", "s", bus_get_string, node_name, CHANGES),
        PROPERTY("NodeSerial", "t", bus_get_u64, node_serial, CHANGES),
        PROPERTY("Encryption", "s", bus_get_string, encryption, CHANGES),
        PROPERTY("Name", "s", bus_get_string, name, CHANGES),
        PROPERTY("Metadata", "s", bus_get_string, metadata, CHANGES),
        PROPERTY("Attributes", "a{ss}", get_attributes, attributes, CHANGES),
        SD_BUS_VTABLE_END,
};

static const struct bus_property_bit bits[] = {
        { PARTICIPANT_SPEAKING, "Speaking" },
        { PARTICIPANT_AUDIO_PUBLISHED, "AudioPublished" },
        { PARTICIPANT_AUDIO_SUBSCRIBED, "AudioSubscribed" },
        { PARTICIPANT_AUDIO_MUTED, "AudioMuted" },
        { PARTICIPANT_VIDEO_PUBLISHED, "VideoPublished" },
        { PARTICIPANT_SCREEN_PUBLISHED, "ScreenPublished" },
        { PARTICIPANT_QUALITY, "Quality" },
        { PARTICIPANT_VOLUME, "Volume" },
        { PARTICIPANT_MUTED, "Muted" },
        { PARTICIPANT_NODE, "NodeName" },
        { PARTICIPANT_NODE, "NodeSerial" },
        { PARTICIPANT_ENCRYPTION, "Encryption" },
        { PARTICIPANT_NAME, "Name" },
        { PARTICIPANT_METADATA, "Metadata" },
        { PARTICIPANT_ATTRIBUTES, "Attributes" },
};

const struct bus_face bus_participant_face = {
        .interface = BUS_INTERFACE_PARTICIPANT,
        .vtable = vtable,
        .bits = bits,
        .n_bits = ARRAY_SIZE(bits),
};
