/* Parameters of every operation on arbitrary option trees: a value within its bounds, or a text. The input is a
 * script: per entry a key, a type and a value. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "app/params.h"
#include "base/buf.h"
#include "engine/engine.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const keys[] = { "appId",      "server",      "roomId",        "token",       "userId",
                                    "roomConfig", "autoPublish", "autoSubscribe", "state",       "streamType",
                                    "unknown",    "device",      "mode",          "camera",      "maxSolution",
                                    "width",      "height",      "frameRate",     "visible",     "text",
                                    "data",       "topic",       "reliable",      "destinations" };

static void add_string(struct options *o, const char *key, struct rbuf *b)
{
        size_t n = rbuf_u8(b);
        char text[256];

        n = n < rbuf_left(b) ? n : rbuf_left(b);
        snprintf(text, sizeof(text), "%.*s", (int)n, n ? (const char *)rbuf_bytes(b, n) : "");
        assert(options_add_string(o, key, text) == 0);
}

/* Bytes, or that many times the same string. */
static void add_list(struct options *o, const char *key, struct rbuf *b, bool bytes)
{
        size_t n = rbuf_u8(b) % (OPTIONS_MAX_STRINGS + 1);
        const char *strings[OPTIONS_MAX_STRINGS];
        char text[9] = "";

        n = n < rbuf_left(b) ? n : rbuf_left(b);
        if (bytes) {
                assert(options_add_bytes(o, key, n ? rbuf_bytes(b, n) : NULL, n) == 0);
                return;
        }
        for (size_t i = 0; i < 8 && rbuf_left(b) > 0; i++)
                text[i] = (char)rbuf_u8(b);
        for (size_t i = 0; i < n; i++)
                strings[i] = text;
        assert(options_add_strings(o, key, strings, n) == 0);
}

static void add_double(struct options *o, const char *key, struct rbuf *b)
{
        uint64_t bits = rbuf_be64(b);
        double v;

        memcpy(&v, &bits, sizeof(v));
        assert(options_add_number(o, key, v) == 0);
}

static struct options *make(struct rbuf *b, unsigned depth)
{
        struct options *o;

        assert(options_new(&o) == 0);
        while (rbuf_left(b) > 0 && o->n < OPTIONS_MAX_ENTRIES) {
                const char *key = keys[rbuf_u8(b) % ARRAY_SIZE(keys)];

                switch (rbuf_u8(b) % 9) {
                case 0: add_string(o, key, b); break;
                case 1: add_double(o, key, b); break;
                case 2: assert(options_add_number(o, key, rbuf_u8(b)) == 0); break;
                case 3: assert(options_add_boolean(o, key, rbuf_u8(b) & 1) == 0); break;
                case 4: assert(options_add_array(o, key) == 0); break;
                case 7: add_list(o, key, b, true); break;
                case 8: add_list(o, key, b, false); break;
                case 5: /* the end of an object */
                        if (depth > 1)
                                return o;
                        break;
                case 6:
                        if (depth < OPTIONS_MAX_DEPTH)
                                assert(options_add_object(o, key, make(b, depth + 1)) == 0);
                        break;
                }
        }
        return o;
}

static void check(int r, const struct params_detail *d)
{
        assert(r == 0 || r == -EINVAL);
        assert((r == 0) == (d->text[0] == '\0'));
        assert(strnlen(d->text, sizeof(d->text)) + 1 < sizeof(d->text)); /* nothing was cut off */
}

static void check_join(const struct options *o)
{
        struct params_detail d = { 0 };
        struct params_join p;
        int r = params_join(o, &p, &d);

        check(r, &d);
        if (r < 0)
                return;
        assert(params_is_id(p.room_id) && params_is_id(p.user_id) && p.token[0]);
        params_join_done(&p);
}

static void check_create(const struct options *o)
{
        struct params_detail d = { 0 };
        struct params_create p;
        struct url u;
        int r = params_create(o, &p, &d);

        check(r, &d);
        if (r == 0)
                assert(params_is_id(p.app_id) && (!p.has_server || url_parse(p.server, &u) == 0));
}

static void check_rest(const struct options *o)
{
        struct params_detail d[4] = { 0 };
        struct params_stream stream;
        struct params_visibility visibility;
        struct params_state state;
        struct params_token token = { 0 };
        int r = params_subscribe(o, &stream, &d[0]);

        check(r, &d[0]);
        if (r == 0)
                assert(params_is_id(stream.user_id) && (stream.audio || stream.video));
        check(params_publish(o, &stream, &d[1]), &d[1]);
        check(params_capture(o, &state, &d[2]), &d[2]);
        check(params_update_token(o, &token, &d[3]), &d[3]);
        free(token.token);
        d[0].text[0] = '\0';
        check(params_visibility(o, &visibility, &d[0]), &d[0]);
        d[0].text[0] = '\0';
        check(params_exit(o, &d[0]), &d[0]);
}

static void check_message(const struct options *o)
{
        struct params_detail d = { 0 };
        struct params_message p;
        int r = params_send_message(o, &p, &d);

        check(r, &d);
        if (r < 0)
                return;
        assert((p.data || p.len == 0) && p.len <= ENGINE_MESSAGE_MAX && strlen(p.topic) <= ENGINE_TOPIC_MAX);
        assert(p.reliable || !p.text);
        for (size_t i = 0; i < p.n_destinations; i++)
                assert(params_is_id(p.destinations[i]));
}

static void check_devices(const struct options *o)
{
        struct params_detail d[4] = { 0 };
        struct params_encoder encoder;
        struct params_camera camera;
        struct params_device device;
        struct params_mode mode;
        int r = params_playback_device(o, &device, &d[0]);

        check(r, &d[0]);
        if (r == 0)
                assert(device.name[0] && voice_settings_is_device_name(device.name));
        r = params_ans_mode(o, &mode, &d[1]);
        check(r, &d[1]);
        if (r == 0)
                assert(mode.mode <= ANS_MODE_MAX);
        check(params_switch_camera(o, &camera, &d[2]), &d[2]);
        r = params_video_encoder(o, &encoder, &d[3]);
        check(r, &d[3]);
        if (r == 0)
                assert(encoder.width >= 16 && encoder.width <= 7680 && encoder.height >= 16 &&
                       encoder.height <= 4320 && encoder.frame_rate >= 1 && encoder.frame_rate <= 120);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct rbuf b = rbuf_init(data, size);
        _cleanup_(options_freep) struct options *o = make(&b, 1);

        check_join(o);
        check_create(o);
        check_rest(o);
        check_message(o);
        check_devices(o);
        return 0;
}
