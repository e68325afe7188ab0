/* conformance.h - what every engine must do, told once (rules.c) and run over each subject of a program.
 *
 * A subject stands for one engine and the server at its far end, scripted or real. A rule sees the engine only through
 * engine_new() and the recorder, lets time pass with run(), and makes things happen at the far end through the hooks.
 * A program of the suite is rules.c, some subjects, and `subjects`, the list of them.
 */
#pragma once

#include "engine/engine.h"
#include "fakes/engine-recorder.h"

struct bed;

struct subject {
        const char *name;
        void (*set_up)(struct bed *b); /* fills in ops, server, env and far */
        void (*tear_down)(struct bed *b);
        /* Time passes: virtual time, enough for whatever may come, or real time until the recorder has those lines
         * (and a bit longer, for what must not come). */
        void (*run)(struct bed *b, const char *lines);
        void (*hang)(struct bed *b);      /* the server answers neither the next join nor the next publish … */
        void (*fail_join)(struct bed *b); /* … or it refuses the next join as … */
        const char *refusal;
        void (*enters)(struct bed *b, const char *user_id); /* publishing, and heard by us */
        void (*exits)(struct bed *b, const char *user_id);
        bool (*sees_us)(struct bed *b, const char *user_id); /* are we in the list of this one? NULL: cannot tell */
        void (*replace_us)(struct bed *b);                   /* the same user joins from elsewhere */
        void (*kick_us)(struct bed *b); /* an administrator does; also while it hangs, unless … */
        bool hangs_wholly;              /* … it does nothing at all then */
        void (*lose)(struct bed *b);    /* everybody's connection is cut; another one can be made */
        bool mute;                      /* its server carries no messages */
};

extern const struct subject *const subjects[]; /* up to NULL */

struct bed {
        const struct subject *subject;
        struct loop *loop; /* in virtual time */
        struct rng rng;
        const struct engine_ops *ops;
        struct url server;
        struct engine_env env;
        void *far; /* the subject's */
        struct engine *engine;
        struct recorder rec;
        uint32_t op;
        char room[32]; /* another one for each bed */
        char *token;   /* owned: what an application's server hands to its users */
};

/* How everybody joins the room of the bed: the application's id and key are those of tests/integration/CMakeLists.txt.
 */
struct engine_join bed_join_params(const struct bed *b, const char *user_id);

extern const struct subject subject_fake;    /* the fake engine */
extern const struct subject subject_janus;   /* the janus engine on a Janus made of text */
extern const struct subject subject_livekit; /* the livekit engine on a server made of structs */
/* On real ones, started by tests/integration/lib: */
extern const struct subject subject_embedded;     /* in TEST_FOLDER */
extern const struct subject subject_remote;       /* JANUS_URL, JANUS_PID */
extern const struct subject subject_livekit_real; /* LIVEKIT_URL, LIVEKIT_PID; its rooms hold two */
