/* sigconn-ws-net.h - the two halves of a WebSocket connection and what they share; private to sigconn-ws*.c.
 *
 * ws_face: control's half, counted references, for events on their way to control refer to it. ws_net: the network
 * thread's half, reached by three calls in this order: ws_net_start(), ws_net_send()…, ws_net_release().
 */
#pragma once

#include <stdatomic.h>

#include "base/list.h"
#include "net/net-thread.h"
#include "signal/sigconn.h"

struct ws_net;

struct ws_face {
        struct sigconn base;
        _Atomic int refs;
        struct net_thread *thread; /* borrowed */
        size_t max_message;
        _Atomic size_t n_unsent, unsent_bytes; /* sent by control, not yet handed to the socket */
        _Atomic size_t unread_bytes;           /* received, not yet seen by control */
        /* control only */
        struct sigconn_events ev;
        void *ctx;
        bool silent;         /* closed by us or by the other side: no event any more */
        struct ws_net *half; /* owned by the network thread, alive until ws_net_release() ran there */
};

/* A message for the socket. */
struct ws_message {
        struct list link;    /* in ws_net.queue */
        struct ws_net *half; /* borrowed */
        bool queued;         /* the queue owns it; else the mailbox does */
        bool binary;
        size_t len;
        char data[];
};

/* any thread */
struct ws_face *ws_face_ref(struct ws_face *f);
struct ws_face *ws_face_unref(struct ws_face *f); /* returns NULL */
void ws_face_count_unsent(struct ws_face *f, const struct ws_message *m, int sign);

/* control: copies the strings, takes a reference of the face. Nothing of GLib is made before the start. */
int ws_net_new(struct ws_face *face, const struct sigconn_params *p, struct ws_net **ret);
/* Any thread: frees what never ran ws_net_start(), else does nothing. */
void ws_net_free_unstarted(struct ws_net *n);

/* network thread */
void ws_net_start(struct ws_net *n);
bool ws_net_send(struct ws_net *n, struct ws_message *m); /* true: queued, and sent from a later turn of the loop */
void ws_net_release(struct ws_net *n); /* sends what is queued, closes in order, frees itself; no event any more */
