/* cmd-room.c - one-shot commands on the room this desktop user is in: status, members, mute, volume, leave, stats. */
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ctl/ctl.h"

static void status_as_json(const struct rtcroom_state *s, uint32_t number)
{
        struct json_object *j = json_object_new_object();

        json_object_object_add(j, "context", json_object_new_int64(number));
        add_text(j, "state", s->state);
        add_text(j, "roomId", s->room_id);
        add_text(j, "userId", s->user_id);
        add_text(j, "appId", s->app_id);
        add_text(j, "engine", s->engine);
        add_text(j, "server", s->server);
        add_flag(j, "audioCapture", s->audio_capture);
        add_flag(j, "audioPublished", s->audio_published);
        add_flag(j, "muted", s->muted);
        add_flag(j, "deafened", s->deafened);
        json_object_object_add(j, "tokenExpiresAt", json_object_new_int64((int64_t)s->token_expires_at));
        print_json(j);
}

static int status(struct ctl *o, struct rtcroom_context *c, char **argv)
{
        struct rtcroom_state s;
        int k = rtcroom_context_get_state(c, &s);

        (void)argv;
        if (k < 0)
                return k;
        if (o->json) {
                status_as_json(&s, rtcroom_context_get_number(c));
                return 0;
        }
        print_line(stdout, "%s in room %s as %s (%s, %s)", s.state, s.room_id, s.user_id, s.engine, s.server);
        printf("microphone %s%s, sound %s\n", s.audio_capture ? "on" : "off", s.muted ? ", muted" : "",
               s.deafened ? "off (deafened)" : "on");
        if (s.token_expires_at) {
                time_t at = (time_t)s.token_expires_at;
                char text[64];

                strftime(text, sizeof(text), "%F %T", localtime(&at));
                printf("token valid until %s\n", text);
        }
        return 0;
}

int cmd_status(struct ctl *o, int argc, char **argv)
{
        return argc == 0 ? on_context(o, status, argv) : fail(o, EXIT_USAGE, "usage: rtcroomctl status");
}

static void add_attribute(const char *key, const char *value, void *user)
{
        add_text(user, key, value);
}

/* What the server has attached to somebody; nothing of one who left meanwhile. */
static void add_attached(struct json_object *j, struct rtcroom_context *c, const char *user_id)
{
        struct json_object *attributes = json_object_new_object();
        char *metadata = NULL;

        (void)rtcroom_context_get_metadata(c, user_id, &metadata);
        (void)rtcroom_context_get_attributes(c, user_id, add_attribute, attributes);
        add_text(j, "metadata", metadata ? metadata : "");
        json_object_object_add(j, "attributes", attributes);
        free(metadata);
}

static struct json_object *participant_json(struct rtcroom_context *c, const struct rtcroom_participant *p)
{
        struct json_object *j = json_object_new_object();

        add_text(j, "userId", p->user_id);
        add_flag(j, "self", p->self);
        add_flag(j, "speaking", p->speaking);
        add_flag(j, "audioPublished", p->audio_published);
        add_flag(j, "audioSubscribed", p->audio_subscribed);
        add_flag(j, "audioMuted", p->audio_muted);
        add_flag(j, "muted", p->muted);
        json_object_object_add(j, "level", json_object_new_double(p->level));
        json_object_object_add(j, "volume", json_object_new_double(p->volume));
        json_object_object_add(j, "quality", json_object_new_int64(p->quality));
        add_text(j, "nodeName", p->node_name);
        add_text(j, "encryption", p->encryption);
        add_text(j, "name", p->name);
        add_attached(j, c, p->user_id);
        json_object_object_add(j, "nodeSerial", json_object_new_int64((int64_t)p->node_serial));
        return j;
}

static int members(struct ctl *o, struct rtcroom_context *c, char **argv)
{
        struct rtcroom_participant *list;
        size_t n;
        int k = rtcroom_context_get_participants(c, &list, &n);

        (void)argv;
        if (k < 0)
                return k;
        for (size_t i = 0; i < n; i++) {
                const struct rtcroom_participant *p = &list[i];
                bool is_encrypted = p->encryption[0] && strcmp(p->encryption, "none") != 0;

                if (o->json)
                        print_json(participant_json(c, p));
                else
                        print_line(stdout, "%-24s %-8s %-9s %3.0f %%%s%s%s%s%s%s", p->user_id, p->self ? "you" : "",
                                   p->speaking ? "speaking" : "", 100 * p->volume, p->muted ? "  muted by you" : "",
                                   p->audio_muted ? "  muted" : "", is_encrypted ? "  encryption: " : "",
                                   is_encrypted ? p->encryption : "", p->name[0] ? "  " : "", p->name);
        }
        free(list);
        return 0;
}

int cmd_members(struct ctl *o, int argc, char **argv)
{
        return argc == 0 ? on_context(o, members, argv) : fail(o, EXIT_USAGE, "usage: rtcroomctl members");
}

static int mute(struct ctl *o, struct rtcroom_context *c, char **argv)
{
        (void)o;
        return argv[0] ? rtcroom_context_set_participant_muted(c, argv[0], true) : rtcroom_context_set_muted(c, true);
}

static int unmute(struct ctl *o, struct rtcroom_context *c, char **argv)
{
        (void)o;
        return argv[0] ? rtcroom_context_set_participant_muted(c, argv[0], false)
                       : rtcroom_context_set_muted(c, false);
}

int cmd_mute(struct ctl *o, int argc, char **argv)
{
        return argc <= 1 ? on_context(o, mute, argv) : fail(o, EXIT_USAGE, "usage: rtcroomctl mute [USER]");
}

int cmd_unmute(struct ctl *o, int argc, char **argv)
{
        return argc <= 1 ? on_context(o, unmute, argv) : fail(o, EXIT_USAGE, "usage: rtcroomctl unmute [USER]");
}

static int volume(struct ctl *o, struct rtcroom_context *c, char **argv)
{
        char *end;
        double percent = strtod(argv[1], &end);

        if (end == argv[1] || *end || !(percent >= 0 && percent <= 200))
                return fail(o, EXIT_USAGE, "a volume is 0 to 200 percent, not %s", argv[1]);
        return rtcroom_context_set_volume(c, argv[0], percent / 100);
}

int cmd_volume(struct ctl *o, int argc, char **argv)
{
        return argc == 2 ? on_context(o, volume, argv) : fail(o, EXIT_USAGE, "usage: rtcroomctl volume USER PERCENT");
}

/* ---- leave ---- */

struct leaving {
        const struct ctl *o;
        bool done, failed;
};

static void on_leave_failed(struct rtcroom_context *c, const struct rtcroom_error *e, void *user)
{
        struct leaving *l = user;

        (void)c;
        l->failed = true;
        (void)fail(l->o, EXIT_FAILED, "%s", e->err_msg);
}

static void on_leave_complete(struct rtcroom_context *c, void *user)
{
        (void)c;
        ((struct leaving *)user)->done = true;
}

int cmd_leave(struct ctl *o, int argc, char **argv)
{
        struct leaving l = { .o = o };
        const struct rtcroom_callbacks cb = { .fail = on_leave_failed, .complete = on_leave_complete, .user = &l };
        struct rtcroom_context *c;
        struct rtcroom *r;
        int k;

        (void)argv;
        if (argc != 0)
                return fail(o, EXIT_USAGE, "usage: rtcroomctl leave");
        k = open_room(o, &r, &c);
        if (k != 0)
                return k;
        k = rtcroom_exit(c, &cb);
        if (k >= 0)
                k = loop_until(r, &l.done, 5000000);
        if (k < 0)
                k = fail_errno(o, r, k);
        else
                k = l.done && !l.failed ? EXIT_OK : EXIT_FAILED;
        rtcroom_close(r);
        return k;
}

/* ---- stats ---- */

static void on_stat(const char *object, const char *name, double number, const char *text, void *user)
{
        const struct ctl *o = user;

        if (!o->json) {
                if (text)
                        print_line(stdout, "%-24s %-32s %s", object, name, text);
                else
                        print_line(stdout, "%-24s %-32s %.10g", object, name, number);
                return;
        }
        struct json_object *j = json_object_new_object();

        add_text(j, "object", object);
        add_text(j, "name", name);
        json_object_object_add(j, "value", text ? json_object_new_string(text) : json_object_new_double(number));
        print_json(j);
}

static int stats(struct ctl *o, struct rtcroom_context *c, char **argv)
{
        (void)argv;
        return rtcroom_context_get_stats(c, on_stat, o);
}

int cmd_stats(struct ctl *o, int argc, char **argv)
{
        return argc == 0 ? on_context(o, stats, argv) : fail(o, EXIT_USAGE, "usage: rtcroomctl stats");
}
