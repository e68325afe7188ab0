/* consent.c - see consent.h.
 *
 * A question lives from the first request that needs it to its answer, its deadline, or the last request's going; its
 * id is never used again, so a late answer of an asker meets nobody. While the permission store has not been read,
 * questions wait unasked: most are answered by it. One timer serves all deadlines, and writes the file of answers one
 * turn after everything else that an answer means.
 *
 * Ownership: the object owns questions, history and answers; waits belong to their requests, and are in a list of a
 * question or in none.
 */
#include "app/consent.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "app/manager.h"
#include "base/clock.h"

LOG_TOPIC("app/consent");

enum { QUESTIONS_MAX = 8, HISTORY_MAX = 64, ASKS_A_MINUTE = 3, QUIET_S = 10 };

struct question {
        struct list link; /* in consent.questions */
        struct consent *consent;
        struct consent_question view;
        char *program, *application_id, *exe_path, *unique_name; /* owned; the view's */
        struct list waits;                                       /* struct consent_wait */
        uint64_t until_us;
        unsigned asker; /* whose turn it is */
        bool shown;
};

/* What a program was asked about, so that it cannot have the user asked for ever. */
struct history {
        struct list link; /* in consent.history, least recent first */
        uint64_t asked_us[ASKS_A_MINUTE];
        uint64_t quiet_until_us;
        char program[];
};

struct consent {
        struct loop *loop;
        const struct config *config;           /* borrowed */
        const struct consent_desktop *desktop; /* borrowed; NULL: nobody to ask */
        struct consent_events ev;
        void *ctx;
        struct consent_answers *answers; /* owned */
        struct list questions, history;
        unsigned n_history;
        uint32_t next_id;
        struct loop_source *timer;
        bool unsaved; /* the file of answers is due */
        enum { STORE_UNREAD, STORE_READING, STORE_THERE, STORE_NONE } store;
};

/* ---- judgement ---- */

/* The program's name among the answers. */
static const char *name_of(const struct caller *who)
{
        if (*who->application_id)
                return who->application_id;
        return *who->exe_path ? who->exe_path : who->unique_name;
}

static bool find_answer(const struct consent *c, const struct caller *who, enum consent_policy *ret)
{
        struct consent_answer a;

        if (!(*who->application_id && consent_answers_find(c->answers, who->application_id, &a)) &&
            !(*who->exe_path && consent_answers_find(c->answers, who->exe_path, &a)) &&
            !consent_answers_find(c->answers, who->unique_name, &a))
                return false;
        *ret = a.policy;
        return true;
}

/* By the configuration or an answer, in so many words: nothing can lift it. */
static bool is_denied(const struct consent *c, const struct caller *who)
{
        enum consent_policy p;

        return (config_consent_named(c->config, who->application_id, who->exe_path, &p) && p == CONSENT_DENY) ||
               (find_answer(c, who, &p) && p == CONSENT_DENY);
}

enum consent_policy consent_check(const struct consent *c, const struct caller *who)
{
        enum consent_policy p;

        if (is_denied(c, who))
                return CONSENT_DENY;
        if (c->store == STORE_READING)
                return CONSENT_ASK;
        if (find_answer(c, who, &p) || config_consent_named(c->config, who->application_id, who->exe_path, &p))
                return p;
        return c->config->consent_default;
}

/* ---- history ---- */

static struct history *find_history(struct consent *c, const char *program)
{
        struct history *h;

        if (program[0] == ':')
                program = ":";
        list_for_each (h, &c->history, link)
                if (strcmp(h->program, program) == 0) {
                        list_remove(&h->link);
                        list_append(&c->history, &h->link);
                        return h;
                }
        return NULL;
}

static void forget_history(struct consent *c, struct history *h)
{
        list_remove(&h->link);
        c->n_history--;
        free(h);
}

static struct history *make_history(struct consent *c, const char *program)
{
        struct history *h = find_history(c, program);

        if (h)
                return h;
        if (program[0] == ':')
                program = ":";
        h = calloc(1, sizeof(*h) + strlen(program) + 1);
        if (!h)
                return NULL;
        strcpy(h->program, program);
        list_init(&h->link);
        list_append(&c->history, &h->link);
        if (++c->n_history > HISTORY_MAX)
                forget_history(c, list_first(&c->history, struct history, link));
        return h;
}

/* asked_us[0] is the oldest. */
static bool may_ask(struct consent *c, const char *program)
{
        const struct history *h = find_history(c, program);
        uint64_t now_us = loop_now_us(c->loop);

        if (!h)
                return true;
        if (now_us < h->quiet_until_us)
                return false;
        return h->asked_us[0] == 0 || now_us - h->asked_us[0] >= 60 * US_PER_SEC;
}

static void note_asked(struct history *h, uint64_t now_us)
{
        memmove(h->asked_us, h->asked_us + 1, sizeof(h->asked_us) - sizeof(h->asked_us[0]));
        h->asked_us[ASKS_A_MINUTE - 1] = now_us;
}

static void keep_quiet(struct consent *c, const struct question *q)
{
        struct history *h = find_history(c, q->program);

        if (h)
                h->quiet_until_us = loop_now_us(c->loop) + QUIET_S * US_PER_SEC;
}

/* ---- questions ---- */

static void set_timer(struct consent *c)
{
        uint64_t due_us = c->unsaved ? 0 : LOOP_NEVER;
        const struct question *q;

        list_for_each (q, &c->questions, link)
                if (q->until_us < due_us)
                        due_us = q->until_us;
        (void)loop_set_timer(c->timer, due_us);
}

/* In the next turn: a file takes longer than whoever is to be cut off may wait. */
static void save_soon(struct consent *c)
{
        c->unsaved = true;
        set_timer(c);
}

static const struct consent_asker *asker_of(const struct question *q)
{
        const struct consent_desktop *d = q->consent->desktop;

        return q->shown && q->asker < CONSENT_ASKERS_MAX ? d->askers[q->asker] : NULL;
}

static struct question *question_free(struct question *q)
{
        if (!q)
                return NULL;
        list_remove(&q->link);
        free(q->program);
        free(q->application_id);
        free(q->exe_path);
        free(q->unique_name);
        free(q);
        return NULL;
}

DEFINE_CLEANUP(struct question *, question_free)

static void withdraw(struct question *q)
{
        const struct consent_asker *a = asker_of(q);

        if (a)
                a->withdraw(q->view.id, a->ctx);
}

/* Takes it off the screen and away; nobody is told. */
static void end_question(struct question *q)
{
        struct consent *c = q->consent;

        withdraw(q);
        if (q->shown)
                c->ev.pending(c->ctx);
        question_free(q);
        set_timer(c);
}

/* Ends the question; who waits is told. CONSENT_ASK: nobody answered. */
static void resolve(struct question *q, enum consent_policy answer)
{
        bool allowed = answer == CONSENT_ALLOW;
        struct consent_wait *w;
        struct list waits;

        list_init(&waits);
        while ((w = list_first(&q->waits, struct consent_wait, link))) {
                list_remove(&w->link);
                list_append(&waits, &w->link);
        }
        log_info("%s %s the microphone", q->program, allowed ? "gets" : "does not get");
        end_question(q);
        while ((w = list_first(&waits, struct consent_wait, link))) { /* one may cancel another */
                list_remove(&w->link);
                w->consent = NULL;
                w->done(allowed, w->ctx);
        }
}

/* Lets the next asker ask that can. */
static void show(struct question *q)
{
        const struct consent_asker *a;

        q->shown = true;
        q->consent->ev.pending(q->consent->ctx);
        for (; (a = asker_of(q)); q->asker++) {
                int r = a->ask(q->consent, &q->view, a->ctx);

                if (r >= 0) {
                        log_info("asking for the microphone for %s by %s", q->program, a->name);
                        return;
                }
                log_debug("%s cannot ask about %s: %s", a->name, q->program, strerror(-r));
        }
        log_notice("%s wants the microphone: answer with \"rtcroomctl consent allow %s\" or deny", q->program,
                   q->program);
}

static struct caller caller_of(const struct question *q)
{
        return (struct caller){ .unique_name = q->unique_name,
                                .application_id = q->application_id,
                                .exe_path = q->exe_path,
                                .sandboxed = q->view.sandboxed,
                                .claims_path = q->view.claims_path };
}

/* Something that judgements depend on has changed. */
static void reconsider(struct consent *c)
{
        struct question *q;
        bool again;

        do { /* whoever is told may ask and cancel */
                again = false;
                list_for_each (q, &c->questions, link) {
                        struct caller who = caller_of(q);
                        enum consent_policy p = consent_check(c, &who);

                        if (p == CONSENT_ASK)
                                continue;
                        resolve(q, p);
                        again = true;
                        break;
                }
        } while (again);
        c->ev.judged(c->ctx);
}

static void on_timer(void *ctx)
{
        struct consent *c = ctx;
        struct question *q;
        uint64_t now_us = loop_now_us(c->loop);

        c->unsaved = false;
        consent_answers_save(c->answers);
        while ((q = list_first(&c->questions, struct question, link))) {
                if (q->until_us > now_us) /* all wait equally long, unless the configuration has changed */
                        break;
                log_info("nobody answered whether %s may have the microphone", q->program);
                keep_quiet(c, q);
                resolve(q, CONSENT_ASK);
        }
        set_timer(c);
}

/* ---- remembering ---- */

static void remember(struct consent *c, const char *program, enum consent_policy policy)
{
        enum answer_origin origin = program[0] == ':'         ? ANSWER_SESSION
                                    : c->store == STORE_THERE ? ANSWER_STORE
                                                              : ANSWER_FILE;
        int r = consent_answers_put(c->answers, program, policy, origin);

        if (r < 0)
                log_warning("the answer for %s is not remembered: %s", program, strerror(-r));
        if (origin == ANSWER_STORE && c->desktop->store->put(program, policy, c->desktop->store->ctx) < 0)
                consent_store_lost(c, program);
        save_soon(c);
}

void consent_store_lost(struct consent *c, const char *program)
{
        struct consent_answer a;

        if (!consent_answers_find(c->answers, program, &a) || a.origin != ANSWER_STORE)
                return;
        (void)consent_answers_put(c->answers, program, a.policy, ANSWER_FILE);
        save_soon(c);
}

/* An answer of the store that is not among the new ones, of the kind in question. */
static bool is_stale(const struct consent_answer *a, bool by_path, const struct consent_answer *now, size_t n)
{
        if (a->origin != ANSWER_STORE || (a->program[0] == '/') != by_path)
                return false;
        for (size_t i = 0; i < n; i++)
                if (strcmp(now[i].program, a->program) == 0)
                        return false;
        return true;
}

void consent_store_changed(struct consent *c, bool by_path, const struct consent_answer *answers, size_t n)
{
        struct consent_answer a;

        for (size_t i = 0; consent_answers_at(c->answers, i, &a);)
                if (is_stale(&a, by_path, answers, n))
                        (void)consent_answers_put(c->answers, a.program, CONSENT_ASK, ANSWER_STORE);
                else
                        i++;
        for (size_t i = 0; i < n; i++)
                if ((answers[i].program[0] == '/') == by_path)
                        (void)consent_answers_put(c->answers, answers[i].program, answers[i].policy, ANSWER_STORE);
        reconsider(c);
        save_soon(c);
}

void consent_store_loaded(struct consent *c, bool there)
{
        bool first = c->store == STORE_READING;
        struct question *q;

        c->store = there ? STORE_THERE : STORE_NONE;
        if (!first)
                return;
        reconsider(c);
        list_for_each (q, &c->questions, link)
                if (!q->shown)
                        show(q);
}

void consent_prepare(struct consent *c)
{
        const struct consent_store *s = c->desktop ? c->desktop->store : NULL;

        if (c->store != STORE_UNREAD)
                return;
        c->store = STORE_READING;
        if (!s || s->load(c, s->ctx) < 0)
                c->store = STORE_NONE;
}

/* ---- asking ---- */

static struct question *find_question(const struct consent *c, const char *program)
{
        struct question *q;

        list_for_each (q, &c->questions, link)
                if (strcmp(q->program, program) == 0)
                        return q;
        return NULL;
}

static size_t count(const struct list *head)
{
        size_t n = 0;

        for (const struct list *at = head->next; at != head; at = at->next)
                n++;
        return n;
}

static int question_new(struct consent *c, const struct caller *who, struct question **ret)
{
        _cleanup_(question_freep) struct question *q = calloc(1, sizeof(*q));

        if (!q)
                return -ENOMEM;
        list_init(&q->link);
        list_init(&q->waits);
        q->consent = c;
        q->program = strdup(name_of(who));
        q->application_id = strdup(who->application_id);
        q->exe_path = strdup(who->exe_path);
        q->unique_name = strdup(who->unique_name);
        if (!q->program || !q->application_id || !q->exe_path || !q->unique_name)
                return -ENOMEM;
        q->view = (struct consent_question){ .id = ++c->next_id,
                                             .program = q->program,
                                             .application_id = q->application_id,
                                             .exe_path = q->exe_path,
                                             .unique_name = q->unique_name,
                                             .sandboxed = who->sandboxed,
                                             .claims_path = who->claims_path,
                                             .seconds = c->config->consent_ask_s };
        q->until_us = loop_now_us(c->loop) + c->config->consent_ask_s * US_PER_SEC;
        *ret = take_ptr(q);
        return 0;
}

static int start_question(struct consent *c, const struct caller *who, struct question **ret)
{
        const char *program = name_of(who);
        struct history *h;
        int r;

        if (!c->desktop) {
                log_notice("%s wants the microphone and nobody can be asked", program);
                return -EACCES;
        }
        if (!may_ask(c, program) || count(&c->questions) >= QUESTIONS_MAX) {
                log_notice("%s wants the microphone too often: the user is not asked again now", program);
                return -EACCES;
        }
        h = make_history(c, program);
        if (!h)
                return -ENOMEM;
        r = question_new(c, who, ret);
        if (r < 0)
                return r;
        note_asked(h, loop_now_us(c->loop));
        list_append(&c->questions, &(*ret)->link);
        set_timer(c);
        return 0;
}

int consent_ask(struct consent *c, const struct caller *who, struct consent_wait *wait, consent_done_fn done,
                void *ctx)
{
        struct question *q = find_question(c, name_of(who));
        bool is_new = !q;
        int r;

        if (is_new) {
                r = start_question(c, who, &q);
                if (r < 0)
                        return r;
        }
        *wait = (struct consent_wait){ .consent = c, .done = done, .ctx = ctx };
        list_append(&q->waits, &wait->link);
        if (is_new && c->store != STORE_READING)
                show(q);
        return 0;
}

void consent_cancel(struct consent_wait *wait)
{
        struct consent *c = wait->consent;
        struct question *q;

        if (!c)
                return;
        wait->consent = NULL;
        list_remove(&wait->link);
        list_for_each (q, &c->questions, link)
                if (list_is_empty(&q->waits)) {
                        log_info("the question about %s is withdrawn", q->program);
                        end_question(q);
                        break;
                }
}

static struct question *find_by_id(const struct consent *c, uint32_t id)
{
        struct question *q;

        list_for_each (q, &c->questions, link)
                if (q->view.id == id)
                        return q;
        return NULL;
}

void consent_answered(struct consent *c, uint32_t id, enum consent_verdict verdict)
{
        struct question *q = find_by_id(c, id);

        if (!q)
                return; /* nobody waits any more */
        switch (verdict) {
        case VERDICT_ALLOW:
        case VERDICT_DENY:
                if (verdict == VERDICT_DENY && q->program[0] == ':')
                        keep_quiet(c, q);
                remember(c, q->program, verdict == VERDICT_ALLOW ? CONSENT_ALLOW : CONSENT_DENY);
                resolve(q, verdict == VERDICT_ALLOW ? CONSENT_ALLOW : CONSENT_DENY); /* remembered or not */
                reconsider(c);
                break;
        case VERDICT_CLOSED:
                keep_quiet(c, q);
                resolve(q, CONSENT_ASK);
                break;
        case VERDICT_CANNOT:
                q->asker++;
                show(q);
                break;
        }
}

/* ---- rtcroomctl ---- */

int consent_set(struct consent *c, const char *program, enum consent_policy policy)
{
        struct consent_answer old;
        enum consent_policy configured;
        struct history *h;

        if (!consent_program_is_valid(program))
                return -EINVAL;
        if (program[0] == ':' && !find_question(c, program) && !consent_answers_find(c->answers, program, &old))
                return -ENOENT;
        if (policy == CONSENT_ALLOW && config_consent_named(c->config, program, program, &configured) &&
            configured == CONSENT_DENY)
                return -EPERM;
        h = find_history(c, program);
        if (h)
                forget_history(c, h);
        remember(c, program, policy);
        reconsider(c);
        return 0;
}

const struct consent_answers *consent_list(const struct consent *c)
{
        return c->answers;
}

const struct config *consent_config(const struct consent *c)
{
        return c->config;
}

bool consent_pending_at(const struct consent *c, size_t index, struct consent_pending *ret)
{
        struct question *q;

        list_for_each (q, &c->questions, link)
                if (q->shown && index-- == 0) {
                        const struct consent_asker *a = asker_of(q);

                        *ret = (struct consent_pending){ .q = q->view, .asked_by = a ? a->name : "" };
                        return true;
                }
        return false;
}

/* ---- the object ---- */

void consent_owner_gone(struct consent *c, const char *unique_name)
{
        struct consent_answer a;

        if (consent_answers_find(c->answers, unique_name, &a))
                (void)consent_answers_put(c->answers, unique_name, CONSENT_ASK, ANSWER_SESSION);
}

void consent_set_config(struct consent *c, const struct config *config)
{
        c->config = config;
        reconsider(c);
}

int consent_new(struct loop *loop, const struct config *config, const struct consent_desktop *desktop,
                const char *state_dir, const struct consent_events *ev, void *ctx, struct consent **ret)
{
        _cleanup_(consent_freep) struct consent *c = calloc(1, sizeof(*c));
        int r;

        if (!c)
                return -ENOMEM;
        list_init(&c->questions);
        list_init(&c->history);
        c->loop = loop;
        c->config = config;
        c->desktop = desktop;
        c->ev = *ev;
        c->ctx = ctx;
        r = consent_answers_new(state_dir, &c->answers);
        if (r >= 0)
                r = loop_add_timer(loop, LOOP_NEVER, on_timer, c, &c->timer);
        if (r < 0)
                return r;
        *ret = take_ptr(c);
        return 0;
}

struct consent *consent_free(struct consent *c)
{
        struct question *q;
        struct history *h;

        if (!c)
                return NULL;
        list_for_each (q, &c->questions, link) {
                withdraw(q);
                for (struct consent_wait *w; (w = list_first(&q->waits, struct consent_wait, link));) {
                        list_remove(&w->link);
                        w->consent = NULL;
                }
                question_free(q);
        }
        list_for_each (h, &c->history, link)
                forget_history(c, h);
        if (c->answers)
                consent_answers_save(c->answers);
        consent_answers_free(c->answers);
        c->timer = loop_remove(c->timer);
        free(c);
        return NULL;
}
