/* output.c - text for people, one JSON object a line for programs. See ctl.h. */
#include <errno.h>
#include <json-c/json.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/utf8.h"
#include "ctl/ctl.h"

uint64_t ctl_now_us(void)
{
        struct timespec ts;

        clock_gettime(CLOCK_MONOTONIC, &ts);
        return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

void print_json(struct json_object *o)
{
        puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
        json_object_put(o);
}

struct json_object *event_json(const struct ctl *o, const char *event)
{
        struct json_object *j = json_object_new_object();

        json_object_object_add(j, "ms", json_object_new_int64((int64_t)(ctl_now_us() - o->start_us) / 1000));
        json_object_object_add(j, "event", json_object_new_string(event));
        return j;
}

static bool is_control(const char *p, size_t n)
{
        const unsigned char *c = (const unsigned char *)p;

        return n == 1 ? c[0] < ' ' || c[0] == 0x7f : n == 2 && c[0] == 0xc2 && c[1] < 0xa0;
}

static void print_shown(FILE *to, const char *text)
{
        for (size_t n; *text; text += n) {
                n = utf8_character(text);
                if (n > 0 && !is_control(text, n)) {
                        (void)fwrite(text, 1, n, to);
                        continue;
                }
                n = n ? n : 1;
                for (size_t i = 0; i < n; i++)
                        fprintf(to, "\\x%02x", (unsigned char)text[i]);
        }
}

__attribute__((format(printf, 2, 0))) static void print_args(FILE *to, const char *fmt, va_list ap)
{
        char text[4096];

        vsnprintf(text, sizeof(text), fmt, ap);
        print_shown(to, text);
}

void print_part(FILE *to, const char *fmt, ...)
{
        va_list ap;

        va_start(ap, fmt);
        print_args(to, fmt, ap);
        va_end(ap);
}

void print_line(FILE *to, const char *fmt, ...)
{
        va_list ap;

        va_start(ap, fmt);
        print_args(to, fmt, ap);
        va_end(ap);
        fputc('\n', to);
}

int meter_cells(double level, int width)
{
        double db = level > 0 ? 20 * log10(level) : -100;
        int cells = (int)((db + 60) / 60 * width + 0.5);

        return cells < 0 ? 0 : cells > width ? width : cells;
}

void print_event(const struct ctl *o, const char *fmt, ...)
{
        va_list ap;

        printf("%8.3f s  ", (double)(ctl_now_us() - o->start_us) / 1e6);
        va_start(ap, fmt);
        print_args(stdout, fmt, ap);
        va_end(ap);
        putchar('\n');
}

int fail(const struct ctl *o, int code, const char *fmt, ...)
{
        char text[600];
        va_list ap;

        va_start(ap, fmt);
        vsnprintf(text, sizeof(text), fmt, ap);
        va_end(ap);
        if (o->json) {
                struct json_object *j = event_json(o, "error");

                json_object_object_add(j, "text", json_object_new_string(text));
                json_object_object_add(j, "exitCode", json_object_new_int(code));
                print_json(j);
        } else {
                print_line(stderr, "rtcroomctl: %s", text);
        }
        return code;
}

int fail_errno(const struct ctl *o, struct rtcroom *r, int err)
{
        const char *words = rtcroom_last_error(r);
        int code = EXIT_FAILED;

        if (err == -EACCES)
                code = EXIT_DENIED;
        else if (err == -ENOENT)
                code = EXIT_NO_ROOM;
        else if (err == -ENOTCONN || err == -ETIMEDOUT)
                code = EXIT_NO_DAEMON;
        return fail(o, code, "%s", *words ? words : strerror(-err));
}

/* ---- events ---- */

static void on_list(const struct ctl *o, const char *event, const char *text, const char *const *ids)
{
        if (o->json) {
                struct json_object *j = event_json(o, event), *list = json_object_new_array();

                for (; *ids; ids++)
                        json_object_array_add(list, json_object_new_string(*ids));
                json_object_object_add(j, "userIdList", list);
                print_json(j);
                return;
        }
        char line[1024] = "";
        for (size_t at = 0; *ids && at < sizeof(line) - 1; ids++)
                at += (size_t)snprintf(line + at, sizeof(line) - at, " %s", *ids);
        print_event(o, "%s:%s", text, *line ? line : " (nobody)");
}

static void on_members(struct rtcroom_context *c, const char *const *ids, void *user)
{
        (void)c;
        on_list(user, "members", "in the room", ids);
}

static void on_speakers(struct rtcroom_context *c, const char *const *ids, void *user)
{
        (void)c;
        on_list(user, "speakers", "speaking", ids);
}

static void on_video(struct rtcroom_context *c, const char *const *ids, void *user)
{
        (void)c;
        on_list(user, "videoMembers", "with video", ids);
}

static void on_screen(struct rtcroom_context *c, const char *const *ids, void *user)
{
        (void)c;
        on_list(user, "screenMembers", "sharing a screen", ids);
}

static void on_code(const struct ctl *o, const char *event, const char *text, int err_no, const char *err_msg)
{
        if (o->json) {
                struct json_object *j = event_json(o, event);

                json_object_object_add(j, "errNo", json_object_new_int(err_no));
                json_object_object_add(j, "errMsg", json_object_new_string(err_msg));
                print_json(j);
        } else {
                print_event(o, "%s: %s (%d)", text, err_msg, err_no);
        }
}

static void on_state(struct rtcroom_context *c, int err_no, const char *err_msg, void *user)
{
        (void)c;
        on_code(user, "state", "state", err_no, err_msg);
}

static void on_interrupted(struct rtcroom_context *c, int err_no, const char *err_msg, void *user)
{
        (void)c;
        on_code(user, "interrupted", "interrupted", err_no, err_msg);
}

static void on_will_expire(struct rtcroom_context *c, void *user)
{
        (void)c;
        on_code(user, "tokenWillExpire", "the token will expire", 0, "");
}

static void on_gone(struct rtcroom_context *c, void *user)
{
        (void)c;
        on_code(user, "gone", "the daemon ended", 0, "");
}

static struct json_object *quality_json(const struct rtcroom_quality *q)
{
        struct json_object *j = json_object_new_object();

        json_object_object_add(j, "userId", json_object_new_string(q->user_id));
        json_object_object_add(j, "lossRate", json_object_new_double(q->loss_rate));
        json_object_object_add(j, "rtt", json_object_new_int64(q->rtt_ms));
        json_object_object_add(j, "bitrate", json_object_new_int64(q->bitrate));
        json_object_object_add(j, "txQuality", json_object_new_int64(q->tx_grade));
        json_object_object_add(j, "rxQuality", json_object_new_int64(q->rx_grade));
        return j;
}

/* In text only what is worth a line every two seconds: a connection that can be heard to be bad. */
static void on_quality(struct rtcroom_context *c, const struct rtcroom_quality *local,
                       const struct rtcroom_quality *remote, size_t n, void *user)
{
        static const char *const words[] = { "unknown", "excellent", "good", "poor", "bad", "very bad", "down" };
        uint32_t worst = local->tx_grade > local->rx_grade ? local->tx_grade : local->rx_grade;
        const struct ctl *o = user;

        (void)c;
        if (o->json) {
                struct json_object *j = event_json(o, "quality"), *list = json_object_new_array();

                for (size_t i = 0; i < n; i++)
                        json_object_array_add(list, quality_json(&remote[i]));
                json_object_object_add(j, "local", quality_json(local));
                json_object_object_add(j, "remote", list);
                print_json(j);
        } else if (worst >= 3) {
                print_event(o, "connection: %s (%.0f %% of what is sent is lost, round trip %u ms)",
                            words[worst < 6 ? worst : 6], 100 * local->loss_rate, local->rtt_ms);
        }
}

static void add_data(struct json_object *j, const struct rtcroom_message *m)
{
        const uint8_t *bytes = m->data;
        struct json_object *list = json_object_new_array();

        for (size_t i = 0; i < m->len; i++)
                json_object_array_add(list, json_object_new_int(bytes[i]));
        json_object_object_add(j, "data", list);
}

static void print_message_json(const struct ctl *o, const struct rtcroom_message *m)
{
        struct json_object *j = event_json(o, "message"), *to = json_object_new_array();

        add_text(j, "userId", m->user_id);
        add_text(j, "topic", m->topic);
        add_flag(j, "reliable", m->reliable);
        for (const char *const *d = m->destinations; d && *d; d++)
                json_object_array_add(to, json_object_new_string(*d));
        json_object_object_add(j, "destinations", to);
        if (m->text)
                add_text(j, "text", m->text);
        else
                add_data(j, m);
        print_json(j);
}

static void on_message(struct rtcroom_context *c, const struct rtcroom_message *m, void *user)
{
        const char *who = m->user_id[0] ? m->user_id : "(the server)", *only = m->destinations ? " (not to all)" : "";
        const struct ctl *o = user;

        (void)c;
        if (o->json)
                print_message_json(o, m);
        else if (m->text)
                print_event(o, "%s%s%s%s: %s", who, m->topic[0] ? " on " : "", m->topic, only, m->text);
        else
                print_event(o, "%s%s%s%s: %zu bytes", who, m->topic[0] ? " on " : "", m->topic, only, m->len);
}

const struct rtcroom_events printing_events = {
        .message_received = on_message,
        .network_quality = on_quality,
        .members_changed = on_members,
        .speakers_changed = on_speakers,
        .video_members_changed = on_video,
        .screen_members_changed = on_screen,
        .state_changed = on_state,
        .interrupted = on_interrupted,
        .token_will_expire = on_will_expire,
        .gone = on_gone,
};

void add_text(struct json_object *j, const char *name, const char *text)
{
        json_object_object_add(j, name, json_object_new_string(text));
}

void add_flag(struct json_object *j, const char *name, bool flag)
{
        json_object_object_add(j, name, json_object_new_boolean(flag));
}
