/* Room tokens: one that parses has one text, so signing it again gives the same up to the signature; and no token
 * that did not come from us verifies. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "wire/room-token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_canonical(const char *text, const struct room_token *t)
{
        _cleanup_free_ char *again = NULL;
        struct room_token back;
        size_t n = strlen(text);

        assert(room_token_mint(t, "key of the fuzzer", &again) == 0);
        assert(strlen(again) == n && strncmp(again, text, n - 48) == 0); /* 48: characters that a signature touches */
        assert(room_token_parse(again, &back) == 0);
        memcpy(back.signature, t->signature, sizeof(back.signature));
        assert(memcmp(&back, t, sizeof(back)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_free_ char *text = strndup((const char *)data, size);
        struct room_token t;
        uint32_t expire_at;

        if (!text)
                abort();
        if (room_token_parse(text, &t) < 0)
                return 0;
        check_canonical(text, &t);
        assert(room_token_verify(text, t.app_id, "a key nobody has used", t.room_id, t.user_id, 0, &expire_at) ==
               ROOM_TOKEN_BAD_SIGNATURE);
        return 0;
}
