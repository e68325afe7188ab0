/* net-thread.h - the network thread: one GMainContext on which libnice and libsoup live, and calls across to it.
 *
 * Control starts and stops it; everything that runs on it is reached by net_thread_post(), and answers come back by
 * the control loop's own mailbox (net_thread_reply()). The two mailboxes are the only way between the threads.
 *
 * The context handed out is for nice_agent_new(), g_main_context_push_thread_default() and loop_glib_new(); it is
 * the thread-default context of the thread, so asynchronous GIO work started there completes there.
 */
#pragma once

#include "base/loop.h"
#include "base/mailbox.h"

struct net_thread;
struct _GMainContext;

/* control: starts the thread, named "rtcroomd-net". `control` is the loop on which replies run. */
int net_thread_new(struct loop *control, struct net_thread **ret);
/* control: runs what is still queued on the thread, ends and joins it, then drops replies that have not run. */
struct net_thread *net_thread_free(struct net_thread *t);

/* Any thread. `run(target, data)` gets target NULL. -ENOBUFS when 4096 calls wait: data is not taken. */
int net_thread_post(struct net_thread *t, mail_fn run, mail_free_fn free_data, void *data);
/* Any thread, mostly the network one: runs on the control loop. Same contract. */
int net_thread_reply(struct net_thread *t, mail_fn run, mail_free_fn free_data, void *data);

/* Network thread: something here still has to finish (a closing handshake). net_thread_free() lets the thread go on
 * until all holds are released, 2 s at the most; who holds has a deadline of its own below that. */
void net_thread_hold(struct net_thread *t);
void net_thread_release(struct net_thread *t);

/* The loop and context of the thread. Objects made on them are used on the thread only. */
struct loop *net_thread_loop(struct net_thread *t);
struct _GMainContext *net_thread_context(struct net_thread *t);
bool net_thread_is_current(const struct net_thread *t);

DEFINE_CLEANUP(struct net_thread *, net_thread_free)
