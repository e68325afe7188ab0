/* engine.c - the registry of engines and the words for reasons and states.
 *
 * The table below is the whole registry: a new engine is one line. Control thread; no state.
 */
#include "engine/engine.h"

#include <assert.h>
#include <string.h>

#include "engine/embedded/embedded.h"
#include "engine/fake/fake-engine.h"
#include "engine/janus/janus.h"
#include "engine/livekit/livekit.h"

static const struct engine_ops *const engines[] = {
        &embedded_engine_ops,
        &janus_engine_ops,
        &livekit_engine_ops,
        &fake_engine_ops,
};

const char *engine_reason_to_string(enum engine_reason r)
{
        static const char *const words[_ENGINE_REASON_MAX] = {
                [ENGINE_OK] = "ok",
                [ENGINE_INVALID_TOKEN] = "invalid token",
                [ENGINE_DUPLICATE_LOGIN] = "duplicate login",
                [ENGINE_KICKED] = "kicked",
                [ENGINE_TOKEN_EXPIRED] = "token expired",
                [ENGINE_ROOM_DISMISSED] = "room dismissed",
                [ENGINE_SERVER_GONE] = "server gone",
                [ENGINE_UNREACHABLE] = "server unreachable",
                [ENGINE_TIMED_OUT] = "timed out",
                [ENGINE_NOT_INSTALLED] = "janus is not installed",
                [ENGINE_NO_ADDRESS] = "no network address",
                [ENGINE_CANCELLED] = "cancelled",
                [ENGINE_ROOM_FULL] = "room full",
                [ENGINE_SERVER_ERROR] = "server error",
                [ENGINE_REFUSED] = "refused",
                [ENGINE_PROTOCOL] = "protocol error",
                [ENGINE_MEDIA_FAILED] = "media connection failed",
                [ENGINE_UNSUPPORTED] = "not supported",
                [ENGINE_CONGESTED] = "congested",
                [ENGINE_INTERNAL] = "internal error",
        };

        return r < _ENGINE_REASON_MAX ? words[r] : NULL;
}

const char *engine_state_to_string(enum engine_state s)
{
        static const char *const words[_ENGINE_STATE_MAX] = {
                [ENGINE_STATE_IDLE] = "idle",       [ENGINE_STATE_JOINING] = "joining",
                [ENGINE_STATE_JOINED] = "joined",   [ENGINE_STATE_RECONNECTING] = "reconnecting",
                [ENGINE_STATE_LEAVING] = "leaving",
        };

        return s < _ENGINE_STATE_MAX ? words[s] : NULL;
}

const struct engine_ops *engine_find(const struct url *server)
{
        for (size_t i = 0; i < ARRAY_SIZE(engines); i++)
                if (engines[i]->accepts(server))
                        return engines[i];
        return NULL;
}

const char *const *engine_names(void)
{
        static const char *const real[] = { "embedded", "janus", "livekit", NULL };
        static const char *const with_fake[] = { "embedded", "janus", "livekit", "fake", NULL };

        return fake_engine_is_enabled() ? with_fake : real;
}
