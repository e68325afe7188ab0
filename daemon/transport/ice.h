/* ice.h - one ICE component (RFC 8445) as a table of functions: libnice in the daemon, a fake box in tests.
 *
 * Network thread. Everything is BUNDLEd with rtcp-mux: one stream, one component. Candidates are SDP lines without
 * "a=" ("candidate:1 1 UDP …"), as trickle (RFC 8838) carries them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/ice-server.h"

struct ice_config {
        const struct ice_server *servers;
        size_t n_servers;
        const char *ca_file; /* PEM of further authorities for turns: servers, or NULL; borrowed for create() */
        bool relay_only;
        bool controlling;
        bool tcp;      /* also dial TCP candidates (RFC 6544) */
        bool loopback; /* also gather 127.0.0.1 and ::1 (tests) */
};

enum ice_state { ICE_STATE_GATHERING, ICE_STATE_CONNECTING, ICE_STATE_CONNECTED, ICE_STATE_FAILED };
/* After a restart: CONNECTING, and CONNECTED once the new checks have found a path. */

struct ice_events {
        uint32_t version; /* 0 */
        void (*candidate)(const char *line /* NULL: no more */, void *ctx);
        void (*state)(enum ice_state state, void *ctx); /* FAILED: also when consent (RFC 7675) was lost */
        void (*packet)(const uint8_t *data, size_t len, void *ctx);
};

struct ice; /* opaque; first member of an implementation is struct ice_base */
struct ice_stats {
        uint32_t rtt_us; /* 0 unknown */
        char local[64], remote[64], local_type[8], remote_type[8], protocol[8];
};

struct ice_ops {
        /* Starts gathering at once. No event from inside create(). */
        int (*create)(void *factory, const struct ice_config *config, const struct ice_events *ev, void *ctx,
                      struct ice **ret);
        /* Borrowed, until a restart. May tell of candidates that are known by now, from inside the call. */
        int (*get_local)(struct ice *i, const char **ret_ufrag, const char **ret_pwd);
        /* Other credentials than before are the other side's ICE restart: the local ones change with it. */
        int (*set_remote)(struct ice *i, const char *ufrag, const char *pwd);
        /* New local credentials; what arrives with the next set_remote() belongs to them. The path in use stays.
         * relay_only: from now on only relays are gathered, paired and told, whatever create() was given. */
        int (*restart)(struct ice *i, bool relay_only);
        /* Further servers, known only now: TURN is used if no path is found without it, at once where only a relay
         * will do; the candidates come as events. What is no TURN server is passed over. */
        int (*add_servers)(struct ice *i, const struct ice_server *servers, size_t n);
        int (*add_remote_candidate)(struct ice *i, const char *line /* NULL: no more */);
        int (*send)(struct ice *i, const void *data, size_t len); /* -EAGAIN: dropped */
        void (*get_stats)(struct ice *i, struct ice_stats *ret);
        void (*free)(struct ice *i); /* no event after it returns */
};

/* How a peer makes its ICE: the table and the factory argument handed to create(). */
struct ice_provider {
        const struct ice_ops *ops;
        void *factory; /* libnice: the GMainContext */
};
