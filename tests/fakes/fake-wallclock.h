/* fake-wallclock.h - makes gettimeofday() of this process follow a loop, because OpenSSL times DTLS by it. */
#pragma once

#include "base/loop.h"

void fake_wallclock_follow(struct loop *l); /* borrowed; NULL: the real time again */
