/* utf8.c - see utf8.h. */
#include "base/utf8.h"

#include <stddef.h>
#include <stdint.h>

/* Bytes of the character at p, 0 for none. The NUL at the end is no continuation, so nothing beyond it is read. */
static size_t character(const unsigned char *p)
{
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

void utf8_trim(char *text)
{
        unsigned char *p = (unsigned char *)text;
        size_t n;

        while (*p && (n = character(p)) > 0)
                p += n;
        *p = '\0';
}
