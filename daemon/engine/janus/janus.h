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

/* What the backend asks of the runtime: rtc-runtime.h itself, or a test's stand-in. */
struct janus_rtc {
        int (*new)(const struct rtc_runtime_config *config, const struct rtc_runtime_events *ev, void *ctx,
                   struct rtc_runtime **ret);
        struct rtc_runtime *(*free)(struct rtc_runtime *rt);
        int (*open_peer)(struct rtc_runtime *rt, uint32_t peer, const struct rtc_peer_params *params);
        int (*close_peer)(struct rtc_runtime *rt, uint32_t peer);
        int (*create_offer)(struct rtc_runtime *rt, uint32_t peer, const struct rtc_offer *offer);
        int (*set_remote)(struct rtc_runtime *rt, uint32_t peer, enum rtc_sdp type, const char *sdp);
        int (*add_candidate)(struct rtc_runtime *rt, uint32_t peer, const char *line);
        int (*set_capture)(struct rtc_runtime *rt, uint32_t peer, struct audio_port *port,
                           const struct capture_gate *gate);
        int (*bind)(struct rtc_runtime *rt, uint32_t peer, const char *mid, const char *key, struct audio_port *port);
        int (*unbind)(struct rtc_runtime *rt, uint32_t peer, const char *mid);
        int (*get_stats)(struct rtc_runtime *rt, uint32_t op);
};

struct janus_config {
        const struct engine_env *env;
        const struct engine_ops *ops; /* the table the engine is known by */
        const char *url;              /* ws://, wss://, unix:/path; copied */
        struct sigconn_provider conn; /* ops NULL: a WebSocket on the network thread */
        const struct janus_rtc *rtc;  /* NULL: the runtime of rtc-runtime.h */
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
