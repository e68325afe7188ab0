/* utf8.c - see utf8.h. */
#include "base/utf8.h"

#include <stdint.h>
#include <string.h>

/* The NUL at the end is no continuation, so nothing beyond it is read. */
size_t utf8_character(const char *text)
{
        const unsigned char *p = (const unsigned char *)text;
        static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 }; /* shorter forms are forbidden */
        size_t n = p[0] < 0x80             ? 1
                   : (p[0] & 0xe0) == 0xc0 ? 2
                   : (p[0] & 0xf0) == 0xe0 ? 3
                   : (p[0] & 0xf8) == 0xf0 ? 4
                                           : 0;
        uint32_t c = p[0] & (0x7f >> (n > 1 ? n : 0));

        for (size_t i = 1; i < n; i++) {
                if ((p[i] & 0xc0) != 0x80)
                        return 0;
                c = c << 6 | (p[i] & 0x3f);
        }
        return n && c >= least[n] && c <= 0x10ffff && (c < 0xd800 || c > 0xdfff) ? n : 0;
}

/* What Unicode keeps out of texts and sd-bus out of strings: U+FDD0 to U+FDEF, and the last two of every plane. */
static bool is_noncharacter(const char *c, size_t n)
{
        const unsigned char *p = (const unsigned char *)c;

        if (n == 3 && p[0] == 0xef)
                return (p[1] == 0xb7 && p[2] >= 0x90 && p[2] <= 0xaf) || (p[1] == 0xbf && p[2] >= 0xbe);
        return n == 4 && (p[1] & 0x0f) == 0x0f && p[2] == 0xbf && p[3] >= 0xbe;
}

bool utf8_is_text(const void *data, size_t len)
{
        const char *at = data;

        while (len > 0) {
                char next[5] = { 0 };
                size_t n;

                memcpy(next, at, len < 4 ? len : 4);
                n = utf8_character(next);
                if (n == 0 || next[0] == '\0' || is_noncharacter(next, n))
                        return false;
                at += n;
                len -= n;
        }
        return true;
}

void utf8_trim(char *text)
{
        size_t n;

        while (*text && (n = utf8_character(text)) > 0)
                text += n;
        *text = '\0';
}
