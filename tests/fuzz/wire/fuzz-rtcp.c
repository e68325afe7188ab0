/* Compound RTCP: no over-read, and a number of calls bounded by the size of the datagram. */
#include <assert.h>
#include <stdlib.h>

#include "wire/rtcp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct count {
        size_t calls;
        uint32_t sum; /* reads everything that is handed over */
};

static void on_sender(const struct rtcp_sender *s, void *ctx)
{
        struct count *c = ctx;

        c->calls++;
        c->sum += s->ssrc + (uint32_t)s->ntp;
}

static void on_report(uint32_t reporter, const struct rtcp_report *r, void *ctx)
{
        struct count *c = ctx;

        c->calls++;
        c->sum += reporter + r->ssrc;
        assert(r->lost >= -0x800000 && r->lost <= 0x7fffff);
}

static void on_cname(uint32_t ssrc, const char *cname, size_t len, void *ctx)
{
        struct count *c = ctx;

        c->calls++;
        c->sum += ssrc;
        assert(len <= RTCP_MAX_CNAME);
        for (size_t i = 0; i < len; i++)
                c->sum += (uint32_t)cname[i];
}

static void on_bye(uint32_t ssrc, void *ctx)
{
        struct count *c = ctx;

        c->calls++;
        c->sum += ssrc;
}

static void on_nack(uint32_t media, uint16_t seq, void *ctx)
{
        struct count *c = ctx;

        c->calls++;
        c->sum += media + seq;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const struct rtcp_visitor all = { on_sender, on_report, on_cname, on_bye, on_nack };
        struct count c = { 0 };

        if (rtcp_parse(data, size, &all, &c) < 0)
                assert(c.calls == 0);
        assert(c.calls <= size / 4 * 17); /* a NACK entry of 4 bytes asks for 17 packets at most */
        return 0;
}
