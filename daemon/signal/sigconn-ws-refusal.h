/* sigconn-ws-refusal.h - what a server says to a handshake that it does not take; private to sigconn-ws*.c.
 *
 * Network thread. Secrets: servers quote the token that they refuse, so the credentials that were sent are taken out.
 */
#pragma once

enum { WS_REFUSAL_MAX = 160 };

struct ws_refusal;
struct _SoupSession; /* libsoup's own name for it */

/* Listens to the session from now on. authorization: the value of the header, or NULL; borrowed. */
struct ws_refusal *ws_refusal_new(struct _SoupSession *session, const char *authorization);
/* The body of the answer in one line of printable UTF-8, cut at WS_REFUSAL_MAX, else the name of the status. */
const char *ws_refusal_text(struct ws_refusal *r, unsigned status);
/* After the session has ended. */
struct ws_refusal *ws_refusal_free(struct ws_refusal *r);
