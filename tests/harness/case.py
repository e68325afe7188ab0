"""case.py - integration tests: unittest cases in a namespace of their own, `test_x.py BUILD [unittest arguments]`."""
import os
import sys
import unittest

from . import workspace

BUILD = None  # set by main(); modules read it as case.BUILD


class Case(unittest.TestCase):
    """A fresh workspace for each test; what it started is ended whatever happens. Logs are shown when a test fails."""

    def setUp(self):
        self.ws = workspace.Workspace()
        self.desktops = []

    def tearDown(self):
        outcome = self._outcome.result
        failed = any(test is self for test, _ in outcome.errors + outcome.failures)
        if failed:
            for desktop in self.desktops:
                print("---- rtcroomd of %s ----\n%s" % (desktop.name, desktop.log()[-6000:]), file=sys.stderr)
        self.ws.close()

    def desktop(self, name="a", config=None, network=None):
        from .desktop import Desktop
        d = Desktop(self.ws, name, BUILD, config, network)
        self.desktops.append(d)
        return d

    def assert_no_sanitizer_report(self):
        for desktop in self.desktops:
            log = desktop.log()
            for word in ("AddressSanitizer", "runtime error:", "LeakSanitizer", "ThreadSanitizer"):
                self.assertNotIn(word, log)


def main():
    global BUILD
    workspace.enter_namespace()
    BUILD = os.path.abspath(sys.argv.pop(1))
    unittest.main(verbosity=2)
