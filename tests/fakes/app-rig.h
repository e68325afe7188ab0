/* app-rig.h - a manager between a scripted engine, a fake sound server and a recorder, in virtual time.
 *
 * Everything the manager tells is written down as one line each, in order:
 *
 *   context+ 1 · context- 1 · room ROOM/USER (Manager.InRoom became true; "room -": false)
 *   person+ 1 alice · person- 1 alice
 *   done 1 :1.1 #3 joinRtcRoom 0/0 joinRtcRoom:ok               context, requester, request, errNo/errorCode type text
 *   members 1 alice me · speakers 1 · video 1 · screen 1
 *   state 1 0 rejoined elapsed 20 type 1 · state 1 21109 wrong key of alice · interrupted 1 -1009 token expired ·
 * will-expire 1 · stopped text 1 alice to me,bob [topic] hello · lossy data 1 - [] x   the server is "-"; 64 bytes at
 * most
 *
 * Changes of properties are kept as masks. At every event the recorder checks what must be true by then: a list that
 * is told equals the property, no request is completed twice or before its call returned.
 */
#pragma once

#include "app/manager.h"
#include "app/params.h"
#include "app/talk.h"
#include "engine/fake/fake-engine.h"
#include "fakes/fake-audio.h"
#include "fakes/fake-desktop.h"

enum { RIG_MAX_REQUESTS = 512 };

#define RIG_APP     "0123456789abcdef01234567"
#define RIG_APP_KEY "0123456789abcdef0123456789abcdef"

struct rig {
        struct loop *loop;
        struct fake_audio audio;
        struct fake_desktop desktop; /* of a rig that asks */
        struct shortcut_ops shortcuts;
        unsigned shortcut_calls; /* how often want() was called, … */
        bool shortcut_wanted;    /* … and with what */
        struct fake_script script;
        struct engine_env engine_env;
        struct manager *m;
        char trace[16384], taken[16384];
        size_t len;
        uint32_t properties;             /* of contexts, since the last rig_take() */
        uint32_t participant_properties; /* likewise */
        unsigned completions[RIG_MAX_REQUESTS];
        uint32_t last_request; /* the highest number returned */
        unsigned stopped;
        unsigned n_quality; /* NetworkQuality was told so often; it leaves no line in the trace */
        bool in_call;
        struct context *again; /* exit is asked of it from inside the next completion */
};

/* state_dir may be NULL. -ENOMEM only. The microphone is allowed to ":1.1" and ":1.2", not to others. */
int rig_new(const char *state_dir, struct rig **ret);
struct rig *rig_free(struct rig *rig);
DEFINE_CLEANUP(struct rig *, rig_free)

struct rig *rig_make(void); /* asserts that it works */
/* One whose desktop asks the user (fake-desktop.h, without a store): about everybody but ":1.1" and ":1.2". */
struct rig *rig_make_asking(void);
void rig_turn(struct rig *rig);
void rig_run_ms(struct rig *rig, unsigned ms);
/* The trace since the last call; valid until something happens. */
const char *rig_take(struct rig *rig);

/* The caller named ":1.N" runs /usr/bin/programN. */
struct caller rig_caller(unsigned n);
int rig_create(struct rig *rig, unsigned n, struct context **ret);
int rig_create_for(struct rig *rig, unsigned n, const char *app_id, const char *server /* or NULL */,
                   struct context **ret);
struct context *rig_context(struct rig *rig, unsigned n);
/* Each returns the request's number, or a negative errno. */
int rig_call(struct rig *rig, struct context *c, unsigned n, enum api api, struct options *o /* taken */);
int rig_join(struct rig *rig, struct context *c, unsigned n, const char *room, const char *user, bool auto_publish);
int rig_simple(struct rig *rig, struct context *c, unsigned n, enum api api);         /* exit, destroy */
int rig_state(struct rig *rig, struct context *c, unsigned n, enum api api, bool on); /* capture, publish audio */
int rig_subscribe(struct rig *rig, struct context *c, unsigned n, const char *user, bool on);
/* A context of ":1.1" that has joined "room" as "me", its trace taken. */
struct context *rig_joined(struct rig *rig, bool auto_publish);

/* Somebody of the room comes, changes or goes; told with the next turn. */
void rig_person(struct rig *rig, enum engine_change change, const char *user, uint32_t published, uint32_t subscribed);
uint32_t rig_gate(struct rig *rig); /* conditions of the gate that the engine holds, 0: none */
struct participant *rig_find(struct context *c, const char *user);
uint64_t rig_realtime_us(void);
/* A 001 token for RIG_APP, room and user; owned. */
char *rig_token(const char *room, const char *user, uint32_t expire_at);
int rig_update_token(struct rig *rig, struct context *c, unsigned n, const char *token);
