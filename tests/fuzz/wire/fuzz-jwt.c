/* LiveKit tokens: whatever parses is bounded and, minted again, gives the same grant; nobody else's secret verifies.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "wire/jwt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_free_ char *text = strndup((const char *)data, size), *again = NULL;
        struct jwt_grant g, back;

        if (!text)
                abort();
        assert(jwt_verify(text, "a secret nobody has used") <= 0);
        if (jwt_parse(text, &g) < 0 || !g.key[0] || !g.identity[0])
                return 0;
        assert(jwt_mint(&g, "secret of the fuzzer", &again) == 0);
        assert(jwt_verify(again, "secret of the fuzzer") == 1);
        assert(jwt_parse(again, &back) == 0);
        assert(strcmp(back.room, g.room) == 0 && strcmp(back.identity, g.identity) == 0);
        assert(back.expires_at == g.expires_at && back.room_join == g.room_join && back.hidden == g.hidden);
        return 0;
}
