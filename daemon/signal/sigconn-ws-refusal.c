/* sigconn-ws-refusal.c - see sigconn-ws-refusal.h.
 *
 * libsoup 3.2 reads the body of an answer to a WebSocket handshake and shows it to nobody but its logger, line by
 * line: so a logger without output is how to have it. Network thread. What is kept is bounded by the length of the
 * credentials and WS_REFUSAL_MAX.
 */
#include "signal/sigconn-ws-refusal.h"

#include <libsoup/soup.h>
#include <string.h>

#include "base/utf8.h"

enum { TELLING = 16 /* characters by which half a credential is known */ };

struct ws_refusal {
        const char *credentials; /* borrowed; "": none */
        size_t max;
        GString *text;
};

static void on_line(SoupLogger *logger, SoupLoggerLogLevel level, char direction, const char *line, gpointer data)
{
        struct ws_refusal *r = data;

        (void)logger;
        if (level != SOUP_LOGGER_LOG_BODY || direction != '<' || r->text->len >= r->max)
                return;
        if (r->text->len > 0)
                g_string_append_c(r->text, ' ');
        g_string_append_len(r->text, line, (gssize)strnlen(line, r->max));
}

struct ws_refusal *ws_refusal_new(SoupSession *session, const char *authorization)
{
        const char *space = authorization ? strchr(authorization, ' ') : NULL;
        g_autoptr(SoupLogger) logger = soup_logger_new(SOUP_LOGGER_LOG_BODY);
        struct ws_refusal *r = g_new0(struct ws_refusal, 1);

        r->credentials = space ? space + 1 : authorization ? authorization : "";
        r->max = WS_REFUSAL_MAX + strlen(r->credentials);
        r->text = g_string_new(NULL);
        soup_logger_set_max_body_size(logger, (int)r->max);
        soup_logger_set_printer(logger, on_line, r, NULL);
        soup_session_add_feature(session, SOUP_SESSION_FEATURE(logger));
        return r;
}

static void hide_credentials(struct ws_refusal *r)
{
        g_autofree char *beginning = g_strndup(r->credentials, TELLING);
        char *half;

        if (!*beginning)
                return;
        g_string_replace(r->text, r->credentials, "(hidden)", 0);
        half = strlen(beginning) == TELLING ? strstr(r->text->str, beginning) : NULL;
        if (half) /* quoted again, and cut */
                g_string_truncate(r->text, (gsize)(half - r->text->str));
}

const char *ws_refusal_text(struct ws_refusal *r, unsigned status)
{
        char *text;

        hide_credentials(r);
        if (r->text->len >= WS_REFUSAL_MAX)
                g_string_truncate(r->text, WS_REFUSAL_MAX - 1);
        text = r->text->str;
        utf8_trim(text);
        for (char *c = text; *c; c++)
                if (g_ascii_iscntrl(*c))
                        *c = ' ';
        g_strstrip(text);
        return *text ? text : soup_status_get_phrase(status);
}

struct ws_refusal *ws_refusal_free(struct ws_refusal *r)
{
        if (!r)
                return NULL;
        g_string_free(r->text, TRUE);
        g_free(r);
        return NULL;
}
