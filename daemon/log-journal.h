/* log-journal.h - where the daemon's log lines go: the journal with fields, or stderr. */
#pragma once

/* main, before threads start: chooses the sink. stderr is the journal (JOURNAL_STREAM, systemd.exec(5)): native
 * entries with CONTEXT=, ROOM=, PARTICIPANT=, REQUEST=, ENGINE=, TOPIC=, CODE_FILE=, CODE_LINE=. A terminal: plain
 * lines. Anything else: lines with the priority in front, "<4>…" (sd-daemon(3)). */
void log_journal_init(void);
/* What was chosen, in the words of org.freedesktop.LogControl1: "journal" or "console". */
const char *log_journal_target(void);
