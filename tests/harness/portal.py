"""portal.py - a real xdg-desktop-portal in a desktop, and doubles of what stands behind it: dialogs, notifications, keys."""
import json
import os

from .workspace import TOP, read, wait_for

BACKEND = "org.freedesktop.impl.portal.desktop.test"


class Double:
    """A process of lib/ that tells what happens in lines of JSON, and reads from a file what it shall do."""

    def __init__(self, desktop, script, name, behaviour):
        self.desktop, self.log = desktop, os.path.join(desktop.path, script + ".log")
        self.file = os.path.join(desktop.path, script + ".txt")
        self.behave(behaviour)
        with open(self.log, "wb") as out:
            self.process = desktop.start("/usr/bin/python3", os.path.join(TOP, "tests/integration/lib", script), self.file, stdout=out)
        desktop.run("gdbus", "wait", "--session", "--timeout", "20", name)

    def behave(self, what):
        with open(self.file + ".new", "w", encoding="ascii") as f:
            f.write(what)
        os.replace(self.file + ".new", self.file)

    def events(self, event):
        return [e for e in map(json.loads, read(self.log).splitlines()) if e["event"] == event]

    def wait(self, event, count=1):
        return wait_for(lambda: self.events(event)[count - 1:], "%s number %d" % (event, count), 20)[0]


def start_portal(desktop, interfaces):
    """The portal, with a backend that is there already and implements these interfaces."""
    folder = desktop.ws.folder(desktop.name, "portals")
    with open(os.path.join(folder, "test.portal"), "w", encoding="ascii") as f:
        f.write("[portal]\nDBusName=%s\nInterfaces=%s;\nUseIn=test\n" % (BACKEND, interfaces))
    desktop.env.update(XDG_CURRENT_DESKTOP="test", XDG_DESKTOP_PORTAL_DIR=folder, GSETTINGS_BACKEND="memory")
    process = desktop.start("/usr/libexec/xdg-desktop-portal", log="portal.log")
    desktop.run("gdbus", "wait", "--session", "--timeout", "20", "org.freedesktop.portal.Desktop")
    return process
