"""terminal.py - a program on a terminal of its own: a pty, and what a person would see on it.

The emulator knows what full-screen programs here send (cursor, erase, alternate screen, attributes) and nothing else: an
unknown sequence is an error, so that nothing goes out that a plain terminal could misread.
"""
import codecs
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time

CSI = re.compile(r"\x1b\[([?0-9;]*)([A-Za-z])")


class Screen:
    def __init__(self, rows, columns):
        self.rows, self.columns = rows, columns
        self.main, self.cursor_shown = True, True
        self.printed = ""  # on the main screen
        self.clear()
        self.bytes_seen = 0

    def clear(self):
        self.cells = [[" "] * self.columns for _ in range(self.rows)]
        self.reversed = [[False] * self.columns for _ in range(self.rows)]
        self.row = self.column = 0
        self.reverse = False

    def resize(self, rows, columns):
        self.rows, self.columns = rows, columns
        self.clear()

    def lines(self):
        return ["".join(row).rstrip() for row in self.cells]

    def line_with(self, text):
        return next((line for line in self.lines() if text in line), "")

    def selected(self):
        """The text of the row that is shown reversed."""
        return next(("".join(row) for row, rev in zip(self.cells, self.reversed) if all(rev)), "")

    def feed(self, text):
        at = 0
        while at < len(text):
            if text[at] == "\x1b":
                m = CSI.match(text, at)
                if not m:
                    assert len(text) - at < 16, "unknown sequence %r" % text[at:at + 16]
                    return text[at:]
                self.sequence(*m.groups())
                at = m.end()
                continue
            self.character(text[at])
            at += 1
        return ""

    def character(self, ch):
        if self.main:
            self.printed += ch
            return
        assert ch >= " " and ch != "\x7f" and not "\x80" <= ch < "\xa0", "control character %r" % ch
        assert self.column < self.columns, "a line wider than the terminal"
        self.cells[self.row][self.column] = ch
        self.reversed[self.row][self.column] = self.reverse
        self.column += 1

    def sequence(self, arguments, final):
        if final == "H":
            row, column = (arguments or "1;1").split(";")
            self.row, self.column = int(row) - 1, int(column) - 1
            assert 0 <= self.row < self.rows, "row %d of %d" % (self.row, self.rows)
        elif final == "K":
            for i in range(self.column, self.columns):
                self.cells[self.row][i], self.reversed[self.row][i] = " ", False
        elif final == "J" and arguments == "2":
            self.clear()
        elif final == "m":
            self.reverse = arguments == "7" or (self.reverse and arguments not in ("", "0"))
        elif final in "hl" and arguments == "?1049":
            self.main = final == "l"
        elif final in "hl" and arguments == "?25":
            self.cursor_shown = final == "h"
        else:
            raise AssertionError("unknown sequence ESC [ %s %s" % (arguments, final))


class Terminal:
    """Runs ARGS on a pty. `screen` is what is seen; `settings()` are those of the terminal, to be compared."""

    def __init__(self, workspace, args, env, rows=24, columns=80):
        self.ws, self.screen = workspace, Screen(rows, columns)
        self.master, self.slave = pty.openpty()
        self.set_size(rows, columns)
        self.process = subprocess.Popen(args, env=env, stdin=self.slave, stdout=self.slave, stderr=self.slave,
                                        start_new_session=True, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        workspace.processes.append(self.process)
        self.decoder, self.rest = codecs.getincrementaldecoder("utf-8")(), ""

    def settings(self):
        return termios.tcgetattr(self.slave)

    def set_size(self, rows, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def resize(self, rows, columns):
        self.pump()
        self.screen.resize(rows, columns)
        self.set_size(rows, columns)

    def keys(self, text):
        os.write(self.master, text.encode())

    def pump(self, seconds=0.0):
        """Takes in what has been sent."""
        while select.select([self.master], [], [], seconds)[0]:
            data = os.read(self.master, 65536)
            self.screen.bytes_seen += len(data)
            self.rest = self.screen.feed(self.rest + self.decoder.decode(data))
            seconds = 0

    def wait(self, condition, what, seconds=20.0):
        end = time.monotonic() + seconds
        while not condition(self.screen):
            if time.monotonic() > end:
                raise TimeoutError("not in %g s: %s; on the screen:\n%s" % (seconds, what, "\n".join(self.screen.lines())))
            self.pump(0.05)

    def wait_end(self, seconds=20.0):
        """The exit status, when the program has ended and all it wrote is taken in."""
        end = time.monotonic() + seconds
        while self.process.poll() is None:
            if time.monotonic() > end:
                raise TimeoutError("the program stays")
            self.pump(0.05)
        self.pump()
        return self.process.returncode

    def close(self):
        self.ws.stop(self.process)
        os.close(self.master)
        os.close(self.slave)
