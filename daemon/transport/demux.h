/* demux.h - what a datagram of a BUNDLEd WebRTC transport is, by its first bytes (RFC 7983, RFC 5761 4). Pure. */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum packet_kind { PACKET_UNKNOWN, PACKET_STUN, PACKET_DTLS, PACKET_RTP, PACKET_RTCP };

enum packet_kind demux_classify(const uint8_t *data, size_t len);
