/* test-conformance-livekit.c - the suite of tests/conformance over the livekit engine on a real livekit-server that
 * lib/livekit.sh has started. */
#include "conformance/conformance.h"

const struct subject *const subjects[] = { &subject_livekit_real, NULL };
