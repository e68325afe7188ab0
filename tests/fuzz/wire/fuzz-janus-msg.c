/* fuzz-janus-msg.c - any bytes as a message of a Janus server; what is understood stays within its bounds. */
#include "wire/janus-msg.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_(janus_msg_freep) struct janus_msg *m = NULL;

        if (janus_msg_parse((const char *)data, size, &m) < 0) {
                assert(!m);
                return 0;
        }
        assert(m->n_feeds <= JANUS_LIST_MAX && m->n_streams <= JANUS_LIST_MAX);
        assert((m->jsep == JANUS_JSEP_NONE) == !m->sdp);
        for (size_t i = 0; i < m->n_feeds; i++)
                assert(m->feeds[i].id[0] && strlen(m->feeds[i].id) <= JANUS_ID_MAX);
        for (size_t i = 0; i < m->n_streams; i++)
                assert(m->streams[i].mid[0] && strlen(m->streams[i].mid) <= JANUS_MID_MAX);
        return 0;
}
