/* main.c - rtcroomd's argv, and where its log goes. The rest is in rtcroomd.c. */
#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>

#include "base/log.h"
#include "environment.h"
#include "log-journal.h"
#include "rtcroomd.h"
#include "version.h"

enum { DESCRIPTORS_MAX = 8192 };

static int check(const char *config_path)
{
        _cleanup_free_ char *path = NULL;
        _cleanup_(config_freep) struct config *c = NULL;
        int r = environment_load_config(config_path, &c, &path);

        if (r >= 0)
                printf("%s: ok\n", path ? path : "no file, the defaults");
        return r;
}

/* A daemon that lives for weeks between calls gives back what a call needed. By itself glibc raises both thresholds
 * with the largest block that was ever freed, and PipeWire frees blocks of megabytes; of what it asks for it uses a
 * small part, and pages that were mapped for it alone cost nothing before they are touched. */
static void set_up_heap(void)
{
        (void)mallopt(M_MMAP_THRESHOLD, 32 * 1024);
        (void)mallopt(M_TRIM_THRESHOLD, 64 * 1024);
        (void)mallopt(M_TOP_PAD, 16 * 1024);
}

/* Everybody who can be heard takes two descriptors, and six more with a node: 1024, the usual limit, is a room of 500.
 * Nothing here uses select(2), for whose sake the limit is low. */
static void set_up_descriptors(void)
{
        struct rlimit l;

        if (getrlimit(RLIMIT_NOFILE, &l) < 0 || l.rlim_cur >= DESCRIPTORS_MAX)
                return;
        l.rlim_cur = l.rlim_max < DESCRIPTORS_MAX ? l.rlim_max : DESCRIPTORS_MAX;
        (void)setrlimit(RLIMIT_NOFILE, &l); /* as far as it goes */
}

static const char help[] =
        "Usage: rtcroomd [--config FILE] [--check-config]\n"
        "Real-time voice rooms for the programs of one desktop user, on the session bus as org.rtcroom.RtcRoom1.\n"
        "\n"
        "      --config FILE   instead of $XDG_CONFIG_HOME/rtcroom/rtcroomd.json or /etc/xdg/rtcroom/rtcroomd.json\n"
        "      --check-config  say whether the configuration is good, and exit\n"
        "      --help          this text\n"
        "      --version       the version\n";

int main(int argc, char **argv)
{
        enum { OPT_CONFIG = 256, OPT_CHECK, OPT_HELP, OPT_VERSION };
        static const struct option options[] = { { "config", required_argument, NULL, OPT_CONFIG },
                                                 { "check-config", no_argument, NULL, OPT_CHECK },
                                                 { "help", no_argument, NULL, OPT_HELP },
                                                 { "version", no_argument, NULL, OPT_VERSION },
                                                 { 0 } };
        const char *config_path = NULL;
        bool is_check = false;

        for (int o; (o = getopt_long(argc, argv, "", options, NULL)) >= 0;) {
                switch (o) {
                case OPT_CONFIG: config_path = optarg; break;
                case OPT_CHECK: is_check = true; break;
                case OPT_HELP: fputs(help, stdout); return EXIT_SUCCESS;
                case OPT_VERSION: puts("rtcroomd " RTCROOMD_VERSION); return EXIT_SUCCESS;
                default: return 2; /* getopt has complained */
                }
        }
        if (optind < argc) {
                fprintf(stderr, "rtcroomd: unexpected argument \"%s\"\n", argv[optind]);
                return 2;
        }
        set_up_heap();
        set_up_descriptors();
        signal(SIGPIPE, SIG_IGN); /* a peer that is gone is an error of the write */
        log_journal_init();
        log_set_debug_topics(getenv("RTCROOMD_DEBUG"));
        return (is_check ? check(config_path) : rtcroomd_run(config_path)) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
