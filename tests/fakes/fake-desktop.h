/* fake-desktop.h - the desktop as consent sees it: two askers and a permission store, all obeying the test.
 *
 * Nothing answers by itself: tests call consent_answered(), consent_store_loaded() and so on, with what was recorded
 * here.
 */
#pragma once

#include "app/consent.h"

enum { FAKE_ASKERS = 2 };

struct fake_asker {
        struct consent_asker ops;
        int refuse;     /* what ask() returns */
        unsigned asked; /* questions put */
        uint32_t open;  /* the last one's id; 0: withdrawn */
        char program[256];
        uint32_t seconds;
        struct consent *consent;
};

struct fake_desktop {
        struct consent_desktop desktop;
        struct fake_asker first, second;
        struct consent_store store;
        int load, put; /* what these return */
        unsigned loads, puts;
        char put_program[256];
        enum consent_policy put_policy;
        struct consent *consent; /* as given to load() */
};

/* With a store or without; both askers can ask. */
void fake_desktop_init(struct fake_desktop *d, bool with_store);
