/* fake-engine.c - see fake-engine.h.
 *
 * Everything that will happen is an entry of one list, ordered by due time, and one timer runs it: answers to
 * operations and happenings in the room alike. A leave or the room's end first fails the answers still waiting. The
 * entry is unlinked before its event is handed up, so the receiver may call or free anything. Control thread.
 */
#include "engine/fake/fake-engine.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/list.h"

enum { RESTORED_AFTER_US = 500000 };

enum item_kind { ITEM_ANSWER, ITEM_STATS, ITEM_PARTICIPANT, ITEM_SPEAKING, ITEM_STATE, ITEM_MESSAGE, ITEM_MICROPHONE };

struct item {
        struct list link; /* in fake.items */
        enum item_kind kind;
        uint64_t due_us; /* LOOP_NEVER: hangs */
        uint32_t op;
        enum fake_op op_kind;
        struct engine_result result;
        enum engine_change change;
        struct engine_participant participant; /* user_id points into `user_id` */
        enum engine_state state;
        bool speaking;
        enum engine_microphone microphone;
        char user_id[129];
        struct engine_message message; /* its texts and data are copies in `bytes` */
        const char *destinations[ENGINE_DESTINATIONS_MAX];
        char bytes[];
};

struct lent {
        struct list link; /* in fake.lent */
        struct audio_port *port;
        char user_id[129];
};

struct fake {
        struct engine base;
        const struct engine_env *env;
        struct engine_events ev;
        void *ctx;
        struct fake_script *script; /* borrowed from the test, or &own */
        struct fake_script own;
        struct loop_source *timer;
        struct list items, lent;
        struct audio_port *capture; /* owned reference */
        bool joined;                /* the join was answered with success, no leave or end since */
        bool running, dead;         /* in run_due(); freed from inside it */
};

static struct fake *fake(struct engine *e)
{
        return container_of(e, struct fake, base);
}

bool fake_engine_is_enabled(void)
{
        const char *v = getenv("RTCROOMD_FAKE_ENGINE");

        return v && strcmp(v, "1") == 0;
}

static bool fake_accepts(const struct url *server)
{
        return strcmp(server->engine, "fake") == 0 && fake_engine_is_enabled();
}

static void copy_text(char *to, size_t size, const char *from)
{
        (void)snprintf(to, size, "%s", from ? from : "");
}

static struct engine_result because(enum engine_reason reason)
{
        return (struct engine_result){ .reason = reason };
}

/* ---- the list of what will happen ---- */

static void rearm(struct fake *f)
{
        uint64_t due = LOOP_NEVER;
        struct item *i;

        list_for_each (i, &f->items, link)
                if (i->due_us < due)
                        due = i->due_us;
        (void)loop_set_timer(f->timer, due);
}

static int add_sized(struct fake *f, enum item_kind kind, uint64_t due_us, size_t n_bytes, struct item **ret)
{
        struct item *i = calloc(1, sizeof(*i) + n_bytes);

        if (!i)
                return -ENOMEM;
        i->kind = kind;
        i->due_us = due_us;
        list_append(&f->items, &i->link);
        rearm(f);
        if (ret)
                *ret = i;
        return 0;
}

static int add_item(struct fake *f, enum item_kind kind, uint64_t due_us, struct item **ret)
{
        return add_sized(f, kind, due_us, 0, ret);
}

static struct item *next_due(struct fake *f)
{
        uint64_t now_us = loop_now_us(f->env->loop);
        struct item *i, *best = NULL;

        list_for_each (i, &f->items, link)
                if (i->due_us <= now_us && (!best || i->due_us < best->due_us))
                        best = i;
        return best;
}

static void deliver_answer(struct fake *f, const struct item *i)
{
        if (i->op_kind == FAKE_JOIN)
                f->joined = i->result.reason == ENGINE_OK;
        f->ev.op_done(i->op, &i->result, f->ctx);
}

static void deliver(struct fake *f, const struct item *i)
{
        switch (i->kind) {
        case ITEM_ANSWER: deliver_answer(f, i); break;
        case ITEM_STATS: f->ev.stats(i->op, f->joined ? &f->script->stats : NULL, f->ctx); break;
        case ITEM_PARTICIPANT:
                if (f->joined)
                        f->ev.participant(i->change, &i->participant, f->ctx);
                break;
        case ITEM_SPEAKING:
                if (f->joined)
                        f->ev.speaking(i->user_id, i->speaking, f->ctx);
                break;
        case ITEM_MICROPHONE:
                if (f->joined)
                        f->ev.microphone(i->microphone, f->ctx);
                break;
        case ITEM_MESSAGE:
                if (f->joined)
                        f->ev.message(&i->message, f->ctx);
                break;
        case ITEM_STATE:
                if (!f->joined)
                        break;
                f->joined = i->state != ENGINE_STATE_IDLE;
                f->ev.state(i->state, &i->result, f->ctx);
                break;
        }
}

static void run_due(void *ctx)
{
        struct fake *f = ctx;
        struct item *i;

        f->running = true;
        while (!f->dead && (i = next_due(f))) {
                list_remove(&i->link);
                deliver(f, i);
                free(i);
        }
        f->running = false;
        if (f->dead)
                free(f);
        else
                rearm(f);
}

/* Answers everything in flight with `reason`, at once as far as the loop allows, ahead of what comes next. */
static void fail_in_flight(struct fake *f, enum engine_reason reason)
{
        struct item *i;

        list_for_each (i, &f->items, link) {
                if (i->kind == ITEM_STATS)
                        i->due_us = 0;
                if (i->kind != ITEM_ANSWER || i->op_kind == FAKE_LEAVE)
                        continue;
                i->due_us = 0;
                i->result = because(reason);
        }
}

/* What the operations in flight ask for holds when the connection is restored. */
static void keep_in_flight(struct fake *f)
{
        struct item *i;

        list_for_each (i, &f->items, link) {
                if (i->kind != ITEM_ANSWER || i->op_kind == FAKE_LEAVE)
                        continue;
                i->due_us = 0;
                i->result = because(ENGINE_OK);
        }
}

/* What was to happen in the room that is being left. */
static void drop_happenings(struct fake *f)
{
        struct item *i;

        list_for_each (i, &f->items, link) {
                if (i->kind == ITEM_ANSWER || i->kind == ITEM_STATS)
                        continue;
                list_remove(&i->link);
                free(i);
        }
}

/* ---- the engine's table ---- */

static int begin(struct fake *f, uint32_t op, enum fake_op kind)
{
        const struct fake_answer *a = &f->script->answer[kind];
        uint64_t due = a->hang ? LOOP_NEVER : loop_now_us(f->env->loop) + a->delay_ms * US_PER_MS;
        struct item *i;
        int r = f->script->refuse;

        f->script->refuse = 0;
        if (r < 0)
                return r;
        r = add_item(f, ITEM_ANSWER, due, &i);
        if (r < 0)
                return r;
        i->op = op;
        i->op_kind = kind;
        i->result = a->result;
        f->script->calls[kind]++;
        return 0;
}

/* The reason that a room's name ends with, after this prefix. */
static bool find_reason(const char *room, const char *prefix, struct engine_result *ret)
{
        size_t n = strlen(prefix), i;

        if (strncmp(room, prefix, n) != 0)
                return false;
        for (enum engine_reason r = ENGINE_OK; r < _ENGINE_REASON_MAX; r++) {
                const char *word = engine_reason_to_string(r);

                for (i = 0; word[i] && room[n + i] == (word[i] == ' ' ? '-' : word[i]); i++)
                        ;
                if (word[i] || room[n + i])
                        continue;
                *ret = (struct engine_result){ .reason = r, .err = r == ENGINE_SERVER_ERROR ? 42 : 0 };
                return true;
        }
        return false;
}

static void direct_by_name(struct fake *f, const char *room)
{
        struct fake_answer *answer = f->own.answer;
        struct engine_result refusal = { 0 };

        memset(answer, 0, sizeof(f->own.answer));
        answer[FAKE_JOIN].hang = strcmp(room, "fake.hang") == 0;
        answer[FAKE_LEAVE].hang = strcmp(room, "fake.stay") == 0;
        (void)find_reason(room, "fake.fail.", &answer[FAKE_JOIN].result);
        (void)find_reason(room, "fake.refuse.", &refusal);
        for (enum fake_op op = FAKE_LEAVE + 1; op < _FAKE_OP_MAX; op++)
                answer[op].result = refusal;
}

/* What happens in a room that no test directs, once it is joined: the events follow the answer, being due later. */
static int populate(struct fake *f, const char *room)
{
        static const struct engine_participant people[] = {
                { .user_id = "alice", .published = ENGINE_AUDIO, .subscribed = ENGINE_AUDIO },
                { .user_id = "bob" },
        };
        struct engine_result why = { 0 };
        bool lost = strcmp(room, "fake.lost") == 0;
        struct item *i;
        int r = 0;

        if (f->own.answer[FAKE_JOIN].hang || f->own.answer[FAKE_JOIN].result.reason != ENGINE_OK)
                return 0;
        for (size_t n = 0; n < ARRAY_SIZE(people) && r >= 0; n++)
                r = fake_participant(&f->own, ENGINE_PARTICIPANT_JOINED, &people[n]);
        if (r < 0 || (!lost && !find_reason(room, "fake.end.", &why)))
                return r;
        r = add_item(f, ITEM_STATE, loop_now_us(f->env->loop) + 100 * US_PER_MS, &i);
        if (r < 0)
                return r;
        i->state = lost ? ENGINE_STATE_RECONNECTING : ENGINE_STATE_IDLE;
        i->result = why;
        return 0;
}

static int fake_join(struct engine *e, uint32_t op, const struct engine_join *params)
{
        struct fake *f = fake(e);
        struct fake_script *s = f->script;
        int r;

        if (s == &f->own)
                direct_by_name(f, params->room_id);
        r = begin(f, op, FAKE_JOIN);
        if (r < 0)
                return r;
        copy_text(s->app_id, sizeof(s->app_id), params->app_id);
        copy_text(s->room_id, sizeof(s->room_id), params->room_id);
        copy_text(s->user_id, sizeof(s->user_id), params->user_id);
        copy_text(s->token, sizeof(s->token), params->token);
        s->auto_publish = params->auto_publish;
        s->auto_subscribe = params->auto_subscribe;
        s->reconnect_s = params->reconnect_s;
        s->encrypted = params->e2ee != NULL;
        s->visible = params->visible;
        if (s == &f->own)
                (void)populate(f, params->room_id); /* an emptier room for want of memory */
        return 0;
}

static int fake_leave(struct engine *e, uint32_t op)
{
        struct fake *f = fake(e);
        int r = begin(f, op, FAKE_LEAVE);

        if (r < 0)
                return r;
        f->joined = false;
        drop_happenings(f);
        fail_in_flight(f, ENGINE_CANCELLED);
        rearm(f);
        return 0;
}

static int fake_update_token(struct engine *e, uint32_t op, const char *token)
{
        struct fake *f = fake(e);
        int r = begin(f, op, FAKE_UPDATE_TOKEN);

        if (r >= 0)
                copy_text(f->script->token, sizeof(f->script->token), token);
        return r;
}

static int fake_publish(struct engine *e, uint32_t op, uint32_t media, bool on)
{
        struct fake *f = fake(e);
        int r = begin(f, op, FAKE_PUBLISH);

        if (r < 0)
                return r;
        if (on && !f->script->visible)
                container_of(f->items.prev, struct item, link)->result = because(ENGINE_UNSUPPORTED);
        f->script->media = media;
        f->script->on = on;
        return 0;
}

static int fake_subscribe(struct engine *e, uint32_t op, const char *user_id, uint32_t media, bool on)
{
        struct fake *f = fake(e);
        int r = begin(f, op, FAKE_SUBSCRIBE);

        if (r < 0)
                return r;
        copy_text(f->script->subscribed_to, sizeof(f->script->subscribed_to), user_id);
        f->script->media = media;
        f->script->on = on;
        return 0;
}

static int fake_set_visible(struct engine *e, uint32_t op, bool visible)
{
        struct fake *f = fake(e);
        int r = begin(f, op, FAKE_SET_VISIBLE);

        if (r >= 0)
                f->script->visible = visible;
        return r;
}

static bool is_for(const struct engine_message *m, const char *user_id)
{
        for (size_t i = 0; i < m->n_destinations; i++)
                if (strcmp(m->destinations[i], user_id) == 0)
                        return true;
        return m->n_destinations == 0;
}

static void note_message(struct fake_script *s, const struct engine_message *m)
{
        size_t n = m->len < sizeof(s->said) ? m->len : sizeof(s->said) - 1, at = 0;

        copy_text(s->topic, sizeof(s->topic), m->topic);
        memset(s->said, 0, sizeof(s->said));
        if (n > 0)
                memcpy(s->said, m->data, n);
        s->said_len = m->len;
        s->said_to[0] = '\0';
        for (size_t i = 0; i < m->n_destinations && at < sizeof(s->said_to); i++)
                at += (size_t)snprintf(s->said_to + at, sizeof(s->said_to) - at, "%s%s", i > 0 ? "," : "",
                                       m->destinations[i]);
        s->text = m->text;
        s->reliable = m->reliable;
}

static int fake_send_message(struct engine *e, uint32_t op, const struct engine_message *m)
{
        struct fake *f = fake(e);
        struct engine_message back = *m;
        int r = begin(f, op, FAKE_SEND_MESSAGE);

        if (r < 0)
                return r;
        note_message(f->script, m);
        if (f->script != &f->own || !is_for(m, "alice"))
                return 0;
        back.user_id = "alice";
        back.n_destinations = 0;
        return fake_message(&f->own, &back);
}

static int fake_get_stats(struct engine *e, uint32_t op)
{
        struct fake *f = fake(e);
        struct item *i;
        int r = add_item(f, ITEM_STATS, loop_now_us(f->env->loop), &i);

        if (r >= 0)
                i->op = op;
        return r;
}

static int fake_set_capture(struct engine *e, struct audio_port *port, const struct capture_gate *gate)
{
        struct fake *f = fake(e);

        if (port)
                audio_port_ref(port);
        audio_port_unref(f->capture);
        f->script->capture = f->capture = port;
        f->script->gate = gate;
        return 0;
}

static struct lent *find_lent(const struct fake *f, const char *user_id)
{
        struct lent *l;

        list_for_each (l, &f->lent, link)
                if (strcmp(l->user_id, user_id) == 0)
                        return l;
        return NULL;
}

static void lent_free(struct lent *l)
{
        list_remove(&l->link);
        audio_port_unref(l->port);
        free(l);
}

static int fake_set_playback(struct engine *e, const char *user_id, struct audio_port *port)
{
        struct fake *f = fake(e);
        struct lent *l = find_lent(f, user_id);

        if (l)
                lent_free(l);
        if (!port)
                return 0;
        l = calloc(1, sizeof(*l));
        if (!l)
                return -ENOMEM;
        l->port = audio_port_ref(port);
        copy_text(l->user_id, sizeof(l->user_id), user_id);
        list_append(&f->lent, &l->link);
        return 0;
}

static void fake_free(struct engine *e)
{
        struct fake *f = fake(e);
        struct item *i;
        struct lent *l;

        list_for_each (i, &f->items, link) {
                list_remove(&i->link);
                free(i);
        }
        list_for_each (l, &f->lent, link)
                lent_free(l);
        (void)fake_set_capture(e, NULL, NULL);
        f->script->engine = NULL;
        f->timer = loop_remove(f->timer);
        f->dead = true;
        if (!f->running)
                free(f);
}

static int fake_create(const struct engine_env *env, const struct url *server, const struct engine_events *ev,
                       void *ctx, struct engine **ret)
{
        _cleanup_free_ struct fake *f = calloc(1, sizeof(*f));
        int r;

        (void)server;
        if (!f)
                return -ENOMEM;
        f->base.ops = &fake_engine_ops;
        f->env = env;
        f->ev = *ev;
        f->ctx = ctx;
        list_init(&f->items);
        list_init(&f->lent);
        r = loop_add_timer(env->loop, LOOP_NEVER, run_due, f, &f->timer);
        if (r < 0)
                return r;
        f->script = env->fake ? env->fake : &f->own;
        f->script->engine = &f->base;
        *ret = &take_ptr(f)->base;
        return 0;
}

const struct engine_ops fake_engine_ops = {
        .name = "fake",
        .accepts = fake_accepts,
        .create = fake_create,
        .join = fake_join,
        .leave = fake_leave,
        .update_token = fake_update_token,
        .publish = fake_publish,
        .subscribe = fake_subscribe,
        .set_visible = fake_set_visible,
        .send_message = fake_send_message,
        .get_stats = fake_get_stats,
        .set_capture = fake_set_capture,
        .set_playback = fake_set_playback,
        .free = fake_free,
};

/* ---- the test's handle ---- */

static int happen(struct fake_script *s, enum item_kind kind, struct item **ret)
{
        struct fake *f = fake(s->engine);

        return add_item(f, kind, loop_now_us(f->env->loop), ret);
}

int fake_participant(struct fake_script *s, enum engine_change change, const struct engine_participant *p)
{
        struct item *i;
        int r = happen(s, ITEM_PARTICIPANT, &i);

        if (r < 0)
                return r;
        i->change = change;
        i->participant = *p;
        copy_text(i->user_id, sizeof(i->user_id), p->user_id);
        i->participant.user_id = i->user_id;
        return 0;
}

int fake_microphone(struct fake_script *s, enum engine_microphone what)
{
        struct item *i;
        int r = happen(s, ITEM_MICROPHONE, &i);

        if (r >= 0)
                i->microphone = what;
        return r;
}

int fake_speak(struct fake_script *s, const char *user_id, bool speaking)
{
        struct item *i;
        int r = happen(s, ITEM_SPEAKING, &i);

        if (r < 0)
                return r;
        copy_text(i->user_id, sizeof(i->user_id), user_id);
        i->speaking = speaking;
        return 0;
}

static char *put(char *at, const void *data, size_t len)
{
        if (len > 0)
                memcpy(at, data, len);
        at[len] = '\0';
        return at + len + 1;
}

static size_t message_bytes(const struct engine_message *m)
{
        size_t n = strlen(m->topic) + m->len + 2;

        for (size_t k = 0; k < m->n_destinations; k++)
                n += strlen(m->destinations[k]) + 1;
        return n;
}

int fake_message(struct fake_script *s, const struct engine_message *m)
{
        struct fake *f = fake(s->engine);
        struct item *i;
        char *at;
        int r = add_sized(f, ITEM_MESSAGE, loop_now_us(f->env->loop), message_bytes(m), &i);

        if (r < 0)
                return r;
        i->message = *m;
        if (m->user_id) {
                copy_text(i->user_id, sizeof(i->user_id), m->user_id);
                i->message.user_id = i->user_id;
        }
        at = put(i->bytes, m->topic, strlen(m->topic));
        i->message.topic = i->bytes;
        i->message.data = at;
        at = put(at, m->data, m->len);
        for (size_t k = 0; k < m->n_destinations; k++) {
                i->destinations[k] = at;
                at = put(at, m->destinations[k], strlen(m->destinations[k]));
        }
        i->message.destinations = i->destinations;
        return 0;
}

int fake_state(struct fake_script *s, enum engine_state state, const struct engine_result *why)
{
        struct item *i;
        int r = happen(s, ITEM_STATE, &i);

        if (r < 0)
                return r;
        i->state = state;
        i->result = *why;
        return 0;
}

int fake_lose(struct fake_script *s)
{
        struct engine_result gone = because(ENGINE_SERVER_GONE);
        struct fake *f = fake(s->engine);
        struct item *back;
        int r;

        if (s->reconnect_s == 0)
                return fake_end(s, ENGINE_SERVER_GONE);
        keep_in_flight(f);
        r = fake_state(s, ENGINE_STATE_RECONNECTING, &gone);
        if (r >= 0)
                r = add_item(f, ITEM_STATE, loop_now_us(f->env->loop) + RESTORED_AFTER_US, &back);
        if (r < 0)
                return r;
        back->state = ENGINE_STATE_JOINED;
        back->result = because(ENGINE_OK);
        return 0;
}

int fake_end(struct fake_script *s, enum engine_reason reason)
{
        struct engine_result why = because(reason);

        fail_in_flight(fake(s->engine), reason);
        return fake_state(s, ENGINE_STATE_IDLE, &why);
}

int fake_finish(struct fake_script *s, enum fake_op kind, const struct engine_result *result)
{
        struct fake *f = fake(s->engine);
        struct item *i;

        list_for_each (i, &f->items, link) {
                if (i->kind != ITEM_ANSWER || i->op_kind != kind || i->due_us != LOOP_NEVER)
                        continue;
                i->result = *result;
                i->due_us = loop_now_us(f->env->loop);
                rearm(f);
                return 0;
        }
        return -ENOENT;
}

struct audio_port *fake_playback(const struct fake_script *s, const char *user_id)
{
        struct lent *l = find_lent(fake(s->engine), user_id);

        return l ? l->port : NULL;
}
