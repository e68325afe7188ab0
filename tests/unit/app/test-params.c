/* Unit tests of app/params: every text of the contract, word for word, and every default. */
#include <errno.h>

#include "app/params.h"
#include "engine/engine.h"
#include "lib/test.h"

/* Options from a small notation: "roomId=s:abc state=n:1 flag=b:1 list=a: cfg=o:autoPublish=b:0,x=n:2". */
static struct options *make(const char *notation, const char *separator)
{
        _cleanup_free_ char *copy = strdup(notation);
        struct options *o;
        char *save = NULL;

        ASSERT_OK(options_new(&o));
        for (char *key = strtok_r(copy, separator, &save); key; key = strtok_r(NULL, separator, &save)) {
                char *type = strchr(key, '='), *value = type + 3;

                *type++ = '\0';
                switch (*type) {
                case 's': ASSERT_OK(options_add_string(o, key, value)); break;
                case 'n': ASSERT_OK(options_add_number(o, key, strtod(value, NULL))); break;
                case 'b': ASSERT_OK(options_add_boolean(o, key, *value == '1')); break;
                case 'y': ASSERT_OK(options_add_bytes(o, key, value, strlen(value))); break;
                case 'S': ASSERT_OK(options_add_strings(o, key, (const char *const[]){ value, "bob" }, 2)); break;
                case 'o': ASSERT_OK(options_add_object(o, key, make(value, ","))); break;
                default: ASSERT_OK(options_add_array(o, key)); break;
                }
        }
        return o;
}

enum op { CREATE, JOIN, EXIT, CAPTURE, PUBLISH, SUBSCRIBE, UPDATE, DEVICE, ANS, CAMERA, ENCODER, VISIBILITY, MESSAGE };

static int run(enum op op, const struct options *o, struct params_detail *ret_detail)
{
        struct params_create create;
        struct params_join join;
        struct params_state state;
        struct params_stream stream;
        struct params_token token;
        struct params_device device;
        struct params_mode mode;
        struct params_camera camera;
        struct params_encoder encoder;
        struct params_visibility visibility;
        struct params_message message;
        int r;

        switch (op) {
        case CREATE: return params_create(o, &create, ret_detail);
        case EXIT: return params_exit(o, ret_detail);
        case CAPTURE: return params_capture(o, &state, ret_detail);
        case MESSAGE: return params_send_message(o, &message, ret_detail);
        case VISIBILITY: return params_visibility(o, &visibility, ret_detail);
        case PUBLISH: return params_publish(o, &stream, ret_detail);
        case SUBSCRIBE: return params_subscribe(o, &stream, ret_detail);
        case DEVICE: return params_playback_device(o, &device, ret_detail);
        case ANS: return params_ans_mode(o, &mode, ret_detail);
        case CAMERA: return params_switch_camera(o, &camera, ret_detail);
        case ENCODER: return params_video_encoder(o, &encoder, ret_detail);
        case JOIN:
                r = params_join(o, &join, ret_detail);
                if (r == 0)
                        params_join_done(&join);
                return r;
        case UPDATE:
                r = params_update_token(o, &token, ret_detail);
                if (r == 0)
                        free(token.token);
                return r;
        }
        return -ENOSYS;
}

#define ID_RULE       "[A-Za-z0-9_@.-]{1,128}"
#define R(k, t, got)  "params." k " should be " t ", but got " got
#define STREAM_CHOICE "expect params.streamType to be one of \"audio\", \"video\", \"both\", but got "

static const struct {
        enum op op;
        const char *options, *detail; /* detail NULL: accepted */
} cases[] = {
        { MESSAGE, "text=s:hello", NULL },
        { MESSAGE, "text=s:", NULL },
        { MESSAGE, "data=y:abc topic=s:x reliable=b:0 destinations=S:alice", NULL },
        { MESSAGE, "", R("text", "string", "undefined") },
        { MESSAGE, "data=s:abc", R("data", "array", "string") },
        { MESSAGE, "data=a:", "params.data should be array of bytes" },
        { MESSAGE, "text=s:a data=y:b", "params.data should not be given with params.text" },
        { MESSAGE, "text=s:a reliable=b:0", "params.reliable should be true with params.text" },
        { MESSAGE, "text=s:a destinations=y:b", "params.destinations should be array of at most 16 strings" },
        { MESSAGE, "text=s:a destinations=S:a/b", "params.destinations should match " ID_RULE },
        { CREATE, "appId=s:a.b-c_d@E9", NULL },
        { CREATE, "appId=s:a server=s:embedded:", NULL },
        { CREATE, "appId=s:a server=s:janus+ws://[::1]:8188/janus", NULL },
        { CREATE, "", R("appId", "string", "undefined") },
        { CREATE, "appId=n:1", R("appId", "string", "number") },
        { CREATE, "appId=s:", "params.appId should match " ID_RULE },
        { CREATE, "appId=s:a/b", "params.appId should match " ID_RULE },
        { CREATE, "appId=s:a server=s:http://x", "params.server should be a server URL" },
        { CREATE, "appId=s:a server=s:", "params.server should be a server URL" },
        { CREATE, "server=b:1", R("appId", "string", "undefined") " " R("server", "string", "boolean") },

        { JOIN, "roomId=s:r token=s:t userId=s:u", NULL },
        { JOIN, "roomId=s:r token=s:t userId=s:u unknown=a: other=o:x=n:1", NULL },
        { JOIN, "roomId=s:r token=s:t userId=s:u e2eeKey=s:secret", NULL },
        { JOIN, "roomId=s:r token=s:t userId=s:u e2eeKey=s:", "params.e2eeKey should not be empty" },
        { JOIN, "roomId=s:r token=s:t userId=s:u e2eeKey=y:key", R("e2eeKey", "string", "array") },
        { JOIN, "",
          R("roomId", "string", "undefined") " " R("token", "string", "undefined") " " R("userId", "string",
                                                                                         "undefined") },
        { JOIN, "roomId=n:1 token=b:1 userId=a: roomConfig=s:x",
          R("roomId", "string", "number") " " R("token", "string", "boolean") " " R("userId", "string", "array") " " R(
                  "roomConfig", "object", "string") },
        { JOIN, "roomId=o: token=s:t userId=s:u", R("roomId", "string", "object") },
        { JOIN, "roomId=s: token=s: userId=s:",
          "params.roomId should match " ID_RULE " params.token should not be empty "
          "params.userId should match " ID_RULE },
        { JOIN, "roomId=s:\xc3\xa4 token=s:t userId=s:u", "params.roomId should match " ID_RULE },
        { JOIN, "roomId=s:r token=s:t userId=s:u roomConfig=o:", NULL },
        { JOIN, "roomId=s:r token=s:t userId=s:u roomConfig=o:autoPublish=s:x",
          R("roomConfig.autoPublish", "boolean", "string") },
        { JOIN, "roomId=s:r token=s:t userId=s:u roomConfig=o:autoSubscribe=n:1,autoPublish=n:0",
          R("roomConfig.autoPublish", "boolean", "number") " " R("roomConfig.autoSubscribe", "boolean", "number") },
        { JOIN, "userId=s:u roomConfig=o:autoPublish=a:",
          R("roomId", "string", "undefined") " " R("token", "string", "undefined") " " R("roomConfig.autoPublish",
                                                                                         "boolean", "array") },

        { EXIT, "", NULL },
        { EXIT, "roomId=s:any", NULL },
        { EXIT, "roomId=n:3", R("roomId", "string", "number") },
        { EXIT, "roomId=s:", "params.roomId should match " ID_RULE },

        { VISIBILITY, "visible=b:0", NULL },
        { VISIBILITY, "visible=b:1,more=s:x", NULL },
        { VISIBILITY, "visible=n:1", R("visible", "boolean", "number") },
        { VISIBILITY, "", R("visible", "boolean", "undefined") },

        { CAPTURE, "state=n:0", NULL },
        { CAPTURE, "state=n:1", NULL },
        { CAPTURE, "", R("state", "number", "undefined") },
        { CAPTURE, "state=b:1", R("state", "number", "boolean") },
        { CAPTURE, "state=s:1", R("state", "number", "string") },
        { CAPTURE, "state=n:2", "expect params.state to be one of 0, 1, but got 2" },
        { CAPTURE, "state=n:-1", "expect params.state to be one of 0, 1, but got -1" },
        { CAPTURE, "state=n:0.5", "expect params.state to be one of 0, 1, but got 0.5" },
        { CAPTURE, "state=n:4294967297", "expect params.state to be one of 0, 1, but got 4294967297" },
        { CAPTURE, "state=n:nan", "expect params.state to be one of 0, 1, but got NaN" },
        { CAPTURE, "state=n:-inf", "expect params.state to be one of 0, 1, but got -Infinity" },

        { PUBLISH, "state=n:1", NULL },
        { PUBLISH, "state=n:1 streamType=s:audio", NULL },
        { PUBLISH, "state=n:1 streamType=s:screen", STREAM_CHOICE "screen" },
        { PUBLISH, "state=n:1 streamType=s:", STREAM_CHOICE },
        { PUBLISH, "streamType=n:1", R("state", "number", "undefined") " " R("streamType", "string", "number") },

        { SUBSCRIBE, "state=n:1 userId=s:u streamType=s:video", NULL },
        { SUBSCRIBE, "state=n:3 userId=n:1 streamType=s:x",
          "expect params.state to be one of 0, 1, but got 3 " R("userId", "string", "number") " " STREAM_CHOICE "x" },
        { SUBSCRIBE, "", R("state", "number", "undefined") " " R("userId", "string", "undefined") },

        { UPDATE, "token=s:t", NULL },
        { UPDATE, "", R("token", "string", "undefined") },
        { UPDATE, "token=s:", "params.token should not be empty" },
        { UPDATE, "token=o:", R("token", "string", "object") },

        { DEVICE, "device=s:speakerphone", NULL },
        { DEVICE, "device=s:alsa_output.pci-0000_00_1f.3.analog-stereo", NULL },
        { DEVICE, "", R("device", "string", "undefined") },
        { DEVICE, "device=n:1", R("device", "string", "number") },
        { DEVICE, "device=s:", "params.device should not be empty" },
        { DEVICE, "device=s:a\nb", "params.device should be a node name" },

        { ANS, "mode=n:0", NULL },
        { ANS, "mode=n:4", NULL },
        { ANS, "mode=n:5", "expect params.mode to be one of 0, 1, 2, 3, 4, but got 5" },
        { ANS, "mode=n:1.5", "expect params.mode to be one of 0, 1, 2, 3, 4, but got 1.5" },
        { ANS, "mode=n:nan", "expect params.mode to be one of 0, 1, 2, 3, 4, but got NaN" },
        { ANS, "mode=b:1", R("mode", "number", "boolean") },
        { ANS, "", R("mode", "number", "undefined") },

        { CAMERA, "camera=s:back", NULL },
        { CAMERA, "camera=s:front", NULL },
        { CAMERA, "camera=s:sideways", "expect params.camera to be one of \"back\", \"front\", but got sideways" },
        { CAMERA, "camera=s:", "expect params.camera to be one of \"back\", \"front\", but got " },
        { CAMERA, "camera=n:0", R("camera", "string", "number") },
        { CAMERA, "", R("camera", "string", "undefined") },

        { ENCODER, "maxSolution=o:width=n:16,height=n:16,frameRate=n:1", NULL },
        { ENCODER, "maxSolution=o:width=n:7680,height=n:4320,frameRate=n:120,bitRate=s:x", NULL },
        { ENCODER, "", R("maxSolution", "object", "undefined") },
        { ENCODER, "maxSolution=s:640x360", R("maxSolution", "object", "string") },
        { ENCODER, "maxSolution=o:",
          R("maxSolution.width", "number", "undefined") " " R("maxSolution.height", "number", "undefined") " " R(
                  "maxSolution.frameRate", "number", "undefined") },
        { ENCODER, "maxSolution=o:width=n:15,height=n:4321,frameRate=n:0",
          "params.maxSolution.width should be between 16 and 7680 params.maxSolution.height should be between 16 and "
          "4320 params.maxSolution.frameRate should be between 1 and 120" },
        { ENCODER, "maxSolution=o:width=n:7681,height=s:x,frameRate=n:121",
          "params.maxSolution.width should be between 16 and 7680 " R(
                  "maxSolution.height", "number",
                  "string") " params.maxSolution.frameRate should be between 1 and 120" },
        { ENCODER, "maxSolution=o:width=n:640.5,height=n:nan,frameRate=n:-inf",
          "params.maxSolution.width should be between 16 and 7680 params.maxSolution.height should be between 16 and "
          "4320 params.maxSolution.frameRate should be between 1 and 120" },
};

TEST(every_text)
{
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_(options_freep) struct options *o = make(cases[i].options, " ");
                struct params_detail d = { .text = "untouched" };
                int r = run(cases[i].op, o, &d);

                if (r != (cases[i].detail ? -EINVAL : 0))
                        test_fail(__FILE__, __LINE__, "case %zu (%s): %d", i, cases[i].options, r);
                ASSERT_STR(d.text, cases[i].detail ? cases[i].detail : "untouched");
        }
}

TEST(join_values)
{
        _cleanup_(options_freep) struct options *o =
                make("roomId=s:room token=s:tok userId=s:me e2eeKey=s:key roomConfig=o:autoPublish=b:0", " ");
        struct params_detail d;
        struct params_join p;

        ASSERT_OK(params_join(o, &p, &d));
        ASSERT_STR(p.room_id, "room");
        ASSERT_STR(p.user_id, "me");
        ASSERT_STR(p.token, "tok");
        ASSERT_STR(p.e2ee_key, "key");
        ASSERT(!p.auto_publish);
        ASSERT(p.auto_subscribe);
        params_join_done(&p);
        params_join_done(&p);
}

TEST(join_defaults)
{
        _cleanup_(options_freep) struct options *o = make("roomId=s:r token=s:t userId=s:u", " ");
        struct params_detail d;
        struct params_join p;

        ASSERT_OK(params_join(o, &p, &d));
        ASSERT(p.auto_publish && p.auto_subscribe);
        ASSERT(!p.e2ee_key);
        params_join_done(&p);
}

TEST(stream_values)
{
        static const struct {
                const char *options;
                bool on, audio, video;
        } streams[] = {
                { "state=n:1 userId=s:u", true, true, true },
                { "state=n:0 userId=s:u streamType=s:both", false, true, true },
                { "state=n:1 userId=s:u streamType=s:audio", true, true, false },
                { "state=n:1 userId=s:u streamType=s:video", true, false, true },
        };

        for (size_t i = 0; i < ARRAY_SIZE(streams); i++) {
                _cleanup_(options_freep) struct options *o = make(streams[i].options, " ");
                struct params_detail d;
                struct params_stream p;

                ASSERT_OK(params_subscribe(o, &p, &d));
                ASSERT_STR(p.user_id, "u");
                ASSERT(p.on == streams[i].on && p.audio == streams[i].audio && p.video == streams[i].video);
                ASSERT_OK(params_publish(o, &p, &d));
                ASSERT(p.on == streams[i].on && p.audio == streams[i].audio && p.video == streams[i].video);
        }
}

TEST(values_of_sound_and_camera)
{
        _cleanup_(options_freep) struct options *o = make(
                "device=s:sink mode=n:3 camera=s:back maxSolution=o:width=n:640,height=n:360,frameRate=n:24", " ");
        struct params_encoder encoder;
        struct params_camera camera;
        struct params_device device;
        struct params_detail d;
        struct params_mode mode;

        ASSERT_OK(params_playback_device(o, &device, &d));
        ASSERT_STR(device.name, "sink");
        ASSERT_OK(params_ans_mode(o, &mode, &d));
        ASSERT_EQ(mode.mode, 3);
        ASSERT_OK(params_switch_camera(o, &camera, &d));
        ASSERT(camera.back);
        ASSERT_OK(params_video_encoder(o, &encoder, &d));
        ASSERT(encoder.width == 640 && encoder.height == 360 && encoder.frame_rate == 24);
}

TEST(device_names_are_bounded)
{
        char name[DEVICE_NAME_MAX + 2];
        struct params_detail d;

        memset(name, 'x', sizeof(name));
        for (size_t n = DEVICE_NAME_MAX; n <= DEVICE_NAME_MAX + 1; n++) {
                _cleanup_(options_freep) struct options *o = NULL;

                name[n] = '\0';
                ASSERT_OK(options_new(&o));
                ASSERT_OK(options_add_string(o, "device", name));
                ASSERT_EQ(run(DEVICE, o, &d), n <= DEVICE_NAME_MAX ? 0 : -EINVAL);
                name[n] = 'x';
        }
        ASSERT_STR(d.text, "params.device should be a node name");
}

TEST(create_values)
{
        _cleanup_(options_freep) struct options *with = make("appId=s:app server=s:ws://h", " "),
                                                *without = make("appId=s:app", " ");
        struct params_detail d;
        struct params_create p;

        ASSERT_OK(params_create(with, &p, &d));
        ASSERT(p.has_server);
        ASSERT_STR(p.server, "ws://h");
        ASSERT_OK(params_create(without, &p, &d));
        ASSERT(!p.has_server);
        ASSERT_STR(p.app_id, "app");
}

TEST(a_fault_leaves_the_result_alone)
{
        _cleanup_(options_freep) struct options *o = make("state=n:1 userId=n:1", " ");
        struct params_stream p = { .user_id = "kept" };
        struct params_detail d;

        ASSERT_EQ(params_subscribe(o, &p, &d), -EINVAL);
        ASSERT_STR(p.user_id, "kept");
        ASSERT(!p.on);
}

TEST(ids_are_bounded)
{
        char id[ID_MAX + 2];

        memset(id, 'x', sizeof(id));
        id[ID_MAX + 1] = '\0';
        ASSERT(!params_is_id(id));
        id[ID_MAX] = '\0';
        ASSERT(params_is_id(id));
        ASSERT(!params_is_id(""));
        for (int c = 1; c < 256; c++) {
                char s[2] = { (char)c, '\0' };
                bool wanted = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                              strchr("_@.-", c);

                ASSERT_EQ(params_is_id(s), wanted);
        }
}

TEST(too_large_stands_alone)
{
        for (int op = CREATE; op <= ENCODER; op++) {
                _cleanup_(options_freep) struct options *o = make("state=s:wrong appId=n:1", " ");
                struct params_detail d;

                o->too_large = true;
                ASSERT_EQ(run((enum op)op, o, &d), -EINVAL);
                ASSERT_STR(d.text, "params too large");
        }
}

TEST(tokens_are_bounded)
{
        _cleanup_free_ char *token = calloc(1, OPTIONS_MAX_TOKEN + 2);
        _cleanup_(options_freep) struct options *o = make("roomId=n:1 userId=s:u", " ");
        struct params_detail d;

        ASSERT(token);
        memset(token, 't', OPTIONS_MAX_TOKEN);
        ASSERT_OK(options_add_string(o, "token", token));
        ASSERT_OK(run(UPDATE, o, &d));
        token[OPTIONS_MAX_TOKEN] = 't';
        ASSERT_OK(options_add_string(o, "token", token));
        ASSERT_EQ(run(UPDATE, o, &d), -EINVAL);
        ASSERT_STR(d.text, "params too large");
        ASSERT_EQ(run(JOIN, o, &d), -EINVAL);
        ASSERT_STR(d.text, "params too large");
        ASSERT_EQ(run(EXIT, o, &d), -EINVAL); /* has no token: an unknown key */
        ASSERT_STR(d.text, "params.roomId should be string, but got number");
}

TEST(a_key_is_bounded_and_never_shown)
{
        _cleanup_(options_freep) struct options *o = make("roomId=s:r token=s:t userId=s:u", " ");
        char key[E2EE_PASSPHRASE_MAX + 2] = "";
        struct params_detail d;

        memset(key, 'k', E2EE_PASSPHRASE_MAX);
        ASSERT_OK(options_add_string(o, "e2eeKey", key));
        ASSERT_OK(run(JOIN, o, &d));
        key[E2EE_PASSPHRASE_MAX] = 'k';
        ASSERT_OK(options_add_string(o, "e2eeKey", key));
        ASSERT_EQ(run(JOIN, o, &d), -EINVAL);
        ASSERT_STR(d.text, "params.e2eeKey should have at most 256 bytes");
}

TEST(a_long_choice_is_shown_in_part)
{
        _cleanup_(options_freep) struct options *o = NULL;
        char type[200] = "";
        struct params_detail d;

        for (int i = 0; i < 60; i++)
                strcat(type, "\xe2\x82\xac"); /* € */
        ASSERT_OK(options_new(&o));
        ASSERT_OK(options_add_string(o, "streamType", type));
        ASSERT_OK(options_add_number(o, "state", 1e300));
        ASSERT_EQ(run(PUBLISH, o, &d), -EINVAL);
        type[48] = '\0'; /* 16 whole characters */
        ASSERT(strstr(d.text, "but got 1e+300 expect"));
        ASSERT_STR(strstr(d.text, type), type);
        type[0] = 'x'; /* and now 48 bytes end inside one */
        strcat(type, "\xe2\x82\xac");
        memmove(type + 1, type + 3, strlen(type + 3) + 1);
        strcat(type, "\xe2\x82\xac");
        ASSERT_OK(options_add_string(o, "streamType", type));
        ASSERT_EQ(run(PUBLISH, o, &d), -EINVAL);
        ASSERT_EQ(strlen(strstr(d.text, "got x") + 4), 46);
}

TEST_OOM(join_fails_cleanly)
{
        struct option items[] = { { .key = (char[]){ "roomId" }, .type = OPTION_STRING, .string = (char[]){ "r" } },
                                  { .key = (char[]){ "token" }, .type = OPTION_STRING, .string = (char[]){ "t" } },
                                  { .key = (char[]){ "userId" }, .type = OPTION_STRING, .string = (char[]){ "u" } },
                                  { .key = (char[]){ "e2eeKey" }, .type = OPTION_STRING, .string = (char[]){ "k" } } };
        struct options o = { .items = items, .n = 4 };
        struct params_detail d;
        struct params_join p;
        int r = params_join(&o, &p, &d);

        if (r == 0)
                params_join_done(&p);
        return r;
}

TEST_OOM(update_token_fails_cleanly)
{
        struct option item = { .key = (char[]){ "token" }, .type = OPTION_STRING, .string = (char[]){ "t" } };
        struct options o = { .items = &item, .n = 1 };
        struct params_detail d;
        struct params_token p;
        int r = params_update_token(&o, &p, &d);

        if (r == 0)
                free(p.token);
        return r;
}

TEST(a_message_has_bounds)
{
        char topic[ENGINE_TOPIC_MAX + 2] = "", *big = calloc(1, ENGINE_MESSAGE_MAX + 2);
        _cleanup_(options_freep) struct options *o = NULL;
        struct params_detail detail;
        struct params_message p;

        ASSERT_OK(options_new(&o));
        memset(big, 'x', ENGINE_MESSAGE_MAX);
        memset(topic, 't', ENGINE_TOPIC_MAX);
        ASSERT_OK(options_add_string(o, "text", big));
        ASSERT_OK(options_add_string(o, "topic", topic));
        ASSERT_OK(params_send_message(o, &p, &detail));
        ASSERT_EQ(p.len, ENGINE_MESSAGE_MAX);
        ASSERT_STR(p.topic, topic);
        topic[ENGINE_TOPIC_MAX] = 't';
        ASSERT_OK(options_add_string(o, "topic", topic));
        ASSERT_EQ(params_send_message(o, &p, &detail), -EINVAL);
        ASSERT_STR(detail.text, "params.topic should be at most 128 bytes");
        big[ENGINE_MESSAGE_MAX] = 'x';
        ASSERT_OK(options_add_string(o, "text", big));
        ASSERT_EQ(params_send_message(o, &p, &detail), -EINVAL);
        ASSERT_STR(detail.text, "params too large");
        free(big);
}
