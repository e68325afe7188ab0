/* fake-engine.h - an engine without a server: what happens in its room is scripted by a test.
 *
 * A test puts a struct fake_script into engine_env.fake (zeroed: everything succeeds in the next turn of the loop).
 * The script tells each operation what to answer and when, takes notes of what was asked, and is the handle for making
 * things happen in the room. Without a script (a daemon under RTCROOMD_FAKE_ENGINE=1) the room's name decides:
 *
 *   fake.hang             join is never answered
 *   fake.stay             leave is never answered
 *   fake.lost             the connection is lost 100 ms after the join, and stays so
 *   fake.fail.REASON      join fails; REASON as in engine_reason_to_string(), '-' for ' ', SERVER_ERROR being 42
 *   fake.refuse.REASON    every operation in the room fails
 *   fake.end.REASON       the room ends 100 ms after the join
 *   others                "alice" is there and publishes, "bob" listens; what is sent to all, or to her, she repeats
 *
 * Control thread. Events come from the loop, never from inside a call below.
 */
#pragma once

#include "engine/engine.h"

extern const struct engine_ops fake_engine_ops;

/* fake: URLs are accepted only under RTCROOMD_FAKE_ENGINE=1; tests hand fake_engine_ops to engine_new() instead. */
bool fake_engine_is_enabled(void);

enum fake_op {
        FAKE_JOIN,
        FAKE_LEAVE,
        FAKE_UPDATE_TOKEN,
        FAKE_PUBLISH,
        FAKE_SUBSCRIBE,
        FAKE_SET_VISIBLE,
        FAKE_SEND_MESSAGE,
        _FAKE_OP_MAX
};

struct fake_answer {
        struct engine_result result; /* zeroed: ENGINE_OK */
        uint32_t delay_ms;           /* 0: the next turn of the loop */
        bool hang;                   /* never, until fake_finish(), or a leave cancels it */
};

struct fake_script {
        struct fake_answer answer[_FAKE_OP_MAX]; /* read when the operation begins */
        int refuse;                              /* negative errno with which the next op is refused; then 0 again */
        struct engine_stats stats;               /* what get_stats answers */
        /* ---- notes of the engine; read only ---- */
        struct engine *engine; /* the backend that uses this script; NULL before create and after free */
        unsigned calls[_FAKE_OP_MAX];
        char app_id[129], room_id[129], user_id[129], token[512]; /* of the last join (token also of update_token) */
        bool auto_publish, auto_subscribe, encrypted;
        uint32_t reconnect_s;
        bool visible;            /* as the join or the last set_visible wanted it */
        char subscribed_to[129]; /* of the last subscribe */
        uint32_t media;          /* of the last publish or subscribe … */
        bool on;
        char topic[ENGINE_TOPIC_MAX + 1], said[512], said_to[256]; /* of the last message; "alice,bob" */
        size_t said_len;
        bool text, reliable;
        struct audio_port *capture;      /* borrowed from the engine, which holds a reference */
        const struct capture_gate *gate; /* borrowed */
};

/* The room's happenings: in order, in the next turn of the loop; dropped when no room is joined by then. -ENOMEM.
 * What is said of a participant (name, metadata, attributes) has to be there until it has been told. */
int fake_participant(struct fake_script *s, enum engine_change change, const struct engine_participant *p);
int fake_microphone(struct fake_script *s, enum engine_microphone what);
int fake_speak(struct fake_script *s, const char *user_id, bool speaking);
int fake_message(struct fake_script *s, const struct engine_message *m);
int fake_state(struct fake_script *s, enum engine_state state, const struct engine_result *why);
/* The connection is lost, and restored half a second later if the join allowed that; else the room ends. */
int fake_lose(struct fake_script *s);
/* The room ends without leave: ops in flight fail with `reason`, then state(IDLE). */
int fake_end(struct fake_script *s, enum engine_reason reason);
/* Answers the oldest hanging operation of this kind; -ENOENT: there is none. */
int fake_finish(struct fake_script *s, enum fake_op kind, const struct engine_result *result);
/* The port lent for this participant, or NULL. Borrowed. */
struct audio_port *fake_playback(const struct fake_script *s, const char *user_id);
