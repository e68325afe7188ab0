/* audio-io.h - the audio device side as the app sees it. Implementations: audio/pw-io.c (PipeWire), audio/null-io.c
 * (a clock, no device), tests/fakes/fake-audio.c.
 *
 * Control thread only. A stream works on an audio_port whose RT side it is: it takes a reference and gives it back
 * when closed. A stream exists whether or not there is a sound server: while there is none nothing moves, and when it
 * comes (back) the stream is made again by itself, with the same names. Opening fails only for want of memory.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "media/audio-port.h"

struct audio_io;
struct audio_stream;

enum audio_direction { AUDIO_CAPTURE, AUDIO_PLAYBACK };

struct audio_stream_events {
        uint32_t version; /* 0 */
        /* What the stream is linked to changed. Capture: linked_to_source is false while a monitor of a sink (or
         * nothing) is linked: the gate must then be shut. node_name/serial are the stream's own; "" and 0 while it
         * is not in the graph. */
        void (*state)(bool connected, bool linked_to_source, const char *node_name, uint64_t serial, void *ctx);
};

struct audio_stream_params {
        enum audio_direction direction;
        const char *node_name;   /* stable across runs, so that a session manager remembers volume and target */
        const char *description; /* shown to the user: participant, room */
        const char *app_name;    /* the program whose context it is */
        const char *target;      /* node.name of a device, "" = follow the default */
        uint32_t quantum;        /* frames asked for */
};

/* A source (AUDIO_CAPTURE) or sink (AUDIO_PLAYBACK) that sound can go to; texts "" when unknown. Borrowed until the
 * next turn of the loop. */
struct audio_device {
        enum audio_direction direction;
        const char *name, *description; /* node.name, node.description */
        const char *form_factor, *bus;  /* PipeWire's device.form-factor ("headset", "internal" …), device.bus */
        uint64_t serial;                /* object.serial: grows in the order of appearance */
        bool is_default;
};

struct audio_io_ops {
        int (*open)(struct audio_io *io, const struct audio_stream_params *p /* borrowed */, struct audio_port *port,
                    const struct audio_stream_events *ev, void *ctx, struct audio_stream **ret);
        void (*close)(struct audio_stream *s);
        bool (*is_available)(struct audio_io *io); /* a sound server is connected */
        /* Moves the stream, without an end, to a device that is there, or ("") to wherever the default is. */
        int (*set_target)(struct audio_stream *s, const char *target); /* -ENOMEM: it stays where it is */
        /* The devices that are known, at most max; 0 while there is no sound server or its list is not yet whole. */
        size_t (*devices)(struct audio_io *io, struct audio_device *ret, size_t max);
        /* `changed` comes from the loop when the list or the defaults have changed. One watcher; NULL ends it. */
        void (*watch)(struct audio_io *io, void (*changed)(void *ctx), void *ctx);
        /* Looks the list up also while there is no stream. `changed` follows: the list is whole, or nobody answers. */
        void (*refresh)(struct audio_io *io);
};

/* First member of every implementation. */
struct audio_io {
        const struct audio_io_ops *ops;
};

/* First member of every implementation's stream. */
struct audio_stream {
        struct audio_io *io;
};

static inline struct audio_stream *audio_stream_close(struct audio_stream *s)
{
        if (s)
                s->io->ops->close(s);
        return NULL;
}
