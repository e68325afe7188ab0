/* ice-server.h - one STUN or TURN server as configured (RFC 7064, RFC 7065 URLs). Plain data; strings borrowed. */
#pragma once

struct ice_server {
        const char *url;                   /* stun:host[:port] turn:host[:port][?transport=tcp] turns:… */
        const char *username, *credential; /* TURN only, else NULL */
};
