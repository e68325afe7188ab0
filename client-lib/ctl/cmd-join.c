/* cmd-join.c - join and stay; the echo test is a join into the room in which the server sends one's own voice back. */
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "app/config-file.h"
#include "base/cleanup.h"
#include "ctl/ctl.h"
#include "ctl/token.h"

enum { LEAVE_US = 2000000, HINT_US = 2000000, E2EE_KEY_MAX = 256 };

struct session {
        const struct ctl *o;
        bool joined, failed, done, ended;
        uint64_t asked_us;
        void *kept; /* owned */
};

void session_keep(struct session *s, void *memory)
{
        s->kept = memory;
}

const struct ctl *session_ctl(const struct session *s)
{
        return s->o;
}

const bool *session_ended(const struct session *s)
{
        return &s->ended;
}

static void on_joined(struct rtcroom_context *c, const char *err_msg, void *user)
{
        struct session *s = user;
        double ms = (double)(ctl_now_us() - s->asked_us) / 1e3;

        s->joined = true;
        if (s->o->json) {
                struct json_object *j = event_json(s->o, "joined");

                json_object_object_add(j, "errMsg", json_object_new_string(err_msg));
                json_object_object_add(j, "joinMs", json_object_new_double(ms));
                json_object_object_add(j, "context", json_object_new_int64(rtcroom_context_get_number(c)));
                print_json(j);
        } else {
                print_event(s->o, "%s in %.0f ms", err_msg, ms);
        }
}

static void on_failed(struct rtcroom_context *c, const struct rtcroom_error *e, void *user)
{
        struct session *s = user;

        (void)c;
        s->failed = true;
        if (s->o->json) {
                struct json_object *j = event_json(s->o, "failed");

                json_object_object_add(j, "errNo", json_object_new_int(e->err_no));
                json_object_object_add(j, "errorCode", json_object_new_int(e->error_code));
                json_object_object_add(j, "errorType", json_object_new_string(e->error_type));
                json_object_object_add(j, "errMsg", json_object_new_string(e->err_msg));
                print_json(j);
        } else {
                print_line(stderr, "%s (%d, %d %s)", e->err_msg, e->err_no, e->error_code, e->error_type);
        }
}

static void on_complete(struct rtcroom_context *c, void *user)
{
        (void)c;
        ((struct session *)user)->done = true;
}

static void on_interrupted(struct rtcroom_context *c, int err_no, const char *err_msg, void *user)
{
        struct session *s = user;

        printing_events.interrupted(c, err_no, err_msg, (void *)s->o);
        s->ended = true;
}

static void on_gone(struct rtcroom_context *c, void *user)
{
        struct session *s = user;

        printing_events.gone(c, (void *)s->o);
        s->ended = true;
}

#define FORWARD_LIST(name)                                                                        \
        static void forward_##name(struct rtcroom_context *c, const char *const *ids, void *user) \
        {                                                                                         \
                printing_events.name(c, ids, (void *)((struct session *)user)->o);                \
        }
FORWARD_LIST(members_changed)
FORWARD_LIST(speakers_changed)
FORWARD_LIST(video_members_changed)
FORWARD_LIST(screen_members_changed)

static void forward_state(struct rtcroom_context *c, int err_no, const char *err_msg, void *user)
{
        printing_events.state_changed(c, err_no, err_msg, (void *)((struct session *)user)->o);
}

static void forward_will_expire(struct rtcroom_context *c, void *user)
{
        printing_events.token_will_expire(c, (void *)((struct session *)user)->o);
}

static void forward_message(struct rtcroom_context *c, const struct rtcroom_message *m, void *user)
{
        printing_events.message_received(c, m, (void *)((struct session *)user)->o);
}

static void forward_quality(struct rtcroom_context *c, const struct rtcroom_quality *local,
                            const struct rtcroom_quality *remote, size_t n, void *user)
{
        printing_events.network_quality(c, local, remote, n, (void *)((struct session *)user)->o);
}

static const struct rtcroom_events events = {
        .network_quality = forward_quality,
        .message_received = forward_message,
        .members_changed = forward_members_changed,
        .speakers_changed = forward_speakers_changed,
        .video_members_changed = forward_video_members_changed,
        .screen_members_changed = forward_screen_members_changed,
        .state_changed = forward_state,
        .interrupted = on_interrupted,
        .token_will_expire = forward_will_expire,
        .gone = on_gone,
};

static void secret_freep(char **p)
{
        *p = config_secret_free(*p);
}

/* The passphrase in --e2ee-key-file: its first line. NULL without one; else owned. 0, or an exit code told. */
static int obtain_e2ee_key(const struct ctl *o, char **ret)
{
        __attribute__((cleanup(secret_freep))) char *text = NULL;
        const char *path = o->e2ee_key_file;
        struct stat st;
        size_t len;
        int k;

        if (!path)
                return 0;
        if (stat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_mode & 077)
                return fail(o, EXIT_FAILED, "%s: others may read it; chmod 600", path);
        k = config_file_read(path, E2EE_KEY_MAX + 1, &text, &len);
        if (k < 0)
                return fail(o, EXIT_FAILED, "%s: %s", path, strerror(-k));
        if (len > 0 && text[len - 1] == '\n')
                text[--len] = '\0';
        if (len == 0 || len > E2EE_KEY_MAX || strlen(text) != len || strchr(text, '\n'))
                return fail(o, EXIT_FAILED, "%s: no line of 1 to %d bytes", path, E2EE_KEY_MAX);
        *ret = take_ptr(text);
        return 0;
}

/* Connects, makes the context and sends the join. */
static int start(struct session *s, const char *room, const char *user, const char *token, const char *e2ee_key,
                 struct rtcroom **ret_r, struct rtcroom_context **ret_c)
{
        const struct ctl *o = s->o;
        const struct rtcroom_callbacks cb = { on_joined, on_failed, on_complete, s };
        unsigned flags =
                (o->no_publish ? RTCROOM_JOIN_NO_PUBLISH : 0) | (o->no_subscribe ? RTCROOM_JOIN_NO_SUBSCRIBE : 0);
        int k = rtcroom_open(ret_r);

        if (k < 0)
                return fail(o, EXIT_NO_DAEMON, "there is no session bus");
        k = rtcroom_create_context(*ret_r, o->app, o->server, ret_c);
        if (k >= 0) {
                rtcroom_context_set_events(*ret_c, &events, s);
                if (o->invisible)
                        k = rtcroom_change_user_visibility(*ret_c, false, NULL);
                if (k >= 0 && o->ans >= 0)
                        k = rtcroom_change_ans_mode(*ret_c, o->ans, NULL);
        }
        if (k >= 0) {
                s->asked_us = ctl_now_us();
                k = rtcroom_join_encrypted(*ret_c, room, user, token, e2ee_key, flags, &cb);
        }
        if (k < 0) {
                k = fail_errno(o, *ret_r, k);
                rtcroom_close(*ret_r);
                return k;
        }
        return 0;
}

static void leave(struct session *s, struct rtcroom *r, struct rtcroom_context *c)
{
        const struct rtcroom_callbacks cb = { .complete = on_complete, .user = s };

        s->done = false;
        if (rtcroom_exit(c, &cb) >= 0)
                (void)loop_until(r, &s->done, LEAVE_US);
        if (s->o->json)
                print_json(event_json(s->o, "left"));
        else
                print_event(s->o, "left");
}

/* A join takes longer than this when the user is asked; without a desktop nobody shows the question. */
static int await_join(struct session *s, struct rtcroom *r)
{
        int k = loop_until(r, &s->done, HINT_US);

        if (k != 0 || s->done)
                return k;
        if (!s->o->json)
                print_event(s->o,
                            "not yet: if somebody has to allow the microphone, \"rtcroomctl consent list\" shows it");
        return loop_until(r, &s->done, UINT64_MAX);
}

/* Joins and runs `stay` until it returns; then leaves. */
int with_room(struct ctl *o, const char *room,
              int (*stay)(struct session *s, struct rtcroom *r, struct rtcroom_context *c))
{
        __attribute__((cleanup(secret_freep))) char *e2ee_key = NULL;
        _cleanup_token_ char *token = NULL;
        struct session s = { .o = o };
        struct rtcroom_context *c;
        struct rtcroom *r;
        int k, result = 0;

        if (!o->app)
                return fail(o, EXIT_USAGE, "--app APPID is needed");
        if (!o->user && !(o->user = getenv("USER")))
                return fail(o, EXIT_USAGE, "--user USER is needed");
        k = token_obtain(o, room, o->user, &token);
        if (k == 0)
                k = obtain_e2ee_key(o, &e2ee_key);
        if (k != 0)
                return k;
        k = start(&s, room, o->user, token, e2ee_key, &r, &c);
        if (k != 0)
                return k;
        k = await_join(&s, r);
        if (k == 0 && s.joined)
                result = stay(&s, r, c);
        if (s.joined && !s.ended)
                leave(&s, r, c);
        k = s.failed || s.ended || k < 0 || result < 0 || result == EXIT_REFUSED ? EXIT_FAILED : EXIT_OK;
        rtcroom_close(r);
        free(s.kept);
        return k;
}

static int stay_joined(struct session *s, struct rtcroom *r, struct rtcroom_context *c)
{
        (void)c;
        return loop_until(r, &s->ended, UINT64_MAX);
}

int cmd_join(struct ctl *o, int argc, char **argv)
{
        if (argc != 1)
                return fail(o, EXIT_USAGE, "usage: rtcroomctl join ROOM --app APPID --user USER [--token TOKEN]");
        return with_room(o, argv[0], stay_joined);
}

/* ---- echo test ---- */

struct echo_delay {
        double rtt_s, buffer_s, emitted, packets;
};

static void on_stat(const char *object, const char *name, double number, const char *text, void *user)
{
        struct echo_delay *d = user;

        (void)text;
        if (strncmp(object, "candidate-pair", 14) == 0 && strcmp(name, "currentRoundTripTime") == 0)
                d->rtt_s = number;
        else if (strncmp(object, "inbound-rtp", 11) == 0 && strcmp(name, "jitterBufferDelay") == 0)
                d->buffer_s = number;
        else if (strncmp(object, "inbound-rtp", 11) == 0 && strcmp(name, "jitterBufferEmittedCount") == 0)
                d->emitted = number;
        else if (strncmp(object, "inbound-rtp", 11) == 0 && strcmp(name, "packetsReceived") == 0)
                d->packets = number;
}

static void print_delay(const struct ctl *o, const struct echo_delay *d)
{
        /* What is known of the loop: network, jitter buffer, one 20 ms frame and Opus' 6.5 ms of look-ahead. */
        double buffer_ms = d->emitted > 0 ? 1e3 * d->buffer_s / d->emitted : 0;
        double total_ms = 1e3 * d->rtt_s + buffer_ms + 26.5;

        if (o->json) {
                struct json_object *j = event_json(o, "delay");

                json_object_object_add(j, "delayMs", json_object_new_double(total_ms));
                json_object_object_add(j, "networkMs", json_object_new_double(1e3 * d->rtt_s));
                json_object_object_add(j, "jitterBufferMs", json_object_new_double(buffer_ms));
                json_object_object_add(j, "packetsReceived", json_object_new_double(d->packets));
                print_json(j);
        } else {
                print_event(o, "delay %.0f ms (network %.1f, jitter buffer %.1f, codec 26.5), %.0f packets back",
                            total_ms, 1e3 * d->rtt_s, buffer_ms, d->packets);
        }
}

static int stay_echo(struct session *s, struct rtcroom *r, struct rtcroom_context *c)
{
        unsigned rounds = s->o->count;
        int k = 0;

        for (unsigned i = 0; (rounds == 0 || i < rounds) && !s->ended; i++) {
                struct echo_delay d = { 0 };

                k = loop_until(r, &s->ended, 1000000);
                if (k != 0 || s->ended)
                        break;
                k = rtcroom_context_get_stats(c, on_stat, &d);
                if (k < 0)
                        return fail_errno(s->o, r, k);
                print_delay(s->o, &d);
        }
        return k < 0 ? k : 0;
}

int cmd_echo_test(struct ctl *o, int argc, char **argv)
{
        (void)argv;
        if (argc != 0)
                return fail(o, EXIT_USAGE, "usage: rtcroomctl echo-test --app APPID [--user USER]");
        return with_room(o, ECHO_ROOM, stay_echo);
}
