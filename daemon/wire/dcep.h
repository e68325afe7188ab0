/* dcep.h - the Data Channel Establishment Protocol, RFC 8832: how one side names a stream of an association.
 *
 * Pure; any thread. Parsed texts point into the bytes and are not terminated.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DCEP_OPEN_MIN = 12, DCEP_LABEL_MAX = 64 }; /* the label's bound is ours; the RFC has none below 64 KiB */

/* Payload protocol identifiers, RFC 8831 8. An association cannot carry nothing: an empty message is one zero byte. */
enum dcep_ppid { PPID_DCEP = 50, PPID_TEXT = 51, PPID_BINARY = 53, PPID_TEXT_EMPTY = 56, PPID_BINARY_EMPTY = 57 };

enum dcep_kind { DCEP_ACK = 2, DCEP_OPEN = 3 };
enum dcep_limit { DCEP_RELIABLE, DCEP_RETRANSMITS, DCEP_LIFETIME };

struct dcep_open {
        bool unordered;
        enum dcep_limit limit;
        uint32_t limit_value; /* how often a message is sent again, or for how many milliseconds; 0 if reliable */
        uint16_t priority;
        const char *label, *protocol;
        size_t label_len, protocol_len;
};

/* ret is filled in for an OPEN. -EPROTO: neither, or cut off, or of an unknown channel type. */
int dcep_parse(const uint8_t *data, size_t len, enum dcep_kind *ret_kind, struct dcep_open *ret);
/* Returns the length; -EMSGSIZE: does not fit. */
int dcep_build_open(const struct dcep_open *o, uint8_t *to, size_t size);
