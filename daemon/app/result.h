/* result.h - outcomes as the API words them: errNo, errorCode, errorType, errMsg. One table; nothing else makes texts.
 *
 * Source: RtcRoomContext documentation, both code schemes side by side. Pure; any thread.
 */
#pragma once

#include "engine/engine.h"

enum api {
        API_CREATE, /* createRtcRoomContext: its faults travel as D-Bus errors */
        API_JOIN,
        API_EXIT,
        API_CHANGE_AUDIO_CAPTURE,
        API_CHANGE_USER_VISIBILITY,
        API_CHANGE_STREAM_PUBLISH_STATE,
        API_CHANGE_STREAM_SUBSCRIBE_STATE,
        API_CHANGE_SCREEN_SUBSCRIBE_STATE,
        API_UPDATE_TOKEN,
        API_SET_AUDIO_PLAYBACK_DEVICE,
        API_CHANGE_ANS_MODE,
        API_CHANGE_VIDEO_CAPTURE,
        API_SWITCH_CAMERA,
        API_SET_VIDEO_ENCODER_CONFIG,
        API_SEND_MESSAGE,
        API_DESTROY,
        _API_MAX
};
const char *api_to_string(enum api a); /* "joinRtcRoom" … , "destroy" */
const char *api_to_member(enum api a); /* "JoinRtcRoom" … : the D-Bus method */

struct result {
        int err_no, error_code;
        char error_type[2]; /* "" "D" "U" "F" "I" */
        char err_msg[512];
};

void result_ok(enum api a, struct result *ret);
/* 20000 / 115999 D, of switchCamera 172299; detail from params.h */
void result_params(enum api a, const char *detail, struct result *ret);
/* 21100 / 115901 D */
void result_already_in_room(enum api a, const char *user_id, const char *room_id, struct result *ret);
void result_auth_deny(enum api a, struct result *ret);                /* 10200 / 115990 U "auth deny" */
void result_invalid_token(enum api a, struct result *ret);            /* 21101 / 115902 D "invalid token" */
void result_destroyed(enum api a, struct result *ret);                /* 115910 / 115910 D */
void result_failed(enum api a, const char *text, struct result *ret); /* 21102 / 115903 F "<api>:fail <text>" */
/* Any engine result: invalid token, own texts ("server unreachable" …), "room exited", or "error code:<n>". */
void result_engine(enum api a, const struct engine_result *er, struct result *ret);
/* The engine code of a room that ended: -1004 "duplicate login" …; ENGINE_OK gives 0 and "". */
int result_interrupted(enum engine_reason reason, const char **ret_text);
