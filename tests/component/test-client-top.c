/* test-client-top.c - what `rtcroomctl top` draws: never wider than the terminal, never what a terminal would obey,
 * the selection in view, figures between two looks.
 */
#include "ctl/top-view.h"
#include "lib/test.h"

static struct top_state t;
static struct picture p;

static void begin(int rows, int columns, bool utf8)
{
        memset(&t, 0, sizeof(t));
        p.rows = rows;
        p.columns = columns;
        p.utf8 = utf8;
        t.rtt_s = t.out_loss = -1;
}

static void add(const char *user_id)
{
        struct rtcroom_participant *who = &t.people[t.n_people++];

        snprintf(who->user_id, sizeof(who->user_id), "%s", user_id);
        who->volume = 1;
}

static bool is_shown(const char *text)
{
        for (int i = 0; i < p.rows; i++)
                if (strstr(p.lines[i].text, text))
                        return true;
        return false;
}

/* Printable ASCII, our own signs and attributes only; as wide as it says. */
static void check_line(const struct line *l)
{
        int width = 0;

        ASSERT(l->len == strlen(l->text) && l->width <= p.columns);
        for (const char *s = l->text; *s; s++) {
                if (*s == '\033') {
                        ASSERT(s[1] == '[');
                        for (s += 2; *s != 'm'; s++)
                                ASSERT(*s == '1' || *s == '7');
                        continue;
                }
                ASSERT(p.utf8 ? (unsigned char)*s >= ' ' && *s != 0x7f : *s >= ' ' && *s <= '~');
                width += ((unsigned char)*s & 0xc0) != 0x80;
        }
        ASSERT_EQ(width, l->width);
}

static void check(void)
{
        top_draw(&t, &p);
        for (int i = 0; i < p.rows; i++)
                check_line(&p.lines[i]);
}

TEST(every_size)
{
        for (int rows = 1; rows <= 30; rows++)
                for (int columns = 1; columns <= SCREEN_COLUMNS_MAX; columns += columns < 130 ? 1 : 10) {
                        begin(rows, columns, columns % 2);
                        snprintf(t.room.room_id, sizeof(t.room.room_id), "%0128d", 7);
                        for (int i = 0; i < 40; i++)
                                add(i % 2 ? "somebody"
                                          : "with-a-name-that-is-longer-than-any-column-for-names-can-be");
                        t.levels[0] = t.peaks[3] = 1;
                        t.rtt_s = t.out_loss = 0.5;
                        check();
                }
}

TEST(what_a_terminal_would_obey_is_not_sent)
{
        begin(10, 80, true);
        snprintf(t.room.room_id, sizeof(t.room.room_id), "r\033[2J");
        snprintf(t.room.engine, sizeof(t.room.engine),
                 "\xc2\x9b"
                 "1m");
        snprintf(t.note, sizeof(t.note), "a\nb\x7f");
        add("x\033]0;y\a");
        check();
        ASSERT(is_shown("r?[2J") && is_shown("x?]0;y?") && is_shown("??1m") && is_shown("a?b?"));
}

TEST(the_selected_one_is_in_view)
{
        char name[16];

        begin(10, 80, true);
        for (int i = 0; i < 50; i++) {
                snprintf(name, sizeof(name), "user-%02d", i);
                add(name);
        }
        check();
        ASSERT(is_shown("user-00") && is_shown("user-04") && !is_shown("user-05"));
        top_select(&t, 5);
        check();
        ASSERT(is_shown("user-05") && !is_shown("user-00"));
        top_select(&t, 1000);
        check();
        ASSERT(is_shown("user-49"));
        ASSERT_EQ(top_selected(&t), 49);
        t.n_people = 2; /* all but two have left */
        check();
        ASSERT_EQ(top_selected(&t), 0);
        ASSERT(is_shown("user-00") && is_shown("user-01"));
        t.n_people = 0;
        top_select(&t, 1);
        check();
}

static void count(struct top_stats *s, const char *who, double packets, double lost, double delay_s, double emitted)
{
        top_stats_begin(s);
        top_stats_add(s, "inbound-rtp.0", "userId", 0, who);
        top_stats_add(s, "inbound-rtp.0", "packetsReceived", packets, NULL);
        top_stats_add(s, "inbound-rtp.0", "packetsLost", lost, NULL);
        top_stats_add(s, "inbound-rtp.0", "jitterBufferDelay", delay_s, NULL);
        top_stats_add(s, "inbound-rtp.0", "jitterBufferEmittedCount", emitted, NULL);
        top_stats_add(s, "inbound-rtp.99999999999", "packetsReceived", 1, NULL);
        top_stats_add(s, "candidate-pair.0", "currentRoundTripTime", 0.012, NULL);
        top_stats_add(s, "remote-inbound-rtp.0", "fractionLost", 0.25, NULL);
        top_stats_end(s, &t);
}

TEST(figures_are_of_the_time_between_two_looks)
{
        static struct top_stats s;

        begin(10, 130, true);
        add("bob");
        count(&s, "bob", 1000, 0, 40, 1000);
        count(&s, "bob", 1090, 10, 42, 1100);
        check();
        ASSERT(is_shown("20 ms") && is_shown("10.0 %") && is_shown("rtt 12 ms") && is_shown("25.0 %"));
        count(&s, "bob", 1090, 10, 42, 1100); /* nothing came since */
        check();
        ASSERT(!is_shown("20 ms") && !is_shown("10.0 %"));
        count(&s, "carol", 90, 10, INFINITY, INFINITY); /* not bob's, and no number */
        check();
        ASSERT(!is_shown("10.0 %"));
        ASSERT_EQ(t.figures[0].delay_ms, -1);
}
