/* livekit-msg.h - LiveKit's signalling messages: bytes ⇄ the structs that protoc-c makes of livekit.proto.
 *
 * One message is one binary WebSocket frame. Unknown members are skipped. Bounded in both directions: a message of at
 * most LIVEKIT_MSG_MAX bytes, and what it unpacks to at most LIVEKIT_UNPACKED_MAX, so that many tiny members cannot
 * become much memory. Texts in it are whatever the server sent: not necessarily UTF-8.
 *
 * Pure; any thread. Errors: -ENOMEM, -EBADMSG (malformed), -EMSGSIZE (a bound).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <livekit.pb-c.h>

#include "base/cleanup.h"

enum { LIVEKIT_MSG_MAX = 8 * 1024 * 1024, LIVEKIT_UNPACKED_MAX = 32 * 1024 * 1024, LIVEKIT_MID_MAX = 32 };

int livekit_response_parse(const void *data, size_t len, Livekit__SignalResponse **ret);
void livekit_response_free(Livekit__SignalResponse *m);
DEFINE_CLEANUP(Livekit__SignalResponse *, livekit_response_free)

int livekit_data_parse(const void *data, size_t len, Livekit__DataPacket **ret);
void livekit_data_free(Livekit__DataPacket *m);
DEFINE_CLEANUP(Livekit__DataPacket *, livekit_data_free)

int livekit_payload_parse(const void *data, size_t len, Livekit__EncryptedPacketPayload **ret);
void livekit_payload_free(Livekit__EncryptedPacketPayload *m);
DEFINE_CLEANUP(Livekit__EncryptedPacketPayload *, livekit_payload_free)

/* The bytes of any message; owned by the caller. */
int livekit_pack(const ProtobufCMessage *m, uint8_t **ret, size_t *ret_len);
/* The value of the query parameter `join_request`: URL-safe base64 of the wrapped request, '=' percent-encoded. */
int livekit_join_request_text(const Livekit__JoinRequest *join, char **ret);

/* TrickleRequest.candidateInit. line: "candidate:…" of SDP, owned by the caller; "" means there are no more. */
int livekit_candidate_parse(const char *json, char **ret_line, char ret_mid[LIVEKIT_MID_MAX + 1], uint32_t *ret_mline);
int livekit_candidate_format(const char *line, const char *mid, uint32_t mline, char **ret);
