/* Session descriptions: what is read can be written, what was written reads, and writing it again changes nothing.
 * The first writing may still differ from the second: it moves inherited values to where they apply. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "wire/sdp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The text of what `text` says; NULL: it is not SDP. Writing may pass the bound, reading it again may not fail. */
static char *rewrite(const char *text, bool must_parse)
{
        _cleanup_(sdp_done) struct sdp_session s = { 0 };
        char *out = NULL;
        int r = sdp_parse(text, &s);

        assert(r == 0 || r == -EPROTO || r == -EMSGSIZE);
        assert(r == 0 || !must_parse);
        if (r < 0)
                return NULL;
        r = sdp_write(&s, &out);
        assert(r == 0 || r == -EMSGSIZE);
        return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_free_ char *text = strndup((const char *)data, size), *first = NULL, *second = NULL, *third = NULL;

        if (!text)
                abort();
        first = rewrite(text, false);
        second = first ? rewrite(first, true) : NULL;
        third = second ? rewrite(second, true) : NULL;
        if (third)
                assert(strcmp(second, third) == 0);
        return 0;
}
