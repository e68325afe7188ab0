/* fake-audio.h - an audio_io without a sound server: remembers what is open, and says what a test tells it to say. */
#pragma once

#include "base/list.h"
#include "media/audio-io.h"

struct fake_audio {
        struct audio_io base;
        struct list streams; /* struct fake_stream, in order of opening */
        unsigned n_open, n_opened;
        int refuse;                     /* negative errno for every open, 0: none */
        struct audio_device devices[8]; /* what a test puts there */
        size_t n_devices;
        unsigned n_refreshed;
        void (*changed)(void *ctx); /* for tests to call: devices have changed */
        void *watcher;
};

struct fake_stream {
        struct audio_stream base;
        struct list link; /* in fake_audio.streams */
        enum audio_direction direction;
        char *node_name, *description, *app_name; /* owned */
        char target[256];
        struct audio_port *port; /* referenced */
        const struct audio_stream_events *ev;
        void *ctx;
};

void fake_audio_init(struct fake_audio *a);
void fake_audio_done(struct fake_audio *a); /* asserts that every stream was closed */
struct fake_stream *fake_audio_find(struct fake_audio *a, const char *node_name); /* NULL: not open */
struct fake_stream *fake_audio_capture(struct fake_audio *a);                     /* NULL: not open */
/* The graph says that the stream is there (serial > 0) or not, and what it is linked to. */
void fake_audio_state(struct fake_stream *s, uint64_t serial, bool linked_to_source);
