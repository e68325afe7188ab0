/* fake-rtc.h - a runtime without network thread, for tests of a backend: every description is a short text, every peer
 * connects as soon as it has both of its own, and what it is told is written down.
 *
 *   "open 1 pub; offer 1; answer 1; open 2; remote-offer 2; bind 2 0 alice port; unbind 2 0; close 1; "
 *
 * An offer for more than Janus asks for is written "offer 1 TRACK +3 restart": its track id, sections to receive on.
 */
#pragma once

#include "engine/janus/janus.h"

struct fake_rtc {
        struct rtc_runtime *rt; /* the runtime in being, or NULL */
        struct loop *loop;
        char trace[4096];
        bool never_connects, refuses_descriptions;
        bool offered_data;   /* the last offer had a section for data channels */
        int data_error;      /* what send_data answers, if negative */
        uint8_t sent[64000]; /* the last message … */
        size_t sent_len;
};

extern const struct rtc_ops fake_rtc_ops;
/* Runtimes made from now on report to this fake (one at a time). */
void fake_rtc_init(struct fake_rtc *f, struct loop *loop);

void fake_rtc_peer_state(struct fake_rtc *f, uint32_t peer, enum peer_state state, enum peer_reason reason);
void fake_rtc_speaking(struct fake_rtc *f, uint32_t peer, const char *mid, bool speaking);
void fake_rtc_encryption(struct fake_rtc *f, uint32_t peer, const char *mid, enum e2ee_state state);
void fake_rtc_data_open(struct fake_rtc *f, uint32_t peer, const char *label);
void fake_rtc_data(struct fake_rtc *f, uint32_t peer, const char *label, const void *data, size_t len);
void fake_rtc_candidate(struct fake_rtc *f, uint32_t peer, const char *line);
void fake_rtc_expect(struct fake_rtc *f, const char *trace);
