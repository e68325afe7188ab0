/* engine-env.c - what engines share of the outside: the network thread, started by the first join that needs it. */
#include <assert.h>

#include "engine/engine.h"
#include "net/net-thread.h"

int engine_env_net(const struct engine_env *env, struct net_thread **ret)
{
        int r;

        assert(env->net); /* only the fake engine does without a slot */
        if (!*env->net) {
                r = net_thread_new(env->loop, env->net);
                if (r < 0)
                        return r;
        }
        *ret = *env->net;
        return 0;
}
