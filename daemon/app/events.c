/* events.c - telling: everything that was marked goes out here, from the loop, in one fixed order.
 *
 *   the room of the desktop user, consent → for each context: properties → participants gone, new, changed →
 *   completions → state and interruption events → lists → messages → network quality → the object's removal →
 * `stopped`
 *
 * Hence properties are true before the signal that tells of them, a join's Completed precedes its first list, and what
 * ended a room precedes the empty lists. Contexts and told participants are freed here and nowhere else, so a callback
 * may call into the manager (but not free it, `stopped` excepted). Control thread.
 */
#include <string.h>

#include "app/manager-state.h"
#include "app/messages.h"

void manager_mark(struct manager *m)
{
        (void)loop_set_timer(m->flush_timer, 0);
}

static void tell_room(struct manager *m)
{
        if (!m->room_dirty)
                return;
        m->room_dirty = false;
        if (room_is_in(&m->room) == m->told_in_room)
                return;
        m->told_in_room = !m->told_in_room;
        m->events.room_changed(m->ctx);
}

static void tell_consent(struct manager *m)
{
        if (!m->consent_dirty)
                return;
        m->consent_dirty = false;
        if (m->events.consent_changed)
                m->events.consent_changed(m->ctx);
}

static void tell_properties(struct manager *m, struct context *c)
{
        uint32_t mask = c->dirty_properties;

        c->dirty_properties = 0;
        if (mask)
                m->events.context_properties(c, mask, m->ctx);
}

static void tell_gone(struct manager *m, struct context *c)
{
        struct participant *p;

        while ((p = list_first(&c->gone, struct participant, link))) {
                if (p->announced)
                        m->events.participant_removed(p, m->ctx);
                participant_free(p);
        }
}

static void tell_participants(struct manager *m, struct context *c)
{
        struct participant *p;
        uint32_t mask;

        list_for_each (p, &c->participants, link) {
                mask = p->dirty;
                p->dirty = 0;
                if (!p->announced) {
                        p->announced = true;
                        m->events.participant_added(p, m->ctx);
                } else if (mask) {
                        m->events.participant_properties(p, mask, m->ctx);
                }
        }
}

static void tell_outcome(struct manager *m, struct context *c, struct request *rq)
{
        if (rq->stats_done)
                rq->stats_done(NULL, rq->stats_ctx);
        else
                m->events.completed(c, rq->requester, rq->number, rq->api, &rq->result, m->ctx);
}

static void tell_completions(struct manager *m, struct context *c)
{
        struct request *rq;

        while ((rq = list_first(&c->done, struct request, link))) {
                list_remove(&rq->link);
                c->n_requests--;
                tell_outcome(m, c, rq);
                request_free(rq);
        }
}

static void tell_event(struct manager *m, struct context *c, const struct queued_event *ev)
{
        switch (ev->kind) {
        case QUEUED_STATE: m->events.state_changed(c, ev->err_no, ev->text, &ev->data, m->ctx); break;
        case QUEUED_INTERRUPTED: m->events.interrupted(c, ev->err_no, ev->text, m->ctx); break;
        case QUEUED_TOKEN_WILL_EXPIRE: m->events.token_will_expire(c, m->ctx); break;
        }
}

static void tell_events(struct manager *m, struct context *c)
{
        for (unsigned i = 0; i < c->n_events; i++)
                tell_event(m, c, &c->events[i]);
        c->n_events = 0;
}

static void tell_quality(struct manager *m, struct context *c)
{
        if (!c->quality_due)
                return;
        c->quality_due = false;
        m->events.network_quality(c, m->ctx);
}

static void tell_lists(struct manager *m, struct context *c)
{
        uint32_t mask = c->dirty_lists;

        c->dirty_lists = 0;
        for (unsigned i = 0; i < _LIST_MAX; i++) {
                struct context_list_state *l = &c->lists[i];
                bool filled = l->items[0] != NULL;

                if (!(mask & (1u << i)) || (!filled && !l->told_filled))
                        continue;
                l->told_filled = filled;
                m->events.list_changed(c, i, m->ctx);
        }
}

/* The owner of a context that goes is not told what became of it; others see its people and the object leave. */
static void tell_context(struct manager *m, struct context *c)
{
        LOG_SCOPE(LOG_FIELD_CONTEXT, c->label);

        if (!c->removed)
                tell_properties(m, c);
        tell_gone(m, c);
        tell_participants(m, c);
        tell_completions(m, c);
        if (!c->removed) {
                tell_events(m, c);
                tell_lists(m, c);
                messages_tell(c);
                tell_quality(m, c);
                return;
        }
        m->events.context_removed(c, m->ctx);
        context_free(c);
}

/* By then everything that was pending has been told: the contexts came before. */
static bool has_stopped(const struct manager *m)
{
        return m->stopping && !m->told_stopped && m->room.state == ROOM_STATE_IDLE;
}

void manager_flush(void *ctx)
{
        struct manager *m = ctx;
        struct context *c;

        room_settle(&m->room);
        tell_room(m);
        tell_consent(m);
        talk_follow(m);
        list_for_each (c, &m->contexts, link)
                tell_context(m, c);
        if (!has_stopped(m))
                return;
        m->told_stopped = true;
        m->events.stopped(m->ctx); /* may free the manager */
}
