/* config.h - the configuration: one JSON file, strict, every key with a default.
 *
 * A file is read whole, checked, and only then replaces what is in force; a fault names the file, the path inside the
 * document ("audio.bitrate") and the reason. Unknown keys, keys given twice, wrong types, values out of range and text
 * after the document are faults. Control thread; rtcroomctl links it too, so it needs base, wire/url and json-c only.
 *
 *   key                         default      values
 *   server                      "embedded:"  a server URL (wire/url.h)
 *   apps.<appId>.server         the above    a server URL
 *   apps.<appId>.appKey         none         1-256 printable characters; or appKeyFile: an absolute path, mode 0600
 *   apps.<appId>.allowed        true         boolean
 *   apps.<appId>.livekit        none         { apiKey, apiSecretFile (mode 0600) }, both
 *   consent.default             "ask"        "ask", "allow", "deny"
 *   consent.askSeconds          60           5-600: how long a question waits for an answer
 *   consent.programs.<id>       the above    application id or executable path -> "ask", "allow", "deny"
 *   embedded.listen             off          "host:port", an IPv6 host in brackets
 *   embedded.idleSeconds        60           0-86400
 *   reconnectSeconds            300          0-86400
 *   ice.servers                 []           at most 16 of { urls: [1-8 stun:, stuns:, turn:, turns:], username,
 * credential } ice.relayOnly               false        boolean tls.caFile                  the system's an absolute
 * path audio.frameMs               20           10, 20, 40, 60 audio.bitrate               32000        6000-510000
 * bit/s audio.complexity            5            0-10 audio.dtx, audio.fec        true         boolean audio.quantum
 * 256          32-8192 frames log.level                   "info"       "error", "warning", "notice", "info", "debug"
 *
 * An AppKey may also be the systemd credential "appkey.<appId>" (systemd.exec(5)); it wins over the file's.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "media/track.h" /* struct voice_config */
#include "wire/ice-server.h"

enum consent_policy { CONSENT_ASK, CONSENT_ALLOW, CONSENT_DENY };
const char *consent_policy_to_string(enum consent_policy p);
int consent_policy_from_string(const char *s, enum consent_policy *ret); /* -EINVAL */

struct config_app {
        char *app_id;  /* owned, like every string here */
        char *server;  /* NULL: the default */
        char *app_key; /* from appKey, appKeyFile or the credential "appkey.<appId>"; NULL: none. Secret. */
        bool allowed;
        char *livekit_api_key, *livekit_api_secret; /* NULL: none */
};
struct config_program {
        char *id; /* application id or executable path */
        enum consent_policy policy;
};
struct config {
        char *server; /* "embedded:" */
        struct config_app *apps;
        size_t n_apps;
        enum consent_policy consent_default; /* ask */
        uint32_t consent_ask_s;              /* 60 */
        struct config_program *programs;
        size_t n_programs;
        char *embedded_listen;          /* NULL: off */
        uint32_t embedded_idle_s;       /* 60 */
        uint32_t reconnect_s;           /* 300; 0: never */
        struct ice_server *ice_servers; /* strings owned */
        size_t n_ice_servers;
        bool ice_relay_only;
        char *tls_ca_file;         /* NULL; key "tls": { "caFile": … } */
        struct voice_config voice; /* 20 ms, 32000, 5, dtx, fec */
        uint32_t quantum;          /* 256 */
        enum log_level log_level;  /* info */
};

struct config_fault {
        char text[768]; /* "FILE: PATH: reason" */
};

/* The defaults alone. */
int config_new_default(struct config **ret);
/* Reads `path`; NULL: no file, the defaults. Credentials are added either way. -EINVAL and a fault text for a bad
 * document, -ENOENT …: the file cannot be read (text filled too). */
int config_load(const char *path, struct config **ret, struct config_fault *ret_fault);
/* A document in memory, with a NUL at [len]; `file` is its name in faults. Credentials are not looked at. */
int config_parse(const char *text, size_t len, const char *file, struct config **ret, struct config_fault *ret_fault);
/* Gives an app its key, adding the app if it is not there. The key is taken, also on failure (-EINVAL: no appId). */
int config_set_app_key(struct config *c, const char *app_id, char *key);
/* The file in force: the user's, then /etc/xdg/rtcroom/rtcroomd.json, then none (defaults). ret_path is owned by the
 * caller, NULL when there is none. */
int config_find(char **ret_path);
/* The user's own file, there or not: $XDG_CONFIG_HOME (or ~/.config)/rtcroom/rtcroomd.json. Owned by the caller. */
int config_user_path(char **ret_path);
/* Writes consent.programs[id] = policy into the file at `path`, leaving the rest as it is; makes the file (mode 0600)
 * and its folders if need be. The file is replaced at once or not at all. A file with a fault is left alone: -EINVAL.
 */
int config_set_program(const char *path, const char *id, enum consent_policy policy, struct config_fault *ret_fault);
struct config *config_free(struct config *c);

const struct config_app *config_find_app(const struct config *c, const char *app_id); /* NULL: not mentioned */
/* The policy of a program that is named, by application id first, then by path. False: the default is for it. */
bool config_consent_named(const struct config *c, const char *app_id, const char *exe_path, enum consent_policy *ret);

DEFINE_CLEANUP(struct config *, config_free)
