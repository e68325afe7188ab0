/* fake-sigconn.h - signalling without a socket: the test is the server at the other end.
 *
 * One fake is one server and the factory of its provider; at most one connection is open at a time. What the code
 * under test sends is either taken one by one (fake_sigconn_take()) or handed to the handler, from the loop. The test
 * says when the connection opens, gets a message and closes; it is on the loop's thread, outside the code under test.
 */
#pragma once

#include "signal/sigconn.h"

struct fake_sigconn;

typedef void (*fake_sigconn_fn)(struct fake_sigconn *f, const char *data, size_t len, bool binary, void *ctx);

struct fake_sigconn *fake_sigconn_new(struct loop *loop);
struct fake_sigconn *fake_sigconn_free(struct fake_sigconn *f); /* asserts that every connection was closed */
struct sigconn_provider fake_sigconn_provider(struct fake_sigconn *f);

/* The scripted server: connections open by themselves, and each message goes to fn from the loop. */
void fake_sigconn_set_handler(struct fake_sigconn *f, fake_sigconn_fn fn, void *ctx);
/* Connections do not open by themselves but are shown to fn first, from the loop: it accepts or drops them. */
void fake_sigconn_set_doorkeeper(struct fake_sigconn *f, void (*fn)(struct fake_sigconn *f, void *ctx));
void fake_sigconn_refuse_opens(struct fake_sigconn *f, int err);  /* open() fails with it; 0: no longer */
void fake_sigconn_limit_send(struct fake_sigconn *f, size_t max); /* longer ones are -EMSGSIZE; 0: no limit */

/* What the server does. Asserted: a connection is open (or opening). */
void fake_sigconn_accept(struct fake_sigconn *f);
void fake_sigconn_message(struct fake_sigconn *f, const char *text);
void fake_sigconn_binary(struct fake_sigconn *f, const void *data, size_t len);
void fake_sigconn_drop(struct fake_sigconn *f, int err, unsigned http_status, const char *text);

/* What the code under test did. */
bool fake_sigconn_is_open(const struct fake_sigconn *f); /* between open() and close(), unless dropped */
unsigned fake_sigconn_opens(const struct fake_sigconn *f);
const struct sigconn_params *fake_sigconn_params(const struct fake_sigconn *f); /* of the last open(); copied */
/* The oldest message not yet taken, owned by the caller and NUL-terminated, or NULL. Not with a handler. */
char *fake_sigconn_take(struct fake_sigconn *f);
