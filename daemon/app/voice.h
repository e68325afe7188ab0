/* voice.h - the microphone: who may use it, when it is open, and the gate behind it.
 *
 * The capture stream exists only while the room is joined, the audio is published, capture is on and consent was
 * given; at all other times no device is open. The gate holds each of these conditions once more, and those that
 * change faster than a device (mute, what is linked). Control thread.
 */
#pragma once

#include "app/context.h"
#include "media/audio-io.h"

struct room;

struct voice {
        struct capture_gate gate; /* lent to the engine */
        struct audio_port *port;  /* owned reference, NULL while closed */
        struct audio_stream *stream;
};

/* Brings stream and gate in line with room and context. */
void voice_update(struct room *room);
/* Shuts the gate and closes the device. */
void voice_close(struct room *room);
/* "rtcroomd.<appId>[.<userId>]" with everything but letters, digits, '_', '-' and, in the userId, '.' as %XX:
 * different for different ids, and below NODE_NAME_MAX for ids of up to ID_MAX bytes. */
enum { NODE_NAME_MAX = 10 + 2 * 3 * ID_MAX };
void voice_node_name(const char *app_id, const char *user_id /* NULL: the microphone */, char *buf, size_t size);
/* What the user knows the program by. Borrowed. */
const char *voice_program_name(const struct context *c);
