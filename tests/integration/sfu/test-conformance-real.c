/* test-conformance-real.c - the suite of tests/conformance over engines on a real Janus: one that lib/janus.sh has
 * started, and those that the embedded engine starts in TEST_FOLDER. */
#include "conformance/conformance.h"

const struct subject *const subjects[] = { &subject_embedded, &subject_remote, NULL };
