/* talk.c - push-to-talk: who holds the key, and the key of the desktop. See talk.h.
 *
 * One press counts, the last: pressing again makes who pressed last the one who holds it, releasing releases it for
 * everybody. So nobody is heard whom nobody means to be heard: the key goes up when its holder leaves the bus and when
 * the room ends, and is not pressed ahead of a room. It is kept apart from the transmit mode, which alone says whether
 * it matters. Control thread.
 */
#include "app/talk.h"

#include <errno.h>
#include <string.h>

#include "app/manager-state.h"

LOG_TOPIC("app/talk");

int context_start_talking(struct context *c, const char *talker)
{
        struct room *room = &c->manager->room;
        char *copy;

        if (!context_is_in_room(c) || !room_is_in(room))
                return 0;
        copy = strdup(talker);
        if (!copy)
                return -ENOMEM;
        log_debug("%s presses the key", talker);
        if (!c->talker)
                context_changed(c, CONTEXT_TALKING);
        free(c->talker);
        c->talker = copy;
        voice_update(room);
        return 0;
}

void context_stop_talking(struct context *c)
{
        struct room *room = &c->manager->room;

        if (!c->talker)
                return;
        log_debug("the key of %s is released", c->talker);
        free(take_ptr(c->talker));
        context_changed(c, CONTEXT_TALKING);
        if (room->context == c)
                voice_update(room);
}

bool manager_is_talker(struct manager *m, const char *unique_name)
{
        const struct context *c = m->room.context;

        return c && c->talker && strcmp(c->talker, unique_name) == 0;
}

/* ---- the key of the desktop ---- */

void manager_shortcut(struct manager *m, bool pressed)
{
        struct context *c = m->room.context;
        int r = 0;

        if (!c)
                return;
        if (pressed)
                r = context_start_talking(c, "the desktop's key"); /* no unique name is like that */
        else
                context_stop_talking(c);
        if (r < 0)
                log_warning("the key is not pressed: %s", strerror(-r));
}

void talk_follow(struct manager *m)
{
        const struct context *c = m->room.context;
        bool wanted = c && room_is_in(&m->room) && c->settings.transmit_mode == TRANSMIT_PUSH_TO_TALK;

        if (!m->env.shortcuts || wanted == m->shortcut_wanted)
                return;
        m->shortcut_wanted = wanted;
        m->env.shortcuts->want(wanted, m->env.shortcuts->ctx);
}
