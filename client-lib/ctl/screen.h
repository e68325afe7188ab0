/* screen.h - a full-screen terminal: what a program draws line by line, and only what changed is sent.
 *
 * Plain ANSI sequences that every terminal of today knows (cursor, erase, bold, reverse, the alternate screen), so it
 * needs no terminal library and works over ssh. Text is ASCII; what is no printable character is shown as '?', and the
 * few signs of our own are one column wide each, so a column is a character. One thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <termios.h>

enum { SCREEN_ROWS_MAX = 200, SCREEN_COLUMNS_MAX = 300, LINE_BYTES = 4 * SCREEN_COLUMNS_MAX + 64 };

/* In a terminal that is no UTF-8 one these are plain characters. */
enum sign { SIGN_FULL, SIGN_EMPTY, SIGN_PEAK, SIGN_SPEAKING, SIGN_CUT, SIGN_DOT, SIGN_ARROWS, _SIGN_MAX };

struct line {
        char text[LINE_BYTES];
        size_t len;
        int width; /* columns used */
};

struct picture {
        int rows, columns; /* of the terminal */
        bool utf8;
        struct line lines[SCREEN_ROWS_MAX];
};

void line_text(const struct picture *p, struct line *l, const char *text, int width); /* cut or filled to width */
void line_sign(const struct picture *p, struct line *l, enum sign sign);
void line_bold(struct line *l);
void line_reverse(struct line *l);
void line_plain(struct line *l);

struct screen {
        bool is_open;
        struct termios before;
        struct picture *shown; /* owned */
};

/* Takes the terminal of standard input and output; -ENOTTY: there is none. */
int screen_open(struct screen *s);
void screen_close(struct screen *s); /* gives it back as it was; legal at any time */
/* The size as it is now, and whether the locale is UTF-8. */
void screen_measure(struct picture *ret);
/* Sends what differs from the last picture. -EIO: the terminal is gone. */
int screen_show(struct screen *s, const struct picture *p);
