/* cmd-chat.c - chat and send: what is typed, or given, is said in a room in writing. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/ctl.h"

enum { LINE_MAX_BYTES = 60000, TO_MAX = 16, OUTCOME_US = 10000000, LINGER_US = 1000000 };

struct chat {
        const struct ctl *o;
        struct rtcroom_context *c;
        char to_text[TO_MAX * 129 + 1]; /* cut into `to` */
        const char *to[TO_MAX + 1];
        char line[LINE_MAX_BYTES + 1];
        size_t len;
        unsigned waiting; /* messages without an outcome */
        bool quiet;       /* nothing is waiting */
        bool said, refused;
};

static void on_fail(struct rtcroom_context *c, const struct rtcroom_error *e, void *user)
{
        struct chat *chat = user;

        (void)c;
        chat->refused = true;
        (void)fail(chat->o, EXIT_FAILED, "%s", e->err_msg);
}

static void on_complete(struct rtcroom_context *c, void *user)
{
        struct chat *chat = user;

        (void)c;
        chat->quiet = --chat->waiting == 0;
}

/* Several names with commas between them. False: too many. */
static bool read_destinations(struct chat *chat)
{
        char *save = NULL, *name;
        size_t n = 0;

        if (!chat->o->to)
                return true;
        if (strlen(chat->o->to) >= sizeof(chat->to_text))
                return false;
        strcpy(chat->to_text, chat->o->to);
        for (name = strtok_r(chat->to_text, ",", &save); name; name = strtok_r(NULL, ",", &save)) {
                if (n == TO_MAX)
                        return false;
                chat->to[n++] = name;
        }
        return n > 0;
}

static int say(struct chat *chat, const char *text)
{
        const struct rtcroom_callbacks cb = { .fail = on_fail, .complete = on_complete, .user = chat };
        const struct rtcroom_message m = {
                .topic = chat->o->topic, .text = text, .reliable = true, .destinations = chat->to[0] ? chat->to : NULL
        };
        int k = rtcroom_send_message(chat->c, &m, &cb);

        if (k < 0)
                return k;
        chat->waiting++;
        chat->said = true;
        chat->quiet = false;
        return 0;
}

static int say_lines(struct chat *chat)
{
        char *end;
        int k = 0;

        while (k >= 0 && (end = memchr(chat->line, '\n', chat->len))) {
                *end = '\0';
                if (end > chat->line)
                        k = say(chat, chat->line);
                chat->len -= (size_t)(end + 1 - chat->line);
                memmove(chat->line, end + 1, chat->len);
        }
        if (chat->len == LINE_MAX_BYTES) { /* longer than a message may be: in pieces */
                chat->line[chat->len] = '\0';
                chat->len = 0;
                k = say(chat, chat->line);
        }
        return k;
}

/* 1: standard input has ended. */
static int read_input(struct chat *chat)
{
        ssize_t n = read(STDIN_FILENO, chat->line + chat->len, LINE_MAX_BYTES - chat->len);

        if (n < 0)
                return errno == EINTR || errno == EAGAIN ? 0 : -errno;
        if (n == 0 && chat->len > 0) { /* a last line without its end */
                chat->line[chat->len] = '\0';
                chat->len = 0;
                return say(chat, chat->line) < 0 ? -EIO : 1;
        }
        chat->len += (size_t)n;
        return n == 0 ? 1 : say_lines(chat);
}

static int finish(struct session *s, struct chat *chat, struct rtcroom *r, int k)
{
        if (k == 0 && chat->waiting > 0)
                k = loop_until(r, &chat->quiet, OUTCOME_US);
        if (k == 0 && chat->said && !chat->refused) /* it was sent, which is not yet: it arrived */
                k = loop_until(r, session_ended(s), LINGER_US);
        return k < 0 ? k : chat->refused ? EXIT_REFUSED : k;
}

static int begin(struct session *s, struct rtcroom_context *c, struct chat **ret)
{
        struct chat *chat = calloc(1, sizeof(*chat));

        if (!chat)
                return -ENOMEM;
        chat->o = session_ctl(s);
        chat->c = c;
        session_keep(s, chat); /* outcomes may come while the room is being left */
        if (!read_destinations(chat))
                return fail(session_ctl(s), EXIT_REFUSED, "--to takes 1 to %d names", TO_MAX);
        *ret = chat;
        return 0;
}

/* Says what is typed until that ends, and stays as long as somebody sits there. */
static int stay_chatting(struct session *s, struct rtcroom *r, struct rtcroom_context *c)
{
        struct chat *chat;
        int k = begin(s, c, &chat);

        if (k != 0)
                return k;
        do {
                k = loop_until_input(r, session_ended(s), UINT64_MAX);
                if (k == 2)
                        k = read_input(chat) == 0 ? 2 : 0;
        } while (k == 2);
        return finish(s, chat, r, k);
}

int cmd_chat(struct ctl *o, int argc, char **argv)
{
        if (argc != 1)
                return fail(o, EXIT_USAGE, "usage: rtcroomctl chat ROOM --app APPID --user USER [--to USER,…]");
        return with_room(o, argv[0], stay_chatting);
}

static int stay_to_send(struct session *s, struct rtcroom *r, struct rtcroom_context *c)
{
        struct chat *chat;
        int k = begin(s, c, &chat);

        if (k != 0)
                return k;
        return finish(s, chat, r, say(chat, session_ctl(s)->message));
}

int cmd_send(struct ctl *o, int argc, char **argv)
{
        if (argc != 2)
                return fail(o, EXIT_USAGE, "usage: rtcroomctl send ROOM TEXT --app APPID --user USER [--to USER,…]");
        o->message = argv[1];
        o->no_publish = o->no_subscribe = true; /* it is not there to talk */
        return with_room(o, argv[0], stay_to_send);
}
