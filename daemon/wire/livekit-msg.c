/* livekit-msg.c - see livekit-msg.h. protobuf-c does the wire format, json-c the candidates.
 *
 * The bound on what a message unpacks to is an allocator that counts down: protobuf-c gives the message up when it
 * gets no memory. A message is freed with the system's allocator, which is the same memory.
 */
#include "wire/livekit-msg.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <json-c/json.h>
#include <openssl/evp.h>

/* ---- unpacking within bounds ---- */

struct budget {
        size_t left;
        bool over;
};

static void *budget_alloc(void *ctx, size_t size)
{
        struct budget *b = ctx;

        if (size > b->left) {
                b->over = true;
                return NULL;
        }
        b->left -= size;
        return malloc(size);
}

static void budget_free(void *ctx, void *p)
{
        (void)ctx;
        free(p);
}

static int unpack(const ProtobufCMessageDescriptor *kind, const void *data, size_t len, void *ret)
{
        struct budget b = { .left = LIVEKIT_UNPACKED_MAX };
        ProtobufCAllocator allocator = { budget_alloc, budget_free, &b };
        ProtobufCMessage *m;

        if (len > LIVEKIT_MSG_MAX)
                return -EMSGSIZE;
        m = protobuf_c_message_unpack(kind, &allocator, len, data);
        if (!m)
                return b.over ? -EMSGSIZE : -EBADMSG;
        *(ProtobufCMessage **)ret = m;
        return 0;
}

int livekit_response_parse(const void *data, size_t len, Livekit__SignalResponse **ret)
{
        return unpack(&livekit__signal_response__descriptor, data, len, ret);
}

void livekit_response_free(Livekit__SignalResponse *m)
{
        livekit__signal_response__free_unpacked(m, NULL);
}

int livekit_data_parse(const void *data, size_t len, Livekit__DataPacket **ret)
{
        return unpack(&livekit__data_packet__descriptor, data, len, ret);
}

void livekit_data_free(Livekit__DataPacket *m)
{
        livekit__data_packet__free_unpacked(m, NULL);
}

int livekit_payload_parse(const void *data, size_t len, Livekit__EncryptedPacketPayload **ret)
{
        return unpack(&livekit__encrypted_packet_payload__descriptor, data, len, ret);
}

void livekit_payload_free(Livekit__EncryptedPacketPayload *m)
{
        livekit__encrypted_packet_payload__free_unpacked(m, NULL);
}

/* ---- packing ---- */

int livekit_pack(const ProtobufCMessage *m, uint8_t **ret, size_t *ret_len)
{
        size_t len = protobuf_c_message_get_packed_size(m);
        uint8_t *bytes;

        if (len > LIVEKIT_MSG_MAX)
                return -EMSGSIZE;
        bytes = malloc(len ? len : 1);
        if (!bytes)
                return -ENOMEM;
        *ret_len = protobuf_c_message_pack(m, bytes);
        *ret = bytes;
        return 0;
}

/* In a URL's query: '+' and '/' become '-' and '_', '=' is percent-encoded. */
static int base64_for_query(const uint8_t *data, size_t len, char **ret)
{
        size_t size = (len + 2) / 3 * 4;
        char *text = malloc(size + 5); /* two '=' grow by two each, and the NUL */
        size_t end;

        if (!text)
                return -ENOMEM;
        end = (size_t)EVP_EncodeBlock((uint8_t *)text, data, (int)len);
        for (size_t i = 0; i < end; i++)
                text[i] = text[i] == '+' ? '-' : text[i] == '/' ? '_' : text[i];
        while (end > 0 && text[end - 1] == '=')
                end--;
        for (size_t pad = size - end; pad > 0; pad--, end += 3)
                memcpy(text + end, "%3D", 3);
        text[end] = '\0';
        *ret = text;
        return 0;
}

int livekit_join_request_text(const Livekit__JoinRequest *join, char **ret)
{
        Livekit__WrappedJoinRequest wrapped = LIVEKIT__WRAPPED_JOIN_REQUEST__INIT;
        _cleanup_free_ uint8_t *inner = NULL, *outer = NULL;
        size_t inner_len, outer_len;
        int r = livekit_pack(&join->base, &inner, &inner_len);

        if (r < 0)
                return r;
        wrapped.has_join_request = true;
        wrapped.join_request = (ProtobufCBinaryData){ inner_len, inner };
        r = livekit_pack(&wrapped.base, &outer, &outer_len);
        return r < 0 ? r : base64_for_query(outer, outer_len, ret);
}

/* ---- candidates ---- */

static void object_putp(json_object **o)
{
        json_object_put(*o);
}
#define _cleanup_object_ _cleanup_(object_putp)

enum { CANDIDATE_DEPTH = 4, CANDIDATE_JSON_MAX = 4096 };

static int parse_tree(const char *json, json_object **ret)
{
        size_t len = strnlen(json, CANDIDATE_JSON_MAX + 1);
        struct json_tokener *t;
        _cleanup_object_ json_object *tree = NULL;
        bool whole;

        if (len > CANDIDATE_JSON_MAX)
                return -EMSGSIZE;
        t = json_tokener_new_ex(CANDIDATE_DEPTH);
        if (!t)
                return -ENOMEM;
        json_tokener_set_flags(t, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
        tree = json_tokener_parse_ex(t, json, (int)len);
        whole = json_tokener_get_error(t) == json_tokener_success;
        json_tokener_free(t);
        if (!whole || !json_object_is_type(tree, json_type_object))
                return -EBADMSG;
        *ret = take_ptr(tree);
        return 0;
}

/* "" when it is absent, null or no text that could stand in a line of SDP. */
static const char *text_of(json_object *o, const char *name)
{
        json_object *v = NULL;
        const char *text;

        if (!json_object_object_get_ex(o, name, &v) || !json_object_is_type(v, json_type_string))
                return "";
        text = json_object_get_string(v);
        return strlen(text) == (size_t)json_object_get_string_len(v) && !strpbrk(text, "\r\n") ? text : "";
}

int livekit_candidate_parse(const char *json, char **ret_line, char ret_mid[LIVEKIT_MID_MAX + 1], uint32_t *ret_mline)
{
        _cleanup_object_ json_object *o = NULL;
        json_object *mline = NULL;
        const char *mid;
        char *line;
        int r = parse_tree(json, &o);

        if (r < 0)
                return r;
        mid = text_of(o, "sdpMid");
        line = strdup(text_of(o, "candidate"));
        if (!line)
                return -ENOMEM;
        (void)snprintf(ret_mid, LIVEKIT_MID_MAX + 1, "%s", strlen(mid) <= LIVEKIT_MID_MAX ? mid : "");
        *ret_mline = 0;
        if (json_object_object_get_ex(o, "sdpMLineIndex", &mline) && json_object_is_type(mline, json_type_int) &&
            json_object_get_int64(mline) >= 0 && json_object_get_int64(mline) <= UINT16_MAX)
                *ret_mline = (uint32_t)json_object_get_int64(mline);
        *ret_line = line;
        return 0;
}

/* Takes the value. */
static int add(json_object *o, const char *name, json_object *value)
{
        if (value && json_object_object_add(o, name, value) == 0)
                return 0;
        json_object_put(value);
        return -ENOMEM;
}

int livekit_candidate_format(const char *line, const char *mid, uint32_t mline, char **ret)
{
        _cleanup_object_ json_object *o = json_object_new_object();
        const char *json;
        int r = o ? add(o, "candidate", json_object_new_string(line)) : -ENOMEM;

        if (r >= 0)
                r = add(o, "sdpMid", json_object_new_string(mid));
        if (r >= 0)
                r = add(o, "sdpMLineIndex", json_object_new_int64(mline));
        json = r < 0 ? NULL
                     : json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
        *ret = json ? strdup(json) : NULL;
        return *ret ? 0 : -ENOMEM;
}
