/* lk-room.c - who is in the room, and what they publish.
 *
 * Every ParticipantInfo is the whole state of one participant; of one session older versions are dropped. The same
 * identity with another SID is another session: what was there of the old one is gone with it. People are known to the
 * app by identity.
 *
 * After a loss everybody is missing until seen again. Until things have settled the app is told of additions only: who
 * was here still is, and what flowed still does, unless it is unwanted by now. Then it is told what is true.
 *
 * What the server says of somebody (lk-profile.h, and of his connection) is told with every event; of ourselves by
 * itself.
 *
 * Members are bounded by LK_MEMBERS_MAX; whoever comes beyond is not seen, nor is one whose identity is longer than
 * LK_ID_MAX or no UTF-8.
 */
#include "engine/livekit/lk-fsm-internal.h"

#include <string.h>

#include "base/clock.h"
#include "base/utf8.h"

enum { PROFILES_MAX = 8 * 1024 * 1024 }; /* what is beyond is not told of */

struct member *lf_find_member(const struct lk_fsm *f, const char *user)
{
        struct member *m;

        list_for_each (m, &f->members, link)
                if (strcmp(m->user, user) == 0)
                        return m;
        return NULL;
}

/* ---- what the app is told ---- */

/* Into an action that is still f's to fill: without memory it is as if it had not been made. */
static void put_profile(struct lk_fsm *f, struct lk_action *a, const struct lk_profile *p)
{
        if (a != &f->scratch && lk_profile_copy(p, &a->profile) < 0)
                f->oom = true;
}

static void tell_change(struct lk_fsm *f, enum engine_change change, struct member *m)
{
        struct lk_action *a = lf_act(f, LK_ACT_PARTICIPANT, NULL);

        a->change = change;
        memcpy(a->user, m->user, sizeof(a->user));
        a->published = m->told_published;
        a->subscribed = m->told_subscribed;
        a->on = m->told_muted;
        a->encryption = m->told_encryption;
        a->quality = m->quality;
        put_profile(f, a, &m->profile);
        m->news = false;
}

void lf_room_tell(struct lk_fsm *f, struct member *m)
{
        uint32_t published = m->published, subscribed = m->bound ? ENGINE_AUDIO : 0;
        enum e2ee_state encryption = m->encryption;
        bool news = !m->told, settling = f->due[T_SETTLE] != LOOP_NEVER;

        if (f->state != LK_STATE_JOINED)
                return; /* all are told of by lf_room_announce() */
        if (m->told && settling)
                published |= m->told_published;
        if (m->told && settling && lf_sub_is_asked_for(f, m))
                subscribed |= m->told_subscribed;
        if (m->told && settling && encryption == E2EE_NONE)
                encryption = m->told_encryption;
        if (m->told && published == m->told_published && subscribed == m->told_subscribed &&
            m->muted == m->told_muted && encryption == m->told_encryption && !m->news)
                return;
        m->told = true;
        m->told_published = published;
        m->told_subscribed = subscribed;
        m->told_muted = m->muted;
        m->told_encryption = encryption;
        tell_change(f, news ? ENGINE_PARTICIPANT_JOINED : ENGINE_PARTICIPANT_UPDATED, m);
}

static void tell_own(struct lk_fsm *f)
{
        struct lk_action *a;

        if (f->state != LK_STATE_JOINED || !f->own_news)
                return;
        f->own_news = false;
        a = lf_act(f, LK_ACT_PARTICIPANT, NULL);
        a->change = ENGINE_PARTICIPANT_UPDATED;
        memcpy(a->user, f->user, sizeof(a->user));
        a->quality = f->own_quality;
        put_profile(f, a, &f->own_profile);
}

void lf_room_announce(struct lk_fsm *f)
{
        struct member *m;

        tell_own(f);
        list_for_each (m, &f->members, link)
                if (!m->missing)
                        lf_room_tell(f, m);
}

/* ---- members ---- */

static bool is_good_identity(const char *id)
{
        size_t n, len = id ? strlen(id) : 0;

        if (len == 0 || len > LK_ID_MAX)
                return false;
        while (*id && (n = utf8_character(id)) > 0)
                id += n;
        return !*id;
}

static struct member *add_member(struct lk_fsm *f, const char *user)
{
        struct member *m;

        if (f->n_members == LK_MEMBERS_MAX)
                return NULL;
        m = calloc(1, sizeof(*m));
        if (!m) {
                f->oom = true;
                return NULL;
        }
        lf_copy(m->user, sizeof(m->user), user);
        list_append(&f->members, &m->link);
        f->n_members++;
        return m;
}

static void remove_member(struct lk_fsm *f, struct member *m)
{
        list_remove(&m->link);
        f->n_members--;
        f->profile_bytes -= m->profile.len;
        lk_profile_done(&m->profile);
        free(m);
}

static void leave(struct lk_fsm *f, struct member *m)
{
        lf_sub_track_gone(f, m);
        if (f->rejoining || f->due[T_SETTLE] != LOOP_NEVER) { /* may be on the way back, too */
                m->missing = true;
                return;
        }
        if (m->told)
                tell_change(f, ENGINE_PARTICIPANT_LEFT, m);
        remove_member(f, m);
}

/* ---- what somebody publishes ---- */

static unsigned rank(const Livekit__TrackInfo *t)
{
        if (t->type != LIVEKIT__TRACK_TYPE__AUDIO || !t->sid || !t->sid[0] || strlen(t->sid) > LK_SID_MAX)
                return 0;
        switch (t->source) {
        case LIVEKIT__TRACK_SOURCE__MICROPHONE: return 3;
        case LIVEKIT__TRACK_SOURCE__SCREEN_SHARE_AUDIO: return 1;
        default: return 2;
        }
}

/* Of equals, the one that is taken already. */
static const Livekit__TrackInfo *choose(const struct member *m, const Livekit__ParticipantInfo *p)
{
        const Livekit__TrackInfo *best = NULL;

        for (size_t i = 0; i < p->n_tracks; i++) {
                unsigned r = rank(p->tracks[i]), most = best ? rank(best) : 0;

                if (r > most || (r > 0 && r == most && strcmp(p->tracks[i]->sid, m->track) == 0))
                        best = p->tracks[i];
        }
        return best;
}

static bool publishes(const Livekit__ParticipantInfo *p, const char *sid)
{
        for (size_t i = 0; i < p->n_tracks; i++)
                if (p->tracks[i]->sid && strcmp(p->tracks[i]->sid, sid) == 0)
                        return true;
        return false;
}

static uint32_t media_of(const Livekit__TrackInfo *t)
{
        bool screen = t->source == LIVEKIT__TRACK_SOURCE__SCREEN_SHARE ||
                      t->source == LIVEKIT__TRACK_SOURCE__SCREEN_SHARE_AUDIO;

        if (t->type == LIVEKIT__TRACK_TYPE__AUDIO)
                return ENGINE_AUDIO | (screen ? ENGINE_SCREEN_AUDIO : 0);
        if (t->type == LIVEKIT__TRACK_TYPE__VIDEO)
                return screen ? ENGINE_SCREEN_VIDEO : ENGINE_VIDEO;
        return 0;
}

static void take_tracks(struct lk_fsm *f, struct member *m, const Livekit__ParticipantInfo *p)
{
        const Livekit__TrackInfo *t = choose(m, p);

        m->published = 0;
        for (size_t i = 0; i < p->n_tracks; i++)
                m->published |= media_of(p->tracks[i]);
        if (strcmp(m->track, t ? t->sid : "") != 0) {
                if (publishes(p, m->track))
                        lf_sub_give_up(f, m);
                else
                        lf_sub_track_gone(f, m);
                lf_copy(m->track, sizeof(m->track), t ? t->sid : "");
        }
        m->muted = t && t->muted;
}

/* ---- what is said of somebody ---- */

/* Takes the new one if it differs. */
static bool replace(struct lk_profile *old, struct lk_profile *new)
{
        if (lk_profile_equal(old, new)) {
                lk_profile_done(new);
                return false;
        }
        lk_profile_done(old);
        *old = *new;
        return true;
}

static void take_profile(struct lk_fsm *f, struct member *m, const Livekit__ParticipantInfo *p)
{
        struct lk_profile profile;

        if (lk_profile_pack(p, &profile) < 0) {
                f->oom = true;
                return;
        }
        if (f->profile_bytes - m->profile.len + profile.len > PROFILES_MAX)
                lk_profile_done(&profile);
        f->profile_bytes -= m->profile.len;
        m->news |= replace(&m->profile, &profile);
        f->profile_bytes += m->profile.len;
}

void lf_room_own(struct lk_fsm *f, const Livekit__ParticipantInfo *p)
{
        struct lk_profile profile;

        if (!p)
                return;
        if (lk_profile_pack(p, &profile) < 0) {
                f->oom = true;
                return;
        }
        f->own_news |= replace(&f->own_profile, &profile);
        tell_own(f);
}

static enum engine_quality quality_of(Livekit__ConnectionQuality q)
{
        switch (q) {
        case LIVEKIT__CONNECTION_QUALITY__EXCELLENT: return ENGINE_QUALITY_EXCELLENT;
        case LIVEKIT__CONNECTION_QUALITY__GOOD: return ENGINE_QUALITY_GOOD;
        case LIVEKIT__CONNECTION_QUALITY__POOR: return ENGINE_QUALITY_POOR;
        case LIVEKIT__CONNECTION_QUALITY__LOST: return ENGINE_QUALITY_LOST;
        default: return ENGINE_QUALITY_UNKNOWN;
        }
}

/* Whether it is another. */
static bool take_quality(const Livekit__ConnectionQualityUpdate *msg, const char *sid, enum engine_quality *quality)
{
        enum engine_quality was = *quality;

        for (size_t i = 0; i < msg->n_updates; i++)
                if (msg->updates[i]->participant_sid && strcmp(msg->updates[i]->participant_sid, sid) == 0)
                        *quality = quality_of(msg->updates[i]->quality);
        return *quality != was;
}

void lf_room_quality(struct lk_fsm *f, const Livekit__ConnectionQualityUpdate *msg)
{
        struct member *m;

        f->own_news |= take_quality(msg, f->sid, &f->own_quality);
        tell_own(f);
        list_for_each (m, &f->members, link)
                if (take_quality(msg, m->sid, &m->quality)) {
                        m->news = true;
                        lf_room_tell(f, m);
                }
}

/* ---- news ---- */

static void on_info(struct lk_fsm *f, const Livekit__ParticipantInfo *p)
{
        struct member *m = lf_find_member(f, p->identity);
        bool same = m && p->sid && strcmp(m->sid, p->sid) == 0;

        if (p->state == LIVEKIT__PARTICIPANT_STATE__DISCONNECTED) {
                if (same)
                        leave(f, m);
                return;
        }
        if (same && !m->missing && p->version < m->version)
                return;
        if (!m)
                m = add_member(f, p->identity);
        if (!m)
                return;
        if (!same) {
                lf_sub_track_gone(f, m);
                m->quality = ENGINE_QUALITY_UNKNOWN;
        }
        lf_copy(m->sid, sizeof(m->sid), p->sid);
        m->version = p->version;
        m->missing = false;
        take_tracks(f, m, p);
        take_profile(f, m, p);
        lf_room_tell(f, m);
}

/* Ourselves: what we may; or, after a resume, that our name is another's by now. */
static void on_own_info(struct lk_fsm *f, const Livekit__ParticipantInfo *p)
{
        struct engine_result duplicate = lf_result(ENGINE_DUPLICATE_LOGIN, 0, NULL);

        if (!p->sid || p->state == LIVEKIT__PARTICIPANT_STATE__DISCONNECTED)
                return;
        if (strcmp(p->sid, f->sid) == 0) {
                lf_on_permission(f, p->permission);
                lf_room_own(f, p);
        } else if (f->state == LK_STATE_RESUMING) {
                lf_hang_up(f); /* without a word: it would be said in his name */
                lf_end(f, &duplicate);
        }
}

void lf_room_infos(struct lk_fsm *f, Livekit__ParticipantInfo *const *infos, size_t n)
{
        for (size_t i = 0; i < n && f->state != LK_STATE_IDLE; i++) {
                if (!is_good_identity(infos[i]->identity))
                        continue;
                if (strcmp(infos[i]->identity, f->user) != 0)
                        on_info(f, infos[i]);
                else
                        on_own_info(f, infos[i]);
        }
}

/* Of those whose sound we get we know ourselves, and sooner. */
void lf_room_speakers(struct lk_fsm *f, const Livekit__SpeakersChanged *msg)
{
        struct member *m;

        list_for_each (m, &f->members, link)
                for (size_t i = 0; i < msg->n_speakers; i++) {
                        const Livekit__SpeakerInfo *s = msg->speakers[i];
                        struct lk_action *a;

                        if (!s->sid || strcmp(s->sid, m->sid) != 0 || m->bound || !m->told || m->speaking == s->active)
                                continue;
                        m->speaking = s->active;
                        a = lf_act(f, LK_ACT_SPEAKING, NULL);
                        a->on = s->active;
                        memcpy(a->user, m->user, sizeof(a->user));
                }
}

void lf_room_missing(struct lk_fsm *f)
{
        struct member *m;

        list_for_each (m, &f->members, link)
                m->missing = true;
        lf_stop_timer(f, T_SETTLE);
}

void lf_room_settled(struct lk_fsm *f)
{
        struct member *m;

        lf_stop_timer(f, T_SETTLE);
        list_for_each (m, &f->members, link) {
                if (!m->missing) {
                        lf_room_tell(f, m);
                        continue;
                }
                lf_sub_track_gone(f, m);
                if (m->told)
                        tell_change(f, ENGINE_PARTICIPANT_LEFT, m);
                remove_member(f, m);
        }
}

void lf_room_clear(struct lk_fsm *f)
{
        struct member *m;

        list_for_each (m, &f->members, link)
                remove_member(f, m);
        lk_profile_done(&f->own_profile);
        f->own_quality = ENGINE_QUALITY_UNKNOWN;
        f->own_news = false;
}
