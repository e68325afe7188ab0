/* bus-signals.c - the manager's events as signals, each to those who may hear it.
 *
 * sd_bus_emit_*() broadcasts, which the contract forbids for everything about contexts: every signal is built by hand,
 * once, and sent by unicast to its first receiver (the owner; of Completed, whoever made the request) and to every
 * subscriber that is not the same. The one broadcast is the Manager's PropertiesChanged, which names the room's
 * properties but does not carry them.
 *
 * A signal that cannot be built or sent (no memory, connection closed) is dropped with a log line: the properties
 * still tell the truth. Control thread.
 */
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "bus/bus-internal.h"

LOG_TOPIC("bus/bus-signals");

static void report(int r, const char *what)
{
        if (r < 0 && r != -ENOTCONN && r != -ECONNRESET)
                log_every_second(LOG_LEVEL_WARNING, "%s not sent: %s", what, strerror(-r));
}

/* One more of the same signal; the template must have been sealed (sent). */
static int send_copy(struct bus_server *s, sd_bus_message *template, const char *to)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r = sd_bus_message_rewind(template, true);

        if (r < 0)
                return r;
        r = sd_bus_message_new_signal(s->bus, &m, sd_bus_message_get_path(template),
                                      sd_bus_message_get_interface(template), sd_bus_message_get_member(template));
        if (r < 0)
                return r;
        r = sd_bus_message_copy(m, template, true);
        return r < 0 ? r : sd_bus_send_to(s->bus, m, to, NULL);
}

/* To `first` and the subscribers. */
static void send_private(struct bus_server *s, sd_bus_message *m, const char *first)
{
        int r = sd_bus_send_to(s->bus, m, first, NULL);

        report(r, sd_bus_message_get_member(m));
        if (r < 0)
                return;
        for (const char *to = NULL; (to = bus_callers_next_subscriber(s->callers, to));)
                if (strcmp(to, first) != 0)
                        report(send_copy(s, m, to), sd_bus_message_get_member(m));
        bus_loop_rearm(s->bus_loop);
}

static int new_signal(struct bus_server *s, const struct bus_object *o, const char *interface, const char *member,
                      sd_bus_message **ret)
{
        struct bus_path path;

        bus_object_path(o, &path);
        return sd_bus_message_new_signal(s->bus, ret, path.text, interface, member);
}

/* Sends what was built, or tells why it was not. */
static void finish(struct bus_server *s, sd_bus_message *m, int r, const char *first, const char *member)
{
        report(r, member);
        if (r >= 0)
                send_private(s, m, first);
}

static void on_completed(struct context *c, const char *requester, uint32_t request, enum api api,
                         const struct result *res, void *ctx)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        struct bus_object o = { .context = c };
        struct bus_server *s = ctx;
        int r = new_signal(s, &o, BUS_INTERFACE_CONTEXT, "Completed", &m);

        if (r >= 0)
                r = sd_bus_message_append(m, "usiiss", request, api_to_string(api), res->err_no, res->error_code,
                                          res->error_type, res->err_msg);
        finish(s, m, r, requester, "Completed");
}

static void on_list_changed(struct context *c, enum context_list which, void *ctx)
{
        static const char *const members[_LIST_MAX] = {
                [LIST_MEMBERS] = "RtcChatMembersChanged",
                [LIST_SPEAKERS] = "RtcChatSpeakersChanged",
                [LIST_VIDEO_MEMBERS] = "RtcVideoMembersChanged",
                [LIST_SCREEN_MEMBERS] = "RtcPublishScreenMembersChanged",
        };
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        const char *const *list = context_list(c, which);
        struct bus_object o = { .context = c };
        struct bus_server *s = ctx;
        int r = new_signal(s, &o, BUS_INTERFACE_CONTEXT, members[which], &m);

        if (r >= 0)
                r = bus_get_strings(NULL, NULL, NULL, NULL, m, &list, NULL);
        finish(s, m, r, context_owner(c), members[which]);
}

static int append_state_data(sd_bus_message *m, const struct state_data *data)
{
        if (data->user_id[0])
                return sd_bus_message_append(m, "a{sv}", 1, "userId", "s", data->user_id);
        if (!data->has_join)
                return sd_bus_message_append(m, "a{sv}", 0);
        return sd_bus_message_append(m, "a{sv}", 2, "elapsed", "u", data->elapsed_ms, "joinType", "u",
                                     data->join_type);
}

static void on_state_changed(struct context *c, int err_no, const char *err_msg, const struct state_data *data,
                             void *ctx)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        struct bus_object o = { .context = c };
        struct bus_server *s = ctx;
        int r = new_signal(s, &o, BUS_INTERFACE_CONTEXT, "RtcStateChanged", &m);

        if (r >= 0)
                r = sd_bus_message_append(m, "is", err_no, err_msg);
        if (r >= 0)
                r = append_state_data(m, data);
        finish(s, m, r, context_owner(c), "RtcStateChanged");
}

static void on_interrupted(struct context *c, int err_no, const char *err_msg, void *ctx)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        struct bus_object o = { .context = c };
        struct bus_server *s = ctx;
        int r = new_signal(s, &o, BUS_INTERFACE_CONTEXT, "RtcChatInterrupted", &m);

        if (r >= 0)
                r = sd_bus_message_append(m, "is", err_no, err_msg);
        finish(s, m, r, context_owner(c), "RtcChatInterrupted");
}

static void on_token_will_expire(struct context *c, void *ctx)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        struct bus_object o = { .context = c };
        struct bus_server *s = ctx;
        int r = new_signal(s, &o, BUS_INTERFACE_CONTEXT, "RoomTokenWillExpire", &m);

        finish(s, m, r, context_owner(c), "RoomTokenWillExpire");
}

/* ---- standard interfaces ---- */

static void send_changed(struct bus_server *s, struct bus_object *o, const struct bus_face *f, uint32_t mask)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r;

        if (!bus_face_has(f, mask))
                return;
        r = new_signal(s, o, "org.freedesktop.DBus.Properties", "PropertiesChanged", &m);
        if (r >= 0)
                r = sd_bus_message_append(m, "s", f->interface);
        if (r >= 0)
                r = bus_face_append_changed(f, m, o, mask);
        if (r >= 0)
                r = sd_bus_message_append(m, "as", 0);
        finish(s, m, r, context_owner(o->context), "PropertiesChanged");
}

static int append_quality(sd_bus_message *m, const struct participant *p)
{
        const struct quality_record *q = participant_quality(p);
        struct participant_view v;

        participant_get(p, &v);
        return sd_bus_message_append(m, "a{sv}", 6, "userId", "s", v.user_id, "lossRate", "d", q->loss_rate, "rtt",
                                     "u", q->rtt_ms, "bitrate", "u", q->bitrate, "txQuality", "u", q->tx, "rxQuality",
                                     "u", q->rx);
}

/* Oneself, or everybody else. */
static int append_qualities(sd_bus_message *m, struct context *c, bool self)
{
        struct participant_view v;
        int r = 0;

        for (struct participant *p = context_first_participant(c); r >= 0 && p; p = participant_next(p)) {
                participant_get(p, &v);
                if (v.self == self && (self || v.audio_subscribed))
                        r = append_quality(m, p);
        }
        return r;
}

static void on_network_quality(struct context *c, void *ctx)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        struct bus_object o = { .context = c };
        struct bus_server *s = ctx;
        int r = new_signal(s, &o, BUS_INTERFACE_CONTEXT, "NetworkQuality", &m);

        if (r >= 0)
                r = append_qualities(m, c, true);
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "a{sv}");
        if (r >= 0)
                r = append_qualities(m, c, false);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        finish(s, m, r, context_owner(c), "NetworkQuality");
}

static int append_bytes(sd_bus_message *m, const char *key, const void *bytes, size_t n)
{
        int r = sd_bus_message_open_container(m, 'e', "sv");

        if (r >= 0)
                r = sd_bus_message_append(m, "s", key);
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'v', "ay");
        if (r >= 0)
                r = sd_bus_message_append_array(m, 'y', bytes, n);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_destinations(sd_bus_message *m, const struct engine_message *em)
{
        int r = sd_bus_message_open_container(m, 'e', "sv");

        if (r >= 0)
                r = sd_bus_message_append(m, "s", "destinations");
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'v', "as");
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "s");
        for (size_t i = 0; r >= 0 && i < em->n_destinations; i++)
                r = sd_bus_message_append(m, "s", em->destinations[i]);
        for (unsigned i = 0; r >= 0 && i < 3; i++)
                r = sd_bus_message_close_container(m);
        return r;
}

static int append_message(sd_bus_message *m, const struct engine_message *em)
{
        int r = sd_bus_message_open_container(m, 'a', "{sv}");

        if (r >= 0)
                r = sd_bus_message_append(m, "{sv}{sv}{sv}", "userId", "s", em->user_id ? em->user_id : "", "topic",
                                          "s", em->topic, "reliable", "b", (int)em->reliable);
        if (r >= 0 && em->text)
                r = sd_bus_message_append(m, "{sv}", "text", "s", em->data);
        else if (r >= 0)
                r = append_bytes(m, "data", em->data, em->len);
        if (r >= 0 && em->n_destinations > 0)
                r = append_destinations(m, em);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static void on_message(struct context *c, const struct engine_message *em, void *ctx)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        struct bus_object o = { .context = c };
        struct bus_server *s = ctx;
        int r = new_signal(s, &o, BUS_INTERFACE_VOICE, "MessageReceived", &m);

        if (r >= 0)
                r = append_message(m, em);
        finish(s, m, r, context_owner(c), "MessageReceived");
}

static void on_context_properties(struct context *c, uint32_t mask, void *ctx)
{
        struct bus_server *s = ctx;
        struct bus_object o;

        bus_object_of_context(s, c, &o);
        send_changed(s, &o, &bus_context_face, mask);
        send_changed(s, &o, &bus_voice_face, mask);
}

static void on_participant_properties(struct participant *p, uint32_t mask, void *ctx)
{
        struct bus_server *s = ctx;
        struct bus_object o;

        bus_object_of_participant(s, p, &o);
        send_changed(s, &o, &bus_participant_face, mask);
}

/* InterfacesAdded or InterfacesRemoved, from the root. */
static void send_coming_or_going(struct bus_server *s, struct bus_object *o, bool coming)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        const char *member = coming ? "InterfacesAdded" : "InterfacesRemoved";
        struct bus_path path;
        int r = sd_bus_message_new_signal(s->bus, &m, BUS_ROOT, "org.freedesktop.DBus.ObjectManager", member);

        bus_object_path(o, &path);
        if (r >= 0)
                r = sd_bus_message_append(m, "o", path.text);
        if (r >= 0)
                r = coming ? bus_object_append_interfaces(m, o) : bus_object_append_interface_names(m, o);
        finish(s, m, r, context_owner(o->context), member);
}

static void on_context_added(struct context *c, void *ctx)
{
        struct bus_object o;

        bus_object_of_context(ctx, c, &o);
        send_coming_or_going(ctx, &o, true);
}

static void on_context_removed(struct context *c, void *ctx)
{
        struct bus_object o = { .context = c };

        send_coming_or_going(ctx, &o, false);
}

static void on_participant_added(struct participant *p, void *ctx)
{
        struct bus_object o;

        bus_object_of_participant(ctx, p, &o);
        send_coming_or_going(ctx, &o, true);
}

static void on_participant_removed(struct participant *p, void *ctx)
{
        struct bus_object o = { .context = participant_context(p), .participant = p };

        send_coming_or_going(ctx, &o, false);
}

static void on_room_changed(void *ctx)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        struct bus_server *s = ctx;
        struct bus_object o;
        int r;

        bus_object_of_root(s, &o);
        r = new_signal(s, &o, "org.freedesktop.DBus.Properties", "PropertiesChanged", &m);
        if (r >= 0)
                r = sd_bus_message_append(m, "sa{sv}as", BUS_INTERFACE_MANAGER, 1, "InRoom", "b", (int)o.in_room, 2,
                                          "RoomId", "UserId");
        if (r >= 0)
                r = sd_bus_send(s->bus, m, NULL);
        report(r, "PropertiesChanged");
        bus_loop_rearm(s->bus_loop);
        if (s->env.room_changed)
                s->env.room_changed(s->env.ctx);
}

/* Nobody owns the root: to subscribers alone. */
static void on_consent_changed(void *ctx)
{
        struct bus_server *s = ctx;
        struct bus_object o;

        bus_object_of_root(s, &o);
        for (const char *to = NULL; (to = bus_callers_next_subscriber(s->callers, to));) {
                _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
                int r = new_signal(s, &o, "org.freedesktop.DBus.Properties", "PropertiesChanged", &m);

                if (r >= 0)
                        r = sd_bus_message_append(m, "s", BUS_INTERFACE_CONSENT);
                if (r >= 0)
                        r = bus_face_append_changed(&bus_consent_face, m, &o, 1);
                if (r >= 0)
                        r = sd_bus_message_append(m, "as", 0);
                if (r >= 0)
                        r = sd_bus_send_to(s->bus, m, to, NULL);
                report(r, "PropertiesChanged");
        }
        bus_loop_rearm(s->bus_loop);
}

static void on_stopped(void *ctx)
{
        struct bus_server *s = ctx;

        s->env.stopped(s->env.ctx);
}

const struct manager_events bus_server_manager_events = {
        .version = 0,
        .completed = on_completed,
        .list_changed = on_list_changed,
        .state_changed = on_state_changed,
        .interrupted = on_interrupted,
        .token_will_expire = on_token_will_expire,
        .message = on_message,
        .network_quality = on_network_quality,
        .context_properties = on_context_properties,
        .context_added = on_context_added,
        .context_removed = on_context_removed,
        .participant_added = on_participant_added,
        .participant_removed = on_participant_removed,
        .participant_properties = on_participant_properties,
        .room_changed = on_room_changed,
        .consent_changed = on_consent_changed,
        .stopped = on_stopped,
};
