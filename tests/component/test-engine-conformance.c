/* test-engine-conformance.c - the suite of tests/conformance over engines whose far end is a script. */
#include "conformance/conformance.h"

const struct subject *const subjects[] = { &subject_fake, &subject_janus, &subject_livekit, NULL };
