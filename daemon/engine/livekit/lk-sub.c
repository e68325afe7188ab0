/* lk-sub.c - what of the room we want, and where it arrives.
 *
 * What is wanted is compared with what was asked for, and the difference goes to the server as one message for each
 * direction; there is no answer to wait for. The server then asks for sections, and an answer of its to an offer of
 * ours says which track is in which. A section may change hands from one answer to the next: first every old tie is
 * cut, then the new ones are made.
 */
#include "engine/livekit/lk-fsm-internal.h"

#include <string.h>

#include "base/clock.h"
#include "wire/sdp.h"

static struct wish *find_wish(const struct lk_fsm *f, const char *user)
{
        struct wish *w;

        list_for_each (w, &f->wishes, link)
                if (strcmp(w->user, user) == 0)
                        return w;
        return NULL;
}

bool lf_sub_is_asked_for(const struct lk_fsm *f, const struct member *m)
{
        const struct wish *w = find_wish(f, m->user);

        return w ? w->on : f->join.auto_subscribe;
}

static bool is_wanted(const struct lk_fsm *f, const struct member *m)
{
        return m->track[0] && !m->missing && lf_sub_is_asked_for(f, m);
}

/* ---- ties ---- */

/* Whose sound comes in this section, or NULL. */
static struct member *find_heard(struct lk_fsm *f, const char *mid)
{
        struct member *m;

        list_for_each (m, &f->members, link)
                if (m->bound && strcmp(m->mid, mid) == 0)
                        return m;
        return NULL;
}

/* A section has one owner, whatever the server says. */
static void bind(struct lk_fsm *f, struct member *m)
{
        struct lk_action *a;

        if (find_heard(f, m->mid))
                return;
        a = lf_act(f, LK_ACT_BIND, NULL);
        a->peer = lf_receiver(f);
        memcpy(a->mid, m->mid, sizeof(a->mid));
        memcpy(a->user, m->user, sizeof(a->user));
        m->bound = true;
        m->speaking = false;
        if (lf_is_up(f) && !f->stages.subscriber_up_us)
                f->stages.subscriber_up_us = f->now_us - f->start_us;
}

static void unbind(struct lk_fsm *f, struct member *m)
{
        struct lk_action *a;

        if (!m->bound)
                return;
        a = lf_act(f, LK_ACT_UNBIND, NULL);
        a->peer = lf_receiver(f);
        memcpy(a->mid, m->mid, sizeof(a->mid));
        m->bound = false;
        m->encryption = E2EE_NONE;
}

static void send_sids(struct lk_fsm *f, char **sids, size_t n, bool on)
{
        Livekit__UpdateSubscription u = LIVEKIT__UPDATE_SUBSCRIPTION__INIT;
        Livekit__SignalRequest m = LIVEKIT__SIGNAL_REQUEST__INIT;

        u.track_sids = sids;
        u.n_track_sids = n;
        u.has_subscribe = true;
        u.subscribe = on;
        m.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_SUBSCRIPTION;
        m.subscription = &u;
        lf_send(f, &m);
}

void lf_sub_give_up(struct lk_fsm *f, struct member *m)
{
        char *sid = m->track;

        if (m->asked && lf_is_linked(f))
                send_sids(f, &sid, 1, false);
        lf_sub_track_gone(f, m);
}

/* The server takes its end of it down by itself. */
void lf_sub_track_gone(struct lk_fsm *f, struct member *m)
{
        unbind(f, m);
        m->asked = false;
        m->mid[0] = m->track[0] = '\0';
}

void lf_sub_forget(struct lk_fsm *f)
{
        struct member *m;

        list_for_each (m, &f->members, link) {
                m->bound = m->asked = false;
                m->encryption = E2EE_NONE;
                m->mid[0] = '\0';
        }
}

/* ---- wishes ---- */

/* False: too many, or no memory (then `oom` says so). */
static bool keep_wish(struct lk_fsm *f, const char *user, bool on)
{
        struct wish *w = find_wish(f, user);

        if (!w && f->n_wishes < LK_WISHES_MAX) {
                w = calloc(1, sizeof(*w));
                f->oom |= !w;
                if (w) {
                        lf_copy(w->user, sizeof(w->user), user);
                        list_append(&f->wishes, &w->link);
                        f->n_wishes++;
                }
        }
        if (w)
                w->on = on;
        return w;
}

/* Takes effect at our end at once: what is not wanted is not heard, whatever the server still sends. */
static void apply_wish(struct lk_fsm *f, struct member *m, bool on)
{
        if (!m->mid[0] || m->bound == on)
                return;
        if (on)
                bind(f, m);
        else
                unbind(f, m);
        lf_room_tell(f, m);
}

void lf_sub_wish(struct lk_fsm *f, uint32_t op, const char *user, uint32_t media, bool on)
{
        struct engine_result res = { 0 };
        struct member *m = lf_find_member(f, user);

        if (!(media & ENGINE_AUDIO))
                res = lf_result(ENGINE_UNSUPPORTED, 0, "this engine carries audio only");
        else if (!keep_wish(f, user, on))
                res = lf_result(ENGINE_INTERNAL, 0, "too many subscriptions");
        lf_done(f, op, &res);
        if (res.reason != ENGINE_OK)
                return;
        if (m)
                apply_wish(f, m, on);
        lf_sub_sync(f);
}

void lf_sub_clear(struct lk_fsm *f)
{
        struct wish *w;

        list_for_each (w, &f->wishes, link) {
                list_remove(&w->link);
                free(w);
        }
        f->n_wishes = 0;
}

/* ---- what the server is told ---- */

/* How many tracks were asked for or given back. */
static size_t send_change(struct lk_fsm *f, bool on)
{
        char *sids[LK_MEMBERS_MAX];
        struct member *m;
        size_t n = 0;

        list_for_each (m, &f->members, link) {
                if (!m->track[0] || m->asked == on || is_wanted(f, m) != on)
                        continue;
                m->asked = on;
                sids[n++] = m->track;
        }
        if (n > 0)
                send_sids(f, sids, n, on);
        return n;
}

static uint32_t count_asked(const struct lk_fsm *f)
{
        const struct member *m;
        uint32_t n = 0;

        list_for_each (m, &f->members, link)
                n += m->asked;
        return n;
}

/* The server waits 150 ms for more changes before it asks for sections. An offer that comes in the meantime finds the
 * new tracks as well: so it is made at once, without waiting to be asked. One that came too early does no harm. */
static void offer_sections(struct lk_fsm *f)
{
        uint32_t asked = count_asked(f);

        if (asked > f->n_receive)
                f->n_receive = asked < LK_SECTIONS_MAX ? asked : LK_SECTIONS_MAX;
        lf_offer(f);
}

void lf_sub_sync(struct lk_fsm *f)
{
        if (f->state != LK_STATE_SETTLING && f->state != LK_STATE_JOINED)
                return;
        (void)send_change(f, false);
        if (send_change(f, true) > 0 && !f->dual)
                offer_sections(f);
}

size_t lf_sub_state(struct lk_fsm *f, char *ret_sids[LK_MEMBERS_MAX])
{
        struct member *m;
        size_t n = 0;

        list_for_each (m, &f->members, link)
                if (m->asked)
                        ret_sids[n++] = m->track;
        return n;
}

/* ---- where it arrives ---- */

static const char *mid_in_map(const Livekit__SessionDescription *sd, const char *track)
{
        for (size_t i = 0; i < sd->n_mid_to_track_id; i++)
                if (sd->mid_to_track_id[i]->value && strcmp(sd->mid_to_track_id[i]->value, track) == 0)
                        return sd->mid_to_track_id[i]->key;
        return NULL;
}

/* The second word of a=msid; servers of before 1.9.2 say it nowhere else. */
static const char *mid_in_sdp(const struct sdp_session *s, const char *track)
{
        for (size_t i = 0; i < s->n_sections; i++) {
                const char *word = s->sections[i].msid ? strchr(s->sections[i].msid, ' ') : NULL;

                if (word && strcmp(word + 1, track) == 0 && s->sections[i].direction & SDP_SENDONLY)
                        return s->sections[i].mid;
        }
        return NULL;
}

static const char *find_mid(const Livekit__SessionDescription *sd, const struct sdp_session *s, const char *track)
{
        const char *mid = !track[0] ? NULL : sd->n_mid_to_track_id > 0 ? mid_in_map(sd, track) : mid_in_sdp(s, track);

        return mid && strlen(mid) <= LIVEKIT_MID_MAX ? mid : "";
}

void lf_sub_map(struct lk_fsm *f, const Livekit__SessionDescription *answer)
{
        _cleanup_(sdp_done) struct sdp_session s = { 0 };
        struct member *m;

        if (answer->n_mid_to_track_id == 0 && sdp_parse(answer->sdp, &s) < 0)
                return; /* the peer will say the same */
        list_for_each (m, &f->members, link) {
                const char *mid = find_mid(answer, &s, m->track);

                if (strcmp(mid, m->mid) == 0)
                        continue;
                unbind(f, m);
                m->mid[0] = '\0';
        }
        list_for_each (m, &f->members, link) {
                const char *mid = find_mid(answer, &s, m->track);

                if (strcmp(mid, m->mid) != 0) {
                        lf_copy(m->mid, sizeof(m->mid), mid);
                        if (is_wanted(f, m))
                                bind(f, m);
                }
                lf_room_tell(f, m);
        }
}

void lf_sub_speaking(struct lk_fsm *f, const char *mid, bool on)
{
        struct member *m = find_heard(f, mid);
        struct lk_action *a;

        if (!m)
                return;
        a = lf_act(f, LK_ACT_SPEAKING, NULL);
        a->on = on;
        memcpy(a->user, m->user, sizeof(a->user));
}

void lf_sub_encryption(struct lk_fsm *f, const struct lk_event *ev)
{
        struct member *m = ev->peer == f->peer ? find_heard(f, ev->mid) : NULL;

        if (!m)
                return;
        m->encryption = ev->encryption;
        lf_room_tell(f, m);
}

bool lk_fsm_find_track(const struct lk_fsm *f, const char *user_id, uint32_t *ret_peer, const char **ret_mid)
{
        const struct member *m = lf_find_member(f, user_id);

        if (!m || !m->bound)
                return false;
        *ret_peer = lf_receiver(f);
        *ret_mid = m->mid;
        return true;
}
