/* demux.c - see demux.h. */
#include "transport/demux.h"

enum { RTP_HEADER_MIN = 12, RTCP_HEADER_MIN = 8, DTLS_RECORD_HEADER = 13 };

enum packet_kind demux_classify(const uint8_t *data, size_t len)
{
        if (len < 2)
                return PACKET_UNKNOWN;
        if (data[0] <= 3)
                return PACKET_STUN;
        if (data[0] >= 20 && data[0] <= 63)
                return len >= DTLS_RECORD_HEADER ? PACKET_DTLS : PACKET_UNKNOWN;
        if (data[0] < 128 || data[0] > 191)
                return PACKET_UNKNOWN;
        /* RFC 5761 4: packet types 192-223 are RTCP; RTP payload types 64-95 are therefore never used. */
        if (data[1] >= 192 && data[1] <= 223)
                return len >= RTCP_HEADER_MIN ? PACKET_RTCP : PACKET_UNKNOWN;
        return len >= RTP_HEADER_MIN ? PACKET_RTP : PACKET_UNKNOWN;
}
