/* main.c - rtcroomctl: rooms from the command line, on librtcroom. Arguments and the table of commands.
 *
 * Everything a command needs of the daemon goes through librtcroom; but consent, which is no application's business
 * and not in there, and tokens, which need no daemon.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/ctl.h"

static const struct command {
        const char *name, *arguments, *help;
        int (*run)(struct ctl *o, int argc, char **argv);
} commands[] = {
        { "join", "ROOM --app APPID --user USER [--token TOKEN]", "join and stay, print events; Ctrl-C leaves",
          cmd_join },
        { "chat", "ROOM --app APPID --user USER", "join, say what is typed, print what the others say", cmd_chat },
        { "send", "ROOM TEXT --app APPID --user USER", "join, say that, leave", cmd_send },
        { "leave", "", "leave the room this desktop user is in", cmd_leave },
        { "status", "", "the room, the engine, the microphone", cmd_status },
        { "members", "", "who is in the room", cmd_members },
        { "mute", "[USER]", "mute the microphone, or one participant for yourself", cmd_mute },
        { "unmute", "[USER]", "the reverse", cmd_unmute },
        { "transmit", "[continuous|voice-activity|push-to-talk]", "when the microphone is sent", cmd_transmit },
        { "ptt", "[start|stop]", "push-to-talk: with the keys of this terminal, or until stopped", cmd_ptt },
        { "volume", "USER PERCENT", "0 to 200; remembered", cmd_volume },
        { "devices", "", "microphones and loudspeakers; * is the default", cmd_devices },
        { "device", "input|output NAME|default", "use that one, now and in later calls", cmd_device },
        { "levels", "[--count N]", "live meters", cmd_levels },
        { "top", "", "the room on a full screen: meters, volumes, quality, with keys", cmd_top },
        { "stats", "", "figures of the call, in the names of W3C WebRTC statistics", cmd_stats },
        { "monitor", "", "print the events of every room, whoever joined it", cmd_monitor },
        { "echo-test", "--app APPID", "hear yourself through the server, with the delay", cmd_echo_test },
        { "token", "create|inspect|verify|janus-secret …", "tokens of the 001 form, and LiveKit's", cmd_token },
        { "consent", "list|allow|deny|reset [PROGRAM]", "which programs may use the microphone", cmd_consent },
};

static void usage(FILE *to)
{
        fprintf(to, "rtcroomctl: real-time voice rooms of this desktop user\n\n");
        for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
                fprintf(to, "  %-10s %-46s %s\n", commands[i].name, commands[i].arguments, commands[i].help);
        fprintf(to, "\n  --json  one JSON object a line      --context N  another context than the one with a room\n"
                    "  --server URL  --no-publish  --no-subscribe  --invisible  --token-file FILE  --room ROOM  "
                    "--key-file FILE\n  --livekit  --api-key KEY  --secret-file FILE  --e2ee-key-file FILE\n"
                    "  --expires SECONDS  --config FILE  --count N  --ans 0-4  --topic TOPIC  --to USER,…  --version  "
                    "--help\n"
                    "\nExit codes: 0 done, 1 failed, 2 usage, 3 no daemon, 4 no room, 5 denied. See rtcroomctl(1).\n");
}

enum {
        OPT_APP = 256,
        OPT_SERVER,
        OPT_USER,
        OPT_ROOM,
        OPT_TOKEN,
        OPT_TOKEN_FILE,
        OPT_KEY_FILE,
        OPT_API_KEY,
        OPT_SECRET_FILE,
        OPT_LIVEKIT,
        OPT_E2EE_KEY_FILE,
        OPT_CONFIG,
        OPT_EXPIRES,
        OPT_CONTEXT,
        OPT_COUNT,
        OPT_ANS,
        OPT_TOPIC,
        OPT_TO,
        OPT_NO_PUBLISH,
        OPT_NO_SUBSCRIBE,
        OPT_INVISIBLE,
        OPT_JSON,
        OPT_VERSION
};

static const struct option options[] = {
        { "app", required_argument, NULL, OPT_APP },
        { "server", required_argument, NULL, OPT_SERVER },
        { "user", required_argument, NULL, OPT_USER },
        { "room", required_argument, NULL, OPT_ROOM },
        { "token", required_argument, NULL, OPT_TOKEN },
        { "token-file", required_argument, NULL, OPT_TOKEN_FILE },
        { "key-file", required_argument, NULL, OPT_KEY_FILE },
        { "api-key", required_argument, NULL, OPT_API_KEY },
        { "secret-file", required_argument, NULL, OPT_SECRET_FILE },
        { "livekit", no_argument, NULL, OPT_LIVEKIT },
        { "e2ee-key-file", required_argument, NULL, OPT_E2EE_KEY_FILE },
        { "config", required_argument, NULL, OPT_CONFIG },
        { "expires", required_argument, NULL, OPT_EXPIRES },
        { "context", required_argument, NULL, OPT_CONTEXT },
        { "count", required_argument, NULL, OPT_COUNT },
        { "ans", required_argument, NULL, OPT_ANS },
        { "topic", required_argument, NULL, OPT_TOPIC },
        { "to", required_argument, NULL, OPT_TO },
        { "no-publish", no_argument, NULL, OPT_NO_PUBLISH },
        { "no-subscribe", no_argument, NULL, OPT_NO_SUBSCRIBE },
        { "invisible", no_argument, NULL, OPT_INVISIBLE },
        { "json", no_argument, NULL, OPT_JSON },
        { "version", no_argument, NULL, OPT_VERSION },
        { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 },
};

static bool parse_number(const char *text, uint64_t max, uint64_t *ret)
{
        char *end;
        unsigned long long v = strtoull(text, &end, 10);

        if (*text < '0' || *text > '9' || *end || v > max)
                return false;
        *ret = v;
        return true;
}

static bool take_number(struct ctl *o, int opt, const char *text)
{
        uint64_t v;

        if (!parse_number(text, opt == OPT_EXPIRES ? UINT32_MAX - 1u : opt == OPT_ANS ? 4 : 1000000000u, &v))
                return false;
        if (opt == OPT_EXPIRES)
                o->expires_s = v;
        else if (opt == OPT_ANS)
                o->ans = (int)v;
        else if (opt == OPT_CONTEXT)
                o->context = (uint32_t)v;
        else
                o->count = (unsigned)v;
        return true;
}

static bool take_option(struct ctl *o, int opt, const char *text)
{
        switch (opt) {
        case OPT_APP: o->app = text; return true;
        case OPT_SERVER: o->server = text; return true;
        case OPT_USER: o->user = text; return true;
        case OPT_ROOM: o->room = text; return true;
        case OPT_TOKEN: o->token = text; return true;
        case OPT_TOKEN_FILE: o->token_file = text; return true;
        case OPT_KEY_FILE: o->key_file = text; return true;
        case OPT_API_KEY: o->api_key = text; return true;
        case OPT_SECRET_FILE: o->secret_file = text; return true;
        case OPT_LIVEKIT: o->livekit = true; return true;
        case OPT_E2EE_KEY_FILE: o->e2ee_key_file = text; return true;
        case OPT_CONFIG: o->config = text; return true;
        case OPT_TOPIC: o->topic = text; return true;
        case OPT_TO: o->to = text; return true;
        case OPT_NO_PUBLISH: o->no_publish = true; return true;
        case OPT_NO_SUBSCRIBE: o->no_subscribe = true; return true;
        case OPT_INVISIBLE: o->invisible = true; return true;
        case OPT_JSON: o->json = true; return true;
        case OPT_EXPIRES:
        case OPT_CONTEXT:
        case OPT_ANS:
        case OPT_COUNT: return take_number(o, opt, text);
        default: return false;
        }
}

int main(int argc, char **argv)
{
        struct ctl o = { .expires_s = 86400, .ans = -1, .start_us = ctl_now_us() };
        int opt;

        setvbuf(stdout, NULL, _IOLBF, 0);
        while ((opt = getopt_long(argc, argv, "h", options, NULL)) != -1) {
                if (opt == 'h') {
                        usage(stdout);
                        return EXIT_OK;
                }
                if (opt == OPT_VERSION) {
                        printf("rtcroomctl %s\n", RTCROOM_VERSION);
                        return EXIT_OK;
                }
                if (!take_option(&o, opt, optarg)) {
                        if (opt != '?')
                                fail(&o, EXIT_USAGE, "not a number in range: %s", optarg);
                        return EXIT_USAGE;
                }
        }
        argv += optind;
        argc -= optind;
        for (size_t i = 0; argc > 0 && i < sizeof(commands) / sizeof(commands[0]); i++)
                if (strcmp(argv[0], commands[i].name) == 0)
                        return commands[i].run(&o, argc - 1, argv + 1);
        usage(stderr);
        return EXIT_USAGE;
}
