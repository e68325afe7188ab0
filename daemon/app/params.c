/* params.c - see params.h.
 *
 * Each operation asks a `struct check` for its keys in the order of the contract's table. The check answers with the
 * value or writes down what is wrong, so that all violations end up in one text. Unknown keys are never looked at.
 */
#include "app/params.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "engine/engine.h"

/* Bytes of a caller's text that are shown back; more would push the other violations out of the message. */
enum { SHOWN_MAX = 48 };

struct check {
        const struct options *options;
        const char *path; /* "params", "params.roomConfig" */
        struct params_detail detail;
        bool too_large;
};

__attribute__((format(printf, 2, 3))) static void add_violation(struct params_detail *d, const char *fmt, ...)
{
        size_t n = strlen(d->text);
        va_list ap;

        if (n > 0 && n + 1 < sizeof(d->text))
                d->text[n++] = ' ';
        va_start(ap, fmt);
        vsnprintf(d->text + n, sizeof(d->text) - n, fmt, ap);
        va_end(ap);
}

/* The value of a key if it is there and of the right type; else NULL: a violation, unless it may be missing. */
static const struct option *expect(struct check *c, const char *key, enum option_type type, bool required)
{
        const struct option *o = options_get(c->options, key);

        if (o && o->type == type)
                return o;
        if (o || required)
                add_violation(&c->detail, "%s.%s should be %s, but got %s", c->path, key, option_type_to_string(type),
                              o ? option_type_to_string(o->type) : "undefined");
        return NULL;
}

bool params_is_id(const char *s)
{
        size_t n = strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_@.-");

        return s[n] == '\0' && n >= 1 && n <= ID_MAX;
}

static void get_id(struct check *c, const char *key, bool required, char ret[static ID_MAX + 1])
{
        const struct option *o = expect(c, key, OPTION_STRING, required);

        if (!o)
                return;
        if (params_is_id(o->string))
                strcpy(ret, o->string);
        else
                add_violation(&c->detail, "%s.%s should match [A-Za-z0-9_@.-]{1,%d}", c->path, key, ID_MAX);
}

/* Borrowed from the options. */
static const char *get_token(struct check *c)
{
        const struct option *o = expect(c, "token", OPTION_STRING, true);

        if (!o)
                return NULL;
        if (o->string[0] == '\0')
                add_violation(&c->detail, "%s.token should not be empty", c->path);
        if (strlen(o->string) > OPTIONS_MAX_TOKEN)
                c->too_large = true;
        return o->string;
}

/* The passphrase of the end-to-end encryption, which is not shown whatever is wrong with it. Borrowed; NULL: none. */
static const char *get_e2ee_key(struct check *c)
{
        const struct option *o = expect(c, "e2eeKey", OPTION_STRING, false);

        if (!o)
                return NULL;
        if (o->string[0] == '\0')
                add_violation(&c->detail, "%s.e2eeKey should not be empty", c->path);
        if (strlen(o->string) > E2EE_PASSPHRASE_MAX)
                add_violation(&c->detail, "%s.e2eeKey should have at most %d bytes", c->path, E2EE_PASSPHRASE_MAX);
        return o->string;
}

static void get_boolean(struct check *c, const char *key, bool required, bool *ret)
{
        const struct option *o = expect(c, key, OPTION_BOOLEAN, required);

        if (o)
                *ret = o->boolean;
}

/* As JavaScript writes it. */
static void format_number(double v, char *ret, size_t size)
{
        if (isnan(v))
                snprintf(ret, size, "NaN");
        else if (isinf(v))
                snprintf(ret, size, "%sInfinity", v < 0 ? "-" : "");
        else
                snprintf(ret, size, "%.15g", v);
}

/* One of the numbers 0 … last. */
static unsigned get_number_choice(struct check *c, const char *key, unsigned last)
{
        const struct option *o = expect(c, key, OPTION_NUMBER, true);
        char choices[32] = "0", shown[32];

        for (unsigned i = 0; o && i <= last; i++)
                if (o->number == i)
                        return i;
        if (!o)
                return 0;
        for (unsigned i = 1; i <= last; i++)
                snprintf(choices + strlen(choices), sizeof(choices) - strlen(choices), ", %u", i);
        format_number(o->number, shown, sizeof(shown));
        add_violation(&c->detail, "expect %s.%s to be one of %s, but got %s", c->path, key, choices, shown);
        return 0;
}

static bool get_state(struct check *c)
{
        return get_number_choice(c, "state", 1) == 1;
}

/* A whole number; 0 when it is none within the bounds. */
static unsigned get_number(struct check *c, const char *key, unsigned min, unsigned max)
{
        const struct option *o = expect(c, key, OPTION_NUMBER, true);

        if (!o)
                return 0;
        if (o->number >= min && o->number <= max && o->number == floor(o->number))
                return (unsigned)o->number;
        add_violation(&c->detail, "%s.%s should be between %u and %u", c->path, key, min, max);
        return 0;
}

/* Length of the longest beginning of s that may be shown and does not end inside a UTF-8 character. */
static int shown_length(const char *s)
{
        size_t n = strnlen(s, SHOWN_MAX + 1);

        if (n <= SHOWN_MAX)
                return (int)n;
        for (n = SHOWN_MAX; n > 0 && ((unsigned char)s[n] & 0xc0) == 0x80; n--)
                ;
        return (int)n;
}

static void add_wrong_word(struct check *c, const char *key, const char *choices, const char *word)
{
        add_violation(&c->detail, "expect %s.%s to be one of %s, but got %.*s", c->path, key, choices,
                      shown_length(word), word);
}

static void get_stream_type(struct check *c, struct params_stream *ret)
{
        const struct option *o = expect(c, "streamType", OPTION_STRING, false);
        const char *type = o ? o->string : "both";

        ret->audio = strcmp(type, "audio") == 0 || strcmp(type, "both") == 0;
        ret->video = strcmp(type, "video") == 0 || strcmp(type, "both") == 0;
        if (!ret->audio && !ret->video)
                add_wrong_word(c, "streamType", "\"audio\", \"video\", \"both\"", type);
}

static void get_room_config(struct check *c, struct params_join *ret)
{
        const struct option *o = expect(c, "roomConfig", OPTION_OBJECT, false);
        struct check inner;

        ret->auto_publish = ret->auto_subscribe = true;
        if (!o)
                return;
        inner = (struct check){ .options = o->object, .path = "params.roomConfig", .detail = c->detail };
        get_boolean(&inner, "autoPublish", false, &ret->auto_publish);
        get_boolean(&inner, "autoSubscribe", false, &ret->auto_subscribe);
        c->detail = inner.detail;
}

static void get_server(struct check *c, struct params_create *ret)
{
        const struct option *o = expect(c, "server", OPTION_STRING, false);
        struct url u;

        if (!o)
                return;
        if (url_parse(o->string, &u) < 0 || strlen(o->string) >= sizeof(ret->server)) {
                add_violation(&c->detail, "%s.server should be a server URL", c->path);
                return;
        }
        ret->has_server = true;
        strcpy(ret->server, o->string);
}

static struct check begin(const struct options *o)
{
        return (struct check){ .options = o, .path = "params", .too_large = o->too_large };
}

/* "params too large" stands alone: what is too large was not read whole, so nothing else can be said about it. */
static int finish(const struct check *c, struct params_detail *ret_detail)
{
        if (c->too_large) {
                strcpy(ret_detail->text, "params too large");
                return -EINVAL;
        }
        if (c->detail.text[0] == '\0')
                return 0;
        *ret_detail = c->detail;
        return -EINVAL;
}

int params_create(const struct options *o, struct params_create *ret, struct params_detail *ret_detail)
{
        struct check c = begin(o);
        struct params_create p = { 0 };
        int r;

        get_id(&c, "appId", true, p.app_id);
        get_server(&c, &p);
        r = finish(&c, ret_detail);
        if (r == 0)
                *ret = p;
        return r;
}

int params_join(const struct options *o, struct params_join *ret, struct params_detail *ret_detail)
{
        struct check c = begin(o);
        struct params_join p = { 0 };
        const char *token, *e2ee_key;
        int r;

        get_id(&c, "roomId", true, p.room_id);
        token = get_token(&c);
        get_id(&c, "userId", true, p.user_id);
        get_room_config(&c, &p);
        e2ee_key = get_e2ee_key(&c);
        r = finish(&c, ret_detail);
        if (r < 0)
                return r;
        p.token = strdup(token);
        p.e2ee_key = e2ee_key ? strdup(e2ee_key) : NULL;
        if (!p.token || (e2ee_key && !p.e2ee_key)) {
                params_join_done(&p);
                return -ENOMEM;
        }
        *ret = p;
        return 0;
}

static char *secret_free(char *s)
{
        if (s)
                explicit_bzero(s, strlen(s));
        free(s);
        return NULL;
}

void params_join_done(struct params_join *p)
{
        p->token = secret_free(p->token);
        p->e2ee_key = secret_free(p->e2ee_key);
}

int params_exit(const struct options *o, struct params_detail *ret_detail)
{
        struct check c = begin(o);
        char room_id[ID_MAX + 1]; /* there is only one room: that it is an id is all that is asked */

        get_id(&c, "roomId", false, room_id);
        return finish(&c, ret_detail);
}

int params_capture(const struct options *o, struct params_state *ret, struct params_detail *ret_detail)
{
        struct check c = begin(o);
        struct params_state p = { 0 };
        int r;

        p.on = get_state(&c);
        r = finish(&c, ret_detail);
        if (r == 0)
                *ret = p;
        return r;
}

int params_visibility(const struct options *o, struct params_visibility *ret, struct params_detail *ret_detail)
{
        struct check c = begin(o);
        struct params_visibility p = { 0 };
        int r;

        get_boolean(&c, "visible", true, &p.visible);
        r = finish(&c, ret_detail);
        if (r == 0)
                *ret = p;
        return r;
}

static int get_stream(const struct options *o, bool has_user, struct params_stream *ret,
                      struct params_detail *ret_detail)
{
        struct check c = begin(o);
        struct params_stream p = { 0 };
        int r;

        p.on = get_state(&c);
        if (has_user)
                get_id(&c, "userId", true, p.user_id);
        get_stream_type(&c, &p);
        r = finish(&c, ret_detail);
        if (r == 0)
                *ret = p;
        return r;
}

int params_publish(const struct options *o, struct params_stream *ret, struct params_detail *ret_detail)
{
        return get_stream(o, false, ret, ret_detail);
}

int params_subscribe(const struct options *o, struct params_stream *ret, struct params_detail *ret_detail)
{
        return get_stream(o, true, ret, ret_detail);
}

int params_update_token(const struct options *o, struct params_token *ret, struct params_detail *ret_detail)
{
        struct check c = begin(o);
        const char *token = get_token(&c);
        int r = finish(&c, ret_detail);
        char *copy;

        if (r < 0)
                return r;
        copy = strdup(token);
        if (!copy)
                return -ENOMEM;
        ret->token = copy;
        return 0;
}

int params_playback_device(const struct options *o, struct params_device *ret, struct params_detail *ret_detail)
{
        struct check c = begin(o);
        const struct option *name = expect(&c, "device", OPTION_STRING, true);
        int r;

        if (name && name->string[0] == '\0')
                add_violation(&c.detail, "params.device should not be empty");
        else if (name && !voice_settings_is_device_name(name->string))
                add_violation(&c.detail, "params.device should be a node name");
        r = finish(&c, ret_detail);
        if (r == 0)
                strcpy(ret->name, name->string);
        return r;
}

int params_ans_mode(const struct options *o, struct params_mode *ret, struct params_detail *ret_detail)
{
        struct check c = begin(o);
        unsigned mode = get_number_choice(&c, "mode", ANS_MODE_MAX);
        int r = finish(&c, ret_detail);

        if (r == 0)
                ret->mode = mode;
        return r;
}

int params_switch_camera(const struct options *o, struct params_camera *ret, struct params_detail *ret_detail)
{
        struct check c = begin(o);
        const struct option *camera = expect(&c, "camera", OPTION_STRING, true);
        bool back = camera && strcmp(camera->string, "back") == 0;
        int r;

        if (camera && !back && strcmp(camera->string, "front") != 0)
                add_wrong_word(&c, "camera", "\"back\", \"front\"", camera->string);
        r = finish(&c, ret_detail);
        if (r == 0)
                ret->back = back;
        return r;
}

int params_video_encoder(const struct options *o, struct params_encoder *ret, struct params_detail *ret_detail)
{
        struct check c = begin(o), inner;
        const struct option *max = expect(&c, "maxSolution", OPTION_OBJECT, true);
        struct params_encoder p = { 0 };
        int r;

        if (max) {
                inner = (struct check){ .options = max->object, .path = "params.maxSolution", .detail = c.detail };
                p.width = get_number(&inner, "width", 16, 7680);
                p.height = get_number(&inner, "height", 16, 4320);
                p.frame_rate = get_number(&inner, "frameRate", 1, 120);
                c.detail = inner.detail;
        }
        r = finish(&c, ret_detail);
        if (r == 0)
                *ret = p;
        return r;
}

/* Exactly one of the two is said. */
static void get_content(struct check *c, struct params_message *ret)
{
        const struct option *data = options_get(c->options, "data"), *text;

        text = expect(c, "text", OPTION_STRING, !data);
        data = expect(c, "data", OPTION_ARRAY, false);
        ret->text = text != NULL;
        if (text && data) {
                add_violation(&c->detail, "%s.data should not be given with %s.text", c->path, c->path);
        } else if (text) {
                ret->data = text->string;
                ret->len = strlen(text->string);
        } else if (data && !data->array.is_bytes) {
                add_violation(&c->detail, "%s.data should be array of bytes", c->path);
        } else if (data) {
                ret->data = data->array.bytes;
                ret->len = data->array.n;
        }
        if (ret->len > ENGINE_MESSAGE_MAX)
                c->too_large = true;
}

static void get_topic(struct check *c, struct params_message *ret)
{
        const struct option *topic = expect(c, "topic", OPTION_STRING, false);

        ret->topic = topic ? topic->string : "";
        if (strlen(ret->topic) > ENGINE_TOPIC_MAX)
                add_violation(&c->detail, "%s.topic should be at most %d bytes", c->path, ENGINE_TOPIC_MAX);
}

static void get_destinations(struct check *c, struct params_message *ret)
{
        const struct option *o = expect(c, "destinations", OPTION_ARRAY, false);

        if (!o)
                return;
        if (!o->array.is_strings || o->array.n > ENGINE_DESTINATIONS_MAX) {
                add_violation(&c->detail, "%s.destinations should be array of at most %d strings", c->path,
                              ENGINE_DESTINATIONS_MAX);
                return;
        }
        ret->destinations = (const char *const *)o->array.strings;
        ret->n_destinations = o->array.n;
        for (size_t i = 0; i < o->array.n; i++)
                if (!params_is_id(o->array.strings[i])) {
                        add_violation(&c->detail, "%s.destinations should match [A-Za-z0-9_@.-]{1,%d}", c->path,
                                      ID_MAX);
                        return;
                }
}

int params_send_message(const struct options *o, struct params_message *ret, struct params_detail *ret_detail)
{
        struct params_message p = { .reliable = true };
        struct check c = begin(o);
        int r;

        get_content(&c, &p);
        get_topic(&c, &p);
        get_boolean(&c, "reliable", false, &p.reliable);
        if (p.text && !p.reliable)
                add_violation(&c.detail, "params.reliable should be true with params.text");
        get_destinations(&c, &p);
        r = finish(&c, ret_detail);
        if (r == 0)
                *ret = p;
        return r;
}
