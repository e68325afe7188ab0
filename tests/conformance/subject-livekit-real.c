/* subject-livekit-real.c - see conformance.h: the livekit engine on a real livekit-server. What nobody but an
 * administrator may do goes to its RoomService, by plain HTTP.
 *
 * It hangs wholly: what is stopped can neither throw us out nor be come back to. Two rules are therefore not for it:
 * being_kicked_fails_what_is_in_flight_first and operations_in_flight_survive_a_lost_connection. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <unistd.h>

#include "base/clock.h"
#include "conformance/real.h"
#include "engine/livekit/livekit.h"
#include "lib/test.h"
#include "net/net-thread.h"
#include "wire/jwt.h"

static void set_up(struct bed *b)
{
        struct real *r = calloc(1, sizeof(*r));

        ASSERT(r);
        if (!getenv("LIVEKIT_URL"))
                test_skip("run it under lib/livekit.sh");
        real_init(b, r, &livekit_engine_ops);
        ASSERT_OK(url_parse(getenv("LIVEKIT_URL"), &b->server));
}

static void tear_down(struct bed *b)
{
        struct real *r = b->far;

        real_done(r);
        net_thread_free(r->net);
        free(r);
}

static void hang(struct bed *b)
{
        real_stop(b, atoi(getenv("LIVEKIT_PID")));
}

/* ---- the administrator ---- */

static char *admin_token(const struct bed *b)
{
        struct engine_join params = bed_join_params(b, "");
        struct jwt_grant g = { .identity = "admin",
                               .room_admin = true,
                               .expires_at = clock_realtime_us() / US_PER_SEC + 60 };
        char *token = NULL;

        (void)snprintf(g.key, sizeof(g.key), "%s", params.api_key);
        (void)snprintf(g.room, sizeof(g.room), "%s", params.room_id);
        ASSERT_OK(jwt_mint(&g, params.api_secret, &token));
        return token;
}

static int dial(const struct bed *b)
{
        struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(b->server.port) };
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        ASSERT_EQ(inet_pton(AF_INET, b->server.host, &to.sin_addr), 1);
        ASSERT_OK(fd);
        ASSERT_OK(connect(fd, (struct sockaddr *)&to, sizeof(to)));
        return fd;
}

/* A method of the RoomService about the bed's room, with further members. */
static void administer(const struct bed *b, const char *method, const char *members)
{
        _cleanup_free_ char *token = admin_token(b);
        char body[256], request[2048], answer[16] = "";
        int fd = dial(b), n;

        (void)snprintf(body, sizeof(body), "{\"room\":\"%s\",%s}", b->room, members);
        n = snprintf(request, sizeof(request),
                     "POST /twirp/livekit.RoomService/%s HTTP/1.0\r\nAuthorization: Bearer %s\r\n"
                     "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                     method, token, strlen(body), body);
        ASSERT_EQ(write(fd, request, (size_t)n), n);
        ASSERT_GE(read(fd, answer, sizeof(answer) - 1), 12);
        if (!strstr(answer, " 200"))
                test_fail(__FILE__, __LINE__, "%s: %s", method, answer);
        close(fd);
}

static void kick_us(struct bed *b)
{
        administer(b, "RemoveParticipant", "\"identity\":\"me\"");
}

/* The room is full. */
static void fail_join(struct bed *b)
{
        real_enters(b, "alice");
        real_enters(b, "bob");
}

static void lose(struct bed *b)
{
        real_cut(b, real_leads_to);
}

const struct subject subject_livekit_real = { .name = "livekit, real",
                                              .set_up = set_up,
                                              .tear_down = tear_down,
                                              .run = real_run,
                                              .hang = hang,
                                              .fail_join = fail_join,
                                              .refusal = "room full",
                                              .enters = real_enters,
                                              .exits = real_exits,
                                              .sees_us = real_sees_us,
                                              .replace_us = real_replace_us,
                                              .kick_us = kick_us,
                                              .hangs_wholly = true,
                                              .lose = lose };
