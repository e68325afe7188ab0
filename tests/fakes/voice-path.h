/* voice-path.h - a voice end to end in virtual time: microphone → tx-track → simulated network → rx-track → speaker.
 *
 * Owned by the test; one thread, no clock. What does not hold ends the test.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "lib/netsim.h"
#include "lib/tone.h"
#include "media/track.h"

enum { PATH_QUANTUM = 256 };

/* The same graph for both ends but for the clock of the speaker. */
struct path {
        struct netsim *net;
        struct audio_port *microphone, *speaker;
        struct capture_gate gate;
        struct tx_track *tx;
        struct rx_track *rx;
        struct tone tone;
        bool mute;
        uint16_t seq;
        double mic_us, speaker_us; /* time of the next period */
        double skew_ppm;           /* the speaker's clock runs so much fast */
        bool no_level;
        bool red; /* frames travel with their copies */
        unsigned sent, started, stopped, underruns;
        enum e2ee_state encryption; /* as told last */
        unsigned encryption_changes;
        float heard[48000]; /* the last second that was played */
        unsigned at;
        bool listen; /* for clicks */
        double roughness;
};

struct path *path_new(const struct netsim_config *net, const struct voice_config *c);
struct path *path_free(struct path *p);
DEFINE_CLEANUP(struct path *, path_free)

/* One period of the microphone's graph, of the speaker's, and what has arrived by now. */
void path_microphone(struct path *p);
void path_speaker(struct path *p);
void path_receive(struct path *p);
void path_run(struct path *p, double seconds); /* all of it, by their clocks */

/* Amplitude of the tone over the last second, in pieces short enough for a small shift of pitch not to matter. */
double path_tone(const struct path *p, double hz);
/* Mean stay in the jitter buffer since the last call, in ms. */
double path_stay_ms(struct path *p, struct rx_stats *last);
void path_on_speaking(bool speaking, void *ctx /* the path */);
void path_on_encryption(enum e2ee_state state, void *ctx /* the path */);
