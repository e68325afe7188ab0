/* mailbox.h - bounded queue of owned messages from any thread to the one that drains it.
 *
 * A message is a function to run on the receiving thread, its data, and a destructor for the data. The data belongs
 * to the mailbox from a successful post on; it is freed after `run`, or without a run when the mailbox is freed
 * before. Messages run in the order of posting. An eventfd, watched by the receiver's loop, wakes it.
 *
 * mailbox_post(): any thread but the audio RT one (it takes a mutex, held for a few instructions and never across a
 * callback). Everything else: the receiving thread. Receivers guard against stale messages by generation numbers in
 * the data. Free the mailbox only when no thread can post any more.
 */
#pragma once

#include <stddef.h>

#include "base/cleanup.h"
#include "base/loop.h"

struct mailbox;

typedef void (*mail_fn)(void *target, void *data);
typedef void (*mail_free_fn)(void *data);

/* `target` is handed to every message's run function (borrowed). */
int mailbox_new(struct loop *loop, size_t capacity, void *target, struct mailbox **ret);
struct mailbox *mailbox_free(struct mailbox *mb);

/* -ENOBUFS when full: the data is then NOT taken. free_data may be NULL for data that needs none. */
int mailbox_post(struct mailbox *mb, mail_fn run, mail_free_fn free_data, void *data);

/* Runs what is queued now, without waiting for the loop (shutdown, tests). */
void mailbox_drain(struct mailbox *mb);

DEFINE_CLEANUP(struct mailbox *, mailbox_free)
