/* engine-check.c - the wrapper that engine_new() returns: the engine contract, checked in both directions.
 *
 * Downwards: what the caller may not do is refused with an errno before the backend sees it. Upwards: a backend that
 * answers twice, emits from inside an op, ends a room with ops in flight or speaks of participants of no room is a
 * programming error and stopped by an assertion. Thus every engine passes every rule in every build, not only in
 * tests.
 *
 * Invariants: `state` is the caller's view and changes only when an event is handed up or an op accepted. Ops in
 * flight are listed by number in `flight`. free() may come from inside an event; the memory then lives until the
 * event has unwound (`depth`). Control thread.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/utf8.h"
#include "engine/engine.h"

enum { FLIGHT_MAX = 64 };

enum op_kind { OP_JOIN, OP_LEAVE, OP_OTHER, OP_STATS };

struct flight {
        uint32_t op;
        enum op_kind kind;
};

struct checked {
        struct engine base;
        struct engine *inner; /* owned; NULL once freed */
        struct engine_events up;
        void *ctx;
        enum engine_state state;
        struct flight flight[FLIGHT_MAX];
        size_t n_flight;
        unsigned depth; /* events being handed up */
        bool in_op;
};

static struct checked *checked(struct engine *e)
{
        return container_of(e, struct checked, base);
}

static struct flight *find_flight(struct checked *c, uint32_t op)
{
        for (size_t i = 0; i < c->n_flight; i++)
                if (c->flight[i].op == op)
                        return &c->flight[i];
        return NULL;
}

static size_t count_flight(const struct checked *c, enum op_kind kind)
{
        size_t n = 0;

        for (size_t i = 0; i < c->n_flight; i++)
                n += c->flight[i].kind == kind;
        return n;
}

/* ---- upwards ---- */

static void event_begin(struct checked *c)
{
        assert(!c->in_op); /* no event from inside an op */
        assert(c->inner);  /* no event after free */
        c->depth++;
}

static void event_end(struct checked *c)
{
        assert(c->depth > 0);
        if (--c->depth == 0 && !c->inner)
                free(c);
}

/* The op must be in flight, and of the kind that is answered this way. */
static enum op_kind land(struct checked *c, uint32_t op, bool stats)
{
        struct flight *f = find_flight(c, op);
        enum op_kind kind;

        assert(f); /* exactly one answer */
        kind = f->kind;
        assert((kind == OP_STATS) == stats);
        *f = c->flight[--c->n_flight];
        return kind;
}

static void up_op_done(uint32_t op, const struct engine_result *res, void *ctx)
{
        struct checked *c = ctx;
        enum op_kind kind;

        event_begin(c);
        kind = land(c, op, false);
        if (kind == OP_JOIN && c->state == ENGINE_STATE_JOINING)
                c->state = res->reason == ENGINE_OK ? ENGINE_STATE_JOINED : ENGINE_STATE_IDLE;
        else
                assert(kind != OP_JOIN || res->reason != ENGINE_OK); /* a join that was left cannot succeed */
        if (kind == OP_LEAVE) {
                assert(count_flight(c, OP_JOIN) + count_flight(c, OP_OTHER) == 0); /* the leave is answered last */
                c->state = count_flight(c, OP_LEAVE) > 0 ? ENGINE_STATE_LEAVING : ENGINE_STATE_IDLE;
        }
        c->up.op_done(op, res, c->ctx);
        event_end(c);
}

static void up_state(enum engine_state state, const struct engine_result *why, void *ctx)
{
        struct checked *c = ctx;

        event_begin(c);
        assert(c->state == ENGINE_STATE_JOINED || c->state == ENGINE_STATE_RECONNECTING);
        assert(state == ENGINE_STATE_IDLE || state == ENGINE_STATE_RECONNECTING || state == ENGINE_STATE_JOINED);
        assert(state != c->state);
        assert(state != ENGINE_STATE_IDLE || count_flight(c, OP_OTHER) == 0);
        c->state = state;
        c->up.state(state, why, c->ctx);
        event_end(c);
}

static bool in_room(const struct checked *c)
{
        return c->state == ENGINE_STATE_JOINED || c->state == ENGINE_STATE_RECONNECTING;
}

static void up_participant(enum engine_change change, const struct engine_participant *p, void *ctx)
{
        struct checked *c = ctx;

        event_begin(c);
        assert(in_room(c));
        assert(p->user_id && p->user_id[0]);
        c->up.participant(change, p, c->ctx);
        event_end(c);
}

static void up_speaking(const char *user_id, bool speaking, void *ctx)
{
        struct checked *c = ctx;

        event_begin(c);
        assert(in_room(c));
        c->up.speaking(user_id, speaking, c->ctx);
        event_end(c);
}

static void up_stats(uint32_t op, const struct engine_stats *stats, void *ctx)
{
        struct checked *c = ctx;

        event_begin(c);
        (void)land(c, op, true);
        c->up.stats(op, stats, c->ctx);
        event_end(c);
}

static bool is_message(const struct engine_message *m)
{
        return m->topic && strlen(m->topic) <= ENGINE_TOPIC_MAX && (m->data || m->len == 0) &&
               m->len <= ENGINE_MESSAGE_MAX && m->n_destinations <= ENGINE_DESTINATIONS_MAX &&
               (!m->text || (m->reliable && utf8_is_text(m->data, m->len) && ((const char *)m->data)[m->len] == '\0'));
}

static void up_message(const struct engine_message *m, void *ctx)
{
        struct checked *c = ctx;

        event_begin(c);
        assert(in_room(c));
        assert(is_message(m));
        c->up.message(m, c->ctx);
        event_end(c);
}

static void up_microphone(enum engine_microphone what, void *ctx)
{
        struct checked *c = ctx;

        event_begin(c);
        assert(in_room(c));
        c->up.microphone(what, c->ctx);
        event_end(c);
}

static const struct engine_events up_events = { 0,           up_op_done, up_state,   up_participant,
                                                up_speaking, up_stats,   up_message, up_microphone };

/* ---- downwards ---- */

/* Before the backend is called: the number must be new and there must be room for one more. */
static int take_off(struct checked *c, uint32_t op, enum op_kind kind)
{
        assert(!find_flight(c, op)); /* the caller chooses unique numbers */
        if (c->n_flight == FLIGHT_MAX)
                return -EBUSY;
        c->flight[c->n_flight++] = (struct flight){ op, kind };
        assert(!c->in_op);
        c->in_op = true;
        return 0;
}

/* After it: an op that was refused is not in flight. It is the last one: no event came in between. */
static int took_off(struct checked *c, int r)
{
        c->in_op = false;
        if (r < 0)
                c->n_flight--;
        return r;
}

static int check_join(struct engine *e, uint32_t op, const struct engine_join *params)
{
        struct checked *c = checked(e);
        int r;

        if (c->state != ENGINE_STATE_IDLE)
                return -EBUSY;
        r = take_off(c, op, OP_JOIN);
        if (r < 0)
                return r;
        r = took_off(c, c->inner->ops->join(c->inner, op, params));
        if (r >= 0)
                c->state = ENGINE_STATE_JOINING;
        return r;
}

static int check_leave(struct engine *e, uint32_t op)
{
        struct checked *c = checked(e);
        int r = take_off(c, op, OP_LEAVE);

        if (r < 0)
                return r;
        r = took_off(c, c->inner->ops->leave(c->inner, op));
        if (r >= 0)
                c->state = ENGINE_STATE_LEAVING;
        return r;
}

static int room_op(struct checked *c, uint32_t op, enum op_kind kind)
{
        return in_room(c) ? take_off(c, op, kind) : -ENOTCONN;
}

static int check_update_token(struct engine *e, uint32_t op, const char *token)
{
        struct checked *c = checked(e);
        int r = room_op(c, op, OP_OTHER);

        return r < 0 ? r : took_off(c, c->inner->ops->update_token(c->inner, op, token));
}

static int check_publish(struct engine *e, uint32_t op, uint32_t media, bool on)
{
        struct checked *c = checked(e);
        int r = room_op(c, op, OP_OTHER);

        return r < 0 ? r : took_off(c, c->inner->ops->publish(c->inner, op, media, on));
}

static int check_subscribe(struct engine *e, uint32_t op, const char *user_id, uint32_t media, bool on)
{
        struct checked *c = checked(e);
        int r = room_op(c, op, OP_OTHER);

        return r < 0 ? r : took_off(c, c->inner->ops->subscribe(c->inner, op, user_id, media, on));
}

static int check_set_visible(struct engine *e, uint32_t op, bool visible)
{
        struct checked *c = checked(e);
        int r = room_op(c, op, OP_OTHER);

        return r < 0 ? r : took_off(c, c->inner->ops->set_visible(c->inner, op, visible));
}

static int check_send_message(struct engine *e, uint32_t op, const struct engine_message *m)
{
        struct checked *c = checked(e);
        int r = room_op(c, op, OP_OTHER);

        assert(is_message(m));
        return r < 0 ? r : took_off(c, c->inner->ops->send_message(c->inner, op, m));
}

static int check_get_stats(struct engine *e, uint32_t op)
{
        struct checked *c = checked(e);
        int r = room_op(c, op, OP_STATS);

        return r < 0 ? r : took_off(c, c->inner->ops->get_stats(c->inner, op));
}

static int check_set_capture(struct engine *e, struct audio_port *port, const struct capture_gate *gate)
{
        struct checked *c = checked(e);

        return c->inner->ops->set_capture(c->inner, port, gate);
}

static int check_set_playback(struct engine *e, const char *user_id, struct audio_port *port)
{
        struct checked *c = checked(e);

        return c->inner->ops->set_playback(c->inner, user_id, port);
}

static int check_set_muted(struct engine *e, bool muted)
{
        struct checked *c = checked(e);

        return c->inner->ops->set_muted ? c->inner->ops->set_muted(c->inner, muted) : 0;
}

static void check_free(struct engine *e)
{
        struct checked *c = checked(e);
        struct engine *inner = take_ptr(c->inner);

        assert(inner); /* freed once */
        inner->ops->free(inner);
        if (c->depth == 0)
                free(c);
}

/* Refused before there is a backend: accepts and create belong to the backend's own table. */
static const struct engine_ops check_ops = {
        .name = "checked",
        .join = check_join,
        .leave = check_leave,
        .update_token = check_update_token,
        .publish = check_publish,
        .subscribe = check_subscribe,
        .set_visible = check_set_visible,
        .send_message = check_send_message,
        .get_stats = check_get_stats,
        .set_capture = check_set_capture,
        .set_playback = check_set_playback,
        .set_muted = check_set_muted,
        .free = check_free,
};

int engine_new(const struct engine_ops *ops, const struct engine_env *env, const struct url *server,
               const struct engine_events *ev, void *ctx, struct engine **ret)
{
        _cleanup_free_ struct checked *c = NULL;
        int r;

        assert(ev->version == 0);
        c = calloc(1, sizeof(*c));
        if (!c)
                return -ENOMEM;
        c->base.ops = &check_ops;
        c->up = *ev;
        c->ctx = ctx;
        r = ops->create(env, server, &up_events, c, &c->inner);
        if (r < 0)
                return r;
        *ret = &take_ptr(c)->base;
        return 0;
}
