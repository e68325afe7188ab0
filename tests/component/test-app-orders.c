/* test-app-orders.c - everything in every order: short sequences exhaustively, long ones at random from fixed seeds.
 *
 * Two clients with a context each, a third program that only asks to exit, an engine and a user that answer when the
 * sequence says so. Whatever happens: each request is completed exactly once (only those of a vanished owner are not),
 * the microphone is open exactly while it may be, and in the end the daemon stops in time with nothing left open.
 */
#include "base/clock.h"
#include "fakes/app-rig.h"
#include "lib/test.h"
#include "lib/vloop.h"

enum step {
        JOIN_A,
        JOIN_B,
        EXIT_A,
        EXIT_A_BY_STRANGER,
        DESTROY_A,
        OWNER_A_GONE,
        STOP,
        CAPTURE_A,
        PUBLISH_OFF_A,
        SUBSCRIBE_A,
        SCREEN_A,
        SETTING_A,
        SHORT_TOKEN_A,
        VISIBILITY_A,
        MUTE_A,
        CONSENT_GONE, /* from now on the user is asked */
        USER_ALLOWS,
        USER_DENIES,
        JOIN_WORKS,
        JOIN_FAILS,
        LEAVE_WORKS,
        OPERATION_WORKS,
        AMY_COMES,
        SERVER_LOST,
        SERVER_BACK,
        ROOM_ENDS,
        TURN,
        LONG_TIME,
        _STEP_MAX
};

struct world {
        struct rig *rig;
        struct context *a, *b; /* NULL once removed */
        bool a_gone;
        bool of_a[RIG_MAX_REQUESTS]; /* asked by A's owner */
        unsigned n_settings, n_visibility;
};

static void forget_the_removed(struct world *w)
{
        if (w->a && !manager_find_context(w->rig->m, 1))
                w->a = NULL;
        if (w->b && !manager_find_context(w->rig->m, 2))
                w->b = NULL;
}

static void by_a(struct world *w, int request)
{
        ASSERT_OK(request);
        w->of_a[request] = true;
}

static int call_with(struct world *w, enum api api, const char *text_key, const char *text, const char *number_key,
                     double number)
{
        struct options *o;

        ASSERT_OK(options_new(&o));
        if (text_key)
                ASSERT_OK(options_add_string(o, text_key, text));
        if (number_key)
                ASSERT_OK(options_add_number(o, number_key, number));
        return rig_call(w->rig, w->a, 1, api, o);
}

/* One after the other of those that only set something. */
static int call_setting(struct world *w)
{
        switch (w->n_settings++ % 5) {
        case 0: return call_with(w, API_SET_AUDIO_PLAYBACK_DEVICE, "device", w->n_settings % 2 ? "a" : "b", NULL, 0);
        case 1: return call_with(w, API_CHANGE_ANS_MODE, NULL, NULL, "mode", w->n_settings % 5);
        case 2: return call_with(w, API_CHANGE_VIDEO_CAPTURE, NULL, NULL, "state", w->n_settings % 2);
        case 3: return call_with(w, API_SWITCH_CAMERA, "camera", w->n_settings % 2 ? "front" : "back", NULL, 0);
        default: return call_with(w, API_SET_VIDEO_ENCODER_CONFIG, NULL, NULL, "none", 0);
        }
}

static int call_visibility(struct world *w)
{
        struct options *o;

        ASSERT_OK(options_new(&o));
        ASSERT_OK(options_add_boolean(o, "visible", w->n_visibility++ % 2));
        return rig_call(w->rig, w->a, 1, API_CHANGE_USER_VISIBILITY, o);
}

/* Twenty seconds more: the room ends by itself within LONG_TIME, if the engine takes it. */
static int call_short_token(struct world *w)
{
        _cleanup_free_ char *token = rig_token("r", "a", (uint32_t)(rig_realtime_us() / US_PER_SEC) + 20);

        ASSERT(token);
        return rig_update_token(w->rig, w->a, 1, token);
}

static void client_step(struct world *w, enum step s)
{
        if (s == JOIN_B && w->b)
                ASSERT_OK(rig_join(w->rig, w->b, 2, "r", "b", false));
        if (!w->a || w->a_gone)
                return;
        if (s == JOIN_A)
                by_a(w, rig_join(w->rig, w->a, 1, "r", "a", true));
        if (s == EXIT_A)
                by_a(w, rig_simple(w->rig, w->a, 1, API_EXIT));
        if (s == EXIT_A_BY_STRANGER)
                ASSERT_OK(rig_simple(w->rig, w->a, 9, API_EXIT));
        if (s == DESTROY_A)
                by_a(w, rig_simple(w->rig, w->a, 1, API_DESTROY));
        if (s == CAPTURE_A)
                by_a(w, rig_state(w->rig, w->a, 1, API_CHANGE_AUDIO_CAPTURE, true));
        if (s == PUBLISH_OFF_A)
                by_a(w, rig_state(w->rig, w->a, 1, API_CHANGE_STREAM_PUBLISH_STATE, false));
        if (s == SUBSCRIBE_A)
                by_a(w, rig_subscribe(w->rig, w->a, 1, "amy", false));
        if (s == SCREEN_A)
                by_a(w, call_with(w, API_CHANGE_SCREEN_SUBSCRIBE_STATE, "userId", "amy", "state", 1));
        if (s == SETTING_A)
                by_a(w, call_setting(w));
        if (s == SHORT_TOKEN_A)
                by_a(w, call_short_token(w));
        if (s == VISIBILITY_A)
                by_a(w, call_visibility(w));
        if (s == MUTE_A)
                context_set_muted(w->a, true);
}

static void desktop_step(struct world *w, enum step s)
{
        struct config *config;

        if (s == OWNER_A_GONE) {
                manager_owner_gone(w->rig->m, ":1.1");
                w->a_gone = true;
        }
        if (s == STOP)
                manager_stop(w->rig->m);
        if (s == CONSENT_GONE) {
                ASSERT_OK(config_new_default(&config));
                manager_set_config(w->rig->m, config);
        }
        if ((s == USER_ALLOWS || s == USER_DENIES) && w->rig->desktop.first.open)
                consent_answered(manager_consent(w->rig->m), w->rig->desktop.first.open,
                                 s == USER_ALLOWS ? VERDICT_ALLOW : VERDICT_DENY);
        if (s == TURN)
                rig_turn(w->rig);
        if (s == LONG_TIME)
                rig_run_ms(w->rig, 30000);
}

/* What the script cannot do in the engine's state, the engine refuses or drops by itself. */
static void engine_step(struct world *w, enum step s)
{
        static const struct engine_result ok = { 0 }, full = { .reason = ENGINE_ROOM_FULL };
        struct fake_script *script = &w->rig->script;
        enum room_state state = ROOM_STATE_IDLE;
        struct context_view v;

        if (!script->engine)
                return;
        for (struct context *c = manager_first_context(w->rig->m); c; c = context_next(c)) {
                context_get(c, &v);
                if (v.state != ROOM_STATE_IDLE && v.state != ROOM_STATE_DESTROYED)
                        state = v.state;
        }
        if (s == JOIN_WORKS)
                (void)fake_finish(script, FAKE_JOIN, &ok);
        if (s == JOIN_FAILS)
                (void)fake_finish(script, FAKE_JOIN, &full);
        if (s == LEAVE_WORKS)
                (void)fake_finish(script, FAKE_LEAVE, &ok);
        if (s == OPERATION_WORKS && fake_finish(script, FAKE_PUBLISH, &ok) < 0 &&
            fake_finish(script, FAKE_UPDATE_TOKEN, &ok) < 0 && fake_finish(script, FAKE_SET_VISIBLE, &ok) < 0)
                (void)fake_finish(script, FAKE_SUBSCRIBE, &ok);
        if (s == AMY_COMES)
                rig_person(w->rig, ENGINE_PARTICIPANT_JOINED, "amy", ENGINE_AUDIO, ENGINE_AUDIO);
        if (s == SERVER_LOST && state == ROOM_STATE_JOINED)
                ASSERT_OK(fake_state(script, ENGINE_STATE_RECONNECTING, &ok));
        if (s == SERVER_BACK && state == ROOM_STATE_RECONNECTING)
                ASSERT_OK(fake_state(script, ENGINE_STATE_JOINED, &ok));
        if (s == ROOM_ENDS && (state == ROOM_STATE_JOINED || state == ROOM_STATE_RECONNECTING))
                ASSERT_OK(fake_end(script, ENGINE_SERVER_GONE));
        rig_turn(w->rig); /* what it says is heard before anything else happens */
}

/* The microphone: open exactly while somebody is in the room, publishes, and captures with consent. */
static void check_microphone(struct world *w)
{
        bool may = false;
        struct context_view v;

        for (struct context *c = manager_first_context(w->rig->m); c; c = context_next(c)) {
                context_get(c, &v);
                if (v.state == ROOM_STATE_JOINED || v.state == ROOM_STATE_RECONNECTING)
                        may = v.audio_published && v.audio_capture;
        }
        ASSERT_EQ(fake_audio_capture(&w->rig->audio) != NULL, may);
        ASSERT_EQ(w->rig->script.capture != NULL, may);
}

static void check_the_end(struct world *w)
{
        struct rig *rig = w->rig;

        manager_stop(rig->m);
        rig_run_ms(rig, 1500);
        ASSERT_EQ(rig->stopped, 1);
        ASSERT(!rig->script.engine);
        ASSERT_EQ(rig->audio.n_open, 0);
        ASSERT_EQ(rig->desktop.first.open, 0);
        for (uint32_t i = 1; i <= rig->last_request; i++) {
                if (w->a_gone && w->of_a[i])
                        ASSERT_LE(rig->completions[i], 1);
                else
                        ASSERT_EQ(rig->completions[i], 1);
        }
        for (struct context *c = manager_first_context(rig->m); c; c = context_next(c))
                for (int i = 0; i < _LIST_MAX; i++)
                        ASSERT(!context_list(c, (enum context_list)i)[0]);
}

static void play(const enum step *steps, unsigned n)
{
        _cleanup_(rig_freep) struct rig *rig = rig_make_asking();
        struct world w = { .rig = rig, .a = rig_context(rig, 1), .b = rig_context(rig, 2) };

        for (int i = 0; i < _FAKE_OP_MAX; i++)
                rig->script.answer[i].hang = true;
        for (unsigned i = 0; i < n; i++) {
                client_step(&w, steps[i]);
                desktop_step(&w, steps[i]);
                if (steps[i] >= JOIN_WORKS && steps[i] <= ROOM_ENDS)
                        engine_step(&w, steps[i]);
                check_microphone(&w);
                forget_the_removed(&w);
                rig->trace[rig->len = 0] = '\0';
        }
        check_the_end(&w);
}

/* Every pair of steps in every phase of a room's life. */
TEST(every_two_steps_in_every_phase)
{
        static const struct {
                unsigned n;
                enum step steps[4];
        } phases[] = {
                { 0, { 0 } },
                { 1, { JOIN_A } },
                { 2, { JOIN_A, TURN } },
                { 2, { JOIN_A, JOIN_WORKS } },
                { 4, { JOIN_A, JOIN_WORKS, AMY_COMES, PUBLISH_OFF_A } },
                { 3, { JOIN_A, JOIN_WORKS, SERVER_LOST } },
                { 4, { JOIN_A, JOIN_WORKS, SHORT_TOKEN_A, OPERATION_WORKS } },
                { 3, { JOIN_A, JOIN_WORKS, EXIT_A } },
                { 4, { JOIN_A, JOIN_WORKS, EXIT_A, TURN } },
                { 3, { JOIN_A, JOIN_WORKS, DESTROY_A } },
                { 2, { CONSENT_GONE, JOIN_A } },
                { 3, { CONSENT_GONE, JOIN_A, CAPTURE_A } },
                { 3, { CONSENT_GONE, JOIN_A, USER_ALLOWS } },
                { 4, { CONSENT_GONE, JOIN_A, USER_ALLOWS, JOIN_WORKS } },
        };

        for (size_t p = 0; p < ARRAY_SIZE(phases); p++)
                for (int i = 0; i < _STEP_MAX * _STEP_MAX; i++) {
                        enum step steps[6];

                        memcpy(steps, phases[p].steps, sizeof(phases[p].steps));
                        steps[phases[p].n] = (enum step)(i / _STEP_MAX);
                        steps[phases[p].n + 1] = (enum step)(i % _STEP_MAX);
                        play(steps, phases[p].n + 2);
                }
}

TEST(long_lives_at_random)
{
        struct rng rng;

        for (unsigned seed = 1; seed <= 1500; seed++) {
                enum step steps[24];

                rand_seed(&rng, seed);
                for (size_t i = 0; i < ARRAY_SIZE(steps); i++)
                        steps[i] = (enum step)(rand_u32(&rng) % _STEP_MAX);
                if (seed % 2) /* begin inside a room every other time */
                        memcpy(steps, (enum step[]){ JOIN_A, JOIN_WORKS }, 2 * sizeof(*steps));
                for (size_t i = 0; i < ARRAY_SIZE(steps); i++) /* the end of all comes late or not at all */
                        if (i < 12 && (steps[i] == STOP || steps[i] == OWNER_A_GONE || steps[i] == DESTROY_A))
                                steps[i] = TURN;
                play(steps, ARRAY_SIZE(steps));
        }
}
