/* sigconn-ws.h - signalling over a WebSocket (RFC 6455): ws:// and wss://. The face is control's; the socket lives on
 * the network thread. Certificates are always verified, against the system's authorities and those in ca_file. */
#pragma once

#include "net/net-thread.h"
#include "signal/sigconn.h"

/* Borrows the thread. Close every connection before net_thread_free(): it then waits for their orderly ends. */
struct sigconn_provider sigconn_ws_provider(struct net_thread *net);
