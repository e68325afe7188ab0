/* janus-stand-in.c - see janus-stand-in.h. A constructor takes the program over when it was started as Janus. */
#include "fakes/janus-stand-in.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <ftw.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "lib/test.h"

static const char mark[] = "--janus-stand-in";

/* ---- the other process ---- */

static unsigned count_lines(const char *path)
{
        FILE *f = fopen(path, "re");
        unsigned n = 0;
        int c;

        while (f && (c = fgetc(f)) != EOF)
                n += c == '\n';
        if (f)
                fclose(f);
        return n;
}

/* Letters and digits after `key`, a possible quote between. */
static bool find_value(const char *path, const char *key, char ret[80])
{
        FILE *f = fopen(path, "re");
        bool found = false;
        char line[512];

        while (f && !found && fgets(line, sizeof(line), f)) {
                const char *at = strstr(line, key);

                at = at ? at + strlen(key) : "";
                found = sscanf(at + (*at == '"'), "%79[0-9a-zA-Z]", ret) == 1;
        }
        if (f)
                fclose(f);
        return found;
}

/* One line each: process, secret. */
static void note_start(const char *notes, const char *configs)
{
        char path[512], secret[80] = "none";
        FILE *f;

        snprintf(path, sizeof(path), "%s/janus.jcfg", configs);
        (void)find_value(path, "token_auth_secret = ", secret);
        f = fopen(notes, "ae");
        if (f) {
                fprintf(f, "%d %s\n", (int)getpid(), secret);
                fclose(f);
        }
}

static int bind_socket(const char *configs, bool serves)
{
        struct sockaddr_un a = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

        snprintf(a.sun_path, sizeof(a.sun_path), "%.*s/janus.sock", (int)(strlen(configs) - strlen("/cfg")), configs);
        if (bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 || (serves && listen(fd, 100) < 0))
                _exit(2);
        return fd;
}

static void note_request(const char *notes)
{
        char path[512];
        FILE *f;

        snprintf(path, sizeof(path), "%s.requests", notes);
        f = fopen(path, "ae");
        if (f) {
                fputc('\n', f);
                fclose(f);
        }
}

/* False: the connection ended. */
static bool serve_one(int fd, const char *notes)
{
        static const char pong[] = "{\"janus\":\"pong\"}";
        char message[4096];
        ssize_t n = recv(fd, message, sizeof(message) - 1, 0);

        if (n <= 0)
                return false;
        message[n] = '\0';
        if (!strstr(message, "\"ping\""))
                note_request(notes);
        else if (send(fd, pong, strlen(pong), MSG_NOSIGNAL) < 0)
                return false;
        return true;
}

_Noreturn static void serve(int listener, const char *notes)
{
        struct pollfd fds[32] = { { .fd = listener, .events = POLLIN } };
        nfds_t n = 1;

        for (;;) {
                (void)poll(fds, n, -1);
                for (nfds_t i = n - 1; i > 0; i--)
                        if (fds[i].revents && !serve_one(fds[i].fd, notes)) {
                                close(fds[i].fd);
                                fds[i] = fds[--n];
                        }
                if ((fds[0].revents & POLLIN) && n < ARRAY_SIZE(fds))
                        fds[n++] =
                                (struct pollfd){ .fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC), .events = POLLIN };
        }
}

static void listen_for_others(const char *configs)
{
        struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        char path[512], port[80];
        int fd, on = 1;

        snprintf(path, sizeof(path), "%s/janus.transport.websockets.jcfg", configs);
        if (!find_value(path, "ws_port = ", port))
                return;
        a.sin_port = htons((uint16_t)atoi(port));
        fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
        if (bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(fd, 10) < 0)
                _exit(2);
}

/* Lines longer than any buffer, control characters, no newline at the end. */
static void chat(void)
{
        for (unsigned i = 0; i < 1000; i++) {
                for (unsigned n = 0; n < 997; n++)
                        putchar('0' + (int)(n % 10));
                puts("\x1b[2J\tmore");
        }
        fputs("last words", stdout);
        fflush(stdout);
        _exit(3);
}

_Noreturn static void stand_in(const char *configs)
{
        const char *how = getenv("JANUS_STAND_IN"), *notes = getenv("JANUS_STAND_IN_NOTES");
        unsigned before, races = 0;

        if (!how || !notes)
                _exit(2);
        before = count_lines(notes);
        note_start(notes, configs);
        if (strcmp(how, "exit") == 0)
                _exit(3);
        if (strcmp(how, "chatty") == 0)
                chat();
        if (strcmp(how, "stubborn") == 0)
                signal(SIGTERM, SIG_IGN);
        (void)sscanf(how, "race %u", &races);
        if (strcmp(how, "deaf") != 0) {
                bool serves = strcmp(how, "refuse") != 0 && before >= races;
                int fd;

                listen_for_others(configs);
                fd = bind_socket(configs, serves);
                if (serves && strcmp(how, "mute") != 0)
                        serve(fd, notes);
        }
        for (;;)
                pause();
}

__attribute__((constructor)) static void take_over(int argc, char **argv)
{
        if (argc == 5 && strcmp(argv[1], mark) == 0 && strcmp(argv[2], "-F") == 0)
                stand_in(argv[3]);
}

/* ---- the test's half ---- */

static void path_of(const struct janus_stand_in *s, const char *name, char ret[160])
{
        ASSERT_LT(snprintf(ret, 160, "%s/%s", s->folder, name), 160);
}

static void make_file(const struct janus_stand_in *s, const char *name, const char *text, mode_t mode)
{
        char path[160];
        int fd;

        path_of(s, name, path);
        fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
        ASSERT_OK(fd);
        ASSERT_EQ(write(fd, text, strlen(text)), strlen(text));
        close(fd);
}

static void make_script(const struct janus_stand_in *s)
{
        char self[256], script[512];
        ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

        ASSERT(n > 0 && n < (ssize_t)sizeof(self) - 1);
        self[n] = '\0';
        snprintf(script, sizeof(script), "#!/bin/sh\nexec '%s' %s \"$@\"\n", self, mark);
        make_file(s, "bin/janus", script, 0700);
}

void janus_stand_in_init(struct janus_stand_in *s)
{
        static const char *const folders[] = { "bin", "lib", "lib/janus", "lib/janus/plugins", "lib/janus/transports",
                                               "run" };
        char path[160];

        strcpy(s->folder, "/tmp/rtcroomd-stand-in.XXXXXX");
        ASSERT(mkdtemp(s->folder));
        for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
                path_of(s, folders[i], path);
                ASSERT_OK(mkdir(path, 0700));
        }
        make_script(s);
        make_file(s, "lib/janus/plugins/libjanus_videoroom.so", "", 0600);
        make_file(s, "lib/janus/plugins/libjanus_echotest.so", "", 0600);
        make_file(s, "lib/janus/plugins/libjanus_streaming.so", "", 0600);
        make_file(s, "lib/janus/transports/libjanus_pfunix.so", "", 0600);
        make_file(s, "lib/janus/transports/libjanus_websockets.so", "", 0600);
        make_file(s, "lib/janus/transports/libjanus_http.so", "", 0600);
        snprintf(s->runtime, sizeof(s->runtime), "%s/run", s->folder);
        path_of(s, "starts", path);
        setenv("JANUS_STAND_IN_NOTES", path, 1);
        path_of(s, "bin/janus", path);
        setenv("RTCROOMD_JANUS", path, 1);
        janus_stand_in_behave("serve");
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
        (void)st, (void)type, (void)ftw;
        return remove(path);
}

void janus_stand_in_done(struct janus_stand_in *s)
{
        ASSERT_EQ(nftw(s->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
        unsetenv("RTCROOMD_JANUS");
        unsetenv("JANUS_STAND_IN_NOTES");
        unsetenv("JANUS_STAND_IN");
}

void janus_stand_in_behave(const char *how)
{
        setenv("JANUS_STAND_IN", how, 1);
}

unsigned janus_stand_in_starts(const struct janus_stand_in *s)
{
        char path[160];

        path_of(s, "starts", path);
        return count_lines(path);
}

/* Its line in the notes; false: it was never started. */
static bool last_start(const struct janus_stand_in *s, int *ret_pid, char secret[80])
{
        char path[160], line[128];
        bool found = false;
        FILE *f;

        path_of(s, "starts", path);
        f = fopen(path, "re");
        while (f && fgets(line, sizeof(line), f))
                found = sscanf(line, "%d %79s", ret_pid, secret) == 2;
        if (f)
                fclose(f);
        return found;
}

pid_t janus_stand_in_pid(const struct janus_stand_in *s)
{
        char secret[80];
        int pid;

        ASSERT(last_start(s, &pid, secret));
        return pid;
}

void janus_stand_in_secret(const struct janus_stand_in *s, char *ret, size_t size)
{
        char secret[80];
        int pid;

        ASSERT(last_start(s, &pid, secret));
        snprintf(ret, size, "%s", secret);
}

bool janus_stand_in_is_up(const struct janus_stand_in *s)
{
        char path[160];

        path_of(s, "run/janus/cfg", path);
        return access(path, F_OK) == 0;
}

unsigned janus_stand_in_requests(const struct janus_stand_in *s)
{
        char path[160];

        path_of(s, "starts.requests", path);
        return count_lines(path);
}
