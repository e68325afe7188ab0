/* lk-seal.c - see lk-seal.h. An EncryptedPacket has a random IV, no further authenticated data, and the tag behind the
 * ciphertext; we seal at index 0 of the ring of keys, and open with the room's key at any.
 */
#include "engine/livekit/lk-seal.h"

#include <errno.h>

/* Both messages have the same values under numbers of their own. */
static bool to_payload(const Livekit__DataPacket *m, Livekit__EncryptedPacketPayload *ret)
{
        switch (m->value_case) {
        case LIVEKIT__DATA_PACKET__VALUE_USER:
                ret->value_case = LIVEKIT__ENCRYPTED_PACKET_PAYLOAD__VALUE_USER;
                ret->user = m->user;
                return true;
        case LIVEKIT__DATA_PACKET__VALUE_STREAM_HEADER:
                ret->value_case = LIVEKIT__ENCRYPTED_PACKET_PAYLOAD__VALUE_STREAM_HEADER;
                ret->stream_header = m->stream_header;
                return true;
        case LIVEKIT__DATA_PACKET__VALUE_STREAM_CHUNK:
                ret->value_case = LIVEKIT__ENCRYPTED_PACKET_PAYLOAD__VALUE_STREAM_CHUNK;
                ret->stream_chunk = m->stream_chunk;
                return true;
        case LIVEKIT__DATA_PACKET__VALUE_STREAM_TRAILER:
                ret->value_case = LIVEKIT__ENCRYPTED_PACKET_PAYLOAD__VALUE_STREAM_TRAILER;
                ret->stream_trailer = m->stream_trailer;
                return true;
        case LIVEKIT__DATA_PACKET__VALUE_CHAT_MESSAGE: /* never said by us */
        case LIVEKIT__DATA_PACKET__VALUE_ENCRYPTED_PACKET:
        case LIVEKIT__DATA_PACKET__VALUE__NOT_SET:
        case _LIVEKIT__DATA_PACKET__VALUE__CASE_IS_INT_SIZE: break;
        }
        return false;
}

static bool from_payload(const Livekit__EncryptedPacketPayload *p, Livekit__DataPacket *ret)
{
        switch (p->value_case) {
        case LIVEKIT__ENCRYPTED_PACKET_PAYLOAD__VALUE_USER:
                ret->value_case = LIVEKIT__DATA_PACKET__VALUE_USER;
                ret->user = p->user;
                return true;
        case LIVEKIT__ENCRYPTED_PACKET_PAYLOAD__VALUE_CHAT_MESSAGE:
                ret->value_case = LIVEKIT__DATA_PACKET__VALUE_CHAT_MESSAGE;
                ret->chat_message = p->chat_message;
                return true;
        case LIVEKIT__ENCRYPTED_PACKET_PAYLOAD__VALUE_STREAM_HEADER:
                ret->value_case = LIVEKIT__DATA_PACKET__VALUE_STREAM_HEADER;
                ret->stream_header = p->stream_header;
                return true;
        case LIVEKIT__ENCRYPTED_PACKET_PAYLOAD__VALUE_STREAM_CHUNK:
                ret->value_case = LIVEKIT__DATA_PACKET__VALUE_STREAM_CHUNK;
                ret->stream_chunk = p->stream_chunk;
                return true;
        case LIVEKIT__ENCRYPTED_PACKET_PAYLOAD__VALUE_STREAM_TRAILER:
                ret->value_case = LIVEKIT__DATA_PACKET__VALUE_STREAM_TRAILER;
                ret->stream_trailer = p->stream_trailer;
                return true;
        case LIVEKIT__ENCRYPTED_PACKET_PAYLOAD__VALUE__NOT_SET: /* calls: of no use to us */
        case _LIVEKIT__ENCRYPTED_PACKET_PAYLOAD__VALUE__CASE_IS_INT_SIZE: break;
        }
        return false;
}

int lk_seal(struct e2ee_keys *keys, const Livekit__DataPacket *m, uint8_t **ret, size_t *ret_len)
{
        Livekit__EncryptedPacketPayload payload = LIVEKIT__ENCRYPTED_PACKET_PAYLOAD__INIT;
        Livekit__EncryptedPacket sealed = LIVEKIT__ENCRYPTED_PACKET__INIT;
        _cleanup_free_ uint8_t *clear = NULL, *bytes = NULL;
        Livekit__DataPacket outer = *m;
        uint8_t iv[E2EE_IV_SIZE];
        size_t len;
        int r = to_payload(m, &payload) ? livekit_pack(&payload.base, &clear, &len) : -EINVAL;

        if (r < 0)
                return r;
        bytes = malloc(len + E2EE_TAG_SIZE);
        r = bytes ? e2ee_seal_data(keys, clear, len, iv, bytes) : -ENOMEM;
        if (r < 0)
                return r;
        sealed.has_encryption_type = sealed.has_iv = sealed.has_encrypted_value = true;
        sealed.encryption_type = LIVEKIT__ENCRYPTION_TYPE__GCM;
        sealed.iv = (ProtobufCBinaryData){ .len = sizeof(iv), .data = iv };
        sealed.encrypted_value = (ProtobufCBinaryData){ .len = len + E2EE_TAG_SIZE, .data = bytes };
        outer.value_case = LIVEKIT__DATA_PACKET__VALUE_ENCRYPTED_PACKET;
        outer.encrypted_packet = &sealed;
        return livekit_pack(&outer.base, ret, ret_len);
}

int lk_unseal(const struct e2ee_keys *keys, Livekit__DataPacket *m, Livekit__EncryptedPacketPayload **ret)
{
        _cleanup_(livekit_payload_freep) Livekit__EncryptedPacketPayload *payload = NULL;
        const Livekit__EncryptedPacket *sealed = m->encrypted_packet;
        _cleanup_free_ uint8_t *clear = NULL;
        size_t len = sealed->encrypted_value.len;
        int r;

        if (sealed->iv.len != E2EE_IV_SIZE || len < E2EE_TAG_SIZE)
                return -EBADMSG;
        clear = malloc(len);
        r = clear ? e2ee_open_data(keys, sealed->encrypted_value.data, len, sealed->iv.data, clear) : -ENOMEM;
        if (r == 0)
                r = livekit_payload_parse(clear, len - E2EE_TAG_SIZE, &payload);
        if (r < 0)
                return r;
        if (!from_payload(payload, m))
                return -EBADMSG;
        *ret = take_ptr(payload);
        return 0;
}
