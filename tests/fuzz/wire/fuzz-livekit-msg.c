/* LiveKit's messages: what parses packs to something that parses to the same length again; candidates likewise. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "wire/livekit-msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void pack_again(const Livekit__SignalResponse *m)
{
        _cleanup_(livekit_response_freep) Livekit__SignalResponse *again = NULL;
        _cleanup_free_ uint8_t *bytes = NULL;
        size_t len;

        assert(livekit_pack(&m->base, &bytes, &len) == 0);
        assert(livekit_response_parse(bytes, len, &again) == 0);
        assert(again->message_case == m->message_case);
        assert(protobuf_c_message_get_packed_size(&again->base) == len);
}

static void candidate(const char *json)
{
        _cleanup_free_ char *line = NULL, *again = NULL, *back = NULL;
        char mid[LIVEKIT_MID_MAX + 1], mid_back[LIVEKIT_MID_MAX + 1];
        uint32_t mline, mline_back;

        if (livekit_candidate_parse(json, &line, mid, &mline) < 0)
                return;
        assert(!strpbrk(line, "\r\n"));
        assert(livekit_candidate_format(line, mid, mline, &again) == 0);
        if (livekit_candidate_parse(again, &back, mid_back, &mline_back) < 0)
                return; /* escaping made it longer than the bound */
        assert(strcmp(line, back) == 0 && strcmp(mid, mid_back) == 0 && mline == mline_back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_(livekit_response_freep) Livekit__SignalResponse *m = NULL;
        _cleanup_(livekit_data_freep) Livekit__DataPacket *d = NULL;
        _cleanup_free_ char *text = strndup((const char *)data, size);

        if (!text)
                abort();
        if (livekit_response_parse(data, size, &m) == 0)
                pack_again(m);
        (void)livekit_data_parse(data, size, &d);
        candidate(text);
        return 0;
}
