/* real.c - see real.h. */
#include "conformance/real.h"

#include <dirent.h>
#include <netinet/in.h>
#include <signal.h>

#include "lib/test.h"
#include "lib/vloop.h"

enum { SETTLE_MS = 100 };

void real_init(struct bed *b, struct real *r, const struct engine_ops *ops)
{
        b->far = r;
        b->ops = ops;
        b->env.rng = &rand_system;
        b->env.net = &r->net;
}

void real_done(struct real *r)
{
        for (size_t i = 0; i < ARRAY_SIZE(r->others); i++)
                if (r->others[i].engine)
                        r->others[i].engine->ops->free(r->others[i].engine);
        if (r->stopped)
                ASSERT_EQ(kill(r->stopped, SIGCONT), 0);
}

static void step(struct bed *b)
{
        static const bool never;

        (void)vloop_run_until(b->loop, &never, 0);
}

static void await_lines(struct bed *b, const struct recorder *rec, const char *lines)
{
        for (unsigned ms = 0; !recorder_has(rec, lines); ms++) {
                if (ms == REAL_PATIENCE_MS)
                        test_fail(__FILE__, __LINE__, "no \"%s\" in \"%s\"", lines, rec->text);
                step(b);
        }
}

void real_run(struct bed *b, const char *lines)
{
        await_lines(b, &b->rec, lines);
        for (unsigned ms = 0; ms < SETTLE_MS; ms++)
                step(b);
}

void real_stop(struct bed *b, pid_t pid)
{
        ASSERT_EQ(kill(pid, SIGSTOP), 0);
        ((struct real *)b->far)->stopped = pid;
}

/* ---- others in the room ---- */

static struct other *find(struct bed *b, const char *user_id)
{
        struct real *r = b->far;

        return &r->others[strcmp(r->others[0].name, user_id) != 0];
}

void real_enters(struct bed *b, const char *user_id)
{
        struct engine_join params = bed_join_params(b, user_id);
        struct real *r = b->far;
        struct other *o = &r->others[r->others[0].engine != NULL];

        ASSERT(!o->engine);
        (void)snprintf(o->name, sizeof(o->name), "%s", user_id);
        ASSERT_OK(engine_new(b->ops, &b->env, &b->server, &recorder_events, &o->rec, &o->engine));
        ASSERT_OK(o->engine->ops->join(o->engine, 1, &params));
        await_lines(b, &o->rec, "done 1 ok; ");
}

void real_exits(struct bed *b, const char *user_id)
{
        struct other *o = find(b, user_id);

        ASSERT_OK(o->engine->ops->leave(o->engine, 2));
        await_lines(b, &o->rec, "done 2 ok; ");
}

bool real_sees_us(struct bed *b, const char *user_id)
{
        return recorder_has(&find(b, user_id)->rec, " me");
}

void real_replace_us(struct bed *b)
{
        real_enters(b, "me");
}

/* ---- connections that are cut ---- */

bool real_leads_to(const struct bed *b, const struct sockaddr_storage *peer)
{
        return peer->ss_family == AF_INET && ntohs(((const struct sockaddr_in *)peer)->sin_port) == b->server.port;
}

void real_cut(const struct bed *b, bool (*leads)(const struct bed *b, const struct sockaddr_storage *peer))
{
        DIR *d = opendir("/proc/self/fd");
        unsigned cut = 0;

        ASSERT(d);
        for (struct dirent *e = readdir(d); e; e = readdir(d)) {
                struct sockaddr_storage peer = { 0 };
                socklen_t len = sizeof(peer);

                if (getpeername(atoi(e->d_name), (struct sockaddr *)&peer, &len) == 0 && leads(b, &peer))
                        cut += shutdown(atoi(e->d_name), SHUT_RDWR) == 0;
        }
        closedir(d);
        ASSERT_GE(cut, 1);
}
