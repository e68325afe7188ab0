/* voice-settings.h - how a context's voice is carried: transmit mode, devices, processing.
 *
 * Settings outlive rooms. Each setter marks the property and, while the context's room is held, has voice.c apply it.
 * Device names are PipeWire's node.name; "" follows the default. Control thread.
 */
#pragma once

#include <stdbool.h>

#include "media/gate.h"

const char *transmit_mode_to_string(enum transmit_mode m);             /* the contract's words: "continuous" … */
int transmit_mode_from_string(const char *s, enum transmit_mode *ret); /* -EINVAL */

enum { DEVICE_NAME_MAX = 255, ANS_MODE_MAX = 4 };

struct voice_settings {
        enum transmit_mode transmit_mode;
        char input_device[DEVICE_NAME_MAX + 1], output_device[DEVICE_NAME_MAX + 1];
        bool echo_cancellation, automatic_gain_control;
        unsigned ans_mode; /* noise suppression: 0 off, 1 low, 2 medium, 3 high, 4 automatic */
};

void voice_settings_init(struct voice_settings *s);
/* UTF-8 without control characters, up to DEVICE_NAME_MAX bytes; "" is one, too. */
bool voice_settings_is_device_name(const char *name);
