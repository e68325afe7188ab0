/* sigconn-unix.h - signalling over a Unix socket of type SOCK_SEQPACKET: one packet, one message. Control thread. */
#pragma once

#include "signal/sigconn.h"

/* Longest message: Janus 1.1.2 reads into 8,192 bytes and drops what is longer without an answer. */
enum { SIGCONN_UNIX_MAX_SEND = 8192 };

struct sigconn_provider sigconn_unix_provider(struct loop *loop); /* borrows the loop */
