/* subject-janus-real.c - see conformance.h: the janus engine on a real Janus, and the embedded engine with its own.
 * What nobody but an administrator may do goes over a connection of the test's own. */
#include <dirent.h>
#include <sys/un.h>

#include "base/clock.h"
#include "conformance/real.h"
#include "engine/embedded/embedded.h"
#include "engine/embedded/janus-child.h"
#include "engine/janus/janus.h"
#include "lib/test.h"
#include "lib/vloop.h"
#include "net/net-thread.h"
#include "signal/sigconn-unix.h"
#include "signal/sigconn-ws.h"
#include "wire/janus-token.h"

struct far {
        struct real real;
        struct janus_child *child; /* embedded only */
        struct janus_user *user;   /* of the child, when it had to be there before the join */
};

/* ---- the bed ---- */

static struct far *set_up(struct bed *b, const struct engine_ops *ops)
{
        struct far *f = calloc(1, sizeof(*f));

        ASSERT(f);
        real_init(b, &f->real, ops);
        return f;
}

static void set_up_remote(struct bed *b)
{
        if (!getenv("JANUS_URL"))
                test_skip("run it under lib/janus.sh");
        (void)set_up(b, &janus_engine_ops);
        ASSERT_OK(url_parse(getenv("JANUS_URL"), &b->server));
}

static void set_up_embedded(struct bed *b)
{
        struct far *f;

        if (!getenv("TEST_FOLDER"))
                test_skip("run it under lib/in-folder.sh");
        f = set_up(b, &embedded_engine_ops);
        b->env.janus = &f->child;
        b->env.runtime_dir = getenv("TEST_FOLDER");
        b->env.embedded_idle_s = 60;
        ASSERT_OK(url_parse("embedded:", &b->server));
}

static void tear_down(struct bed *b)
{
        struct far *f = b->far;

        real_done(&f->real);
        janus_child_release(f->user);
        janus_child_free(f->child);
        net_thread_free(f->real.net);
        free(f);
}

/* ---- a server that hangs ---- */

static void on_ready(const struct engine_result *res, void *ctx)
{
        ASSERT_EQ(res->reason, ENGINE_OK);
        *(bool *)ctx = true;
}

static void secret_of(const struct engine_join *params, char ret[JANUS_SECRET_SIZE])
{
        ASSERT_OK(janus_token_secret(params->app_key, params->app_id, ret));
}

/* The private Janus runs, whether or not somebody joined. */
static void need_child(struct bed *b)
{
        struct engine_join params = bed_join_params(b, "");
        struct far *f = b->far;
        char secret[JANUS_SECRET_SIZE];
        bool ready = false;

        if (f->user)
                return;
        secret_of(&params, secret);
        ASSERT_OK(janus_child_acquire(f->child, secret, on_ready, &ready, &f->user));
        ASSERT(vloop_run_until(b->loop, &ready, REAL_PATIENCE_MS));
}

static pid_t parent_of(pid_t pid)
{
        char path[64], text[512] = "";
        const char *after;
        int parent = 0;
        FILE *file;

        snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
        file = fopen(path, "re");
        if (file && fgets(text, sizeof(text), file) && (after = strrchr(text, ')')))
                (void)sscanf(after, ") %*c %d", &parent);
        if (file)
                fclose(file);
        return parent;
}

/* The one process that we have started. */
static pid_t find_our_child(void)
{
        DIR *d = opendir("/proc");
        pid_t found = 0;

        ASSERT(d);
        for (struct dirent *e = readdir(d); e; e = readdir(d))
                if (atoi(e->d_name) > 0 && parent_of(atoi(e->d_name)) == getpid())
                        found = atoi(e->d_name);
        closedir(d);
        ASSERT(found);
        return found;
}

static void hang_remote(struct bed *b)
{
        real_stop(b, atoi(getenv("JANUS_PID")));
}

static void hang_embedded(struct bed *b)
{
        need_child(b);
        real_stop(b, find_our_child());
}

/* ---- the administrator ---- */

struct hand {
        struct bed *bed;
        struct sigconn *conn; /* owned */
        bool opened, answered;
        char answer[2048], token[512];
};

static void on_opened(void *ctx)
{
        ((struct hand *)ctx)->opened = true;
}

static void on_message(const char *data, size_t len, bool binary, void *ctx)
{
        struct hand *h = ctx;

        (void)len, (void)binary;
        if (!strstr(data, "\"ours\""))
                return; /* news, not an answer */
        h->answered = true;
        (void)snprintf(h->answer, sizeof(h->answer), "%s", data);
}

static void on_closed(int err, unsigned http_status, const char *text, void *ctx)
{
        (void)ctx;
        test_fail(__FILE__, __LINE__, "closed: %d, %u, %s", err, http_status, text);
}

static const struct sigconn_events hand_events = { 0, on_opened, on_message, on_closed };

static void hand_open(struct hand *h, struct bed *b, struct sigconn_provider via, const char *url)
{
        struct engine_join params = bed_join_params(b, "");
        struct sigconn_params where = { .url = url, .subprotocol = "janus-protocol" };
        char secret[JANUS_SECRET_SIZE];
        _cleanup_free_ char *token = NULL;

        *h = (struct hand){ .bed = b };
        secret_of(&params, secret);
        ASSERT_OK(janus_token_sign_api(secret, clock_realtime_us() / US_PER_SEC + 60, &token));
        (void)snprintf(h->token, sizeof(h->token), "%s", token);
        ASSERT_OK(via.ops->open(via.factory, &where, &hand_events, h, &h->conn));
        ASSERT(vloop_run_until(b->loop, &h->opened, REAL_PATIENCE_MS));
}

/* The members of the request after token and transaction; returns the number called "id" in the answer, or 0. */
static unsigned long long ask(struct hand *h, const char *members)
{
        char text[2048];
        const char *id;
        int n = snprintf(text, sizeof(text), "{\"transaction\":\"ours\",\"token\":\"%s\",%s}", h->token, members);

        h->answered = false;
        ASSERT_OK(h->conn->ops->send(h->conn, text, (size_t)n, false));
        ASSERT(vloop_run_until(h->bed->loop, &h->answered, REAL_PATIENCE_MS));
        if (!strstr(h->answer, "\"success\""))
                test_fail(__FILE__, __LINE__, "%s: %s", text, h->answer);
        id = strstr(h->answer, "\"id\":");
        return id ? strtoull(id + strlen("\"id\":"), NULL, 10) : 0;
}

/* A request to the room plugin about the bed's room, with the room's secret. */
static void administer(struct hand *h, const char *request)
{
        struct engine_join params = bed_join_params(h->bed, "me");
        char text[1024], room[JANUS_ROOM_NAME_SIZE], secret[JANUS_SECRET_SIZE];
        unsigned long long session, handle;

        ASSERT_OK(janus_room_name(params.app_id, params.room_id, room));
        ASSERT_OK(janus_token_room_secret(params.app_key, room, secret));
        session = ask(h, "\"janus\":\"create\"");
        snprintf(text, sizeof(text),
                 "\"janus\":\"attach\",\"session_id\":%llu,\"plugin\":\"" JANUS_PLUGIN_VIDEOROOM "\"", session);
        handle = ask(h, text);
        snprintf(text, sizeof(text),
                 "\"janus\":\"message\",\"session_id\":%llu,\"handle_id\":%llu,\"body\":{\"room\":\"%s\",\"secret\":"
                 "\"%s\","
                 "%s}",
                 session, handle, room, secret, request);
        (void)ask(h, text);
        h->conn->ops->close(h->conn);
}

static const char kick[] = "\"request\":\"kick\",\"id\":\"me\"";

/* A room of this name is there, and it is for others. */
static void lock_room(struct hand *h)
{
        struct engine_join params = bed_join_params(h->bed, "me");
        char request[256], secret[JANUS_SECRET_SIZE], key[JANUS_SECRET_SIZE];

        secret_of(&params, secret);
        ASSERT_OK(janus_token_create_key(secret, key));
        snprintf(request, sizeof(request), "\"request\":\"create\",\"allowed\":[\"them\"],\"admin_key\":\"%s\"", key);
        administer(h, request);
}

static void open_remote(struct hand *h, struct bed *b)
{
        struct net_thread *net;
        char url[512];

        ASSERT_OK(engine_env_net(&b->env, &net));
        ASSERT_OK(url_to_ws(&b->server, url, sizeof(url)));
        hand_open(h, b, sigconn_ws_provider(net), url);
}

static void open_embedded(struct hand *h, struct bed *b)
{
        struct far *f = b->far;

        need_child(b);
        hand_open(h, b, sigconn_unix_provider(b->loop), janus_child_url(f->child));
}

static void kick_us_remote(struct bed *b)
{
        struct hand h;

        open_remote(&h, b);
        administer(&h, kick);
}

static void kick_us_embedded(struct bed *b)
{
        struct hand h;

        open_embedded(&h, b);
        administer(&h, kick);
}

static void fail_join_remote(struct bed *b)
{
        struct hand h;

        open_remote(&h, b);
        lock_room(&h);
}

static void fail_join_embedded(struct bed *b)
{
        struct hand h;

        open_embedded(&h, b);
        lock_room(&h);
}

/* ---- connections that are cut ---- */

static void lose_remote(struct bed *b)
{
        real_cut(b, real_leads_to);
}

static bool leads_to_child(const struct bed *b, const struct sockaddr_storage *peer)
{
        const char *url = janus_child_url(*b->env.janus);

        return url && peer->ss_family == AF_UNIX &&
               strcmp(((const struct sockaddr_un *)peer)->sun_path, url + strlen("unix:")) == 0;
}

static void lose_embedded(struct bed *b)
{
        real_cut(b, leads_to_child);
}

const struct subject subject_remote = { "janus, real",    set_up_remote,   tear_down,   real_run,    hang_remote,
                                        fail_join_remote, "invalid token", real_enters, real_exits,  real_sees_us,
                                        real_replace_us,  kick_us_remote,  true,        lose_remote, true };
const struct subject subject_embedded = {
        "embedded, real",   set_up_embedded,  tear_down,   real_run,      hang_embedded,
        fail_join_embedded, "invalid token",  real_enters, real_exits,    real_sees_us,
        real_replace_us,    kick_us_embedded, true,        lose_embedded, true
};
