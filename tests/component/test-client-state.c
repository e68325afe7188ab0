/* test-client-state.c - librtcroom's blocking calls: making and attaching contexts, state, participants, statistics,
 * and what becomes of errors and of answers in another form.
 */
#include <errno.h>
#include <unistd.h>

#include "fakes/daemon-double.h"
#include "lib/test.h"
#include "rtcroom/rtcroom.h"

#define CONTEXT     DOUBLE_NAME ".Context"
#define VOICE       DOUBLE_NAME ".Voice"
#define PARTICIPANT DOUBLE_NAME ".Participant"

struct rig {
        struct daemon_double d;
        struct rtcroom *r;
};

static void rig_init(struct rig *g)
{
        *g = (struct rig){ .r = NULL };
        daemon_double_init(&g->d);
        ASSERT_OK(rtcroom_open(&g->r));
}

static void rig_done(struct rig *g)
{
        rtcroom_close(g->r);
        daemon_double_done(&g->d);
}

static struct rtcroom_context *create(struct rig *g)
{
        struct rtcroom_context *c = NULL;

        ASSERT_OK(rtcroom_create_context(g->r, "app", NULL, &c));
        return c;
}

/* ---- making ---- */

static int check_create(struct daemon_double *d, sd_bus_message *m)
{
        const char *key, *app, *server;

        if (sd_bus_message_is_method_call(m, DOUBLE_NAME ".Manager", "CreateRtcRoomContext") <= 0)
                return 0;
        ASSERT_STR(sd_bus_message_get_destination(m), DOUBLE_NAME); /* activates */
        ASSERT_OK(sd_bus_message_enter_container(m, 'a', "{sv}"));
        ASSERT_OK(sd_bus_message_read(m, "{sv}", &key, "s", &app));
        ASSERT_STR(key, "appId");
        ASSERT_STR(app, "app");
        ASSERT_OK(sd_bus_message_read(m, "{sv}", &key, "s", &server));
        ASSERT_STR(key, "server");
        ASSERT_STR(server, "janus+ws://host");
        return double_reply(d, m, "o", DOUBLE_ROOT "/context/4294967295");
}

TEST(create_passes_its_arguments)
{
        struct rig g;
        struct rtcroom_context *c;

        rig_init(&g);
        daemon_double_set_hook(&g.d, check_create);
        ASSERT_OK(rtcroom_create_context(g.r, "app", "janus+ws://host", &c));
        ASSERT_EQ(rtcroom_context_get_number(c), 4294967295);
        rig_done(&g);
}

static int error_in_arg(struct daemon_double *d, sd_bus_message *m)
{
        return double_error(d, m, d->hook_arg, "the words");
}

TEST(errors_have_their_errno)
{
        static const struct {
                const char *name;
                int err;
        } errors[] = {
                { DOUBLE_NAME ".Error.InvalidParams", -EINVAL },
                { DOUBLE_NAME ".Error.LimitsExceeded", -EDQUOT },
                { DOUBLE_NAME ".Error.AuthDenied", -EACCES },
                { SD_BUS_ERROR_ACCESS_DENIED, -EACCES },
                { SD_BUS_ERROR_UNKNOWN_OBJECT, -ENOENT },
                { SD_BUS_ERROR_SERVICE_UNKNOWN, -ENOENT },
                { SD_BUS_ERROR_NO_REPLY, -ETIMEDOUT },
                { SD_BUS_ERROR_NO_MEMORY, -EIO },
                { "a.b.Other", -EIO },
        };
        struct rig g;
        struct rtcroom_context *c = NULL;

        rig_init(&g);
        ASSERT_STR(rtcroom_last_error(g.r), "");
        for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
                daemon_double_set_hook_arg(&g.d, errors[i].name);
                daemon_double_set_hook(&g.d, error_in_arg);
                ASSERT_EQ(rtcroom_create_context(g.r, "app", NULL, &c), errors[i].err);
                ASSERT_STR(rtcroom_last_error(g.r), "the words");
                ASSERT_EQ(rtcroom_subscribe(g.r), errors[i].err);
        }
        ASSERT(!c);
        rig_done(&g);
}

static int path_in_arg(struct daemon_double *d, sd_bus_message *m)
{
        if (sd_bus_message_is_method_call(m, DOUBLE_NAME ".Manager", NULL) <= 0)
                return 0;
        return double_reply(d, m, "o", d->hook_arg);
}

TEST(paths_that_are_no_context)
{
        static const char *const paths[] = {
                "/",
                DOUBLE_ROOT,
                DOUBLE_ROOT "/context",
                DOUBLE_ROOT "/context/0",
                DOUBLE_ROOT "/context/4294967296",
                DOUBLE_ROOT "/context/99999999999999999999999",
                DOUBLE_ROOT "/context/one",
                DOUBLE_ROOT "/context/1/participant/1",
                DOUBLE_ROOT
                "/context/111111111111111111111111111111111111111111111111111111111111111111111111111111111",
        };
        struct rig g;
        struct rtcroom_context *c = NULL;

        rig_init(&g);
        daemon_double_set_hook(&g.d, path_in_arg);
        for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
                daemon_double_set_hook_arg(&g.d, paths[i]);
                ASSERT_EQ(rtcroom_create_context(g.r, "app", NULL, &c), -EIO);
                ASSERT_STR(rtcroom_last_error(g.r), "the daemon's answer has another form");
        }
        ASSERT(!c);
        daemon_double_set_hook(&g.d, NULL);
        daemon_double_set_hook_arg(&g.d, NULL);
        rig_done(&g);
}

/* ---- objects ---- */

struct person {
        const char *path, *user_id;
        double volume;
};

static void append_person(sd_bus_message *m, const struct person *p)
{
        ASSERT_OK(sd_bus_message_open_container(m, 'e', "oa{sa{sv}}"));
        ASSERT_OK(sd_bus_message_append(m, "o", p->path));
        ASSERT_OK(sd_bus_message_append(m, "a{sa{sv}}", 2, "org.freedesktop.DBus.Peer", 0, PARTICIPANT, 8, "UserId",
                                        "s", p->user_id, "Volume", "d", p->volume, "Self", "b", 1, "Quality", "u", 3u,
                                        "NodeSerial", "t", UINT64_C(99), "Muted", "s", "of another type", "Name", "s",
                                        "Somebody", "Later", "a{sv}", 0));
        ASSERT_OK(sd_bus_message_close_container(m));
}

static void append_context(sd_bus_message *m, const char *path, const char *state)
{
        ASSERT_OK(sd_bus_message_append(m, "{oa{sa{sv}}}", path, 1, CONTEXT, 2, "RoomId", "s", "r", "State", "s",
                                        state));
}

static int managed_objects(struct daemon_double *d, sd_bus_message *m)
{
        static const struct person people[] = {
                { DOUBLE_ROOT "/context/2/participant/10", "late", 2.0 },
                { DOUBLE_ROOT "/context/2/participant/9", "early", 0.5 },
                { DOUBLE_ROOT "/context/22/participant/1", "elsewhere", 1.0 },
        };
        sd_bus_message *reply;

        if (sd_bus_message_is_method_call(m, NULL, "GetManagedObjects") <= 0)
                return 0;
        ASSERT_OK(sd_bus_message_new_method_return(m, &reply));
        ASSERT_OK(sd_bus_message_set_sender(reply, DOUBLE_DAEMON));
        ASSERT_OK(sd_bus_message_open_container(reply, 'a', "{oa{sa{sv}}}"));
        append_context(reply, DOUBLE_ROOT "/context/1", "idle");
        append_context(reply, DOUBLE_ROOT "/context/3", "destroyed");
        append_context(reply, "/org/rtcroom/RtcRoom1/other/1", "joined");
        append_context(reply, DOUBLE_ROOT "/context/2", "joined");
        append_context(reply, DOUBLE_ROOT "/context/4", "joined");
        for (int i = 0; i < 3; i++)
                append_person(reply, &people[i]);
        ASSERT_OK(sd_bus_message_close_container(reply));
        double_send(d, reply);
        return 1;
}

TEST(attach_finds_the_room)
{
        struct rig g;
        struct rtcroom_context *c = NULL;

        rig_init(&g);
        daemon_double_set_hook(&g.d, managed_objects);
        ASSERT_OK(rtcroom_attach_context(g.r, 0, &c));
        ASSERT_EQ(rtcroom_context_get_number(c), 2);
        ASSERT_OK(rtcroom_attach_context(g.r, 3, &c));
        ASSERT_EQ(rtcroom_context_get_number(c), 3);
        ASSERT_EQ(rtcroom_attach_context(g.r, 5, &c), -ENOENT);
        ASSERT_STR(rtcroom_last_error(g.r), "there is no such context");
        rig_done(&g);
}

static int no_objects(struct daemon_double *d, sd_bus_message *m)
{
        return sd_bus_message_is_method_call(m, NULL, "GetManagedObjects") > 0 ? double_reply(d, m, "a{oa{sa{sv}}}", 0)
                                                                               : 0;
}

TEST(attach_finds_nothing)
{
        struct rig g;
        struct rtcroom_context *c = NULL;

        rig_init(&g);
        daemon_double_set_hook(&g.d, no_objects);
        ASSERT_EQ(rtcroom_attach_context(g.r, 0, &c), -ENOENT);
        ASSERT_STR(rtcroom_last_error(g.r), "there is no room");
        daemon_double_set_hook(&g.d, NULL); /* answers "u" */
        ASSERT_EQ(rtcroom_attach_context(g.r, 0, &c), -EIO);
        ASSERT(!c);
        rig_done(&g);
}

static struct rtcroom_context *attach(struct rig *g)
{
        struct rtcroom_context *c = NULL;

        daemon_double_set_hook(&g->d, managed_objects);
        ASSERT_OK(rtcroom_attach_context(g->r, 2, &c));
        return c;
}

TEST(participants_in_join_order)
{
        struct rig g;
        struct rtcroom_participant *list = NULL;
        struct rtcroom_context *c;
        size_t n = 0;

        rig_init(&g);
        c = attach(&g);
        ASSERT_OK(rtcroom_context_get_participants(c, &list, &n));
        ASSERT_EQ(n, 2);
        ASSERT_STR(list[0].user_id, "early");
        ASSERT_STR(list[1].user_id, "late");
        ASSERT_NEAR(list[0].volume, 0.5, 0);
        ASSERT(list[0].self);
        ASSERT_EQ(list[0].quality, 3);
        ASSERT_EQ(list[0].node_serial, 99);
        ASSERT(!list[0].muted);
        ASSERT_STR(list[0].node_name, "");
        ASSERT_STR(list[0].name, "Somebody");
        free(list);
        daemon_double_set_hook(&g.d, no_objects);
        ASSERT_OK(rtcroom_context_get_participants(c, &list, &n));
        ASSERT_EQ(n, 0);
        free(list);
        daemon_double_set_hook(&g.d, NULL);
        ASSERT_EQ(rtcroom_context_get_participants(c, &list, &n), -EIO);
        ASSERT_EQ(rtcroom_context_get_participants(NULL, &list, &n), -EINVAL);
        ASSERT_EQ(rtcroom_context_get_participants(c, NULL, &n), -EINVAL);
        ASSERT_EQ(rtcroom_context_get_participants(c, &list, NULL), -EINVAL);
        rig_done(&g);
}

static int details(struct daemon_double *d, sd_bus_message *m)
{
        const char *name;

        if (sd_bus_message_is_method_call(m, NULL, "Get") <= 0)
                return managed_objects(d, m);
        ASSERT_STR(sd_bus_message_get_path(m), DOUBLE_ROOT "/context/2/participant/9");
        ASSERT_GT(sd_bus_message_read(m, "ss", NULL, &name), 0);
        return strcmp(name, "Metadata") == 0 ? double_reply(d, m, "v", "s", "{}")
                                             : double_reply(d, m, "v", "a{ss}", 2, "a", "1", "b", "2");
}

static void add_attribute(const char *key, const char *value, void *user)
{
        char *text = user;

        (void)snprintf(text + strlen(text), 32 - strlen(text), "%s=%s;", key, value);
}

TEST(what_is_attached_to_somebody)
{
        char attributes[32] = "", *text = NULL;
        struct rtcroom_context *c;
        struct rig g;

        rig_init(&g);
        c = attach(&g);
        daemon_double_set_hook(&g.d, details);
        ASSERT_OK(rtcroom_context_get_metadata(c, "early", &text));
        ASSERT_STR(text, "{}");
        free(text);
        ASSERT_OK(rtcroom_context_get_attributes(c, "early", add_attribute, attributes));
        ASSERT_STR(attributes, "a=1;b=2;");
        ASSERT_EQ(rtcroom_context_get_metadata(c, "elsewhere", &text), -ENOENT);
        ASSERT_EQ(rtcroom_context_get_attributes(c, "elsewhere", add_attribute, attributes), -ENOENT);
        ASSERT_EQ(rtcroom_context_get_metadata(c, "early", NULL), -EINVAL);
        ASSERT_EQ(rtcroom_context_get_attributes(c, "early", NULL, NULL), -EINVAL);
        rig_done(&g);
}

/* Checks one Set; the expected path, interface and name are in the argument. */
struct wanted_set {
        const char *path, *interface, *name, *type;
};

static int check_set(struct daemon_double *d, sd_bus_message *m)
{
        const struct wanted_set *w = d->hook_arg;
        const char *interface, *name, *contents;

        if (sd_bus_message_is_method_call(m, NULL, "Set") <= 0)
                return managed_objects(d, m);
        ASSERT_STR(sd_bus_message_get_destination(m), DOUBLE_DAEMON);
        ASSERT_STR(sd_bus_message_get_path(m), w->path);
        ASSERT_OK(sd_bus_message_read(m, "ss", &interface, &name));
        ASSERT_STR(interface, w->interface);
        ASSERT_STR(name, w->name);
        ASSERT_OK(sd_bus_message_peek_type(m, NULL, &contents));
        ASSERT_STR(contents, w->type);
        d->requests++;
        return double_reply(d, m, "");
}

static int refuse_set(struct daemon_double *d, sd_bus_message *m)
{
        return sd_bus_message_is_method_call(m, NULL, "Set") > 0
                       ? double_error(d, m, SD_BUS_ERROR_INVALID_ARGS, "too loud")
                       : managed_objects(d, m);
}

TEST(setting)
{
        static const char two[] = DOUBLE_ROOT "/context/2", nine[] = DOUBLE_ROOT "/context/2/participant/9";
        struct rig g;
        struct rtcroom_context *c;

        rig_init(&g);
        c = attach(&g);
        daemon_double_set_hook(&g.d, check_set);
        daemon_double_set_hook_arg(&g.d, &(struct wanted_set){ two, VOICE, "Muted", "b" });
        ASSERT_OK(rtcroom_context_set_muted(c, true));
        daemon_double_set_hook_arg(&g.d, &(struct wanted_set){ two, VOICE, "Deafened", "b" });
        ASSERT_OK(rtcroom_context_set_deafened(c, false));
        daemon_double_set_hook_arg(&g.d, &(struct wanted_set){ nine, PARTICIPANT, "Volume", "d" });
        ASSERT_OK(rtcroom_context_set_volume(c, "early", 1.5));
        daemon_double_set_hook_arg(&g.d, &(struct wanted_set){ nine, PARTICIPANT, "Muted", "b" });
        ASSERT_OK(rtcroom_context_set_participant_muted(c, "early", true));
        ASSERT_EQ(rtcroom_context_set_volume(c, "elsewhere", 1), -ENOENT);
        ASSERT_STR(rtcroom_last_error(g.r), "nobody of that name is in the room");
        ASSERT_EQ(rtcroom_context_set_volume(c, "early", NAN), -EINVAL);
        ASSERT_EQ(rtcroom_context_set_volume(c, NULL, 1), -EINVAL);
        ASSERT_EQ(rtcroom_context_set_volume(NULL, "early", 1), -EINVAL);
        ASSERT_EQ(rtcroom_context_set_participant_muted(c, NULL, true), -EINVAL);
        ASSERT_EQ(rtcroom_context_set_muted(NULL, true), -EINVAL);
        ASSERT_EQ(rtcroom_context_set_deafened(NULL, true), -EINVAL);
        daemon_double_set_hook(&g.d, refuse_set);
        ASSERT_EQ(rtcroom_context_set_volume(c, "early", 5), -EINVAL);
        ASSERT_STR(rtcroom_last_error(g.r), "too loud");
        rig_done(&g);
}

static int check_key(struct daemon_double *d, sd_bus_message *m)
{
        bool start = sd_bus_message_is_method_call(m, VOICE, "StartTalking") > 0;

        if (!start && sd_bus_message_is_method_call(m, VOICE, "StopTalking") <= 0)
                return 0;
        (*(int *)d->hook_arg) += start ? 1 : -1;
        return double_reply(d, m, "");
}

TEST(pressing_and_releasing)
{
        static const char two[] = DOUBLE_ROOT "/context/2";
        struct rtcroom_context *c;
        int pressed = 0;
        struct rig g;

        rig_init(&g);
        c = attach(&g);
        daemon_double_set_hook(&g.d, check_key);
        daemon_double_set_hook_arg(&g.d, &pressed);
        ASSERT_OK(rtcroom_context_start_talking(c));
        ASSERT_EQ(pressed, 1);
        ASSERT_OK(rtcroom_context_stop_talking(c));
        ASSERT_EQ(pressed, 0);
        daemon_double_set_hook(&g.d, check_set);
        daemon_double_set_hook_arg(&g.d, &(struct wanted_set){ two, VOICE, "TransmitMode", "s" });
        ASSERT_OK(rtcroom_context_set_transmit_mode(c, "voice-activity"));
        ASSERT_EQ(rtcroom_context_set_transmit_mode(c, NULL), -EINVAL);
        ASSERT_EQ(rtcroom_context_start_talking(NULL), -EINVAL);
        ASSERT_EQ(rtcroom_context_stop_talking(NULL), -EINVAL);
        rig_done(&g);
}

/* ---- state ---- */

static int all_properties(struct daemon_double *d, sd_bus_message *m)
{
        const char *interface;

        if (sd_bus_message_is_method_call(m, NULL, "GetAll") <= 0)
                return 0;
        ASSERT_OK(sd_bus_message_read(m, "s", &interface));
        if (strcmp(interface, VOICE) == 0)
                return double_reply(d, m, "a{sv}", 4, "Muted", "b", 1, "Deafened", "b", 0, "TransmitMode", "s",
                                    "push-to-talk", "Talking", "b", 1);
        return double_reply(d, m, "a{sv}", 5, "AppId", "s", d->hook_arg, "TokenExpiresAt", "t", UINT64_C(1) << 40,
                            "State", "u", 7u, "Members", "as", 1, "alice", "AudioCapture", "b", 1);
}

TEST(state_is_bounded_and_tolerant)
{
        static char longest[600];
        struct rig g;
        struct rtcroom_context *c;
        struct rtcroom_state s;

        memset(longest, 'a', sizeof(longest) - 1);
        rig_init(&g);
        c = create(&g);
        daemon_double_set_hook_arg(&g.d, longest);
        daemon_double_set_hook(&g.d, all_properties);
        ASSERT_OK(rtcroom_context_get_state(c, &s));
        ASSERT_EQ(strlen(s.app_id), sizeof(s.app_id) - 1);
        ASSERT_EQ(s.token_expires_at, UINT64_C(1) << 40);
        ASSERT_STR(s.state, "");
        ASSERT(s.audio_capture && s.muted && !s.deafened && s.talking);
        ASSERT_STR(s.transmit_mode, "push-to-talk");
        ASSERT_EQ(rtcroom_context_get_state(NULL, &s), -EINVAL);
        ASSERT_EQ(rtcroom_context_get_state(c, NULL), -EINVAL);
        rig_done(&g);
}

/* ---- statistics ---- */

static void append_stats(sd_bus_message *m)
{
        ASSERT_OK(sd_bus_message_append(m, "{sv}", "outbound-rtp", "a{sv}", 3, "packetsSent", "t", UINT64_C(5), "mid",
                                        "s", "0", "odd", "ai", 1, 1));
        ASSERT_OK(sd_bus_message_append(m, "{sv}", "inbound-rtp", "aa{sv}", 2, 1, "jitter", "d", 0.5, 1, "fraction",
                                        "y", 3));
        ASSERT_OK(sd_bus_message_append(m, "{sv}", "signed", "a{sv}", 5, "n", "n", -1, "i", "i", -2, "x", "x",
                                        INT64_C(-3), "q", "q", 4, "b", "b", 1));
        ASSERT_OK(sd_bus_message_append(m, "{sv}", "u", "u", 6u));
}

static int stats(struct daemon_double *d, sd_bus_message *m)
{
        sd_bus_message *reply;

        if (sd_bus_message_is_method_call(m, VOICE, "GetStats") <= 0)
                return 0;
        ASSERT_OK(sd_bus_message_new_method_return(m, &reply));
        ASSERT_OK(sd_bus_message_set_sender(reply, DOUBLE_DAEMON));
        ASSERT_OK(sd_bus_message_open_container(reply, 'a', "{sv}"));
        append_stats(reply);
        ASSERT_OK(sd_bus_message_close_container(reply));
        double_send(d, reply);
        return 1;
}

static void collect(const char *object, const char *name, double number, const char *text, void *user)
{
        char *out = user;
        size_t at = strlen(out);

        snprintf(out + at, 512 - at, "%s/%s=%g%s%s ", object, name, number, text ? ":" : "", text ? text : "");
}

TEST(statistics_are_walked)
{
        struct rig g;
        struct rtcroom_context *c;
        char out[512] = "";

        rig_init(&g);
        c = create(&g);
        daemon_double_set_hook(&g.d, stats);
        ASSERT_OK(rtcroom_context_get_stats(c, collect, out));
        ASSERT_STR(out,
                   "outbound-rtp/packetsSent=5 outbound-rtp/mid=0:0 inbound-rtp.0/jitter=0.5 inbound-rtp.1/fraction=3 "
                   "signed/n=-1 signed/i=-2 signed/x=-3 signed/q=4 signed/b=1 /u=6 ");
        daemon_double_set_hook(&g.d, NULL);
        ASSERT_EQ(rtcroom_context_get_stats(c, collect, out), -EIO);
        ASSERT_EQ(rtcroom_context_get_stats(c, NULL, NULL), -EINVAL);
        ASSERT_EQ(rtcroom_context_get_stats(NULL, collect, out), -EINVAL);
        rig_done(&g);
}

/* Dictionaries in dictionaries: deeper than any daemon has them. */
static int deep_stats(struct daemon_double *d, sd_bus_message *m)
{
        return sd_bus_message_is_method_call(m, VOICE, "GetStats") > 0
                       ? double_reply(d, m, "a{sv}", 1, "1", "a{sv}", 1, "2", "a{sv}", 1, "3", "a{sv}", 1, "4",
                                      "a{sv}", 1, "5", "a{sv}", 1, "6", "a{sv}", 0)
                       : 0;
}

TEST(deep_statistics_are_refused)
{
        struct rig g;
        char out[512] = "";

        rig_init(&g);
        daemon_double_set_hook(&g.d, deep_stats);
        ASSERT_EQ(rtcroom_context_get_stats(create(&g), collect, out), -EIO);
        rig_done(&g);
}

/* ---- memory ---- */

static int attach_and_look(struct rtcroom **r)
{
        struct rtcroom_participant *list = NULL;
        struct rtcroom_context *c;
        size_t n;
        int k = rtcroom_open(r);

        if (k >= 0)
                k = rtcroom_attach_context(*r, 2, &c);
        if (k >= 0)
                k = rtcroom_context_get_participants(c, &list, &n);
        free(list);
        return k;
}

TEST_OOM(memory_runs_out)
{
        struct rig g = { .r = NULL };
        int k;

        daemon_double_init(&g.d);
        daemon_double_set_hook(&g.d, managed_objects);
        k = attach_and_look(&g.r);
        rig_done(&g);
        return k;
}

/* ---- levels: what is in them is test-level-ring's ---- */

static int levels_in_arg(struct daemon_double *d, sd_bus_message *m)
{
        const char *what = d->hook_arg;
        int fds[2], k;

        if (sd_bus_message_is_method_call(m, VOICE, "OpenLevels") <= 0)
                return 0;
        if (strcmp(what, "text") == 0)
                return double_reply(d, m, "s", "x");
        if (strcmp(what, "none") == 0)
                return double_error(d, m, SD_BUS_ERROR_UNKNOWN_METHOD, "an old daemon");
        ASSERT_EQ(pipe(fds), 0);
        k = double_reply(d, m, "h", fds[0]);
        close(fds[0]);
        close(fds[1]);
        return k;
}

TEST(levels_of_another_form)
{
        static const struct {
                const char *what;
                int err;
        } cases[] = { { "text", -EIO }, { "none", -ENOENT }, { "pipe", -EIO } };
        struct rtcroom_levels *l = NULL;
        struct rtcroom_levels_now now;
        struct rtcroom_context *c;
        struct rig g;

        rig_init(&g);
        c = create(&g);
        daemon_double_set_hook(&g.d, levels_in_arg);
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                daemon_double_set_hook_arg(&g.d, cases[i].what);
                ASSERT_EQ(rtcroom_context_open_levels(c, &l), cases[i].err);
                ASSERT_NE(rtcroom_last_error(g.r)[0], '\0');
        }
        ASSERT(!l);
        ASSERT_EQ(rtcroom_levels_read(NULL, &now), -EINVAL);
        ASSERT(!rtcroom_levels_close(NULL));
        rig_done(&g);
}
