/* janus-room.c - who is in the room, and the one subscription to all of them.
 *
 * What is wanted (by auto-subscribe or an explicit wish, which outweighs it) is compared with what there is; the
 * difference goes to the server as one request, the next one when that is answered and its offer, if any, accepted.
 * Janus says nothing when a publisher goes (autoupdate = false): it keeps the section as an inactive one and uses it
 * again.
 *
 * After a loss everybody is missing until seen again. Until things have settled the app is told of additions only: who
 * was here still is, and what flowed still does, unless it is unwanted by now. Then it is told what is true.
 *
 * Members are bounded by JANUS_LIST_MAX; whoever comes beyond is not seen.
 */
#include "engine/janus/janus-fsm-internal.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"

static struct member *find_member(const struct janus_fsm *f, const char *user)
{
        struct member *m;

        list_for_each (m, &f->members, link)
                if (strcmp(m->user, user) == 0)
                        return m;
        return NULL;
}

static bool publishes(const struct member *m)
{
        return m->feed_mid[0] || m->unnamed;
}

static struct wish *find_wish(const struct janus_fsm *f, const char *user)
{
        struct wish *w;

        list_for_each (w, &f->wishes, link)
                if (strcmp(w->user, user) == 0)
                        return w;
        return NULL;
}

static bool is_asked_for(const struct janus_fsm *f, const struct member *m)
{
        const struct wish *w = find_wish(f, m->user);

        return w ? w->on : f->join.auto_subscribe;
}

static void tell_change(struct janus_fsm *f, enum engine_change change, struct member *m)
{
        struct janus_action *a = jf_act(f, JANUS_ACT_PARTICIPANT, NULL);

        a->change = change;
        memcpy(a->user, m->user, sizeof(a->user));
        a->published = m->told_published;
        a->subscribed = m->told_subscribed;
        a->on = m->told_muted;
        a->encryption = m->told_encryption;
}

/* That there is this member, or what has changed of it. */
static void tell(struct janus_fsm *f, struct member *m)
{
        uint32_t published = publishes(m) ? ENGINE_AUDIO : 0, subscribed = m->bound ? ENGINE_AUDIO : 0;
        bool news = !m->told, settling = f->settle_us != LOOP_NEVER;
        enum e2ee_state encryption = m->encryption;

        if (f->state != JANUS_STATE_JOINED)
                return; /* all are told of by jf_room_announce() */
        if (m->told && settling)
                published |= m->told_published;
        if (m->told && settling && is_asked_for(f, m))
                subscribed |= m->told_subscribed;
        if (m->told && settling && encryption == E2EE_NONE)
                encryption = m->told_encryption;
        if (m->told && published == m->told_published && subscribed == m->told_subscribed &&
            m->muted == m->told_muted && encryption == m->told_encryption)
                return;
        m->told = true;
        m->told_published = published;
        m->told_subscribed = subscribed;
        m->told_muted = m->muted;
        m->told_encryption = encryption;
        tell_change(f, news ? ENGINE_PARTICIPANT_JOINED : ENGINE_PARTICIPANT_UPDATED, m);
}

static void bind(struct janus_fsm *f, struct member *m)
{
        struct janus_action *a = jf_act(f, JANUS_ACT_BIND, NULL);

        a->peer = f->side[m->side].peer;
        memcpy(a->mid, m->sub_mid, sizeof(a->mid));
        memcpy(a->user, m->user, sizeof(a->user));
        m->bound = true;
}

static void unbind(struct janus_fsm *f, struct member *m)
{
        struct janus_action *a;

        if (!m->bound)
                return;
        a = jf_act(f, JANUS_ACT_UNBIND, NULL);
        a->peer = f->side[m->side].peer;
        memcpy(a->mid, m->sub_mid, sizeof(a->mid));
        m->bound = false;
        m->encryption = E2EE_NONE;
}

/* A member who was thrown out may be back before the server has taken the old stream down: it then lists two of one
 * name. So the old one is remembered, given up with the next request, and never taken for the new one. */
static void note_stale(struct janus_fsm *f, const struct member *m)
{
        struct stale *s = &f->stale[f->n_stale];

        if (!m->sub_mid[0] || m->side != HANDLE_SUB || f->n_stale == JANUS_SUB_CHANGES)
                return;
        f->n_stale++;
        memcpy(s->mid, m->sub_mid, sizeof(s->mid));
        memcpy(s->user, m->user, sizeof(s->user));
}

static bool is_stale(const struct janus_fsm *f, const struct janus_stream *s)
{
        for (size_t i = 0; i < f->n_stale; i++)
                if (strcmp(f->stale[i].mid, s->mid) == 0 && strcmp(f->stale[i].user, s->feed) == 0)
                        return true;
        return false;
}

/* Given up by now; or the server knows, or has given the section to somebody else. */
static void forget_stale(struct janus_fsm *f, const struct janus_msg *msg)
{
        size_t n = 0;

        for (size_t i = f->n_stale_sent; i < f->n_stale; i++)
                for (size_t k = 0; k < msg->n_streams; k++)
                        if (strcmp(f->stale[i].mid, msg->streams[k].mid) == 0 &&
                            strcmp(f->stale[i].user, msg->streams[k].feed) == 0) {
                                f->stale[n++] = f->stale[i];
                                break;
                        }
        f->n_stale = n;
        f->n_stale_sent = 0;
}

/* The stream is gone at its source, and with it our section. */
static void stream_gone(struct janus_fsm *f, struct member *m)
{
        unbind(f, m);
        note_stale(f, m);
        m->sub_mid[0] = m->feed_mid[0] = '\0';
        m->asked = m->unnamed = m->soundless = false;
        m->failures = 0;
}

static struct member *add_member(struct janus_fsm *f, const char *user)
{
        struct member *m;

        if (f->n_members == JANUS_LIST_MAX)
                return NULL;
        m = calloc(1, sizeof(*m));
        if (!m) {
                f->oom = true;
                return NULL;
        }
        (void)snprintf(m->user, sizeof(m->user), "%s", user);
        m->side = HANDLE_SUB;
        list_append(&f->members, &m->link);
        f->n_members++;
        return m;
}

static void remove_member(struct janus_fsm *f, struct member *m)
{
        list_remove(&m->link);
        f->n_members--;
        free(m);
}

/* ---- news ---- */

static void on_feed(struct janus_fsm *f, const struct janus_feed *feed)
{
        struct member *m = find_member(f, feed->id);

        if (strcmp(feed->id, f->user) == 0)
                return;
        if (m)
                m->missing = false;
        if (m && (!feed->publishing || (strcmp(m->feed_mid, feed->audio_mid) == 0 && m->muted == feed->muted)))
                return;
        if (!m)
                m = add_member(f, feed->id);
        if (!m)
                return;
        if (strcmp(m->feed_mid, feed->audio_mid) != 0)
                stream_gone(f, m);
        memcpy(m->feed_mid, feed->audio_mid, sizeof(m->feed_mid));
        m->muted = feed->muted;
        tell(f, m);
}

static void on_gone(struct janus_fsm *f, const char *user)
{
        struct member *m = find_member(f, user);

        if (!m)
                return;
        stream_gone(f, m);
        if (f->rejoining || f->settle_us != LOOP_NEVER) { /* may be on the way back, too */
                m->missing = true;
                return;
        }
        if (m->told)
                tell_change(f, ENGINE_PARTICIPANT_LEFT, m);
        remove_member(f, m);
}

static void on_unpublished(struct janus_fsm *f, const char *user)
{
        struct member *m = find_member(f, user);

        if (!m || !publishes(m))
                return;
        stream_gone(f, m);
        tell(f, m);
}

static void on_moderated(struct janus_fsm *f, const char *user, bool muted)
{
        struct member *m = find_member(f, user);

        if (!m || m->muted == muted)
                return;
        m->muted = muted;
        tell(f, m);
}

/* One who publishes something: what, the list does not say. */
static void on_publishing(struct janus_fsm *f, struct member *m)
{
        if (publishes(m) || m->soundless)
                return;
        m->unnamed = true;
        tell(f, m);
}

/* Somebody new of whom only the list tells. */
static void on_newcomer(struct janus_fsm *f, const struct janus_feed *feed)
{
        struct member *m = strcmp(feed->id, f->user) == 0 ? NULL : add_member(f, feed->id);

        if (!m)
                return;
        m->listed = true;
        m->unnamed = feed->publishing;
        tell(f, m);
}

/* named: the feed says which streams there are. */
static void on_listed(struct janus_fsm *f, const struct janus_feed *feed, bool named)
{
        struct member *m;

        if (named)
                on_feed(f, feed);
        m = find_member(f, feed->id);
        if (!m) {
                if (!named)
                        on_newcomer(f, feed);
                return;
        }
        m->listed = true;
        m->missing = false;
        if (!feed->publishing) {
                m->soundless = false;
                on_unpublished(f, feed->id);
        } else if (!named) {
                on_publishing(f, m);
        }
}

void jf_room_list(struct janus_fsm *f, const struct janus_msg *msg)
{
        struct member *m;

        list_for_each (m, &f->members, link)
                m->listed = false;
        for (size_t i = 0; i < msg->n_feeds; i++)
                on_listed(f, &msg->feeds[i], !msg->has_participants);
        list_for_each (m, &f->members, link)
                if (!m->listed)
                        on_gone(f, m->user);
}

/* "leaving": "ok" is said to the one who leaves; with a reason he was made to. (A user may be called "ok", too.) */
static bool is_our_kick(const struct janus_msg *m)
{
        return strcmp(m->leaving, "ok") == 0 && strcmp(m->reason, "kicked") == 0;
}

void jf_room_news(struct janus_fsm *f, const struct janus_msg *m)
{
        struct engine_result dismissed = jf_result(ENGINE_ROOM_DISMISSED, 0, NULL);

        if (m->news == JANUS_NEWS_DESTROYED) {
                jf_end(f, &dismissed);
                return;
        }
        if (is_our_kick(m)) {
                jf_oust(f);
                return;
        }
        for (size_t i = 0; i < m->n_feeds; i++)
                on_feed(f, &m->feeds[i]);
        if (m->leaving[0])
                on_gone(f, m->leaving);
        if (m->kicked[0])
                on_gone(f, m->kicked);
        if (m->unpublished[0])
                on_unpublished(f, m->unpublished);
        if (m->moderated[0])
                on_moderated(f, m->moderated, m->moderated_muted);
        jf_room_sync(f);
}

static void add_echo(struct janus_fsm *f)
{
        struct member *m = find_member(f, "echo");

        if (!m)
                m = add_member(f, "echo");
        if (!m)
                return;
        m->missing = false;
        m->side = HANDLE_PUB;
        memcpy(m->feed_mid, f->echo_mid, sizeof(m->feed_mid));
        memcpy(m->sub_mid, f->echo_mid, sizeof(m->sub_mid));
        if (is_asked_for(f, m))
                bind(f, m);
}

void jf_room_announce(struct janus_fsm *f)
{
        struct member *m;

        if (f->join.echo)
                add_echo(f);
        list_for_each (m, &f->members, link)
                if (!m->missing)
                        tell(f, m);
}

/* ---- what is wanted ---- */

static bool is_wanted(const struct janus_fsm *f, const struct member *m)
{
        return publishes(m) && is_asked_for(f, m);
}

/* False: too many, or no memory (then `oom` says so). */
static bool keep_wish(struct janus_fsm *f, const char *user, bool on)
{
        struct wish *w = find_wish(f, user);

        if (!w && f->n_wishes < JANUS_LIST_MAX) {
                w = calloc(1, sizeof(*w));
                f->oom |= !w;
                if (w) {
                        (void)snprintf(w->user, sizeof(w->user), "%s", user);
                        list_append(&f->wishes, &w->link);
                        f->n_wishes++;
                }
        }
        if (w)
                w->on = on;
        return w;
}

/* Takes effect at our end at once: what is not wanted is not heard, whatever the server still sends. */
static void apply_wish(struct janus_fsm *f, struct member *m, bool on)
{
        if (!m->sub_mid[0] || m->bound == on)
                return;
        if (on)
                bind(f, m);
        else
                unbind(f, m);
        tell(f, m);
}

void jf_room_wish(struct janus_fsm *f, uint32_t op, const char *user, uint32_t media, bool on)
{
        struct engine_result res = { 0 };
        struct member *m = find_member(f, user);

        if (!(media & ENGINE_AUDIO))
                res = jf_result(ENGINE_UNSUPPORTED, 0, "this engine carries audio only");
        else if (!keep_wish(f, user, on))
                res = jf_result(ENGINE_INTERNAL, 0, "too many subscriptions");
        jf_done(f, op, &res);
        if (res.reason != ENGINE_OK)
                return;
        if (m)
                apply_wish(f, m, on);
        jf_room_sync(f);
}

/* ---- the subscription ---- */

struct changes {
        struct janus_target add[JANUS_SUB_CHANGES], remove[JANUS_SUB_CHANGES];
        size_t n_add, n_remove;
};

/* Whose streams are not known by name is subscribed to as a whole. */
static struct janus_target target_of(const struct member *m)
{
        return (struct janus_target){ m->user, m->feed_mid[0] ? m->feed_mid : NULL };
}

/* Those that are subscribed to take turns, since one request can name only so many. */
static void collect_again(struct janus_fsm *f, struct changes *c)
{
        struct member *m;
        size_t i = 0, last = f->sub_again_from;

        list_for_each (m, &f->members, link) {
                if (!m->sub_mid[0] || !is_wanted(f, m) || i++ < f->sub_again_from || c->n_add == JANUS_SUB_CHANGES)
                        continue;
                m->asked = true;
                c->add[c->n_add++] = target_of(m);
                last = i;
        }
        f->sub_again_from = last < i ? last : 0;
        f->sub_again = false;
}

static void collect_surplus(struct janus_fsm *f, struct changes *c)
{
        f->n_stale_sent = 0;
        while (c->n_add > 0 && f->n_stale_sent < f->n_stale && c->n_remove < JANUS_SUB_CHANGES)
                c->remove[c->n_remove++] = (struct janus_target){ NULL, f->stale[f->n_stale_sent++].mid };
        for (size_t i = 0; i < f->n_surplus && c->n_remove < JANUS_SUB_CHANGES; i++)
                c->remove[c->n_remove++] = (struct janus_target){ NULL, f->surplus[i] };
        f->n_surplus = 0;
}

static void collect(struct janus_fsm *f, struct changes *c)
{
        struct member *m;

        list_for_each (m, &f->members, link) {
                bool wanted = is_wanted(f, m);

                m->asked = false;
                if (wanted && !m->sub_mid[0] && m->failures < JANUS_SUB_TRIES && c->n_add < JANUS_SUB_CHANGES) {
                        m->asked = true;
                        c->add[c->n_add++] = target_of(m);
                } else if (!wanted && m->sub_mid[0] && c->n_remove < JANUS_SUB_CHANGES) {
                        c->remove[c->n_remove++] = (struct janus_target){ NULL, m->sub_mid };
                }
        }
}

static bool can_change(const struct janus_fsm *f)
{
        return (f->state == JANUS_STATE_SETTLING || f->state == JANUS_STATE_JOINED) && !f->join.echo &&
               f->side[HANDLE_SUB].handle && !f->sub_busy && f->sub_retry_us == LOOP_NEVER;
}

void jf_room_sync(struct janus_fsm *f)
{
        struct janus_request r;
        struct changes c = { .n_add = 0 };

        if (!can_change(f))
                return;
        collect(f, &c);
        collect_surplus(f, &c);
        if (f->sub_again)
                collect_again(f, &c);
        if (c.n_add + c.n_remove == 0)
                return;
        if (!f->side[HANDLE_SUB].peer)
                (void)jf_open_peer(f, HANDLE_SUB); /* gathers while the server makes its offer */
        r = jf_request(f, f->sub_entered ? JANUS_REQ_UPDATE : JANUS_REQ_SUBSCRIBE, HANDLE_SUB);
        r.room = f->sub_entered ? NULL : f->join.room;
        r.add = c.add;
        r.n_add = c.n_add;
        r.remove = c.remove;
        r.n_remove = c.n_remove;
        f->sub_busy = true;
        jf_send(f, &r, HANDLE_SUB, true);
}

static const struct janus_stream *find_stream(const struct janus_fsm *f, const struct janus_msg *m, const char *user)
{
        for (size_t i = 0; i < m->n_streams; i++)
                if (m->streams[i].audio && strcmp(m->streams[i].feed, user) == 0 && !is_stale(f, &m->streams[i]))
                        return &m->streams[i];
        return NULL;
}

static bool has_any_stream(const struct janus_msg *m, const char *user)
{
        for (size_t i = 0; i < m->n_streams; i++)
                if (strcmp(m->streams[i].feed, user) == 0)
                        return true;
        return false;
}

static void learn_name(struct member *m, const struct janus_stream *s)
{
        if (!m->unnamed || !s->feed_mid[0])
                return;
        memcpy(m->feed_mid, s->feed_mid, sizeof(m->feed_mid));
        m->unnamed = false;
}

static void on_soundless(struct janus_fsm *f, struct member *m)
{
        m->unnamed = false;
        m->soundless = true; /* until the list says that nothing is published */
        tell(f, m);
}

/* What came with a subscription to somebody as a whole and is no sound. */
static void note_surplus(struct janus_fsm *f, const struct janus_msg *msg)
{
        f->n_surplus = 0;
        for (size_t i = 0; i < msg->n_streams && f->n_surplus < JANUS_SUB_CHANGES; i++)
                if (!msg->streams[i].audio && msg->streams[i].feed[0])
                        memcpy(f->surplus[f->n_surplus++], msg->streams[i].mid, sizeof(f->surplus[0]));
}

/* A section may have changed hands: first every old tie is cut, then the new ones are made. */
static void map_streams(struct janus_fsm *f, const struct janus_msg *msg)
{
        const struct janus_stream *s;
        struct member *m;

        list_for_each (m, &f->members, link) {
                s = find_stream(f, msg, m->user);
                if (s && strcmp(s->mid, m->sub_mid) == 0)
                        continue;
                unbind(f, m);
                m->sub_mid[0] = '\0';
        }
        list_for_each (m, &f->members, link) {
                s = find_stream(f, msg, m->user);
                if (s)
                        learn_name(m, s);
                else if (m->unnamed && m->asked && has_any_stream(msg, m->user))
                        on_soundless(f, m);
                if (!s || m->sub_mid[0] || !m->feed_mid[0])
                        continue;
                memcpy(m->sub_mid, s->mid, sizeof(m->sub_mid));
                m->failures = 0;
                if (!is_wanted(f, m))
                        continue;
                bind(f, m);
                tell(f, m);
        }
}

/* Most likely somebody went away in the meantime (428); whoever is still here is asked for again. */
static void on_sub_refused(struct janus_fsm *f, const struct janus_msg *msg, enum janus_request_kind kind)
{
        struct engine_result why = jf_result_of(msg);
        struct member *m;

        if (kind == JANUS_REQ_START) { /* the server has an offer out that will never be settled */
                jf_fail(f, &why);
                return;
        }
        list_for_each (m, &f->members, link) {
                if (m->asked && !m->sub_mid[0])
                        m->failures++;
                if (m->asked && f->listening) { /* perhaps he has another stream now */
                        m->unnamed = true;
                        m->feed_mid[0] = '\0';
                }
        }
        f->sub_busy = false;
        f->sub_retry_us = f->now_us + JANUS_SUB_RETRY_US;
}

static void on_offer(struct janus_fsm *f, const struct janus_msg *m)
{
        struct janus_action *a;

        if (!f->side[HANDLE_SUB].peer)
                (void)jf_open_peer(f, HANDLE_SUB);
        f->sub_busy = true;
        a = jf_act(f, JANUS_ACT_SET_REMOTE, m->sdp);
        a->peer = f->side[HANDLE_SUB].peer;
        a->sdp_type = RTC_OFFER;
}

/* The server has nothing to change, and yet somebody is missing. */
static bool was_in_vain(struct janus_fsm *f)
{
        bool any = false;
        struct member *m;

        list_for_each (m, &f->members, link) {
                if (!m->asked || m->sub_mid[0])
                        continue;
                m->failures++;
                any = true;
        }
        return any;
}

void jf_room_sub_answer(struct janus_fsm *f, const struct janus_msg *m, enum janus_request_kind kind)
{
        if (m->kind == JANUS_ERROR) {
                if (m->has_transaction)
                        on_sub_refused(f, m, kind);
                return;
        }
        if (m->news == JANUS_NEWS_ATTACHED)
                f->sub_entered = true;
        if (m->jsep == JANUS_JSEP_OFFER)
                on_offer(f, m);
        if (m->n_streams > 0) {
                forget_stale(f, m);
                map_streams(f, m);
                note_surplus(f, m);
        }
        if (m->jsep == JANUS_JSEP_OFFER || !m->has_transaction)
                return;
        f->sub_busy = false;
        if (m->news == JANUS_NEWS_UPDATING ||
            (kind != JANUS_REQ_START && was_in_vain(f))) /* the offer will come by itself; or it will not */
                f->sub_retry_us = f->now_us + JANUS_SUB_RETRY_US;
        jf_room_sync(f);
}

void jf_room_sub_description(struct janus_fsm *f, const char *sdp)
{
        struct janus_request r = jf_request(f, JANUS_REQ_START, HANDLE_SUB);

        r.sdp = sdp;
        jf_send(f, &r, HANDLE_SUB, true);
        jf_flush_candidates(f, HANDLE_SUB);
}

/* ---- the rest ---- */

/* Whose sound comes in this section, or NULL. */
static struct member *find_heard(struct janus_fsm *f, const char *mid)
{
        struct member *m;

        list_for_each (m, &f->members, link)
                if (m->bound && strcmp(m->sub_mid, mid) == 0)
                        return m;
        return NULL;
}

void jf_room_speaking(struct janus_fsm *f, const char *mid, bool on)
{
        struct member *m = find_heard(f, mid);
        struct janus_action *a;

        if (!m)
                return;
        a = jf_act(f, JANUS_ACT_SPEAKING, NULL);
        a->on = on;
        memcpy(a->user, m->user, sizeof(a->user));
}

void jf_room_encryption(struct janus_fsm *f, const struct janus_event *ev)
{
        struct member *m = jf_side_of_peer(f, ev->peer) == HANDLE_NONE ? NULL : find_heard(f, ev->mid);

        if (!m)
                return;
        m->encryption = ev->encryption;
        tell(f, m);
}

bool janus_fsm_find_track(const struct janus_fsm *f, const char *user_id, uint32_t *ret_peer, const char **ret_mid)
{
        const struct member *m = find_member(f, user_id);

        if (!m || !m->bound)
                return false;
        *ret_peer = f->side[m->side].peer;
        *ret_mid = m->sub_mid;
        return true;
}

void jf_room_unsubscribed(struct janus_fsm *f)
{
        struct member *m;

        list_for_each (m, &f->members, link) {
                m->bound = m->asked = false;
                m->encryption = E2EE_NONE;
                m->sub_mid[0] = '\0';
                m->failures = 0;
        }
        f->sub_entered = f->sub_busy = f->sub_up = f->sub_again = false;
        f->n_surplus = f->n_stale = f->n_stale_sent = 0;
        f->sub_retry_us = LOOP_NEVER;
}

void jf_room_lost(struct janus_fsm *f)
{
        struct member *m;

        jf_room_unsubscribed(f);
        list_for_each (m, &f->members, link) {
                m->missing = true;
                m->unnamed = m->soundless = false;
                m->feed_mid[0] = '\0';
        }
        f->settle_us = LOOP_NEVER;
}

void jf_room_settled(struct janus_fsm *f)
{
        struct member *m;

        f->settle_us = LOOP_NEVER;
        list_for_each (m, &f->members, link) {
                if (!m->missing) {
                        tell(f, m);
                        continue;
                }
                if (m->told)
                        tell_change(f, ENGINE_PARTICIPANT_LEFT, m);
                remove_member(f, m);
        }
}

void jf_room_clear(struct janus_fsm *f)
{
        struct member *m;
        struct wish *w;

        list_for_each (m, &f->members, link)
                remove_member(f, m);
        list_for_each (w, &f->wishes, link) {
                list_remove(&w->link);
                free(w);
        }
        f->n_wishes = 0;
}
