/* voice-settings.c - see voice-settings.h. Control thread. */
#include "app/voice-settings.h"

#include <errno.h>
#include <string.h>

#include "app/manager-state.h"
#include "base/utf8.h"

static const char *const transmit_modes[_TRANSMIT_MODE_MAX] = {
        [TRANSMIT_CONTINUOUS] = "continuous",
        [TRANSMIT_VOICE_ACTIVITY] = "voice-activity",
        [TRANSMIT_PUSH_TO_TALK] = "push-to-talk",
};

const char *transmit_mode_to_string(enum transmit_mode m)
{
        return transmit_modes[m];
}

int transmit_mode_from_string(const char *s, enum transmit_mode *ret)
{
        for (unsigned i = 0; i < _TRANSMIT_MODE_MAX; i++)
                if (strcmp(s, transmit_modes[i]) == 0) {
                        *ret = (enum transmit_mode)i;
                        return 0;
                }
        return -EINVAL;
}

void voice_settings_init(struct voice_settings *s)
{
        *s = (struct voice_settings){ .transmit_mode = TRANSMIT_CONTINUOUS, .echo_cancellation = true };
}

bool voice_settings_is_device_name(const char *name)
{
        const char *p = name;

        for (size_t n; *p; p += n) {
                n = utf8_character(p);
                if (n == 0 || (unsigned char)*p < 0x20 || *p == 0x7f)
                        return false;
        }
        return p - name <= DEVICE_NAME_MAX;
}

/* ---- what the bus sets ---- */

static void changed(struct context *c, uint32_t property)
{
        context_changed(c, property);
        if (c->manager->room.context == c)
                voice_update(&c->manager->room);
}

void context_set_transmit_mode(struct context *c, enum transmit_mode mode)
{
        if (c->settings.transmit_mode == mode)
                return;
        c->settings.transmit_mode = mode;
        changed(c, CONTEXT_TRANSMIT_MODE);
}

static int set_device(struct context *c, char place[static DEVICE_NAME_MAX + 1], const char *name, uint32_t property)
{
        if (!voice_settings_is_device_name(name))
                return -EINVAL;
        if (strcmp(place, name) == 0)
                return 0;
        memcpy(place, name, strlen(name) + 1);
        changed(c, property);
        if (context_is_in_room(c))
                devices_apply(&c->manager->room);
        return 0;
}

int context_set_input_device(struct context *c, const char *node_name)
{
        return set_device(c, c->settings.input_device, node_name, CONTEXT_INPUT_DEVICE);
}

int context_set_output_device(struct context *c, const char *node_name)
{
        return set_device(c, c->settings.output_device, node_name, CONTEXT_OUTPUT_DEVICE);
}

void context_set_echo_cancellation(struct context *c, bool on)
{
        if (c->settings.echo_cancellation == on)
                return;
        c->settings.echo_cancellation = on;
        changed(c, CONTEXT_ECHO_CANCELLATION);
}

void context_set_automatic_gain_control(struct context *c, bool on)
{
        if (c->settings.automatic_gain_control == on)
                return;
        c->settings.automatic_gain_control = on;
        changed(c, CONTEXT_AUTOMATIC_GAIN_CONTROL);
}

void context_set_ans_mode(struct context *c, unsigned mode)
{
        if (mode > ANS_MODE_MAX || c->settings.ans_mode == mode)
                return;
        c->settings.ans_mode = mode;
        changed(c, 0);
}
