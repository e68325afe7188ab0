/* backoff.h - how long to wait before a lost server is tried again.
 *
 * The first try is made at once, the second after 250 ms, then the pause doubles up to 5 s, whatever it was that
 * failed and however quickly: tries that fail at once are not all used up in a moment. Each pause is a quarter more or
 * less: those who lost the same server do not come back in one moment. Pure: the chance is the caller's. Any thread.
 */
#pragma once

#include <stdint.h>

/* attempts: how many were made so far. chance: any number that is the caller's own. */
uint64_t backoff_pause_us(unsigned attempts, uint64_t chance);
