/* result.c - see result.h. Two tables: the outcomes with both code schemes, and what engines give as reasons. */
#include "app/result.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/utf8.h"

static const struct {
        const char *name, *member;
} apis[_API_MAX] = {
        [API_CREATE] = { "createRtcRoomContext", "CreateRtcRoomContext" },
        [API_JOIN] = { "joinRtcRoom", "JoinRtcRoom" },
        [API_EXIT] = { "exitRtcRoom", "ExitRtcRoom" },
        [API_CHANGE_AUDIO_CAPTURE] = { "changeAudioCapture", "ChangeAudioCapture" },
        [API_CHANGE_USER_VISIBILITY] = { "changeUserVisibility", "ChangeUserVisibility" },
        [API_CHANGE_STREAM_PUBLISH_STATE] = { "changeStreamPublishState", "ChangeStreamPublishState" },
        [API_CHANGE_STREAM_SUBSCRIBE_STATE] = { "changeStreamSubscribeState", "ChangeStreamSubscribeState" },
        [API_CHANGE_SCREEN_SUBSCRIBE_STATE] = { "changeScreenSubscribeState", "ChangeScreenSubscribeState" },
        [API_UPDATE_TOKEN] = { "updateToken", "UpdateToken" },
        [API_SET_AUDIO_PLAYBACK_DEVICE] = { "setAudioPlaybackDevice", "SetAudioPlaybackDevice" },
        [API_CHANGE_ANS_MODE] = { "changeAnsMode", "ChangeAnsMode" },
        [API_CHANGE_VIDEO_CAPTURE] = { "changeVideoCapture", "ChangeVideoCapture" },
        [API_SWITCH_CAMERA] = { "switchCamera", "SwitchCamera" },
        [API_SET_VIDEO_ENCODER_CONFIG] = { "setVideoEncoderConfig", "SetVideoEncoderConfig" },
        [API_SEND_MESSAGE] = { "sendMessage", "SendMessage" },
        [API_DESTROY] = { "destroy", "Destroy" },
};

/* Where only one scheme has a code it stands in both fields, so that errNo 0 means success and nothing else does. */
struct outcome {
        int err_no, error_code;
        const char *error_type; /* Developer, User, Framework */
};
static const struct outcome bad_params = { 20000, 115999, "D" };
static const struct outcome bad_camera = { 20000, 172299, "D" }; /* switchCamera's own family of codes */
static const struct outcome already_in_room = { 21100, 115901, "D" };
static const struct outcome auth_deny = { 10200, 115990, "U" };
static const struct outcome invalid_token = { 21101, 115902, "D" };
static const struct outcome destroyed = { 115910, 115910, "D" };
static const struct outcome failed = { 21102, 115903, "F" };

static const struct reason {
        int code;                /* the engine's own, of a failure or of a room that ended; 0: the server's */
        const char *failed_text; /* of an operation that failed, instead of the code */
        const char *ended_text;  /* of a room that ended; NULL: counts as "server gone" */
        bool has_detail;         /* the engine's detail, if any, says it better than failed_text */
} reasons[_ENGINE_REASON_MAX] = {
        [ENGINE_DUPLICATE_LOGIN] = { -1004, NULL, "duplicate login" },
        [ENGINE_KICKED] = { -1006, NULL, "kicked" },
        [ENGINE_TOKEN_EXPIRED] = { -1009, NULL, "token expired" },
        [ENGINE_ROOM_DISMISSED] = { -1011, NULL, "room dismissed" },
        [ENGINE_SERVER_GONE] = { -1084, NULL, "server gone" },
        [ENGINE_ROOM_FULL] = { -1080, NULL, NULL },
        [ENGINE_UNREACHABLE] = { 0, "server unreachable", NULL },
        [ENGINE_TIMED_OUT] = { 0, "timed out", NULL },
        [ENGINE_NOT_INSTALLED] = { 0, "janus is not installed", NULL, true },
        [ENGINE_NO_ADDRESS] = { 0, "no network address", NULL },
        [ENGINE_CANCELLED] = { 0, "room exited", NULL },
        [ENGINE_REFUSED] = { 0, "refused by the server", NULL, true },
        [ENGINE_PROTOCOL] = { 0, "protocol error", NULL, true },
        [ENGINE_MEDIA_FAILED] = { 0, "media connection failed", NULL, true },
        [ENGINE_UNSUPPORTED] = { 0, "not supported", NULL, true },
        [ENGINE_CONGESTED] = { 0, "too much is waiting to be sent", NULL },
        [ENGINE_INTERNAL] = { 0, "internal error", NULL, true },
};

const char *api_to_string(enum api a)
{
        return apis[a].name;
}

const char *api_to_member(enum api a)
{
        return apis[a].member;
}

__attribute__((format(printf, 4, 5))) static void set(enum api a, const struct outcome *o, struct result *ret,
                                                      const char *fmt, ...)
{
        char detail[sizeof(ret->err_msg) - 64]; /* the longest name and ":fail " are shorter */
        va_list ap;

        va_start(ap, fmt);
        vsnprintf(detail, sizeof(detail), fmt, ap);
        va_end(ap);
        utf8_trim(detail); /* the bus would refuse a Completed with half a character in it */
        *ret = (struct result){ .err_no = o->err_no, .error_code = o->error_code };
        snprintf(ret->error_type, sizeof(ret->error_type), "%s", o->error_type);
        snprintf(ret->err_msg, sizeof(ret->err_msg), "%s:fail %s", apis[a].name, detail);
}

void result_ok(enum api a, struct result *ret)
{
        *ret = (struct result){ 0 };
        snprintf(ret->err_msg, sizeof(ret->err_msg), "%s:ok", apis[a].name);
}

void result_params(enum api a, const char *detail, struct result *ret)
{
        set(a, a == API_SWITCH_CAMERA ? &bad_camera : &bad_params, ret, "%s", detail);
}

void result_already_in_room(enum api a, const char *user_id, const char *room_id, struct result *ret)
{
        set(a, &already_in_room, ret, "user %s is already in the room %s", user_id, room_id);
}

void result_auth_deny(enum api a, struct result *ret)
{
        set(a, &auth_deny, ret, "auth deny");
}

void result_invalid_token(enum api a, struct result *ret)
{
        set(a, &invalid_token, ret, "invalid token");
}

void result_destroyed(enum api a, struct result *ret)
{
        /* no space after the comma: the original's text */
        set(a, &destroyed, ret, "engine has been destroyed,please invoke tt.createRtcRoomContext create new engine");
}

void result_failed(enum api a, const char *text, struct result *ret)
{
        set(a, &failed, ret, "%s", text);
}

void result_engine(enum api a, const struct engine_result *er, struct result *ret)
{
        const struct reason *reason = &reasons[er->reason];
        bool says = er->err && er->detail[0]; /* the server, what is wrong with the token */

        if (er->reason == ENGINE_OK)
                result_ok(a, ret);
        else if (er->reason == ENGINE_INVALID_TOKEN || er->reason == ENGINE_TOKEN_EXPIRED) /* one text for both */
                set(a, &invalid_token, ret, "invalid token%s%s", says ? ": " : "", says ? er->detail : "");
        else if (reason->failed_text)
                result_failed(a, reason->has_detail && er->detail[0] ? er->detail : reason->failed_text, ret);
        else
                set(a, &failed, ret, "error code:%d", reason->code ? reason->code : er->err);
}

int result_interrupted(enum engine_reason reason, const char **ret_text)
{
        const struct reason *r = &reasons[reason];

        if (reason == ENGINE_OK || reason == ENGINE_CANCELLED) { /* left, not interrupted */
                *ret_text = "";
                return 0;
        }
        if (!r->ended_text)
                r = &reasons[ENGINE_SERVER_GONE];
        *ret_text = r->ended_text;
        return r->code;
}
