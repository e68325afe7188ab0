/* params.h - parameters of every operation: options → struct, or the one text that lists all violations.
 *
 * Texts, order, defaults and bounds are the contract's ("Decisions where the original is silent"). Pure; fuzzed.
 * Each returns 0, or -EINVAL with ret_detail filled (what follows "<api>:fail "), ret untouched; or -ENOMEM.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "app/options.h"
#include "app/voice-settings.h"
#include "wire/url.h"

enum { ID_MAX = 128, PARAMS_DETAIL_MAX = 400 };

struct params_detail {
        char text[PARAMS_DETAIL_MAX];
};

struct params_create {
        char app_id[ID_MAX + 1];
        bool has_server;
        char server[1400];
};
struct params_join {
        char room_id[ID_MAX + 1], user_id[ID_MAX + 1];
        char *token;    /* owned: params_join_done() */
        char *e2ee_key; /* likewise; NULL: none */
        bool auto_publish, auto_subscribe;
};
struct params_state {
        bool on;
};
struct params_stream { /* publish and subscribe state */
        bool on, audio, video;
        char user_id[ID_MAX + 1]; /* subscribe only */
};
struct params_visibility {
        bool visible;
};
struct params_token {
        char *token; /* owned: free() */
};
struct params_device {
        char name[DEVICE_NAME_MAX + 1];
};
struct params_mode { /* of noise suppression */
        unsigned mode;
};
struct params_camera {
        bool back;
};
struct params_encoder { /* bounds of what the camera's stream may be */
        unsigned width, height, frame_rate;
};

struct params_message { /* everything borrowed from the options */
        const char *topic;
        const void *data;
        size_t len, n_destinations;
        bool text, reliable;
        const char *const *destinations;
};

int params_create(const struct options *o, struct params_create *ret, struct params_detail *ret_detail);
int params_join(const struct options *o, struct params_join *ret, struct params_detail *ret_detail);
void params_join_done(struct params_join *p);
int params_exit(const struct options *o, struct params_detail *ret_detail);
int params_capture(const struct options *o, struct params_state *ret, struct params_detail *ret_detail);
int params_visibility(const struct options *o, struct params_visibility *ret, struct params_detail *ret_detail);
int params_publish(const struct options *o, struct params_stream *ret, struct params_detail *ret_detail);
int params_subscribe(const struct options *o, struct params_stream *ret, struct params_detail *ret_detail);
int params_update_token(const struct options *o, struct params_token *ret, struct params_detail *ret_detail);
int params_playback_device(const struct options *o, struct params_device *ret, struct params_detail *ret_detail);
int params_ans_mode(const struct options *o, struct params_mode *ret, struct params_detail *ret_detail);
int params_switch_camera(const struct options *o, struct params_camera *ret, struct params_detail *ret_detail);
int params_video_encoder(const struct options *o, struct params_encoder *ret, struct params_detail *ret_detail);

int params_send_message(const struct options *o, struct params_message *ret, struct params_detail *ret_detail);

bool params_is_id(const char *s); /* [A-Za-z0-9_@.-]{1,128} */
