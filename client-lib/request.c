/* request.c - operations: one message out, a number back, then exactly one outcome. See rtcroom.h.
 *
 * A request stands in its context's list, oldest first, from the call to its outcome. The daemon answers with the
 * number before it sends Completed; a D-Bus error instead of a number becomes an outcome too, so that `complete`
 * always comes. Only freeing the context keeps a request silent: its callbacks' `user` may be gone by then.
 */
#include "internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CODE_DESTROYED = 115910, CODE_FRAMEWORK_OLD = 21102, CODE_FRAMEWORK = 115903 };
#define TEXT_DESTROYED "engine has been destroyed,please invoke tt.createRtcRoomContext create new engine"
#define TEXT_GARBLED   "the daemon's answer has another form"

static struct request *request_free(struct request *q)
{
        sd_bus_slot_unref(q->slot);
        free(q);
        return NULL;
}

static void request_unlink(struct request *q)
{
        struct request **at = &q->context->requests;

        while (*at != q)
                at = &(*at)->next;
        *at = q->next;
}

/* The only place that calls back; silent for a freed context. Takes the request, which is no longer in the list. */
static void request_finish(struct request *q, const struct rtcroom_error *e)
{
        struct rtcroom_context *c = context_ref(q->context);

        if (!c->freed && e->err_no == 0 && q->cb.success)
                q->cb.success(c, e->err_msg, q->cb.user);
        else if (!c->freed && e->err_no != 0 && q->cb.fail)
                q->cb.fail(c, e, q->cb.user);
        if (!c->freed && q->cb.complete)
                q->cb.complete(c, q->cb.user);
        request_free(q);
        context_unref(c);
}

static void finish_destroyed(struct request *q)
{
        char text[160];

        snprintf(text, sizeof(text), "%s:fail " TEXT_DESTROYED, q->api);
        request_finish(q, &(struct rtcroom_error){ CODE_DESTROYED, CODE_DESTROYED, "D", text });
}

static void finish_failed(struct request *q, const char *detail)
{
        char text[512];

        snprintf(text, sizeof(text), "%s:fail %s", q->api, detail);
        request_finish(q, &(struct rtcroom_error){ CODE_FRAMEWORK_OLD, CODE_FRAMEWORK, "F", text });
}

/* A callback may start the next operation: only those under way now are ended. */
void request_fail_all(struct rtcroom_context *c)
{
        struct request *list = c->requests;

        context_ref(c);
        c->requests = NULL;
        while (list) {
                struct request *q = list;

                list = q->next;
                finish_destroyed(q);
        }
        context_unref(c);
}

void request_drop_all(struct rtcroom_context *c)
{
        while (c->requests) {
                struct request *q = c->requests;

                request_unlink(q);
                request_free(q);
        }
}

static struct request *request_find(struct rtcroom_context *c, uint32_t number)
{
        struct request *q = c->requests;

        while (q && (q->number == 0 || q->number != number))
                q = q->next;
        return q;
}

/* A number that is not ours is another program's request. */
void request_on_completed(struct rtcroom_context *c, sd_bus_message *m)
{
        struct rtcroom_error e;
        struct request *q;
        uint32_t number;
        const char *api;

        if (sd_bus_message_read(m, "u", &number) < 0 || !(q = request_find(c, number)))
                return;
        request_unlink(q);
        if (sd_bus_message_read(m, "siiss", &api, &e.err_no, &e.error_code, &e.error_type, &e.err_msg) < 0)
                finish_failed(q, TEXT_GARBLED);
        else
                request_finish(q, &e);
}

/* Errors that say: there is no such context any more, or not the daemon that had it. */
static bool is_gone(const sd_bus_error *e)
{
        static const char *const names[] = { SD_BUS_ERROR_UNKNOWN_OBJECT, SD_BUS_ERROR_SERVICE_UNKNOWN,
                                             SD_BUS_ERROR_NAME_HAS_NO_OWNER, SD_BUS_ERROR_DISCONNECTED };

        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
                if (sd_bus_error_has_name(e, names[i]))
                        return true;
        return false;
}

static int on_reply(sd_bus_message *m, void *ctx, sd_bus_error *error)
{
        struct request *q = ctx;
        const sd_bus_error *e = sd_bus_message_get_error(m);

        (void)error;
        if (!e && sd_bus_message_read(m, "u", &q->number) >= 0 && q->number != 0)
                return 0;
        request_unlink(q);
        if (e && is_gone(e))
                finish_destroyed(q);
        else
                finish_failed(q, !e ? TEXT_GARBLED : e->message ? e->message : e->name);
        return 0;
}

static int begin_on(struct rtcroom_context *c, const char *iface, const char *member, sd_bus_message **ret)
{
        int k;

        if (!c || c->freed)
                return -EINVAL;
        k = sd_bus_message_new_method_call(c->r->bus, ret, c->owner, c->path, iface, member);
        return k < 0 ? fail_with_errno(c->r, k) : 0;
}

/* Starts a call; the caller appends the a{sv} and sends it. member "JoinRtcRoom" → api "joinRtcRoom". */
static int request_begin(struct rtcroom_context *c, const char *member, sd_bus_message **ret)
{
        return begin_on(c, IFACE("Context"), member, ret);
}

/* Takes the message. */
static int request_send(struct rtcroom_context *c, sd_bus_message *m, int k, const struct rtcroom_callbacks *cb)
{
        struct request *q = k >= 0 ? calloc(1, sizeof(*q)) : NULL;
        struct request **end = &c->requests;

        if (k >= 0 && !q)
                k = -ENOMEM;
        if (k >= 0) {
                q->context = c;
                if (cb)
                        q->cb = *cb;
                snprintf(q->api, sizeof(q->api), "%s", sd_bus_message_get_member(m));
                q->api[0] = (char)(q->api[0] - 'A' + 'a');
                k = sd_bus_call_async(c->r->bus, &q->slot, m, on_reply, q, 0);
        }
        sd_bus_message_unref(m);
        if (k < 0) {
                free(q);
                return fail_with_errno(c->r, k);
        }
        while (*end)
                end = &(*end)->next;
        *end = q;
        return 0;
}

static const char *stream_name(int streams)
{
        switch (streams) {
        case RTCROOM_AUDIO: return "audio";
        case RTCROOM_VIDEO: return "video";
        case RTCROOM_BOTH: return "both";
        default: return NULL;
        }
}

int rtcroom_join_encrypted(struct rtcroom_context *c, const char *room_id, const char *user_id, const char *token,
                           const char *e2ee_key, unsigned flags, const struct rtcroom_callbacks *cb)
{
        sd_bus_message *m;
        int k;

        if (!room_id || !user_id || !token || flags & ~3u)
                return -EINVAL;
        k = request_begin(c, "JoinRtcRoom", &m);
        if (k < 0)
                return k;
        (void)sd_bus_message_sensitive(m); /* wiped once it is sent */
        k = sd_bus_message_open_container(m, 'a', "{sv}");
        if (k >= 0)
                k = sd_bus_message_append(m, "{sv}{sv}{sv}{sv}", "roomId", "s", room_id, "userId", "s", user_id,
                                          "token", "s", token, "roomConfig", "a{sv}", 2, "autoPublish", "b",
                                          !(flags & RTCROOM_JOIN_NO_PUBLISH), "autoSubscribe", "b",
                                          !(flags & RTCROOM_JOIN_NO_SUBSCRIBE));
        if (k >= 0 && e2ee_key)
                k = sd_bus_message_append(m, "{sv}", "e2eeKey", "s", e2ee_key);
        if (k >= 0)
                k = sd_bus_message_close_container(m);
        return request_send(c, m, k, cb);
}

int rtcroom_join(struct rtcroom_context *c, const char *room_id, const char *user_id, const char *token,
                 unsigned flags, const struct rtcroom_callbacks *cb)
{
        return rtcroom_join_encrypted(c, room_id, user_id, token, NULL, flags, cb);
}

int rtcroom_exit(struct rtcroom_context *c, const struct rtcroom_callbacks *cb)
{
        sd_bus_message *m;
        int k = request_begin(c, "ExitRtcRoom", &m);

        return k < 0 ? k : request_send(c, m, sd_bus_message_append(m, "a{sv}", 0), cb);
}

static int send_number(struct rtcroom_context *c, const char *member, const char *key, int number,
                       const struct rtcroom_callbacks *cb)
{
        sd_bus_message *m;
        int k = request_begin(c, member, &m);

        return k < 0 ? k : request_send(c, m, sd_bus_message_append(m, "a{sv}", 1, key, "i", number), cb);
}

static int send_text(struct rtcroom_context *c, const char *member, const char *key, const char *text,
                     const struct rtcroom_callbacks *cb)
{
        sd_bus_message *m;
        int k;

        if (!text)
                return -EINVAL;
        k = request_begin(c, member, &m);
        return k < 0 ? k : request_send(c, m, sd_bus_message_append(m, "a{sv}", 1, key, "s", text), cb);
}

int rtcroom_change_audio_capture(struct rtcroom_context *c, bool on, const struct rtcroom_callbacks *cb)
{
        return send_number(c, "ChangeAudioCapture", "state", on, cb);
}

int rtcroom_change_video_capture(struct rtcroom_context *c, bool on, const struct rtcroom_callbacks *cb)
{
        return send_number(c, "ChangeVideoCapture", "state", on, cb);
}

int rtcroom_change_ans_mode(struct rtcroom_context *c, int mode, const struct rtcroom_callbacks *cb)
{
        return send_number(c, "ChangeAnsMode", "mode", mode, cb);
}

int rtcroom_set_audio_playback_device(struct rtcroom_context *c, const char *device,
                                      const struct rtcroom_callbacks *cb)
{
        return send_text(c, "SetAudioPlaybackDevice", "device", device, cb);
}

int rtcroom_switch_camera(struct rtcroom_context *c, const char *camera, const struct rtcroom_callbacks *cb)
{
        return send_text(c, "SwitchCamera", "camera", camera, cb);
}

int rtcroom_set_video_encoder_config(struct rtcroom_context *c, int width, int height, int frame_rate,
                                     const struct rtcroom_callbacks *cb)
{
        sd_bus_message *m;
        int k = request_begin(c, "SetVideoEncoderConfig", &m);

        if (k < 0)
                return k;
        k = sd_bus_message_append(m, "a{sv}", 1, "maxSolution", "a{sv}", 3, "width", "i", width, "height", "i", height,
                                  "frameRate", "i", frame_rate);
        return request_send(c, m, k, cb);
}

int rtcroom_change_user_visibility(struct rtcroom_context *c, bool visible, const struct rtcroom_callbacks *cb)
{
        sd_bus_message *m;
        int k = request_begin(c, "ChangeUserVisibility", &m);

        return k < 0 ? k : request_send(c, m, sd_bus_message_append(m, "a{sv}", 1, "visible", "b", visible), cb);
}

int rtcroom_change_stream_publish_state(struct rtcroom_context *c, bool on, int streams,
                                        const struct rtcroom_callbacks *cb)
{
        const char *type = stream_name(streams);
        sd_bus_message *m;
        int k;

        if (!type)
                return -EINVAL;
        k = request_begin(c, "ChangeStreamPublishState", &m);
        if (k < 0)
                return k;
        k = sd_bus_message_append(m, "a{sv}", 2, "state", "i", on, "streamType", "s", type);
        return request_send(c, m, k, cb);
}

static int subscribe(struct rtcroom_context *c, const char *member, bool on, const char *user_id, int streams,
                     const struct rtcroom_callbacks *cb)
{
        const char *type = stream_name(streams);
        sd_bus_message *m;
        int k;

        if (!type || !user_id)
                return -EINVAL;
        k = request_begin(c, member, &m);
        if (k < 0)
                return k;
        k = sd_bus_message_append(m, "a{sv}", 3, "state", "i", on, "userId", "s", user_id, "streamType", "s", type);
        return request_send(c, m, k, cb);
}

int rtcroom_change_stream_subscribe_state(struct rtcroom_context *c, bool on, const char *user_id, int streams,
                                          const struct rtcroom_callbacks *cb)
{
        return subscribe(c, "ChangeStreamSubscribeState", on, user_id, streams, cb);
}

int rtcroom_change_screen_subscribe_state(struct rtcroom_context *c, bool on, const char *user_id, int streams,
                                          const struct rtcroom_callbacks *cb)
{
        return subscribe(c, "ChangeScreenSubscribeState", on, user_id, streams, cb);
}

int rtcroom_update_token(struct rtcroom_context *c, const char *token, const struct rtcroom_callbacks *cb)
{
        return send_text(c, "UpdateToken", "token", token, cb);
}

static int append_bytes(sd_bus_message *m, const void *data, size_t len)
{
        int k = sd_bus_message_open_container(m, 'e', "sv");

        if (k >= 0)
                k = sd_bus_message_append(m, "s", "data");
        if (k >= 0)
                k = sd_bus_message_open_container(m, 'v', "ay");
        if (k >= 0)
                k = sd_bus_message_append_array(m, 'y', data, len);
        if (k >= 0)
                k = sd_bus_message_close_container(m);
        return k < 0 ? k : sd_bus_message_close_container(m);
}

static int append_destinations(sd_bus_message *m, const char *const *destinations)
{
        int k = sd_bus_message_open_container(m, 'e', "sv");

        if (k >= 0)
                k = sd_bus_message_append(m, "s", "destinations");
        if (k >= 0)
                k = sd_bus_message_open_container(m, 'v', "as");
        if (k >= 0)
                k = sd_bus_message_append_strv(m, (char **)destinations);
        if (k >= 0)
                k = sd_bus_message_close_container(m);
        return k < 0 ? k : sd_bus_message_close_container(m);
}

static int append_message(sd_bus_message *m, const struct rtcroom_message *said)
{
        int k = sd_bus_message_open_container(m, 'a', "{sv}");

        if (k >= 0 && said->text)
                k = sd_bus_message_append(m, "{sv}", "text", "s", said->text);
        else if (k >= 0)
                k = append_bytes(m, said->data, said->len);
        if (k >= 0 && said->topic)
                k = sd_bus_message_append(m, "{sv}", "topic", "s", said->topic);
        if (k >= 0 && !said->text)
                k = sd_bus_message_append(m, "{sv}", "reliable", "b", said->reliable);
        if (k >= 0 && said->destinations)
                k = append_destinations(m, said->destinations);
        return k < 0 ? k : sd_bus_message_close_container(m);
}

int rtcroom_send_message(struct rtcroom_context *c, const struct rtcroom_message *m,
                         const struct rtcroom_callbacks *cb)
{
        sd_bus_message *call;
        int k;

        if (!m || (m->text && m->data) || (!m->text && !m->data && m->len > 0))
                return -EINVAL;
        k = begin_on(c, IFACE("Voice"), "SendMessage", &call);
        return k < 0 ? k : request_send(c, call, append_message(call, m), cb);
}
