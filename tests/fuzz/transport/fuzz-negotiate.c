/* fuzz-negotiate.c - two descriptions, separated by a zero byte, as offers one after the other and as answers to ours.
 * Whatever is accepted must give a description of ours that our own parser takes, with as many sections. */
#include <stdlib.h>
#include <string.h>

#include "transport/negotiate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t digest[32] = { 1 };
static const struct neg_local local = { .id = 1,
                                        .version = 1,
                                        .ufrag = "abcd",
                                        .pwd = "abcdefghijklmnopqrstuv",
                                        .cname = "c",
                                        .track_id = "t",
                                        .sha256 = digest,
                                        .setup = SDP_SETUP_ACTIVE,
                                        .ssrc = 1 };

static void check(const struct negotiation *n)
{
        struct sdp_session s;
        char *text;

        if (negotiate_write(n, &local, &text) < 0)
                return;
        if (sdp_parse(text, &s) < 0 || s.n_sections != n->n_sections)
                abort();
        sdp_done(&s);
        free(text);
}

static void offer(struct negotiation *n, const char *text)
{
        struct negotiation next;
        struct sdp_session s;

        if (sdp_parse(text, &s) < 0)
                return;
        if (negotiate_offer_received(n, &s, &next) == 0) {
                negotiation_done(n);
                *n = next;
                check(n);
                (void)negotiate_find(n, "0", 1, 111);
        }
        sdp_done(&s);
}

/* As answer to one of our offers: to the one with as many sections. */
static void answer(const char *text)
{
        const struct negotiation none = { .red = true };
        struct negotiation offered, agreed;
        struct sdp_session s;

        if (sdp_parse(text, &s) < 0)
                return;
        for (uint32_t n = 0; n < 3; n++) {
                if (negotiate_offer(&none, &(const struct neg_offer){ .send = true, .echo = true, .n_receive = n },
                                    &offered) < 0)
                        continue;
                if (negotiate_answer_received(&offered, &s, &agreed) == 0) {
                        check(&agreed);
                        negotiation_done(&agreed);
                }
                negotiation_done(&offered);
        }
        sdp_done(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        char *text = malloc(size + 2);
        struct negotiation n = { .red = true };

        if (!text)
                return 0;
        memcpy(text, data, size);
        text[size] = text[size + 1] = '\0';
        offer(&n, text);
        offer(&n, text + strlen(text) + 1);
        answer(text);
        negotiation_done(&n);
        free(text);
        return 0;
}
