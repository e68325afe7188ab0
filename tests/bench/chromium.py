"""chromium.py - the browser that stands beside us: headless Chromium with janus.js in a room of our embedded Janus."""
import os
import sys

from harness.desktop import APP_ID
from harness.workspace import TOP
from processes import tree

PEER = "Chromium + janus-gateway"


def is_there():
    modules = os.path.join(TOP, "tests/peers/node_modules/playwright-core")
    return os.path.exists("/usr/bin/chromium") and os.path.exists(modules)


class Chromium:
    """Joins on construction; `ms` is what the join took in a page that was loaded already."""

    def __init__(self, host, url, room, user, **more):
        sys.path.insert(0, os.path.join(TOP, "tests/integration"))
        from test_chromium import Browser, signed
        secret = host.ctl("token", "janus-secret", "--app", APP_ID).stdout.strip()
        room = APP_ID + "/" + room
        self.browser = Browser(url=url, room=room, user=user, apiToken=signed(secret, "janus", "janus.plugin.videoroom"),
                               roomToken=signed(secret, "janus.plugin.videoroom", "room=" + room), **more)
        if self.browser.first["event"] != "joined":
            self.browser.close()
            raise RuntimeError("Chromium does not get in: %r" % self.browser.first)
        self.ms = self.browser.first["ms"]

    def pids(self):
        """Every process of the browser, without the node that steers it."""
        return tree(self.browser.process.pid)[1:]

    def close(self):
        self.browser.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
