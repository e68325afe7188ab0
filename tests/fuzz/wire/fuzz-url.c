/* Server URLs: what parses must, as a WebSocket address, parse again to the same place. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "wire/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_round_trip(const struct url *u)
{
        char ws[1400];
        struct url again;

        assert(url_to_ws(u, ws, sizeof(ws)) == 0);
        assert(url_parse(ws, &again) == 0);
        assert(again.secure == u->secure && again.port == u->port);
        assert(strcmp(again.host, u->host) == 0 && strcmp(again.path, u->path) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        char *text = strndup((const char *)data, size);
        struct url u;

        if (!text)
                abort();
        if (url_parse(text, &u) == 0 && u.host[0])
                check_round_trip(&u);
        free(text);
        return 0;
}
