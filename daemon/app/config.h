/* config.h - the configuration: one JSON file, strict, every key with a default.
 *
 * A file is read whole, checked, and only then replaces what is in force; a fault names the file, the path inside the
 * document ("audio.bitrate") and the reason. Control thread. Key files must not be readable by others (mode & 077 == 0).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "media/track.h"
#include "wire/ice-server.h"

enum consent_policy { CONSENT_ASK, CONSENT_ALLOW, CONSENT_DENY };
const char *consent_policy_to_string(enum consent_policy p);

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
        struct config_program *programs;
        size_t n_programs;
        char *embedded_listen; /* NULL: off */
        uint32_t embedded_idle_s; /* 60 */
        struct ice_server *ice_servers; /* strings owned */
        size_t n_ice_servers;
        bool ice_relay_only;
        char *tls_ca_file;         /* NULL; key "tls": { "caFile": … } */
        struct voice_config voice; /* 20 ms, 32000, 5, dtx, fec */
        uint32_t quantum;          /* 256 */
        enum log_level log_level;  /* info */
};

struct config_fault {
        char text[512]; /* "FILE: PATH: reason" */
};

/* The defaults alone. */
int config_new_default(struct config **ret);
/* Reads `path`. -EINVAL and a fault text for a bad document, -ENOENT …: the file cannot be read (text filled too). */
int config_load(const char *path, struct config **ret, struct config_fault *ret_fault);
/* The file in force: $XDG_CONFIG_HOME (or ~/.config)/rtcroom/rtcroomd.json, then /etc/xdg/rtcroom/rtcroomd.json, then
 * none (defaults). ret_path is owned by the caller, NULL when there is none. */
int config_find(char **ret_path);
struct config *config_free(struct config *c);

const struct config_app *config_find_app(const struct config *c, const char *app_id); /* NULL: not mentioned */
/* The policy for a program, by application id first, then by executable path, else the default. */
enum consent_policy config_consent(const struct config *c, const char *app_id, const char *exe_path);

DEFINE_CLEANUP(struct config *, config_free)
