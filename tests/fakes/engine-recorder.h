/* engine-recorder.h - the app's half of an engine, for tests: writes every event down as one line of text.
 *
 *   "text alice to me [topic] hello"  "lossy data server [] x" (at most 64 bytes)
 *   "done 1 ok"  "done 2 server error 42"  "state idle kicked"  "joined alice audio"  "updated alice audio>audio
 * muted" "left alice"  "speaking alice 1"  "stats 3"  "stats 3 none"
 *
 * In "audio>audio" the left word is published, the right one subscribed. Lines end with "; ".
 */
#pragma once

#include "engine/engine.h"

struct recorder {
        char text[4096];
        struct engine_result last; /* of the last op_done or state */
        /* Called after an event was written down; tests that act from inside an event set it. */
        void (*hook)(struct recorder *r, void *ctx);
        void *hook_ctx;
};

extern const struct engine_events recorder_events; /* ctx: struct recorder */

/* Asserts that exactly this was written since the last call, and forgets it. */
void recorder_expect(struct recorder *r, const char *lines);
bool recorder_has(const struct recorder *r, const char *part);
void recorder_clear(struct recorder *r);
