/* janus-stand-in.h - an executable that stands where Janus would, and behaves as the test says.
 *
 * It is the test program itself, started by a script of a line in a folder of the test's own, which RTCROOMD_JANUS
 * then names; beside it lie empty files as its modules. It serves its socket as far as somebody who connects can see
 * (a WebSocket port, too, when its configuration has one) and answers nothing.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct janus_stand_in {
        char folder[64];  /* removed in the end */
        char runtime[80]; /* for engine_env.runtime_dir */
};

/* Initially it serves. */
void janus_stand_in_init(struct janus_stand_in *s);
void janus_stand_in_done(struct janus_stand_in *s);

/* From the next start on:
 *   "serve"     until SIGTERM              "stubborn"  serves, ignores SIGTERM
 *   "exit"      ends at once               "refuse"    binds its socket and does not listen
 *   "deaf"      does not even bind         "race N"    as "refuse", but serves once it was started N times before
 *   "mute"      serves, but no ping        "chatty"    says much, then ends       */
void janus_stand_in_behave(const char *how);

unsigned janus_stand_in_starts(const struct janus_stand_in *s);
pid_t janus_stand_in_pid(const struct janus_stand_in *s); /* of the last start */
/* The secret in the configuration of the last start. */
void janus_stand_in_secret(const struct janus_stand_in *s, char *ret, size_t size);
/* Its folder is there: it was started, and its end was not noticed yet. */
bool janus_stand_in_is_up(const struct janus_stand_in *s);
/* What it was asked besides pings, over all starts. */
unsigned janus_stand_in_requests(const struct janus_stand_in *s);
