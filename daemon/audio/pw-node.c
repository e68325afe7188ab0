/* pw-node.c - see pw-node.h. What a node is called and how it presents itself; the stream is a tap (pw-tap.h). */
#include "audio/pw-node.h"

#include <assert.h>
#include <errno.h>
#include <pipewire/pipewire.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "audio/pw-devices.h"
#include "audio/pw-tap.h"

#define ROLE "Communication"

enum { ROLE_AFTER_US = 3 * 1000 * 1000, REST_AFTER_US = 10 * 1000 * 1000, ASK_AGAIN_US = 2 * 1000 * 1000 };

struct pwnode {
        enum audio_direction direction;
        char *name, *description, *app_name, *target; /* owned */
        uint32_t quantum;
        struct audio_port *port; /* a reference */
        void (*changed)(void *ctx);
        void *ctx;
        struct pwcore *core; /* borrowed while attached */
        struct pwtap *tap;   /* owned; NULL while detached */
        bool placed;         /* the session manager has been told where this tap goes */
        uint64_t role_us;    /* due: playback takes its role; 0: not linked yet, LOOP_NEVER: it has it */
        uint64_t linked_us;  /* since then; 0: not yet */
        uint64_t resting_us; /* since then; 0: it works */
};

static struct pw_properties *properties(const struct pwnode *n)
{
        struct pw_properties *p =
                pw_properties_new(PW_KEY_MEDIA_TYPE, "Audio", PW_KEY_MEDIA_CATEGORY,
                                  n->direction == AUDIO_CAPTURE ? "Capture" : "Playback", PW_KEY_MEDIA_NAME,
                                  n->description, PW_KEY_NODE_NAME, n->name, PW_KEY_NODE_DESCRIPTION, n->description,
                                  PW_KEY_APP_NAME, n->app_name, NULL);

        if (!p)
                return NULL;
        /* one driver for all of them, whatever the devices: what is played and what is heard are counted by one clock,
         * or the echo canceller would chase their difference */
        pw_properties_setf(p, PW_KEY_NODE_GROUP, "rtcroomd.%d", (int)getpid());
        pw_properties_setf(p, PW_KEY_NODE_LATENCY, "%u/%d", n->quantum, AUDIO_RATE);
        /* both sides of a stereo microphone are averaged: by default they would be added up, 3 dB above full scale */
        if (n->direction == AUDIO_CAPTURE)
                pw_properties_set(p, "channelmix.normalize", "true");
        if (*n->target)
                pw_properties_set(p, PW_KEY_TARGET_OBJECT, n->target);
        /* the microphone has its role from the start: headsets change their profile by it */
        if (n->direction == AUDIO_CAPTURE)
                pw_properties_set(p, PW_KEY_MEDIA_ROLE, ROLE);
        else
                pw_properties_set(p, PW_KEY_APP_ID, n->name);
        return p;
}

int pwnode_attach(struct pwnode *n, struct pwcore *core)
{
        struct pw_properties *p = properties(n);

        assert(!n->tap);
        if (!p)
                return -ENOMEM;
        n->core = core;
        return pwtap_new(pwcore_get(core), p, n->direction, n->port, pwcore_far(n->core), n->changed, n->ctx,
                         &n->tap); /* takes p */
}

void pwnode_detach(struct pwnode *n)
{
        n->placed = false;
        n->role_us = n->linked_us = n->resting_us = 0;
        if (n->tap)
                pwcore_retire(n->core, take_ptr(n->tap));
}

/* -ENOTSUP: not now. */
static int place(struct pwnode *n)
{
        struct pwdevices *d = pwcore_devices(n->core);
        int r = d && pwtap_id(n->tap) != PWTAP_NO_ID ? pwdevices_move(d, pwtap_id(n->tap), n->target) : -ENOTSUP;

        n->placed = r >= 0;
        return r;
}

/* WirePlumber remembers a stream's volume by its role, else by the application's id, and restores it soon after the
 * stream has appeared: with a role, whoever comes next would begin as loud as the one that a mixer turned down last.
 * So playback gets its role when that is over. */
static uint64_t follow_role(struct pwnode *n, uint64_t now_us)
{
        if (n->role_us == 0 && pwtap_is_linked(n->tap))
                n->role_us = n->direction == AUDIO_PLAYBACK ? now_us + ROLE_AFTER_US : LOOP_NEVER;
        if (n->role_us != 0 && n->role_us <= now_us) {
                pwtap_set_role(n->tap, ROLE);
                n->role_us = LOOP_NEVER;
        }
        return n->role_us != 0 ? n->role_us : LOOP_NEVER;
}

/* Not before it has been linked for as long: what it is linked to is known by then, and its volume restored. */
static uint64_t follow_need(struct pwnode *n, uint64_t now_us)
{
        uint64_t needed_us = atomic_load(&n->port->needed_us), since_us;

        if (n->linked_us == 0 && pwtap_is_linked(n->tap))
                n->linked_us = now_us;
        if (n->linked_us == 0 || n->resting_us)
                return LOOP_NEVER;
        if (needed_us == AUDIO_PORT_ALWAYS)
                return now_us + ASK_AGAIN_US;
        since_us = SPA_MAX(needed_us, n->linked_us);
        if (now_us < since_us + REST_AFTER_US)
                return since_us + REST_AFTER_US;
        if (!audio_port_rest(n->port, needed_us))
                return now_us + ASK_AGAIN_US;
        pwtap_set_active(n->tap, false);
        n->resting_us = now_us;
        return LOOP_NEVER;
}

void pwnode_wake(struct pwnode *n)
{
        eventfd_t times;

        (void)eventfd_read(n->port->need_fd, &times);
        if (n->tap && n->resting_us)
                pwtap_set_active(n->tap, true);
        n->resting_us = 0;
}

bool pwnode_is_attached(const struct pwnode *n)
{
        return n->tap != NULL;
}

bool pwnode_can_wait(struct pwnode *n)
{
        return n->direction == AUDIO_PLAYBACK && audio_port_rest(n->port, atomic_load(&n->port->needed_us));
}

uint64_t pwnode_resting_since(const struct pwnode *n)
{
        return n->resting_us;
}

int pwnode_need_fd(const struct pwnode *n)
{
        return n->port->need_fd;
}

uint64_t pwnode_settle(struct pwnode *n, uint64_t now_us)
{
        uint64_t role_us, rest_us;

        if (!n->tap)
                return LOOP_NEVER;
        if (!n->placed)
                (void)place(n);
        role_us = follow_role(n, now_us);
        rest_us = follow_need(n, now_us);
        return SPA_MIN(role_us, rest_us);
}

static int move(struct pwnode *n)
{
        if (place(n) >= 0)
                return 0;
        pwnode_detach(n);
        return pwcore_get(n->core) ? pwnode_attach(n, n->core) : 0;
}

int pwnode_set_target(struct pwnode *n, const char *target)
{
        char *copy;

        if (strcmp(n->target, target) == 0)
                return 0;
        copy = strdup(target);
        if (!copy)
                return -ENOMEM;
        free(n->target);
        n->target = copy;
        return n->tap ? move(n) : 0;
}

int pwnode_new(const struct audio_stream_params *p, struct audio_port *port, void (*changed)(void *ctx), void *ctx,
               struct pwnode **ret)
{
        _cleanup_(pwnode_freep) struct pwnode *n = calloc(1, sizeof(*n));

        if (!n)
                return -ENOMEM;
        n->direction = p->direction;
        n->quantum = p->quantum;
        n->changed = changed;
        n->ctx = ctx;
        n->name = strdup(p->node_name);
        n->description = strdup(p->description);
        n->app_name = strdup(p->app_name);
        n->target = strdup(p->target);
        if (!n->name || !n->description || !n->app_name || !n->target)
                return -ENOMEM;
        n->port = audio_port_ref(port);
        *ret = take_ptr(n);
        return 0;
}

struct pwnode *pwnode_free(struct pwnode *n)
{
        if (!n)
                return NULL;
        pwnode_detach(n);
        audio_port_unref(n->port);
        free(n->name);
        free(n->description);
        free(n->app_name);
        free(n->target);
        free(n);
        return NULL;
}

uint32_t pwnode_id(const struct pwnode *n)
{
        return n->tap ? pwtap_id(n->tap) : PWNODE_NO_ID;
}

bool pwnode_is_broken(const struct pwnode *n)
{
        return n->tap && pwtap_is_broken(n->tap);
}

const char *pwnode_name(const struct pwnode *n)
{
        return n->name;
}

bool pwnode_is_capture(const struct pwnode *n)
{
        return n->direction == AUDIO_CAPTURE;
}
