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

static void get_boolean(struct check *c, const char *key, bool *ret)
{
        const struct option *o = expect(c, key, OPTION_BOOLEAN, false);

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

static void get_state(struct check *c, bool *ret)
{
        const struct option *o = expect(c, "state", OPTION_NUMBER, true);
        bool on = o && o->number == 1, off = o && o->number == 0;

        if (o && !on && !off) {
                char shown[32];

                format_number(o->number, shown, sizeof(shown));
                add_violation(&c->detail, "expect %s.state to be one of 0, 1, but got %s", c->path, shown);
        }
        *ret = on;
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

static void get_stream_type(struct check *c, struct params_stream *ret)
{
        const struct option *o = expect(c, "streamType", OPTION_STRING, false);
        const char *type = o ? o->string : "both";

        ret->audio = strcmp(type, "audio") == 0 || strcmp(type, "both") == 0;
        ret->video = strcmp(type, "video") == 0 || strcmp(type, "both") == 0;
        if (!ret->audio && !ret->video)
                add_violation(&c->detail,
                              "expect %s.streamType to be one of \"audio\", \"video\", \"both\", but got %.*s",
                              c->path, shown_length(type), type);
}

static void get_room_config(struct check *c, struct params_join *ret)
{
        const struct option *o = expect(c, "roomConfig", OPTION_OBJECT, false);
        struct check inner;

        ret->auto_publish = ret->auto_subscribe = true;
        if (!o)
                return;
        inner = (struct check){ .options = o->object, .path = "params.roomConfig", .detail = c->detail };
        get_boolean(&inner, "autoPublish", &ret->auto_publish);
        get_boolean(&inner, "autoSubscribe", &ret->auto_subscribe);
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
        const char *token;
        int r;

        get_id(&c, "roomId", true, p.room_id);
        token = get_token(&c);
        get_id(&c, "userId", true, p.user_id);
        get_room_config(&c, &p);
        r = finish(&c, ret_detail);
        if (r < 0)
                return r;
        p.token = strdup(token);
        if (!p.token)
                return -ENOMEM;
        *ret = p;
        return 0;
}

void params_join_done(struct params_join *p)
{
        free(p->token);
        p->token = NULL;
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

        get_state(&c, &p.on);
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

        get_state(&c, &p.on);
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
