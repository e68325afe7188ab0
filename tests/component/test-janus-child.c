/* test-janus-child.c - the supervisor of the private Janus, with a stand-in for Janus and for the interfaces of the
 * machine. Processes and sockets are real, time is virtual: waiting for a process goes in steps of a millisecond, a
 * back-off is jumped over. */
#include "engine/embedded/janus-child.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "fakes/janus-stand-in.h"
#include "lib/test.h"
#include "lib/vloop.h"

enum { IDLE_S = 30 };

/* ---- the machine's interfaces ---- */

static struct sockaddr_in v4 = { .sin_family = AF_INET };
static struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
static char lo[] = "lo", eth0[] = "eth0";
static struct ifaddrs interfaces[] = {
        { &interfaces[1], lo, IFF_UP | IFF_RUNNING | IFF_LOOPBACK, (struct sockaddr *)&v4, NULL, { NULL }, NULL },
        { NULL, eth0, IFF_UP | IFF_RUNNING, (struct sockaddr *)&v4, NULL, { NULL }, NULL },
};

int getifaddrs(struct ifaddrs **ret)
{
        *ret = interfaces;
        return 0;
}

void freeifaddrs(struct ifaddrs *all)
{
        ASSERT(all == interfaces);
}

static void interface_is(unsigned flags, void *address)
{
        interfaces[1].ifa_flags = flags;
        interfaces[1].ifa_addr = address;
}

/* ---- bed ---- */

struct user {
        struct janus_child *child;
        struct janus_user *handle;
        struct engine_result res;
        unsigned answers;
        struct user *releases; /* from inside the answer */
        struct user *acquires; /* likewise, with the secret … */
        const char *other_secret;
};

struct bed {
        struct janus_stand_in janus;
        struct loop *loop;
        struct janus_child *child;
        struct engine_env env;
        char listen[32];
        uint16_t port;
        struct user a, b;
};

static void bed_init(struct bed *b)
{
        *b = (struct bed){ .loop = vloop_new(1000 * US_PER_SEC) };
        janus_stand_in_init(&b->janus);
        b->env = (struct engine_env){
                .loop = b->loop, .runtime_dir = b->janus.runtime, .janus = &b->child, .embedded_idle_s = IDLE_S
        };
        interface_is(IFF_UP | IFF_RUNNING, &v4);
        ASSERT_OK(janus_child_get(&b->env, &b->child));
        b->a.child = b->b.child = b->child;
}

static void release(struct user *u)
{
        u->handle = janus_child_release(u->handle);
}

static void bed_done(struct bed *b)
{
        release(&b->a);
        release(&b->b);
        janus_child_free(b->child);
        ASSERT(!janus_stand_in_is_up(&b->janus)); /* nothing is left of it */
        ASSERT(waitpid(-1, NULL, WNOHANG) < 0);   /* no process, no zombie */
        ASSERT_EQ(errno, ECHILD);
        vloop_free(b->loop);
        janus_stand_in_done(&b->janus);
}

#define _bed_ _cleanup_(bed_done) struct bed

static void acquire(struct user *u, const char *secret);

static void on_ready(const struct engine_result *res, void *ctx)
{
        struct user *u = ctx;

        u->res = *res;
        u->answers++;
        if (u->acquires)
                acquire(u->acquires, u->other_secret);
        if (u->releases)
                release(u->releases);
}

static void acquire(struct user *u, const char *secret)
{
        u->answers = 0;
        ASSERT_OK(janus_child_acquire(u->child, secret, on_ready, u, &u->handle));
        ASSERT_EQ(u->answers, 0); /* never from inside */
}

/* A millisecond of both times. */
static void step(struct bed *b)
{
        static const bool never;

        (void)vloop_run_until(b->loop, &never, 0);
}

#define AWAIT(b, condition)                                                             \
        do {                                                                            \
                for (unsigned _i = 0; !(condition); _i++) {                             \
                        if (_i == 5000)                                                 \
                                test_fail(__FILE__, __LINE__, "never: %s", #condition); \
                        step(b);                                                        \
                }                                                                       \
        } while (0)

static void acquire_well(struct bed *b, struct user *u, const char *secret)
{
        acquire(u, secret);
        AWAIT(b, u->answers > 0);
        ASSERT_EQ(u->res.reason, ENGINE_OK);
}

static void expect_failure(struct bed *b, struct user *u, enum engine_reason reason, const char *detail)
{
        AWAIT(b, u->answers > 0);
        ASSERT_EQ(u->res.reason, reason);
        ASSERT_STR(u->res.detail, detail);
        ASSERT_EQ(u->answers, 1);
        ASSERT(!janus_stand_in_is_up(&b->janus)); /* nor is the secret on the disk */
}

/* Until its parent, which we are, has reaped it. */
static void kill_it(struct bed *b)
{
        pid_t pid = janus_stand_in_pid(&b->janus);

        ASSERT_EQ(kill(pid, SIGKILL), 0);
        AWAIT(b, kill(pid, 0) < 0);
}

/* A port that is free now; the address is configured. */
static void listen_at_a_free_port(struct bed *b)
{
        struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        socklen_t len = sizeof(a);

        ASSERT_OK(bind(fd, (struct sockaddr *)&a, sizeof(a)));
        ASSERT_OK(getsockname(fd, (struct sockaddr *)&a, &len));
        close(fd);
        b->port = ntohs(a.sin_port);
        snprintf(b->listen, sizeof(b->listen), "127.0.0.1:%u", b->port);
        b->env.embedded_listen = b->listen;
}

static int connect_guest(const struct bed *b)
{
        struct sockaddr_in a = { .sin_family = AF_INET,
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                 .sin_port = htons(b->port) };
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        ASSERT_EQ(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
        return fd;
}

/* ---- start ---- */

TEST(started_on_first_use)
{
        _bed_ b;
        struct janus_child *same = NULL;

        bed_init(&b);
        vloop_run_for(b.loop, 10 * US_PER_SEC);
        ASSERT(!janus_stand_in_is_up(&b.janus));
        ASSERT_OK(janus_child_get(&b.env, &same));
        ASSERT(same == b.child);
        ASSERT(strncmp(janus_child_url(b.child), "unix:/", 6) == 0);
        acquire_well(&b, &b.a, "5ec7e7");
        acquire_well(&b, &b.b, "5ec7e7"); /* the same process */
        vloop_run_for(b.loop, 10 * IDLE_S * US_PER_SEC);
        ASSERT_EQ(b.a.answers, 1);
        ASSERT_EQ(b.b.answers, 1);
        ASSERT_EQ(janus_stand_in_starts(&b.janus), 1);
}

TEST(not_installed)
{
        _bed_ b;

        bed_init(&b);
        setenv("RTCROOMD_JANUS", "/dev/null/janus", 1);
        acquire(&b.a, "5ec7e7");
        acquire(&b.b, "5ec7e7");
        expect_failure(&b, &b.a, ENGINE_NOT_INSTALLED, "janus is not installed");
        expect_failure(&b, &b.b, ENGINE_NOT_INSTALLED, "janus is not installed");
}

TEST(without_an_address_it_is_not_even_started)
{
        _bed_ b;

        bed_init(&b);
        interface_is(IFF_UP, &v4); /* no carrier */
        acquire(&b.a, "5ec7e7");
        expect_failure(&b, &b.a, ENGINE_NO_ADDRESS, "");
        interface_is(IFF_UP | IFF_RUNNING, NULL);
        acquire(&b.b, "5ec7e7");
        expect_failure(&b, &b.b, ENGINE_NO_ADDRESS, "");
        release(&b.a);
        ASSERT_EQ(inet_pton(AF_INET6, "fe80::1", &v6.sin6_addr), 1);
        interface_is(IFF_UP | IFF_RUNNING, &v6);
        acquire(&b.a, "5ec7e7");
        expect_failure(&b, &b.a, ENGINE_NO_ADDRESS, "");
        ASSERT_EQ(janus_stand_in_starts(&b.janus), 0);
        release(&b.a);
        ASSERT_EQ(inet_pton(AF_INET6, "2001:db8::1", &v6.sin6_addr), 1);
        acquire_well(&b, &b.a, "5ec7e7"); /* the next try looks again */
}

TEST(a_port_that_is_taken_is_said)
{
        _bed_ b;
        struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        bed_init(&b);
        listen_at_a_free_port(&b);
        a.sin_port = htons(b.port);
        ASSERT_EQ(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
        ASSERT_EQ(listen(fd, 1), 0);
        acquire(&b.a, "5ec7e7");
        expect_failure(&b, &b.a, ENGINE_INTERNAL, "the address to listen at cannot be used");
        b.env.embedded_listen = "localhost:1";
        acquire(&b.b, "5ec7e7");
        expect_failure(&b, &b.b, ENGINE_INTERNAL, "the address to listen at cannot be used");
        ASSERT_EQ(janus_stand_in_starts(&b.janus), 0);
        close(fd);
}

TEST(a_folder_that_cannot_be_made_is_not_taken_for_a_missing_package)
{
        _bed_ b;

        bed_init(&b);
        ASSERT_EQ(rmdir(b.janus.runtime), 0);
        acquire(&b.a, "5ec7e7");
        expect_failure(&b, &b.a, ENGINE_INTERNAL, "janus cannot be started");
}

TEST(a_start_that_loses_its_race_is_repeated)
{
        _bed_ b;

        bed_init(&b);
        janus_stand_in_behave("race 2");
        acquire_well(&b, &b.a, "5ec7e7");
        ASSERT_EQ(janus_stand_in_starts(&b.janus), 3);
}

TEST(five_failed_starts_are_enough)
{
        _bed_ b;

        bed_init(&b);
        janus_stand_in_behave("exit");
        acquire(&b.a, "5ec7e7");
        expect_failure(&b, &b.a, ENGINE_INTERNAL, "janus ended at once");
        ASSERT_EQ(janus_stand_in_starts(&b.janus), 5);
        janus_stand_in_behave("serve");
        acquire_well(&b, &b.b, "5ec7e7"); /* each user begins anew */
}

TEST(one_that_never_serves_is_given_up)
{
        static const char *const ways[] = { "deaf", "mute" };
        static const unsigned patience_ms[][5] = { { 200, 200, 200, 200, 200 }, { 2000, 4000, 5000, 5000, 5000 } };

        for (size_t way = 0; way < ARRAY_SIZE(ways); way++) {
                _bed_ b;

                bed_init(&b);
                janus_stand_in_behave(ways[way]);
                acquire(&b.a, "5ec7e7");
                for (unsigned i = 0; i < ARRAY_SIZE(patience_ms[0]); i++) {
                        AWAIT(&b, janus_stand_in_starts(&b.janus) == i + 1);
                        ASSERT_EQ(b.a.answers, 0);
                        vloop_run_for(b.loop, patience_ms[way][i] * US_PER_MS);
                }
                expect_failure(&b, &b.a, ENGINE_INTERNAL, "janus does not begin to serve");
        }
}

/* ---- deaths ---- */

/* From a death on: nothing for that long, then a start. */
static void expect_start_after(struct bed *b, uint64_t us)
{
        uint64_t died_us = loop_now_us(b->loop);

        ASSERT(!janus_stand_in_is_up(&b->janus));
        vloop_run_for(b->loop, us - 20 * US_PER_MS);
        ASSERT(!janus_stand_in_is_up(&b->janus));
        AWAIT(b, janus_stand_in_is_up(&b->janus));
        ASSERT_NEAR((double)(loop_now_us(b->loop) - died_us), (double)us, 10.0 * US_PER_MS);
}

/* Who comes now is told so. */
static void let_it_serve(struct bed *b)
{
        acquire_well(b, &b->b, "5ec7e7");
        release(&b->b);
}

TEST(the_back_off_doubles_until_it_was_stable)
{
        static const unsigned waits_ms[] = { 100, 200, 400, 800, 1600, 3200, 5000, 5000 };
        _bed_ b;

        bed_init(&b);
        acquire_well(&b, &b.a, "5ec7e7");
        for (unsigned i = 0; i < ARRAY_SIZE(waits_ms); i++) {
                kill_it(&b);
                expect_start_after(&b, waits_ms[i] * US_PER_MS);
                let_it_serve(&b);
        }
        vloop_run_for(b.loop, 11 * US_PER_SEC);
        kill_it(&b);
        expect_start_after(&b, 100 * US_PER_MS);
        ASSERT_EQ(b.a.answers, 1); /* who is in finds out by himself */
}

TEST(a_room_hopes_on_when_it_cannot_be_started)
{
        _bed_ b;

        bed_init(&b);
        acquire_well(&b, &b.a, "5ec7e7");
        interface_is(0, &v4);
        kill_it(&b);
        vloop_run_for(b.loop, 2 * US_PER_SEC); /* some tries */
        ASSERT_EQ(janus_stand_in_starts(&b.janus), 1);
        interface_is(IFF_UP | IFF_RUNNING, &v4);
        AWAIT(&b, janus_stand_in_starts(&b.janus) == 2);
        ASSERT_EQ(b.a.answers, 1);
}

TEST(who_comes_while_it_is_dead_waits)
{
        _bed_ b;

        bed_init(&b);
        acquire_well(&b, &b.a, "5ec7e7");
        kill_it(&b);
        acquire_well(&b, &b.b, "5ec7e7");
        ASSERT_EQ(janus_stand_in_starts(&b.janus), 2);
}

TEST(nobody_needs_it_nobody_starts_it)
{
        _bed_ b;

        bed_init(&b);
        acquire_well(&b, &b.a, "5ec7e7");
        release(&b.a);
        kill_it(&b);
        vloop_run_for(b.loop, 20 * US_PER_SEC);
        ASSERT(!janus_stand_in_is_up(&b.janus));
        acquire_well(&b, &b.a, "5ec7e7");
        kill_it(&b);
        release(&b.a); /* during the back-off */
        vloop_run_for(b.loop, 20 * US_PER_SEC);
        ASSERT(!janus_stand_in_is_up(&b.janus));
        ASSERT_EQ(janus_stand_in_starts(&b.janus), 2);
}

TEST(others_may_want_it_where_it_listens)
{
        _bed_ b;

        bed_init(&b);
        listen_at_a_free_port(&b);
        acquire_well(&b, &b.a, "5ec7e7");
        release(&b.a);
        kill_it(&b);
        expect_start_after(&b, 100 * US_PER_MS);
}

/* ---- the end ---- */

TEST(stopped_when_idle)
{
        _bed_ b;
        pid_t pid;

        bed_init(&b);
        acquire_well(&b, &b.a, "5ec7e7");
        pid = janus_stand_in_pid(&b.janus);
        release(&b.a);
        vloop_run_for(b.loop, IDLE_S * US_PER_SEC - US_PER_SEC);
        acquire_well(&b, &b.a, "5ec7e7"); /* in time */
        ASSERT_EQ(janus_stand_in_pid(&b.janus), pid);
        vloop_run_for(b.loop, 10 * IDLE_S * US_PER_SEC);
        release(&b.a);
        vloop_run_for(b.loop, IDLE_S * US_PER_SEC - US_PER_SEC);
        ASSERT(janus_stand_in_is_up(&b.janus));
        vloop_run_for(b.loop, US_PER_SEC);
        AWAIT(&b, !janus_stand_in_is_up(&b.janus));
        ASSERT_LT(kill(pid, 0), 0);
        acquire_well(&b, &b.a, "5ec7e7");
}

TEST(not_idle_while_a_guest_is_connected)
{
        _bed_ b;
        int guest;

        bed_init(&b);
        listen_at_a_free_port(&b);
        acquire_well(&b, &b.a, "5ec7e7");
        guest = connect_guest(&b);
        release(&b.a);
        vloop_run_for(b.loop, 3 * IDLE_S * US_PER_SEC);
        ASSERT(janus_stand_in_is_up(&b.janus));
        close(guest);
        vloop_run_for(b.loop, IDLE_S * US_PER_SEC - US_PER_SEC);
        ASSERT(janus_stand_in_is_up(&b.janus)); /* the time runs from when he went */
        vloop_run_for(b.loop, 4 * US_PER_SEC);
        AWAIT(&b, !janus_stand_in_is_up(&b.janus));
}

TEST(one_that_ignores_sigterm_is_killed)
{
        _bed_ b;
        pid_t pid;

        bed_init(&b);
        janus_stand_in_behave("stubborn");
        acquire_well(&b, &b.a, "5ec7e7");
        pid = janus_stand_in_pid(&b.janus);
        release(&b.a);
        vloop_run_for(b.loop, IDLE_S * US_PER_SEC + 900 * US_PER_MS);
        step(&b);
        ASSERT_EQ(kill(pid, 0), 0);
        vloop_run_for(b.loop, 200 * US_PER_MS);
        ASSERT_LT(kill(pid, 0), 0);
        ASSERT(!janus_stand_in_is_up(&b.janus));
}

TEST(one_that_does_not_answer_is_replaced)
{
        _bed_ b;
        pid_t pid;

        bed_init(&b);
        janus_child_distrust(b.child); /* of none: nothing happens */
        acquire_well(&b, &b.a, "5ec7e7");
        pid = janus_stand_in_pid(&b.janus);
        ASSERT_EQ(kill(pid, SIGSTOP), 0);
        release(&b.a);
        janus_child_distrust(b.child);
        acquire(&b.b, "5ec7e7");
        vloop_run_for(b.loop, 1100 * US_PER_MS);
        AWAIT(&b, b.b.answers > 0);
        ASSERT_EQ(b.b.res.reason, ENGINE_OK);
        ASSERT_NE(janus_stand_in_pid(&b.janus), pid);
}

/* ---- secrets and addresses that change ---- */

static void expect_secret(const struct bed *b, const char *wanted)
{
        char secret[80];

        janus_stand_in_secret(&b->janus, secret, sizeof(secret));
        ASSERT_STR(secret, wanted);
}

TEST(another_secret_gets_another_one)
{
        _bed_ b;

        bed_init(&b);
        acquire_well(&b, &b.a, "5ec7e7");
        expect_secret(&b, "5ec7e7");
        release(&b.a);
        acquire_well(&b, &b.b, "07he7");
        expect_secret(&b, "07he7");
        ASSERT_EQ(janus_stand_in_starts(&b.janus), 2);
}

TEST(another_secret_while_it_starts)
{
        _bed_ b;

        bed_init(&b);
        acquire(&b.a, "5ec7e7");
        release(&b.a);
        acquire_well(&b, &b.b, "07he7");
        expect_secret(&b, "07he7");
        ASSERT_EQ(b.a.answers, 0);
}

TEST(another_address_waits_until_nobody_is_in)
{
        _bed_ b;

        bed_init(&b);
        acquire_well(&b, &b.a, "5ec7e7");
        listen_at_a_free_port(&b); /* the configuration was read again */
        acquire_well(&b, &b.b, "5ec7e7");
        ASSERT_EQ(janus_stand_in_starts(&b.janus), 1);
        release(&b.a);
        release(&b.b);
        acquire_well(&b, &b.a, "5ec7e7");
        ASSERT_EQ(janus_stand_in_starts(&b.janus), 2);
        close(connect_guest(&b));
}

/* ---- who waits ---- */

TEST(released_users_hear_nothing)
{
        _bed_ b;

        bed_init(&b);
        ASSERT(!janus_child_release(NULL));
        acquire(&b.a, "5ec7e7");
        acquire(&b.b, "5ec7e7");
        release(&b.a);
        AWAIT(&b, b.b.answers > 0);
        ASSERT_EQ(b.a.answers, 0);
}

TEST(users_may_release_from_inside_the_answer)
{
        _bed_ b;

        bed_init(&b);
        b.a.releases = &b.b; /* who has not been told yet */
        acquire(&b.a, "5ec7e7");
        acquire(&b.b, "5ec7e7");
        AWAIT(&b, b.a.answers > 0);
        step(&b);
        ASSERT_EQ(b.b.answers, 0);
        b.b.releases = &b.b; /* himself */
        acquire(&b.b, "5ec7e7");
        AWAIT(&b, b.b.answers > 0);
        ASSERT(!b.b.handle);
}

TEST(a_failed_user_may_try_again_from_inside_the_answer)
{
        _bed_ b;

        bed_init(&b);
        interface_is(0, &v4);
        b.a.acquires = &b.b;
        b.a.other_secret = "07he7";
        acquire(&b.a, "5ec7e7");
        expect_failure(&b, &b.a, ENGINE_NO_ADDRESS, "");
        expect_failure(&b, &b.b, ENGINE_NO_ADDRESS, "");
}

TEST(who_is_overtaken_by_another_secret_waits_for_it)
{
        _bed_ b;
        struct user c;

        bed_init(&b);
        c = (struct user){ .child = b.child };
        b.a.acquires = &c;
        b.a.other_secret = "07he7";
        acquire(&b.a, "5ec7e7");
        acquire(&b.b, "5ec7e7");
        AWAIT(&b, b.a.answers > 0);
        ASSERT_EQ(b.b.answers, 0); /* the one he waited for is being stopped */
        b.a.acquires = NULL;
        AWAIT(&b, b.b.answers > 0 && c.answers > 0);
        expect_secret(&b, "07he7");
        release(&c);
}

/* ---- free, and our own death ---- */

TEST(freed_in_every_state)
{
        static const char *const ways[] = { "deaf", "refuse", "exit", "serve", "stubborn" };

        for (size_t i = 0; i < ARRAY_SIZE(ways); i++) { /* while it starts: bed_done() looks what is left */
                _bed_ b;

                bed_init(&b);
                janus_stand_in_behave(ways[i]);
                acquire(&b.a, "5ec7e7");
                AWAIT(&b, janus_stand_in_starts(&b.janus) > 0);
        }
        for (size_t i = 3; i < ARRAY_SIZE(ways); i++) { /* while it stops */
                _bed_ b;

                bed_init(&b);
                janus_stand_in_behave(ways[i]);
                acquire_well(&b, &b.a, "5ec7e7");
                acquire(&b.b, "07he7");
        }
}

TEST(freed_during_the_back_off)
{
        _bed_ b;

        bed_init(&b);
        acquire_well(&b, &b.a, "5ec7e7");
        kill_it(&b);
}

_Noreturn static void parent_of_a_janus(const char *runtime)
{
        struct loop *loop = vloop_new(1000 * US_PER_SEC);
        struct janus_child *child = NULL;
        struct engine_env env = { .loop = loop, .runtime_dir = runtime, .janus = &child, .embedded_idle_s = IDLE_S };
        struct user u = { 0 };
        static const bool never;

        if (janus_child_get(&env, &child) < 0 || janus_child_acquire(child, "5ec7e7", on_ready, &u, &u.handle) < 0)
                _exit(1);
        for (;;)
                (void)vloop_run_until(loop, &never, 0);
}

TEST(it_dies_with_us_whatever_happens)
{
        _bed_ b;
        pid_t parent, pid;

        bed_init(&b);
        janus_stand_in_behave("stubborn");
        ASSERT_EQ(prctl(PR_SET_CHILD_SUBREAPER, 1), 0); /* the orphan becomes ours */
        parent = fork();
        ASSERT_OK(parent);
        if (parent == 0)
                parent_of_a_janus(b.janus.runtime);
        AWAIT(&b, janus_stand_in_starts(&b.janus) == 1);
        pid = janus_stand_in_pid(&b.janus);
        ASSERT_EQ(kill(parent, SIGKILL), 0);
        ASSERT_EQ(waitpid(parent, NULL, 0), parent);
        AWAIT(&b, waitpid(pid, NULL, WNOHANG) == pid);
}

/* ---- what it says ---- */

static struct {
        unsigned lines, too_long, control;
        bool last_words;
} log_seen;

static void look_at_log(const struct log_record *rec)
{
        if (strcmp(rec->topic, "engine/janus-process") != 0)
                return;
        log_seen.lines++;
        log_seen.too_long += strlen(rec->message) > 530;
        log_seen.last_words |= strstr(rec->message, "last words") != NULL;
        for (const char *c = rec->message; *c; c++)
                log_seen.control += (unsigned char)*c < ' ';
}

TEST(its_output_is_bounded_and_printable)
{
        enum log_level level = log_get_level();
        _bed_ b;

        bed_init(&b);
        log_set_level(LOG_LEVEL_DEBUG);
        log_set_sink(look_at_log);
        janus_stand_in_behave("chatty");
        acquire(&b.a, "5ec7e7");
        expect_failure(&b, &b.a, ENGINE_INTERNAL, "janus ended at once");
        log_set_sink(NULL);
        log_set_level(level);
        ASSERT_GT(log_seen.lines, 5000);
        ASSERT_EQ(log_seen.too_long, 0);
        ASSERT_EQ(log_seen.control, 0);
        ASSERT(log_seen.last_words);
}

TEST(where_sigchld_is_ignored_its_end_is_noticed_all_the_same)
{
        struct bed b;

        ASSERT(signal(SIGCHLD, SIG_IGN) != SIG_ERR);
        bed_init(&b);
        acquire_well(&b, &b.a, "5ec7e7");
        kill_it(&b);
        acquire_well(&b, &b.b, "5ec7e7");
        bed_done(&b);
        ASSERT(signal(SIGCHLD, SIG_DFL) != SIG_ERR);
}

TEST_OOM(acquire_and_release)
{
        struct user u = { 0 };
        struct bed b = { .loop = vloop_new(0) };
        int r = b.loop ? 0 : -ENOMEM;

        if (r < 0)
                return r;
        janus_stand_in_init(&b.janus);
        b.env = (struct engine_env){ .loop = b.loop, .runtime_dir = b.janus.runtime, .janus = &b.child };
        r = janus_child_get(&b.env, &b.child);
        if (r >= 0)
                r = janus_child_acquire(b.child, "5ec7e7", on_ready, &u, &u.handle);
        vloop_turn(b.loop);
        if (r >= 0 && test_oom_hit()) { /* the start failed: the user was told */
                ASSERT_EQ(u.answers, 1);
                ASSERT_EQ(u.res.reason, ENGINE_INTERNAL);
                r = -ENOMEM;
        }
        release(&u);
        janus_child_free(b.child);
        vloop_free(b.loop);
        janus_stand_in_done(&b.janus);
        return r;
}
