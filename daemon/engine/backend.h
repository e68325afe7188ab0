/* backend.h - what every engine on a server has beside its machine: ports it was lent, questions for statistics, the
 * runtime, and a death that may have to wait.
 *
 * An engine embeds one and does what it does from one timer of its own and nowhere else, so that nothing is emitted
 * from inside an operation. An event may free the engine: what it owns goes at once, its memory when the timer's
 * function has unwound (`running`, `dead`). Control thread.
 *
 * Ownership: the backend owns the runtime and a reference to each port it was lent.
 */
#pragma once

#include "base/list.h"
#include "engine/engine.h"
#include "engine/rtc-runtime.h"

struct backend {
        const struct engine_env *env; /* borrowed */
        const struct rtc_ops *rtc;
        struct rtc_runtime *rt; /* made on the first join */
        struct engine_events ev;
        void *ctx;
        struct audio_port *capture;
        const struct capture_gate *gate;
        struct list lent, stats;
        uint64_t asleep_us; /* how long the machine has slept, when last looked at */
        bool running, dead;
};

/* rtc NULL: the runtime of rtc-runtime.h. */
void backend_init(struct backend *b, const struct engine_env *env, const struct rtc_ops *rtc,
                  const struct engine_events *ev, void *ctx);
/* Everything that is owned; dead from now on. */
void backend_done(struct backend *b);

int backend_need_runtime(struct backend *b, const struct rtc_runtime_events *ev, void *ctx);
void backend_drop_runtime(struct backend *b); /* the next join makes another */

/* The machine's time stands still while the computer sleeps, that of the server does not. Something happens every few
 * seconds in a room, so nobody needs to watch for the awakening: true, once, for one that was slept through. */
bool backend_has_slept(struct backend *b);

/* ---- ports ---- */
void backend_set_capture(struct backend *b, struct audio_port *port, const struct capture_gate *gate);
int backend_set_playback(struct backend *b, const char *user_id, struct audio_port *port);
struct audio_port *backend_port_of(const struct backend *b, const char *user_id); /* borrowed; NULL: none */

/* ---- statistics ---- */
int backend_get_stats(struct backend *b, uint32_t op);
void backend_on_stats(struct backend *b, uint32_t op, const struct engine_stats *stats);
bool backend_has_answers(const struct backend *b); /* the timer is due now */
/* Gives one answer, if there is one to give. gone: nobody will answer any more. stages: what is known of the join. It
 * emits, and so may end in death. */
bool backend_answer(struct backend *b, const struct engine_stages *stages, bool gone);
