/* janus.h - the engine for a Janus: the machine of janus-fsm.h on a connection and the runtime.
 *
 * janus_engine_ops is the remote one (janus+ws, janus+wss). The embedded engine makes the same backend over a Unix
 * socket; tests make it over fakes. Tokens: with an AppKey both are signed here (wire/janus-token.h), for a user whose
 * own token the app has verified; without one, `token` must be a pair made by the Janus' administrator. Control
 * thread.
 */
#pragma once

#include "engine/engine.h"
#include "engine/rtc-runtime.h"
#include "signal/sigconn.h"

extern const struct engine_ops janus_engine_ops;

struct janus_config {
        const struct engine_env *env;
        const struct engine_ops *ops; /* the table the engine is known by */
        const char *url;              /* ws://, wss://, unix:/path; copied */
        struct sigconn_provider conn; /* ops NULL: a WebSocket on the network thread */
        const struct rtc_ops *rtc;    /* NULL: the runtime of rtc-runtime.h */
        const struct engine_events *ev;
        void (*unanswered)(void *ctx); /* the server is there and does not answer; or NULL */
        void *ctx;
};
int janus_new(const struct janus_config *config, struct engine **ret);

/* The operations of an engine made by janus_new(), for tables of other engines. */
int janus_join(struct engine *e, uint32_t op, const struct engine_join *params);
int janus_leave(struct engine *e, uint32_t op);
int janus_update_token(struct engine *e, uint32_t op, const char *token);
int janus_publish(struct engine *e, uint32_t op, uint32_t media, bool on);
int janus_subscribe(struct engine *e, uint32_t op, const char *user_id, uint32_t media, bool on);
int janus_set_visible(struct engine *e, uint32_t op, bool visible);
int janus_send_message(struct engine *e, uint32_t op, const struct engine_message *m);
int janus_get_stats(struct engine *e, uint32_t op);
int janus_set_capture(struct engine *e, struct audio_port *port, const struct capture_gate *gate);
int janus_set_playback(struct engine *e, const char *user_id, struct audio_port *port);
void janus_free(struct engine *e);
