/* consent.h - may this program have the microphone? Policy, questions that wait for an answer, and who asks them.
 *
 * The judgement, strictest first: a "deny" of the configuration or of an answer, an "allow" of either, an "ask" of the
 * configuration, the configuration's default. An answer by application id counts before one by path; so does an entry
 * of the configuration. A path that is only the program's claim is none unless the kernel's name of the process agrees
 * (bus/bus-identity.c).
 *
 * A question is asked once per program, however many requests wait for it, by the first asker that can (the desktop's
 * portal, a notification), and may at any time be answered by consent_set() (rtcroomctl). What was answered is
 * remembered in the permission store, else in our file. Who got no answer, or was put off, is not asked about again
 * for QUIET_S; no program is asked about more than three times a minute; at most QUESTIONS_MAX are open. Programs
 * without a name are one program as far as that goes, and their answer holds for their connection only.
 *
 * Control thread. No request is told from inside a call of the app's (check, ask, cancel). Negative errno.
 */
#pragma once

#include "app/consent-answers.h"
#include "base/list.h"
#include "base/loop.h"

struct caller;
struct consent;

/* ---- the desktop: implemented by bus/, tests hand in fakes ---- */

struct consent_question { /* borrowed for the call */
        uint32_t id;
        const char *program; /* its name among the answers; ":…": it has none */
        const char *application_id, *exe_path, *unique_name;
        bool sandboxed, claims_path;
        uint32_t seconds; /* until nobody waits any more */
};

enum consent_verdict {
        VERDICT_ALLOW,
        VERDICT_DENY,
        VERDICT_CLOSED, /* the user put it away: a no, this once */
        VERDICT_CANNOT  /* cannot ask, or not any more: the next one shall */
};

struct consent_asker {
        uint32_t version; /* 0 */
        const char *name; /* "portal", "notification" */
        /* Starts asking; the verdict comes by consent_answered(), never from inside. Negative: cannot. */
        int (*ask)(struct consent *c, const struct consent_question *q, void *ctx);
        /* No verdict after it; the dialog goes. Follows every verdict but VERDICT_CANNOT, too. */
        void (*withdraw)(uint32_t id, void *ctx);
        void *ctx;
};

struct consent_store {
        uint32_t version; /* 0 */
        /* Leads to consent_store_loaded(), and to consent_store_changed() whenever somebody changes it. */
        int (*load)(struct consent *c, void *ctx);
        /* CONSENT_ASK: forgets. Fails by consent_store_lost(). */
        int (*put)(const char *program, enum consent_policy policy, void *ctx);
        void *ctx;
};

enum { CONSENT_ASKERS_MAX = 4 };

struct consent_desktop {
        const struct consent_asker *askers[CONSENT_ASKERS_MAX]; /* in this order; NULL ends */
        const struct consent_store *store;                      /* NULL: our file alone */
};

void consent_answered(struct consent *c, uint32_t id, enum consent_verdict verdict);
/* The whole of what the store keeps for programs of one kind: with an application id, or with a path. */
void consent_store_changed(struct consent *c, bool by_path, const struct consent_answer *answers, size_t n);
void consent_store_loaded(struct consent *c, bool there);
void consent_store_lost(struct consent *c, const char *program); /* it did not take that answer */

/* ---- the app ---- */

typedef void (*consent_done_fn)(bool allowed, void *ctx);

/* One request that waits; a zeroed one waits for nothing. */
struct consent_wait {
        struct list link; /* in question.waits */
        struct consent *consent;
        consent_done_fn done;
        void *ctx;
};

struct consent_events {
        uint32_t version;           /* 0 */
        void (*judged)(void *ctx);  /* what was allowed may not be any more */
        void (*pending)(void *ctx); /* other questions, or another asker; also from inside a call */
};

/* desktop (borrowed) NULL: nobody can be asked, "ask" is a no. config is borrowed until the next one. */
int consent_new(struct loop *loop, const struct config *config, const struct consent_desktop *desktop,
                const char *state_dir, const struct consent_events *ev, void *ctx, struct consent **ret);
struct consent *consent_free(struct consent *c); /* questions are withdrawn, without a word to those who wait */
void consent_set_config(struct consent *c, const struct config *config);
/* Somebody is about to need answers: reads the permission store, once. */
void consent_prepare(struct consent *c);

/* What holds for the program now; CONSENT_ASK: somebody has to be asked (or the store has not answered yet). */
enum consent_policy consent_check(const struct consent *c, const struct caller *who);
/* Asks, or joins those who wait for the same program. `wait` (zeroed) belongs to the caller and is done once `done` is
 * called. -EACCES: it may not be asked now, which is a no; -ENOMEM. */
int consent_ask(struct consent *c, const struct caller *who, struct consent_wait *wait, consent_done_fn done,
                void *ctx);
/* Legal on one that waits for nothing. The last one withdraws the question. */
void consent_cancel(struct consent_wait *wait);
void consent_owner_gone(struct consent *c, const char *unique_name); /* answers for the connection */

/* ---- rtcroomctl, through the bus ---- */

/* Allow, deny, or ask = forget. Holds at once, also for questions that wait. -EINVAL: no program's name; -ENOENT: a
 * connection about which there is no question; -EPERM: the configuration says "deny". */
int consent_set(struct consent *c, const char *program, enum consent_policy policy);
const struct consent_answers *consent_list(const struct consent *c);
const struct config *consent_config(const struct consent *c);
struct consent_pending {
        struct consent_question q;
        const char *asked_by; /* name of the asker; "": rtcroomctl alone can answer */
};
/* Those that the user has been asked; index 0 … until false. */
bool consent_pending_at(const struct consent *c, size_t index, struct consent_pending *ret);

DEFINE_CLEANUP(struct consent *, consent_free)
