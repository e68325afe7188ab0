/* talk.h - push-to-talk, and the key of the desktop that presses it. Control thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct manager;

/* A key that works whatever window has the keyboard: implemented by bus/shortcuts-portal.c, tests hand in fakes. */
struct shortcut_ops {
        uint32_t version; /* 0 */
        /* Somebody is in a room with push-to-talk, or not any more. Presses come by manager_shortcut(), never from
         * inside. That there are no such keys on this desktop is nobody's business. */
        void (*want)(bool wanted, void *ctx);
        void *ctx;
};

/* The key went down or up. Means something in the room only. */
void manager_shortcut(struct manager *m, bool pressed);

/* ---- the app's own ---- */
/* In the flush: has the desktop bind its key, or let go of it. */
void talk_follow(struct manager *m);
