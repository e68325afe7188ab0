/* test-app-gate.c - nobody can be recorded by an order of messages: the real app, a real sending track, and whatever
 * programs, the user, the server, the sound server and the clock of the device may do, in any order.
 *
 * The microphone is the witness. What it hears while the gate must be shut is the loudest of all, and each time the
 * gate shuts what it hears next is half as loud. So a frame that is louder than what is heard now holds something that
 * must not leave: from behind the shut gate, or kept from before it shut. After each step the gate is also compared
 * with what the contract allows, read off the public properties and what the test itself did.
 *
 * Orders of two steps in every phase and 20 000 random steps run by default; orders of three and a million random
 * steps run with the integration tests (their names begin with "long_").
 */
#include <errno.h>

#include "app/consent.h"
#include "app/manager-state.h"
#include "base/rand.h"
#include "fakes/app-rig.h"
#include "lib/test.h"
#include "lib/vloop.h"
#include "media/level.h"
#include "media/track.h"

#define PROGRAM "/usr/bin/program3"

enum { QUANTUM = 480, LIFE = 350 };

enum step {
        JOIN,
        JOIN_TO_LISTEN,
        EXIT,
        CAPTURE_ON,
        CAPTURE_OFF,
        PUBLISH_ON,
        PUBLISH_OFF,
        BECOME_INVISIBLE,
        BECOME_VISIBLE,
        MUTE,
        UNMUTE,
        USER_ALLOWS,
        USER_DENIES,
        USER_PUTS_OFF,
        REVOKED,
        GRANTED,
        FORGOTTEN,
        JOIN_WORKS,
        JOIN_FAILS,
        LEAVE_WORKS,
        OPERATION_WORKS,
        OPERATION_FAILS,
        VISIBILITY_WORKS,
        VISIBILITY_FAILS,
        SERVER_LOST,
        SERVER_BACK,
        ROOM_ENDS,
        SOURCE,
        MONITOR,
        UNPLUGGED,
        CONTINUOUS,
        VOICE_ACTIVITY,
        PUSH_TO_TALK,
        PRESS,
        RELEASE,
        HOLDER_GONE,
        PERIOD,         /* the device delivers, the network thread looks */
        BUSY_PERIOD,    /* the device delivers, the network thread is late */
        NETWORK_THREAD, /* looks */
        TURN,
        _STEP_MAX
};

struct world {
        struct rig *rig;
        struct context *c;
        struct tx_track *track; /* the network thread's, made and freed when that looks */
        struct audio_port *port;
        uint64_t now_us;
        bool source; /* the microphone is linked to one */
        /* what the server was asked to publish, in order, and what it does */
        bool asked[64], published;
        unsigned n_asked, n_calls;
        bool shut; /* at some moment since the last period */
        bool was_open;
        unsigned closings;
        bool released;       /* push-to-talk, and the network thread knows that nothing is pressed … */
        unsigned since_then; /* … frames with sound in them that it has sent nevertheless */
        unsigned sent;
};

/* ---- the microphone and what leaves ---- */

static float loudness(const struct world *w)
{
        return ldexpf(0.25f, -(int)(w->closings % 8));
}

static void on_send(const struct media_frame *f, void *ctx)
{
        struct world *w = ctx;
        int loudest = (int)(-20 * log10((double)loudness(w)) + 0.5);

        w->sent++;
        ASSERT_GE(f->level_dbov, loudest); /* in -dBov: not louder */
        if (w->released && f->level_dbov < LEVEL_SILENCE)
                ASSERT_EQ(++w->since_then, 1); /* the one that fades out */
}

static void on_speaking(bool speaking, void *ctx)
{
        (void)speaking, (void)ctx;
}

static void deliver(struct world *w)
{
        struct fake_stream *mic = fake_audio_capture(&w->rig->audio);
        float frames[QUANTUM], loud = w->shut ? 0.9f : loudness(w);

        if (!mic)
                return;
        for (unsigned i = 0; i < QUANTUM; i++)
                frames[i] = i / 60 % 2 ? loud : -loud; /* 400 Hz */
        (void)pcm_ring_write(mic->port->ring, frames, QUANTUM);
        atomic_store(&mic->port->quantum, QUANTUM);
        w->shut = !w->was_open;
        w->now_us += QUANTUM * 125 / 6;
}

/* What the network thread does when it is woken: takes over what control has lent it, and pumps. */
static void look(struct world *w)
{
        static const struct voice_config config = { .frame_ms = 20, .bitrate = 6000 };
        bool talking;

        if (w->rig->script.capture != w->port) {
                w->track = tx_track_free(w->track);
                audio_port_unref(w->port);
                w->port = w->rig->script.capture ? audio_port_ref(w->rig->script.capture) : NULL;
                if (w->port)
                        ASSERT_OK(tx_track_new(&config, w->port, w->rig->script.gate, on_send, on_speaking, w,
                                               &w->track));
        }
        if (!w->track)
                return;
        w->released = capture_gate_transmit(w->rig->script.gate, &talking) == TRANSMIT_PUSH_TO_TALK && !talking;
        if (!w->released)
                w->since_then = 0;
        (void)tx_track_pump(w->track, w->now_us);
}

/* ---- steps ---- */

static void asked(int request)
{
        ASSERT(request >= 0 || request == -EBUSY); /* too many wait for the server */
}

static int change_visibility(struct world *w, bool visible)
{
        struct options *o;

        ASSERT_OK(options_new(&o));
        ASSERT_OK(options_add_boolean(o, "visible", visible));
        return rig_call(w->rig, w->c, 3, API_CHANGE_USER_VISIBILITY, o);
}

static void program_step(struct world *w, enum step s)
{
        struct rig *rig = w->rig;

        switch (s) {
        case JOIN: asked(rig_join(rig, w->c, 3, "r", "me", true)); break;
        case JOIN_TO_LISTEN: asked(rig_join(rig, w->c, 3, "r", "me", false)); break;
        case EXIT: asked(rig_simple(rig, w->c, 3, API_EXIT)); break;
        case CAPTURE_ON:
        case CAPTURE_OFF: asked(rig_state(rig, w->c, 3, API_CHANGE_AUDIO_CAPTURE, s == CAPTURE_ON)); break;
        case PUBLISH_ON:
        case PUBLISH_OFF: asked(rig_state(rig, w->c, 3, API_CHANGE_STREAM_PUBLISH_STATE, s == PUBLISH_ON)); break;
        case BECOME_INVISIBLE:
        case BECOME_VISIBLE: asked(change_visibility(w, s == BECOME_VISIBLE)); break;
        case MUTE:
        case UNMUTE: context_set_muted(w->c, s == MUTE); break;
        case CONTINUOUS: context_set_transmit_mode(w->c, TRANSMIT_CONTINUOUS); break;
        case VOICE_ACTIVITY: context_set_transmit_mode(w->c, TRANSMIT_VOICE_ACTIVITY); break;
        case PUSH_TO_TALK: context_set_transmit_mode(w->c, TRANSMIT_PUSH_TO_TALK); break;
        case PRESS: ASSERT_OK(context_start_talking(w->c, ":1.7")); break;
        case RELEASE: context_stop_talking(w->c); break;
        case HOLDER_GONE: manager_owner_gone(rig->m, ":1.7"); break;
        default: break;
        }
}

static void answer(struct rig *rig, enum consent_verdict verdict)
{
        if (rig->desktop.first.open)
                consent_answered(manager_consent(rig->m), rig->desktop.first.open, verdict);
}

static void user_step(struct world *w, enum step s)
{
        struct consent *consent = manager_consent(w->rig->m);

        switch (s) {
        case USER_ALLOWS: answer(w->rig, VERDICT_ALLOW); break;
        case USER_DENIES: answer(w->rig, VERDICT_DENY); break;
        case USER_PUTS_OFF: answer(w->rig, VERDICT_CLOSED); break;
        case REVOKED: ASSERT_OK(consent_set(consent, PROGRAM, CONSENT_DENY)); break;
        case GRANTED: ASSERT_OK(consent_set(consent, PROGRAM, CONSENT_ALLOW)); break;
        case FORGOTTEN: ASSERT_OK(consent_set(consent, PROGRAM, CONSENT_ASK)); break;
        default: break;
        }
}

static struct context_view view_of(const struct world *w)
{
        struct context_view v;

        context_get(w->c, &v);
        return v;
}

/* The server's own book: an operation counts when the server has answered it. */
static void answer_publish(struct world *w, const struct engine_result *result)
{
        if (fake_finish(&w->rig->script, FAKE_PUBLISH, result) < 0)
                return;
        if (result->reason == ENGINE_OK)
                w->published = w->asked[0];
        memmove(w->asked, w->asked + 1, --w->n_asked * sizeof(*w->asked));
}

static void note_asked(struct world *w)
{
        const struct fake_script *script = &w->rig->script;

        ASSERT_LE(script->calls[FAKE_PUBLISH] - w->n_calls, 1);
        if (script->calls[FAKE_PUBLISH] > w->n_calls)
                w->asked[w->n_asked++] = script->on;
        w->n_calls = script->calls[FAKE_PUBLISH];
        if (!script->engine)
                w->n_asked = 0;
        ASSERT_LT(w->n_asked, ARRAY_SIZE(w->asked));
}

static void server_step(struct world *w, enum step s)
{
        static const struct engine_result ok = { 0 }, full = { .reason = ENGINE_ROOM_FULL };
        struct fake_script *script = &w->rig->script;
        enum room_state state = view_of(w).state;
        bool judged = false;

        if (!script->engine || s < JOIN_WORKS || s > ROOM_ENDS)
                return;
        if ((s == JOIN_WORKS || s == JOIN_FAILS) && fake_finish(script, FAKE_JOIN, s == JOIN_WORKS ? &ok : &full) >= 0)
                w->published = script->auto_publish;
        if (s == LEAVE_WORKS)
                (void)fake_finish(script, FAKE_LEAVE, &ok);
        if (s == OPERATION_WORKS || s == OPERATION_FAILS)
                answer_publish(w, s == OPERATION_WORKS ? &ok : &full);
        if (s == VISIBILITY_WORKS || s == VISIBILITY_FAILS)
                judged = fake_finish(script, FAKE_SET_VISIBLE, s == VISIBILITY_WORKS ? &ok : &full) >= 0;
        if (s == SERVER_LOST && state == ROOM_STATE_JOINED)
                ASSERT_OK(fake_state(script, ENGINE_STATE_RECONNECTING, &ok));
        if (s == SERVER_BACK && state == ROOM_STATE_RECONNECTING)
                ASSERT_OK(fake_state(script, ENGINE_STATE_JOINED, &ok));
        if (s == ROOM_ENDS && (state == ROOM_STATE_JOINED || state == ROOM_STATE_RECONNECTING))
                ASSERT_OK(fake_end(script, ENGINE_SERVER_GONE));
        rig_turn(w->rig);
        if (s == VISIBILITY_WORKS && judged && !view_of(w).visible)
                w->published = false; /* the server ends it */
}

static void sound_step(struct world *w, enum step s)
{
        struct fake_stream *mic = fake_audio_capture(&w->rig->audio);

        if (mic && (s == SOURCE || s == MONITOR || s == UNPLUGGED))
                fake_audio_state(mic, s == UNPLUGGED ? 0 : 42, s == SOURCE);
        if (mic && (s == SOURCE || s == MONITOR || s == UNPLUGGED))
                w->source = s == SOURCE;
        if (s == PERIOD || s == BUSY_PERIOD)
                deliver(w);
        if (s == PERIOD || s == NETWORK_THREAD)
                look(w);
        if (s == TURN)
                rig_turn(w->rig);
}

/* ---- what must hold ---- */

static bool is_allowed(struct world *w)
{
        struct context_view v = view_of(w);
        struct caller who = rig_caller(3);

        if (!fake_audio_capture(&w->rig->audio))
                w->source = false; /* a device opened later is linked to nothing yet */
        return v.state == ROOM_STATE_JOINED && v.visible && v.audio_capture && w->published && !v.muted && w->source &&
               consent_check(manager_consent(w->rig->m), &who) == CONSENT_ALLOW;
}

static void check(struct world *w)
{
        const struct capture_gate *gate = &w->rig->m->room.voice.gate;
        bool allowed = is_allowed(w);

        ASSERT_EQ(capture_gate_is_open(gate), allowed);
        if (w->was_open && !allowed)
                w->closings++;
        w->was_open = allowed;
        w->shut |= !allowed;
}

static void play_step(struct world *w, enum step s)
{
        program_step(w, s);
        user_step(w, s);
        server_step(w, s);
        sound_step(w, s);
        note_asked(w);
        check(w);
        w->rig->trace[w->rig->len = 0] = '\0';
}

static void world_init(struct world *w)
{
        *w = (struct world){ .rig = rig_make_asking(), .now_us = 1000000, .shut = true };
        w->c = rig_context(w->rig, 3);
        for (int i = 0; i < _FAKE_OP_MAX; i++)
                w->rig->script.answer[i].hang = true;
}

static void world_done(struct world *w)
{
        tx_track_free(w->track);
        audio_port_unref(w->port);
        rig_free(w->rig);
}

/* ---- every order ---- */

struct phase {
        unsigned n;
        enum step steps[16];
};
static const struct phase phases[] = {
        { 0, { 0 } },
        { 1, { JOIN } },
        { 2, { JOIN, USER_ALLOWS } },
        { 3, { JOIN_TO_LISTEN, JOIN_WORKS, CAPTURE_ON } },
        { 6, { JOIN, USER_ALLOWS, JOIN_WORKS, SOURCE, PERIOD, PERIOD } },
        { 9, { JOIN, USER_ALLOWS, JOIN_WORKS, SOURCE, PUSH_TO_TALK, PERIOD, PERIOD, PERIOD, PERIOD } },
        { 11, { JOIN, USER_ALLOWS, JOIN_WORKS, SOURCE, PUSH_TO_TALK, PRESS, PERIOD, PERIOD, PERIOD, PERIOD, PERIOD } },
        { 7, { JOIN, USER_ALLOWS, JOIN_WORKS, SOURCE, PERIOD, SERVER_LOST, PERIOD } },
        { 8, { JOIN, USER_ALLOWS, JOIN_WORKS, SOURCE, PERIOD, PERIOD, MUTE, BUSY_PERIOD } },
        { 6, { JOIN, USER_ALLOWS, JOIN_WORKS, SOURCE, PERIOD, EXIT } },
};

static void play(const struct phase *p, const enum step *steps, unsigned n)
{
        static const enum step after[] = { PERIOD, PERIOD, BUSY_PERIOD, NETWORK_THREAD, PERIOD, PERIOD };
        struct world w;

        world_init(&w);
        for (unsigned i = 0; i < p->n; i++)
                play_step(&w, p->steps[i]);
        for (unsigned i = 0; i < n; i++)
                play_step(&w, steps[i]);
        for (size_t i = 0; i < ARRAY_SIZE(after); i++) /* what was kept must come out now, if at all */
                play_step(&w, after[i]);
        world_done(&w);
}

TEST(every_two_steps_in_every_phase)
{
        for (size_t p = 0; p < ARRAY_SIZE(phases); p++)
                for (int i = 0; i < _STEP_MAX * _STEP_MAX; i++)
                        play(&phases[p], (enum step[]){ (enum step)(i / _STEP_MAX), (enum step)(i % _STEP_MAX) }, 2);
}

/* Inside a room with an open gate, quiet and talking: where there is something to lose. */
TEST(long_every_three_steps)
{
        for (size_t p = 4; p <= 6; p += 2)
                for (int i = 0; i < _STEP_MAX * _STEP_MAX * _STEP_MAX; i++)
                        play(&phases[p],
                             (enum step[]){ (enum step)(i / _STEP_MAX / _STEP_MAX),
                                            (enum step)(i / _STEP_MAX % _STEP_MAX), (enum step)(i % _STEP_MAX) },
                             3);
}

/* ---- at random ---- */

/* Steps of its choice; now and then what it takes to be in the room, or the gate would hardly ever be open. */
static enum step choose(const struct world *w, struct rng *rng)
{
        static const enum step inwards[] = { JOIN,        GRANTED, USER_ALLOWS, JOIN_WORKS,      SERVER_BACK,
                                             UNMUTE,      SOURCE,  CAPTURE_ON,  PUBLISH_ON,      PRESS,
                                             LEAVE_WORKS, PERIOD,  PERIOD,      OPERATION_WORKS, PERIOD };
        uint32_t r = rand_u32(rng);

        if (w->was_open && r % 8 < 5)
                return r % 16 < 11 ? PERIOD : BUSY_PERIOD;
        if (!w->was_open && r % 8 < 6)
                return inwards[r / 16 % ARRAY_SIZE(inwards)];
        return (enum step)(r / 16 % _STEP_MAX);
}

static void random_lives(unsigned steps, uint64_t seed)
{
        unsigned sent = 0, closings = 0;
        struct rng rng;

        rand_seed(&rng, seed);
        for (unsigned done = 0; done < steps;) {
                struct world w;

                world_init(&w);
                for (unsigned i = 0; i < LIFE && done < steps && w.rig->last_request + 2 < RIG_MAX_REQUESTS;
                     i++, done++)
                        play_step(&w, choose(&w, &rng));
                sent += w.sent;
                closings += w.closings;
                world_done(&w);
        }
        printf("  %u steps, %u frames sent, the gate shut %u times\n", steps, sent, closings);
        ASSERT_GT(sent, steps / 100); /* it was worth the while */
        ASSERT_GT(closings, steps / 200);
}

TEST(lives_at_random)
{
        random_lives(20000, 1);
}

TEST(long_a_million_steps_at_random)
{
        random_lives(1000000, 2);
}
