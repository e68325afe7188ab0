/* https-get.c - see https-get.h.
 *
 * Threads: one object with two counted references, control's and the network thread's. What is asked is written
 * before the start, the answer before it is handed to control, by whom the other's reference is dropped; `silent` is
 * control's alone, and everything of GLib the network thread's. Giving up cancels: libsoup answers that, too, so the
 * work has one end, on_done(). No memory or a full mailbox at control loses the answer: the caller has a deadline.
 */
#include "signal/https-get.h"

#include <errno.h>
#include <libsoup/soup.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "net/tls-trust.h"

enum { TEXT_MAX = 160, MAX_AGE_MAX_S = 86400 };

struct https_get {
        _Atomic int refs;
        struct net_thread *thread; /* borrowed */
        /* control */
        void (*answered)(const struct https_answer *a, void *ctx);
        void *ctx;
        bool silent;
        /* what is asked: owned */
        char *url, *authorization, *ca_file;
        size_t max_body;
        uint32_t timeout_ms;
        /* network thread: owned */
        SoupSession *session;
        SoupMessage *request;
        GCancellable *cancellable;
        GTlsDatabase *extra_ca;
        struct loop_source *timer;
        bool late;
        /* the answer */
        struct https_answer answer;
        char *body; /* owned; max_body + 2 bytes: one more than may come, and the NUL */
};

static struct https_get *get_unref(struct https_get *g)
{
        if (g && atomic_fetch_sub(&g->refs, 1) == 1) {
                free(g->url);
                if (g->authorization)
                        explicit_bzero(g->authorization, strlen(g->authorization));
                free(g->authorization);
                free(g->ca_file);
                free(g->body);
                free(g);
        }
        return NULL;
}

DEFINE_CLEANUP(struct https_get *, get_unref)

static void drop_ref(void *data)
{
        get_unref(data);
}

/* ---- the end ---- */

/* control */
static void run_answer(void *target, void *data)
{
        struct https_get *g = data;

        (void)target;
        if (!g->silent)
                g->answered(&g->answer, g->ctx);
}

/* Everything of GLib goes; the network thread's reference goes with the answer. */
static void finish(struct https_get *g)
{
        struct net_thread *thread = g->thread;

        g_signal_handlers_disconnect_by_data(g->request, g);
        g_clear_object(&g->request);
        soup_session_abort(g->session);
        g_clear_object(&g->session);
        g_clear_object(&g->extra_ca);
        g_clear_object(&g->cancellable);
        g->timer = loop_remove(g->timer);
        if (net_thread_reply(thread, run_answer, drop_ref, g) < 0)
                get_unref(g);
        net_thread_release(thread);
}

static void fail(struct https_get *g, int err, const char *text)
{
        g_strlcpy(g->body, text, MIN(g->max_body, TEXT_MAX));
        g->answer = (struct https_answer){ .err = err, .body = g->body, .len = strlen(g->body) };
}

static void fail_with(struct https_get *g, const GError *e)
{
        if (g->late)
                fail(g, -ETIMEDOUT, "no answer in time");
        else
                fail(g, g_error_matches(e, G_TLS_ERROR, G_TLS_ERROR_BAD_CERTIFICATE) ? -EKEYREJECTED : -EIO,
                     e->message);
}

/* ---- the answer ---- */

static uint32_t max_age(SoupMessage *request)
{
        const char *text = soup_message_headers_get_list(soup_message_get_response_headers(request), "Cache-Control");
        GHashTable *words = text ? soup_header_parse_param_list(text) : NULL;
        const char *age = words ? g_hash_table_lookup(words, "max-age") : NULL;
        guint64 seconds = age ? g_ascii_strtoull(age, NULL, 10) : 0;

        if (words)
                soup_header_free_param_list(words);
        return (uint32_t)MIN(seconds, MAX_AGE_MAX_S);
}

static void on_read(GObject *stream, GAsyncResult *result, gpointer data)
{
        struct https_get *g = data;
        g_autoptr(GError) error = NULL;
        gsize len = 0;

        if (!g_input_stream_read_all_finish(G_INPUT_STREAM(stream), result, &len, &error))
                fail_with(g, error);
        else if (len > g->max_body)
                fail(g, -EMSGSIZE, "the answer is too long");
        else {
                g->body[len] = '\0';
                g->answer = (struct https_answer){ .status = soup_message_get_status(g->request),
                                                   .max_age_s = max_age(g->request),
                                                   .body = g->body,
                                                   .len = len };
        }
        finish(g);
}

static void on_answered(GObject *session, GAsyncResult *result, gpointer data)
{
        struct https_get *g = data;
        g_autoptr(GError) error = NULL;
        g_autoptr(GInputStream) stream = soup_session_send_finish(SOUP_SESSION(session), result, &error);

        if (stream) {
                g_input_stream_read_all_async(stream, g->body, g->max_body + 1, G_PRIORITY_DEFAULT, g->cancellable,
                                              on_read, g);
                return;
        }
        fail_with(g, error);
        finish(g);
}

/* ---- asking ---- */

/* The system's authorities do not vouch for it: those of ca_file may. */
static gboolean on_certificate(SoupMessage *request, GTlsCertificate *certificate, GTlsCertificateFlags errors,
                               struct https_get *g)
{
        GUri *uri = soup_message_get_uri(request);
        g_autoptr(GSocketConnectable) identity = g_network_address_new(g_uri_get_host(uri), 443);

        (void)errors;
        return tls_trust_check(g->extra_ca, certificate, identity);
}

static void on_late(void *ctx)
{
        struct https_get *g = ctx;

        g->late = true;
        g_cancellable_cancel(g->cancellable);
}

static void ask(struct https_get *g)
{
        soup_message_add_flags(g->request, SOUP_MESSAGE_NO_REDIRECT);
        if (g->authorization)
                soup_message_headers_replace(soup_message_get_request_headers(g->request), "Authorization",
                                             g->authorization);
        g_signal_connect(g->request, "accept-certificate", G_CALLBACK(on_certificate), g);
        soup_session_send_async(g->session, g->request, G_PRIORITY_DEFAULT, g->cancellable, on_answered, g);
}

static void run_start(void *target, void *data)
{
        struct https_get *g = data;
        struct loop *loop = net_thread_loop(g->thread);

        (void)target;
        atomic_fetch_add(&g->refs, 1);
        net_thread_hold(g->thread);
        g->cancellable = g_cancellable_new();
        g->session = soup_session_new();
        g->request = soup_message_new(SOUP_METHOD_GET, g->url); /* https_get_new() has seen that it is a URL */
        if (g->ca_file)
                g->extra_ca = g_tls_file_database_new(g->ca_file, NULL); /* without it nobody vouches */
        (void)loop_add_timer(loop, loop_now_us(loop) + g->timeout_ms * US_PER_MS, on_late, g, &g->timer);
        ask(g);
}

static void run_cancel(void *target, void *data)
{
        struct https_get *g = data;

        (void)target;
        if (g->cancellable) /* else it is done */
                g_cancellable_cancel(g->cancellable);
}

/* ---- called from control ---- */

static int copy(const char *text, char **ret)
{
        *ret = text ? strdup(text) : NULL;
        return text && !*ret ? -ENOMEM : 0;
}

static int post(struct https_get *g, mail_fn run)
{
        int r;

        atomic_fetch_add(&g->refs, 1);
        r = net_thread_post(g->thread, run, drop_ref, g);
        if (r < 0)
                get_unref(g);
        return r;
}

int https_get_new(struct net_thread *net, const struct https_get_params *p,
                  void (*answered)(const struct https_answer *a, void *ctx), void *ctx, struct https_get **ret)
{
        _cleanup_(get_unrefp) struct https_get *g = NULL;
        int r;

        if (strncmp(p->url, "https://", 8) != 0 || !g_uri_is_valid(p->url, G_URI_FLAGS_NONE, NULL))
                return -EINVAL;
        g = calloc(1, sizeof(*g));
        if (!g)
                return -ENOMEM;
        *g = (struct https_get){ .refs = 1,
                                 .thread = net,
                                 .answered = answered,
                                 .ctx = ctx,
                                 .max_body = p->max_body,
                                 .timeout_ms = p->timeout_ms };
        g->body = malloc(g->max_body + 2);
        if (!g->body || copy(p->url, &g->url) < 0 || copy(p->authorization, &g->authorization) < 0 ||
            copy(p->ca_file, &g->ca_file) < 0)
                return -ENOMEM;
        r = post(g, run_start);
        if (r < 0)
                return r;
        *ret = take_ptr(g);
        return 0;
}

struct https_get *https_get_free(struct https_get *g)
{
        if (!g)
                return NULL;
        g->silent = true;
        (void)post(g, run_cancel); /* when it cannot be: it has a deadline */
        return get_unref(g);
}
