/* screen.c - see screen.h.
 *
 * A picture goes out in one write: no flicker. While the terminal takes nothing (a slow line) pictures are left out,
 * and the next one that goes carries all that changed meanwhile.
 */
#include "ctl/screen.h"

#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* ---- lines ---- */

static void append(struct line *l, const char *bytes, size_t n)
{
        if (n >= sizeof(l->text) - l->len)
                return;
        memcpy(l->text + l->len, bytes, n);
        l->len += n;
        l->text[l->len] = '\0';
}

void line_sign(const struct picture *p, struct line *l, enum sign sign)
{
        static const char *const utf8[_SIGN_MAX] = { "█", "·", "│", "●", "…", "·", "↕" };
        static const char *const ascii[_SIGN_MAX] = { "#", ".", "|", "*", "~", "-", "^" };
        const char *text = p->utf8 ? utf8[sign] : ascii[sign];

        if (l->width >= p->columns)
                return;
        append(l, text, strlen(text));
        l->width++;
}

void line_text(const struct picture *p, struct line *l, const char *text, int width)
{
        size_t n = strlen(text);
        bool is_cut;

        if (width > p->columns - l->width)
                width = p->columns - l->width;
        is_cut = width > 0 && n > (size_t)width;
        for (int i = 0; i < width - is_cut; i++) {
                char ch = (size_t)i < n ? text[i] : ' ';

                append(l, ch >= ' ' && ch <= '~' ? &ch : "?", 1);
                l->width++;
        }
        if (is_cut)
                line_sign(p, l, SIGN_CUT);
}

void line_bold(struct line *l)
{
        append(l, "\033[1m", 4);
}

void line_reverse(struct line *l)
{
        append(l, "\033[7m", 4);
}

void line_plain(struct line *l)
{
        append(l, "\033[m", 3);
}

/* ---- the terminal ---- */

static int send_bytes(const char *bytes, size_t n)
{
        while (n > 0) {
                ssize_t k = write(STDOUT_FILENO, bytes, n);

                if (k < 0 && errno != EINTR)
                        return -EIO;
                bytes += k > 0 ? k : 0;
                n -= k > 0 ? (size_t)k : 0;
        }
        return 0;
}

int screen_open(struct screen *s)
{
        static const char begin[] = "\033[?1049h\033[?25l\033[2J"; /* alternate screen, no cursor, empty */
        struct termios raw;

        *s = (struct screen){ .is_open = false };
        if (!isatty(STDOUT_FILENO) || tcgetattr(STDIN_FILENO, &s->before) < 0)
                return -ENOTTY;
        s->shown = calloc(1, sizeof(*s->shown));
        if (!s->shown)
                return -ENOMEM;
        raw = s->before;
        raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO | IEXTEN); /* Ctrl-C and Ctrl-\ stay signals */
        raw.c_iflag &= ~(tcflag_t)(IXON | ICRNL);
        raw.c_cc[VSUSP] = _POSIX_VDISABLE; /* stopped, it would leave the terminal behind like this */
        raw.c_cc[VMIN] = 0;
        raw.c_cc[VTIME] = 0;
        if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw) < 0) {
                free(s->shown);
                return -ENOTTY;
        }
        s->is_open = true;
        return send_bytes(begin, sizeof(begin) - 1);
}

void screen_close(struct screen *s)
{
        static const char end[] = "\033[m\033[?25h\033[?1049l";

        if (!s->is_open)
                return;
        s->is_open = false;
        (void)send_bytes(end, sizeof(end) - 1); /* it may be gone */
        (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &s->before);
        free(s->shown);
        s->shown = NULL;
}

static int within(int value, int fallback, int max)
{
        return value <= 0 ? fallback : value > max ? max : value;
}

void screen_measure(struct picture *ret)
{
        struct winsize size = { 0 };

        (void)ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
        ret->rows = within(size.ws_row, 24, SCREEN_ROWS_MAX);
        ret->columns = within(size.ws_col, 80, SCREEN_COLUMNS_MAX);
        (void)setlocale(LC_CTYPE, "");
        ret->utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

static bool takes_more(void)
{
        return poll(&(struct pollfd){ .fd = STDOUT_FILENO, .events = POLLOUT }, 1, 0) != 0;
}

int screen_show(struct screen *s, const struct picture *p)
{
        bool all = s->shown->rows != p->rows || s->shown->columns != p->columns;
        char *bytes = NULL;
        size_t n = 0;
        FILE *out;
        int r;

        if (!takes_more())
                return 0;
        out = open_memstream(&bytes, &n);
        if (!out)
                return -ENOMEM;
        if (all)
                fputs("\033[2J", out);
        for (int i = 0; i < p->rows; i++)
                if (all || strcmp(s->shown->lines[i].text, p->lines[i].text) != 0)
                        fprintf(out, "\033[%d;1H%s\033[m%s", i + 1, p->lines[i].text,
                                p->lines[i].width < p->columns ? "\033[K" : "");
        if (fclose(out) != 0) {
                free(bytes);
                return -ENOMEM;
        }
        r = send_bytes(bytes, n);
        free(bytes);
        *s->shown = *p;
        return r;
}
