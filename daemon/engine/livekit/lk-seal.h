/* lk-seal.h - data packets of a room with end-to-end encryption: what a packet says goes into an EncryptedPacket, as
 * an EncryptedPacketPayload under the key of the room (media/e2ee.h). Who says it, to whom, and its number stay clear:
 * the server needs them, and could change them. Pure; control thread.
 */
#pragma once

#include "media/e2ee.h"
#include "wire/livekit-msg.h"

/* The bytes of the packet with its value sealed; owned by the caller. -EAGAIN: there is no key yet; -ENOMEM, -EIO. */
int lk_seal(struct e2ee_keys *keys, const Livekit__DataPacket *m, uint8_t **ret, size_t *ret_len);
/* Puts what was sealed in place of m's value. It belongs to *ret, which m must not outlive. -EBADMSG; -ENOMEM. */
int lk_unseal(const struct e2ee_keys *keys, Livekit__DataPacket *m, Livekit__EncryptedPacketPayload **ret);
