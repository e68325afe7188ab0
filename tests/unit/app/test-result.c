/* Unit tests of app/result: every code and text of the contract, word for word. */
#include "app/result.h"
#include "base/cleanup.h"
#include "lib/test.h"

static void check(const struct result *r, int err_no, int error_code, const char *type, const char *msg)
{
        ASSERT_EQ(r->err_no, err_no);
        ASSERT_EQ(r->error_code, error_code);
        ASSERT_STR(r->error_type, type);
        ASSERT_STR(r->err_msg, msg);
}

TEST(names_of_the_operations)
{
        static const char *const names[_API_MAX] = {
                "createRtcRoomContext",
                "joinRtcRoom",
                "exitRtcRoom",
                "changeAudioCapture",
                "changeUserVisibility",
                "changeStreamPublishState",
                "changeStreamSubscribeState",
                "changeScreenSubscribeState",
                "updateToken",
                "setAudioPlaybackDevice",
                "changeAnsMode",
                "changeVideoCapture",
                "switchCamera",
                "setVideoEncoderConfig",
                "sendMessage",
                "destroy",
        };

        for (int a = 0; a < _API_MAX; a++) {
                char member[64];

                ASSERT_STR(api_to_string((enum api)a), names[a]);
                snprintf(member, sizeof(member), "%s", names[a]);
                member[0] = (char)(member[0] - 'a' + 'A');
                ASSERT_STR(api_to_member((enum api)a), member);
        }
}

TEST(outcomes)
{
        struct result r;

        result_ok(API_JOIN, &r);
        check(&r, 0, 0, "", "joinRtcRoom:ok");
        result_ok(API_CHANGE_AUDIO_CAPTURE, &r);
        check(&r, 0, 0, "", "changeAudioCapture:ok"); /* without the prefix that one page of the original has */
        result_params(API_EXIT, "params.roomId should be string, but got number", &r);
        check(&r, 20000, 115999, "D", "exitRtcRoom:fail params.roomId should be string, but got number");
        result_params(API_SWITCH_CAMERA, "params.camera should be string, but got number", &r);
        check(&r, 20000, 172299, "D", "switchCamera:fail params.camera should be string, but got number");
        result_already_in_room(API_JOIN, "u", "r", &r);
        check(&r, 21100, 115901, "D", "joinRtcRoom:fail user u is already in the room r");
        result_auth_deny(API_CHANGE_AUDIO_CAPTURE, &r);
        check(&r, 10200, 115990, "U", "changeAudioCapture:fail auth deny");
        result_invalid_token(API_UPDATE_TOKEN, &r);
        check(&r, 21101, 115902, "D", "updateToken:fail invalid token");
        result_destroyed(API_JOIN, &r);
        check(&r, 115910, 115910, "D",
              "joinRtcRoom:fail engine has been destroyed,please invoke tt.createRtcRoomContext create new engine");
        result_failed(API_CHANGE_STREAM_SUBSCRIBE_STATE, "not in a room", &r);
        check(&r, 21102, 115903, "F", "changeStreamSubscribeState:fail not in a room");
}

TEST(engine_results)
{
        static const struct {
                enum engine_reason reason;
                int err;
                const char *detail;
                int err_no;
                const char *msg;
        } cases[] = {
                { ENGINE_OK, 0, "", 0, "joinRtcRoom:ok" },
                { ENGINE_INVALID_TOKEN, 0, "bad signature", 21101, "joinRtcRoom:fail invalid token" },
                { ENGINE_INVALID_TOKEN, 401, "invalid API key", 21101,
                  "joinRtcRoom:fail invalid token: invalid API key" },
                { ENGINE_INVALID_TOKEN, 401, "", 21101, "joinRtcRoom:fail invalid token" },
                { ENGINE_TOKEN_EXPIRED, 401, "token is expired", 21101,
                  "joinRtcRoom:fail invalid token: token is expired" },
                { ENGINE_TOKEN_EXPIRED, 0, "", 21101, "joinRtcRoom:fail invalid token" },
                { ENGINE_DUPLICATE_LOGIN, 0, "", 21102, "joinRtcRoom:fail error code:-1004" },
                { ENGINE_KICKED, 0, "", 21102, "joinRtcRoom:fail error code:-1006" },
                { ENGINE_ROOM_DISMISSED, 0, "", 21102, "joinRtcRoom:fail error code:-1011" },
                { ENGINE_SERVER_GONE, 0, "x", 21102, "joinRtcRoom:fail error code:-1084" },
                { ENGINE_ROOM_FULL, 0, "", 21102, "joinRtcRoom:fail error code:-1080" },
                { ENGINE_SERVER_ERROR, 426, "No such room", 21102, "joinRtcRoom:fail error code:426" },
                { ENGINE_REFUSED, 404, "requested room does not exist", 21102,
                  "joinRtcRoom:fail requested room does not exist" },
                { ENGINE_REFUSED, 502, "", 21102, "joinRtcRoom:fail refused by the server" },
                { ENGINE_UNREACHABLE, 0, "connection refused", 21102, "joinRtcRoom:fail server unreachable" },
                { ENGINE_TIMED_OUT, 0, "waiting for ICE", 21102, "joinRtcRoom:fail timed out" },
                { ENGINE_NOT_INSTALLED, 0, "", 21102, "joinRtcRoom:fail janus is not installed" },
                { ENGINE_NO_ADDRESS, 0, "x", 21102, "joinRtcRoom:fail no network address" },
                { ENGINE_CANCELLED, 0, "x", 21102, "joinRtcRoom:fail room exited" },
                { ENGINE_PROTOCOL, 0, "", 21102, "joinRtcRoom:fail protocol error" },
                { ENGINE_PROTOCOL, 0, "no JSON", 21102, "joinRtcRoom:fail no JSON" },
                { ENGINE_MEDIA_FAILED, 0, "", 21102, "joinRtcRoom:fail media connection failed" },
                { ENGINE_UNSUPPORTED, 0, "", 21102, "joinRtcRoom:fail not supported" },
                { ENGINE_CONGESTED, 0, "", 21102, "joinRtcRoom:fail too much is waiting to be sent" },
                { ENGINE_INTERNAL, 0, "", 21102, "joinRtcRoom:fail internal error" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct engine_result er = { .reason = cases[i].reason, .err = cases[i].err };
                struct result r;

                snprintf(er.detail, sizeof(er.detail), "%s", cases[i].detail);
                result_engine(API_JOIN, &er, &r);
                ASSERT_STR(r.err_msg, cases[i].msg);
                ASSERT_EQ(r.err_no, cases[i].err_no);
                ASSERT_STR(r.error_type, r.err_no == 21102 ? "F" : r.err_no == 21101 ? "D" : "");
        }
}

TEST(ends_of_rooms)
{
        static const struct {
                enum engine_reason reason;
                int code;
                const char *text;
        } cases[] = {
                { ENGINE_OK, 0, "" },
                { ENGINE_CANCELLED, 0, "" },
                { ENGINE_DUPLICATE_LOGIN, -1004, "duplicate login" },
                { ENGINE_KICKED, -1006, "kicked" },
                { ENGINE_TOKEN_EXPIRED, -1009, "token expired" },
                { ENGINE_ROOM_DISMISSED, -1011, "room dismissed" },
                { ENGINE_SERVER_GONE, -1084, "server gone" },
                { ENGINE_UNREACHABLE, -1084, "server gone" },
                { ENGINE_MEDIA_FAILED, -1084, "server gone" },
                { ENGINE_SERVER_ERROR, -1084, "server gone" },
                { ENGINE_ROOM_FULL, -1084, "server gone" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                const char *text;

                ASSERT_EQ(result_interrupted(cases[i].reason, &text), cases[i].code);
                ASSERT_STR(text, cases[i].text);
        }
}

TEST(every_failure_of_an_engine_has_a_code)
{
        for (int reason = ENGINE_OK + 1; reason < _ENGINE_REASON_MAX; reason++) {
                struct engine_result er = { .reason = (enum engine_reason)reason, .err = 1 };
                struct result r;

                result_engine(API_UPDATE_TOKEN, &er, &r);
                ASSERT_NE(r.err_no, 0); /* which would mean success */
                ASSERT_NE(r.error_code, 0);
                ASSERT(strncmp(r.err_msg, "updateToken:fail ", 17) == 0 && r.err_msg[17]);
        }
}

TEST(long_details_are_cut)
{
        char detail[2000];
        struct result r;

        memset(detail, 'x', sizeof(detail) - 1);
        detail[sizeof(detail) - 1] = '\0';
        result_params(API_CHANGE_STREAM_SUBSCRIBE_STATE, detail, &r);
        ASSERT_LT(strlen(r.err_msg), sizeof(r.err_msg));
        ASSERT_EQ(r.err_no, 20000);
}

/* Whatever an engine hands up and wherever it ends, the bus must be able to carry it. */
TEST(a_character_cut_in_half_is_left_out)
{
        struct engine_result er = { .reason = ENGINE_MEDIA_FAILED, .detail = "lost: \xc3\xa9\xc3" };
        char detail[2000];
        struct result r;

        result_engine(API_JOIN, &er, &r);
        ASSERT_STR(r.err_msg, "joinRtcRoom:fail lost: \xc3\xa9");
        for (size_t i = 0; i + 2 < sizeof(detail); i += 2)
                memcpy(detail + i, "\xc3\xa9", 3);
        result_params(API_JOIN, detail, &r);
        ASSERT_EQ((strlen(r.err_msg) - strlen("joinRtcRoom:fail ")) % 2, 0);
}
