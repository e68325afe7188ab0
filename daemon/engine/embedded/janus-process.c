/* janus-process.c - see janus-process.h. A pidfd tells of the end; nothing is found or signalled by name. */
#include "engine/embedded/janus-process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"

LOG_TOPIC("engine/janus-process");

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

enum { LAST_WORDS = 32 }; /* chunks of output */

struct janus_process {
        pid_t pid;
        int pidfd, output; /* owned */
        bool reaped;
        struct loop_source *end_source, *output_source; /* owned */
        void (*exited)(int status, void *ctx);
        void *ctx;
        char line[512];
        size_t line_len;
};

static void flush_line(struct janus_process *p)
{
        p->line[p->line_len] = '\0';
        if (p->line_len > 0)
                log_debug("janus: %s", p->line);
        p->line_len = 0;
}

/* What Janus quotes may come from strangers: control characters do not reach our log. */
static void take_byte(struct janus_process *p, char c)
{
        if (c == '\n' || p->line_len == sizeof(p->line) - 1)
                flush_line(p);
        if (c != '\n')
                p->line[p->line_len++] = (unsigned char)c < ' ' || c == 0x7f ? '?' : c;
}

/* False: nothing was there, or nothing will come any more. */
static bool read_output(struct janus_process *p)
{
        char chunk[2048];
        ssize_t n = read(p->output, chunk, sizeof(chunk));

        if (n == 0 || (n < 0 && errno != EAGAIN))
                p->output_source = loop_remove(p->output_source);
        for (ssize_t i = 0; i < n; i++)
                take_byte(p, chunk[i]);
        return n > 0;
}

static void on_output(int fd, uint32_t events, void *ctx)
{
        (void)fd, (void)events;
        (void)read_output(ctx);
}

/* Where SIGCHLD was ignored by who started us, there is nothing to reap but an end it is. */
static bool reap(struct janus_process *p, int *ret_status)
{
        siginfo_t info = { 0 };

        if (waitid((idtype_t)P_PIDFD, (id_t)p->pidfd, &info, WEXITED | WNOHANG) < 0) {
                p->reaped = errno == ECHILD;
                *ret_status = -1;
        } else {
                p->reaped = info.si_pid != 0;
                *ret_status = info.si_status;
        }
        return p->reaped;
}

static void on_end(int fd, uint32_t events, void *ctx)
{
        struct janus_process *p = ctx;
        int status;

        (void)fd, (void)events;
        if (!reap(p, &status))
                return;
        /* its last words say why; a pipe holds no more than that, unless somebody else still writes into it */
        for (int budget = LAST_WORDS; budget > 0 && read_output(p); budget--)
                ;
        flush_line(p);
        p->end_source = loop_remove(p->end_source);
        p->exited(status, p->ctx);
}

/* Between fork and exec: only what is safe there. Descriptors close by themselves (O_CLOEXEC everywhere). */
_Noreturn static void run_child(const char *executable, const char *configs_folder, int output, pid_t parent)
{
        sigset_t none;

        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        signal(SIGPIPE, SIG_DFL);
        (void)setpgid(0, 0); /* Ctrl-C of a terminal is for us: we leave the room before Janus goes */
        /* Not SIGTERM: a Janus that hangs must go, too. The check closes the race with a parent that is gone already.
         */
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
                _exit(127);
        if (dup2(output, STDOUT_FILENO) < 0 || dup2(output, STDERR_FILENO) < 0)
                _exit(127);
        execl(executable, "janus", "-F", configs_folder, "-o", (char *)NULL);
        _exit(127);
}

static int watch(struct janus_process *p, struct loop *loop)
{
        int r = loop_add_fd(loop, p->pidfd, LOOP_READ, on_end, p, &p->end_source);

        return r < 0 ? r : loop_add_fd(loop, p->output, LOOP_READ, on_output, p, &p->output_source);
}

int janus_process_start(struct loop *loop, const char *executable, const char *configs_folder,
                        void (*exited)(int status, void *ctx), void *ctx, struct janus_process **ret)
{
        struct janus_process *p = calloc(1, sizeof(*p));
        pid_t parent = getpid();
        int output[2], r;

        if (!p)
                return -ENOMEM;
        *p = (struct janus_process){ .pidfd = -1, .output = -1, .exited = exited, .ctx = ctx, .reaped = true };
        if (pipe2(output, O_CLOEXEC) < 0) {
                r = -errno;
                free(p);
                return r;
        }
        p->output = output[0];
        (void)fcntl(p->output, F_SETFL, O_NONBLOCK);
        p->pid = fork();
        if (p->pid == 0)
                run_child(executable, configs_folder, output[1], parent);
        r = p->pid < 0 ? -errno : 0;
        close(output[1]);
        if (r < 0) {
                janus_process_free(p);
                return r;
        }
        p->reaped = false;
        p->pidfd = (int)syscall(SYS_pidfd_open, p->pid, 0);
        r = p->pidfd < 0 ? -errno : watch(p, loop);
        if (r < 0) {
                janus_process_free(p);
                return r;
        }
        log_debug("janus started, pid %d", (int)p->pid);
        *ret = p;
        return 0;
}

void janus_process_terminate(struct janus_process *p)
{
        if (!p->reaped)
                (void)kill(p->pid, SIGTERM); /* not reaped: the number is still its own */
}

struct janus_process *janus_process_free(struct janus_process *p)
{
        if (!p)
                return NULL;
        loop_remove(p->end_source);
        loop_remove(p->output_source);
        if (!p->reaped) {
                (void)kill(p->pid, SIGKILL);
                (void)waitpid(p->pid, NULL, 0);
        }
        close_fd(p->pidfd);
        close_fd(p->output);
        free(p);
        return NULL;
}
