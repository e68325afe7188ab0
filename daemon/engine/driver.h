/* driver.h - drives the pure machine of a backend on a signalling connection, the runtime and one timer.
 *
 * A backend embeds one as its first member and writes down what is its own: how its machine is fed and what each
 * action of it means.
 *
 *   struct mine { struct driver driver; struct my_fsm *fsm; };
 *
 *   static void feed(struct mine *m, const struct my_event *ev)
 *   {
 *           if (my_fsm_step(m->fsm, ev, driver_now_us(&m->driver), &m->driver.queue) < 0)
 *                   m->driver.collapsed = true;
 *           driver_wake(&m->driver);
 *   }
 *
 * Whatever happens (operations, and the events of connection, runtime and clock, which come through `struct
 * driver_ops`) is fed; what the machine wants done is in the queue, and is carried out by the timer and nowhere else.
 * So nothing is emitted from inside an operation, and connection and runtime may be closed without being in the middle
 * of one of their callbacks. An event may free the engine: what it owns goes at once, its memory when the queue has
 * unwound. Where the machine found no memory (`collapsed`) nobody knows what was lost: the room goes, whoever waits is
 * told.
 *
 * Actions are the backend's own structs: the queue knows only a `struct list` embedded in them.
 *
 * Ownership: the driver owns queue, timer, connection and what its struct backend owns. Errors: negative errno.
 * Control thread.
 */
#pragma once

#include "engine/backend.h"
#include "engine/rtc-join.h"
#include "signal/sigconn.h"

struct driver;

struct driver_ops {
        uint32_t version; /* 0 */

        /* What happens below. */
        const struct rtc_runtime_events *rtc; /* their ctx is the driver; `stats` is driver_on_stats() */
        void (*opened)(struct driver *d);
        void (*message)(struct driver *d, const char *data, size_t len, bool binary);
        /* body: of an upgrade that was refused, else "" */
        void (*closed)(struct driver *d, int err, unsigned http_status, const char *body, const char *why);

        /* The machine. */
        uint64_t (*deadline)(const struct driver *d); /* LOOP_NEVER: none */
        void (*expired)(struct driver *d);            /* the deadline is here */
        bool (*take_op)(struct driver *d, uint32_t *ret_op);
        void (*reset)(struct driver *d);
        void (*farewell)(struct driver *d, struct list *actions);              /* what is said without waiting */
        bool (*get_stages)(const struct driver *d, struct engine_stages *ret); /* false: there is no room */
        uint32_t (*publisher)(const struct driver *d);                         /* the peer that sends, or 0 */
        bool (*find_track)(const struct driver *d, const char *user_id, uint32_t *ret_peer, const char **ret_mid);

        /* Its actions. What goes down is done, what goes up is told: each action is one or the other. */
        int (*carry_down)(struct driver *d, const struct list *action);
        void (*failed)(struct driver *d, const struct list *action, int err);
        void (*carry_up)(struct driver *d, const struct list *action); /* the engine may be dead after it */
        void (*action_free)(struct list *action);                      /* it is in no list */

        void (*destroy)(struct driver *d); /* machine and memory; nothing of the driver is left */
};

struct driver_config {
        const struct engine_env *env;    /* borrowed */
        const struct engine_ops *engine; /* the table the engine is known by */
        const struct driver_ops *ops;
        const struct rtc_ops *rtc;    /* NULL: the runtime of rtc-runtime.h */
        struct sigconn_provider conn; /* ops NULL: a WebSocket on the network thread */
        const struct engine_events *ev;
        void *ctx;
};

struct driver {
        struct engine base;
        struct backend backend;
        const struct driver_ops *ops;
        struct rtc_join_copy join; /* what peers are opened with */
        struct list queue;         /* of the backend's actions; answers of driver.c stand among them */
        bool collapsed;            /* set by the backend: there was no memory for what the machine wanted */
        bool in_room;              /* the app knows of a room */
        bool leaving;              /* it has asked to leave: of what is still in the queue it hears no more */

        /* driver.c only */
        struct sigconn_provider provider;
        struct sigconn *conn; /* owned; NULL: none */
        bool conn_gone;       /* it closed by itself: only to be freed */
        struct list answers;  /* of struct answer */
        struct loop_source *timer;
};

/* On failure nothing is owned. */
int driver_init(struct driver *d, const struct driver_config *config);
/* The `free` of an engine: says farewell, closes everything; the memory goes at once or when the timer has unwound. */
void driver_free(struct driver *d);

uint64_t driver_now_us(const struct driver *d);
/* Something is in the queue, or the deadline is another. */
void driver_wake(struct driver *d);
/* Answers an operation that needs no machine, when it is its turn. */
int driver_answer(struct driver *d, uint32_t op, enum engine_reason reason, const char *detail);

/* ---- for carry_down ---- */
int driver_open_conn(struct driver *d, const struct sigconn_params *params);
void driver_close_conn(struct driver *d);
int driver_send(struct driver *d, const char *data, size_t len, bool binary); /* no connection: not at all */
int driver_bind(struct driver *d, uint32_t peer, const char *mid, const char *user_id);

/* ---- for carry_up ---- */
/* enters: we are in a room now. Were it to be left meanwhile, the operation was cancelled. */
void driver_tell_done(struct driver *d, uint32_t op, const struct engine_result *res, bool enters);
void driver_tell_state(struct driver *d, enum engine_state state, const struct engine_result *why);
void driver_tell_participant(struct driver *d, enum engine_change change, const struct engine_participant *p);
void driver_tell_speaking(struct driver *d, const char *user_id, bool speaking);
void driver_tell_microphone(struct driver *d, enum engine_microphone what);

/* ---- operations that are the same everywhere ---- */
/* Keeps what the join says of media and makes the runtime. */
int driver_prepare(struct driver *d, const struct engine_join *params);
/* Leaving begins, before the machine is told. */
void driver_leave(struct driver *d);
int driver_get_stats(struct driver *d, uint32_t op);
int driver_set_capture(struct driver *d, struct audio_port *port, const struct capture_gate *gate);
int driver_set_playback(struct driver *d, const char *user_id, struct audio_port *port);

void driver_on_stats(uint32_t op, const struct engine_stats *stats, void *ctx); /* of rtc_runtime_events */
