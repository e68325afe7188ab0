/* livekit.h - the engine for a LiveKit server: the machine of lk-fsm.h on a connection and the runtime.
 *
 * livekit_engine_ops is what the registry knows (livekit+ws, livekit+wss, ws, wss); tests make it over fakes. Tokens
 * are lk-access.h's: LiveKit's own, or made with the app's key pair for a user whose `001` token the app has verified.
 * With a key pair set_visible works, by another session; without one the token says for good whether we are seen. The
 * echo room is no room of a LiveKit server: not supported. Control thread.
 */
#pragma once

#include "engine/engine.h"
#include "engine/rtc-runtime.h"
#include "signal/sigconn.h"

extern const struct engine_ops livekit_engine_ops;

struct livekit_config {
        const struct engine_env *env;
        const struct engine_ops *ops; /* the table the engine is known by */
        const struct url *server;     /* copied */
        struct sigconn_provider conn; /* ops NULL: a WebSocket on the network thread */
        const struct rtc_ops *rtc;    /* NULL: the runtime of rtc-runtime.h */
        const struct engine_events *ev;
        void *ctx;
};
int livekit_new(const struct livekit_config *config, struct engine **ret);
